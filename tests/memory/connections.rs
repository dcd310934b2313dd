//! What an idle connection keeps in memory: a read buffer, a write handle and its task.

use std::thread;

use allocation_counter::measure;
use futures_handoff::HandoffBuffer;

use super::{
    read_parts::{config, read_all, wait},
    support::defaults,
    writing::Stream,
};

/// The bytes that may be unread or unwritten at a time: a large frame fits.
const ROOM: usize = 2 << 20;

/// The stages of a connection, in this order.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// Made, and its task polled once.
    Fresh,
    /// It waits for its first byte.
    Waiting,
    /// 64 frames of 64 bytes went through one by one; it waits for more.
    Frames,
    /// A burst of such frames, 16 KiB at once, went through after them; it waits for more.
    Burst,
    /// A frame of 1 MiB went through; it has not been read from since.
    Large,
    /// After that it was read from, and there was nothing.
    AfterLarge,
}

/// How frames leave the read buffer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Frames {
    Borrowed,
    Owned,
}

/// Bytes of a connection, and the allocations that they are in.
type Kept = (State, i64, i64);

const BORROWED: [Kept; 6] = [
    (State::Fresh, 944, 2),
    (State::Waiting, 944, 2),
    (State::Frames, 1968, 3),
    (State::Burst, 1072, 3),
    (State::Large, (1 << 20) + 1352, 7),
    (State::AfterLarge, 1200, 4),
];
/// The same, and the block of 2 KiB that copies of small frames share.
const OWNED: [Kept; 6] = [
    (State::Fresh, 944, 2),
    (State::Waiting, 944, 2),
    (State::Frames, 4056, 5),
    (State::Burst, 3160, 5),
    (State::Large, (1 << 20) + 3440, 9),
    (State::AfterLarge, 3288, 6),
];

struct Connection {
    buffer: HandoffBuffer,
    stream: Stream,
}

impl Connection {
    fn open() -> Self {
        let stream = Stream::new(defaults().with_max_pending_bytes(ROOM));
        Self { buffer: HandoffBuffer::with_config(config(ROOM)), stream }
    }

    /// Frames arrive in pieces of at most 64 KiB, as a socket gives them, and each of them is
    /// written.
    fn pass(&mut self, mut arrival: &[u8], frame: usize, frames: Frames) {
        let Self { buffer, stream } = self;
        while !arrival.is_empty() {
            let (piece, rest) = arrival.split_at(arrival.len().min(64 << 10));
            read_all(buffer, piece);
            arrival = rest;
            while buffer.len() >= frame {
                if frames == Frames::Owned {
                    let frame = buffer.split_prefix(frame).unwrap();
                    stream.handoff.try_write_fire_and_forget(frame).unwrap();
                } else {
                    stream.handoff.try_write_prefix(buffer, frame).unwrap();
                }
            }
        }
        stream.run_dry();
        assert_eq!(buffer.len(), 0);
    }

    fn reach(&mut self, state: State, data: &[u8], frames: Frames) {
        match state {
            State::Fresh => {}
            State::Waiting | State::AfterLarge => wait(&mut self.buffer),
            State::Frames => {
                (0..64).for_each(|_| self.pass(&data[..64], 64, frames));
                wait(&mut self.buffer);
            }
            State::Burst => {
                self.pass(&data[..16 << 10], 64, frames);
                wait(&mut self.buffer);
            }
            State::Large => self.pass(data, data.len(), frames),
        }
    }
}

/// A thread keeps the last blocks that were left to it: tiny ones, which are dropped with their
/// buffers.
fn rinse() {
    let tiny = |size| HandoffBuffer::with_config(config(ROOM).with_read_reserve(size));
    let mut buffers: Vec<_> = (1..=100).map(tiny).collect();
    buffers.iter_mut().for_each(wait);
}

/// What each of this many connections keeps in each state, and nothing when they are dropped.
fn kept(connections: i64, frames: Frames, states: &[Kept]) -> Vec<Kept> {
    let work = || {
        let data = vec![7; 1 << 20];
        let mut all = Vec::with_capacity(connections as usize);
        // The memory of a thread grows to what it needs.
        let mut first = Connection::open();
        first.reach(State::Burst, &data, frames);
        drop(first);
        rinse();
        let (mut bytes, mut count) = (0, 0);
        let mut kept = Vec::new();
        for &(state, ..) in states {
            let info = measure(|| {
                if state == State::Fresh {
                    all.extend((0..connections).map(|_| Connection::open()));
                }
                all.iter_mut().for_each(|connection| connection.reach(state, &data, frames));
                rinse();
            });
            bytes += info.bytes_current;
            count += info.count_current;
            assert_eq!((bytes % connections, count % connections), (0, 0), "{bytes} bytes in {count}");
            kept.push((state, bytes / connections, count / connections));
        }
        let gone = measure(|| all.clear());
        assert_eq!((bytes + gone.bytes_current, count + gone.count_current), (0, 0));
        kept
    };
    thread::scope(|scope| scope.spawn(work).join()).unwrap()
}

#[test]
fn an_idle_connection_keeps_no_more_than_it_needs() {
    for (frames, expected) in [(Frames::Borrowed, BORROWED), (Frames::Owned, OWNED)] {
        let one = kept(1, frames, &expected);
        // The size of a lock differs between platforms.
        if cfg!(all(target_os = "linux", target_pointer_width = "64")) {
            assert_eq!(one, expected, "{frames:?}");
        }
        // Many connections add nothing beyond their own. This many large frames at once would take
        // 1 GiB.
        assert_eq!(kept(64, frames, &one), one);
        assert_eq!(kept(1024, frames, &one[..4]), one[..4]);
    }
}
