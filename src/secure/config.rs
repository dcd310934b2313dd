//! The parameters that both sides agree on, and the memory that a side may use.

use bytes::Bytes;

use super::{aead::Suite, record};
use crate::WriteHandoffConfig;

/// The version of the protocol. The handshake binds it.
const VERSION: &[u8] = b"futures-handoff secure 1";

/// A long message has a length prefix of 32 bits, and its block has to be a possible allocation:
/// less than `isize::MAX` bytes, rounded up.
const MESSAGE_LEN_LIMIT: usize =
    if usize::BITS > 32 { u32::MAX as usize - 1 } else { isize::MAX as usize / 2 };

const MAX_MESSAGE_LEN: usize = 256 * 1024;
const MAX_RECORD_LEN: usize = 64 * 1024;
/// Records of messages up to this length are gathered, as short chunks are by default.
const COPY_MAX: usize = 1024;
/// Sealing a record costs as much as writing it, so more bytes in a call pay off than for plain
/// bytes.
const SEND_AT: usize = 64 * 1024;
/// The limit of rustls for AES-GCM is 2^24 records of 16 KiB. This is a quarter of those bytes.
const REKEY_AFTER: u64 = 1 << 20;

/// How messages are encrypted and how large they may be.
///
/// The handshake binds the namespace, the suite, the lengths of messages and records, and the
/// number of records for a key. With a peer that has another value for one of them, the handshake
/// fails. The settings for writing concern one side only.
///
/// # Examples
///
/// ```
/// use futures_handoff::{WriteHandoffConfig, secure::{Config, Suite}};
///
/// let config = Config::new("example.org/chat/1")
///     .with_suite(Suite::Aes256Gcm)
///     .with_max_message_len(1024 * 1024)
///     .with_max_record_len(32 * 1024)
///     .with_rekey_after(1 << 16)
///     .with_write(WriteHandoffConfig::new(64, 128 * 1024));
/// assert_eq!((config.namespace(), config.suite()), (&b"example.org/chat/1"[..], Suite::Aes256Gcm));
/// assert_eq!((config.max_message_len(), config.max_record_len()), (1024 * 1024, 32 * 1024));
/// assert_eq!(config.rekey_after(), 1 << 16);
/// // The budget is raised to hold the longest message.
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
    /// The defaults: ChaCha20-Poly1305, messages of up to 256 KiB in records of up to 64 KiB, a new
    /// key after 2^20 records.
    ///
    /// `namespace` identifies the application and its protocol version. Peers with different
    /// namespaces cannot connect.
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
    /// what the longest message takes. A receiver holds as much for a message that comes in several
    /// records. The value is limited to `u32::MAX - 1`, and to 1 GiB - 1 on a 32-bit machine, the
    /// largest block that can be allocated there.
    #[must_use = "returns the changed configuration"]
    pub fn with_max_message_len(self, max_message_len: usize) -> Self {
        Self { max_message_len: max_message_len.min(MESSAGE_LEN_LIMIT), ..self }
    }

    /// Sets the most plaintext bytes in a record, of one message or of several short ones. The
    /// default is 64 KiB. The value is limited to 16 MiB - 1.
    ///
    /// A receiver buffers a whole record before it can open it. Longer records cost a little less,
    /// but the first bytes of a long message leave later. With AES-256-GCM and more than 256 KiB,
    /// lower [`rekey_after`](Self::with_rekey_after) in proportion.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use = "returns the changed configuration"]
    #[track_caller]
    pub fn with_max_record_len(self, max_record_len: usize) -> Self {
        assert!(max_record_len > 0, "max_record_len must be at least 1 byte");
        Self { max_record_len: max_record_len.min(record::MAX_LEN), ..self }
    }

    /// Sets the number of records for a key. The default is 2^20. After that many records, both
    /// sides derive the next key, without a message about it. The step cannot be reversed: a thief
    /// of the new key cannot open records from before. The default keeps AES-256-GCM within the
    /// limit of TLS 1.3 for records of up to 256 KiB.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use = "returns the changed configuration"]
    #[track_caller]
    pub fn with_rekey_after(self, records: u64) -> Self {
        assert!(records > 0, "a key must be used for at least 1 record");
        Self { rekey_after: records, ..self }
    }

    /// Sets the limits and thresholds of the write handoff under the sender. Its budgets are raised
    /// to what the longest message takes. The defaults are those of [`WriteHandoffConfig`] with two
    /// exceptions: a producer writes when 64 KiB are held, and the records of messages of up to 1
    /// KiB are gathered.
    #[must_use = "returns the changed configuration"]
    pub fn with_write(self, write: WriteHandoffConfig) -> Self {
        Self { write, ..self }
    }

    /// The namespace of the application.
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

    /// The most plaintext bytes in a record.
    pub fn max_record_len(&self) -> usize {
        self.max_record_len
    }

    /// The number of records for a key.
    pub fn rekey_after(&self) -> u64 {
        self.rekey_after
    }

    /// The configuration of the write handoff: the limits that were set, or what the longest
    /// message takes if that is more.
    pub fn write(&self) -> WriteHandoffConfig {
        let room = record::room_of_message(self.max_message_len, self.max_record_len);
        self.write
            .with_max_pending_bytes(self.write.max_pending_bytes().max(room.bytes))
            .with_max_items(self.write.max_items().max(room.records))
    }

    /// The bytes that the handshake binds. Different configurations have different bytes.
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
