//! An attacker between the two sides that changes, moves, repeats, drops and cuts sealed bytes, or
//! announces lengths.

use std::io::ErrorKind;

use super::support::*;
use allocation_counter::measure;
use futures_util::{StreamExt, future::poll_fn};

/// The result of the far side of a session: this many of the messages, then a final error.
#[track_caller]
fn fails(
    config: &Config,
    wire: &[u8],
    genuine: &[Vec<u8>],
    expected: impl Fn(&ReceiveError) -> bool,
    what: &str,
) {
    // More bytes follow, so that the error is not just the end of the stream.
    let (mut receiver, log) = far(config, data(wire).into_iter().chain([ReadStep::Wait(Gate::new())]));
    let mut received = Vec::new();
    let error = loop {
        match receiver.recv().now_or_never() {
            Some(Ok(Some(message))) => received.push(message),
            Some(Ok(None)) => panic!("{what}: it looks like the end"),
            Some(Err(error)) => break error,
            None => panic!("{what}: it waits for more"),
        }
    };
    assert!(expected(&error), "{what}: {error:?}");
    assert_eq!(received, genuine, "{what}");
    is_dead(&mut receiver, &log);
}

fn unauthentic(error: &ReceiveError) -> bool {
    matches!(error, ReceiveError::Unauthentic)
}

/// The config of most tests, three messages for it, and the records of them.
fn three() -> (Config, [Vec<u8>; 3], Vec<Vec<u8>>) {
    let config = limits(100, 64);
    let messages = [7, 7, 7].map(pattern);
    let records = records(&wire_of(&config, &messages));
    (config, messages, records)
}

/// All but the last record, changed by `change`, fails as unauthentic after the first `genuine`
/// messages.
#[track_caller]
fn rearranged(genuine: usize, change: impl FnOnce(&mut Vec<Vec<u8>>), what: &str) {
    let (config, messages, mut records) = three();
    change(&mut records);
    fails(&config, &records.concat(), &messages[..genuine], unauthentic, what);
}

