//! The sending half as a sink, and the receiving half as a stream.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
};

use super::{sending::tight, support::*};
use futures_handoff::secure::SenderSink;
use futures_util::{
    Sink, SinkExt, StreamExt, TryStreamExt,
    future::{join, join3},
    stream,
};

fn sink_of(sender: &Sender<ScriptWriter>) -> SenderSink<ScriptWriter> {
    sender.clone().into_sink()
}

/// Runs a future together with the writer task.
fn beside<T>(near: &mut Near, future: impl Future<Output = T>) -> T {
    let mut future = Hand::new(future);
    loop {
        if let Some(output) = future.run() {
            return output;
        }
        assert!(near.task.is_due(), "it waits for ever");
        near.task.run();
    }
}

runtimes::watched_tests! {
    fn a_stream_of_messages_is_forwarded_to_the_peer_and_closed() {
        let config = limits(100, 16).with_rekey_after(3).with_write(WriteHandoffConfig::new(1, 1));
        let (near, far) = pipes(50);
        let near = side(Role::Initiator, near.0, near.1, &config);
        let far = side(Role::Responder, far.0, far.1, &config);
        let messages: Vec<_> = (0..100).map(|i| Bytes::from(pattern(i))).collect();
        let items = stream::iter(messages.clone()).map(Ok);
        let (_, sent, received) = block_on(join3(
            near.task.detach(),
            items.forward(near.sender.into_sink()),
            far.receiver.try_collect::<Vec<_>>(),
        ));
        sent.unwrap();
        assert_eq!(received.unwrap(), messages);
    }

    fn a_relay_of_a_stream_into_a_sink_goes_on_to_the_close() {
        let config = config();
        let wire = wire_of(&config, ["one", "two"]);
        let (receiver, _) = far(&config, data(&wire));
        let mut near = Near::of(2, Role::Initiator, ScriptWriter::willing(), &config);
        let sink = std::mem::replace(&mut near.sender, Near::willing(&config).sender).into_sink();
        let relay = receiver.map_err(std::io::Error::from).forward(sink.sink_map_err(std::io::Error::from));
        beside(&mut near, relay).unwrap();
        let (received, end) = drain(&mut far_of(2, Role::Responder, &config, data(&near.log.written())).0);
        assert_eq!(received, ["one", "two"]);
        end.unwrap();
    }

    fn a_sink_is_ready_again_once_its_message_has_room() {
        let config = tight();
        let gate = Gate::new();
        let mut near = Near::new(ScriptWriter::new([WriteStep::Wait(gate.clone())]), &config);
        let mut sink = sink_of(&near.sender);
        let item = Bytes::from_static;
        assert!(sink.feed(item(b"first!")).now_or_never().unwrap().is_ok());
        assert!(sink.feed(item(b"second")).now_or_never().unwrap().is_ok(), "it waits in the sink");
        let mut ready = Hand::new(poll_fn(|cx| Pin::new(&mut sink).poll_ready(cx)));
        assert!(ready.run().is_none() && near.task.run().is_none());
        gate.open();
        near.task.run();
        ready.run().expect("there is room").unwrap();
        drop(ready);
        beside(&mut near, sink.flush()).unwrap();
        assert_eq!(near.log.flushed(), 52);
        drop(sink);
        near.close();
        assert_eq!(opened(&config, &near.log.written()).0, ["first!", "second"]);
    }

    #[should_panic(expected = "`start_send` was called before `poll_ready` returned ready")]
    fn a_sink_that_is_not_ready_takes_nothing() {
        let near = Near::new(ScriptWriter::new([WriteStep::Wait(Gate::new())]), &tight());
        let mut sink = sink_of(&near.sender);
        for _ in 0..3 {
            Pin::new(&mut sink).start_send(Bytes::from_static(b"first!")).unwrap();
        }
    }

    fn a_message_that_still_waits_goes_with_its_sink() {
        let config = tight();
        let gate = Gate::new();
        let mut near = Near::new(ScriptWriter::new([WriteStep::Wait(gate.clone())]), &config);
        let mut sink = sink_of(&near.sender);
        sink.feed(Bytes::from_static(b"first!")).now_or_never().unwrap().unwrap();
        sink.feed(Bytes::from_static(b"second")).now_or_never().unwrap().unwrap();
        assert!(sink.flush().now_or_never().is_none());
        drop(sink);
        gate.open();
        near.task.run();
        near.put("third");
        near.close();
        let (received, end) = opened(&config, &near.log.written());
        assert_eq!(received, ["first!", "third"]);
        end.unwrap();
    }

    fn a_sink_that_is_closed_leaves_the_other_senders_open() {
        let config = config();
        let mut near = Near::willing(&config);
        let (mut first, mut second) = (sink_of(&near.sender), sink_of(&near.sender));
        beside(&mut near, first.send(Bytes::from_static(b"one"))).unwrap();
        beside(&mut near, first.close()).unwrap();
        assert!(!near.log.is_closed());
        assert!(matches!(
            first.feed(Bytes::from_static(b"late")).now_or_never().unwrap(),
            Err(SendError::Closed(_))
        ));
        beside(&mut near, second.send(Bytes::from_static(b"two"))).unwrap();
        near.put("three");
        near.close();
        let (received, end) = opened(&config, &near.log.written());
        assert_eq!(received, ["one", "two", "three"]);
        end.unwrap();
    }

    fn the_last_sink_that_is_closed_tells_the_peer() {
        let config = config();
        let near = Near::willing(&config);
        let Near { sender, mut task, log } = near;
        let (mut first, mut second) = (sink_of(&sender), sender.into_sink());
        let mut both = Hand::new(async {
            first.feed(Bytes::from_static(b"one")).await?;
            second.feed(Bytes::from_static(b"two")).await?;
            first.close().await?;
            second.close().await?;
            // A second close has nothing to do.
            first.close().await?;
            second.close().await
        });
        loop {
            if let Some(end) = both.run() {
                break end.unwrap();
            }
            assert!(task.is_due() && !log.is_closed());
            task.run();
        }
        assert!(log.is_closed());
        let (received, end) = opened(&config, &log.written());
        assert_eq!(received, ["one", "two"]);
        end.unwrap();
    }

    /// The other sender is dropped when the last sink is closed, so only the sink can send the
    /// close record.
    fn a_sender_that_was_dropped_does_not_count_as_one_that_may_send() {
        let config = config();
        let mut near = Near::willing(&config);
        let mut sink = sink_of(&near.sender);
        let mut dropped = sink_of(&near.sender);
        dropped.feed(Bytes::from_static(b"one")).now_or_never().unwrap().unwrap();
        drop(dropped);
        near.sender = Near::willing(&config).sender;
        beside(&mut near, sink.close()).unwrap();
        let (received, end) = opened(&config, &near.log.written());
        assert_eq!(received, ["one"]);
        end.unwrap();
    }

    fn a_sink_that_is_dropped_without_a_close_leaves_the_connection_truncated() {
        let config = config();
        let Near { sender, mut task, log } = Near::willing(&config);
        let mut sink = sender.into_sink();
        sink.feed(Bytes::from_static(b"one")).now_or_never().unwrap().unwrap();
        drop(sink);
        task.run().expect("it ends").unwrap();
        let (received, end) = opened(&config, &log.written());
        assert_eq!(received, ["one"]);
        assert!(matches!(end, Err(ReceiveError::Truncated { buffered: 0 })), "{end:?}");
    }

    fn a_message_that_is_too_long_leaves_a_sink_usable() {
        let config = limits(6, 6);
        let mut near = Near::willing(&config);
        let mut sink = sink_of(&near.sender);
        let error = sink.send(Bytes::from_static(b"seven..")).now_or_never().unwrap().unwrap_err();
        assert!(matches!(error, SendError::TooLong { len: 7, limit: 6 }), "{error:?}");
        beside(&mut near, sink.send(Bytes::from_static(b"six"))).unwrap();
        assert_eq!(opened(&config, &near.log.written()).0, ["six"]);
    }

    fn a_sink_of_a_closed_connection_says_so() {
        let mut near = Near::willing(&config());
        let mut sink = sink_of(&near.sender);
        near.close();
        let error = sink.send(Bytes::from_static(b"late")).now_or_never().unwrap().unwrap_err();
        assert!(matches!(error, SendError::Closed(CloseReason::Closed)), "{error:?}");
        sink.close().now_or_never().expect("it has ended").unwrap();
    }

    /// A close that is dropped and called again goes on where it was.
    fn the_close_of_a_sink_can_be_given_up_at_every_poll() {
        let config = tight().with_rekey_after(2);
        for write in [Inline::SameThread, Inline::Never] {
            let config = config.clone().with_write(WriteHandoffConfig::new(1, 1).with_inline(write));
            runtimes::cancel::at_every_poll(|cut| {
                let (near, far) = pipes(7);
                let near = side(Role::Initiator, near.0, near.1, &config);
                let mut far = side(Role::Responder, far.0, far.1, &config);
                let mut task = Hand::new(near.task);
                let mut sink = near.sender.into_sink();
                sink.feed(Bytes::from_static(b"first!")).now_or_never().unwrap().unwrap();
                sink.feed(Bytes::from_static(b"second")).now_or_never().unwrap().unwrap();
                let mut peer = Hand::new(drain_all(&mut far.receiver));
                let mut ended = None;
                let mut stir = || {
                    if task.is_due() {
                        task.step();
                        return true;
                    }
                    let due = peer.is_due();
                    if due {
                        ended = peer.step();
                    }
                    due
                };
                cut.run(sink.close(), &mut stir).into_iter().for_each(Result::unwrap);
                let mut again = Hand::new(sink.close());
                let mut closed = None;
                loop {
                    closed = closed.or_else(|| again.run());
                    if !stir() {
                        break;
                    }
                }
                closed.expect("it does not wait for ever").unwrap();
                let (received, end) = ended.expect("the peer reads up to the end");
                assert_eq!(received, ["first!", "second"]);
                end.unwrap();
            });
        }
    }

    fn two_sinks_share_a_connection_that_is_full() {
        let config = tight();
        let (near, far) = pipes(7);
        let near = side(Role::Initiator, near.0, near.1, &config);
        let far = side(Role::Responder, far.0, far.1, &config);
        let send = |sender: Sender<PipeWriter>, prefix: char| {
            let items = stream::iter((0..50).map(move |i| Ok(Bytes::from(format!("{prefix}{i}")))));
            items.forward(sender.into_sink())
        };
        let other = near.sender.clone();
        let both = join(send(near.sender, 'a'), send(other, 'b'));
        let (_, sent, received) =
            block_on(join3(near.task.detach(), both, far.receiver.try_collect::<Vec<_>>()));
        sent.0.and(sent.1).unwrap();
        let received = received.unwrap();
        for prefix in ["a", "b"] {
            let of_one: Vec<_> =
                received.iter().filter(|message| message.starts_with(prefix.as_bytes())).collect();
            let expected: Vec<_> = (0..50).map(|i| format!("{prefix}{i}")).collect();
            assert_eq!(of_one, expected.iter().collect::<Vec<_>>());
        }
    }
}
