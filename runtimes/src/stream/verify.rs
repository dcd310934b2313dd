//! Compares what comes out of a stream with what went in.

use bytes::Bytes;

use super::Failure;

/// How far a stream has been checked.
#[derive(Debug)]
pub struct Verifier {
    stream: usize,
    sent: Bytes,
    checked: usize,
}

impl Verifier {
    /// Expects `sent` from the connection with the number `stream`.
    #[must_use]
    pub fn new(stream: usize, sent: Bytes) -> Self {
        Self { stream, sent, checked: 0 }
    }

    /// Checks the next bytes: one comparison of memory as long as they are right.
    ///
    /// # Errors
    ///
    /// At the first byte that is wrong or one too many.
    pub fn check(&mut self, received: &[u8]) -> Result<(), Failure> {
        let left = &self.sent[self.checked..];
        if left.get(..received.len()) == Some(received) {
            self.checked += received.len();
            return Ok(());
        }
        let differs = left.iter().zip(received).position(|(sent, received)| sent != received);
        Err(match differs {
            Some(at) => Failure::Mismatch {
                stream: self.stream,
                offset: self.checked + at,
                sent: left[at],
                received: received[at],
            },
            None => Failure::Surplus { stream: self.stream, len: self.sent.len() },
        })
    }

    /// How much has been checked.
    #[must_use]
    pub fn checked(&self) -> usize {
        self.checked
    }

    /// Whether the last byte has been checked.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.checked == self.sent.len()
    }
}
