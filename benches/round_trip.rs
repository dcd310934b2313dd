//! Round trips: the cost of writing through a handle for a connection that sends and waits for the
//! answer. Named `round_trip.transport.policy/runtime/burst`, where a burst is counted in frames of
//! 64 bytes.
//!
//! A producer writes a burst of frames and then reads until the peer has answered it. The peer
//! reads the whole burst before it sends it back, so the answer looks the same however the burst
//! was written. Every byte that comes back is compared with the byte that was sent. Over TCP the
//! peer is a thread with a blocking socket, in memory it is a task of the same runtime.
//! `cargo test --benches` runs each of them once.
#![expect(missing_docs, reason = "`criterion_group!` makes a function that has none")]

mod support;

use std::{
    io::{self, Read, Write},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_handoff::{Inline, WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_handoff_runtimes::{self as runtimes, Runtime};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, io::BufWriter};

const FRAME: usize = 64;
/// Frames that are answered together.
const BURSTS: [usize; 2] = [1, 16];
/// Round trips to warm up.
const WARM_UP: u64 = 8;
/// The capacity of an in-memory pipe: any burst fits.
const PIPE: usize = 64 * 1024;
/// A prime, so that a burst begins at another place each time.
const PERIOD: usize = 65_521;

/// How a burst is written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Policy {
    /// `write_all` on the writer for each frame, without a handle.
    Direct,
    /// A buffer of 16 KiB in front of the writer, flushed at the end of the burst: careful
    /// hand-written code.
    Buffered,
    /// A handle with its defaults, its task spawned.
    Default,
    /// A handle that sends each frame at once.
    SendAt0,
    /// A handle whose writer is polled by the task only.
    InlineNever,
    /// A handle with its defaults, with the producer's loop inside of `batching`.
    Batching,
    /// A handle with its defaults, whose task runs with the producer's loop instead of being
    /// spawned.
    RunUntil,
    /// The same, with a `dispatch` at the end of the burst.
    Dispatch,
}

const POLICIES: [(&str, Policy); 8] = [
    ("direct", Policy::Direct),
    ("buffered", Policy::Buffered),
    ("default", Policy::Default),
    ("send_at_0", Policy::SendAt0),
    ("inline_never", Policy::InlineNever),
    ("batching", Policy::Batching),
    ("run_until", Policy::RunUntil),
    ("dispatch", Policy::Dispatch),
];

impl Policy {
    fn config(self) -> WriteHandoffConfig {
        let config = WriteHandoffConfig::default();
        match self {
            Self::SendAt0 => config.with_send_at(0),
            Self::InlineNever => config.with_inline(Inline::Never),
            _ => config,
        }
    }

    /// Makes the round trips; returns their time without the warm-up.
    async fn converse<R: Runtime, I, O>(self, reader: I, writer: O, trips: Trips) -> Duration
    where
        I: AsyncRead + Unpin + Send,
        O: AsyncWrite + Unpin + Send + 'static,
    {
        match self {
            Self::Direct => return trips.make(reader, Outlet::Direct(writer)).await,
            Self::Buffered => {
                let writer = BufWriter::with_capacity(WriteHandoffConfig::default().send_at(), writer);
                return trips.make(reader, Outlet::Buffered(writer)).await;
            }
            _ => {}
        }
        let (handoff, mut task) = WriteHandoff::new(writer, self.config());
        let trips = trips.make(reader, Outlet::Handle(&handoff, self == Self::Dispatch));
        match self {
            Self::RunUntil | Self::Dispatch => return task.run_until(trips).await,
            _ => R::spawn(task.detach()),
        }
        if self == Self::Batching { handoff.batching(trips).await } else { trips.await }
    }
}

/// The writing side of a producer.
enum Outlet<'a, W> {
    Direct(W),
    Buffered(BufWriter<W>),
    /// With a `dispatch` at the end of a burst, or without.
    Handle(&'a WriteHandoff<W>, bool),
}

impl<W: AsyncWrite + Unpin + Send> Outlet<'_, W> {
    async fn write(&mut self, frame: Bytes) -> io::Result<()> {
        match self {
            Self::Direct(writer) => writer.write_all(&frame).await,
            Self::Buffered(writer) => writer.write_all(&frame).await,
            Self::Handle(handoff, _) => Ok(handoff.write_fire_and_forget(frame).await?),
        }
    }

    async fn end_of_burst(&mut self) -> io::Result<()> {
        match self {
            Self::Buffered(writer) => writer.flush().await?,
            Self::Handle(handoff, true) => handoff.dispatch(),
            _ => {}
        }
        Ok(())
    }

    async fn close(&mut self) -> io::Result<()> {
        match self {
            Self::Direct(writer) => writer.close().await,
            Self::Buffered(writer) => writer.close().await,
            Self::Handle(handoff, _) => {
                handoff.close();
                Ok(handoff.closed().await?)
            }
        }
    }
}

