//! An attacker in a stream of records: a prefix of what was sent is delivered, and the end is
//! reported only after all of it.

use std::future::pending;

use arbitrary::Arbitrary;
use futures_executor::block_on;
use futures_handoff::secure::{
    self, Config, Handshake, HandshakeError, HandshakeIo, ReceiveError, Role, Session, SessionKeys,
};
use futures_util::{AsyncRead, AsyncWrite};

use super::{
    Limits,
    wire::{Pieces, Wire},
};

/// Messages, and what happens to their records.
#[derive(Debug, Arbitrary)]
pub struct Transfer {
    limits: Limits,
    submissions: Vec<Submission>,
    edits: Vec<Edit>,
    /// The lengths in which the bytes arrive.
    pieces: Vec<u8>,
}

#[derive(Debug, Arbitrary)]
enum Submission {
    Message(u16),
    Batch(Vec<u8>),
}

/// What happens to the bytes on their way. Positions count from the beginning of the current bytes,
/// and wrap around.
#[derive(Debug, Arbitrary)]
enum Edit {
    Flip {
        at: u16,
        bit: u8,
    },
    Drop {
        from: u16,
        len: u8,
    },
    Repeat {
        from: u16,
        len: u8,
        at: u16,
    },
    Insert {
        at: u16,
        bytes: Vec<u8>,
    },
    Cut {
        at: u16,
    },
    /// The same with whole records, as they were sent.
    DropRecord(u8),
    RepeatRecord(u8),
    SwapRecords(u8, u8),
}

/// Keys that are always the same, and cost nothing.
struct Fixed;

impl Handshake for Fixed {
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
        Ok(((), SessionKeys::derive(&[0x5A; 32], prologue)))
    }
}

/// What was sent.
struct Sent {
    messages: Vec<Vec<u8>>,
    /// How many messages, and how many bytes of the wire, were there after each submission.
    marks: Vec<(usize, usize)>,
    bytes: Vec<u8>,
}

impl Transfer {
    pub(super) fn check(&self) {
        let config = self.limits.config();
        let sent = self.send(&config);
        let arrived = self.meddle(&sent.bytes);
        let (delivered, end) = receive(&arrived, &self.pieces, &config);

        let whole = arrived.iter().zip(&sent.bytes).take_while(|(a, b)| a == b).count();
        let due = sent.marks.iter().take_while(|(_, bytes)| *bytes <= whole).last().map_or(0, |mark| mark.0);
        assert!(sent.messages.starts_with(&delivered), "something else is delivered: {self:?}");
        assert!(delivered.len() >= due, "{} of {due} are delivered: {self:?}", delivered.len());
        // Bytes after the end are ignored.
        let all = whole == sent.bytes.len();
        match end {
            None => {
                assert!(
                    all && delivered.len() == sent.messages.len(),
                    "the end is reported too early: {self:?}"
                )
            }
            Some(error) => assert!(!all, "{error}, although nothing was changed: {self:?}"),
        }
    }

    fn send(&self, config: &Config) -> Sent {
        let wire = Wire::default();
        let (mut messages, mut marks) = (Vec::new(), Vec::new());
        block_on(async {
            let connected =
                secure::connect(Wire::default(), wire.clone(), Fixed, config, pending()).await.unwrap();
            let Session { sender, mut task, .. } = connected;
            let all = async {
                for submission in self.submissions.iter().take(8) {
                    let lens: Vec<_> = match submission {
                        Submission::Message(len) => vec![usize::from(*len) % (Limits::MESSAGE + 1)],
                        Submission::Batch(lens) => lens.iter().take(8).map(|len| usize::from(*len)).collect(),
                    };
                    let first = messages.len();
                    messages.extend((first..).zip(lens).map(|(at, len)| content(at, len)));
                    match submission {
                        Submission::Message(_) => drop(sender.send(&messages[first]).await.unwrap()),
                        Submission::Batch(_) => drop(sender.send_batch(&messages[first..]).await.unwrap()),
                    }
                    sender.flush().await.unwrap();
                    marks.push((messages.len(), wire.len()));
                }
                sender.close().await.unwrap();
            };
            task.run_until(all).await;
        });
        Sent { messages, marks, bytes: wire.take() }
    }

    fn meddle(&self, sent: &[u8]) -> Vec<u8> {
        let mut records = records(sent);
        for edit in &self.edits {
            let count = records.len();
            match *edit {
                Edit::DropRecord(at) if count > 0 => drop(records.remove(usize::from(at) % count)),
                Edit::RepeatRecord(at) if count > 0 => {
                    let at = usize::from(at) % count;
                    records.insert(at, records[at]);
                }
                Edit::SwapRecords(a, b) if count > 0 => {
                    records.swap(usize::from(a) % count, usize::from(b) % count)
                }
                _ => {}
            }
        }
        let mut bytes = records.concat();
        for edit in &self.edits {
            let place = |at: u16| usize::from(at) % bytes.len().max(1);
            let range = |from: u16, len: u8| {
                let from = place(from);
                from..(from + usize::from(len)).min(bytes.len())
            };
            match edit {
                Edit::Flip { at, bit } if !bytes.is_empty() => {
                    let at = place(*at);
                    bytes[at] ^= 1 << (bit % 8);
                }
                Edit::Drop { from, len } => drop(bytes.drain(range(*from, *len))),
                Edit::Repeat { from, len, at } => {
                    let (again, at) = (bytes[range(*from, *len)].to_vec(), place(*at));
                    bytes.splice(at..at, again);
                }
                Edit::Insert { at, bytes: inserted } => {
                    let at = place(*at);
                    bytes.splice(at..at, inserted.iter().copied());
                }
                Edit::Cut { at } => bytes.truncate(place(*at)),
                _ => {}
            }
        }
        bytes
    }
}

/// A message that differs from others.
fn content(at: usize, len: usize) -> Vec<u8> {
    (0..len).map(|i| (at * 31 + i) as u8).collect()
}

/// The records of a stream without changes.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while let [_, a, b, c, ..] = *bytes {
        let (record, rest) = bytes.split_at(4 + u32::from_be_bytes([0, a, b, c]) as usize + 16);
        records.push(record);
        bytes = rest;
    }
    records
}

/// The messages that come out, and the final error, if any.
fn receive(bytes: &[u8], lens: &[u8], config: &Config) -> (Vec<Vec<u8>>, Option<ReceiveError>) {
    let mut delivered = Vec::new();
    block_on(async {
        let reader = Pieces { bytes, lens, next: 0 };
        let accepted = secure::accept(reader, Wire::default(), Fixed, config, pending()).await.unwrap();
        let mut receiver = accepted.receiver;
        let end = loop {
            match receiver.recv().await {
                Ok(Some(message)) => delivered.push(message.to_vec()),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        // The end stays the end, and an error an error.
        match end {
            None => assert!(receiver.recv().await.unwrap().is_none()),
            Some(_) => assert!(matches!(receiver.recv().await, Err(ReceiveError::Closed))),
        }
        (delivered, end)
    })
}
