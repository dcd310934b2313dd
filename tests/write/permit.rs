//! Room that is reserved first and used later, by a permit or by the poll methods.

use super::support::*;

runtimes::tests! {
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
}
