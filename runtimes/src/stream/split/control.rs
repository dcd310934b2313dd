//! What the driver and the service say to each other: lines of JSON.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use futures_util::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, io::BufReader};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cores, LIMIT};
use crate::{
    Runtime,
    stream::{Failure, ImplementationName, RuntimeName, Settings, Usage},
};

/// What both ends speak.
pub(super) const PROTOCOL: &str = "futures-handoff-split";
pub(super) const VERSION: u64 = 1;

/// The longest line. A report of a failure of every stream fits.
const LONGEST: usize = 4 << 20;

/// The longest first line of a connection.
const LONGEST_FIRST: usize = 1024;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Message {
    /// The first line of a driver.
    Hello(Hello),
    /// The service's answer.
    Welcome(Box<Welcome>),
    /// The first line of a stream, on both sides of the service.
    Stream { session: u64, stream: usize },
    /// All streams of a round are set up.
    Start { streams: usize },
    /// The service counts, and the proxies run.
    Started,
    /// All bytes are there.
    Stop,
    /// What the service counted, and what went wrong in its proxies.
    Stopped { usage: Usage, faults: Vec<Fault> },
    /// There are no more rounds; said by the driver, and then by the service.
    End,
    /// Why there is nothing more to be had.
    Failed { reason: String },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) protocol: String,
    pub(super) version: u64,
    pub(super) session: u64,
    /// Where the driver waits for what the proxies send.
    pub(super) sink: SocketAddr,
    /// How long a line may be is for the driver to say, which makes them.
    pub(super) frame_len: usize,
    /// How long a round may take.
    pub(super) stall: Duration,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Welcome {
    pub(super) protocol: String,
    pub(super) version: u64,
    pub(super) identity: Identity,
}

/// What a service is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::stream) struct Identity {
    pub(in crate::stream) runtime: RuntimeName,
    pub(in crate::stream) implementation: ImplementationName,
    pub(in crate::stream) settings: Settings,
    pub(in crate::stream) cores: Option<Cores>,
}

/// Why a proxy failed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fault {
    pub(super) stream: usize,
    pub(super) reason: String,
}

/// A control connection.
pub(super) struct Control<S> {
    stream: BufReader<S>,
    line: Vec<u8>,
    /// Who is at the other end, as it is called in sentences.
    peer: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Control<S> {
    pub(super) fn new(stream: S, peer: String) -> Self {
        Self { stream: BufReader::new(stream), line: Vec::new(), peer }
    }

    pub(super) async fn send<R: Runtime>(&mut self, message: &Message) -> Result<(), Failure> {
        let sent = R::timeout(LIMIT, send(&mut self.stream, message)).await;
        sent.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into())).map_err(|error| self.gone(Some(&error)))
    }

    /// Waits for the next message. Nothing of one is lost if this is dropped.
    pub(super) async fn receive(&mut self) -> Result<Message, Failure> {
        let left = LONGEST.saturating_sub(self.line.len()) as u64;
        let read = (&mut self.stream).take(left).read_until(b'\n', &mut self.line).await;
        if let Err(error) = read {
            return Err(self.gone(Some(&error)));
        }
        if self.line.pop_if(|last| *last == b'\n').is_none() && self.line.len() < LONGEST {
            return Err(self.gone(None));
        }
        match message(&std::mem::take(&mut self.line)) {
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

    /// The sentence on something that was said at the wrong time.
    pub(super) fn unexpected(&self, what: &str) -> Failure {
        Failure::Other(format!("{} does not keep to the protocol: {what}", self.peer))
    }

    fn gone(&self, error: Option<&io::Error>) -> Failure {
        let cause = error.map_or_else(String::new, |error| format!(": {error}"));
        Failure::Other(format!("{} is gone before the end{cause}", self.peer))
    }
}

/// Sends one message.
pub(super) async fn send(mut stream: impl AsyncWrite + Unpin, message: &Message) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.flush().await
}

/// Reads the first line of a connection and nothing after it: whoever sends more before there is an answer is wrong.
pub(super) async fn first<R: Runtime>(mut stream: impl AsyncRead + Unpin) -> Result<Message, String> {
    let line = async {
        let mut line = vec![0; LONGEST_FIRST];
        let mut len = 0;
        while !line[..len].ends_with(b"\n") {
            match stream.read(&mut line[len..]).await.map_err(|error| error.to_string())? {
                0 => return Err(format!("{len} bytes without an end of the line")),
                n => len += n,
            }
        }
        line.truncate(len - 1);
        Ok(line)
    };
    let line = R::timeout(LIMIT, line).await.unwrap_or_else(|| Err(format!("nothing for {LIMIT:?}")))?;
    message(&line)
}

/// Reads a message. One of another version need not look like this one's.
fn message(line: &[u8]) -> Result<Message, String> {
    let garbage = || {
        let start = String::from_utf8_lossy(&line[..line.len().min(64)]);
        format!("it says {start:?}, which is no message of {PROTOCOL} version {VERSION}")
    };
    let value: Value = serde_json::from_slice(line).map_err(|_| garbage())?;
    match (value["protocol"].as_str(), value["version"].as_u64()) {
        (Some(PROTOCOL), Some(version)) if version != VERSION => {
            Err(format!("it speaks version {version} of {PROTOCOL}, here is version {VERSION}"))
        }
        (Some(other), _) if other != PROTOCOL => Err(garbage()),
        _ => serde_json::from_value(value).map_err(|_| garbage()),
    }
}

/// The output of `future`, or a sentence.
pub(super) async fn within<R: Runtime, T>(
    what: impl Fn() -> String,
    future: impl Future<Output = io::Result<T>>,
) -> Result<T, Failure> {
    match R::timeout(LIMIT, future).await {
        Some(done) => done.map_err(|error| Failure::Other(format!("{}: {error}", what()))),
        None => Err(Failure::Other(format!("{}: nothing for {LIMIT:?}", what()))),
    }
}
