//! The key changes after a number of records, without a message.

use super::support::*;

runtimes::watched_tests! {
    fn both_directions_go_on_over_many_keys() {
        for suite in SUITES {
            for rekey_after in [1, 2, 3, 7] {
                let config = limits(100, 16).with_suite(suite).with_rekey_after(rekey_after);
                let messages: Vec<_> = (0..40).map(pattern).collect();
                for (from, to) in [(Role::Initiator, Role::Responder), (Role::Responder, Role::Initiator)] {
                    let wire = wire_from(1, from, &config, &messages);
                    let (received, end) = drain(&mut far_of(1, to, &config, data(&wire)).0);
                    assert_eq!(received, messages, "after {rekey_after}");
                    end.unwrap();
                }
            }
        }
    }

    /// Up to the boundary the bytes on the wire are those of a session that never changes its key.
    /// After it they differ.
    fn a_key_is_used_for_as_many_records_as_configured() {
        for suite in SUITES {
            let config = config().with_suite(suite);
            let messages = [b"same"; 10];
            // The configuration is not bound into the keys, which would differ otherwise.
            let steady = records(&wire_of_same_keys(&config, 1000, messages));
            for rekey_after in [1, 2, 3, 9] {
                let wire = records(&wire_of_same_keys(&config, rekey_after, messages));
                let alike: Vec<_> = steady.iter().zip(&wire).map(|(a, b)| a == b).collect();
                let expected: Vec<_> = (0..11).map(|record| record < rekey_after).collect();
                assert_eq!(alike, expected, "after {rekey_after}");
            }
        }
    }

    fn a_record_of_an_earlier_key_does_not_open_after_the_boundary() {
        for suite in SUITES {
            for rekey_after in [1, 2, 3] {
                let config = config().with_suite(suite).with_rekey_after(rekey_after);
                let messages: Vec<_> = (0..8).map(|i| vec![i; 4]).collect();
                let sealed = records(&wire_of(&config, &messages));
                for earlier in 0..rekey_after as usize {
                    for boundary in [rekey_after as usize, 2 * rekey_after as usize] {
                        let wire = [&sealed[..boundary], &sealed[earlier..=earlier]].concat().concat();
                        let (received, end) = opened(&config, &wire);
                        assert_eq!(received, messages[..boundary]);
                        assert!(matches!(end, Err(ReceiveError::Unauthentic)), "{end:?}");
                    }
                }
            }
        }
    }

    /// A side that changed its key at another record could not open anything after that.
    fn a_side_that_counts_otherwise_is_out_of_step() {
        for rekey_after in [2, 3] {
            let config = config().with_rekey_after(1000);
            let wire = wire_of_same_keys(&config, rekey_after, [b"same"; 5]);
            let (received, end) = drain(&mut far_of_same_keys(&config, 1000, &wire));
            assert_eq!(received.len(), rekey_after as usize);
            assert!(matches!(end, Err(ReceiveError::Unauthentic)), "{end:?}");
        }
    }
}

/// The output of a session whose keys do not depend on how often they change.
fn wire_of_same_keys<M: AsRef<[u8]>>(
    config: &Config,
    rekey_after: u64,
    messages: impl IntoIterator<Item = M>,
) -> Vec<u8> {
    let (writer, config) = (ScriptWriter::willing(), config.clone().with_rekey_after(rekey_after));
    let log = writer.log();
    let session = connect(ScriptReader::new([]), writer, SameKeys, &config, std::future::pending());
    let Session { sender, task, .. } = session.now_or_never().unwrap().unwrap();
    messages.into_iter().for_each(|message| sender.try_send(message.as_ref()).map(drop).unwrap());
    let (_, closed) = block_on(futures_util::future::join(task, sender.close()));
    closed.unwrap();
    log.written()
}

fn far_of_same_keys(config: &Config, rekey_after: u64, wire: &[u8]) -> Receiver<ScriptReader> {
    let config = config.clone().with_rekey_after(rekey_after);
    let reader = ScriptReader::new(data(wire));
    let session = accept(reader, ScriptWriter::willing(), SameKeys, &config, std::future::pending());
    session.now_or_never().unwrap().unwrap().receiver
}

/// A handshake that does not bind the configuration, as a real one must.
struct SameKeys;

impl Handshake for SameKeys {
    type Peer = ();

    async fn run<R, W>(
        self,
        _: Role,
        _: &[u8],
        _: &mut HandshakeIo<R, W>,
    ) -> Result<((), SessionKeys), HandshakeError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        Ok(((), SessionKeys::derive(&[9; 32], b"")))
    }
}
