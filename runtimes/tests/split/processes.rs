//! The binary as a process that runs beside the test, and never longer than it may.

use std::{
    ffi::OsStr,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use futures_handoff_runtimes::stream::Output;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// What counts as a hang.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A small workload over sockets.
pub const SMALL: &str =
    "--transport tcp --connections 2 --route-frames 3 --tunnel-bytes 1000 --worker-threads 2";

/// A process of the binary. It is killed when this is dropped.
pub struct Harness {
    child: Option<Child>,
}

impl Harness {
    pub fn start(line: &str) -> Self {
        Self::start_with(line, &[])
    }

    pub fn start_with(line: &str, variables: &[(&str, &OsStr)]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_harness"))
            .args(line.split_whitespace())
            // Away from the results of whoever runs the tests.
            .env("CARGO_TARGET_DIR", env!("CARGO_TARGET_TMPDIR"))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        Self { child: Some(child) }
    }

    pub fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Waits for its end.
    pub fn end(mut self) -> process::Output {
        let ended = |child: &mut Child| child.try_wait().unwrap().is_some();
        until("a process ends", || self.child.as_mut().is_some_and(ended));
        self.child.take().unwrap().wait_with_output().unwrap()
    }

    /// Waits for a good end, and gives what it printed.
    pub fn succeed(self) -> String {
        let output = self.end();
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits for a failure, and gives what it said.
    pub fn fail(self) -> String {
        let output = self.end();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        stderr(&output)
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub fn stderr(output: &process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A service by hand, and where it listens.
pub fn service(line: &str) -> (Harness, SocketAddr) {
    let directory = tempfile::tempdir().unwrap();
    let ready = directory.path().join("ready");
    let stale = "of an earlier service";
    fs::write(&ready, stale).unwrap();
    let service = Harness::start(&format!(
        "run --role tcp-service --service-addr 127.0.0.1:0 --ready-file {} {line}",
        ready.display()
    ));
    let mut file = String::new();
    until("a service is ready", || {
        file = fs::read_to_string(&ready).unwrap_or_else(|_| stale.to_owned());
        file != stale
    });
    // It is there as a whole or not at all.
    let address = file.strip_suffix('\n').and_then(|address| address.parse().ok());
    (service, address.unwrap_or_else(|| panic!("{file:?} is no address")))
}

/// A name of results that no other test has.
pub fn fresh_name(what: &str) -> String {
    static NAMES: AtomicUsize = AtomicUsize::new(0);
    Output::fresh_name(&format!("{what}_{}", NAMES.fetch_add(1, Ordering::Relaxed)))
}

/// Where the results of a name are.
pub fn results(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("harness").join(name)
}

/// Waits until something is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < LIMIT, "{what}: not after {LIMIT:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// That a line was printed.
pub fn printed(text: &str, line: &str) {
    assert!(text.lines().any(|printed| printed == line), "{line} is missing in\n{text}");
}

/// That something was said.
pub fn said(text: &str, sentence: &str) {
    assert!(text.contains(sentence), "{sentence} is missing in\n{text}");
}

pub fn signal(process: u32, signal: Signal) {
    kill(Pid::from_raw(process.try_into().unwrap()), signal).unwrap();
}

/// The numbers of a process: its state and its parent.
pub fn state(process: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before them may have anything in it.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

pub fn is_gone(process: u32) -> bool {
    state(process).is_none_or(|(state, _)| state == "Z" || state == "X")
}

/// The service and the driver that a command has started.
pub fn children(parent: u32) -> [u32; 2] {
    let mut children = Vec::new();
    until("a command starts two processes", || {
        let all =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let is_child =
            |&process: &u32| state(process).is_some_and(|(state, of)| of == parent && state != "Z");
        for child in all.filter(is_child) {
            if !children.contains(&child) {
                children.push(child);
            }
        }
        children.len() >= 2
    });
    [children[0], children[1]]
}
