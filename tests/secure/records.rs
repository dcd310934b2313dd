//! The bytes on the wire, and what the receiver makes of them.

use super::support::*;

/// The lengths of the records for these messages, with the close record.
fn wire_lens(config: &Config, messages: &[Vec<u8>]) -> Vec<usize> {
    records(&wire_of(config, messages)).iter().map(Vec::len).collect()
}

/// The headers of the records for a batch, without the close record.
fn headers_of_batch(config: &Config, lens: &[usize]) -> Vec<[u8; 4]> {
    let messages: Vec<_> = lens.iter().map(|&len| pattern(len)).collect();
    let mut near = Near::willing(config);
    near.sender.try_send_batch(&messages).unwrap();
    near.task.run();
    let wire = near.log.written();
    let (received, _) = opened(config, &wire);
    assert_eq!(received, messages, "{lens:?}");
    records(&wire).iter().map(|record| *record.first_chunk().unwrap()).collect()
}

runtimes::watched_tests! {
    fn a_record_is_20_bytes_longer_than_its_message() {
        for suite in SUITES {
            let config = config().with_suite(suite);
            for len in [0, 5, 64, 32 * 1024] {
                assert_eq!(wire_lens(&config, &[pattern(len)]), [len + 20, 20]);
            }
        }
    }

    fn a_header_is_the_kind_and_the_length_in_the_clear() {
        let headers: Vec<_> = records(&wire_of(&limits(70_000, 65_536), [pattern(0x1234), pattern(65_537)]))
            .iter()
            .map(|record| *record.first_chunk::<4>().unwrap())
            .collect();
        assert_eq!(headers, [[0, 0, 0x12, 0x34], [2, 0, 0, 4], [3, 1, 0, 0], [3, 0, 0, 1], [4, 0, 0, 0]]);
    }

    fn nothing_of_a_message_is_on_the_wire() {
        let text = b"a text of which no part is found again";
        for suite in SUITES {
            let config = config().with_suite(suite).with_max_record_len(20);
            let mut near = Near::willing(&config);
            near.put(text);
            near.sender.try_send_batch(&[&text[..8], &text[8..16]]).unwrap();
            near.task.run();
            let wire = near.log.written();
            assert!(text.windows(4).all(|part| !wire.windows(4).any(|bytes| bytes == part)));
        }
    }

    /// The same message has other bytes on the wire each time.
    fn no_two_records_of_the_same_message_are_alike() {
        let wire = records(&wire_of(&config(), [b"same"; 100]));
        let mut sealed: Vec<_> = wire.iter().map(|record| &record[4..]).collect();
        sealed.sort_unstable();
        sealed.dedup();
        assert_eq!(sealed.len(), 101);
    }

    fn the_two_directions_have_keys_of_their_own() {
        let messages = [b"same"; 3];
        let near = wire_from(1, Role::Initiator, &config(), messages);
        let far = wire_from(1, Role::Responder, &config(), messages);
        for (near, far) in records(&near).iter().zip(records(&far)) {
            assert_eq!(near[..4], far[..4]);
            assert_ne!(near[4..], far[4..]);
        }
    }

    fn messages_come_out_as_they_went_in() {
        for suite in SUITES {
            let config = config().with_suite(suite);
            let lens = [0, 1, 15, 16, 1023, 1024, 1025, 4096, 65_535, 65_536, 65_537, 256 * 1024];
            let messages: Vec<_> = lens.iter().map(|&len| pattern(len)).collect();
            let (received, end) = opened(&config, &wire_of(&config, &messages));
            assert!(received == messages, "{suite:?}");
            end.unwrap();
        }
    }

    fn messages_around_multiples_of_a_record_come_out_whole() {
        for max_record_len in [1, 2, 3, 4, 5, 16, 1000] {
            for k in 1..5 {
                for len in [k * max_record_len - 1, k * max_record_len, k * max_record_len + 1] {
                    let config = limits(5 * 1000, max_record_len);
                    let message = pattern(len);
                    let wire = wire_of(&config, [&message]);
                    let parts = if len > max_record_len { 1 + len.div_ceil(max_record_len) } else { 1 };
                    let announced = if parts > 1 { 4 } else { 0 };
                    assert_eq!(records(&wire).len(), parts + 1);
                    assert_eq!(wire.len(), len + announced + (parts + 1) * OVERHEAD);
                    let (received, end) = opened(&config, &wire);
                    assert_eq!(received, [message], "{len} bytes in records of {max_record_len}");
                    end.unwrap();
                }
            }
        }
    }

    fn short_messages_of_a_batch_share_a_record() {
        let config = limits(100, 16);
        let headers = |lens: &[usize]| headers_of_batch(&config, lens);
        assert_eq!(headers(&[]), [] as [[u8; 4]; 0]);
        assert_eq!(headers(&[5]), [[0, 0, 0, 5]], "one alone needs no length");
        assert_eq!(headers(&[5, 5]), [[1, 0, 0, 16]]);
        assert_eq!(headers(&[5, 6]), [[0, 0, 0, 5], [0, 0, 0, 6]], "they do not fit together");
        assert_eq!(headers(&[0; 5]), [[1, 0, 0, 15]]);
        assert_eq!(headers(&[0; 7]), [[1, 0, 0, 15], [1, 0, 0, 6]]);
        assert_eq!(
            headers(&[16, 1, 2, 17, 3]),
            [[0, 0, 0, 16], [1, 0, 0, 9], [2, 0, 0, 4], [3, 0, 0, 16], [3, 0, 0, 1], [0, 0, 0, 3],]
        );
    }

    fn a_batch_without_messages_is_accepted_and_nothing_of_it_written() {
        let mut near = Near::willing(&config());
        near.sender.try_send_batch::<&[u8]>(&[]).unwrap();
        near.sender.send_batch::<&[u8]>(&[]).now_or_never().unwrap().unwrap();
        near.task.run();
        assert!(near.log.is_empty());
        near.put(b"next");
        assert_eq!(opened(&config(), &near.log.written()).0, ["next"]);
    }

    fn the_limits_are_reached_and_not_passed() {
        let config = limits(10, 64);
        assert_eq!(opened(&config, &wire_of(&config, [pattern(10)])).0, [pattern(10)]);
        let near = Near::willing(&config);
        assert_eq!(near.sender.max_message_len(), 10);
        let error = near.sender.try_send(&pattern(11)).err();
        assert!(matches!(error, Some(SendError::TooLong { len: 11, limit: 10 })), "{error:?}");
        assert_eq!(error.unwrap().to_string(), "a message of 11 bytes exceeds the limit of 10 bytes");
    }

    fn the_input_may_be_split_at_every_byte() {
        for suite in SUITES {
            let config = limits(100, 16).with_suite(suite).with_rekey_after(3);
            let mut near = Near::willing(&config);
            near.put(b"");
            near.put(pattern(50));
            near.sender.try_send_batch(&[pattern(1), pattern(0), pattern(3)]).unwrap();
            near.close();
            let wire = near.log.written();
            let expected = [0, 50, 1, 0, 3].map(pattern);
            for at in 0..=wire.len() {
                let (before, behind) = wire.split_at(at);
                let steps = data(before).into_iter().chain([ReadStep::Pending]).chain(data(behind));
                let (received, end) = drain(&mut far(&config, steps).0);
                assert_eq!(received, expected, "split at {at}");
                end.unwrap();
            }
            let single = wire.iter().flat_map(|byte| [ReadStep::Pending, ReadStep::data([*byte])]);
            let (received, end) = drain(&mut far(&config, single).0);
            assert_eq!(received, expected);
            end.unwrap();
        }
    }

    fn the_output_may_be_split_at_every_byte() {
        let config = limits(100, 16).with_rekey_after(3);
        let whole = wire_of(&config, [pattern(0), pattern(50), pattern(16)]);
        for at in 1..whole.len() {
            let steps = [WriteStep::Accept(at), WriteStep::Pending, WriteStep::Accept(1), WriteStep::Pending];
            let mut near = Near::new(ScriptWriter::new(steps), &config);
            [0, 50, 16].into_iter().for_each(|len| near.sender.try_send(&pattern(len)).map(drop).unwrap());
            near.close();
            assert_eq!(near.log.written(), whole, "split at {at}");
        }
    }

    fn what_is_buffered_can_be_taken_without_waiting() {
        let config = limits(100, 16);
        let wire = wire_of(&config, [b"one".to_vec(), b"two".to_vec(), pattern(40)]);
        let (mut receiver, log) = far(&config, data(&wire));
        assert_eq!(receiver.try_recv().unwrap(), None, "it does not read");
        assert_eq!(log.polls(), 0);
        assert_eq!(receiver.recv().now_or_never().unwrap().unwrap().unwrap(), "one");
        assert_eq!(receiver.try_recv().unwrap().unwrap(), "two");
        assert!(!receiver.is_closed());
        assert_eq!(receiver.try_recv().unwrap().unwrap(), pattern(40));
        assert_eq!(receiver.try_recv().unwrap(), None);
        assert!(receiver.is_closed());
        assert_eq!(log.polls(), 1);
        for _ in 0..2 {
            assert_eq!(receiver.recv().now_or_never().unwrap().unwrap(), None);
        }
        assert_eq!(log.polls(), 1, "it does not read past the end");
    }

    fn what_comes_behind_the_closing_record_is_not_looked_at() {
        let wire = [wire_of(&config(), [b"all"]), vec![0xFF; 100]].concat();
        let (received, end) = opened(&config(), &wire);
        assert_eq!(received, ["all"]);
        end.unwrap();
    }

    fn messages_that_are_kept_stay_as_they_are() {
        let config = limits(3000, 2000);
        let messages: Vec<_> = (0..2000_usize).map(|i| pattern(i * 37 % 2500)).collect();
        let mut near = Near::willing(&config);
        for pair in messages.chunks(2) {
            near.sender.try_send_batch(pair).unwrap();
            near.task.run();
        }
        near.close();
        let (received, end) = opened(&config, &near.log.written());
        assert!(received == messages, "a block was used again too early");
        end.unwrap();
    }
}
