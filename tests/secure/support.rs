//! Shared by the tests of sessions.

use std::{
    future::{Future, pending},
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

pub(crate) use super::pipe::{PipeReader, PipeWriter, pipe};
pub(crate) use futures_executor::block_on;
pub(crate) use futures_handoff::{
    CloseReason, Inline, WriteHandoffConfig, WriteTask,
    bytes::Bytes,
    secure::{
        Config, Handshake, HandshakeError, HandshakeIo, Noise, PublicKey, ReceiveError, Receiver, Role,
        SendError, Sender, Session, SessionKeys, StaticKey, Suite, accept, connect,
    },
};
pub(crate) use futures_handoff_runtimes::{
    self as runtimes,
    io::{Gate, ReadLog, ReadStep, ScriptReader, ScriptWriter, WriteLog, WriteStep},
};
use futures_test::task::{AwokenCount, new_count_waker};
use futures_util::future::{join, join3};
pub(crate) use futures_util::{AsyncRead, AsyncWrite, FutureExt};

/// The overhead of a record.
pub(crate) const OVERHEAD: usize = 20;

pub(crate) const SUITES: [Suite; 2] = [Suite::ChaCha20Poly1305, Suite::Aes256Gcm];

/// Both sides know a secret, so there is no handshake. Sessions of different numbers have different
/// keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known(pub(crate) u8);

impl Handshake for Known {
    type Peer = ();

    async fn run<R, W>(
        self,
        _: Role,
        prologue: &[u8],
        _: &mut HandshakeIo<R, W>,
    ) -> Result<((), SessionKeys), HandshakeError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        Ok(((), SessionKeys::derive(&[self.0; 32], prologue)))
    }
}

pub(crate) fn config() -> Config {
    Config::new("test")
}

/// A configuration with short messages and records.
pub(crate) fn limits(max_message_len: usize, max_record_len: usize) -> Config {
    config().with_max_message_len(max_message_len).with_max_record_len(max_record_len)
}

/// A side of a session without a handshake.
pub(crate) fn side<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    role: Role,
    reader: R,
    writer: W,
    config: &Config,
) -> Session<R, W, ()> {
    side_of(1, role, reader, writer, config)
}

/// The same of the session with this number.
pub(crate) fn side_of<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    session: u8,
    role: Role,
    reader: R,
    writer: W,
    config: &Config,
) -> Session<R, W, ()> {
    let opened = match role {
        Role::Initiator => connect(reader, writer, Known(session), config, pending()).now_or_never(),
        Role::Responder => accept(reader, writer, Known(session), config, pending()).now_or_never(),
    };
    opened.expect("nothing is exchanged").unwrap()
}

/// A side with a scripted writer, whose task is polled by hand.
pub(crate) struct Near {
    pub(crate) sender: Sender<ScriptWriter>,
    pub(crate) task: Hand<WriteTask<ScriptWriter>>,
    pub(crate) log: WriteLog,
}

impl Near {
    pub(crate) fn new(writer: ScriptWriter, config: &Config) -> Self {
        Self::of(1, Role::Initiator, writer, config)
    }

    pub(crate) fn of(session: u8, role: Role, writer: ScriptWriter, config: &Config) -> Self {
        let log = writer.log();
        let Session { sender, task, .. } = side_of(session, role, ScriptReader::new([]), writer, config);
        let mut task = Hand::new(task);
        assert!(task.run().is_none(), "the task has begun");
        Self { sender, task, log }
    }

    pub(crate) fn willing(config: &Config) -> Self {
        Self::new(ScriptWriter::willing(), config)
    }

    /// Sends, and runs the task until all is written.
    pub(crate) fn put(&mut self, message: impl AsRef<[u8]>) {
        self.sender.try_send(message.as_ref()).unwrap();
        self.task.run();
    }

    /// Sends the close record.
    pub(crate) fn close(&mut self) {
        let mut close = Hand::new(self.sender.close());
        let mut ended = close.run();
        while ended.is_none() {
            self.task.run();
            ended = close.run();
        }
        ended.unwrap().unwrap();
    }
}

/// The bytes that an initiator writes to send this and close.
pub(crate) fn wire_of<M: AsRef<[u8]>>(config: &Config, messages: impl IntoIterator<Item = M>) -> Vec<u8> {
    wire_from(1, Role::Initiator, config, messages)
}

/// The same for any session and role.
pub(crate) fn wire_from<M: AsRef<[u8]>>(
    session: u8,
    role: Role,
    config: &Config,
    messages: impl IntoIterator<Item = M>,
) -> Vec<u8> {
    let mut near = Near::of(session, role, ScriptWriter::willing(), config);
    messages.into_iter().for_each(|message| near.put(message));
    near.close();
    near.log.written()
}

