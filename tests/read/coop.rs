//! Reads over a reader that always has something let other tasks run.

use std::{
    io::{self, IoSliceMut},
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use crate::support::*;
use futures_handoff::{HandoffBuffer, HandoffReader};
use futures_io::{AsyncBufRead, AsyncRead};
use futures_test::task::new_count_waker;

/// The most operations between two yields.
const OPERATIONS: usize = 512;

/// Always fills what it is offered, up to this many bytes at a time.
struct Always {
    most: usize,
    polls: usize,
}

impl AsyncRead for Always {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        self.polls += 1;
        Poll::Ready(Ok(room.len().min(self.most)))
    }
}

/// One call, whether it was ready.
type Call = fn(&mut HandoffReader<Always>, &mut Context<'_>) -> bool;

fn direct<T>(
    reader: &mut HandoffReader<Always>,
    call: impl FnOnce(&mut HandoffBuffer, &mut Always) -> T,
) -> T {
    let whole = mem::replace(reader, buffer(1).into_reader(Always { most: 0, polls: 0 }));
    let (mut buffer, mut inner) = whole.into_parts();
    let result = call(&mut buffer, &mut inner);
    *reader = buffer.into_reader(inner);
    result
}

const CALLS: [(&str, Call); 11] = [
    ("read_available", |reader, cx| {
        direct(reader, |buffer, inner| {
            let read = buffer.poll_read_available(cx, Pin::new(inner));
            buffer.advance(buffer.len()).unwrap();
            read.is_ready()
        })
    }),
    ("read_available into a full buffer", |reader, cx| {
        direct(reader, |buffer, inner| match buffer.poll_read_available(cx, Pin::new(inner)) {
            Poll::Ready(read) => {
                assert!(read.is_ok() || buffer.len() == 1 << 16);
                true
            }
            Poll::Pending => false,
        })
    }),
    ("read_ready", |reader, cx| {
        direct(reader, |buffer, inner| {
            let read = buffer.poll_read_ready(cx, Pin::new(inner), usize::MAX);
            buffer.advance(buffer.len()).unwrap();
            read.is_ready()
        })
    }),
    ("read_ready of one byte", |reader, cx| {
        direct(reader, |buffer, inner| {
            let read = buffer.poll_read_ready(cx, Pin::new(inner), 1);
            buffer.advance(buffer.len()).unwrap();
            read.is_ready()
        })
    }),
    ("read_ready of nothing", |reader, cx| {
        direct(reader, |buffer, inner| buffer.poll_read_ready(cx, Pin::new(inner), 0).is_ready())
    }),
    ("read_ready into a full buffer", |reader, cx| {
        direct(reader, |buffer, inner| buffer.poll_read_ready(cx, Pin::new(inner), usize::MAX).is_ready())
    }),
    ("a small read", |reader, cx| Pin::new(reader).poll_read(cx, &mut [0]).is_ready()),
    ("a read past the buffer", |reader, cx| Pin::new(reader).poll_read(cx, &mut [0; 8192]).is_ready()),
    ("a small vectored read", |reader, cx| {
        Pin::new(reader).poll_read_vectored(cx, &mut [IoSliceMut::new(&mut [0])]).is_ready()
    }),
    ("a vectored read past the buffer", |reader, cx| {
        Pin::new(reader).poll_read_vectored(cx, &mut [IoSliceMut::new(&mut [0; 8192])]).is_ready()
    }),
    ("a look at what is buffered", |reader, cx| {
        let mut reader = Pin::new(reader);
        let ready = reader.as_mut().poll_fill_buf(cx).is_ready();
        if ready {
            reader.consume(1);
        }
        ready
    }),
];

fn reader(most: usize, cooperative: bool) -> HandoffReader<Always> {
    let config = config(1 << 16).with_read_size(1024..=4096).with_cooperative(cooperative);
    HandoffBuffer::with_config(config).into_reader(Always { most, polls: 0 })
}

#[test]
fn over_a_reader_that_is_always_ready_each_way_of_reading_yields() {
    for (name, call) in CALLS {
        for most in [1, 100, usize::MAX] {
            let mut reader = reader(most, true);
            let (waker, wakes) = new_count_waker();
            let cx = &mut Context::from_waker(&waker);
            let (mut calls, mut polls) = (0, 0);
            while wakes.get() < 5 {
                let before = (reader.buffer().to_vec(), reader.get_ref().polls);
                let capacity =
                    |reader: &mut HandoffReader<Always>| direct(reader, |buffer, _| buffer.capacity());
                let room = capacity(&mut reader);
                calls += 1;
                if !call(&mut reader, cx) {
                    let after = (reader.buffer().to_vec(), reader.get_ref().polls);
                    assert!(before == after, "{name}: it yields and has read or consumed something");
                    assert_eq!(capacity(&mut reader), room, "{name}: it yields and lets memory go");
                    let read = reader.get_ref().polls - polls;
                    assert!(
                        calls > 1 && calls - 1 <= OPERATIONS && read <= OPERATIONS,
                        "{name}: {calls} {read}"
                    );
                    (calls, polls) = (0, reader.get_ref().polls);
                }
                assert!(calls <= OPERATIONS, "{name} of {most} does not yield");
            }
        }
    }
}

#[test]
fn a_buffer_that_is_not_cooperative_never_yields() {
    for (name, call) in CALLS {
        let mut reader = reader(100, false);
        let (waker, wakes) = new_count_waker();
        let cx = &mut Context::from_waker(&waker);
        assert!((0..5 * OPERATIONS).all(|_| call(&mut reader, cx)), "{name}");
        assert_eq!(wakes.get(), 0, "{name}");
    }
}

/// One call over a reader that follows a script, whether it was ready.
type Scripted = fn(&mut HandoffReader<Script>, &mut Context<'_>) -> bool;

/// A task that waits for its reader yields anyway.
#[test]
fn a_reader_that_is_pending_now_and_then_is_all_that_is_waited_for() {
    let calls: [(&str, Scripted); 3] = [
        ("a small read", |reader, cx| Pin::new(reader).poll_read(cx, &mut [0]).is_ready()),
        ("a read past the buffer", |reader, cx| Pin::new(reader).poll_read(cx, &mut [0; 8192]).is_ready()),
        ("read_ready", |reader, cx| {
            let whole = mem::replace(reader, buffer(1).into_reader(Script::new([])));
            let (mut buffer, mut inner) = whole.into_parts();
            let read = buffer.poll_read_ready(cx, Pin::new(&mut inner), 1);
            buffer.advance(buffer.len()).unwrap();
            *reader = buffer.into_reader(inner);
            read.is_ready()
        }),
    ];
    for (name, call) in calls {
        let steps = (0..20).flat_map(|_| (0..400).map(|_| Step::data(vec![1])).chain([Step::stuck()]));
        let mut reader = buffer(1 << 16).into_reader(Script::new(steps));
        let (waker, wakes) = new_count_waker();
        let cx = &mut Context::from_waker(&waker);
        for _ in 0..20 {
            assert!((0..400).all(|_| call(&mut reader, cx)), "{name}");
            assert!(!call(&mut reader, cx), "{name}");
            reader.get_mut().pop();
        }
        assert_eq!(wakes.get(), 0, "{name}");
    }
}

/// A loop that tries again does not keep the thread either.
#[test]
fn a_reader_that_always_fails_lets_others_run() {
    struct Fails;
    impl AsyncRead for Fails {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::Interrupted.into()))
        }
    }
    for way in 0..3 {
        let mut reader = buffer(1 << 16).into_reader(Fails);
        let (mut buffer, mut inner) = (buffer(1 << 16), Fails);
        // A waker that identifies its task: without one there is nothing to yield to.
        let (waker, _) = new_count_waker();
        let cx = &mut Context::from_waker(&waker);
        let tries = (0..=OPERATIONS).take_while(|_| match way {
            0 => buffer.poll_read_available(cx, Pin::new(&mut inner)).is_ready(),
            1 => buffer.poll_read_ready(cx, Pin::new(&mut inner), 10).is_ready(),
            _ => Pin::new(&mut reader).poll_read(cx, &mut [0; 8192]).is_ready(),
        });
        assert_eq!(tries.count(), OPERATIONS);
    }
}