runtimes::watched_tests! {
    fn every_bit_of_a_body_and_its_tag_counts() {
        for suite in SUITES {
            let config = config().with_suite(suite);
            let (first, second) = (pattern(9), pattern(30));
            let mut near = Near::willing(&config);
            near.put(&first);
            near.put(&second);
            let wire = near.log.written();
            let begin = 9 + OVERHEAD;
            for bit in (begin + 4) * 8..wire.len() * 8 {
                let mut changed = wire.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                fails(
                    &config,
                    &changed,
                    std::slice::from_ref(&first),
                    unauthentic,
                    &format!("{suite:?}, bit {bit}"),
                );
            }
        }
    }

    /// A changed kind or length is not opened, not taken for something else, and does not look like
    /// an end.
    fn every_bit_of_a_header_counts() {
        for suite in SUITES {
            let config = limits(1000, 300).with_suite(suite);
            let kinds: [&dyn Fn(&mut Near); 4] = [
                &|near| near.put(pattern(200)),
                &|near| near.sender.try_send_batch(&[pattern(3), pattern(5)]).map(drop).unwrap(),
                &|near| near.put(pattern(301)),
                &|near| near.close(),
            ];
            for (kind, send) in kinds.into_iter().enumerate() {
                let mut near = Near::willing(&config);
                near.put(pattern(9));
                send(&mut near);
                near.task.run();
                let wire = near.log.written();
                let heads = if kind == 2 { vec![29, 29 + 24, 29 + 24 + 320] } else { vec![29] };
                for bit in heads.into_iter().flat_map(|head| (0..32).map(move |bit| (head * 8) + bit)) {
                    let mut changed = wire.clone();
                    changed[bit / 8] ^= 1 << (bit % 8);
                    // A longer record is waited for; then it is not the one that was sealed.
                    changed.extend([0; 1000]);
                    let found_out = |error: &ReceiveError| match error {
                        ReceiveError::Unauthentic | ReceiveError::Malformed(_) => true,
                        ReceiveError::TooLong { len, limit } => len > limit,
                        _ => false,
                    };
                    fails(&config, &changed, &[pattern(9)], found_out, &format!("kind {kind}, bit {bit}"));
                }
            }
        }
    }

    fn records_cannot_change_places() {
        for (a, b) in [(0, 1), (0, 2), (1, 2), (2, 3), (0, 3)] {
            rearranged(a, |records| records.swap(a, b), &format!("{a} and {b}"));
        }
    }

    fn a_record_cannot_be_repeated() {
        for at in 0..3 {
            for to in at + 1..4 {
                rearranged(
                    to,
                    |records| records.insert(to, records[at].clone()),
                    &format!("{at} before {to}"),
                );
            }
        }
    }

    fn a_record_cannot_be_left_out() {
        for at in 0..3 {
            rearranged(at, |records| drop(records.remove(at)), &format!("without {at}"));
        }
    }

    fn a_record_cannot_stand_for_another_one() {
        rearranged(1, |records| records[1] = records[0].clone(), "0 for 1");
        rearranged(1, |records| records[1] = records[2].clone(), "2 for 1");
        rearranged(2, |records| records[2] = records[1].clone(), "1 for 2");
    }

    fn the_closing_record_cannot_come_early() {
        for at in 0..3 {
            rearranged(
                at,
                |records| {
                    let close = records.pop().unwrap();
                    records.insert(at, close);
                },
                &format!("before {at}"),
            );
        }
    }

    fn the_parts_of_a_message_cannot_be_rearranged() {
        let config = limits(100, 16);
        let records = records(&wire_of(&config, [pattern(64)]));
        assert_eq!(records.len(), 6);
        for (a, b) in [(1, 2), (1, 4), (2, 3)] {
            let mut records = records.clone();
            records.swap(a, b);
            fails(&config, &records.concat(), &[], unauthentic, &format!("{a} and {b}"));
        }
        let cut = [&records[..3], &records[5..]].concat().concat();
        let malformed = |error: &ReceiveError| matches!(error, ReceiveError::Malformed(_));
        fails(&config, &cut, &[], malformed, "the close within a message");
        fails(&config, &records[1..].concat(), &[], malformed, "parts alone");
    }

    fn what_a_side_has_sent_does_not_open_at_that_side() {
        for role in [Role::Initiator, Role::Responder] {
            let config = config();
            let wire = wire_from(1, role, &config, ["mirror"]);
            let (mut receiver, log) = far_of(1, role, &config, data(&wire));
            let error = receiver.recv().now_or_never().unwrap().unwrap_err();
            assert!(unauthentic(&error), "{error:?}");
            is_dead(&mut receiver, &log);
        }
    }

    fn a_record_of_another_session_does_not_open() {
        for other in [
            wire_from(2, Role::Initiator, &config(), ["other"]),
            wire_of(&Config::new("other"), ["other"]),
            wire_of(&config().with_suite(Suite::Aes256Gcm), ["other"]),
        ] {
            fails(&config(), &other, &[], unauthentic, "of another session");
        }
    }

    fn an_end_at_any_byte_is_not_taken_for_the_end() {
        for suite in SUITES {
            let config = limits(100, 16).with_suite(suite);
            let mut near = Near::willing(&config);
            near.put(b"");
            near.put(pattern(5));
            near.put(pattern(40));
            near.sender.try_send_batch(&[pattern(3), pattern(5)]).unwrap();
            near.close();
            let wire = near.log.written();
            let expected = [0, 5, 40, 3, 5].map(pattern);
            let ends: Vec<_> = records(&wire)
                .iter()
                .scan(0, |at, record| {
                    *at += record.len();
                    Some(*at)
                })
                .collect();
            for at in 0..wire.len() {
                let (received, end) = opened(&config, &wire[..at]);
                let whole = ends.iter().rev().find(|end| **end <= at).unwrap_or(&0);
                assert!(
                    matches!(end, Err(ReceiveError::Truncated { buffered }) if buffered == at - whole),
                    "at {at}: {end:?}"
                );
                assert_eq!(received, expected[..received.len()]);
            }
            let (received, end) = opened(&config, &wire);
            assert_eq!(received, expected);
            end.unwrap();
        }
    }

    fn the_end_is_the_last_word_of_a_truncated_connection() {
        let (mut receiver, log) = far(&config(), data(&wire_of(&config(), ["whole"])[..30]));
        assert_eq!(receiver.recv().now_or_never().unwrap().unwrap().unwrap(), "whole");
        let error = receiver.recv().now_or_never().unwrap().unwrap_err();
        assert!(matches!(error, ReceiveError::Truncated { buffered: 5 }), "{error:?}");
        is_dead(&mut receiver, &log);
        assert_eq!(log.polls(), 2);
    }

    fn a_length_over_the_limit_is_refused_before_anything_else_is_read() {
        let config = limits(100, 64);
        for (kind, len, limit) in [
            (0, 65, 64),
            (0, 0xFF_FFFF, 64),
            (1, 65, 64),
            (1, 0xFF_FFFF, 64),
            (2, 5, 4),
            (2, 0xFF_FFFF, 4),
            (3, 0xFF_FFFF, 64),
            (4, 1, 0),
            (4, 0xFF_FFFF, 0),
        ] {
            let mut head = u32::to_be_bytes(len);
            head[0] = kind;
            let (mut receiver, log) = far(&config, [ReadStep::data(head), ReadStep::Wait(Gate::new())]);
            let mut result = None;
            let allocated = measure(|| result = receiver.recv().now_or_never());
            let error = result.expect("it waits for the rest").unwrap_err();
            let expected = (len as usize, limit);
            assert!(
                matches!(error, ReceiveError::TooLong { len, limit } if (len, limit) == expected),
                "kind {kind}: {error:?}"
            );
            assert_eq!(log.polls(), 1, "it reads on");
            // As much as any read takes.
            assert!(allocated.bytes_max <= 256 * 1024, "{} bytes", allocated.bytes_max);
            is_dead(&mut receiver, &log);
        }
        // A short message in a long record is refused by the limit of messages.
        let config = limits(10, 64);
        let error = opened(&config, &[0, 0, 0, 11]).1.unwrap_err();
        assert!(matches!(error, ReceiveError::TooLong { len: 11, limit: 10 }), "{error:?}");
    }

    fn a_length_within_the_limit_takes_no_memory_before_its_bytes_are_there() {
        let config = limits(8 << 20, 8 << 20);
        let head = [0, 0x7F, 0xFF, 0xFF];
        let (mut receiver, _) = far(&config, [ReadStep::data(head), ReadStep::Wait(Gate::new())]);
        let allocated = measure(|| assert!(receiver.recv().now_or_never().is_none()));
        assert!(allocated.bytes_max <= 256 * 1024, "{} bytes", allocated.bytes_max);
    }

    fn an_unknown_kind_is_refused() {
        for kind in [5, 6, 0x80, 0xFF] {
            let malformed = |error: &ReceiveError| {
                matches!(error, ReceiveError::Malformed("a record is of an unknown kind"))
            };
            fails(&config(), &[kind, 0, 0, 0], &[], malformed, "unknown");
        }
    }

    fn noise_is_refused_whatever_it_is() {
        let mut random = fastrand::Rng::with_seed(15);
        for _ in 0..2000 {
            let len = random.usize(4..200);
            let mut noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(len).collect();
            // Most headers are refused at once: these are not.
            noise[..3].copy_from_slice(&[random.u8(..5), 0, 0]);
            noise[3] = random.u8(..100);
            let (received, end) = opened(&limits(100, 64), &noise);
            assert!(received.is_empty() && end.is_err());
        }
    }

    fn a_reader_that_fails_is_named_and_not_asked_again() {
        let kind = ErrorKind::ConnectionReset;
        let wire = wire_of(&config(), ["whole"]);
        let steps = [ReadStep::data(&wire[..30]), ReadStep::Error(kind), ReadStep::data(&wire[30..])];
        let (mut receiver, log) = far(&config(), steps);
        assert_eq!(receiver.recv().now_or_never().unwrap().unwrap().unwrap(), "whole");
        let error = receiver.recv().now_or_never().unwrap().unwrap_err();
        assert!(matches!(&error, ReceiveError::Io(error) if error.kind() == kind), "{error:?}");
        is_dead(&mut receiver, &log);
        let steps = [ReadStep::data(&wire[..10]), ReadStep::OverReport(1)];
        let error = drain(&mut far(&config(), steps).0).1.unwrap_err();
        assert!(matches!(error, ReceiveError::Io(_)), "{error:?}");
    }

    fn a_stream_of_messages_ends_after_its_error_or_the_close() {
        let config = config();
        let mut wire = wire_of(&config, ["one", "two"]);
        let whole = wire.clone();
        wire[24] ^= 1;
        for (wire, messages) in [(whole, 2), (wire, 1)] {
            let (mut receiver, log) =
                far(&config, data(&wire).into_iter().chain([ReadStep::Wait(Gate::new())]));
            let items: Vec<_> = block_on(receiver.by_ref().collect());
            assert_eq!(items.iter().filter(|item| item.is_ok()).count(), messages);
            assert_eq!(items.len(), 2, "{items:?}");
            let polls = log.polls();
            assert!(receiver.next().now_or_never().unwrap().is_none());
            assert_eq!(log.polls(), polls);
        }
    }

    fn a_poll_is_what_recv_awaits() {
        let (mut receiver, _) = far(&config(), data(&wire_of(&config(), ["one"])));
        let next = poll_fn(|cx| receiver.poll_recv(cx)).now_or_never().unwrap();
        assert_eq!(next.unwrap().unwrap(), "one");
    }

    fn errors_of_a_receiver_become_errors_of_io() {
        for (error, kind) in [
            (ReceiveError::Io(ErrorKind::ConnectionReset.into()), ErrorKind::ConnectionReset),
            (ReceiveError::Truncated { buffered: 0 }, ErrorKind::UnexpectedEof),
            (ReceiveError::TooLong { len: 2, limit: 1 }, ErrorKind::InvalidData),
            (ReceiveError::Unauthentic, ErrorKind::InvalidData),
            (ReceiveError::Malformed("why"), ErrorKind::InvalidData),
            (ReceiveError::Closed, ErrorKind::NotConnected),
        ] {
            assert_eq!(std::io::Error::from(error).kind(), kind);
        }
    }
}
