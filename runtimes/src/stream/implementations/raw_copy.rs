//! The bound: nothing is parsed.

use std::io;

use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Proxy;
use crate::stream::Settings;

/// Reads into one buffer and writes what is in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawCopy;

impl<I, O> Proxy<I, O> for RawCopy
where
    I: AsyncRead + Unpin + Send + 'static,
    O: AsyncWrite + Unpin + Send + 'static,
{
    async fn run(self, mut reader: I, mut writer: O, settings: Settings) -> io::Result<()> {
        let mut buf = vec![0; settings.read_reserve];
        loop {
            match reader.read(&mut buf).await? {
                0 => return writer.close().await,
                n => writer.write_all(&buf[..n]).await?,
            }
        }
    }
}
