//! From messages to records.

use bytes::Bytes;

use super::{
    aead::CipherError,
    config::Config,
    keys::DirectionKey,
    record::{BATCH_PREFIX, Group, HEADER_LEN, Header, Kind, TOTAL_LEN, groups, u24},
};
use crate::{blocks::Blocks, sync::Mutex};

/// The most blocks that are remembered, in the queue or unused. The budget of the write handoff
/// bounds their bytes.
const BLOCKS_MAX: usize = 64;

/// The state that all senders of a session share.
pub(super) struct Sealing {
    pub(super) state: Mutex<SealState>,
    pub(super) max_message_len: usize,
    pub(super) max_record_len: usize,
}

/// The part under the lock. Records are sealed and accepted under one lock, so that they leave in
/// the order of their numbers.
pub(super) struct SealState {
    pub(super) sealer: Sealer,
    /// An empty list for the records of a long message.
    pub(super) records: Vec<Bytes>,
    /// An empty list for the messages of a batch.
    pub(super) views: Vec<&'static [u8]>,
    /// The close record was accepted or the cipher has failed. No record may follow.
    pub(super) closed: bool,
    /// The number of senders that may still send.
    pub(super) senders: usize,
}

/// Seals the messages of one side. Records have to leave in the order of the calls.
pub(super) struct Sealer {
    key: DirectionKey,
    blocks: Blocks,
    max_record_len: usize,
}

impl Sealer {
    pub(super) fn new(key: DirectionKey, config: &Config) -> Self {
        Self { key, blocks: Blocks::new(BLOCKS_MAX), max_record_len: config.max_record_len() }
    }

    /// Seals one record, from the bytes of the caller into the block that is written.
    #[inline]
    pub(super) fn record(&mut self, kind: Kind, bytes: &[u8]) -> Result<Bytes, CipherError> {
        let header = Header { kind, len: bytes.len() };
        let len = header.wire_len();
        let mut block = self.blocks.take(len);
        let (head, sealed) = block[..len].split_at_mut(HEADER_LEN);
        head.copy_from_slice(&header.encode());
        self.key.seal(head, bytes, sealed)?;
        Ok(self.blocks.hand_out(block, len))
    }

    /// Seals a message that is longer than a record.
    pub(super) fn long_message(&mut self, bytes: &[u8], records: &mut Vec<Bytes>) -> Result<(), CipherError> {
        // The configuration allows only messages whose length fits.
        let total: [u8; TOTAL_LEN] = u32::try_from(bytes.len()).map_err(|_| CipherError)?.to_be_bytes();
        records.push(self.record(Kind::Begin, &total)?);
        for part in bytes.chunks(self.max_record_len) {
            records.push(self.record(Kind::Part, part)?);
        }
        Ok(())
    }

    /// Seals a message, in as many records as it takes.
    pub(super) fn message(&mut self, bytes: &[u8], records: &mut Vec<Bytes>) -> Result<(), CipherError> {
        if bytes.len() > self.max_record_len {
            return self.long_message(bytes, records);
        }
        records.push(self.record(Kind::Message, bytes)?);
        Ok(())
    }

    /// Seals several messages in one record with `len` plaintext bytes. The messages are copied
    /// together, and then sealed in place.
    pub(super) fn batch(&mut self, messages: &[&[u8]], len: usize) -> Result<Bytes, CipherError> {
        let header = Header { kind: Kind::Batch, len };
        let wire_len = header.wire_len();
        let mut block = self.blocks.take(wire_len);
        let (head, sealed) = block[..wire_len].split_at_mut(HEADER_LEN);
        head.copy_from_slice(&header.encode());
        let mut rest = &mut sealed[..len];
        for message in messages {
            let (prefix, behind) = rest.split_at_mut_checked(BATCH_PREFIX).ok_or(CipherError)?;
            let (place, behind) = behind.split_at_mut_checked(message.len()).ok_or(CipherError)?;
            prefix.copy_from_slice(&u24(message.len()));
            place.copy_from_slice(message);
            rest = behind;
        }
        self.key.seal_in_place(head, sealed)?;
        Ok(self.blocks.hand_out(block, wire_len))
    }

    /// Seals a list of messages, in as few records as possible.
    pub(super) fn messages(
        &mut self,
        messages: &[&[u8]],
        records: &mut Vec<Bytes>,
    ) -> Result<(), CipherError> {
        for group in groups(messages, self.max_record_len) {
            match group {
                Group::Batch { messages: range, len } => records.push(self.batch(&messages[range], len)?),
                Group::Single(at) => self.message(messages[at], records)?,
            }
        }
        Ok(())
    }
}
