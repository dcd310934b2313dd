//! What frames cost: how often their bytes are moved, and how long a loop over them keeps a thread.

use std::{
    cell::Cell,
    future::Future,
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use crate::support::*;
use futures_handoff::{Delimiter, Found, FrameFinder, HandoffBuffer, LengthPrefix};
use futures_io::AsyncRead;
use futures_test::task::new_count_waker;
use futures_util::{FutureExt, StreamExt};

/// Returns content in pieces of 1 KiB, each followed by `Pending`, and records where they are put.
struct Watching {
    content: Vec<u8>,
    given: usize,
    pending: bool,
    /// Where the next piece goes if nothing is moved.
    next: usize,
    blocks: usize,
    /// Bytes that were read and moved since.
    moved: usize,
}

impl Watching {
    fn new(content: Vec<u8>) -> Self {
        Self { content, given: 0, pending: false, next: 0, blocks: 0, moved: 0 }
    }
}

impl AsyncRead for Watching {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        self.pending = !self.pending;
        if !self.pending {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let start = room.as_ptr().addr();
        if start != self.next {
            self.blocks += 1;
            self.moved += self.given;
        }
        let n = room.len().min(1024).min(self.content.len() - self.given);
        room[..n].copy_from_slice(&self.content[self.given..self.given + n]);
        self.given += n;
        self.next = start + n;
        Poll::Ready(Ok(n))
    }
}

const LONG: usize = 4 << 20;

/// A line, and bytes after it.
fn long_line() -> Vec<u8> {
    let mut line = vec![b'.'; LONG + 4096];
    line[LONG - 1] = b'\n';
    line
}

fn wants(more: usize) -> impl FrameFinder {
    move |buffered: &[u8], searched: usize| match buffered[searched..].iter().position(|byte| *byte == b'\n')
    {
        Some(at) => Found::Frame(searched + at + 1),
        None => Found::Need(if more == 0 { 0 } else { buffered.len() + more }),
    }
}

/// Searches no more than it must, as each call gets the frame from its start.
fn fixed(buffered: &[u8], _: usize) -> Found {
    match buffered.get(LONG - 1) {
        Some(_) => Found::Frame(LONG),
        None => Found::Need(buffered.len() + 1),
    }
}

fn few_moves(reader: &Watching, what: &str) {
    let Watching { moved, blocks, .. } = reader;
    // Half a block is moved to one of twice the size, or four fifths where it is known that a
    // little more is enough.
    assert!(*moved <= 5 * LONG, "{what}: {moved} bytes were moved, in {blocks} blocks");
}

#[test]
fn a_long_frame_is_moved_a_few_times_whatever_its_finder_knows() {
    let finders: [(&str, Box<dyn FrameFinder>); 6] = [
        ("delimiter", Box::new(Delimiter::new("\n"))),
        (
            "wrapped",
            Box::new(|buffered: &[u8], searched| Delimiter::new("\n").find_frame(buffered, searched)),
        ),
        ("nothing", Box::new(wants(0))),
        ("one more", Box::new(wants(1))),
        ("four more", Box::new(wants(4))),
        ("a read more", Box::new(wants(1500))),
    ];
    for (what, mut finder) in finders {
        let mut buffer = buffer(8 << 20);
        let mut reader = Watching::new(long_line());
        assert_eq!(frame(&mut buffer, &mut reader, &mut *finder).len(), LONG);
        few_moves(&reader, what);
    }
    let mut buffer = buffer(8 << 20);
    let mut reader = Watching::new(long_line());
    let mut frames = buffer.frames(&mut reader, Delimiter::new("\n"));
    assert_eq!(finish(frames.next()).unwrap().unwrap().len(), LONG);
    few_moves(&reader, "stream");
}

/// As under `select!`, where each read has a future of its own.
#[test]
fn a_long_frame_is_moved_a_few_times_in_as_many_futures_as_reads() {
    let mut header = long_line();
    header[..4].copy_from_slice(&u32::try_from(LONG - 4).unwrap().to_be_bytes());
    let finders: [(&str, Box<dyn FrameFinder>, Vec<u8>); 3] = [
        ("delimiter", Box::new(Delimiter::new("\n")), long_line()),
        ("length", Box::new(LengthPrefix::big_endian(4)), header),
        ("one more", Box::new(fixed), long_line()),
    ];
    for (what, mut finder, content) in finders {
        let mut buffer = buffer(8 << 20);
        let mut reader = Watching::new(content);
        let frame = loop {
            if let Some(frame) = buffer.next_frame(&mut reader, &mut *finder).now_or_never() {
                break frame;
            }
        };
        assert_eq!(frame.unwrap().unwrap().len(), LONG);
        few_moves(&reader, what);
    }
}

#[test]
fn an_announced_frame_gets_no_larger_block_however_little_of_it_is_left() {
    for missing in [1, 2, 100] {
        let length = 100_000;
        let frame = [&u32::try_from(length - 4).unwrap().to_be_bytes()[..], &bytes(length - 4)].concat();
        let mut buffer = buffer(8 << 20);
        let mut reader = Script::paced(&frame[..length - missing], 1000);
        let mut finder = LengthPrefix::big_endian(4);
        for piece in frame[length - missing..].chunks(1) {
            reader.push(Step::data(piece));
            reader.push(Step::Pending);
        }
        let got = loop {
            if let Some(frame) = buffer.next_frame(&mut reader, &mut finder).now_or_never() {
                break frame.unwrap().unwrap();
            }
            assert!(buffer.capacity() <= length, "{}", buffer.capacity());
        };
        assert_eq!(got, frame);
    }
}

/// Runs a loop that is never pending by itself, and checks that it yields after at most this many
/// steps.
fn yields(most: usize, steps: &Cell<usize>, run: impl Future<Output = ()>) {
    let (waker, count) = new_count_waker();
    let mut run = pin!(run);
    let (mut polls, mut total) = (0, 0);
    while run.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        polls += 1;
        assert_eq!(count.get(), polls, "it has woken its task");
        let done = steps.take();
        assert!((1..=most).contains(&done), "{done} steps at once");
        total += done;
    }
    assert!(steps.take() <= most);
    assert!(total > 2 * most, "only {total} steps in all");
}

