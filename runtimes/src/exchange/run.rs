//! One measured run.

use std::{
    io,
    net::TcpListener,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_handoff::WriteHandoff;
use futures_util::{
    AsyncRead, AsyncReadExt, AsyncWrite,
    future::{Either, select},
};
use serde::{Deserialize, Serialize};

use super::{
    Figures, Pattern, Policy, Transport,
    counted::{Calls, Counted},
    echo::{self, Expected},
    figures::Seen,
    policy::{self, Buffered, Direct, Through, Way},
};
use crate::{
    Runtime, set_workers,
    stream::{Failure, RuntimeName, Unavailable, interrupt, names::on_runtime, report::histogram, usage},
};

/// The most that is read at a time.
const READ: usize = 64 * 1024;

/// Round trips before the measured ones, checked and not counted. No more than there are of those.
const WARM_UP: usize = 200;

/// What an in-memory pipe holds.
const PIPE: usize = 256 * 1024;

/// What is measured. Lengths are in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields have the names and the meaning of the flags")]
pub struct Exchange {
    pub runtime: RuntimeName,
    pub transport: Transport,
    pub burst: usize,
    pub frame_len: usize,
    pub rounds: usize,
    pub worker_threads: usize,
    pub policy: Policy,
}

impl Exchange {
    fn expected(&self) -> Expected {
        let warm_up = WARM_UP.min(self.rounds);
        Expected { burst: self.burst * self.frame_len, warm_up, rounds: self.rounds }
    }
}

/// Whether an exchange can be measured in this build.
///
/// # Errors
///
/// If its runtime is not compiled in.
pub fn check(runtime: RuntimeName) -> Result<(), Unavailable> {
    runner(runtime).map(drop)
}

/// Makes the round trips of an exchange once, on a connection of their own.
///
/// # Errors
///
/// If the runtime is not compiled in, if anything but what was sent comes back, or if it takes longer than `limit`.
pub fn measure(exchange: &Exchange, limit: Duration) -> Result<Figures, Failure> {
    let runner = runner(exchange.runtime).map_err(|error| Failure::Other(error.to_string()))?;
    set_workers(exchange.worker_threads);
    runner(exchange, limit)
}

type Runner = fn(&Exchange, Duration) -> Result<Figures, Failure>;

fn runner(runtime: RuntimeName) -> Result<Runner, Unavailable> {
    Ok(on_runtime!(runtime, on))
}

fn on<R: Runtime>(exchange: &Exchange, limit: Duration) -> Result<Figures, Failure> {
    R::block_on(async {
        let exchange = exchange.clone();
        // In a task, as producers are, and not where the runtime is started.
        let trips = R::task(async move {
            match exchange.transport {
                Transport::Tcp => tcp::<R>(&exchange).await,
                Transport::Duplex => duplex::<R>(&exchange).await,
            }
        });
        let trips = async { trips.outcome().await.unwrap_or(Err(Failure::Panicked { stream: 0 })) };
        let trips = R::timeout(limit, trips);
        match select(pin!(trips), pin!(interrupt::requested())).await {
            Either::Left((done, _)) => done.unwrap_or(Err(Failure::Stalled { limit })),
            Either::Right(_) => Err(Failure::Interrupted),
        }
    })
}

async fn tcp<R: Runtime>(exchange: &Exchange) -> Result<Figures, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Failure::Setup)?;
    let address = listener.local_addr().map_err(Failure::Setup)?;
    // Before the thread, which would wait for it without end.
    let connection = R::connect(address).await.map_err(Failure::Setup)?;
    let (reader, writer) = R::halves(connection).map_err(Failure::Setup)?;
    let echo = echo::thread(listener, exchange.expected()).map_err(Failure::Setup)?;
    let seen = seen::<R, _, _>(exchange, reader, writer).await?;
    let cpu = echo.await.map_err(|_| Failure::Panicked { stream: 0 })?;
    let cpu = cpu.map_err(|error| Failure::Other(format!("the peer fails at the end: {error}")))?;
    Ok(Figures::new(&seen, Some(cpu)))
}

async fn duplex<R: Runtime>(exchange: &Exchange) -> Result<Figures, Failure> {
    // A pipe for each direction, so that the two ends of it can belong to two tasks.
    let (writer, requests) = R::duplex(PIPE);
    let (answers, reader) = R::duplex(PIPE);
    let expected = exchange.expected();
    R::spawn(async move {
        // How it fails shows in what does not come back.
        let _ = echo::task(requests, answers, expected).await;
    });
    converse::<R, _, _>(exchange, reader, writer).await
}

