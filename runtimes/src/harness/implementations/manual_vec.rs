//! The simplest form: a `Vec` to parse in, and a write as soon as there is something to write.

use std::io;

use futures_util::{AsyncReadExt, AsyncWriteExt};

use super::{Proxy, Reader, Writer};
use crate::{
    Runtime,
    harness::{Next, Settings, next},
};

/// Collects arrivals in a `Vec`; writes each line on its own, and each arrival of the tunnel.
#[derive(Debug, Clone, Copy, Default)]
pub struct ManualVec;

impl<I: Reader, O: Writer> Proxy<I, O> for ManualVec {
    async fn run<R: Runtime>(self, mut reader: I, mut writer: O, settings: Settings) -> io::Result<()> {
        let mut arrival = vec![0; settings.read_reserve];
        let mut pending = Vec::with_capacity(2 * settings.read_reserve);
        let mut tunnel = false;
        loop {
            let n = reader.read(&mut arrival).await?;
            if n == 0 {
                writer.write_all(&pending).await?;
                return writer.close().await;
            }
            pending.extend_from_slice(&arrival[..n]);

            let mut routed = 0;
            while !tunnel {
                match next(&pending[routed..]) {
                    Next::More => break,
                    Next::Tunnel => tunnel = true,
                    Next::Frame(len) => {
                        writer.write_all(&pending[routed..routed + len]).await?;
                        routed += len;
                    }
                }
            }
            if tunnel {
                writer.write_all(&pending[routed..]).await?;
                routed = pending.len();
            }
            pending.drain(..routed);
        }
    }
}
