//! After a failure the fate of every byte is known, and the cause is told to everybody, once and the same.

use super::support::*;
use futures_util::{AsyncWrite, AsyncWriteExt, SinkExt};
use std::{
    io,
    panic::resume_unwind,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

type Check = fn(&CloseReason) -> bool;

/// What a writer can do wrong, what it is called, and whether it leaves the bytes of that call in doubt.
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
            |reason| matches!(reason, CloseReason::InvalidWriter { reported: 11, given: 8 }),
            true,
        ),
        (WriteStep::Panic, |reason| matches!(reason, CloseReason::Panicked), true),
    ]
}

/// What a writer panics with. It counts its drops, and panics there if told so.
#[derive(Debug)]
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

#[derive(Debug)]
struct PanickingWriter(Option<Payload>);

impl AsyncWrite for PanickingWriter {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        resume_unwind(Box::new(self.0.take().expect("it is not called again")));
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        unreachable!("nothing is written");
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        unreachable!("nothing is written");
    }
}

runtimes::tests! {
    /// Three writes of five bytes; the writer takes seven and fails. By the task and by the producer, gathered and not.
    async fn every_ticket_knows_how_far_it_got<R: Runtime>() {
        for (step, is_reason, in_doubt) in failures() {
            for (inline, copy_max) in
                [(Inline::Never, 0), (Inline::Never, 64), (Inline::Always, 0), (Inline::Always, 64)]
            {
                let config = limits(8, 64).with_copy_max(copy_max).with_inline(inline);
                let steps = [WriteStep::Accept(7), step.clone()];
                let (handoff, mut task, log) = scripted(steps, config);
                let tickets = ["aaaaa", "bbbbb", "ccccc"].map(|part| handoff.try_write(text(part)).unwrap());
                handoff.dispatch();
                assert_eq!(log.is_empty(), inline == Inline::Never, "no panic reaches the producer");
                let failure = task.run().unwrap().unwrap_err();

                let doubt = |bytes| if in_doubt { bytes } else { 0 };
                assert!(matches!(tickets[0].try_result(), Some(Ok(()))), "taken before the failure");
                let error = tickets[1].try_result().unwrap().unwrap_err();
                assert!(is_reason(error.reason()), "{error}");
                assert_eq!((error.written(), error.in_doubt()), (2, doubt(3)));
                assert!(error.to_string().contains("2 of 5 bytes"), "{error}");
                let error = tickets[2].try_result().unwrap().unwrap_err();
                assert!(is_reason(error.reason()), "{error}");
                assert_eq!((error.written(), error.in_doubt()), (0, doubt(5)));

                assert!(is_reason(failure.reason()), "{failure}");
                assert_eq!((failure.written(), failure.flushed()), (7, 0));
                assert_eq!(failure.in_doubt(), 7..7 + doubt(8));
                assert_eq!(failure.unwritten().concat(), b"bbbccccc");
                assert!(failure.into_parts().0.is_some());
                assert_eq!(log.flushes() + log.closes(), 0, "a writer that failed is left alone");
            }
        }
    }

    async fn everything_that_waits_ends_with_the_cause<R: Runtime>() {
        for (step, _, _) in failures() {
            let gate = Gate::new();
            let steps = [WriteStep::Wait(gate.clone()), step.clone()];
            let (handoff, mut task, _log) = scripted([steps[0].clone(), WriteStep::Accept(1), step], limits(8, 9));
            let mut ticket = Hand::waiting(handoff.try_write(filled(0, 9)).unwrap());
            let mut write = Hand::waiting(handoff.write(text("waits")));
            let mut forget = Hand::waiting(handoff.write_fire_and_forget(text("waits")));
            let mut parts = [text("waits")];
            let mut all = Hand::waiting(handoff.write_chunks(&mut parts));
            let mut reserve = Hand::waiting(handoff.reserve(9));
            let mut flush = Hand::waiting(handoff.flush());
            let mut closed = Hand::waiting(handoff.closed());
            let mut written = Hand::waiting(handoff.written());
            gate.open();
            assert!(task.run().unwrap().is_err());
            assert!(ticket.run().unwrap().is_err());
            assert!(written.run().unwrap().is_err());
            assert!(closed.run().unwrap().is_err());
            assert!(flush.run().unwrap().is_err());
            // The first byte made no room for any of these.
            for error in [write.run().unwrap().unwrap_err(), forget.run().unwrap().unwrap_err()] {
                assert!(!error.close_reason().unwrap().is_closed());
                assert_eq!(error.into_bytes(), "waits");
            }
            assert!(all.run().unwrap().unwrap_err().close_reason().is_some_and(CloseReason::is_failure));
            drop(all);
            assert_eq!(parts, ["waits"]);
            assert!(matches!(reserve.run(), Some(Err(RejectReason::Closed(reason))) if !reason.is_closed()));
        }
    }

    async fn whatever_is_called_later_tells_the_cause<R: Runtime>() {
        for (step, _, _) in failures() {
            let (handoff, mut task, _log) = scripted([step], defaults());
            put(&handoff, "nobody waits for this");
            assert!(task.run().unwrap().is_err());
            assert!(handoff.is_closed());
            assert_eq!((handoff.pending_bytes(), handoff.stats().pending_items, handoff.available()), (0, 0, 0));
            let failed = |reason: &CloseReason| !reason.is_closed();
            assert!(failed(&handoff.close_reason().unwrap()));
            assert!(failed(&handoff.closed().await.unwrap_err()));
            assert!(failed(&closing(&handoff).await.unwrap_err()));
            assert!(failed(&handoff.flush().await.unwrap_err()));
            assert!(failed(handoff.try_write(text("a")).unwrap_err().close_reason().unwrap()));
            assert!(failed(handoff.write(text("a")).await.unwrap_err().close_reason().unwrap()));
            assert!(failed(handoff.sender().try_write(text("a")).unwrap_err().close_reason().unwrap()));
            assert!(failed(handoff.written().await.unwrap_err().reason()));
            assert!(handoff.with_writer(|_| ()).is_none());
        }
    }

    async fn one_error_is_shared_by_all<R: Runtime>() {
        let (handoff, mut task, _log) = scripted([WriteStep::Error(io::ErrorKind::BrokenPipe)], ungathered(8, 64));
        let tickets = ["a", "b"].map(|part| handoff.try_write(text(part)).unwrap());
        let failure = task.run().unwrap().unwrap_err();
        let CloseReason::Io(cause) = failure.reason() else { panic!("{failure}") };
        for ticket in tickets {
            let error = ticket.await.unwrap_err();
            assert!(matches!(error.reason(), CloseReason::Io(shared) if Arc::ptr_eq(shared, cause)));
        }
        assert!(matches!(handoff.closed().await, Err(CloseReason::Io(shared)) if Arc::ptr_eq(&shared, cause)));
    }

    /// The writer would take what comes after the write that failed. It must not get it: that would leave a hole.
    async fn nothing_is_written_after_a_failure<R: Runtime>() {
        for inline in [Inline::Never, Inline::Always] {
            let steps = [WriteStep::Accept(1), WriteStep::Error(io::ErrorKind::Interrupted)];
            let (handoff, mut task, log) = scripted(steps, ungathered(8, 64).with_inline(inline));
            for part in ["a", "b", "c"] {
                handoff.try_write_fire_and_forget(text(part)).unwrap();
            }
            handoff.dispatch();
            let failure = task.run().unwrap().unwrap_err();
            assert_eq!((log.written(), failure.unwritten().concat()), (b"a".to_vec(), b"bc".to_vec()));
            assert_eq!(log.calls().len(), 2);
        }
    }

    /// For one that takes single slices the reports are checked against the slice.
    async fn a_writer_found_out_as_not_vectored_is_checked_too<R: Runtime>() {
        let mut steps = vec![WriteStep::Accept(2000); 5];
        steps.push(WriteStep::OverReport(1));
        let writer = ScriptWriter::new(steps).not_vectored();
        let log = writer.log();
        let (handoff, mut task) = stream(writer, defaults().with_inline(Inline::Never));
        for byte in 0..40 {
            handoff.try_write_fire_and_forget(filled(byte, 2000)).unwrap();
        }
        let failure = task.run().unwrap().unwrap_err();
        let CloseReason::InvalidWriter { reported, given } = *failure.reason() else { panic!("{failure}") };
        assert_eq!(reported, given + 1);
        assert_eq!(failure.in_doubt(), failure.written()..failure.written() + given as u64);
        assert_eq!(failure.written() as usize + failure.unwritten().concat().len(), 80_000);
        assert!(log.vectored_writes() <= 3, "{:?}", log.calls());
    }

    async fn a_panic_at_flush_or_close_leaves_no_byte_in_doubt<R: Runtime>() {
        for at_close in [false, true] {
            let writer = match at_close {
                true => ScriptWriter::willing().with_close([EndStep::Panic]),
                false => ScriptWriter::willing().with_flush([EndStep::Panic]),
            };
            let (handoff, task) = WriteHandoff::new(writer, defaults());
            let handoff = Settled(handoff);
            let task = R::task(task);
            let ticket = handoff.write(text("abc")).await.unwrap();
            assert!(matches!(closing(&handoff).await, Err(CloseReason::Panicked)));
            assert!(ticket.await.is_ok());
            let failure = task.await.unwrap_err();
            assert_eq!((failure.written(), failure.in_doubt()), (3, 3..3));
            assert_eq!(failure.flushed(), if at_close { 3 } else { 0 });
            assert!(failure.unwritten().is_empty());
        }
    }

    async fn what_a_writer_panics_with_is_dropped_and_may_panic<R: Runtime>() {
        for panics in [false, true] {
            let dropped = Arc::new(AtomicUsize::new(0));
            let writer = PanickingWriter(Some(Payload { dropped: Arc::clone(&dropped), panics }));
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
            let errors: [&dyn std::error::Error; 4] = [&error, &failure, &permit, &prefix];
            for (n, error) in errors.into_iter().enumerate() {
                assert_eq!(error.source().is_some(), kind == io::ErrorKind::BrokenPipe, "{n}: {error:?}");
            }
            assert!(!format!("{failure:?} {error:?}").contains("xx"), "payload in debug output");
            assert_eq!(io::Error::from(error).kind(), kind);
            assert_eq!(io::Error::from(failure).kind(), kind);
            assert_eq!(io::Error::from(handoff.closed().await.unwrap_err()).kind(), kind);
        }
    }

    /// A caller that looks for `EPIPE` finds it, wherever it was told.
    async fn the_code_of_an_error_of_the_operating_system_is_kept<R: Runtime>() {
        const CODE: i32 = 32;
        let writer = FnWriter(|op: Op<'_>, _: &mut Context<'_>| match op {
            Op::Write(_) => Poll::Ready(Err(io::Error::from_raw_os_error(CODE))),
            op => op.all(),
        });
        let (handoff, mut task) = stream(writer, defaults());
        let ticket = handoff.try_write(text("lost")).unwrap();
        let failure = task.run().unwrap().unwrap_err();
        let sink = (*handoff).clone().into_sink().send(text("late")).await.unwrap_err();
        let errors: [io::Error; 10] = [
            failure.into(),
            ticket.await.unwrap_err().into(),
            handoff.closed().await.unwrap_err().into(),
            handoff.flush().await.unwrap_err().into(),
            handoff.try_write(text("late")).unwrap_err().into(),
            handoff.write(text("late")).await.unwrap_err().into(),
            handoff.try_reserve(1).unwrap_err().into(),
            handoff.try_write_prefix(&mut holding(b"late"), 4).unwrap_err().into(),
            (*handoff).clone().into_writer().write_all(b"late").await.unwrap_err(),
            sink.into(),
        ];
        for (n, error) in errors.into_iter().enumerate() {
            assert_eq!(error.raw_os_error(), Some(CODE), "{n}: {error:?}");
        }
    }

    /// A log that prints an error and its sources tells what was wrong, wherever it was told, and once.
    async fn what_a_writer_said_is_in_the_chain_of_each_io_error<R: Runtime>() {
        let writer = FnWriter(|op: Op<'_>, _: &mut Context<'_>| match op {
            Op::Write(_) => Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, "the line is cut"))),
            op => op.all(),
        });
        let (handoff, mut task) = stream(writer, defaults());
        let ticket = handoff.try_write(text("lost")).unwrap();
        let failure = task.run().unwrap().unwrap_err();
        let errors: [io::Error; 5] = [
            failure.into(),
            ticket.await.unwrap_err().into(),
            handoff.closed().await.unwrap_err().into(),
            handoff.try_write(text("late")).unwrap_err().into(),
            handoff.try_reserve(1).unwrap_err().into(),
        ];
        for (n, error) in errors.into_iter().enumerate() {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            let mut told = error.to_string();
            let mut next = std::error::Error::source(&error);
            while let Some(source) = next {
                told = format!("{told}: {source}");
                next = source.source();
            }
            assert_eq!(told.matches("the line is cut").count(), 1, "{n}: {told}");
        }
    }

    /// The background task of each runtime survives what its writer does.
    async fn failures_in_the_background_reach_the_producer<R: Runtime>() {
        for (step, _, _) in failures() {
            let (handoff, task) = WriteHandoff::new(ScriptWriter::new([WriteStep::Accept(1), step]), limits(8, 8));
            let handoff = Settled(handoff);
            R::spawn(task.detach());
            let mut accepted = 0;
            let error = loop {
                match handoff.write_fire_and_forget(filled(0, 8)).await {
                    Ok(()) => accepted += 8,
                    Err(error) => break error,
                }
            };
            assert!(!error.close_reason().unwrap().is_closed());
            assert_eq!(error.into_bytes().len(), 8);
            let failure = (*handoff).clone().into_parts().await.unwrap_err();
            assert_eq!(failure.written() as usize + failure.unwritten().concat().len(), accepted);
        }
    }
}
