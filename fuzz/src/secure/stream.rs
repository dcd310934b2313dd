//! A peer without keys: whatever it sends after a handshake, there is no message and no end.

use std::future::pending;

use arbitrary::Arbitrary;
use futures_executor::block_on;
use futures_handoff::secure::{self, Config, ReceiveError};
use futures_util::{AsyncReadExt, future::try_join};

use super::{
    Pattern,
    wire::{Pieces, Wire},
};

/// The longest record.
const RECORD: usize = 4 * 1024 * 1024;

/// Arbitrary bytes after a handshake, and the pieces in which they arrive.
#[derive(Debug, Arbitrary)]
pub struct Forged<'a> {
    pattern: Pattern,
    pieces: &'a [u8],
    bytes: &'a [u8],
}

impl Forged<'_> {
    /// Receives the bytes after a handshake.
    ///
    /// # Panics
    ///
    /// If the result is anything but an error.
    pub fn check(&self) {
        // Limits that allow nearly everything, so that an allocation for an announced length would
        // show.
        let config = Config::new("fuzz").with_max_message_len(usize::MAX).with_max_record_len(RECORD);
        let (near, far) = self.pattern.sides();
        let (there, back) = (Wire::default(), Wire::default());
        let behind = Pieces { bytes: self.bytes, lens: self.pieces, next: 0 };
        block_on(async {
            let (connected, accepted) = try_join(
                secure::connect(back.clone(), there.clone(), near, &config, pending()),
                secure::accept(there.clone().chain(behind), back.clone(), far, &config, pending()),
            )
            .await
            .unwrap();
            drop(connected);
            // From here on the other side sends.
            there.end();
            let mut receiver = accepted.receiver;
            let error = receiver.recv().await.expect_err("nothing opens");
            match error {
                ReceiveError::Truncated { buffered } => assert_eq!(buffered, self.bytes.len()),
                ReceiveError::TooLong { len, limit } => assert!(len > limit),
                ReceiveError::Unauthentic | ReceiveError::Malformed(_) => assert!(self.bytes.len() >= 4),
                other => panic!("{other}"),
            }
            assert!(matches!(receiver.recv().await, Err(ReceiveError::Closed)));
        });
    }
}
