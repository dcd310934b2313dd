//! A typical use of the bytes crate: a `BytesMut` whose front is split off, and a write for each
//! line.

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::{Proxy, Reader, Writer};
use crate::{
    Runtime,
    harness::{Next, Settings, next},
};

/// Reads into a `BytesMut`; splits each line off, as code that routes owned lines does, and writes
/// it on its own. The tunnel is written from the buffer, arrival by arrival.
///
/// Nothing is copied, and memory is reused once its pieces are written. Without `unsafe` it fills
/// reserved memory with zeros, which Tokio's `read_buf` would not.
#[derive(Debug, Clone, Copy, Default)]
pub struct SplitBytesMut;

impl<I: Reader, O: Writer> Proxy<I, O> for SplitBytesMut {
    async fn run<R: Runtime>(self, mut reader: I, mut writer: O, settings: Settings) -> io::Result<()> {
        let mut incoming = Incoming::new(&settings);
        let mut tunnel = false;
        while incoming.read(&mut reader).await? > 0 {
            while !tunnel {
                match next(incoming.as_slice()) {
                    Next::More => break,
                    Next::Tunnel => tunnel = true,
                    Next::Frame(len) => {
                        let line = incoming.split_to(len);
                        writer.write_all(&line).await?;
                    }
                }
            }
            if tunnel {
                writer.write_all(incoming.as_slice()).await?;
                incoming.clear();
            }
        }
        writer.write_all(incoming.as_slice()).await?;
        writer.close().await
    }
}

/// Bytes that arrived and were not taken out yet.
///
/// A reader needs initialised memory, and without `unsafe` the spare capacity of a `BytesMut` must
/// be filled with zeros. That is done once for each reservation, not for each read: reads use up
/// the room first.
pub(super) struct Incoming {
    /// The bytes that arrived, and after them the zeros to overwrite.
    bytes: BytesMut,
    filled: usize,
    reserve: usize,
}

impl Incoming {
    /// With room for two reads, so that the rest of a line does not make a block too small to be
    /// reused.
    pub(super) fn new(settings: &Settings) -> Self {
        let reserve = settings.read_reserve;
        Self { bytes: BytesMut::with_capacity(2 * reserve), filled: 0, reserve }
    }

    /// Reads once; 0 is the end of the stream.
    pub(super) async fn read(&mut self, reader: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        if self.bytes.len() - self.filled < self.reserve.div_ceil(2) {
            // A reservation may move the bytes. The zeros need not move.
            self.bytes.truncate(self.filled);
            self.bytes.reserve(self.reserve);
            self.bytes.resize(self.filled + self.reserve, 0);
        }
        let n = reader.read(&mut self.bytes[self.filled..]).await?;
        self.filled += n;
        Ok(n)
    }

    /// The bytes that arrived.
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Takes the first `n` of them out. They share the memory.
    pub(super) fn split_to(&mut self, n: usize) -> Bytes {
        self.filled -= n;
        self.bytes.split_to(n).freeze()
    }

    /// Drops all of them. Their memory is initialised, so it can be read into.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    /// Takes all of them out.
    pub(super) fn split_all(&mut self) -> Bytes {
        self.split_to(self.filled)
    }
}
