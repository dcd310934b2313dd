//! A child process, as its parent sees it.

use std::{
    env,
    ffi::OsString,
    io::{BufRead, BufReader, Read, Write},
    process::{self, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    Profile,
    child::{Event, Order},
};
use crate::stream::{Failure, interrupt};

/// How often a parent that waits looks whether it should.
const TICK: Duration = Duration::from_millis(20);

/// How long a process has to end once it has been told.
const GRACE: Duration = Duration::from_secs(5);

/// A process of this program, alone or under a profiler. It is ended when this is dropped.
pub(super) struct Process {
    name: &'static str,
    child: process::Child,
    /// Closed to tell the child, and by the kernel if this process is killed.
    stdin: Option<ChildStdin>,
    events: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
}

impl Process {
    /// Starts one with its order.
    pub(super) fn start(
        name: &'static str,
        order: &Order,
        profile: Option<&Profile>,
    ) -> Result<Self, Failure> {
        let failed = |error| Failure::Other(format!("the {name} process cannot be started: {error}"));
        let order = serde_json::to_string(order).map_err(|error| failed(error.into()))?;
        let program = env::current_exe().map_err(failed)?;
        let mut words = profile.map_or_else(Vec::new, Profile::prefix);
        words.extend([program.into_os_string(), OsString::from("child")]);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        group::own(&mut command);
        let mut child = command.spawn().map_err(failed)?;
        let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (sender, events) = mpsc::channel();
        let stdout = BufReader::new(stdout.expect("stdout is a pipe"));
        // Ends when the process does, or when nobody listens any more.
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut stderr = stderr.expect("stderr is a pipe");
        let stderr = thread::spawn(move || {
            let mut said = Vec::new();
            let _ = stderr.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        });
        if let Some(stdin) = &mut stdin {
            // A process that does not read it has ended, which is what it is going to be asked.
            let _ = writeln!(stdin, "{order}");
        }
        Ok(Self { name, child, stdin, events, stderr: Some(stderr) })
    }

    /// Waits for what it says next.
    pub(super) fn next(&mut self, limit: Duration) -> Result<Event, Failure> {
        let until = Instant::now() + limit;
        loop {
            if interrupt::is_set() {
                return Err(Failure::Interrupted);
            }
            match self.events.recv_timeout(TICK) {
                Ok(line) => {
                    return serde_json::from_str(&line).map_err(|error| {
                        Failure::Other(format!("the {} process said {line:?}: {error}", self.name))
                    });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.wait(GRACE)?;
                    return Err(self.failure(status));
                }
                Err(RecvTimeoutError::Timeout) if Instant::now() >= until => {
                    return Err(Failure::Other(format!(
                        "the {} process hangs: it said nothing for {limit:?}",
                        self.name
                    )));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Waits for a good end.
    pub(super) fn finish(&mut self, limit: Duration) -> Result<(), Failure> {
        match self.wait(limit)? {
            status if status.success() => Ok(()),
            status => Err(self.failure(status)),
        }
    }

    /// Why it has ended, if it has done so by itself.
    pub(super) fn ended(&mut self) -> Option<Failure> {
        let until = Instant::now() + 10 * TICK;
        while Instant::now() < until {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return None,
                Ok(Some(status)) => return Some(self.failure(status)),
                Ok(None) => thread::sleep(TICK),
                Err(_) => return None,
            }
        }
        None
    }

    fn wait(&mut self, limit: Duration) -> Result<ExitStatus, Failure> {
        let until = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if interrupt::is_set() => return Err(Failure::Interrupted),
                Ok(None) if Instant::now() >= until => {
                    return Err(Failure::Other(format!(
                        "the {} process has not ended after {limit:?}",
                        self.name
                    )));
                }
                Ok(None) => thread::sleep(TICK),
                Err(error) => {
                    return Err(Failure::Other(format!(
                        "the {} process cannot be waited for: {error}",
                        self.name
                    )));
                }
            }
        }
    }

    /// What an ended process had to say.
    fn failure(&mut self, status: ExitStatus) -> Failure {
        // What is left of a profiler's group would keep the pipe open.
        group::kill(&self.child);
        let said = self.stderr.take().and_then(|stderr| stderr.join().ok()).unwrap_or_default();
        let own = said.lines().find_map(|line| line.strip_prefix("harness: "));
        let any = || said.lines().rfind(|line| !line.trim().is_empty());
        let name = self.name;
        Failure::Other(match own.or_else(any) {
            Some(sentence) => format!("the {name} process failed: {sentence}"),
            None => format!("the {name} process ended with {status}"),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let until = Instant::now() + GRACE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            thread::sleep(TICK);
        }
        // A profiler and what it watches are one group, which may have outlived its leader.
        group::kill(&self.child);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Each child has a process group of its own: Ctrl-C at the terminal is for the parent, which then ends them.
#[cfg(unix)]
mod group {
    use std::{
        os::unix::process::CommandExt,
        process::{Child, Command},
    };

    use nix::{
        sys::signal::{Signal, killpg},
        unistd::Pid,
    };

    pub(super) fn own(command: &mut Command) {
        command.process_group(0);
    }

    pub(super) fn kill(child: &Child) {
        if let Ok(group) = i32::try_from(child.id()) {
            // Mostly there is nobody left.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}

#[cfg(not(unix))]
mod group {
    use std::process::{Child, Command};

    pub(super) fn own(_: &mut Command) {}

    pub(super) fn kill(_: &Child) {}
}
