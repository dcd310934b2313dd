//! Many producers on many threads: every record arrives whole, once and in its producer's order.

use super::support::*;
use futures_handoff::{HandoffBuffer, HandoffBufferConfig};
use futures_util::{AsyncWrite, SinkExt, future::join_all};
use std::collections::HashMap;

/// A record: its producer, its number, its length, and that many bytes, which depend on all three.
fn record(producer: u8, number: u16, len: usize) -> [Bytes; 2] {
    let len = len as u16;
    let mut header = vec![producer];
    header.extend(number.to_be_bytes());
    header.extend(len.to_be_bytes());
    let body: Vec<u8> = (0..len).map(|i| (i ^ number) as u8 ^ producer).collect();
    [header.into(), body.into()]
}

/// Checks that `bytes` contains only whole records, in order; returns how many there are of each
/// producer.
fn check(mut bytes: &[u8]) -> HashMap<u8, u16> {
    let mut seen = HashMap::new();
    while !bytes.is_empty() {
        let producer = bytes[0];
        let number = u16::from_be_bytes([bytes[1], bytes[2]]);
        let len = usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
        let next = seen.entry(producer).or_insert(0);
        assert_eq!(number, *next, "a record of producer {producer} is missing, doubled or out of order");
        *next += 1;
        let expected = record(producer, number, len).concat();
        assert!(bytes.len() >= expected.len() && bytes[..expected.len()] == expected, "a record is torn");
        bytes = &bytes[expected.len()..];
    }
    seen
}

/// Submits records in every way until the stream ends; returns how many were accepted.
async fn produce<W: AsyncWrite + Unpin>(handoff: WriteHandoff<W>, producer: u8, rounds: u16) -> u16 {
    let sender = handoff.sender();
    let mut buffer = HandoffBuffer::with_config(HandoffBufferConfig::new(1 << 20));
    let mut seed = u32::from(producer) + 1;
    for number in 0..rounds {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let len = (seed >> 8) as usize % if seed >> 29 == 0 { 700 } else { 40 };
        let [header, body] = record(producer, number, len);
        let whole = || Bytes::from([&header[..], &body[..]].concat());
        let accepted = match (seed >> 16) % 9 {
            // Dropped if there is no room, and started again.
            0 => match handoff.write(whole()).now_or_never() {
                Some(written) => written.is_ok(),
                None => handoff.write(whole()).await.is_ok(),
            },
            1 => handoff.write_chunks(&mut [header, body]).await.is_ok(),
            2 => sender.write_chunks(&mut [header, body]).await.is_ok(),
            3 => match handoff.reserve(5 + len).await {
                Ok(permit) => permit.send(whole()).is_ok(),
                Err(_) => false,
            },
            4 => {
                drop(buffer.freeze_all());
                let mut source = &whole()[..];
                while !source.is_empty() {
                    buffer.read_available(&mut source).await.unwrap();
                }
                handoff.write_prefix(&mut buffer, 5 + len).await.is_ok()
            }
            5 => handoff.clone().into_sink().feed(whole()).await.is_ok(),
            6 => match sender.try_write(whole()) {
                Err(error) if error.is_full() => sender.write(error.into_bytes()).await.is_ok(),
                result => result.is_ok(),
            },
            7 => match handoff.write(whole()).await {
                Ok(ticket) => {
                    // Whether it was written before the end shows in the stream.
                    let _ = ticket.await;
                    true
                }
                Err(_) => false,
            },
            _ => {
                let mut batched = true;
                handoff
                    .batching(async {
                        batched = handoff.write_fire_and_forget(whole()).await.is_ok();
                    })
                    .await;
                batched
            }
        };
        if !accepted {
            return number;
        }
        match seed % 11 {
            0 => drop(handoff.flush().now_or_never()),
            1 => drop(handoff.flush().await),
            2 => handoff.dispatch(),
            3 => drop(handoff.reserve(100).now_or_never()),
            4 => drop(handoff.reserve(100).await),
            _ => {}
        }
    }
    rounds
}

fn config(seed: u64) -> WriteHandoffConfig {
    let inline = [Inline::SameThread, Inline::Always, Inline::Never][seed as usize % 3];
    let config = limits(12, 850).with_send_at(200).with_copy_max(30);
    config.with_inline(inline)
}

runtimes::tests! {
    async fn records_of_many_producers_arrive_whole_and_in_order<R: Runtime>() {
        for seed in 0..9 {
            let (handoff, task, log) = background::<R>(ScriptWriter::seeded(seed), config(seed));
            let producers: Vec<_> =
                (0..6).map(|producer| R::task(produce(handoff.clone(), producer, 120))).collect();
            join_all(producers).await;
            handoff.close();
            handoff.closed().await.unwrap();
            task.await.unwrap();
            let seen = check(&log.written());
            assert_eq!(seen.len(), 6);
            assert!(seen.values().all(|count| *count == 120));
            assert_eq!(log.flushed(), log.len());
        }
    }

    async fn an_abort_at_any_time_leaves_the_stream_whole<R: Runtime>() {
        for seed in 0..24 {
            let abort_after = 100 + 300 * seed as usize;
            ends_in_the_middle::<R>(ScriptWriter::seeded(seed), seed, Some(abort_after)).await;
        }
    }

    async fn a_failure_at_any_time_leaves_the_stream_whole<R: Runtime>() {
        for seed in 0..24u64 {
            let steps = (0..20 + seed * 3).map(|i| WriteStep::Accept((i * 7 + seed) as usize % 90 + 1));
            let fails = [WriteStep::Error(std::io::ErrorKind::BrokenPipe)];
            ends_in_the_middle::<R>(ScriptWriter::new(steps.chain(fails)), seed, None).await;
        }
    }
}

/// The writer fails in the middle, or the stream is aborted after this many bytes. The written and
/// the returned bytes are exactly the accepted ones.
async fn ends_in_the_middle<R: runtimes::Runtime>(
    writer: ScriptWriter,
    seed: u64,
    abort_after: Option<usize>,
) {
    let (handoff, task, log) = background::<R>(writer, config(seed));
    let producers: Vec<_> =
        (0..4).map(|producer| R::task(produce(handoff.clone(), producer, 2000))).collect();
    if let Some(len) = abort_after {
        log.wait_until(move |log| log.len() > len).await;
        handoff.downgrade().abort();
    }
    let accepted = join_all(producers).await;
    let failure = task.await.unwrap_err();
    assert_eq!(log.len() as u64, failure.written());
    let seen = check(&[log.written(), failure.unwritten().concat()].concat());
    for (producer, accepted) in accepted.into_iter().enumerate() {
        assert_eq!(seen.get(&(producer as u8)).copied().unwrap_or(0), accepted);
    }
}
