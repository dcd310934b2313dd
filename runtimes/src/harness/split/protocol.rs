//! The messages between the driver and the service: lines of JSON.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cores, LIMIT};
use crate::{
    Runtime,
    harness::{Failure, ImplementationName, RuntimeName, Settings, Usage},
};

/// What both ends speak.
pub(super) const PROTOCOL: &str = "futures-handoff-split";
pub(super) const VERSION: u64 = 2;

/// The longest line in bytes. A report of a failure of every stream fits.
const LONGEST: usize = 4 << 20;

/// The longest first line of a connection in bytes.
const LONGEST_FIRST: usize = 1024;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Message {
    /// The first line of a driver.
    Hello(Hello),
    /// The service's answer: what it is.
    Welcome { protocol: String, version: u64, identity: Box<Identity> },
    /// The first line of a stream, on both sides of the service.
    Stream { session: u64, stream: usize },
    /// All streams of a round are set up.
    Start { streams: usize },
    /// The service counts, and the proxies run.
    Started,
    /// All bytes are there.
    Stop,
    /// What the service counted, and which proxies failed, why.
    Stopped { usage: Usage, faults: Vec<(usize, String)> },
    /// There are no more rounds; said by the driver, and then by the service.
    End,
    /// Why this end gives up.
    Failed { reason: String },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) protocol: String,
    pub(super) version: u64,
    pub(super) session: u64,
    /// Where the driver waits for what the proxies send.
    pub(super) sink: SocketAddr,
    /// The driver makes the lines, so it knows how long they are.
    pub(super) frame_len: usize,
    /// How long a round may take.
    pub(super) stall: Duration,
}

/// What a service is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::harness) struct Identity {
    pub(in crate::harness) runtime: RuntimeName,
    pub(in crate::harness) implementation: ImplementationName,
    pub(in crate::harness) settings: Settings,
    pub(in crate::harness) cores: Option<Cores>,
}

/// A control connection.
pub(super) struct Control<S> {
    stream: S,
    /// What arrived and was not taken yet.
    buffered: Vec<u8>,
    /// The other end, as it is called in sentences.
    peer: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Control<S> {
    pub(super) fn new(stream: S, peer: String) -> Self {
        Self { stream, buffered: Vec::new(), peer }
    }

    pub(super) async fn send<R: Runtime>(&mut self, message: &Message) -> Result<(), Failure> {
        let sent = R::timeout(LIMIT, send(&mut self.stream, message)).await;
        sent.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into())).map_err(|error| self.gone(&error))
    }

    /// Sends the reason why this end gives up. The other end may have failed, and not listen.
    pub(super) async fn give_up<R: Runtime>(&mut self, failure: &Failure) {
        let _ = self.send::<R>(&Message::Failed { reason: failure.to_string() }).await;
    }

    /// Waits for the next message. Nothing of one is lost if this is dropped.
    pub(super) async fn receive(&mut self) -> Result<Message, Failure> {
        let line = line(&mut self.stream, &mut self.buffered, LONGEST).await;
        match message(&line.map_err(|error| self.gone(&error))?) {
            Ok(Message::Failed { reason }) => Err(Failure::Other(format!("{}: {reason}", self.peer))),
            Ok(message) => Ok(message),
            Err(reason) => Err(self.unexpected(&reason)),
        }
    }

    /// Waits for the next message for a limited time.
    pub(super) async fn receive_within<R: Runtime>(&mut self, limit: Duration) -> Result<Message, Failure> {
        match R::timeout(limit, self.receive()).await {
            Some(received) => received,
            None => Err(Failure::Other(format!("{} has not answered for {limit:?}", self.peer))),
        }
    }

    /// Waits until the other end speaks out of turn or is gone.
    pub(super) async fn disturbance(&mut self) -> Failure {
        match self.receive().await {
            Ok(message) => self.unexpected(&format!("it said {message:?} out of turn")),
            Err(failure) => failure,
        }
    }

    /// The sentence about a message at the wrong time.
    pub(super) fn unexpected(&self, what: &str) -> Failure {
        Failure::Other(format!("{} does not keep to the protocol: {what}", self.peer))
    }

    fn gone(&self, error: &io::Error) -> Failure {
        Failure::Other(format!("{} is gone before the end: {error}", self.peer))
    }
}

/// Sends one message.
pub(super) async fn send(mut stream: impl AsyncWrite + Unpin, message: &Message) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.flush().await
}

/// Reads the first line of a connection. A peer must not send more before it gets an answer.
pub(super) async fn first<R: Runtime>(mut stream: impl AsyncRead + Unpin) -> Result<Message, String> {
    let mut buffered = Vec::new();
    match R::timeout(LIMIT, line(&mut stream, &mut buffered, LONGEST_FIRST)).await {
        Some(line) => message(&line.map_err(|error| error.to_string())?),
        None => Err(format!("nothing for {LIMIT:?}")),
    }
}

/// Reads up to the end of a line. What was read stays in `buffered` if this is dropped.
async fn line(
    stream: &mut (impl AsyncRead + Unpin),
    buffered: &mut Vec<u8>,
    longest: usize,
) -> io::Result<Vec<u8>> {
    let mut chunk = [0; 1024];
    loop {
        if let Some(end) = memchr::memchr(b'\n', buffered) {
            let mut line: Vec<_> = buffered.drain(..=end).collect();
            line.pop();
            return Ok(line);
        }
        let n = stream.read(&mut chunk).await?;
        if n == 0 || buffered.len() + n > longest {
            return Err(io::Error::other(format!("{} bytes without an end of the line", buffered.len() + n)));
        }
        buffered.extend_from_slice(&chunk[..n]);
    }
}

/// Reads a message. One of another version need not look like this one's.
fn message(line: &[u8]) -> Result<Message, String> {
    let garbage = || {
        let start = String::from_utf8_lossy(&line[..line.len().min(64)]);
        format!("it says {start:?}, which is not a message of {PROTOCOL} version {VERSION}")
    };
    let value: Value = serde_json::from_slice(line).map_err(|_| garbage())?;
    match (value["protocol"].as_str(), value["version"].as_u64()) {
        (Some(PROTOCOL), Some(version)) if version != VERSION => {
            Err(format!("it speaks version {version} of {PROTOCOL}, here is version {VERSION}"))
        }
        _ => serde_json::from_value(value).map_err(|_| garbage()),
    }
}

/// The output of `future`, or a sentence that begins with `what`.
pub(super) async fn within<R: Runtime, T>(
    what: impl Fn() -> String,
    future: impl Future<Output = io::Result<T>>,
) -> Result<T, Failure> {
    match R::timeout(LIMIT, future).await {
        Some(done) => done.map_err(|error| Failure::Other(format!("{}: {error}", what()))),
        None => Err(Failure::Other(format!("{}: nothing for {LIMIT:?}", what()))),
    }
}
