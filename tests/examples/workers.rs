//! Several workers answer lines, in order.

use std::{io, pin::pin, thread, time::Duration};

use futures_executor::block_on;
use futures_handoff::{bytes::Bytes, message::MessageHandoffConfig};
use futures_util::FutureExt;

use crate::{
    ordered_workers::{serve, workers},
    runtimes::{
        self,
        io::{Gate, ReadStep, ScriptReader},
    },
    support::{End, SEEDS, breaking, kind, reader, seeded},
};

fn limits(items: usize, bytes: usize) -> MessageHandoffConfig {
    MessageHandoffConfig::new(items, bytes)
}

fn lines(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number}\n")).collect()
}

fn echo(line: &[u8]) -> Bytes {
    Bytes::copy_from_slice(line)
}

runtimes::tests! {
    async fn lines_before_the_end_or_the_error_are_answered_in_order<R: Runtime>() {
        let lines = lines(40);
        let input = lines.concat();
        let jobs = workers(3, limits(5, 10), |line| {
            // Workers finish some lines out of order.
            if line[line.len() - 2] % 2 == 1 { thread::yield_now() }
            echo(line)
        });
        for (at, end) in End::anywhere(input.len()).step_by(3) {
            let whole = input[..at].rfind('\n').map_or(0, |end| end + 1);
            let (writer, log) = seeded(at as u64);
            let result = serve(reader(at as u64, &input.as_bytes()[..at], end), writer, &jobs, limits(4, 9)).await;
            assert!(log.written() == input.as_bytes()[..whole] && log.is_closed(), "{at} {end:?}");
            assert_eq!(kind(result), end.kind(at > whole), "{at} {end:?}");
        }
        // Once the last worker is done with what it has.
        while jobs.pending_items() > 0 {
            R::sleep(Duration::from_millis(1)).await;
        }
    }

    /// It ends although the client sends nothing more, and says why.
    async fn a_client_that_takes_no_answers_is_not_read_any_more<R: Runtime>() {
        let jobs = workers(2, limits(4, 100), echo);
        for seed in 0..SEEDS / 10 {
            let (writer, log) = breaking(seed, seed as usize % 7);
            let silent = ScriptReader::new([ReadStep::data(lines(100).concat()), ReadStep::Wait(Gate::new())]);
            let result = serve(silent, writer, &jobs, limits(8, 100)).await;
            assert_eq!((kind(result), log.is_closed()), (Some(io::ErrorKind::BrokenPipe), false), "seed {seed}");
        }
    }

    async fn a_client_is_read_no_faster_than_the_workers_work<R: Runtime>() {
        const OPEN: usize = 6;
        let (lines, gate) = (lines(2000), Gate::new());
        let passed = gate.clone();
        let jobs = workers(2, limits(OPEN, 1000), move |line| {
            block_on(passed.pass());
            echo(line)
        });
        let reader = ScriptReader::new(lines.iter().map(ReadStep::data));
        let (reads, (writer, log)) = (reader.log(), seeded(1));
        let mut serving = pin!(serve(reader, writer, &jobs, limits(2 * OPEN, 1000)));
        assert!(serving.as_mut().now_or_never().is_none());
        while jobs.len() > OPEN - 2 {
            R::sleep(Duration::from_millis(1)).await;
        }
        // Lines that the workers have received are still charged.
        assert!(serving.as_mut().now_or_never().is_none());
        assert_eq!((jobs.pending_items(), reads.polls(), log.len()), (OPEN, OPEN + 1, 0));
        gate.open();
        serving.await.unwrap();
        assert!(log.written() == lines.concat().as_bytes() && log.is_closed());
    }

    async fn a_line_without_an_answer_is_an_error_and_no_end<R: Runtime>() {
        let jobs = workers(2, limits(4, 100), |line| {
            assert!(line != b"7\n", "this one is not to be answered");
            echo(line)
        });
        let (writer, log) = seeded(3);
        let result = serve(reader(3, lines(20).concat().as_bytes(), End::Closed), writer, &jobs, limits(4, 100)).await;
        assert_eq!((result.unwrap_err().to_string(), log.is_closed()), ("a line has no answer".into(), false));
        assert!(lines(7).concat().as_bytes().starts_with(&log.written()));
    }
}
