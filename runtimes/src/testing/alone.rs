//! Runs a test in a process of its own.

use std::{
    env,
    io::Read,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::watched;

/// What tells a process that it is there for one test.
const VARIABLE: &str = "HANDOFF_TEST_ALONE";

/// Longer than the test has under its own watchdog, which knows more of what hangs.
const LIMIT: Duration = Duration::from_secs(90);

/// Runs `body`, which is the test `name` of this binary, in a process with nothing else in it. What
/// a process has of a kind, descriptors or memory, can be counted there, and limited without a loss
/// to others.
///
/// The name begins with that of the crate, as [`module_path!`] does.
///
/// # Panics
///
/// With what the process said, if it failed, ran no such test, or is not done in time.
pub fn alone(name: &str, body: impl FnOnce() + Send + 'static) {
    if env::var_os(VARIABLE).is_some() {
        watched(name, body);
        return;
    }
    let (_, test) = name.split_once("::").expect("a test is in a module");
    let mut child = Command::new(env::current_exe().expect("this binary has a path"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(VARIABLE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process can be started");
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let words = [thread::spawn(move || text(stdout)), thread::spawn(move || text(stderr))];
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break Some(status);
        }
        if began.elapsed() > LIMIT {
            // It may have ended at this very moment.
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        thread::sleep(Duration::from_millis(10));
    };
    let said = words.map(|words| words.join().expect("reading does not panic")).join("");
    match status {
        None => panic!("{name} hangs: its process is not done after {LIMIT:?}\n{said}"),
        Some(status) if !status.success() => panic!("{name} failed in its process, {status}:\n{said}"),
        Some(_) => assert!(said.contains("1 passed"), "no test {test} was run:\n{said}"),
    }
}

fn text(stream: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    // What was said before it failed is worth having.
    let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}
