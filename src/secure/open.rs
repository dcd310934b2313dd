//! From records to messages.

use bytes::{Buf, Bytes, BytesMut};

use super::{
    config::Config,
    error::ReceiveError,
    keys::DirectionKey,
    record::{BATCH_PREFIX, HEADER_LEN, Header, Kind, TOTAL_LEN, from_u24},
    slab::{SLAB_PIECE_MAX, Slab},
};
use crate::blocks::Blocks;

/// The number of blocks that are remembered. If a consumer holds the messages of more records, new
/// blocks are allocated for them.
const BLOCKS_MAX: usize = 8;

/// The result of opening a record.
#[derive(Debug)]
pub(super) enum Opened {
    Message(Bytes),
    /// A part of a message, or a batch without messages.
    Nothing,
    /// The peer has sent everything.
    Close,
}

/// A message that arrives in parts.
struct Long {
    block: BytesMut,
    len: usize,
    /// How many bytes have arrived. All of them are genuine.
    have: usize,
}

/// Opens the records of the peer. Every error is final.
pub(super) struct Opener {
    key: DirectionKey,
    max_message_len: usize,
    max_record_len: usize,
    short: Slab,
    blocks: Blocks,
    long: Option<Long>,
    /// The messages of a batch that were not yet delivered, each after its length. All of them were
    /// checked.
    batch: Bytes,
}

impl Opener {
    pub(super) fn new(key: DirectionKey, config: &Config) -> Self {
        Self {
            key,
            max_message_len: config.max_message_len(),
            max_record_len: config.max_record_len(),
            short: Slab::new(),
            blocks: Blocks::new(BLOCKS_MAX),
            long: None,
            batch: Bytes::new(),
        }
    }

    /// Called when no more input is available for now.
    #[inline]
    pub(super) fn rest(&mut self) {
        self.blocks.rest();
    }

    /// Returns the next message of the batch that was opened last.
    #[inline]
    pub(super) fn next_of_batch(&mut self) -> Option<Bytes> {
        if self.batch.is_empty() { None } else { self.take_of_batch() }
    }

    fn take_of_batch(&mut self) -> Option<Bytes> {
        let len = from_u24(*self.batch.first_chunk()?);
        self.batch.advance(BATCH_PREFIX);
        Some(self.batch.split_to(len))
    }

    /// Decodes the header of the record at the start of `buffered`, or `None` if it is incomplete.
    /// Checks the header against all limits before any more is read or allocated.
    #[inline]
    pub(super) fn header(&self, buffered: &[u8]) -> Result<Option<Header>, ReceiveError> {
        let Some(header) = buffered.first_chunk::<HEADER_LEN>() else { return Ok(None) };
        let header = Header::decode(*header, self.max_record_len)?;
        let limit = match header.kind {
            Kind::Message => self.max_message_len,
            _ => usize::MAX,
        };
        if header.len > limit {
            return Err(ReceiveError::TooLong { len: header.len, limit });
        }
        if (header.kind == Kind::Part) != self.long.is_some() {
            return Err(ReceiveError::Malformed(match header.kind {
                Kind::Part => "a part of a message arrives without a begin record",
                _ => "another record arrives between the parts of a message",
            }));
        }
        Ok(Some(header))
    }

    /// Opens a whole record, whose header [`header`](Self::header) has checked.
    #[inline]
    pub(super) fn open(&mut self, header: Header, record: &[u8]) -> Result<Opened, ReceiveError> {
        let (head, sealed) = record.split_at(HEADER_LEN);
        match header.kind {
            Kind::Message => self.open_into_block(head, header.len, sealed).map(Opened::Message),
            Kind::Batch => self.open_batch(head, header.len, sealed),
            Kind::Begin => self.begin(head, header.len, sealed),
            Kind::Part => self.open_part(head, header.len, sealed),
            Kind::Close => {
                self.key.open(head, sealed, &mut []).map_err(|_| ReceiveError::Unauthentic)?;
                Ok(Opened::Close)
            }
        }
    }

    /// Opens a record into a block that is reused later.
    #[inline]
    fn open_into_block(&mut self, head: &[u8], len: usize, sealed: &[u8]) -> Result<Bytes, ReceiveError> {
        if len <= SLAB_PIECE_MAX {
            let mut piece = self.short.take(len);
            self.key.open(head, sealed, &mut piece).map_err(|_| ReceiveError::Unauthentic)?;
            return Ok(piece.freeze());
        }
        let mut block = self.blocks.take(len);
        self.key.open(head, sealed, &mut block[..len]).map_err(|_| ReceiveError::Unauthentic)?;
        Ok(self.blocks.hand_out(block, len))
    }

    fn open_batch(&mut self, head: &[u8], len: usize, sealed: &[u8]) -> Result<Opened, ReceiveError> {
        let batch = self.open_into_block(head, len, sealed)?;
        // The whole batch is checked before any of it is delivered.
        let mut rest = &batch[..];
        while !rest.is_empty() {
            let message = rest
                .split_first_chunk::<BATCH_PREFIX>()
                .and_then(|(prefix, behind)| behind.split_at_checked(from_u24(*prefix)));
            let Some((message, behind)) = message else {
                return Err(ReceiveError::Malformed("a batch ends within a message"));
            };
            if message.len() > self.max_message_len {
                return Err(ReceiveError::TooLong { len: message.len(), limit: self.max_message_len });
            }
            rest = behind;
        }
        self.batch = batch;
        Ok(self.next_of_batch().map_or(Opened::Nothing, Opened::Message))
    }

    fn begin(&mut self, head: &[u8], len: usize, sealed: &[u8]) -> Result<Opened, ReceiveError> {
        let mut total = [0; TOTAL_LEN];
        let Some(total_len) = total.get_mut(..len).filter(|total| total.len() == TOTAL_LEN) else {
            return Err(ReceiveError::Malformed("a begin record does not have 4 bytes"));
        };
        self.key.open(head, sealed, total_len).map_err(|_| ReceiveError::Unauthentic)?;
        let total = usize::try_from(u32::from_be_bytes(total)).unwrap_or(usize::MAX);
        if total > self.max_message_len {
            return Err(ReceiveError::TooLong { len: total, limit: self.max_message_len });
        }
        if total <= self.max_record_len {
            return Err(ReceiveError::Malformed("a message that fits in one record arrives in parts"));
        }
        // The record is authentic, and the peer may send that much. The system provides new memory
        // only as it is written to.
        self.long = Some(Long { block: self.blocks.take(total), len: total, have: 0 });
        Ok(Opened::Nothing)
    }

    /// Opens a part into its place in the message.
    fn open_part(&mut self, head: &[u8], len: usize, sealed: &[u8]) -> Result<Opened, ReceiveError> {
        let Some(long) = &mut self.long else {
            return Err(ReceiveError::Malformed("a part of a message arrives without a begin record"));
        };
        if len != (long.len - long.have).min(self.max_record_len) {
            return Err(ReceiveError::Malformed("a part of a message is too long or too short"));
        }
        let place = &mut long.block[long.have..][..len];
        self.key.open(head, sealed, place).map_err(|_| ReceiveError::Unauthentic)?;
        long.have += len;
        if long.have < long.len {
            return Ok(Opened::Nothing);
        }
        let Some(long) = self.long.take() else { return Ok(Opened::Nothing) };
        Ok(Opened::Message(self.blocks.hand_out(long.block, long.len)))
    }
}
