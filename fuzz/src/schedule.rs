//! The bytes of the fuzzer as a schedule of calls and faults, compared with a model after each
//! step.

use crate::{
    run::{Side, Trial},
    script::Source,
};

/// Runs the schedule of writing that `bytes` stand for.
///
/// # Panics
///
/// If anything in it is wrong. The schedule is printed step by step first.
pub fn write(bytes: &[u8]) {
    check(Side::Write, bytes);
}

/// As [`write`], of reading.
///
/// # Panics
///
/// As [`write`] does.
pub fn read(bytes: &[u8]) {
    check(Side::Read, bytes);
}

fn check(side: Side, bytes: &[u8]) {
    let source = Source::Bytes(bytes.to_vec());
    if let Err(finding) = Trial::of(side).run(&source).result {
        let told = Trial { traced: true, ..Trial::of(side) }.run(&source);
        told.lines.iter().for_each(|line| eprintln!("{line}"));
        panic!("{side:?}, {finding}");
    }
}
