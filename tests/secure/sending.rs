//! Which sends are accepted, and how a connection ends.

use super::support::*;

/// A side that has room for one message of 6 bytes, which is there, before a writer that waits for
/// the gate.
fn full() -> (Near, Config, Gate) {
    let config = tight();
    let gate = Gate::new();
    let mut near = Near::new(ScriptWriter::new([WriteStep::Wait(gate.clone())]), &config);
    near.sender.try_send(b"first!").unwrap();
    assert!(near.task.run().is_none() && near.log.is_empty());
    (near, config, gate)
}

/// A configuration with room for one message of 6 bytes.
pub(crate) fn tight() -> Config {
    limits(6, 6).with_write(WriteHandoffConfig::new(1, 1))
}

/// Everything written opens as this, and then comes the close record.
#[track_caller]
fn arrived(near: &Near, config: &Config, expected: &[&str]) {
    let (received, end) = opened(config, &near.log.written());
    assert_eq!(received, expected);
    end.unwrap();
}

fn is_closed<T>(result: Result<T, SendError>) -> bool {
    matches!(result, Err(SendError::Closed(CloseReason::Closed)))
}

runtimes::watched_tests! {
    fn a_message_that_is_too_long_leaves_everything_usable() {
        let config = limits(6, 6);
        let mut near = Near::willing(&config);
        near.put("one");
        let before = near.log.len();
        let long: &[u8] = &[0; 7];
        for error in [
            near.sender.try_send(long).err(),
            near.sender.send(long).now_or_never().unwrap().err(),
            near.sender.try_send_batch(&[b"ok", long, b"ok"]).err(),
            near.sender.send_batch(&[b"ok", long, b"ok"]).now_or_never().unwrap().err(),
        ] {
            assert!(matches!(error, Some(SendError::TooLong { len: 7, limit: 6 })), "{error:?}");
        }
        near.task.run();
        assert_eq!(near.log.len(), before, "something of it is written");
        near.put("two");
        near.close();
        arrived(&near, &config, &["one", "two"]);
    }

    fn a_batch_over_the_budget_is_refused_whole_with_its_size() {
        let config = limits(100, 100).with_write(WriteHandoffConfig::new(100, 1000));
        let mut near = Near::willing(&config);
        let messages = vec![pattern(80); 11];
        for error in [
            near.sender.try_send_batch(&messages).err(),
            near.sender.send_batch(&messages).now_or_never().unwrap().err(),
        ] {
            assert!(matches!(error, Some(SendError::TooLong { len: 1100, limit: 1000 })), "{error:?}");
        }
        near.put("next");
        near.close();
        arrived(&near, &config, &["next"]);
    }

    fn a_batch_of_more_records_than_the_budget_has_entries_is_refused_with_their_number() {
        let config = limits(100, 100).with_write(WriteHandoffConfig::new(4, 10_000));
        let mut near = Near::willing(&config);
        let messages = vec![pattern(80); 5];
        let error = near.sender.try_send_batch(&messages).unwrap_err();
        assert!(matches!(error, SendError::TooMany { records: 5, limit: 4 }), "{error:?}");
        let sentence = "messages that take 5 records exceed the limit of 4 records";
        assert_eq!(error.to_string(), sentence);
        near.sender.try_send_batch(&messages[..4]).unwrap();
        near.close();
        assert_eq!(opened(&config, &near.log.written()).0, messages[..4]);
    }

    /// Each of these views of the same megabyte is within the limit; they are counted before any is
    /// sealed.
    fn a_batch_is_counted_before_anything_is_allocated() {
        let config = config().with_max_message_len(1 << 20);
        let near = Near::willing(&config);
        let megabyte = vec![0; 1 << 20];
        let views = vec![&megabyte[..]; 10_000];
        let mut error = None;
        let allocated = allocation_counter::measure(|| error = near.sender.try_send_batch(&views).err());
        assert!(matches!(error, Some(SendError::TooLong { .. })), "{error:?}");
        assert!(allocated.bytes_total < 1000, "{} bytes", allocated.bytes_total);
        let long = vec![0; (1 << 20) + 1];
        let with_one_over: Vec<_> = views.iter().copied().chain([&long[..]]).collect();
        let allocated =
            allocation_counter::measure(|| error = near.sender.try_send_batch(&with_one_over).err());
        assert!(matches!(error, Some(SendError::TooLong { limit: 1_048_576, .. })), "{error:?}");
        assert!(allocated.bytes_total < 1000, "{} bytes", allocated.bytes_total);
    }

    fn without_room_nothing_is_sent_and_the_numbers_stay_in_step() {
        let (mut near, config, gate) = full();
        assert!(matches!(near.sender.try_send(b"second"), Err(SendError::Full)));
        assert!(matches!(near.sender.try_send_batch(&["", ""]), Err(SendError::Full)));
        gate.open();
        near.task.run();
        near.put("third");
        near.close();
        arrived(&near, &config, &["first!", "third"]);
    }

    fn a_message_waits_for_room() {
        let (mut near, config, gate) = full();
        let sender = near.sender.clone();
        let mut waits = Hand::new(async move { sender.send(b"second").await.map(drop) });
        assert!(waits.run().is_none());
        gate.open();
        near.task.run();
        waits.run().expect("there is room").unwrap();
        near.close();
        arrived(&near, &config, &["first!", "second"]);
    }

    fn the_longest_message_fits_into_any_budget() {
        let config = limits(10_000, 7).with_write(WriteHandoffConfig::new(1, 1));
        let mut near = Near::willing(&config);
        near.put(pattern(10_000));
        near.close();
        assert_eq!(opened(&config, &near.log.written()).0, [pattern(10_000)]);
    }

    fn the_widest_limits_can_be_configured() {
        let write = WriteHandoffConfig::new(usize::MAX, usize::MAX);
        let longest = if usize::BITS > 32 { u32::MAX as usize - 1 } else { isize::MAX as usize / 2 };
        for max_record_len in [1, usize::MAX] {
            let config = limits(usize::MAX, max_record_len).with_write(write);
            assert_eq!(config.max_message_len(), longest);
            assert!(config.max_record_len() < 1 << 24);
            let mut near = Near::willing(&config);
            near.put("fits");
            near.close();
            arrived(&near, &config, &["fits"]);
        }
    }

    fn what_was_accepted_tells_when_it_is_written() {
        let (mut near, _, gate) = full();
        gate.open();
        near.task.run();
        let accepted = near.sender.try_send(b"second").unwrap();
        assert_eq!(accepted.positions(), 26..52);
        let mut ticket = Hand::new(accepted.ticket());
        assert!(ticket.run().is_none());
        near.task.run();
        ticket.run().expect("it is written").unwrap();
    }

    fn a_flush_waits_until_all_is_written_and_flushed() {
        let (mut near, _, gate) = full();
        let sender = near.sender.clone();
        let mut flush = Hand::new(async move { sender.flush().await });
        assert!(flush.run().is_none());
        gate.open();
        near.task.run();
        flush.run().expect("it is flushed").unwrap();
        assert_eq!(near.log.flushed(), 26);
    }

    fn what_is_sent_in_a_batching_future_leaves_with_its_end() {
        let mut near = Near::willing(&config());
        let sender = near.sender.clone();
        let sends = async {
            sender.send(b"one").await.map(drop)?;
            sender.send(b"two").await.map(drop)
        };
        near.sender.batching(sends).now_or_never().unwrap().unwrap();
        near.task.run();
        near.sender.try_send(b"three").unwrap();
        near.sender.dispatch();
        near.close();
        arrived(&near, &config(), &["one", "two", "three"]);
    }

    fn the_last_sender_may_be_dropped_without_a_close_and_what_was_sent_arrives() {
        let (mut near, config, gate) = full();
        let clone = near.sender.clone();
        drop(std::mem::replace(&mut near.sender, clone));
        let Near { sender, mut task, log } = near;
        drop(sender);
        assert!(task.run().is_none());
        gate.open();
        task.run().expect("it ends").unwrap();
        assert!(log.is_closed());
        let (received, end) = opened(&config, &log.written());
        assert_eq!(received, ["first!"]);
        assert!(matches!(end, Err(ReceiveError::Truncated { buffered: 0 })), "{end:?}");
    }

    fn a_close_with_a_full_queue_comes_behind_all_that_was_accepted() {
        let (mut near, config, gate) = full();
        let sender = near.sender.clone();
        let mut close = Hand::new(async move { sender.close().await });
        assert!(close.run().is_none());
        assert!(near.task.run().is_none());
        gate.open();
        while close.is_due() || near.task.is_due() {
            near.task.run();
            close.run().map(Result::unwrap);
        }
        assert!(near.log.is_closed());
        arrived(&near, &config, &["first!"]);
    }

    fn nothing_is_sent_after_a_close() {
        let mut near = Near::willing(&config());
        near.put("last");
        let clone = near.sender.clone();
        near.close();
        let written = near.log.len();
        for sender in [&near.sender, &clone] {
            assert!(is_closed(sender.try_send(b"late")));
            assert!(is_closed(sender.send(b"late").now_or_never().unwrap()));
            assert!(is_closed(sender.try_send_batch(&[b"late"])));
            assert!(is_closed(sender.send_batch(&[b"late", b"late"]).now_or_never().unwrap()));
            sender.close().now_or_never().expect("it has ended").unwrap();
            assert!(matches!(sender.close_reason(), Some(CloseReason::Closed)));
        }
        near.task.run();
        assert_eq!(near.log.len(), written);
        arrived(&near, &config(), &["last"]);
    }

    /// Sends that wait for room come before the close or are refused by it. Either way the peer
    /// reads up to the close.
    fn a_close_while_others_wait_for_room_loses_nothing_that_was_accepted() {
        for closer in 0..4 {
            let (mut near, config, gate) = full();
            let mut others: Vec<_> = (0..4_u8)
                .map(|i| {
                    let sender = near.sender.clone();
                    Hand::new(async move {
                        if i == closer {
                            sender.close().await
                        } else {
                            sender.send(&[b'0' + i]).await.map(drop)
                        }
                    })
                })
                .collect();
            let mut ends: Vec<_> = others.iter_mut().map(Hand::run).collect();
            assert!(ends.iter().all(Option::is_none));
            gate.open();
            while others.iter().any(Hand::is_due) || near.task.is_due() {
                near.task.run();
                for (end, other) in ends.iter_mut().zip(&mut others) {
                    *end = end.take().or_else(|| other.run());
                }
            }
            let expected: Vec<_> =
                ["first!".into()].into_iter().chain((0..closer).map(|i| i.to_string())).collect();
            for (i, end) in ends.into_iter().enumerate() {
                let end = end.expect("all futures have ended");
                assert!(
                    if i <= usize::from(closer) { end.is_ok() } else { is_closed(end) },
                    "{i} of {closer}"
                );
            }
            arrived(&near, &config, &expected.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    /// Several senders close at once, with a queue that is full and one that is not.
    fn all_who_close_learn_that_it_is_closed() {
        for room in [false, true] {
            let (mut near, config, gate) = full();
            if room {
                gate.open();
                near.task.run();
            }
            let mut closes: Vec<_> = (0..3)
                .map(|_| near.sender.clone())
                .map(|sender| Hand::new(async move { sender.close().await }))
                .collect();
            let mut ends: Vec<_> = closes.iter_mut().map(Hand::run).collect();
            gate.open();
            while closes.iter().any(Hand::is_due) || near.task.is_due() {
                near.task.run();
                for (end, close) in ends.iter_mut().zip(&mut closes) {
                    *end = end.take().or_else(|| close.run());
                }
            }
            for end in ends {
                end.expect("it is closed").unwrap();
            }
            arrived(&near, &config, &["first!"]);
        }
    }

    fn an_aborted_connection_tells_so_and_looks_truncated() {
        let (mut near, config, _gate) = full();
        let sender = near.sender.clone();
        let mut waits = Hand::new(async move { sender.send(b"second").await.map(drop) });
        assert!(waits.run().is_none());
        near.sender.abort();
        assert!(near.task.run().expect("it ends").is_err());
        let aborted =
            |end: Result<(), SendError>| matches!(end, Err(SendError::Closed(CloseReason::Aborted)));
        assert!(aborted(waits.run().expect("it ends")));
        assert!(aborted(near.sender.try_send(b"late").map(drop)));
        assert!(aborted(near.sender.close().now_or_never().unwrap()));
        assert!(aborted(near.sender.flush().now_or_never().unwrap()));
        let end = opened(&config, &near.log.written()).1;
        assert!(matches!(end, Err(ReceiveError::Truncated { .. })), "{end:?}");
    }

    fn errors_of_a_sender_become_errors_of_io() {
        use std::io::{Error, ErrorKind};
        assert_eq!(Error::from(SendError::Full).kind(), ErrorKind::WouldBlock);
        assert_eq!(Error::from(SendError::TooLong { len: 2, limit: 1 }).kind(), ErrorKind::InvalidInput);
        let closed = CloseReason::Io(std::sync::Arc::new(ErrorKind::ConnectionReset.into()));
        assert_eq!(Error::from(SendError::Closed(closed)).kind(), ErrorKind::ConnectionReset);
    }
}
