//! The messages that are sent over a connection, and how.

use std::{
    fmt,
    future::Future,
    time::{Duration, Instant},
};

use futures_handoff_runtimes::Runtime;
#[cfg(unix)]
use rustix::time::{ClockId, clock_gettime};

/// Messages of an iteration, and how many of them may be under way. Fewer without optimisation,
/// when tests run each benchmark once.
pub const MESSAGES: usize = if cfg!(debug_assertions) { 16 } else { 256 };
/// Messages of a batch.
const BATCH: usize = MESSAGES / 4;
const LONGEST: usize = 64 * 1024;

static BYTES: [u8; LONGEST] = [0xAB; LONGEST];

/// The end that sends.
pub trait Outbox: Send + 'static {
    fn send(&mut self, message: &'static [u8]) -> impl Future<Output = ()> + Send;

    /// Sends the messages with one call, if there is such a call.
    fn send_batch(&mut self, messages: &[&'static [u8]]) -> impl Future<Output = ()> + Send {
        async move {
            for message in messages {
                self.send(message).await;
            }
        }
    }

    /// Announces that no message follows until the last one has been received.
    fn pause(&mut self) {}
}

/// The end that receives.
pub trait Inbox: Send + 'static {
    /// Receives one message and compares it with `expected`.
    ///
    /// # Panics
    ///
    /// If it is another one, or none.
    fn receive(&mut self, expected: &[u8]) -> impl Future<Output = ()> + Send;
}

/// The writer task of the sending end.
pub trait Writer: Send + 'static {
    /// Runs with `future`, in one task.
    fn beside<F>(self, future: F) -> impl Future<Output = F::Output> + Send
    where
        F: Future + Send,
        F::Output: Send;
}

/// The sending end writes by itself.
pub struct NoWriter;

impl Writer for NoWriter {
    fn beside<F>(self, future: F) -> impl Future<Output = F::Output> + Send
    where
        F: Future + Send,
        F::Output: Send,
    {
        future
    }
}

/// Both ends of a connection, in the direction of the messages.
pub struct Ends<O, I, W = NoWriter> {
    pub outbox: O,
    pub inbox: I,
    pub writer: W,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// One task sends a message and receives it, then the next one.
    InTurn,
    /// A task sends and another one receives, at most 256 messages apart.
    Pipelined,
    /// The same, with 64 messages in a call of the sender.
    Batched,
}

impl Shape {
    const ALL: [Self; 3] = [Self::InTurn, Self::Pipelined, Self::Batched];

    fn sizes(self) -> &'static [usize] {
        match self {
            Self::InTurn | Self::Pipelined => &[64, 1024, 16 * 1024, LONGEST],
            Self::Batched => &[64, 1024],
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InTurn => "in_turn",
            Self::Pipelined => "pipelined",
            Self::Batched => "batched",
        })
    }
}

/// The messages of an iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    pub shape: Shape,
    /// Bytes of a message.
    pub size: usize,
}

impl Work {
    pub fn all() -> impl Iterator<Item = Self> {
        let of = |shape: Shape| shape.sizes().iter().map(move |&size| Self { shape, size });
        Shape::ALL.into_iter().flat_map(of)
    }

    /// Bytes of an iteration.
    pub fn bytes(self) -> u64 {
        (self.size * MESSAGES) as u64
    }

    fn message(self) -> &'static [u8] {
        &BYTES[..self.size]
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.shape, self.size)
    }
}

/// The times of iterations.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    pub time: Duration,
    /// CPU time of the process, which has both ends, if the system reports it.
    pub cpu: Option<Duration>,
}

/// CPU time of the process so far.
fn cpu() -> Option<Duration> {
    #[cfg(unix)]
    return Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).ok();
    #[cfg(not(unix))]
    None
}

/// Runs iterations over one connection after one to warm up; returns their times.
pub async fn exchange<R: Runtime>(
    Ends { outbox, inbox, writer }: Ends<impl Outbox, impl Inbox, impl Writer>,
    work: Work,
    iterations: u64,
) -> Taken {
    // In a task, as programs do, and not in the future of `block_on`.
    R::task(writer.beside(async move {
        let (outbox, inbox) = iterate::<R, _, _>(outbox, inbox, work, 1).await;
        let (start, cpu_before) = (Instant::now(), cpu());
        let ends = iterate::<R, _, _>(outbox, inbox, work, iterations).await;
        let time = start.elapsed();
        let cpu = cpu().zip(cpu_before).map(|(after, before)| after - before);
        drop(ends);
        Taken { time, cpu }
    }))
    .await
}

async fn iterate<R: Runtime, O: Outbox, I: Inbox>(
    outbox: O,
    inbox: I,
    work: Work,
    iterations: u64,
) -> (O, I) {
    match work.shape {
        Shape::InTurn => in_turn(outbox, inbox, work.message(), iterations).await,
        Shape::Pipelined | Shape::Batched => pipelined::<R, _, _>(outbox, inbox, work, iterations).await,
    }
}

async fn in_turn<O: Outbox, I: Inbox>(
    mut outbox: O,
    mut inbox: I,
    message: &'static [u8],
    iterations: u64,
) -> (O, I) {
    for _ in 0..iterations * MESSAGES as u64 {
        outbox.send(message).await;
        outbox.pause();
        inbox.receive(message).await;
    }
    (outbox, inbox)
}

async fn pipelined<R: Runtime, O: Outbox, I: Inbox>(
    mut outbox: O,
    mut inbox: I,
    work: Work,
    iterations: u64,
) -> (O, I) {
    let message = work.message();
    let batches = iterations * (MESSAGES / BATCH) as u64;
    // A unit for each batch under way.
    let (begin, begun) = async_channel::bounded(MESSAGES / BATCH);
    let received = R::task(async move {
        for _ in 0..batches {
            for _ in 0..BATCH {
                inbox.receive(message).await;
            }
            begun.recv().await.expect("a batch is received after it was begun");
        }
        inbox
    });
    for _ in 0..batches {
        begin.send(()).await.expect("the receiver works");
        if work.shape == Shape::Batched {
            outbox.send_batch(&[message; BATCH]).await;
        } else {
            for _ in 0..BATCH {
                outbox.send(message).await;
            }
        }
    }
    (outbox, received.await)
}
