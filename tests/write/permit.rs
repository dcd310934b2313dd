//! Room that is reserved first and used later, by a permit or by the poll methods.

use super::support::*;

runtimes::tests! {
    async fn a_permit_sends_without_waiting<R: Runtime>() {
        let (handoff, mut task, log) = willing(limits(8, 8));
        let permit = handoff.reserve(8).await.unwrap();
        assert_eq!((handoff.available(), handoff.pending_bytes()), (0, 0));
        assert!(handoff.try_write(text("a")).unwrap_err().is_full());
        let ticket = permit.send(text("reserved")).unwrap();
        assert_eq!(handoff.pending_bytes() + log.len(), 8);
        task.run();
        assert!(ticket.await.is_ok());
        assert_eq!(log.written(), b"reserved");
    }

    async fn a_dropped_permit_gives_its_room_to_whoever_waits<R: Runtime>() {
        let (handoff, mut task, _log) = willing(limits(8, 8));
        let permit = handoff.try_reserve(8).unwrap();
        let mut write = Hand::waiting(handoff.write(text("abcdefgh")));
        drop(permit);
        assert!(write.run().unwrap().is_ok());
        task.run();
    }

    async fn what_a_send_does_not_need_goes_to_whoever_waits<R: Runtime>() {
        let (handoff, mut task, log) = willing(limits(8, 8).with_inline(Inline::Never));
        let permit = handoff.try_reserve(8).unwrap();
        let mut fits = Hand::waiting(handoff.write(text("four")));
        let mut does_not = Hand::waiting(handoff.write(text("five5")));
        permit.send(text("abc")).unwrap();
        assert!(fits.is_due() && !does_not.is_due());
        assert!(fits.run().unwrap().is_ok());
        assert_eq!(handoff.pending_bytes(), 7);
        task.run();
        assert!(does_not.run().unwrap().is_ok());
        task.run();
        assert_eq!(log.written(), b"abcfourfive5");
    }

    async fn a_chunk_longer_than_its_permit_is_refused<R: Runtime>() {
        let (handoff, mut task, log) = willing(limits(8, 8));
        let permit = handoff.try_reserve(3).unwrap();
        let error = permit.send(text("four")).unwrap_err();
        assert!(matches!(error.reason(), RejectReason::TooLarge { len: 4, limit: 3 }), "{error}");
        assert_eq!(error.into_bytes(), "four");
        assert_eq!(handoff.available(), 8, "the permit is gone, and its room is free");
        task.run();
        assert_eq!(log.calls(), []);
    }

    async fn an_owned_permit_keeps_its_room_and_the_stream<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::willing(), limits(8, 8));
        let mut task = Hand::waiting(task);
        let dropped = handoff.try_reserve(3).unwrap().into_owned();
        let owned = handoff.try_reserve(5).unwrap().into_owned();
        assert!(handoff.try_write(text("a")).unwrap_err().is_full(), "it is the same room");
        drop(dropped);
        assert_eq!(handoff.available(), 3);
        drop(handoff);
        assert!(task.run().is_none(), "an owned permit is a handle");
        let ticket = owned.send(text("four")).unwrap();
        let writer = task.run().expect("it was the last one").unwrap();
        assert!(ticket.await.is_ok());
        assert_eq!(writer.log().written(), b"four");

        let (handoff, mut task, _log) = willing(limits(8, 8));
        let too_long = handoff.try_reserve(3).unwrap().into_owned().send(text("four")).unwrap_err();
        assert!(matches!(too_long.reason(), RejectReason::TooLarge { len: 4, limit: 3 }));
        assert_eq!((too_long.into_bytes(), handoff.available()), (text("four"), 8));
        let late = handoff.try_reserve(3).unwrap().into_owned();
        handoff.close();
        assert_eq!(late.send(text("abc")).unwrap_err().into_bytes(), "abc");
        assert!(task.run().unwrap().is_ok());
    }

    async fn a_permit_takes_an_item<R: Runtime>() {
        let (handoff, mut task, _log) = willing(ungathered(2, 8));
        let first = handoff.try_reserve(1).unwrap();
        let second = handoff.try_reserve(0).unwrap();
        assert!(matches!(handoff.try_reserve(1).unwrap_err(), RejectReason::Full { .. }));
        drop(first);
        second.send(Bytes::new()).unwrap();
        put(&handoff, "a");
        put(&handoff, "b");
        task.run();
    }

    /// The order is that of sending: nobody waits for a permit that is kept.
    async fn a_permit_does_not_hold_a_place_in_the_stream<R: Runtime>() {
        let (handoff, mut task, log) = willing(limits(8, 16));
        let permit = handoff.try_reserve(8).unwrap();
        put(&handoff, "first");
        task.run();
        assert_eq!(log.written(), b"first");
        permit.send(text("second")).unwrap();
        task.run();
        assert_eq!(log.written(), b"firstsecond");
    }

    async fn reserve_waits_in_the_same_line_as_write<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(8, 4));
        put(&handoff, "0000");
        let mut first = Hand::waiting(handoff.reserve(4));
        let mut second = Hand::waiting(handoff.write(text("2222")));
        gate.open();
        task.run();
        assert!(first.is_due() && !second.is_due());
        let permit = first.run().unwrap().unwrap();
        task.run();
        assert!(!second.is_due());
        permit.send(text("1111")).unwrap();
        task.run();
        assert!(second.run().unwrap().is_ok());
        task.run();
        assert_eq!(log.written(), b"000011112222");
    }

    async fn a_permit_outlived_by_its_stream_gives_the_bytes_back<R: Runtime>() {
        let (handoff, mut task, _log) = willing(defaults());
        let (one, two) = (handoff.try_reserve(4).unwrap(), handoff.try_reserve(4).unwrap());
        handoff.downgrade().abort();
        assert!(task.run().is_some());
        let error = one.send(text("late")).unwrap_err();
        assert!(matches!(error.close_reason(), Some(CloseReason::Aborted)));
        assert_eq!(error.into_bytes(), "late");
        drop(two);
    }
}
