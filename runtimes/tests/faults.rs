//! `harness faults`: what it prints, and how it says no.

mod harness_binary;

use harness_binary::{harness, refused, stderr, stdout};

#[test]
fn a_soak_counts_what_happened() {
    let output = harness("faults --count 300 --start 40 --jobs 3");
    assert!(output.status.success(), "{}", stderr(&output));
    let printed = stdout(&output);
    for side in ["write", "read"] {
        let sum = printed.lines().find(|line| line.starts_with(side)).expect("a line for each side");
        assert!(sum.contains("300 schedules, ") && sum.contains(" steps, seeds 40..340, "), "{sum}");
    }
    for kind in [
        "tickets",
        "writer: partial writes",
        "writer: panics",
        "write_prefix",
        "take_tail",
        "frames looked for",
    ] {
        let line = printed.lines().find(|line| line.trim_start().ends_with(&format!("  {kind}")));
        let line = line.unwrap_or_else(|| panic!("{kind} is missing in\n{printed}"));
        let count: u64 = line.split_whitespace().next().expect("a number").parse().expect("a number");
        assert!(count > 0, "{line}");
    }
    assert!(!stderr(&output).contains("warning"), "{}", stderr(&output));
}

#[test]
fn what_never_happens_is_a_warning() {
    let output = harness("faults --side write --count 1");
    assert!(output.status.success());
    let warning = "harness: warning: in 1 schedules there were never: ";
    assert!(stderr(&output).lines().any(|line| line.starts_with(warning)), "{}", stderr(&output));
}

#[test]
fn jobs_do_the_same_schedules() {
    let counts = |jobs| {
        let output = harness(&format!("faults --side read --count 500 --jobs {jobs}"));
        let printed = stdout(&output);
        let (sum, counts) = printed.split_once('\n').expect("a sum, then counts");
        // Without the time.
        (sum.split_once(", seeds").expect("where they begin and end").0.to_owned(), counts.to_owned())
    };
    assert_eq!(counts(1), counts(4));
}

#[test]
fn a_schedule_is_printed_step_by_step() {
    let output = harness("faults --side write --seed 7");
    assert!(output.status.success());
    let printed = stdout(&output);
    assert!(printed.starts_with("WriteHandoffConfig {"), "{printed}");
    for part in ["\nstep 1: ", "\n    writes: ", "\n  expected: accepted ", "\nwrite: "] {
        assert!(printed.contains(part), "{part} is missing in\n{printed}");
    }
    assert_eq!(stdout(&harness("faults --side write --seed 7")), printed);
}

#[test]
fn choices_are_a_schedule_of_either_side() {
    let printed = stdout(&harness("faults --choices 1,2,3"));
    assert!(printed.starts_with("WriteHandoffConfig { max_items: 3, max_pending_bytes: 40,"), "{printed}");
    assert!(printed.contains("\nHandoffBufferConfig {"), "{printed}");
}

#[test]
fn one_sentence_says_what_is_wrong() {
    refused(
        "faults --choices 1,x",
        "invalid value 'x' for '--choices <LIST>': invalid digit found in string",
    );
    refused(
        "faults --seed 1 --count 2",
        "the argument '--seed <SEED>' cannot be used with '--count <SCHEDULES>'",
    );
    refused(
        "faults --count 0",
        "invalid value '0' for '--count <SCHEDULES>': 0 is not in 1..18446744073709551615",
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_soak_prints_what_was_done() {
    use std::{
        io::{BufRead, BufReader, Read},
        process::Command,
    };

    let mut child = harness_binary::started("faults --side write --seconds 300");
    let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut first = String::new();
    said.read_line(&mut first).expect("it says that it begins");
    assert_eq!(first, "harness: write: seeds from 0 on\n");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("there is kill").success());
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("it says text");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{rest}");
    assert!(stdout(&output).starts_with("write: "), "{}", stdout(&output));
    assert!(rest.ends_with("harness: interrupted; what was finished is kept\n"), "{rest}");
}
