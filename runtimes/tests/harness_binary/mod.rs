//! The binary, run away from the results of whoever runs the tests.
#![allow(dead_code, reason = "no test needs all of it")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Once,
    thread,
    time::Duration,
};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"))
}

/// The command, with nothing left of earlier runs of the tests.
pub(crate) fn command(line: &str) -> Command {
    static CLEAN: Once = Once::new();
    CLEAN.call_once(|| {
        // There is nothing the first time.
        let _ = fs::remove_dir_all(directory());
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command.args(line.split_whitespace()).env("CARGO_TARGET_DIR", directory()).stdin(Stdio::null());
    command
}

pub(crate) fn harness(line: &str) -> Output {
    command(line).output().expect("the binary can be started")
}

pub(crate) fn started(line: &str) -> Child {
    let mut command = command(line);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary can be started")
}

/// Interrupts it once `sign` is there, and waits for its end.
#[cfg(unix)]
pub(crate) fn interrupted(child: Child, sign: &Path) -> Output {
    while !sign.exists() {
        thread::sleep(Duration::from_millis(10));
    }
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(status.expect("there is kill").success());
    child.wait_with_output().expect("it ends")
}

/// Where the results of a name are.
pub(crate) fn results(name: &str) -> PathBuf {
    directory().join("harness").join(name)
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("it prints text")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("it prints text")
}

/// A wrong command line is answered by one sentence and status 2.
pub(crate) fn refused(line: &str, sentence: &str) {
    let output = harness(line);
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert_eq!(stdout(&output), "", "{line}");
    assert_eq!(stderr(&output), format!("harness: {sentence}\n"), "{line}");
}
