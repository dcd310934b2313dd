//! Refused requests: a documented error that returns everything, and a stream that goes on.

use super::support::*;
use futures_util::AsyncWrite;
use std::{error::Error, io};

/// Submits `n` bytes in every way, with a handle and a sender. Each is refused at once and returns
/// its bytes.
#[track_caller]
pub(crate) fn refused<W: AsyncWrite + Unpin>(
    handoff: &WriteHandoff<W>,
    n: usize,
) -> Vec<(String, RejectReason)> {
    let of_handle = refusals("", handoff, n);
    of_handle.into_iter().chain(refusals(" of a sender", &handoff.sender(), n)).collect()
}

#[track_caller]
fn refusals<W: AsyncWrite + Unpin>(
    by: &str,
    handoff: &WriteHandoff<W>,
    n: usize,
) -> Vec<(String, RejectReason)> {
    let chunk = || filled(7, n);
    let now = "it never waits";
    let whole = [
        ("try_write", handoff.try_write(chunk()).map(drop)),
        ("write", handoff.write(chunk()).now_or_never().expect(now).map(drop)),
        ("try_write_fire_and_forget", handoff.try_write_fire_and_forget(chunk())),
        ("write_fire_and_forget", handoff.write_fire_and_forget(chunk()).now_or_never().expect(now)),
    ];
    let whole = whole.map(|(name, result)| {
        let error = result.expect_err(name);
        let reason = error.reason().clone();
        assert_eq!(error.into_bytes(), chunk(), "{name} does not give it back");
        (name, reason)
    });
    let halves = [filled(7, n / 2), filled(7, n - n / 2)];
    let (mut parts, mut buffer) = (halves.clone(), holding(&chunk()));
    let lent = [
        ("try_write_chunks", handoff.try_write_chunks(&mut parts).map(drop)),
        ("write_chunks", handoff.write_chunks(&mut parts).now_or_never().expect(now).map(drop)),
        ("try_write_slice", handoff.try_write_slice(&chunk()).map(drop)),
        ("write_slice", handoff.write_slice(&chunk()).now_or_never().expect(now).map(drop)),
        ("try_reserve", handoff.try_reserve(n).map(drop)),
        ("reserve", handoff.reserve(n).now_or_never().expect(now).map(drop)),
        ("try_write_prefix", handoff.try_write_prefix(&mut buffer, n).map(drop)),
        ("write_prefix", handoff.write_prefix(&mut buffer, n).now_or_never().expect(now).map(drop)),
    ];
    assert_eq!((&parts, buffer.peek()), (&halves, &chunk()[..]), "what was lent has changed");
    let lent = lent.map(|(name, result)| (name, result.expect_err(name)));
    whole.into_iter().chain(lent).map(|(name, reason)| (format!("{name}{by}"), reason)).collect()
}

