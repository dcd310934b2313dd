//! What is written with the bytes crate: a `BytesMut` whose front is split off, and a write of each line.

use std::io;

use futures_util::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{Proxy, incoming::Incoming};
use crate::stream::{Next, Settings, next};

/// Reads into a `BytesMut`; splits each line off, as code that routes owned lines does, and writes it on its own. The tunnel
/// is written where it lies, arrival by arrival.
///
/// Nothing is copied, and memory whose pieces are written is used again. As it has no `unsafe`, it fills with zeros what it
/// reserves, which Tokio's `read_buf` would leave as it is.
#[derive(Debug, Clone, Copy)]
pub struct SplitBytesMut;

impl<I, O> Proxy<I, O> for SplitBytesMut
where
    I: AsyncRead + Unpin + Send + 'static,
    O: AsyncWrite + Unpin + Send + 'static,
{
    async fn run(self, mut reader: I, mut writer: O, settings: Settings) -> io::Result<()> {
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
