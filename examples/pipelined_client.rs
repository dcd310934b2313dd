//! A client on Tokio whose tasks share one connection, with many open questions at a time.
//!
//! ```text
//! cargo run --example pipelined_client --features tokio
//! ```
//!
//! What to learn:
//! - the queue of open questions belongs to the connection's task. It writes a question and stores
//!   the channel of its asker in one step, so answers go to the right task. When the connection
//!   ends, all waits end;
//! - the budget is large enough for all open questions: a write never waits, so the loop never
//!   stops reading;
//! - `run_until` sends the questions of many tasks in one write, when the loop is about to wait.
//!
//! It runs against its own server, which answers in capitals.

use std::{collections::VecDeque, io};

use futures_handoff::{
    Delimiter, HandoffBuffer, Tokio, TokioIo, WriteHandoff, WriteHandoffConfig, bytes::Bytes,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinSet,
};

/// The longest line, and the most open questions.
const LINE: usize = 1024;
const OPEN: usize = 256;

type Question = (Bytes, oneshot::Sender<Bytes>);

/// All clones ask over one connection.
#[derive(Clone)]
struct Client(mpsc::Sender<Question>);

impl Client {
    /// A client and the future that must run for it. The future ends when all clones are dropped
    /// and everything is answered.
    fn new(stream: TcpStream) -> (Self, impl Future<Output = io::Result<u64>>) {
        let (sender, questions) = mpsc::channel(OPEN);
        (Self(sender), run(stream, questions))
    }

    /// Sends a line and waits for its answer. Dropping the future drops only the answer.
    async fn ask(&self, line: Bytes) -> io::Result<Bytes> {
        if line.len() > LINE || !line.ends_with(b"\n") {
            let text = format!("a question of {} bytes is not a line of at most {LINE} bytes", line.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let (reply, answer) = oneshot::channel();
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.0.send((line, reply)).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
        answer.await.map_err(gone)
    }
}

/// Returns how many writes to the socket there were.
async fn run(stream: TcpStream, mut questions: mpsc::Receiver<Question>) -> io::Result<u64> {
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    let mut reader = TokioIo::new(reader);
    // An unwritten question is an open one, so this is enough room.
    let config = WriteHandoffConfig::new(OPEN, OPEN * LINE);
    let (out, mut task) = WriteHandoff::new(TokioIo::new(writer), config);
    let connection = async {
        let (mut buffer, mut lines) = (HandoffBuffer::new(LINE), Delimiter::new(b"\n"));
        let mut open: VecDeque<oneshot::Sender<Bytes>> = VecDeque::new();
        loop {
            tokio::select! {
                question = questions.recv(), if open.len() < OPEN && !out.is_closed() => match question {
                    Some((line, reply)) => {
                        out.try_write_fire_and_forget(line)?;
                        open.push_back(reply);
                    }
                    // No more questions: the server sees the end, and answers the rest.
                    None => out.close(),
                },
                answer = buffer.next_frame(&mut reader, &mut lines) => match (answer?, open.pop_front()) {
                    // The asker may have been dropped.
                    (Some(answer), Some(reply)) => drop(reply.send(answer)),
                    (None, None) if out.is_closed() => return Ok(()),
                    (None, _) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    (Some(_), None) => return Err(io::Error::other("an answer without a question")),
                },
            }
        }
    };
    // An error ends the connection at once: the task is dropped with its unwritten bytes.
    task.run_until(connection).await?;
    let calls = out.stats().write_calls;
    task.await?;
    Ok(calls)
}

/// Answers each line in capitals, until the client closes.
async fn answer(stream: TcpStream) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let out = WriteHandoff::spawn(TokioIo::new(writer), WriteHandoffConfig::default(), &Tokio);
    let (mut reader, mut buffer) = (TokioIo::new(reader), HandoffBuffer::new(LINE));
    while let Some(line) = buffer.next_frame(&mut reader, &mut Delimiter::new(b"\n")).await? {
        out.write_fire_and_forget(line.to_ascii_uppercase().into()).await?;
    }
    out.close();
    Ok(out.closed().await?)
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move { answer(listener.accept().await?.0).await });

    let (client, connection) = Client::new(TcpStream::connect(address).await?);
    let connection = tokio::spawn(connection);
    let mut tasks = JoinSet::new();
    for n in 0..1000 {
        let client = client.clone();
        tasks.spawn(async move {
            for round in 0..10 {
                let answer = client.ask(format!("task {n}, round {round}\n").into()).await?;
                assert_eq!(answer, format!("TASK {n}, ROUND {round}\n"));
            }
            Ok::<_, io::Error>(())
        });
    }
    drop(client);
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let calls = connection.await??;
    server.await??;
    assert!(calls < 10_000, "questions that are asked together leave together");
    println!("10000 questions of 1000 tasks were answered, and left in {calls} writes");
    Ok(())
}
