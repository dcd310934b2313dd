//! Runs a test in a process of its own.

use std::{
    env,
    io::Read,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::watched;

/// Tells a process that it runs a single test.
const VARIABLE: &str = "HANDOFF_TEST_ALONE";

/// Longer than the test's own watchdog, whose message is better.
const LIMIT: Duration = Duration::from_secs(90);

/// Runs `body`, which is the test `name` of this binary, in a process with nothing else in it.
/// There the test can count and limit the descriptors or the memory of the process without
/// affecting other tests.
///
/// The name begins with that of the crate, as [`module_path!`] does.
///
/// # Panics
///
/// With the output of the process, if it failed, ran no such test, or did not end in time.
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
    // The output before the failure is useful.
    let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}
