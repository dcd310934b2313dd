//! From messages to records.

use bytes::Bytes;

use super::{
    aead::CipherError,
    config::Config,
    keys::DirectionKey,
    record::{BATCH_PREFIX, Group, HEADER_LEN, Header, Kind, TOTAL_LEN, groups, u24},
};
use crate::blocks::Blocks;

/// The most blocks that wait to be written, or to be used again. The budget of the write handoff
/// bounds their bytes.
const BLOCKS_MAX: usize = 64;

/// Seals what one side sends. The order of the calls is the order in which records have to leave.
pub(super) struct Sealer {
    key: DirectionKey,
    blocks: Blocks,
    max_record_len: usize,
}

impl Sealer {
    pub(super) fn new(key: DirectionKey, config: &Config) -> Self {
        Self { key, blocks: Blocks::new(BLOCKS_MAX), max_record_len: config.max_record_len() }
    }

    /// One record, from where the bytes lie into where they leave.
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

    /// The records of a message that is longer than one.
    pub(super) fn long_message(&mut self, bytes: &[u8], records: &mut Vec<Bytes>) -> Result<(), CipherError> {
        // The configuration allows no message whose length does not fit.
        let total: [u8; TOTAL_LEN] = u32::try_from(bytes.len()).map_err(|_| CipherError)?.to_be_bytes();
        records.push(self.record(Kind::Begin, &total)?);
        for part in bytes.chunks(self.max_record_len) {
            records.push(self.record(Kind::Part, part)?);
        }
        Ok(())
    }

    /// A message, in as many records as it takes.
    pub(super) fn message(&mut self, bytes: &[u8], records: &mut Vec<Bytes>) -> Result<(), CipherError> {
        if bytes.len() > self.max_record_len {
            return self.long_message(bytes, records);
        }
        records.push(self.record(Kind::Message, bytes)?);
        Ok(())
    }

    /// Several messages in one record of `len` bytes. They are copied together, and then sealed in
    /// place.
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

    /// A list of messages, in as few records as they fit in.
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
