//! Which peers are admitted, and until when. The end of a handshake frees everything that it held.

use std::{
    future::{Future, pending, ready},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use super::support::*;

/// How an accept ended, and what happened to what it held.
type Accepted<P> = Result<Session<ScriptReader, ScriptWriter, P>, HandshakeError>;

/// The first message of an initiator, whatever comes back.
fn first_message(pattern: Pattern) -> Vec<u8> {
    let writer = ScriptWriter::willing();
    let log = writer.log();
    let config = config();
    let end = connect(ScriptReader::new([]), writer, pattern.sides().0, &config, pending());
    assert!(matches!(end.now_or_never(), Some(Err(HandshakeError::Truncated))));
    log.written()
}

/// A responder that has got only the first message, with the log of its writer.
fn responder<A, F>(
    handshake: Noise<A>,
    first: &[u8],
    deadline: impl Future<Output = ()>,
) -> (Hand<impl Future<Output = Accepted<PublicKey>>>, WriteLog)
where
    A: FnOnce(PublicKey) -> F,
    F: Future<Output = bool>,
{
    let reader = ScriptReader::new(data(first).into_iter().chain([ReadStep::Wait(Gate::new())]));
    let writer = ScriptWriter::willing();
    let log = writer.log();
    let accepting = async move { accept(reader, writer, handshake, &config(), deadline).await };
    (Hand::new(accepting), log)
}

/// Records when it is dropped.
#[derive(Clone, Default)]
struct Drops(Arc<AtomicUsize>);

struct Held(Drops);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drops {
    fn hold(&self) -> Held {
        Held(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A reader that records when it is dropped.
struct Reads(ScriptReader, #[expect(dead_code, reason = "it is dropped")] Held);

impl AsyncRead for Reads {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

runtimes::watched_tests! {
    fn the_peer_is_asked_for_by_its_key() {
        for pattern in Pattern::ALL {
            let (initiator, responder) = keys();
            let (first, second) = (initiator.public(), responder.public());
            let (near, far) = pattern.sides();
            let sides =
                (near.admit(move |peer| ready(peer == second)), far.admit(move |peer| ready(peer == first)));
            let (near, far) = shake(sides, [&config(); 2], UNEDITED);
            assert!(near.is_ok() && far.is_ok(), "{pattern:?}: {:?} {:?}", near.err(), far.err());
        }
    }

    fn a_refused_peer_learns_nothing_but_the_end() {
        for pattern in Pattern::ALL {
            let (near, far) = pattern.sides();
            let sides = (near, far.admit(|_| ready(false)));
            let (near, far) = shake(sides, [&config(); 2], UNEDITED);
            assert!(matches!(far, Err(HandshakeError::Refused)), "{:?}", far.err());
            match near {
                // It sends the last message, and cannot know.
                Ok(session) => {
                    assert_eq!(pattern, Pattern::Xx);
                    let (received, end) = block_on(talk(session));
                    assert!(
                        received.is_empty() && matches!(end, Err(ReceiveError::Truncated { .. })),
                        "{end:?}"
                    );
                }
                Err(error) => {
                    assert!(matches!(error, HandshakeError::Truncated | HandshakeError::Io(_)), "{error:?}")
                }
            }
        }
    }

    fn an_initiator_may_refuse_too() {
        for pattern in Pattern::ALL {
            let (near, far) = pattern.sides();
            let (near, far) = shake((near.admit(|_| ready(false)), far), [&config(); 2], UNEDITED);
            assert!(matches!(near, Err(HandshakeError::Refused)), "{:?}", near.err());
            match far {
                Ok(session) => {
                    assert_eq!(pattern, Pattern::Ik, "it has answered all that it was asked");
                    let (received, end) = block_on(talk(session));
                    assert!(
                        received.is_empty() && matches!(end, Err(ReceiveError::Truncated { .. })),
                        "{end:?}"
                    );
                }
                Err(error) => assert!(matches!(error, HandshakeError::Truncated), "{error:?}"),
            }
        }
    }

    /// The claimed key was proved by then: in IK, no peer without the key reaches the callback.
    fn nothing_is_answered_before_the_peer_is_admitted() {
        for pattern in [Pattern::Ik, Pattern::Kk] {
            let first = first_message(pattern);
            let gate = Gate::new();
            let admitted = gate.clone();
            let handshake = pattern.sides().1.admit(|_| async move {
                admitted.pass().await;
                true
            });
            let (mut accepting, log) = responder(handshake, &first, pending());
            assert!(accepting.run().is_none() && gate.is_reached());
            assert!(log.is_empty(), "{pattern:?}: it has answered");
            gate.open();
            assert!(accepting.run().expect("it is admitted").is_ok());
            assert_eq!(log.len(), pattern.said()[1]);
        }
    }

    fn a_stranger_with_a_forged_key_is_not_asked_for() {
        let mut first = first_message(Pattern::Ik);
        *first.last_mut().unwrap() ^= 1;
        let handshake = Pattern::Ik.sides().1.admit(|_| async { unreachable!("it is asked for") });
        let (mut accepting, _) = responder(handshake, &first, pending());
        let end = accepting.run().expect("it does not wait").err();
        assert!(matches!(end, Some(HandshakeError::Failed { message: 1 })), "{end:?}");
    }

    fn the_deadline_covers_the_admission_and_lets_go_of_all() {
        let first = first_message(Pattern::Ik);
        let (gate, drops) = (Gate::new(), Drops::default());
        let (deadline, held) = (gate.clone(), drops.hold());
        let handshake = Pattern::Ik.sides().1.admit(|_| async move {
            let _held = held;
            pending::<()>().await;
            true
        });
        let (mut accepting, log) = responder(handshake, &first, async move { deadline.pass().await });
        assert!(accepting.run().is_none());
        assert!(!log.is_dropped());
        gate.open();
        let end = accepting.run().expect("the deadline has come").err();
        assert!(matches!(end, Some(HandshakeError::Deadline)), "{end:?}");
        assert!(log.is_dropped() && log.is_empty());
        assert_eq!(drops.count(), 1, "the callback is dropped");
    }

    fn the_deadline_covers_the_wait_for_the_peer() {
        for pattern in Pattern::ALL {
            let gate = Gate::new();
            let deadline = gate.clone();
            let (mut accepting, log) =
                responder(pattern.sides().1, &[0], async move { deadline.pass().await });
            assert!(accepting.run().is_none());
            gate.open();
            let end = accepting.run().expect("the deadline has come").err();
            assert!(matches!(end, Some(HandshakeError::Deadline)), "{end:?}");
            assert!(log.is_dropped());
        }
    }

    fn a_deadline_that_has_passed_ends_what_has_to_wait() {
        let (mut accepting, log) = responder(Pattern::Xx.sides().1, &[], ready(()));
        let end = accepting.run().expect("it does not wait").err();
        assert!(matches!(end, Some(HandshakeError::Deadline)), "{end:?}");
        assert!(log.is_dropped());
    }

    fn what_is_done_in_time_is_not_too_late() {
        let first = first_message(Pattern::Ik);
        let (mut accepting, _) = responder(Pattern::Ik.sides().1, &first, ready(()));
        assert!(accepting.run().expect("it does not wait").is_ok());
    }

    fn a_cancelled_handshake_lets_go_of_all() {
        let first = first_message(Pattern::Ik);
        let drops = Drops::default();
        let (held, read) = (drops.hold(), drops.hold());
        let handshake = Pattern::Ik.sides().1.admit(|_| async move {
            let _held = held;
            pending::<()>().await;
            true
        });
        let reader = Reads(ScriptReader::new([ReadStep::data(first)]), read);
        let writer = ScriptWriter::willing();
        let log = writer.log();
        let config = config();
        let mut accepting = Hand::new(accept(reader, writer, handshake, &config, pending()));
        assert!(accepting.run().is_none());
        assert_eq!((log.is_dropped(), drops.count()), (false, 0));
        drop(accepting);
        assert_eq!((log.is_dropped(), drops.count()), (true, 2));
    }

    fn every_failure_drops_both_halves() {
        for bytes in [&b""[..], b"\xFF\xFF", &[0, 32], &[0, 3, 1, 2, 3]] {
            let drops = Drops::default();
            let reader = Reads(ScriptReader::new(data(bytes)), drops.hold());
            let writer = ScriptWriter::willing();
            let log = writer.log();
            let config = config();
            let accepting = accept(reader, writer, Pattern::Xx.sides().1, &config, pending());
            assert!(accepting.now_or_never().expect("it does not wait").is_err());
            assert_eq!((log.is_dropped(), drops.count()), (true, 1));
        }
    }

    fn a_handshake_can_be_cancelled_at_every_poll() {
        runtimes::cancel::at_every_poll(|cut| {
            let drops = Drops::default();
            let (near, far) = pipes(3);
            let config = config();
            let (initiator, responder) = Pattern::Xx.sides();
            let mut peer = Hand::new(connect(near.0, near.1, initiator, &config, pending()));
            let mut peer_end = None;
            let held = drops.hold();
            let admitted = responder.admit(move |_| async move {
                let _held = held;
                true
            });
            let accepting = accept(far.0, far.1, admitted, &config, pending());
            let accepted = cut.run(accepting, || {
                let due = peer.is_due();
                peer_end = peer_end.take().or_else(|| if due { peer.step() } else { None });
                due
            });
            assert_eq!(drops.count(), 1, "the callback is dropped");
            let peer_end =
                peer_end.or_else(|| peer.run()).expect("the peer does not wait for one that is gone");
            match accepted {
                Some(session) => {
                    session.unwrap();
                }
                None => match peer_end {
                    Err(HandshakeError::Truncated | HandshakeError::Io(_)) => {}
                    Err(error) => panic!("{error:?}"),
                    Ok(mut session) => {
                        let end = drain(&mut session.receiver).1;
                        assert!(matches!(end, Err(ReceiveError::Truncated { buffered: 0 })), "{end:?}");
                    }
                },
            }
        });
    }
}
