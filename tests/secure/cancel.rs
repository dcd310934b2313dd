//! Every future of a session, dropped after each possible number of polls: both sides stay in step.

use std::{cell::RefCell, future::Future, pin::Pin, rc::Rc};

use super::{sending::tight, support::*};
use futures_handoff_runtimes::cancel::{Cut, at_every_poll};

type Peer = Pin<Box<dyn Future<Output = Result<(), ReceiveError>>>>;

/// Both sides, over a pipe that holds a few bytes.
struct World {
    sender: Sender<PipeWriter>,
    task: Hand<WriteTask<PipeWriter>>,
    /// Receives everything, and returns how it ended.
    peer: Hand<Peer>,
    received: Rc<RefCell<Vec<Bytes>>>,
    ended: Option<Result<(), ReceiveError>>,
    /// The other direction stays open.
    _open: (Sender<PipeWriter>, Receiver<PipeReader>),
}

impl World {
    fn new(config: &Config) -> Self {
        let (near, far) = pipes(7);
        let near = side(Role::Initiator, near.0, near.1, config);
        let far = side(Role::Responder, far.0, far.1, config);
        let received = Rc::new(RefCell::new(Vec::new()));
        let (list, mut receiver) = (Rc::clone(&received), far.receiver);
        let peer: Peer = Box::pin(async move {
            while let Some(message) = receiver.recv().await? {
                list.borrow_mut().push(message);
            }
            Ok(())
        });
        drop(far.task);
        Self {
            sender: near.sender,
            task: Hand::new(near.task),
            peer: Hand::new(peer),
            received,
            ended: None,
            _open: (far.sender, near.receiver),
        }
    }

    /// Lets one future make a step; returns whether there was one.
    fn stir(&mut self) -> bool {
        if self.task.is_due() {
            self.task.step().map(Result::unwrap);
            return true;
        }
        let due = self.peer.is_due();
        if due {
            self.ended = self.peer.step();
        }
        due
    }

    /// Sends one more, closes, and checks what arrived.
    fn goes_on(mut self, expected: &[&str]) {
        let sender = self.sender.clone();
        let mut last = Hand::new(async move {
            sender.send(b"last").await.map(drop)?;
            sender.close().await
        });
        let mut ended = None;
        loop {
            ended = ended.or_else(|| last.run());
            if !self.stir() {
                break;
            }
        }
        ended.expect("it does not wait for ever").unwrap();
        let expected = [expected, &["last"]].concat();
        self.ends(&expected);
    }

    /// All this arrives, and then the close record.
    fn ends(mut self, expected: &[&str]) {
        while self.stir() {}
        self.ended.expect("the peer reads up to the end").unwrap();
        assert_eq!(*self.received.borrow(), expected);
    }
}

fn configs() -> impl Iterator<Item = Config> {
    [Inline::SameThread, Inline::Always, Inline::Never].into_iter().flat_map(|inline| {
        [0, 6].map(|send_at| {
            let write = WriteHandoffConfig::new(2, 26).with_send_at(send_at).with_inline(inline);
            tight().with_rekey_after(2).with_write(write)
        })
    })
}

/// Runs a scenario at every poll, in each configuration. Its future has to wait in one of them at
/// least.
fn in_every_config(mut scenario: impl FnMut(&mut Cut, World)) {
    let most = configs().map(|config| at_every_poll(|cut| scenario(cut, World::new(&config)))).max();
    assert!(most > Some(1), "it never waits: there is nothing to cancel");
}

