//! What both sides of a connection have to agree on, and how much memory a side may use.

use bytes::Bytes;

use super::{aead::Suite, record};
use crate::WriteHandoffConfig;

/// The version of the protocol. It is part of what the handshake binds.
const VERSION: &[u8] = b"futures-handoff secure 1";

/// The length in front of a long message has 32 bits, and a block for one has to be possible
/// memory: less than `isize::MAX` bytes, rounded up.
const MESSAGE_LEN_LIMIT: usize =
    if usize::BITS > 32 { u32::MAX as usize - 1 } else { isize::MAX as usize / 2 };

const MAX_MESSAGE_LEN: usize = 256 * 1024;
const MAX_RECORD_LEN: usize = 64 * 1024;
/// Records of messages up to this length are gathered, as short chunks are by default.
const COPY_MAX: usize = 1024;
/// To seal a record costs as much as to write it: more of them in a call than of plain bytes pay.
const SEND_AT: usize = 64 * 1024;
/// The limit of rustls for AES-GCM is 2^24 records of 16 KiB. This is a quarter of those bytes.
const REKEY_AFTER: u64 = 1 << 20;

/// How messages are encrypted and how large they may be.
///
/// The handshake binds the namespace, the suite, and the lengths of messages and records and the
/// number of records for a key: with a peer that is configured differently, it fails. What is said
/// about writing is a side's own business.
///
/// # Examples
///
/// ```
/// use futures_handoff::secure::{Config, Suite};
///
/// let config = Config::new("example.org/chat/1").with_suite(Suite::Aes256Gcm).with_max_message_len(1024 * 1024);
/// assert_eq!(config.max_message_len(), 1024 * 1024);
/// assert!(config.write().max_pending_bytes() > 1024 * 1024);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    namespace: Bytes,
    suite: Suite,
    max_message_len: usize,
    max_record_len: usize,
    rekey_after: u64,
    write: WriteHandoffConfig,
}

impl Config {
    /// The defaults: ChaCha20-Poly1305, messages of up to 256 KiB in records of up to 64 KiB,
    /// another key after 2^20 records.
    ///
    /// `namespace` tells one application's connections, and their versions, from all others'.
    pub fn new(namespace: impl AsRef<[u8]>) -> Self {
        Self {
            namespace: Bytes::copy_from_slice(namespace.as_ref()),
            suite: Suite::default(),
            max_message_len: MAX_MESSAGE_LEN,
            max_record_len: MAX_RECORD_LEN,
            rekey_after: REKEY_AFTER,
            write: WriteHandoffConfig::default()
                .with_copy_max(COPY_MAX + record::OVERHEAD)
                .with_send_at(SEND_AT),
        }
    }

    /// Sets the cipher.
    #[must_use = "returns the changed configuration"]
    pub fn with_suite(self, suite: Suite) -> Self {
        Self { suite, ..self }
    }

    /// Sets the longest message, in bytes, in both directions. The default is 256 KiB. 0 allows
    /// only empty messages.
    ///
    /// A message is accepted whole or not at all, so the budget of the write handoff is at least
    /// what the longest one takes. A receiver holds as much for a message that comes in several
    /// records. More than `u32::MAX - 1` counts as that, and on a machine of 32 bits more than 1
    /// GiB - 1, of which memory can be had.
    #[must_use = "returns the changed configuration"]
    pub fn with_max_message_len(self, max_message_len: usize) -> Self {
        Self { max_message_len: max_message_len.min(MESSAGE_LEN_LIMIT), ..self }
    }

    /// Sets the most bytes of a message, or of several short ones, that are encrypted as one
    /// record. The default is 64 KiB; more than 16 MiB - 1 counts as that.
    ///
    /// A receiver buffers a record before it can open it. Longer records cost a little less, and
    /// let the first bytes of a long message leave later. With AES-256-GCM and more than 256 KiB,
    /// lower [`rekey_after`](Self::with_rekey_after) by as much as records are longer than that.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[must_use = "returns the changed configuration"]
    #[track_caller]
    pub fn with_max_record_len(self, max_record_len: usize) -> Self {
        assert!(max_record_len > 0, "max_record_len must be at least 1 byte");
        Self { max_record_len: max_record_len.min(record::MAX_LEN), ..self }
    }

    /// Sets how many records a key is used for. The default is 2^20. After that many, both sides go
    /// on with the next key, without a message about it, and cannot go back: what was recorded
    /// before stays closed to a thief of the new key. The default keeps AES-256-GCM within the
    /// limit of TLS 1.3 for records of up to 256 KiB.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[must_use = "returns the changed configuration"]
    #[track_caller]
    pub fn with_rekey_after(self, records: u64) -> Self {
        assert!(records > 0, "a key must be used for at least 1 record");
        Self { rekey_after: records, ..self }
    }

    /// Sets the limits and thresholds of the write handoff under the sender. Its budgets are raised
    /// to what the longest message takes. The default is that of [`WriteHandoffConfig`], but that
    /// 64 KiB are held before a producer sends, and the records of messages of up to 1 KiB are
    /// gathered.
    #[must_use = "returns the changed configuration"]
    pub fn with_write(self, write: WriteHandoffConfig) -> Self {
        Self { write, ..self }
    }

    /// What tells the application's connections from others.
    pub fn namespace(&self) -> &[u8] {
        &self.namespace
    }

    /// The cipher.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The longest message, in bytes.
    pub fn max_message_len(&self) -> usize {
        self.max_message_len
    }

    /// The most bytes that are encrypted as one record.
    pub fn max_record_len(&self) -> usize {
        self.max_record_len
    }

    /// How many records a key is used for.
    pub fn rekey_after(&self) -> u64 {
        self.rekey_after
    }

    /// The limits of the write handoff: those that were set, or what the longest message takes if
    /// that is more.
    pub fn write(&self) -> WriteHandoffConfig {
        let room = record::room_of_message(self.max_message_len, self.max_record_len);
        self.write
            .with_max_pending_bytes(self.write.max_pending_bytes().max(room.bytes))
            .with_max_items(self.write.max_items().max(room.records))
    }

    /// What the handshake binds, in a form in which no two configurations are alike.
    pub(super) fn prologue(&self) -> Vec<u8> {
        let suite = match self.suite {
            Suite::ChaCha20Poly1305 => 1,
            Suite::Aes256Gcm => 2,
        };
        let mut prologue = Vec::with_capacity(VERSION.len() + self.namespace.len() + 33);
        prologue.extend_from_slice(VERSION);
        prologue.push(suite);
        for limit in [self.max_message_len as u64, self.max_record_len as u64, self.rekey_after] {
            prologue.extend_from_slice(&limit.to_be_bytes());
        }
        prologue.extend_from_slice(&(self.namespace.len() as u64).to_be_bytes());
        prologue.extend_from_slice(&self.namespace);
        prologue
    }
}
