//! A writer that fails at any place. The written bytes are a prefix of those without the failure,
//! so no number is used twice.

use std::io::ErrorKind;

use super::support::*;

/// What a writer does when it fails. After that it would take everything.
fn failures() -> [WriteStep; 3] {
    [WriteStep::Error(ErrorKind::ConnectionReset), WriteStep::Zero, WriteStep::OverReport(1)]
}

/// What the script sends: whole, long, and batched messages over the boundaries of keys.
fn script(near: &mut Near) {
    let _ = near.sender.try_send(b"first").map(drop);
    let _ = near.sender.try_send(&pattern(40)).map(drop);
    near.task.run();
    let _ = near.sender.try_send_batch(&[pattern(3), pattern(4)]).map(drop);
    near.task.run();
    let _ = near.sender.try_send(b"last").map(drop);
    near.task.run();
}

fn fails_after(k: usize, failure: WriteStep, config: &Config) -> Near {
    let steps = (0..k).map(|_| WriteStep::Accept(1)).chain([failure]);
    let mut near = Near::new(ScriptWriter::new(steps), config);
    script(&mut near);
    near
}

runtimes::watched_tests! {
    fn after_a_failure_at_any_byte_nothing_more_is_sealed_or_written() {
        for inline in [Inline::SameThread, Inline::Never] {
            let config = limits(100, 16).with_rekey_after(3);
            let config = config.with_write(WriteHandoffConfig::default().with_inline(inline));
            let whole = {
                let mut near = Near::willing(&config);
                script(&mut near);
                near.log.written()
            };
            for k in 0..whole.len() {
                for failure in failures() {
                    let over_report = matches!(failure, WriteStep::OverReport(_));
                    let near = fails_after(k, failure, &config);
                    let calls = near.log.calls();
                    for message in ["again", "and again"] {
                        for end in [
                            near.sender.try_send(message.as_bytes()).map(drop),
                            near.sender.send(message.as_bytes()).now_or_never().unwrap().map(drop),
                            near.sender.try_send_batch(&[message, message]).map(drop),
                            near.sender.send_batch(&[message]).now_or_never().unwrap().map(drop),
                            near.sender.flush().now_or_never().unwrap(),
                            near.sender.close().now_or_never().unwrap(),
                        ] {
                            let told = matches!(
                                end,
                                Err(SendError::Closed(
                                    CloseReason::Io(_)
                                        | CloseReason::WriteZero
                                        | CloseReason::InvalidWriter { .. }
                                ))
                            );
                            assert!(told, "{end:?}");
                        }
                    }
                    assert_eq!(near.log.calls(), calls, "the writer is called after it has failed");
                    let written = near.log.written();
                    assert!(whole.starts_with(&written), "{k} bytes");
                    assert!(if over_report { written.len() > k } else { written.len() == k }, "{k} bytes");
                }
            }
        }
    }

    fn the_peer_of_a_failed_writer_reads_what_is_whole_and_then_that_it_is_not_all() {
        let config = limits(100, 16).with_rekey_after(3);
        let mut near = Near::willing(&config);
        script(&mut near);
        let whole = near.log.len();
        let expected = opened(&config, &near.log.written()).0;
        for k in 0..whole {
            let near = fails_after(k, WriteStep::Error(ErrorKind::ConnectionReset), &config);
            let (received, end) = opened(&config, &near.log.written());
            assert!(expected.starts_with(&received));
            assert!(matches!(end, Err(ReceiveError::Truncated { .. })), "{end:?}");
        }
    }

    /// A writer that is pending and then takes the bytes of the earlier call; and one that takes
    /// few of them.
    fn no_record_is_sealed_again_for_a_slow_writer() {
        for seed in 0..200 {
            let config = limits(100, 16).with_rekey_after(3);
            let mut near = Near::willing(&config);
            script(&mut near);
            let whole = near.log.written();
            let mut near = Near::new(ScriptWriter::seeded(seed), &config);
            script(&mut near);
            assert_eq!(near.log.written(), whole, "seed {seed}");
        }
    }

    fn a_writer_task_that_is_dropped_ends_the_senders() {
        let Near { sender, task, log } = Near::willing(&config());
        drop(task);
        let gone =
            |end: Result<(), SendError>| matches!(end, Err(SendError::Closed(CloseReason::TaskDropped)));
        assert!(gone(sender.try_send(b"late").map(drop)));
        assert!(gone(sender.send(b"late").now_or_never().unwrap().map(drop)));
        assert!(gone(sender.close().now_or_never().unwrap()));
        assert!(log.is_empty());
    }

    /// The two halves are independent: one side may write on while its reader has failed, and the
    /// other way round.
    fn the_halves_fail_apart() {
        let config = config();
        let wire = wire_from(1, Role::Responder, &config, ["from the peer"]);
        let writer = ScriptWriter::new([WriteStep::Error(ErrorKind::ConnectionReset)]);
        let mut session = side(Role::Initiator, ScriptReader::new(data(&wire)), writer, &config);
        session.sender.try_send(b"lost").unwrap();
        assert!(Hand::new(session.task).run().expect("it fails").is_err());
        let (received, end) = drain(&mut session.receiver);
        assert_eq!(received, ["from the peer"]);
        end.unwrap();

        let mut broken = wire;
        broken[10] ^= 1;
        let writer = ScriptWriter::willing();
        let log = writer.log();
        let mut session = side(Role::Initiator, ScriptReader::new(data(&broken)), writer, &config);
        assert!(matches!(drain(&mut session.receiver).1, Err(ReceiveError::Unauthentic)));
        session.sender.try_send(b"still sent").unwrap();
        Hand::new(session.task).run();
        assert_eq!(opened(&config, &log.written()).0, ["still sent"]);
    }
}
