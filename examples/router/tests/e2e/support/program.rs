//! Programs with a directory of their own, which end with the test.

use std::{
    io::{BufRead, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long to wait for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

fn found(program: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    // Programs in `sbin` are only on the path of root.
    let places = std::env::split_paths(&paths).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    places.map(|place| place.join(program)).find(|path| path.is_file())
}

pub(crate) fn all_installed(programs: &[&str]) -> bool {
    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let missing = programs.iter().find(|program| found(program).is_none());
    if let Some(program) = missing {
        let mut told = TOLD.lock().unwrap();
        let line = format!("not run: {program} is not installed\n");
        // In one write, and past the capture of output of passing tests.
        if !told.contains(&line) {
            _ = std::io::stderr().write_all(line.as_bytes());
            told.push(line);
        }
    }
    missing.is_none()
}

pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A port that nothing listens on, and that no other test gets. Not an ephemeral port.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(131);
    loop {
        let port = 10_000 + (first.wrapping_add(NEXT.fetch_add(1, Relaxed)) % 20_000) as u16;
        if TcpListener::bind(local(port)).is_ok() {
            return port;
        }
    }
}

/// Asks again until there is an answer.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < DEADLINE, "{what}: not in {DEADLINE:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a program to its end.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(program: &str, arguments: &[S], input: &[u8]) -> Output {
    let mut child = Command::new("timeout")
        .arg(DEADLINE.as_secs().to_string())
        .arg(found(program).unwrap())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        // The program may end before it has read everything.
        scope.spawn(move || _ = stdin.write_all(input));
        child.wait_with_output().unwrap()
    })
}

/// The output of curl, with the headers of the response but without the date.
#[track_caller]
pub(crate) fn curl(address: SocketAddr, arguments: &[&str]) -> Vec<u8> {
    let connect = format!("::{address}");
    let mut all = vec!["-sS", "-i", "--connect-to", &connect];
    all.extend_from_slice(arguments);
    let output = run("curl", &all, b"");
    assert!(output.status.success(), "{all:?}: {}", String::from_utf8_lossy(&output.stderr));
    undated(&output.stdout)
}

/// Removes the lines of a response that contain its time.
pub(crate) fn undated(response: &[u8]) -> Vec<u8> {
    let lines = response.split_inclusive(|&byte| byte == b'\n');
    lines.filter(|line| !line.to_ascii_lowercase().starts_with(b"date: ")).collect::<Vec<_>>().concat()
}

/// The lines that a program has printed on stderr.
#[derive(Default)]
pub(crate) struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

impl Log {
    pub(crate) fn with(&self, parts: &[&str]) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| parts.iter().all(|part| line.contains(part))).cloned().collect()
    }

    /// Waits until there are this many lines with all these parts, and returns them.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize, parts: &[&str]) -> Vec<String> {
        let began = Instant::now();
        let mut lines = self.lines.lock().unwrap();
        loop {
            let found: Vec<_> =
                lines.iter().filter(|line| parts.iter().all(|part| line.contains(part))).cloned().collect();
            if found.len() >= count {
                return found;
            }
            if began.elapsed() > DEADLINE {
                drop(lines);
                panic!("{} lines with {parts:?} in place of {count}", found.len());
            }
            lines = self.grown.wait_timeout(lines, Duration::from_millis(100)).unwrap().0;
        }
    }
}

/// A program that runs until it is dropped.
pub(crate) struct Program {
    name: String,
    child: Child,
    pub(crate) log: Arc<Log>,
    directory: TempDir,
}

/// A directory with these files in it.
pub(crate) fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    directory
}

impl Program {
    /// Starts it in `directory`.
    pub(crate) fn start(program: &Path, arguments: &[&str], directory: TempDir) -> Self {
        let mut command = match found(&program.to_string_lossy()) {
            Some(path) => Command::new(path),
            None => Command::new(program),
        };
        command.args(arguments).current_dir(directory.path()).env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let log = Arc::new(Log::default());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn({
            let log = log.clone();
            move || {
                for line in stderr.split(b'\n').map_while(Result::ok) {
                    // Whether a field is quoted depends on its type.
                    let line = String::from_utf8_lossy(&line).replace('"', "");
                    log.lines.lock().unwrap().push(line);
                    log.grown.notify_all();
                }
            }
        });
        let name = program.file_name().unwrap().to_string_lossy().into_owned();
        Self { name, child, log, directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Waits until it accepts on all of these.
    #[track_caller]
    pub(crate) fn accepting(mut self, ports: &[u16]) -> Self {
        for &port in ports {
            eventually(&self.name.clone(), || {
                assert!(self.child.try_wait().unwrap().is_none(), "{} has ended", self.name);
                TcpStream::connect(local(port)).ok()
            });
        }
        self
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        eventually("the end of the program", || self.child.try_wait().unwrap())
    }

    /// Its current memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
    }

    /// How many sockets it has open.
    pub(crate) fn sockets(&self) -> usize {
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let targets = descriptors.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- {} said:\n{}", self.name, self.log.with(&[]).join("\n"));
        }
    }
}