/// What is sent and answered.
#[derive(Debug, Clone, Copy)]
struct Trips {
    /// Bytes of a burst.
    burst: usize,
    rounds: u64,
}

impl Trips {
    fn all(self) -> u64 {
        WARM_UP + self.rounds
    }

    async fn make<W>(self, mut reader: impl AsyncRead + Unpin, mut outlet: Outlet<'_, W>) -> Duration
    where
        W: AsyncWrite + Unpin + Send,
    {
        let pattern: Bytes = (0..PERIOD + self.burst).map(|at| (at % PERIOD % 251) as u8).collect();
        let mut answer = vec![0; self.burst];
        let mut start = Instant::now();
        for round in 0..self.all() {
            if round == WARM_UP {
                start = Instant::now();
            }
            let at = (round * self.burst as u64 % PERIOD as u64) as usize;
            let burst = pattern.slice(at..at + self.burst);
            for frame in 0..self.burst / FRAME {
                outlet
                    .write(burst.slice(frame * FRAME..(frame + 1) * FRAME))
                    .await
                    .expect("the writer works");
            }
            outlet.end_of_burst().await.expect("the writer works");
            reader.read_exact(&mut answer).await.expect("the peer answers");
            assert!(answer == burst, "something else came back in round {round}");
        }
        let taken = start.elapsed();
        outlet.close().await.expect("the writer works");
        let end = reader.read(&mut answer).await.expect("the peer closes");
        assert_eq!(end, 0, "there is more than was sent");
        taken
    }
}

async fn over_tcp<R: Runtime>(policy: Policy, trips: Trips) -> Duration {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    let address = listener.local_addr().expect("the listener is bound");
    // Before the thread starts, which would wait for it for ever.
    let connection = R::connect(address).await.expect("the listener is there");
    let (reader, writer) = R::halves(connection).expect("a socket can be split");
    let peer = thread::spawn(move || -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut burst = vec![0; trips.burst];
        for _ in 0..trips.all() {
            stream.read_exact(&mut burst)?;
            stream.write_all(&burst)?;
        }
        // Reads to the end of the stream, so that closing does not fail on the other side.
        io::copy(&mut stream, &mut io::sink()).map(drop)
    });
    let taken = policy.converse::<R, _, _>(reader, writer, trips).await;
    peer.join().expect("the peer does not panic").expect("the peer answers");
    taken
}

async fn in_memory<R: Runtime>(policy: Policy, trips: Trips) -> Duration {
    // A pipe for each direction, so that the two ends of it can belong to two tasks.
    let (writer, mut requests) = R::duplex(PIPE);
    let (mut answers, reader) = R::duplex(PIPE);
    R::spawn(async move {
        let mut burst = vec![0; trips.burst];
        for _ in 0..trips.all() {
            requests.read_exact(&mut burst).await.expect("the burst is whole");
            answers.write_all(&burst).await.expect("the pipe is open");
        }
        answers.close().await.expect("the pipe is open");
    });
    policy.converse::<R, _, _>(reader, writer, trips).await
}

macro_rules! over {
    ($criterion:ident, $transport:literal, $run:ident) => {
        for (name, policy) in POLICIES {
            let mut group = $criterion.benchmark_group(format!("round_trip.{}.{name}", $transport));
            runtimes::for_each!(R => {
                for burst in BURSTS {
                    group.throughput(Throughput::Elements(1));
                    group.bench_function(BenchmarkId::new(R::NAME, burst), |bencher| {
                        bencher.iter_custom(|rounds| {
                            let trips = Trips { burst: burst * FRAME, rounds };
                            // In a task, as producers are, and not in the future of `block_on`.
                            R::block_on(async { R::task($run::<R>(policy, trips)).await })
                        });
                    });
                }
            });
            group.finish();
        }
    };
}

fn tcp(criterion: &mut Criterion) {
    over!(criterion, "tcp", over_tcp);
}

fn memory(criterion: &mut Criterion) {
    over!(criterion, "memory", in_memory);
}

criterion_group! {
    name = benches;
    config = support::criterion();
    targets = tcp, memory
}
criterion_main!(benches);
