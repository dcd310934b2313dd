//! What both sides have to agree on, and what they know afterwards.

use std::{future::ready, io::ErrorKind};

use super::support::*;
use futures_util::future::join;
use static_assertions::assert_impl_all;

/// Handshakes of two sides that are configured as given, with each pattern: both have to fail, or
/// one, and then the other one sees the end of the connection.
#[track_caller]
fn disagree(initiator: &Config, responder: &Config) {
    for pattern in Pattern::ALL {
        let (near, far) = shake(pattern.sides(), [initiator, responder], UNEDITED);
        assert_failed(near.err(), far.err(), &format!("{pattern:?}"));
    }
}

/// One side has noticed, and the other one notices too, or sees the end of the connection.
#[track_caller]
pub(crate) fn assert_failed(near: Option<HandshakeError>, far: Option<HandshakeError>, what: &str) {
    let errors = [near, far];
    let found_out = |error: &HandshakeError| matches!(error, HandshakeError::Failed { .. });
    assert!(errors.iter().flatten().any(found_out), "{what}: {errors:?}");
    let told = |error: &HandshakeError| match error {
        HandshakeError::Failed { .. } | HandshakeError::Truncated => true,
        HandshakeError::Io(error) => error.kind() == ErrorKind::BrokenPipe,
        _ => false,
    };
    assert!(errors.iter().flatten().all(told), "{what}: {errors:?}");
}

