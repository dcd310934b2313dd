//! A sender as a `Sink`, and a receiver as a `Stream`.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use futures_handoff::message::MessageSink;
use futures_util::{Sink, SinkExt, stream};

use super::support::*;

fn text_sink(sender: Sender<&'static str>) -> MessageSink<&'static str, impl FnMut(&&'static str) -> usize> {
    sender.into_sink(|text| text.len())
}

#[test]
fn a_sink_declares_the_bytes_of_each_message() {
    let (sender, receiver) = handoff(8, 100);
    let mut sink = text_sink(sender.clone());
    sink.feed("four").now_or_never().unwrap().unwrap();
    sink.send("seven77").now_or_never().unwrap().unwrap();
    assert_eq!(pending(&sender), (2, 11));
    assert_eq!(drained(&receiver), ["four", "seven77"]);
}

#[test]
fn a_sink_holds_one_message_that_waits() {
    let (sender, receiver) = handoff(1, 100);
    let mut sink = text_sink(sender);
    sink.feed("queued").now_or_never().unwrap().unwrap();
    sink.feed("waits").now_or_never().unwrap().unwrap();
    assert!(sink.flush().now_or_never().is_none() && sink.feed("third").now_or_never().is_none());
    assert_eq!((receiver.len(), format!("{sink:?}").contains("waiting: Some(5)")), (1, true));
    drop(receiver.try_recv().unwrap());
    sink.flush().now_or_never().unwrap().unwrap();
    assert_eq!(*receiver.try_recv().unwrap(), "waits");
}

#[test]
fn a_message_that_waits_can_be_taken_back() {
    let (sender, receiver) = handoff(1, 100);
    sender.try_send("queued", 1).unwrap();
    let mut sink = text_sink(sender.clone());
    assert_eq!(sink.take_waiting(), None);
    // Before it is in the line, in the line, and when it has its room.
    for step in 0..3 {
        sink.feed("waits").now_or_never().unwrap().unwrap();
        assert!(step == 0 || sink.flush().now_or_never().is_none());
        if step == 2 {
            drop(receiver.try_recv().unwrap());
        }
        assert_eq!((sink.take_waiting(), sink.take_waiting()), (Some("waits"), None));
    }
    assert_eq!(pending(&sender), (0, 0));
}

#[test]
fn a_sink_that_is_dropped_gives_its_place_up() {
    let (sender, receiver) = handoff(1, 100);
    sender.try_send("queued", 1).unwrap();
    for granted in [false, true] {
        let mut sink = text_sink(sender.clone());
        sink.feed("waits").now_or_never().unwrap().unwrap();
        assert!(sink.flush().now_or_never().is_none());
        if granted {
            drop(receiver.try_recv().unwrap());
        }
    }
    sender.try_send("free", 100).unwrap();
}

#[test]
fn a_message_that_is_too_large_is_an_error_and_the_sink_goes_on() {
    let (sender, receiver) = handoff(8, 5);
    let mut sink = text_sink(sender);
    let refused = sink.send("too large").now_or_never().unwrap().unwrap_err();
    assert_eq!(refused.reason(), RejectReason::TooLarge { bytes: 9, limit: 5 });
    assert_eq!(refused.into_message(), "too large");
    sink.send("fits").now_or_never().unwrap().unwrap();
    assert_eq!(drained(&receiver), ["fits"]);
}

#[test]
fn a_sink_over_a_closed_handoff_gives_each_message_back() {
    let (sender, receiver) = handoff(1, 5);
    let mut sink = text_sink(sender);
    sink.feed("first").now_or_never().unwrap().unwrap();
    sink.feed("waits").now_or_never().unwrap().unwrap();
    receiver.close();
    let refused = sink.flush().now_or_never().unwrap().unwrap_err();
    assert!(refused.is_closed());
    assert_eq!(refused.into_message(), "waits");
    assert_eq!(sink.feed("later").now_or_never().unwrap().unwrap_err().into_message(), "later");
}

#[test]
fn closing_a_sink_queues_what_waits_and_drops_its_sender() {
    let (sender, receiver) = handoff(1, 5);
    let mut sink = text_sink(sender);
    sink.feed("first").now_or_never().unwrap().unwrap();
    sink.feed("waits").now_or_never().unwrap().unwrap();
    assert!(sink.close().now_or_never().is_none());
    assert_eq!(*receiver.try_recv().unwrap(), "first");
    sink.close().now_or_never().unwrap().unwrap();
    assert!(receiver.is_closed());
    assert_eq!(drained(&receiver), ["waits"]);
    sink.close().now_or_never().unwrap().unwrap();
    let refused = sink.feed("later").now_or_never().unwrap().unwrap_err();
    assert_eq!((refused.is_closed(), refused.into_message()), (true, "later"));
}

#[test]
#[should_panic(expected = "the sink is not ready")]
fn a_sink_that_was_not_asked_whether_it_is_ready_panics() {
    let (sender, _receiver) = handoff(1, 5);
    let mut sink = text_sink(sender);
    let mut sink = Pin::new(&mut sink);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(sink.as_mut().poll_ready(&mut cx), Poll::Ready(Ok(()))));
    for _ in 0..3 {
        sink.as_mut().start_send("again").unwrap();
    }
}

runtimes::tests! {
    async fn a_stream_is_forwarded_through_a_sink_with_back_pressure<R: Runtime>() {
        let (sender, receiver) = handoff(3, 50);
        let forwarded = R::task(stream::iter(0..500).map(Ok).forward(sender.into_sink(|number| number % 50)));
        let received: Vec<usize> = receiver.map(Message::into_inner).collect().await;
        assert!(received.into_iter().eq(0..500));
        forwarded.await.unwrap();
    }
}