runtimes::tests! {
    async fn every_verb_is_refused_after_close<R: Runtime>() {
        let (handoff, mut task, log) = willing(defaults());
        let permit = handoff.try_reserve(4).unwrap();
        handoff.close();
        let error = permit.send(text("sent")).unwrap_err();
        assert!(error.is_closed() && error.close_reason().is_some_and(CloseReason::is_closed));
        assert_eq!(error.into_bytes(), "sent");
        for when in ["before the end", "after it"] {
            // No bytes are a barrier, which is a write.
            for (name, reason) in [0, 2].into_iter().flat_map(|n| refused(&handoff, n)) {
                assert!(
                    matches!(reason, RejectReason::Closed(CloseReason::Closed)),
                    "{name} {when}: {reason}"
                );
            }
            let error = handoff.try_write(text("a")).unwrap_err();
            assert!(error.is_closed() && !error.is_full() && !is_too_large(error.reason()));
            handoff.dispatch();
            task.run();
        }
        assert_eq!(log.written(), b"");
        assert!(log.is_closed());
    }

    async fn too_large_is_the_answer_whatever_the_state<R: Runtime>() {
        let (handoff, mut task, _log) = willing(limits(4, 8).with_inline(Inline::Never));
        fn too_large(reason: &RejectReason, n: usize) -> bool {
            matches!(*reason, RejectReason::TooLarge { len, limit: 8 } if len == n)
        }
        for pending in [0, 8] {
            handoff.try_write_fire_and_forget(filled(0, pending)).unwrap();
            for (name, reason) in refused(&handoff, 9) {
                assert!(
                    too_large(&reason, 9) && is_too_large(&reason),
                    "{name} with {pending} pending: {reason}"
                );
            }
            for n in [usize::MAX / 2, usize::MAX] {
                assert!(too_large(&handoff.try_reserve(n).unwrap_err(), n));
                assert!(too_large(&handoff.reserve(n).now_or_never().expect("never waits").unwrap_err(), n));
            }
        }
        task.run();
        handoff.try_write_fire_and_forget(filled(0, 8)).unwrap();
        task.run();
    }

    async fn more_parts_than_items_are_too_many<R: Runtime>() {
        let (handoff, mut task, log) = willing(limits(2, 64));
        let mut parts = [text("a"), text("b"), text("c")];
        let error = handoff.try_write_chunks(&mut parts).unwrap_err();
        assert!(matches!(error, RejectReason::TooManyChunks { chunks: 3, limit: 2 }), "{error}");
        assert_eq!(error.to_string(), "a write of 3 chunks exceeds the limit of 2 entries");
        let error = handoff.write_chunks(&mut parts).now_or_never().expect("never waits").unwrap_err();
        assert!(is_too_large(&error));
        assert_eq!(parts, ["a", "b", "c"]);
        // Empty chunks do not count.
        let mut parts = [text("a"), Bytes::new(), Bytes::new(), text("b")];
        handoff.try_write_chunks(&mut parts).unwrap();
        assert!(parts.iter().all(Bytes::is_empty), "accepted ones are left empty");
        handoff.try_write_chunks(&mut []).unwrap();
        task.run();
        assert_eq!(log.written(), b"ab");
    }

    async fn a_prefix_beyond_the_buffer_is_out_of_bounds<R: Runtime>() {
        let (handoff, mut task, log) = willing(limits(4, 8));
        let mut buffer = holding(b"abc");
        for requested in [4, 9, usize::MAX] {
            let expected = format!("a prefix of {requested} bytes exceeds the 3 bytes in the buffer");
            let error = handoff.try_write_prefix(&mut buffer, requested).unwrap_err();
            assert!(matches!(error, RejectReason::OutOfBounds { available: 3, .. }));
            assert_eq!(error.to_string(), expected);
            let error = handoff.write_prefix(&mut buffer, requested).await.unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);
        }
        assert_eq!(buffer.peek(), b"abc");
        handoff.try_write_prefix(&mut buffer, 3).unwrap();
        task.run();
        assert_eq!(log.written(), b"abc");
    }

    async fn errors_name_the_limit_and_become_io_errors<R: Runtime>() {
        let (handoff, mut task, _log) = willing(limits(4, 8).with_inline(Inline::Never));
        handoff.try_write_fire_and_forget(filled(0, 8)).unwrap();
        let (full, too_large) = (handoff.try_write(text("x")), handoff.try_write(filled(b'x', 9)));
        assert_eq!(io::Error::from(full.unwrap_err()).kind(), io::ErrorKind::WouldBlock);
        assert_eq!(io::Error::from(too_large.unwrap_err()).kind(), io::ErrorKind::InvalidInput);
        for (name, reason) in refused(&handoff, 9) {
            assert_eq!(reason.to_string(), "a write of 9 bytes exceeds the limit of 8 bytes", "{name}");
            assert_eq!(io::Error::from(reason).kind(), io::ErrorKind::InvalidInput, "{name}");
        }
        assert_eq!(io::Error::from(handoff.try_reserve(1).unwrap_err()).kind(), io::ErrorKind::WouldBlock);
        let prefix = handoff.try_write_prefix(&mut holding(b"x"), 1).unwrap_err();
        assert_eq!(io::Error::from(prefix).kind(), io::ErrorKind::WouldBlock);
        handoff.downgrade().abort();
        assert!(task.run().is_some());
        let aborted = handoff.write(text("x")).await.unwrap_err();
        assert_eq!(aborted.to_string(), "the write handoff was aborted");
        assert!(aborted.source().is_none());
        assert_eq!(io::Error::from(aborted).kind(), io::ErrorKind::ConnectionAborted);
    }

    async fn the_cause_is_the_source_of_what_it_refused<R: Runtime>() {
        let (handoff, mut task, _log) =
            scripted([WriteStep::Error(io::ErrorKind::ConnectionReset)], defaults());
        put(&handoff, "a");
        assert!(task.run().is_some());
        let error = handoff.try_write(text("x")).unwrap_err();
        assert!(error.source().unwrap().downcast_ref::<io::Error>().is_some());
    }
}
