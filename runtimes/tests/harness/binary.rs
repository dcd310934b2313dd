//! The binary as a child process of the test, with a time limit.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Once,
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use futures_handoff_runtimes::harness::Settings;

/// What counts as a hang.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A small workload: two streams of three lines of 64 bytes, the mark of 7 and a tunnel of 1000.
pub const SMALL: &str = "--connections 2 --route-frames 3 --tunnel-bytes 1000";

/// The settings of a command line.
pub fn settings(line: &str) -> Settings {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    Line::parse_from(["test"].into_iter().chain(line.split_whitespace())).settings
}

/// Separate from the user's results.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("harness-tests")
}

/// Where the results of a name are.
pub fn results(name: &str) -> PathBuf {
    target().join("harness").join(name)
}

/// The command, with nothing left of earlier runs of the tests.
pub fn command(line: &str) -> Command {
    static CLEAN: Once = Once::new();
    // There is nothing the first time.
    CLEAN.call_once(|| drop(fs::remove_dir_all(target())));
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command.args(line.split_whitespace()).env("CARGO_TARGET_DIR", target());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A process of the binary. It is killed when this is dropped.
pub struct Harness(Option<Child>);

impl Harness {
    pub fn start(line: &str) -> Self {
        Self::of(&mut command(line))
    }

    pub fn of(command: &mut Command) -> Self {
        Self(Some(command.spawn().expect("the binary can be started")))
    }

    pub fn id(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    /// Interrupts it once `sign` is there.
    #[cfg(unix)]
    pub fn interrupt_at(&self, sign: impl Fn() -> bool) {
        until("the sign", sign);
        let killed = Command::new("kill").args(["-INT", &self.id().to_string()]).status();
        assert!(killed.expect("there is kill").success());
    }

    /// Waits for its end.
    pub fn end(mut self) -> Output {
        until("a process ends", || self.0.as_mut().unwrap().try_wait().unwrap().is_some());
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until a condition holds.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < LIMIT, "{what}: not after {LIMIT:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

pub fn harness(line: &str) -> Output {
    Harness::start(line).end()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The output of a successful command.
pub fn printed(line: &str) -> String {
    let output = harness(line);
    assert!(output.status.success(), "{line}: {}", stderr(&output));
    stdout(&output)
}

/// The errors of a failed command. All lines are sentences of this program.
pub fn failed(line: &str) -> String {
    failed_as(&mut command(line), 1)
}

pub fn failed_as(command: &mut Command, status: i32) -> String {
    let output = Harness::of(command).end();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert!(!said.is_empty() && said.lines().all(|line| line.starts_with("harness: ")), "{said}");
    said
}

/// A wrong command line is answered by one sentence and status 2.
pub fn refused(line: &str, sentence: &str) {
    let said = failed_as(&mut command(line), 2);
    assert_eq!(said.lines().count(), 1, "{said}");
    contains(&said, sentence);
}

pub fn contains(text: &str, part: &str) {
    assert!(text.contains(part), "{part} is missing in\n{text}");
}

/// A field that was printed, of the first run.
pub fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.lines().filter_map(|line| line.split_once('='));
    lines.find(|(of, _)| *of == name).unwrap_or_else(|| panic!("{name} is missing in\n{text}")).1
}

pub fn number(text: &str, name: &str) -> f64 {
    field(text, name).parse().unwrap_or_else(|_| panic!("{name} is no number in\n{text}"))
}

/// The finished runs of a name.
pub fn runs(name: &str) -> Vec<serde_json::Value> {
    let lines = fs::read_to_string(results(name).join("runs.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A directory of a name with a program in it, and a path that finds it first.
#[cfg(unix)]
pub fn tool(directory: &str, name: &str, script: &str) -> std::ffi::OsString {
    use std::os::unix::fs::PermissionsExt;

    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools").join(directory);
    fs::create_dir_all(&directory).unwrap();
    let program = directory.join(name);
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut path = directory.into_os_string();
    path.push(":/usr/bin:/bin");
    path
}
