//! An attacker between the two sides of a handshake: changed bits, the end at any place, hostile
//! lengths.

use std::{
    future::pending,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use super::support::*;
use futures_util::future::join;

/// Flips every bit that one side sends, one in each handshake: at least one side notices, and
/// nothing is delivered.
fn every_bit_counts(pattern: Pattern, side: usize) {
    let config = config();
    for bit in 0..pattern.said()[side] * 8 {
        let mut edits = UNEDITED;
        edits[side] = Edit::Flip(bit);
        let (near, far) = shake(pattern.sides(), [&config; 2], edits);
        let sessions: Vec<_> = match (near, far) {
            (Ok(_), Ok(_)) => panic!("{pattern:?}: bit {bit} of side {side} does not count"),
            (near, far) => near.into_iter().chain(far).collect(),
        };
        for session in sessions {
            let (received, end) = block_on(talk(session));
            assert_eq!(received.len(), 0, "{pattern:?}: bit {bit} of side {side}");
            assert!(matches!(end, Err(ReceiveError::Truncated { buffered: 0 })), "{end:?}");
        }
    }
}

/// An announced length for the expected message without its bytes, and a reader that has no more
/// for now.
fn announcing(pattern: Pattern, role: Role, len: usize) -> (HandshakeError, WriteLog) {
    let (initiator, responder) = pattern.sides();
    let prefix = u16::try_from(len).unwrap().to_be_bytes();
    let reader = ScriptReader::new([ReadStep::data(prefix), ReadStep::Wait(Gate::new())]);
    let writer = ScriptWriter::willing();
    let log = writer.log();
    // The limit of messages, a megabyte, does not apply here.
    let config = config().with_max_message_len(1 << 20);
    let end = match role {
        Role::Initiator => connect(reader, writer, initiator, &config, pending()).now_or_never(),
        Role::Responder => accept(reader, writer, responder, &config, pending()).now_or_never(),
    };
    (end.expect("it does not wait for the message").expect_err("it is too long"), log)
}

runtimes::watched_tests! {
    fn every_bit_of_the_initiator_of_xx_counts() {
        every_bit_counts(Pattern::Xx, 0);
    }

    fn every_bit_of_the_responder_of_xx_counts() {
        every_bit_counts(Pattern::Xx, 1);
    }

    fn every_bit_of_the_initiator_of_ik_counts() {
        every_bit_counts(Pattern::Ik, 0);
    }

    fn every_bit_of_the_responder_of_ik_counts() {
        every_bit_counts(Pattern::Ik, 1);
    }

    fn every_bit_of_the_initiator_of_kk_counts() {
        every_bit_counts(Pattern::Kk, 0);
    }

    fn every_bit_of_the_responder_of_kk_counts() {
        every_bit_counts(Pattern::Kk, 1);
    }

    fn a_connection_that_ends_within_the_handshake_is_truncated() {
        let config = config();
        for pattern in Pattern::ALL {
            for (side, said) in pattern.said().into_iter().enumerate() {
                for at in 0..said {
                    let mut edits = UNEDITED;
                    edits[side] = Edit::Cut(at);
                    let (near, far) = shake(pattern.sides(), [&config; 2], edits);
                    let other = if side == 0 { far } else { near };
                    let end = other.err();
                    assert!(
                        matches!(end, Some(HandshakeError::Truncated)),
                        "{pattern:?}, {at} bytes: {end:?}"
                    );
                }
            }
        }
    }

    fn a_message_that_is_announced_as_longer_than_the_due_one_is_not_waited_for() {
        for pattern in Pattern::ALL {
            let [initiator, responder] = pattern.messages();
            for (role, due) in [(Role::Responder, initiator[0]), (Role::Initiator, responder[0])] {
                for announced in [due + 1, 65_535] {
                    let lens = [announced, due];
                    let (error, log) = announcing(pattern, role, announced);
                    assert!(
                        matches!(error, HandshakeError::TooLong { len, limit } if [len, limit] == lens),
                        "{pattern:?}, {role:?}: {error:?}"
                    );
                    assert!(log.is_dropped());
                }
            }
        }
    }

    fn a_message_that_is_shorter_than_the_due_one_fails() {
        let config = config();
        for pattern in Pattern::ALL {
            for len in 0..pattern.messages()[0][0] {
                let bytes = [&u16::try_from(len).unwrap().to_be_bytes()[..], &vec![9; len]].concat();
                let reader = ScriptReader::new([ReadStep::data(bytes)]);
                let (_, responder) = pattern.sides();
                let end = accept(reader, ScriptWriter::willing(), responder, &config, pending());
                let end = end.now_or_never().expect("it does not wait").err();
                assert!(matches!(end, Some(HandshakeError::Failed { message: 1 })), "{len} bytes: {end:?}");
            }
        }
    }

    /// An attacker replays everything that a side sent.
    fn a_handshake_that_is_said_again_gives_no_session() {
        for pattern in Pattern::ALL {
            let config = config();
            let (near, far) = pipes(1024);
            let (initiator, responder) = pattern.sides();
            let heard = Arc::new(Mutex::new(Vec::new()));
            let writer = Tap { writer: near.1, heard: heard.clone() };
            let (near, far) = block_on(join(
                connect(near.0, writer, initiator, &config, pending()),
                accept(far.0, far.1, responder, &config, pending()),
            ));
            let (near, _far) = (near.unwrap(), far.unwrap());
            near.sender.try_send(b"message").unwrap();
            let _ = Hand::new(near.task).run();
            let said = heard.lock().unwrap().clone();
            assert!(said.len() > pattern.said()[0], "the message was recorded as well");
            let reader = ScriptReader::new([ReadStep::data(&said)]);
            let (_, responder) = pattern.sides();
            let again = accept(reader, ScriptWriter::willing(), responder, &config, pending());
            match again.now_or_never().expect("it does not wait") {
                // The first message of IK and KK is always accepted. It gives an attacker no keys.
                Ok(mut session) => {
                    assert_ne!(pattern, Pattern::Xx);
                    assert_ne!(session.binding, near.binding);
                    let (received, end) = drain(&mut session.receiver);
                    assert!(received.is_empty() && matches!(end, Err(ReceiveError::Unauthentic)), "{end:?}");
                }
                Err(error) => assert!(matches!(error, HandshakeError::Failed { message: 3 }), "{error:?}"),
            }
        }
    }

    fn a_reader_or_writer_that_fails_is_named() {
        let (kind, config) = (io::ErrorKind::ConnectionReset, config());
        for pattern in Pattern::ALL {
            let responder = pattern.sides().1;
            let reader = ScriptReader::new([ReadStep::Error(kind)]);
            let end = accept(reader, ScriptWriter::willing(), responder, &config, pending());
            let end = end.now_or_never().unwrap().err();
            assert!(matches!(&end, Some(HandshakeError::Io(error)) if error.kind() == kind), "{end:?}");
            for step in [WriteStep::Error(kind), WriteStep::Zero, WriteStep::OverReport(1)] {
                let writer = ScriptWriter::new([WriteStep::Accept(3), step]);
                let initiator = pattern.sides().0;
                let end = connect(ScriptReader::new([]), writer, initiator, &config, pending());
                let end = end.now_or_never().unwrap().err();
                assert!(matches!(end, Some(HandshakeError::Io(_))), "{end:?}");
            }
        }
    }
}

/// A writer with an eavesdropper.
struct Tap {
    writer: PipeWriter,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.writer).poll_write(cx, buf);
        if let Poll::Ready(Ok(n)) = written {
            self.heard.lock().unwrap().extend_from_slice(&buf[..n]);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