/// Divides what was written into records, by their headers.
pub(crate) fn records(wire: &[u8]) -> Vec<Vec<u8>> {
    let (mut records, mut rest) = (Vec::new(), wire);
    while !rest.is_empty() {
        let (record, behind) = rest.split_at(OVERHEAD + announced(rest));
        records.push(record.to_vec());
        rest = behind;
    }
    records
}

/// The length that the header of a record announces.
pub(crate) fn announced(record: &[u8]) -> usize {
    u32::from_be_bytes([0, record[1], record[2], record[3]]) as usize
}

/// A responder that reads this.
pub(crate) fn far(
    config: &Config,
    steps: impl IntoIterator<Item = ReadStep>,
) -> (Receiver<ScriptReader>, ReadLog) {
    far_of(1, Role::Responder, config, steps)
}

pub(crate) fn far_of(
    session: u8,
    role: Role,
    config: &Config,
    steps: impl IntoIterator<Item = ReadStep>,
) -> (Receiver<ScriptReader>, ReadLog) {
    let reader = ScriptReader::new(steps);
    let log = reader.log();
    let writer = ScriptWriter::willing();
    (side_of(session, role, reader, writer, config).receiver, log)
}

/// Everything until the end, and whether the close record came.
pub(crate) fn drain<R: AsyncRead + Unpin>(
    receiver: &mut Receiver<R>,
) -> (Vec<Bytes>, Result<(), ReceiveError>) {
    block_on(drain_all(receiver))
}

pub(crate) async fn drain_all<R: AsyncRead + Unpin>(
    receiver: &mut Receiver<R>,
) -> (Vec<Bytes>, Result<(), ReceiveError>) {
    let mut messages = Vec::new();
    loop {
        match receiver.recv().await {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, Ok(())),
            Err(error) => return (messages, Err(error)),
        }
    }
}

/// What a responder receives from these bytes and the end of the stream.
pub(crate) fn opened(config: &Config, wire: &[u8]) -> (Vec<Bytes>, Result<(), ReceiveError>) {
    drain(&mut far(config, data(wire)).0)
}

/// A step that gives these bytes, if there are any.
pub(crate) fn data(bytes: &[u8]) -> Option<ReadStep> {
    (!bytes.is_empty()).then(|| ReadStep::data(bytes))
}

/// After an error nothing more is received, and the reader is no longer polled.
#[track_caller]
pub(crate) fn is_dead(receiver: &mut Receiver<ScriptReader>, log: &ReadLog) {
    let polls = log.polls();
    for _ in 0..2 {
        let again = receiver.recv().now_or_never().expect("it does not wait");
        assert!(matches!(again, Err(ReceiveError::Closed)), "{again:?}");
        let again = receiver.try_recv();
        assert!(matches!(again, Err(ReceiveError::Closed)), "{again:?}");
    }
    assert_eq!(log.polls(), polls, "it reads after an error");
}

/// `len` bytes that differ everywhere.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Polls a future as an executor does, but by hand: once at first, and then once after every
/// wake-up.
pub(crate) struct Hand<F> {
    future: Pin<Box<F>>,
    waker: Waker,
    wakes: AwokenCount,
    /// The number of wake-ups at the last poll.
    seen: Option<usize>,
    done: bool,
}

impl<F: Future> Hand<F> {
    pub(crate) fn new(future: F) -> Self {
        let (waker, wakes) = new_count_waker();
        Self { future: Box::pin(future), waker, wakes, seen: None, done: false }
    }

    /// Polls it if it is due. `None` if it was not, or sleeps.
    pub(crate) fn step(&mut self) -> Option<F::Output> {
        self.seen = Some(self.wakes.get());
        match self.future.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            Poll::Ready(output) => {
                self.done = true;
                Some(output)
            }
            Poll::Pending => None,
        }
    }

    /// Whether an executor would poll it.
    pub(crate) fn is_due(&self) -> bool {
        !self.done && self.seen.is_none_or(|seen| self.wakes.get() > seen)
    }

    /// Polls it until it is done or sleeps.
    pub(crate) fn run(&mut self) -> Option<F::Output> {
        while self.is_due() {
            if let Some(output) = self.step() {
                return Some(output);
            }
        }
        None
    }
}

/// What happens to the bytes on their way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Edit {
    Nothing,
    /// The bit with this number arrives changed.
    Flip(usize),
    /// The connection ends after this many bytes.
    Cut(usize),
}

/// A writer whose bytes pass an attacker that edits them.
#[derive(Debug)]
pub(crate) struct Edited<W> {
    /// `None` once it was cut.
    writer: Option<W>,
    edit: Edit,
    passed: usize,
}

