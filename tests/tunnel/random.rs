//! Random scripts of readers and writers, with cancelled runs.

use super::support::*;
use proptest::{collection::vec, option, prelude::*};
use std::panic::{AssertUnwindSafe, catch_unwind};

const FAILED: ErrorKind = ErrorKind::ConnectionReset;
const BROKEN: ErrorKind = ErrorKind::BrokenPipe;

/// What a side sends and how it takes bytes.
#[derive(Debug, Clone)]
struct Script {
    /// `None` means pending.
    says: Vec<Option<usize>>,
    fails: bool,
    /// How many bytes are taken at a time; `None` means pending.
    takes: Vec<Option<usize>>,
    breaks: Option<ErrorKind>,
    ends: Vec<Option<bool>>,
    vectored: bool,
}

prop_compose! {
    fn script()(
        says in vec(option::weighted(0.7, prop_oneof![1..10usize, 2000..2100usize, 1..9000usize]), 0..20),
        fails in prop::bool::weighted(0.2),
        takes in vec(option::weighted(0.7, prop_oneof![1..10usize, 1..9000usize, Just(usize::MAX)]), 0..20),
        breaks in option::weighted(0.2, Just(BROKEN)),
        ends in vec(option::weighted(0.6, prop::bool::weighted(0.9)), 0..6),
        vectored in any::<bool>(),
    ) -> Script {
        Script { says, fails, takes, breaks, ends, vectored }
    }
}

impl Script {
    fn len(&self) -> usize {
        self.says.iter().flatten().sum()
    }

    fn side(&self) -> (Side, WriteLog) {
        let bytes = payload(self.len());
        let mut left = &bytes[..];
        let mut steps: Vec<_> = self
            .says
            .iter()
            .map(|said| match *said {
                Some(n) => {
                    let (now, rest) = left.split_at(n);
                    left = rest;
                    ReadStep::data(now)
                }
                None => ReadStep::Pending,
            })
            .collect();
        steps.push(if self.fails { ReadStep::Error(FAILED) } else { ReadStep::End });
        // Reading on would be a fault.
        steps.extend([ReadStep::Panic, ReadStep::Panic]);
        let takes = self.takes.iter().map(|n| n.map_or(WriteStep::Pending, WriteStep::Accept));
        let breaks = self.breaks.into_iter().flat_map(|kind| [WriteStep::Error(kind), WriteStep::Panic]);
        let ends = |done| match done {
            Some(true) => EndStep::Done,
            Some(false) => EndStep::Error(BROKEN),
            None => EndStep::Pending,
        };
        let ends = || self.ends.iter().copied().map(ends);
        let writer = ScriptWriter::new(takes.chain(breaks)).with_flush(ends()).with_close(ends());
        let writer = if self.vectored { writer } else { writer.not_vectored() };
        let log = writer.log();
        (Halves::new(ScriptReader::new(steps), writer), log)
    }
}

/// The checks of a direction, however it ended.
fn check(end: Option<&Transfer>, said: &Script, first: &[u8], log: &WriteLog) -> Result<(), TestCaseError> {
    let (written, sent) = (log.written(), [first, &payload(said.len())].concat());
    prop_assert!(sent.starts_with(&written), "what arrives is what was sent, from its beginning");
    let Some(transfer) = end else { return Ok(()) };
    prop_assert_eq!(transfer.bytes, written.len() as u64);
    match ended(transfer) {
        Ended::Closed => prop_assert!(written == sent && log.is_closed() && !said.fails),
        Ended::Read(kind) => {
            prop_assert!(kind == FAILED && said.fails);
            prop_assert_eq!(log.closes(), 0);
        }
        Ended::Write(kind) => prop_assert_eq!(kind, BROKEN),
        Ended::Unfinished => prop_assert!(!log.is_closed()),
    }
    Ok(())
}

fn carry(
    scripts: [Script; 2],
    first: usize,
    budget: usize,
    cancels: &[usize],
    stop: bool,
) -> Result<(), TestCaseError> {
    let [(a, at_a), (b, at_b)] = [scripts[0].side(), scripts[1].side()];
    let first = payload(first);
    let mut tunnel = Tunnel::new(a, b).with_budget(budget).with_first_to_b(Bytes::from(first.clone()));
    let (waker, wakes) = futures_test::task::new_count_waker();
    let mut cx = Context::from_waker(&waker);
    let mut report = None;
    for polls in cancels.iter().copied().chain(Some(usize::MAX).filter(|_| !stop)) {
        let mut run = std::pin::pin!(tunnel.run());
        for _ in 0..polls {
            let before = wakes.get();
            if let Poll::Ready(ready) = run.as_mut().poll(&mut cx) {
                report = Some(ready);
                break;
            }
            prop_assert!(wakes.get() > before, "nothing here waits for long");
        }
        if report.is_some() {
            break;
        }
    }
    let ends = report.as_ref().map(|report| (&report.a_to_b, &report.b_to_a)).unzip();
    check(ends.0, &scripts[0], &first, &at_b)?;
    check(ends.1, &scripts[1], &[], &at_a)?;
    if let Some((there, back)) = ends.0.zip(ends.1) {
        let failed = [there, back].iter().any(|end| matches!(end.end, End::Read(_)));
        let unfinished = [there, back].iter().any(|end| matches!(end.end, End::Unfinished));
        prop_assert!(!unfinished || failed || scripts.iter().any(|script| script.fails));
    }
    let broken = |end: Option<&Transfer>| end.is_some_and(|end| matches!(end.end, End::Write(_)));
    let parts_of = |log: &WriteLog, unwritten: &[u8]| [&log.written(), unwritten].concat();
    let (to_b, to_a) = (broken(ends.0), broken(ends.1));
    let parts = tunnel.into_parts();
    if report.is_none()
        && scripts.iter().any(|script| script.breaks.is_some() || script.ends.contains(&Some(false)))
    {
        // It may have discarded something by now.
        return Ok(());
    }
    if !to_b {
        let read = [&first[..], &payload(scripts[0].len())[..parts.a.reader.given()]].concat();
        prop_assert!(parts_of(&at_b, &parts.to_b) == read, "what was read is written, or given back");
    }
    if !to_a {
        prop_assert!(parts_of(&at_a, &parts.to_a) == payload(scripts[1].len())[..parts.b.reader.given()]);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_streams_get_what_was_read_in_order_and_whole(
        scripts in [script(), script()],
        first in prop_oneof![Just(0usize), 1..5000usize],
        budget in prop_oneof![1..10usize, 2040..2060usize, 1..20_000usize, Just(256usize << 10)],
        cancels in vec(0..6usize, 0..6),
        stop in any::<bool>(),
    ) {
        let carried = catch_unwind(AssertUnwindSafe(|| carry(scripts, first, budget, &cancels, stop)));
        carried.map_err(|_| TestCaseError::fail("a stream was called after its end"))??;
    }
}