#[test]
fn a_loop_over_frames_that_are_there_lets_other_tasks_run() {
    let steps = Cell::new(0);
    let step = || steps.set(steps.get() + 1);
    for buffered in [true, false] {
        let content = b"frame;".repeat(5000);
        let fresh =
            || if buffered { (holding(1 << 20, &content), &[][..]) } else { (buffer(1 << 20), &content[..]) };
        // A read counts in place of the frame that it brought.
        let most = if buffered { 512 } else { 513 };
        let (mut buffer, mut reader) = fresh();
        yields(most, &steps, async {
            let mut got = 0;
            while let Some(frame) = buffer.next_frame(&mut reader, &mut Delimiter::new(";")).await.unwrap() {
                assert_eq!(frame, "frame;");
                step();
                got += 1;
            }
            assert_eq!(got, 5000);
        });
        let (mut buffer, mut reader) = fresh();
        yields(most, &steps, async {
            let frames = buffer.frames(&mut reader, Delimiter::new(";"));
            assert_eq!(frames.inspect(|_| step()).count().await, 5000);
        });
        let (mut buffer, mut reader) = fresh();
        yields(most, &steps, async {
            while buffer.skip_frame(&mut reader, &mut Delimiter::new(";")).await.unwrap() > 0 {
                step();
            }
        });
    }
}

#[test]
fn large_frames_let_other_tasks_run_earlier() {
    let steps = Cell::new(0);
    let mut buffer = holding(16 << 20, &[&[b'.'; 65535][..], b";"].concat().repeat(200));
    let mut reader: &[u8] = b"";
    yields(32, &steps, async {
        while buffer.next_frame(&mut reader, &mut Delimiter::new(";")).await.unwrap().is_some() {
            steps.set(steps.get() + 1);
        }
    });
}

#[test]
fn a_loop_over_refusals_lets_other_tasks_run() {
    let steps = Cell::new(0);
    let mut buffer = holding(4, b"held");
    let mut reader: &[u8] = b"";
    yields(512, &steps, async {
        for _ in 0..2000 {
            assert!(buffer.next_frame(&mut reader, &mut Delimiter::new("\n")).await.is_err());
            steps.set(steps.get() + 1);
        }
    });
}

#[test]
fn a_frame_that_is_not_ready_is_still_there() {
    let mut buffer = holding(1 << 16, &b"frame;".repeat(2000));
    let mut reader: &[u8] = b"";
    let mut left = 2000;
    let mut yielded = 0;
    // A waker that identifies its task: without one there is nothing to yield to.
    let (waker, _) = new_count_waker();
    while left > 0 {
        let mut lines = Delimiter::new(";");
        let polled = buffer.next_frame(&mut reader, &mut lines).poll_unpin(&mut Context::from_waker(&waker));
        match polled {
            Poll::Ready(frame) => assert_eq!(frame.unwrap().unwrap(), "frame;"),
            Poll::Pending => {
                yielded += 1;
                assert_eq!(buffer.len(), 6 * left);
                continue;
            }
        }
        left -= 1;
    }
    assert!(yielded >= 3, "{yielded}");
}

#[test]
fn futures_that_are_polled_after_completion_panic_and_take_nothing() {
    let mut buffer: HandoffBuffer = holding(64, b"a;b;c;");
    let mut reader: &[u8] = b"";
    let message = polled_again(buffer.next_frame(&mut reader, &mut Delimiter::new(";")));
    assert_eq!((&*message, buffer.peek()), ("future polled after completion", &b"b;c;"[..]));
    let message = polled_again(buffer.skip_frame(&mut reader, &mut Delimiter::new(";")));
    assert_eq!((&*message, buffer.peek()), ("future polled after completion", &b"c;"[..]));
}
