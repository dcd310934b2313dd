//! Producers that do random things, in random schedules.

use futures_handoff::{
    HandoffBuffer, HandoffBufferConfig, Inline, WriteHandoff, WriteHandoffConfig, bytes::Bytes,
};
use shuttle::rand::{Rng, thread_rng};

use crate::{
    device::{Device, Handle, assert_outcome, poll_once, run},
    explore::{block_on, explore, thread},
};

const PRODUCERS: u8 = 3;
const STEPS: u8 = 3;

pub(crate) fn below(n: usize) -> usize {
    thread_rng().gen_range(0..n)
}

/// It writes its own letter and a rising number. Returns how many of them were accepted.
fn produce(handoff: Handle, letter: u8) -> u8 {
    let mut accepted = 0;
    for _ in 0..STEPS {
        let frame = [letter, b'0' + accepted];
        let bytes = Bytes::copy_from_slice(&frame);
        let wrote = match below(12) {
            0 => handoff.try_write_fire_and_forget(bytes).is_ok(),
            1 => {
                let ticket = block_on(handoff.write(bytes)).unwrap();
                block_on(ticket).unwrap();
                true
            }
            2 => block_on(handoff.write_fire_and_forget(bytes)).is_ok(),
            3 => poll_once(&mut handoff.write(bytes)).is_ready(),
            4 => {
                let config = HandoffBufferConfig::new(8);
                let mut buffer = HandoffBuffer::from_tail(frame[..].into(), config).unwrap();
                block_on(handoff.write_prefix(&mut buffer, 2)).is_ok()
            }
            5 => {
                block_on(handoff.flush()).unwrap();
                false
            }
            6 => {
                let _ = poll_once(&mut Box::pin(handoff.flush()));
                false
            }
            7 => {
                let room = 1 + below(2);
                let permit = block_on(handoff.reserve(room)).unwrap();
                permit.send(bytes).map_err(|_| assert_eq!(room, 1)).is_ok()
            }
            8 => {
                let write = Box::pin(async { handoff.write(bytes).await.is_ok() });
                block_on(handoff.batching(write))
            }
            9 => block_on(handoff.write_slice(&frame)).is_ok(),
            10 => block_on(handoff.sender().write(bytes)).is_ok(),
            _ => {
                handoff.with_writer(|_| ());
                handoff.dispatch();
                block_on(handoff.written()).unwrap();
                false
            }
        };
        accepted += u8::from(wrote);
    }
    accepted
}

fn any_producers(inline: Inline) {
    explore(0, move || {
        let device = Device::moody();
        let budget = 2 + below(4);
        let config = WriteHandoffConfig::new(1 + below(3), budget)
            .with_send_at(below(budget + 1))
            .with_copy_max(below(budget + 1))
            .with_inline(inline);
        let (handoff, task) = WriteHandoff::new(device.clone(), config);
        let task = run(task);
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|id| {
                let handoff = handoff.clone();
                thread::spawn(move || produce(handoff, b'a' + id))
            })
            .collect();
        drop(handoff);
        for _ in 0..below(6) {
            device.open();
            thread::yield_now();
        }
        device.calm_down();
        let accepted: Vec<u8> = producers.into_iter().map(|producer| producer.join().unwrap()).collect();
        let outcome = task.join().unwrap();
        let taken = String::from_utf8(device.taken()).unwrap();
        assert_outcome(outcome, &[&taken]);
        let mut next = [0; PRODUCERS as usize];
        for frame in taken.as_bytes().chunks(2) {
            let next = &mut next[usize::from(frame[0] - b'a')];
            assert_eq!(frame[1] - b'0', *next, "{taken}");
            *next += 1;
        }
        assert_eq!(next[..], accepted, "{taken}");
    });
}

#[test]
fn producers_that_poll_the_writer() {
    any_producers(Inline::Always);
}

#[test]
fn producers_that_leave_it_to_the_task() {
    any_producers(Inline::Never);
}

#[test]
fn producers_on_the_thread_of_the_task_or_not() {
    any_producers(Inline::SameThread);
}
