//! After a failure the fate of every byte is known, and every handle and ticket reports the same
//! cause.

use super::{refusals::refused, support::*};
use futures_util::{AsyncWriteExt, SinkExt};
use std::{
    error::Error,
    io,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

type Check = fn(&CloseReason) -> bool;

/// A fault of a writer, its name, and whether it leaves the bytes of that call in doubt.
fn failures() -> [(WriteStep, Check, bool); 4] {
    [
        (
            WriteStep::Error(io::ErrorKind::BrokenPipe),
            |reason| matches!(reason, CloseReason::Io(error) if error.kind() == io::ErrorKind::BrokenPipe),
            false,
        ),
        (WriteStep::Zero, |reason| matches!(reason, CloseReason::WriteZero), false),
        (
            WriteStep::OverReport(3),
            |reason| match *reason {
                CloseReason::InvalidWriter { given, reported } => reported == given + 3,
                _ => false,
            },
            true,
        ),
        (WriteStep::Panic, |reason| matches!(reason, CloseReason::Panicked), true),
    ]
}

/// The payload of a writer's panic. It counts its drops, and can panic in them.
struct Payload {
    dropped: Arc<AtomicUsize>,
    panics: bool,
}

impl Drop for Payload {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
        if self.panics {
            resume_unwind(Box::new(()));
        }
    }
}