runtimes::watched_tests! {
    fn both_sides_know_each_other_and_name_the_session_alike() {
        let (initiator, responder) = keys();
        let mut bindings = Vec::new();
        for pattern in Pattern::ALL {
            for suite in SUITES {
                let config = config().with_suite(suite);
                for _ in 0..2 {
                    let (near, far) = shake(pattern.sides(), [&config; 2], UNEDITED);
                    let (near, far) = (near.unwrap(), far.unwrap());
                    assert_eq!(
                        (near.peer, far.peer),
                        (responder.public(), initiator.public()),
                        "{pattern:?}"
                    );
                    assert_eq!(near.binding, far.binding, "{pattern:?}");
                    bindings.push(near.binding);
                }
            }
        }
        let sessions = bindings.len();
        bindings.sort_unstable();
        bindings.dedup();
        assert_eq!(bindings.len(), sessions, "no two sessions have the same name");
    }

    fn messages_go_both_ways_after_each_pattern() {
        for pattern in Pattern::ALL {
            for suite in SUITES {
                let config = config().with_suite(suite);
                let (near, far) = shake(pattern.sides(), [&config; 2], UNEDITED);
                let (near, far) = (near.unwrap(), far.unwrap());
                for (received, end) in <[_; 2]>::from(block_on(join(talk(near), talk(far)))) {
                    assert_eq!(received, ["message"], "{pattern:?}");
                    end.unwrap();
                }
            }
        }
    }

    fn another_namespace_fails() {
        disagree(&Config::new("test"), &Config::new("tesu"));
        disagree(&Config::new("test"), &Config::new("test\0"));
        disagree(&Config::new(""), &Config::new("test"));
    }

    fn another_suite_fails() {
        disagree(&config().with_suite(Suite::ChaCha20Poly1305), &config().with_suite(Suite::Aes256Gcm));
    }

    fn another_limit_of_messages_fails() {
        disagree(&config(), &config().with_max_message_len(256 * 1024 + 1));
        disagree(&config().with_max_message_len(0), &config().with_max_message_len(1));
    }

    fn another_limit_of_records_fails() {
        disagree(&config(), &config().with_max_record_len(64 * 1024 - 1));
    }

    fn another_number_of_records_for_a_key_fails() {
        disagree(&config(), &config().with_rekey_after((1 << 20) + 1));
    }

    fn limits_do_not_stand_for_each_other() {
        disagree(&limits(1000, 2000), &limits(2000, 1000));
        disagree(
            &config().with_max_record_len(7).with_rekey_after(9),
            &config().with_max_record_len(9).with_rekey_after(7),
        );
    }

    fn how_a_side_writes_is_its_own_business() {
        let other = config().with_write(WriteHandoffConfig::new(3, 1000).with_copy_max(0));
        let (near, far) = shake(Pattern::Kk.sides(), [&config(), &other], UNEDITED);
        assert_eq!(near.unwrap().binding, far.unwrap().binding);
    }

    fn other_patterns_do_not_understand_each_other() {
        for near in Pattern::ALL {
            for far in Pattern::ALL.into_iter().filter(|far| *far != near) {
                let sides = (near.sides().0, far.sides().1);
                let (near_end, far_end) = shake(sides, [&config(); 2], UNEDITED);
                let errors = (near_end.err(), far_end.err());
                assert!(errors.0.is_some() || errors.1.is_some(), "{near:?} with {far:?}");
            }
        }
    }

    fn a_responder_with_another_key_than_the_expected_one_fails() {
        let other = || StaticKey::from_bytes([3; 32]);
        let (initiator, responder) = keys();
        let first = initiator.public();
        let ik = (Noise::ik(initiator.clone(), Some(other().public())), Noise::ik(responder.clone(), None));
        let (near, far) = shake(ik, [&config(); 2], UNEDITED);
        assert_failed(near.err(), far.err(), "IK");
        let kk = (Noise::kk(initiator, other().public()), Noise::kk(responder, first));
        let (near, far) = shake(kk, [&config(); 2], UNEDITED);
        assert_failed(near.err(), far.err(), "KK");
    }

    fn an_initiator_with_another_key_than_the_expected_one_fails() {
        let (initiator, responder) = keys();
        let (expected, second) = (StaticKey::from_bytes([3; 32]).public(), responder.public());
        let kk = (Noise::kk(initiator, second), Noise::kk(responder, expected));
        let (near, far) = shake(kk, [&config(); 2], UNEDITED);
        assert!(matches!(far, Err(HandshakeError::Failed { message: 1 })), "{:?}", far.err());
        assert!(near.is_err());
    }

    fn an_initiator_of_ik_has_to_name_the_responder() {
        let (initiator, responder) = keys();
        let ik = (Noise::ik(initiator, None), Noise::ik(responder, None));
        let (near, far) = shake(ik, [&config(); 2], UNEDITED);
        assert!(matches!(near, Err(HandshakeError::Invalid(_))), "{:?}", near.err());
        assert!(matches!(far, Err(HandshakeError::Truncated)), "{:?}", far.err());
    }

    /// It could pass as the key of an awaited initiator, and nothing would check it.
    fn a_responder_of_ik_names_no_key_but_its_own() {
        let (initiator, responder) = keys();
        let (first, second) = (initiator.public(), responder.public());
        let ik = |named| (Noise::ik(initiator.clone(), Some(second)), Noise::ik(responder.clone(), named));
        let (near, far) = shake(ik(Some(first)), [&config(); 2], UNEDITED);
        assert!(matches!(far, Err(HandshakeError::Invalid(_))), "{:?}", far.err());
        assert!(near.is_err());
        for own in [Some(second), None] {
            let (near, far) = shake(ik(own), [&config(); 2], UNEDITED);
            assert!(near.is_ok() && far.is_ok());
        }
    }

    fn messages_may_have_to_be_empty() {
        let config = limits(0, 1);
        for pattern in Pattern::ALL {
            let (near, far) = shake(pattern.sides(), [&config; 2], UNEDITED);
            let (near, mut far) = (near.unwrap(), far.unwrap());
            assert!(matches!(near.sender.try_send(b"1"), Err(SendError::TooLong { len: 1, limit: 0 })));
            near.sender.try_send(b"").unwrap();
            let (_, closed, received) = block_on(futures_util::future::join3(
                near.task.detach(),
                near.sender.close(),
                drain_all(&mut far.receiver),
            ));
            closed.unwrap();
            assert_eq!(received.0, [""]);
            received.1.unwrap();
        }
    }

    fn a_connection_that_carries_a_byte_at_a_time_is_enough() {
        for pattern in Pattern::ALL {
            let (near, far) = shake_over(1, pattern.sides(), [&config(); 2], UNEDITED);
            for (received, end) in <[_; 2]>::from(block_on(join(talk(near.unwrap()), talk(far.unwrap())))) {
                assert_eq!(received, ["message"]);
                end.unwrap();
            }
        }
    }

    /// The side that speaks last has sent records before the other side reads its last message: one
    /// read brings both.
    fn what_comes_behind_the_last_message_is_for_the_records() {
        for pattern in Pattern::ALL {
            let (near, far) = pipes(64 * 1024);
            let (initiator, responder) = pattern.sides();
            let config = config();
            let mut near = Hand::new(connect(near.0, near.1, initiator, &config, std::future::pending()));
            let mut far = Hand::new(accept(far.0, far.1, responder, &config, std::future::pending()));
            let (mut near_session, mut far_session) = (near.run(), None);
            let (last, mut other_receiver) = if pattern == Pattern::Xx {
                assert!(far.run().is_none());
                near_session = near.run();
                let last = speak(near_session.unwrap().unwrap());
                far_session = far.run();
                (last, far_session.unwrap().unwrap().receiver)
            } else {
                assert!(near_session.is_none() && far_session.is_none());
                far_session = far.run();
                let last = speak(far_session.unwrap().unwrap());
                near_session = near.run();
                (last, near_session.unwrap().unwrap().receiver)
            };
            let there: Vec<_> = std::iter::from_fn(|| other_receiver.try_recv().unwrap()).collect();
            assert_eq!(there, ["one", "two"], "{pattern:?}: without another read");
            drop(last);
        }
    }

    fn a_handshake_of_ones_own_is_used() {
        let (near, far) = shake((Known(7), Known(7)), [&config(); 2], UNEDITED);
        let (near, far) = (near.unwrap(), far.unwrap());
        assert_eq!(near.binding, far.binding);
        let (near, far) = block_on(join(talk(near), talk(far)));
        assert_eq!((near.0, far.0), (vec![Bytes::from("message")], vec![Bytes::from("message")]));
        near.1.and(far.1).unwrap();
    }

    fn a_handshake_of_ones_own_is_given_the_prologue_of_the_configuration() {
        let same = shake((Known(7), Known(7)), [&config(), &config()], UNEDITED);
        assert_eq!(same.0.unwrap().binding, same.1.unwrap().binding);
        let other = shake((Known(7), Known(7)), [&config(), &Config::new("other")], UNEDITED);
        assert_ne!(other.0.unwrap().binding, other.1.unwrap().binding);
    }

    fn the_error_of_a_handshake_of_ones_own_is_passed_on() {
        let (near, far) = shake((Asks(b"who?"), Asks(b"what?")), [&config(); 2], UNEDITED);
        for end in [near.err(), far.err()] {
            assert!(matches!(end, Some(HandshakeError::Invalid("another question"))), "{end:?}");
        }
        let (near, far) = shake((Asks(b"who?"), Asks(b"who?")), [&config(); 2], UNEDITED);
        assert_eq!((near.unwrap().peer, far.unwrap().peer), ("who?".into(), "who?".into()));
    }

    fn a_handshake_message_of_ones_own_has_a_limit() {
        let long: &'static [u8] = vec![0; 65_536].leak();
        let (near, far) = shake((Asks(long), Asks(b"")), [&config(); 2], UNEDITED);
        assert!(matches!(near, Err(HandshakeError::Invalid(_))), "{:?}", near.err());
        assert!(far.is_err());
        let longest = &long[1..];
        let (near, far) = shake_over(1 << 20, (Asks(longest), Asks(longest)), [&config(); 2], UNEDITED);
        assert!(near.is_ok() && far.is_ok());
    }

    fn errors_become_errors_of_io() {
        let kinds = [
            (HandshakeError::Io(ErrorKind::ConnectionReset.into()), ErrorKind::ConnectionReset),
            (HandshakeError::Truncated, ErrorKind::UnexpectedEof),
            (HandshakeError::TooLong { len: 2, limit: 1 }, ErrorKind::InvalidData),
            (HandshakeError::Failed { message: 1 }, ErrorKind::InvalidData),
            (HandshakeError::Refused, ErrorKind::PermissionDenied),
            (HandshakeError::Deadline, ErrorKind::TimedOut),
            (HandshakeError::Invalid("why"), ErrorKind::InvalidInput),
        ];
        for (error, kind) in kinds {
            let (sentence, error) = (error.to_string(), std::io::Error::from(error));
            assert_eq!(error.kind(), kind);
            assert!(kind == ErrorKind::ConnectionReset || error.to_string() == sentence, "{error}");
        }
    }
}