runtimes::watched_tests! {
    fn a_message_of_a_cancelled_send_is_not_sent() {
        in_every_config(|cut, mut world| {
            world.sender.try_send(b"first!").unwrap();
            let sender = world.sender.clone();
            let sent = cut.run(async { sender.send(b"second").await.map(drop) }, || world.stir());
            let expected: &[_] = if sent.is_some() { &["first!", "second"] } else { &["first!"] };
            sent.into_iter().for_each(Result::unwrap);
            world.goes_on(expected);
        });
    }

    fn messages_of_a_cancelled_batch_are_not_sent() {
        in_every_config(|cut, mut world| {
            world.sender.try_send(b"first!").unwrap();
            let sender = world.sender.clone();
            let batch = async { sender.send_batch(&["", ""]).await.map(drop) };
            let sent = cut.run(batch, || world.stir());
            let expected: &[_] = if sent.is_some() { &["first!", "", ""] } else { &["first!"] };
            sent.into_iter().for_each(Result::unwrap);
            world.goes_on(expected);
        });
    }

    fn a_long_message_of_a_cancelled_send_is_sent_whole_or_not_at_all() {
        let config = limits(20, 6).with_rekey_after(2).with_write(WriteHandoffConfig::new(1, 1));
        let most = at_every_poll(|cut| {
            let mut world = World::new(&config);
            world.sender.try_send(b"twenty bytes of text").unwrap();
            let sender = world.sender.clone();
            let sent =
                cut.run(async { sender.send(b"another long message").await.map(drop) }, || world.stir());
            let expected =
                &["twenty bytes of text", "another long message"][..if sent.is_some() { 2 } else { 1 }];
            sent.into_iter().for_each(Result::unwrap);
            world.goes_on(expected);
        });
        assert!(most > 1, "it never waits");
    }

    fn a_cancelled_wait_until_a_message_is_written_does_not_take_it_back() {
        in_every_config(|cut, mut world| {
            let ticket = world.sender.try_send(b"first!").unwrap().ticket();
            cut.run(ticket, || world.stir()).into_iter().for_each(Result::unwrap);
            world.goes_on(&["first!"]);
        });
    }

    fn a_cancelled_flush_loses_nothing() {
        in_every_config(|cut, mut world| {
            world.sender.try_send(b"first!").unwrap();
            let sender = world.sender.clone();
            cut.run(sender.flush(), || world.stir()).into_iter().for_each(Result::unwrap);
            world.goes_on(&["first!"]);
        });
    }

    /// Up to its record it has done nothing, and after that the close goes on by itself.
    fn a_cancelled_close_has_closed_or_has_done_nothing() {
        let mut undone = 0;
        in_every_config(|cut, mut world| {
            world.sender.try_send(b"first!").unwrap();
            let sender = world.sender.clone();
            cut.run(sender.close(), || world.stir()).into_iter().for_each(Result::unwrap);
            if world.sender.close_reason().is_some() {
                assert!(matches!(
                    world.sender.try_send(b"late"),
                    Err(SendError::Closed(CloseReason::Closed))
                ));
                world.ends(&["first!"]);
            } else {
                undone += 1;
                world.goes_on(&["first!"]);
            }
        });
        assert!(undone > 0, "it is never dropped while it waits for room");
    }

    fn a_cancelled_recv_loses_nothing() {
        let config = limits(20, 6).with_rekey_after(2);
        let most = at_every_poll(|cut| {
            let (near, far) = pipes(7);
            let near = side(Role::Initiator, near.0, near.1, &config);
            let mut far = side(Role::Responder, far.0, far.1, &config);
            let mut task = Hand::new(near.task);
            near.sender.try_send(b"twenty bytes of text").unwrap();
            near.sender.try_send_batch(&["1", "2"]).unwrap();
            let close_sender = near.sender.clone();
            let mut close = Hand::new(async move { close_sender.close().await });
            close.run();
            let first = cut.run(far.receiver.recv(), || {
                let due = task.is_due();
                if due {
                    task.step();
                }
                due
            });
            let mut received: Vec<_> = first.into_iter().flat_map(Result::unwrap).collect();
            let mut rest = Hand::new(drain_all(&mut far.receiver));
            let (more, end) = loop {
                task.run();
                if let Some(end) = rest.run() {
                    break end;
                }
            };
            received.extend(more);
            end.unwrap();
            assert_eq!(received, ["twenty bytes of text", "1", "2"]);
        });
        assert!(most > 5, "it has to wait for each part: {most}");
    }

    fn a_recv_that_is_given_up_after_each_byte_loses_nothing() {
        let config = limits(20, 6).with_rekey_after(2);
        let messages = ["twenty bytes of text", "", "six"];
        let wire = wire_of(&config, messages);
        let steps = wire.iter().flat_map(|byte| [ReadStep::Pending, ReadStep::data([*byte])]);
        let (mut receiver, _) = far(&config, steps);
        let mut received = Vec::new();
        loop {
            match receiver.recv().now_or_never() {
                None => {}
                Some(Ok(Some(message))) => received.push(message),
                Some(Ok(None)) => break,
                Some(Err(error)) => panic!("{error:?}"),
            }
        }
        assert_eq!(received, messages);
    }
}