/// Makes the round trips over a connection to somebody who answers, and then finds the end of the answers.
///
/// # Errors
///
/// If anything but what was sent comes back, with the offset; if the connection fails.
pub async fn converse<R, I, O>(exchange: &Exchange, reader: I, writer: O) -> Result<Figures, Failure>
where
    R: Runtime,
    I: AsyncRead + Unpin + Send,
    O: AsyncWrite + Unpin + Send + 'static,
{
    Ok(Figures::new(&seen::<R, _, _>(exchange, reader, writer).await?, None))
}

async fn seen<R, I, O>(exchange: &Exchange, reader: I, writer: O) -> Result<Seen, Failure>
where
    R: Runtime,
    I: AsyncRead + Unpin + Send,
    O: AsyncWrite + Unpin + Send + 'static,
{
    let calls = Arc::new(Calls::default());
    let writer = Counted::new(writer, Arc::clone(&calls));
    let asker = Asker::new(exchange, reader, calls);
    match exchange.policy {
        Policy::Direct => asker.ask(Direct(writer)).await,
        Policy::DirectBuffered => asker.ask(Buffered::new(writer)).await,
        policy => {
            let (handoff, mut task) =
                WriteHandoff::new(writer, policy::config(policy).map_err(Failure::Setup)?);
            let dispatches = policy == Policy::Dispatch;
            let asked = asker.ask(Through { handoff: &handoff, dispatches });
            if dispatches || policy == Policy::RunUntil {
                return task.run_until(asked).await;
            }
            R::spawn(task.detach());
            if policy == Policy::Batching { handoff.batching(asked).await } else { asked.await }
        }
    }
}

/// The end that asks.
struct Asker<'a, I> {
    exchange: &'a Exchange,
    reader: I,
    calls: Arc<Calls>,
    pattern: Pattern,
    buffer: Vec<u8>,
    sent: u64,
    received: u64,
}

impl<'a, I: AsyncRead + Unpin + Send> Asker<'a, I> {
    fn new(exchange: &'a Exchange, reader: I, calls: Arc<Calls>) -> Self {
        let pattern = Pattern::new(READ.max(exchange.frame_len));
        Self { exchange, reader, calls, pattern, buffer: vec![0; READ], sent: 0, received: 0 }
    }

    async fn ask(mut self, mut way: impl Way) -> Result<Seen, Failure> {
        for _ in 0..self.exchange.expected().warm_up {
            self.round_trip(&mut way).await?;
        }
        let mut round_trips = histogram();
        let (bytes, (taken, pending)) = (self.received, self.calls.now());
        let cpu = usage::process_cpu();
        let start = Instant::now();
        for _ in 0..self.exchange.rounds {
            let start = Instant::now();
            self.round_trip(&mut way).await?;
            round_trips.saturating_record(start.elapsed().as_nanos() as u64);
        }
        let wall = start.elapsed();
        let cpu = cpu.zip(usage::process_cpu()).map(|(start, end)| end - start);
        let (write_calls, pending_calls) = self.calls.now();
        let (write_calls, pending_calls) = (write_calls - taken, pending_calls - pending);
        let bytes = self.received - bytes;
        let frames = (self.exchange.rounds * self.exchange.burst) as u64;
        way.close().await.map_err(|error| self.loss(Some(error)))?;
        self.end().await?;
        Ok(Seen { frames, bytes, write_calls, pending_calls, round_trips, wall, cpu })
    }

    /// One burst, and its answer.
    async fn round_trip(&mut self, way: &mut impl Way) -> Result<(), Failure> {
        let len = self.exchange.frame_len;
        for _ in 0..self.exchange.burst {
            let written = way.write(&self.pattern, self.sent, len).await;
            written.map_err(|error| self.loss(Some(error)))?;
            self.sent += len as u64;
        }
        way.end_of_burst().await.map_err(|error| self.loss(Some(error)))?;
        while self.received < self.sent {
            let missing = usize::try_from(self.sent - self.received).unwrap_or(READ).min(READ);
            let n = match self.reader.read(&mut self.buffer[..missing]).await {
                Ok(0) => return Err(self.loss(None)),
                Ok(n) => n,
                Err(error) => return Err(self.loss(Some(error))),
            };
            if let Some((offset, sent, received)) = self.pattern.differs(self.received, &self.buffer[..n]) {
                return Err(Failure::Mismatch { stream: 0, offset: offset as usize, sent, received });
            }
            self.received += n as u64;
        }
        Ok(())
    }

    /// That nothing comes after the last answer.
    async fn end(&mut self) -> Result<(), Failure> {
        match self.reader.read(&mut self.buffer[..1]).await {
            Ok(0) => Ok(()),
            Ok(_) => Err(Failure::Surplus { stream: 0, len: self.received as usize }),
            Err(error) => Err(self.loss(Some(error))),
        }
    }

    fn loss(&self, cause: Option<io::Error>) -> Failure {
        Failure::Loss { stream: 0, offset: self.received as usize, len: self.sent as usize, cause }
    }
}