/// An error of a writer, as each part of its stream reports it as an `io::Error`.
async fn told_everywhere(error: fn() -> io::Error) -> [(&'static str, io::Error); 10] {
    let writer = FnWriter(move |op: Op<'_>, _: &mut Context<'_>| match op {
        Op::Write(_) => Poll::Ready(Err(error())),
        op => op.all(),
    });
    let (handoff, mut task) = stream(writer, defaults());
    let ticket = handoff.try_write(text("lost")).unwrap();
    let failure = task.run().unwrap().unwrap_err();
    let (mut sink, mut writer) = ((*handoff).clone().into_sink(), (*handoff).clone().into_writer());
    [
        ("the task", failure.into()),
        ("a ticket", ticket.await.unwrap_err().into()),
        ("closed", handoff.closed().await.unwrap_err().into()),
        ("flush", handoff.flush().await.unwrap_err().into()),
        ("try_write", handoff.try_write(text("late")).unwrap_err().into()),
        ("write", handoff.write(text("late")).await.unwrap_err().into()),
        ("try_reserve", handoff.try_reserve(1).unwrap_err().into()),
        ("try_write_prefix", handoff.try_write_prefix(&mut holding(b"late"), 4).unwrap_err().into()),
        ("a writer", writer.write_all(b"late").await.unwrap_err()),
        ("a sink", sink.send(text("late")).await.unwrap_err().into()),
    ]
}

runtimes::tests! {
    /// Three writes of five bytes; the writer takes seven, then fails or stays pending. In the task
    /// and in the producer, gathered and not.
    async fn every_ticket_knows_how_far_it_got<R: Runtime>() {
        let aborted: Check = |reason| matches!(reason, CloseReason::Aborted);
        for (step, is_reason, in_doubt) in
            failures().into_iter().chain([(WriteStep::Wait(Gate::new()), aborted, false)])
        {
            let aborts = matches!(step, WriteStep::Wait(_));
            for (inline, copy_max) in
                [(Inline::Never, 0), (Inline::Never, 64), (Inline::Always, 0), (Inline::Always, 64)]
            {
                let case = format!("{step:?}, {inline:?}, copied up to {copy_max}");
                let config = limits(8, 64).with_copy_max(copy_max).with_inline(inline);
                let (handoff, mut task, log) = scripted([WriteStep::Accept(7), step.clone()], config);
                let tickets = ["aaaaa", "bbbbb", "ccccc"].map(|part| handoff.try_write(text(part)).unwrap());
                handoff.dispatch();
                assert_eq!(log.is_empty(), inline == Inline::Never, "{case}: no panic reaches the producer");
                if aborts {
                    task.run();
                    handoff.downgrade().abort();
                }
                let failure = task.run().unwrap().unwrap_err();

                let doubt = |bytes| if in_doubt { bytes } else { 0 };
                assert!(matches!(tickets[0].try_result(), Some(Ok(()))), "{case}: taken before the failure");
                for (ticket, written, doubtful) in [(&tickets[1], 2, 3), (&tickets[2], 0, 5)] {
                    let error = ticket.try_result().unwrap().unwrap_err();
                    assert!(is_reason(error.reason()), "{case}: {error}");
                    assert_eq!((error.written(), error.in_doubt()), (written, doubt(doubtful)), "{case}");
                    assert!(error.to_string().contains(&format!("{written} of 5 bytes")), "{case}: {error}");
                }
                assert!(is_reason(failure.reason()), "{case}: {failure}");
                assert_eq!((failure.written(), failure.flushed()), (7, 0), "{case}");
                assert_eq!(failure.in_doubt(), 7..7 + doubt(8), "{case}");
                assert_eq!(failure.unwritten().concat(), b"bbbccccc", "{case}");
                assert!(failure.into_parts().0.is_some(), "{case}");
                assert_eq!(log.flushes() + log.closes(), 0, "{case}: it is given back as it is");
                assert!(aborts || log.calls().len() == 2, "{case}: a writer that failed is left alone");
            }
        }
    }

    async fn everything_that_waits_ends_with_the_cause<R: Runtime>() {
        let failures = failures().map(|(step, is_cause, _)| ("a failure", Some(step), is_cause));
        let other_ends: [(_, _, Check); 2] = [
            ("an abort", None, |reason| matches!(reason, CloseReason::Aborted)),
            ("a drop of the task", None, |reason| matches!(reason, CloseReason::TaskDropped)),
        ];
        for (end, fails, is_cause) in failures.into_iter().chain(other_ends) {
            let case = format!("{end}, {fails:?}");
            let gate = Gate::new();
            let fails = fails.into_iter().flat_map(|step| [WriteStep::Accept(1), step]);
            let steps = [WriteStep::Wait(gate.clone())].into_iter().chain(fails);
            let (handoff, mut task, log) = scripted(steps, limits(8, 9));
            let mut ticket = Hand::waiting(handoff.try_write(filled(0, 9)).unwrap());
            let mut write = Hand::waiting(handoff.write(text("waits")));
            let mut forget = Hand::waiting(handoff.write_fire_and_forget(text("waits")));
            let mut parts = [text("waits")];
            let mut all = Hand::waiting(handoff.write_chunks(&mut parts));
            let mut reserve = Hand::waiting(handoff.reserve(9));
            let mut flush = Hand::waiting(handoff.flush());
            let mut closed = Hand::waiting(handoff.closed());
            let mut written = Hand::waiting(handoff.written());
            task.run();
            match end {
                "a failure" => {
                    gate.open();
                    assert!(task.run().unwrap().is_err());
                }
                "an abort" => handoff.downgrade().abort(),
                _ => {
                    drop(task);
                    assert!(log.is_dropped(), "the writer goes with it");
                }
            }
            assert!(is_cause(ticket.run().unwrap().unwrap_err().reason()), "{case}");
            assert!(is_cause(written.run().unwrap().unwrap_err().reason()), "{case}");
            assert!(is_cause(&closed.run().unwrap().unwrap_err()), "{case}");
            assert!(is_cause(&flush.run().unwrap().unwrap_err()), "{case}");
            // The first byte freed no room for any of these.
            for error in [write.run().unwrap().unwrap_err(), forget.run().unwrap().unwrap_err()] {
                assert!(is_cause(error.close_reason().unwrap()), "{case}");
                assert_eq!(error.into_bytes(), "waits", "{case}");
            }
            assert!(is_cause(all.run().unwrap().unwrap_err().close_reason().unwrap()), "{case}");
            drop(all);
            assert_eq!(parts, ["waits"], "{case}");
            assert!(is_cause(reserve.run().unwrap().unwrap_err().close_reason().unwrap()), "{case}");
        }
    }

    async fn whatever_is_called_later_tells_the_cause<R: Runtime>() {
        for (step, is_cause, _) in failures() {
            let (handoff, mut task, _log) = scripted([step], defaults());
            put(&handoff, "nobody waits for this");
            assert!(task.run().unwrap().is_err());
            assert!(handoff.is_closed());
            assert_eq!(
                (handoff.pending_bytes(), handoff.stats().pending_items, handoff.available()),
                (0, 0, 0)
            );
            assert!(is_cause(&handoff.close_reason().unwrap()));
            assert!(is_cause(&handoff.closed().await.unwrap_err()));
            assert!(is_cause(&closing(&handoff).await.unwrap_err()));
            assert!(is_cause(&handoff.flush().await.unwrap_err()));
            assert!(is_cause(handoff.written().await.unwrap_err().reason()));
            assert!(handoff.with_writer(|_| ()).is_none());
            for (name, reason) in refused(&handoff, 1) {
                assert!(reason.close_reason().is_some_and(is_cause), "{name}: {reason}");
            }
        }
    }

    async fn one_error_is_shared_by_all<R: Runtime>() {
        let (handoff, mut task, _log) =
            scripted([WriteStep::Error(io::ErrorKind::BrokenPipe)], ungathered(8, 64));
        let tickets = ["a", "b"].map(|part| handoff.try_write(text(part)).unwrap());
        let failure = task.run().unwrap().unwrap_err();
        let CloseReason::Io(cause) = failure.reason() else { panic!("{failure}") };
        for ticket in tickets {
            let error = ticket.await.unwrap_err();
            assert!(matches!(error.reason(), CloseReason::Io(shared) if Arc::ptr_eq(shared, cause)));
        }
        assert!(
            matches!(handoff.closed().await, Err(CloseReason::Io(shared)) if Arc::ptr_eq(&shared, cause))
        );
    }

    /// With a writer that takes single slices, reported counts are checked against the slice.
    async fn a_writer_found_out_as_not_vectored_is_checked_too<R: Runtime>() {
        let steps = vec![WriteStep::Accept(2000); 5].into_iter().chain([WriteStep::OverReport(1)]);
        let writer = ScriptWriter::new(steps).not_vectored();
        let (handoff, mut task, log) = over(writer, defaults().with_inline(Inline::Never));
        put_each(&handoff, 0, [2000; 40]);
        let failure = task.run().unwrap().unwrap_err();
        let CloseReason::InvalidWriter { reported, given } = *failure.reason() else { panic!("{failure}") };
        assert_eq!(reported, given + 1);
        assert_eq!(failure.in_doubt(), failure.written()..failure.written() + given as u64);
        assert_eq!(failure.written() as usize + failure.unwritten().concat().len(), 80_000);
        assert!(log.vectored_writes() <= 3, "{:?}", log.calls());
    }

    /// Whether the flush is requested, automatic or part of the close, and whether the task or a
    /// producer calls the writer.
    async fn a_writer_that_fails_to_flush_or_close_ends_the_stream_with_no_byte_in_doubt<R: Runtime>() {
        let ends: [(_, Check); 2] = [
            (
                EndStep::Error(io::ErrorKind::TimedOut),
                |reason| matches!(reason, CloseReason::Io(error) if error.kind() == io::ErrorKind::TimedOut),
            ),
            (EndStep::Panic, |reason| matches!(reason, CloseReason::Panicked)),
        ];
        for (step, is_cause) in ends {
            for asks in ["a quiet stream", "a flush", "the flush of a close", "a close"] {
                for inline in [Inline::Never, Inline::SameThread, Inline::Always] {
                    let case = format!("{asks}, {step:?}, {inline:?}");
                    let (writer, flushed) = match asks {
                        "a close" => (ScriptWriter::willing().with_close([step.clone()]), 5),
                        _ => (ScriptWriter::willing().with_flush([step.clone()]), 0),
                    };
                    let config = defaults().with_flush_when_idle(asks == "a quiet stream");
                    let (handoff, mut task, log) = over(writer, config.with_send_at(0).with_inline(inline));
                    let ticket = handoff.write(text("taken")).now_or_never().expect(&case).expect(&case);
                    let mut end = Hand::new(match asks {
                        "a quiet stream" => handoff.closed().boxed_local(),
                        "a flush" => handoff.flush().boxed_local(),
                        _ => closing(&handoff).boxed_local(),
                    });
                    let told = end.run();
                    let failure = task.run().expect(&case).unwrap_err();
                    let told = told.or_else(|| end.run()).expect(&case).unwrap_err();
                    assert!(is_cause(failure.reason()) && is_cause(&told), "{case}: {failure}, {told}");
                    assert!(ticket.await.is_ok(), "{case}: its bytes were taken");
                    assert_eq!(
                        (failure.written(), failure.flushed(), failure.in_doubt()),
                        (5, flushed, 5..5),
                        "{case}"
                    );
                    assert!(failure.unwritten().is_empty(), "{case}");
                    assert_eq!(log.flushes(), 1, "{case}: it is not called again");
                    assert!(handoff.try_write(text("more")).unwrap_err().is_closed(), "{case}");
                    assert!(
                        is_cause(&handoff.flush().await.unwrap_err()),
                        "{case}: and whenever it is asked"
                    );
                    assert!(
                        is_cause(&closing(&handoff).await.unwrap_err()),
                        "{case}: and whenever it is asked"
                    );
                }
            }
        }
    }

    async fn what_a_writer_panics_with_is_dropped_and_may_panic<R: Runtime>() {
        for panics in [false, true] {
            let dropped = Arc::new(AtomicUsize::new(0));
            let mut payload = Some(Payload { dropped: Arc::clone(&dropped), panics });
            let writer = FnWriter(move |_: Op<'_>, _: &mut Context<'_>| -> Poll<io::Result<usize>> {
                resume_unwind(Box::new(payload.take().expect("it is not called again")));
            });
            let (handoff, task) = WriteHandoff::new(writer, defaults());
            let task = R::task(task);
            let ticket = handoff.write(text("abc")).await.unwrap();
            assert!(matches!(ticket.await.unwrap_err().reason(), CloseReason::Panicked));
            let failure = task.await.unwrap_err();
            assert_eq!((failure.written(), failure.in_doubt()), (0, 0..3));
            assert_eq!(dropped.load(Ordering::SeqCst), 1, "it is not kept");
        }
    }

    async fn what_was_flushed_is_known<R: Runtime>() {
        let steps = [WriteStep::Accept(9), WriteStep::Accept(2), WriteStep::Error(io::ErrorKind::BrokenPipe)];
        let (handoff, mut task, _log) = scripted(steps, defaults());
        let first = handoff.try_write(text("safe")).unwrap();
        handoff.flush().await.unwrap();
        let second = handoff.try_write(text("lost?")).unwrap();
        let failure = task.run().unwrap().unwrap_err();
        assert_eq!((failure.written(), failure.flushed()), (6, 4));
        assert!(first.flushed().await.is_ok(), "it was");
        assert!(second.flushed().await.is_err());
    }

    async fn errors_become_io_errors_of_a_fitting_kind<R: Runtime>() {
        let kinds = [
            io::ErrorKind::BrokenPipe,
            io::ErrorKind::WriteZero,
            io::ErrorKind::InvalidData,
            io::ErrorKind::Other,
        ];
        for ((step, _, in_doubt), kind) in failures().into_iter().zip(kinds) {
            let (handoff, mut task, _log) = scripted([step], defaults());
            let ticket = handoff.try_write(filled(b'x', 8)).unwrap();
            let barrier = handoff.written();
            let failure = task.run().unwrap().unwrap_err();
            let error = ticket.await.unwrap_err();
            let doubt = if in_doubt { ", 8 more bytes are in doubt" } else { "" };
            assert_eq!(error.to_string(), format!("{}; 0 of 8 bytes were written{doubt}", error.reason()));
            assert!(failure.to_string().contains("8 bytes were not"), "{failure}");
            assert!(barrier.await.unwrap_err().to_string().contains("0 of 0 bytes"));
            let permit = handoff.try_reserve(1).unwrap_err();
            let prefix = handoff.try_write_prefix(&mut holding(b"x"), 1).unwrap_err();
            let errors: [&dyn Error; 4] = [&error, &failure, &permit, &prefix];
            for (n, error) in errors.into_iter().enumerate() {
                assert_eq!(error.source().is_some(), kind == io::ErrorKind::BrokenPipe, "{n}: {error:?}");
            }
            assert!(!format!("{failure:?} {error:?}").contains("xx"), "payload in debug output");
            assert_eq!(io::Error::from(error).kind(), kind);
            assert_eq!(io::Error::from(failure).kind(), kind);
            assert_eq!(io::Error::from(handoff.closed().await.unwrap_err()).kind(), kind);
        }
    }

    /// A caller that looks for `EPIPE` finds it in every error.
    async fn the_code_of_an_error_of_the_operating_system_is_kept<R: Runtime>() {
        const CODE: i32 = 32;
        for (by, error) in told_everywhere(|| io::Error::from_raw_os_error(CODE)).await {
            assert_eq!(error.raw_os_error(), Some(CODE), "{by}: {error:?}");
        }
    }

    /// A log that prints an error and its sources has the cause, from every error, exactly once.
    async fn what_a_writer_said_is_in_the_chain_of_each_io_error<R: Runtime>() {
        let cut = || io::Error::new(io::ErrorKind::ConnectionReset, "the line is cut");
        for (by, error) in told_everywhere(cut).await {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{by}");
            let mut told = error.to_string();
            let mut next = error.source();
            while let Some(source) = next {
                told = format!("{told}: {source}");
                next = source.source();
            }
            assert_eq!(told.matches("the line is cut").count(), 1, "{by}: {told}");
        }
    }
}
