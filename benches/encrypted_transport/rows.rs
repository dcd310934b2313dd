//! What is measured: implementations, each with its ciphers and its runtimes.

use std::fmt;

use futures_handoff_runtimes::{self as runtimes, Runtime};

#[cfg(feature = "commonware")]
use crate::commonware;
use crate::{
    exchange::{Taken, Work, exchange},
    handoff, noise, tls,
};

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cipher {
    ChaCha20,
    Aes256,
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChaCha20 => "chacha20",
            Self::Aes256 => "aes256",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Implementation {
    /// `secure` of this crate.
    Handoff,
    /// `Noise` of snow with a length prefix for each message.
    Snow,
    /// TLS 1.3 of futures-rustls with a length prefix for each message.
    Rustls,
    /// commonware-stream: `v0` seals each message, `v1` each length as well.
    #[cfg_attr(not(feature = "commonware"), expect(dead_code, reason = "it is not there to be measured"))]
    Commonware(&'static str),
}

impl fmt::Display for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handoff => f.write_str("handoff"),
            Self::Snow => f.write_str("snow"),
            Self::Rustls => f.write_str("rustls"),
            Self::Commonware(version) => write!(f, "commonware_{version}"),
        }
    }
}

/// The interface of an implementation, for any work.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub implementation: Implementation,
    pub cipher: Cipher,
    pub runtime: &'static str,
    pub run: fn(Cipher, Work, u64) -> Taken,
}

impl Row {
    /// Every combination.
    pub fn all() -> Vec<Self> {
        let mut rows = Vec::new();
        runtimes::for_each!(R => {
            for cipher in [Cipher::ChaCha20, Cipher::Aes256] {
                let row = |implementation, run| Self { implementation, cipher, runtime: R::NAME, run };
                rows.push(row(Implementation::Handoff, over_handoff::<R>));
                // Without commonware-stream, snow only has the features that the library needs.
                if cipher == Cipher::ChaCha20 || cfg!(feature = "commonware") {
                    rows.push(row(Implementation::Snow, over_noise::<R>));
                }
                rows.push(row(Implementation::Rustls, over_tls::<R>));
            }
        });
        #[cfg(feature = "commonware")]
        rows.extend(commonware::rows());
        rows
    }

    /// Runs iterations over a new connection; returns their times.
    pub fn run(&self, work: Work, iterations: u64) -> Taken {
        (self.run)(self.cipher, work, iterations)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.implementation, self.cipher)
    }
}

fn over_handoff<R: Runtime>(cipher: Cipher, work: Work, iterations: u64) -> Taken {
    R::block_on(async { exchange::<R>(handoff::connect::<R>(cipher).await, work, iterations).await })
}

fn over_noise<R: Runtime>(cipher: Cipher, work: Work, iterations: u64) -> Taken {
    R::block_on(async { exchange::<R>(noise::connect::<R>(cipher).await, work, iterations).await })
}

fn over_tls<R: Runtime>(cipher: Cipher, work: Work, iterations: u64) -> Taken {
    R::block_on(async { exchange::<R>(tls::connect::<R>(cipher).await, work, iterations).await })
}