impl<W> Edited<W> {
    pub(crate) fn new(writer: W, edit: Edit) -> Self {
        Self { writer: (!matches!(edit, Edit::Cut(0))).then_some(writer), edit, passed: 0 }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Edited<W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(writer) = &mut this.writer else { return Poll::Ready(Ok(buf.len())) };
        let mut bytes = buf.to_vec();
        match this.edit {
            Edit::Flip(bit) if (this.passed..this.passed + bytes.len()).contains(&(bit / 8)) => {
                bytes[bit / 8 - this.passed] ^= 1 << (bit % 8);
            }
            Edit::Cut(at) => bytes.truncate(at - this.passed),
            _ => {}
        }
        let written = Pin::new(writer).poll_write(cx, &bytes);
        if let Poll::Ready(Ok(n)) = written {
            this.passed += n;
            if matches!(this.edit, Edit::Cut(at) if at == this.passed) {
                this.writer = None;
            }
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().map_or(Poll::Ready(Ok(())), |writer| Pin::new(writer).poll_flush(cx))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().map_or(Poll::Ready(Ok(())), |writer| Pin::new(writer).poll_close(cx))
    }
}

/// The reader and the writer of one side.
pub(crate) type Ends = (PipeReader, PipeWriter);

/// A connection of two sides, by a pipe for each direction.
pub(crate) fn pipes(capacity: usize) -> (Ends, Ends) {
    let (far_reader, near_writer) = pipe(capacity);
    let (near_reader, far_writer) = pipe(capacity);
    ((near_reader, near_writer), (far_reader, far_writer))
}

pub(crate) type NearSession<P> = Session<PipeReader, Edited<PipeWriter>, P>;
pub(crate) type Shaken<P> = Result<NearSession<P>, HandshakeError>;

/// Runs a handshake of two sides with these configurations, with an attacker that edits the bytes
/// of both.
pub(crate) fn shake<H: Handshake, G: Handshake>(
    (initiator, responder): (H, G),
    configs: [&Config; 2],
    edits: [Edit; 2],
) -> (Shaken<H::Peer>, Shaken<G::Peer>) {
    shake_over(64 * 1024, (initiator, responder), configs, edits)
}

/// The same over pipes that hold this many bytes.
pub(crate) fn shake_over<H: Handshake, G: Handshake>(
    capacity: usize,
    (initiator, responder): (H, G),
    configs: [&Config; 2],
    edits: [Edit; 2],
) -> (Shaken<H::Peer>, Shaken<G::Peer>) {
    let (near, far) = pipes(capacity);
    block_on(join(
        connect(near.0, Edited::new(near.1, edits[0]), initiator, configs[0], pending()),
        accept(far.0, Edited::new(far.1, edits[1]), responder, configs[1], pending()),
    ))
}

pub(crate) const UNEDITED: [Edit; 2] = [Edit::Nothing; 2];

/// The keys of two peers.
pub(crate) fn keys() -> (StaticKey, StaticKey) {
    (StaticKey::from_bytes([1; 32]), StaticKey::from_bytes([2; 32]))
}

/// The pattern of a Noise handshake, with the lengths of its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    Xx,
    Ik,
    Kk,
}

impl Pattern {
    pub(crate) const ALL: [Self; 3] = [Self::Xx, Self::Ik, Self::Kk];

    /// Both sides, with the keys of [`keys`].
    pub(crate) fn sides(self) -> (Noise, Noise) {
        let (initiator, responder) = keys();
        let (first, second) = (initiator.public(), responder.public());
        match self {
            Self::Xx => (Noise::xx(initiator), Noise::xx(responder)),
            Self::Ik => (Noise::ik(initiator, Some(second)), Noise::ik(responder, None)),
            Self::Kk => (Noise::kk(initiator, second), Noise::kk(responder, first)),
        }
    }

    /// The lengths of the messages of the initiator and the responder, without length prefixes.
    pub(crate) fn messages(self) -> [&'static [usize]; 2] {
        match self {
            Self::Xx => [&[32, 64], &[96]],
            Self::Ik => [&[96], &[48]],
            Self::Kk => [&[48], &[48]],
        }
    }

    /// How many bytes the initiator and the responder send.
    pub(crate) fn said(self) -> [usize; 2] {
        self.messages().map(|messages| messages.iter().map(|len| len + 2).sum())
    }
}

/// Sends a message and closes, and receives until the end. Gives up if the peer does not read.
pub(crate) async fn talk<P>(session: NearSession<P>) -> (Vec<Bytes>, Result<(), ReceiveError>) {
    let Session { sender, mut receiver, task, .. } = session;
    let say = async {
        // A peer that is gone fails them.
        let _ = sender.send(b"message").await.map(drop);
        let _ = sender.close().await;
    };
    join3(task.detach(), say, drain_all(&mut receiver)).await.2
}
