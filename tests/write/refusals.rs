//! What is asked for and cannot be had: a documented error that hands everything back, and a stream that goes on.

use super::support::*;
use std::{error::Error, io};

runtimes::tests! {
    async fn every_verb_is_refused_after_close<R: Runtime>() {
        let (handoff, mut task, log) = willing(defaults());
        let mut buffer = holding(b"prefix");
        let permit = handoff.try_reserve(4).unwrap();
        handoff.close();
        let closed = |reason: Option<&CloseReason>| reason.is_some_and(CloseReason::is_closed);

        let error = permit.send(text("sent")).unwrap_err();
        assert!(error.is_closed() && closed(error.close_reason()));
        assert_eq!(error.into_bytes(), "sent");
        for _ in 0..2 {
            let error = handoff.try_write(text("a")).unwrap_err();
            assert!(error.is_closed() && !error.is_full() && !is_too_large(error.reason()) && closed(error.close_reason()));
            assert_eq!(error.into_bytes(), "a");
            let error = handoff.write(text("a")).await.unwrap_err();
            assert!(error.is_closed() && !is_too_large(error.reason()) && closed(error.close_reason()));
            assert_eq!(error.into_bytes(), "a");
            assert_eq!(handoff.try_write_fire_and_forget(text("a")).unwrap_err().into_bytes(), "a");
            assert_eq!(handoff.write_fire_and_forget(text("a")).await.unwrap_err().into_bytes(), "a");
            let mut parts = [text("a"), text("b")];
            assert!(handoff.try_write_chunks(&mut parts).unwrap_err().is_closed());
            assert!(handoff.write_chunks(&mut parts).await.unwrap_err().is_closed());
            assert_eq!(parts, [text("a"), text("b")]);
            assert!(handoff.try_write_slice(b"a").unwrap_err().is_closed());
            assert!(handoff.write_slice(b"a").await.unwrap_err().is_closed());
            assert!(handoff.try_write(Bytes::new()).unwrap_err().is_closed(), "a barrier is a write");
            assert!(handoff.write(Bytes::new()).await.unwrap_err().is_closed());
            assert!(matches!(handoff.try_reserve(1).unwrap_err(), RejectReason::Closed(CloseReason::Closed)));
            assert!(matches!(handoff.reserve(1).await.unwrap_err(), RejectReason::Closed(CloseReason::Closed)));
            let refused = |error| matches!(error, RejectReason::Closed(_));
            assert!(refused(handoff.try_write_prefix(&mut buffer, 6).unwrap_err()));
            assert!(refused(handoff.write_prefix(&mut buffer, 6).await.unwrap_err()));
            assert_eq!(buffer.peek(), b"prefix");
            let sender = handoff.sender();
            assert!(sender.try_write(text("a")).unwrap_err().is_closed());
            assert!(sender.try_write_fire_and_forget(text("a")).unwrap_err().is_closed());
            assert!(sender.write(text("a")).await.unwrap_err().is_closed());
            assert!(sender.write_fire_and_forget(text("a")).await.unwrap_err().is_closed());
            assert!(sender.write_chunks(&mut parts).await.unwrap_err().is_closed());
            handoff.dispatch();
            // A second time after the end.
            task.run();
        }
        assert_eq!(log.written(), b"");
        assert!(log.is_closed());
    }

    async fn too_large_is_the_answer_whatever_the_state<R: Runtime>() {
        let (handoff, mut task, _log) = willing(limits(4, 8).with_inline(Inline::Never));
        let mut buffer = holding(&[1; 9]);
        handoff.try_write_fire_and_forget(filled(0, 8)).unwrap();
        for _ in 0..2 {
            let huge = [9, usize::MAX / 2, usize::MAX];
            for n in huge {
                let limit_of = |error| matches!(error, RejectReason::TooLarge { len, limit: 8 } if len == n);
                assert!(limit_of(handoff.try_reserve(n).unwrap_err()));
                assert!(limit_of(handoff.reserve(n).now_or_never().expect("never waits").unwrap_err()));
            }
            let too_large = RejectReason::TooLarge { len: 9, limit: 8 }.to_string();
            assert_eq!(handoff.try_write_prefix(&mut buffer, 9).unwrap_err().to_string(), too_large);
            let error = handoff.write_prefix(&mut buffer, 9).now_or_never().expect("never waits").unwrap_err();
            assert_eq!(error.to_string(), too_large);
            assert_eq!(buffer.len(), 9);
            assert_eq!(handoff.try_write_slice(&[1; 9]).unwrap_err().to_string(), too_large);
            let error = handoff.write_slice(&[1; 9]).now_or_never().expect("never waits").unwrap_err();
            assert_eq!(error.to_string(), too_large);
            let mut parts = [filled(1, 5), filled(2, 4)];
            let error = handoff.try_write_chunks(&mut parts).unwrap_err();
            assert_eq!(error.to_string(), too_large);
            let error = handoff.write_chunks(&mut parts).now_or_never().expect("never waits").unwrap_err();
            assert_eq!(error.to_string(), too_large);
            assert_eq!(parts, [filled(1, 5), filled(2, 4)]);
            task.run();
        }
        handoff.try_write_fire_and_forget(filled(0, 8)).unwrap();
        task.run();
    }

    async fn more_parts_than_items_are_too_many<R: Runtime>() {
        let (handoff, mut task, log) = willing(limits(2, 64));
        let mut parts = [text("a"), text("b"), text("c")];
        let error = handoff.try_write_chunks(&mut parts).unwrap_err();
        assert!(matches!(error, RejectReason::TooManyChunks { chunks: 3, limit: 2 }), "{error}");
        assert_eq!(error.to_string(), "a write of 3 chunks is above the limit of 2 entries");
        let error = handoff.write_chunks(&mut parts).now_or_never().expect("never waits").unwrap_err();
        assert!(is_too_large(&error));
        assert_eq!(parts, ["a", "b", "c"]);
        // Empty ones do not count.
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
            let expected = format!("a prefix of {requested} bytes was asked for, 3 bytes are buffered");
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
        let full = handoff.try_write(text("x")).unwrap_err();
        let too_large = handoff.try_write(filled(b'x', 9)).unwrap_err();
        assert_eq!(too_large.to_string(), "a write of 9 bytes is above the limit of 8 bytes");
        assert_eq!(io::Error::from(full).kind(), io::ErrorKind::WouldBlock);
        assert_eq!(io::Error::from(too_large).kind(), io::ErrorKind::InvalidInput);
        assert_eq!(io::Error::from(handoff.try_reserve(1).unwrap_err()).kind(), io::ErrorKind::WouldBlock);
        let error = handoff.try_reserve(9).unwrap_err();
        assert_eq!(error.to_string(), "a write of 9 bytes is above the limit of 8 bytes");
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);
        let prefix = handoff.try_write_prefix(&mut holding(b"x"), 1).unwrap_err();
        assert_eq!(io::Error::from(prefix).kind(), io::ErrorKind::WouldBlock);
        handoff.downgrade().abort();
        assert!(task.run().is_some());
        let aborted = handoff.write(text("x")).await.unwrap_err();
        assert_eq!(aborted.to_string(), "the write handoff was aborted");
        assert!(aborted.source().is_none());
        assert_eq!(io::Error::from(aborted).kind(), io::ErrorKind::ConnectionAborted);
        assert_eq!(handoff.write(text("x")).await.unwrap_err().into_bytes(), "x");
    }

    async fn the_cause_is_the_source_of_what_it_refused<R: Runtime>() {
        let (handoff, mut task, _log) = scripted([WriteStep::Error(io::ErrorKind::ConnectionReset)], defaults());
        put(&handoff, "a");
        assert!(task.run().is_some());
        let error = handoff.try_write(text("x")).unwrap_err();
        assert!(error.source().unwrap().downcast_ref::<io::Error>().is_some());
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::ConnectionReset);
        let error = handoff.try_reserve(1).unwrap_err();
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::ConnectionReset);
    }
}