/// A handshake that sends some bytes, and expects the same. The peer's identity is its bytes.
#[derive(Clone, Copy)]
struct Asks(&'static [u8]);

impl Handshake for Asks {
    type Peer = Bytes;

    async fn run<R, W>(
        self,
        _: Role,
        prologue: &[u8],
        io: &mut HandshakeIo<R, W>,
    ) -> Result<(Bytes, SessionKeys), HandshakeError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        io.send(self.0).await?;
        let answer = io.receive(65_535).await?;
        if answer != self.0 {
            return Err(HandshakeError::Invalid("another question"));
        }
        Ok((answer, SessionKeys::derive(&[7; 32], prologue)))
    }
}

/// Sends two messages. The returned value keeps the connection open.
fn speak<P>(session: Session<PipeReader, PipeWriter, P>) -> impl Sized {
    let Session { sender, receiver, task, .. } = session;
    let mut task = Hand::new(task);
    sender.try_send(b"one").unwrap();
    sender.try_send(b"two").unwrap();
    assert!(task.run().is_none());
    (sender, receiver, task)
}

/// Both futures can go to another thread, with a callback that is asked there.
#[test]
fn a_handshake_can_run_on_any_thread() {
    fn is_send<T: Send>(it: T) -> T {
        it
    }
    let config = config();
    let (near, far) = pipes(1);
    let (initiator, responder) = Pattern::Xx.sides();
    drop(is_send(connect(near.0, near.1, initiator, &config, ready(()))));
    drop(is_send(accept(far.0, far.1, responder.admit(|_| async { true }), &config, ready(()))));
    assert_impl_all!(Session<PipeReader, PipeWriter>: Send);
    assert_impl_all!(Sender<PipeWriter>: Send, Sync, Clone, Unpin);
    assert_impl_all!(Receiver<PipeReader>: Send, Unpin);
    assert_impl_all!(Config: Send, Sync);
}
