//! The bound: nothing is parsed.

use std::io;

use futures_util::{AsyncReadExt, AsyncWriteExt};

use super::{Proxy, Reader, Writer};
use crate::{Runtime, harness::Settings};

/// Reads into one buffer and writes what is in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawCopy;

impl<I: Reader, O: Writer> Proxy<I, O> for RawCopy {
    async fn run<R: Runtime>(self, mut reader: I, mut writer: O, settings: Settings) -> io::Result<()> {
        let mut buf = vec![0; settings.read_reserve];
        loop {
            match reader.read(&mut buf).await? {
                0 => return writer.close().await,
                n => writer.write_all(&buf[..n]).await?,
            }
        }
    }
}
