//! The form after a first profile: output is gathered while there is more to read.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    task::Poll,
};

use futures_util::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{Proxy, Reader, Writer};
use crate::{
    Runtime,
    harness::{Next, Settings, next},
};

/// Gathers routed lines in an output buffer and reads the tunnel directly into it; writes when the
/// buffer is full or nothing more can be read at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct ManualBuffered;

impl<I: Reader, O: Writer> Proxy<I, O> for ManualBuffered {
    async fn run<R: Runtime>(self, mut reader: I, mut writer: O, settings: Settings) -> io::Result<()> {
        let gather = settings.gather_bytes.max(1);
        let mut output = Output { bytes: Vec::with_capacity(2 * gather) };
        let mut pending = vec![0; settings.read_reserve];
        let mut filled = 0;
        'route: loop {
            // A line that is longer than a read.
            if filled == pending.len() {
                pending.resize(2 * filled, 0);
            }
            let n = output.read(&mut reader, &mut pending[filled..], &mut writer).await?;
            filled += n;
            let mut routed = 0;
            loop {
                match next(&pending[routed..filled]) {
                    Next::More if n == 0 => break 'route,
                    Next::More => break,
                    Next::Tunnel => {
                        pending.copy_within(routed..filled, 0);
                        filled -= routed;
                        break 'route;
                    }
                    Next::Frame(len) => {
                        output.bytes.extend_from_slice(&pending[routed..routed + len]);
                        routed += len;
                    }
                }
                if output.bytes.len() >= gather {
                    output.write(&mut writer).await?;
                }
            }
            pending.copy_within(routed..filled, 0);
            filled -= routed;
        }

        output.bytes.extend_from_slice(&pending[..filled]);
        tunnel(output, reader, writer, gather).await
    }
}

/// Reads after the gathered bytes.
async fn tunnel<I, O>(mut output: Output, mut reader: I, mut writer: O, gather: usize) -> io::Result<()>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
{
    output.write(&mut writer).await?;
    let mut buf = vec![0; gather];
    let mut filled = 0;
    loop {
        let n = match read_now(&mut reader, &mut buf[filled..]).await {
            Some(n) => n?,
            None => {
                writer.write_all(&buf[..filled]).await?;
                filled = 0;
                read(&mut reader, &mut buf).await?
            }
        };
        filled += n;
        if n == 0 || filled == gather {
            writer.write_all(&buf[..filled]).await?;
            filled = 0;
        }
        if n == 0 {
            return writer.close().await;
        }
    }
}

struct Output {
    bytes: Vec<u8>,
}

impl Output {
    /// Reads; writes the gathered bytes before it waits.
    async fn read(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        buf: &mut [u8],
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<usize> {
        if let Some(result) = read_now(reader, buf).await {
            return result;
        }
        self.write(writer).await?;
        read(reader, buf).await
    }

    async fn write(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        writer.write_all(&self.bytes).await?;
        self.bytes.clear();
        Ok(())
    }
}

fn read<'a>(
    reader: &'a mut (impl AsyncRead + Unpin),
    buf: &'a mut [u8],
) -> impl Future<Output = io::Result<usize>> + 'a {
    poll_fn(|cx| Pin::new(&mut *reader).poll_read(cx, buf))
}

/// What can be read without waiting.
async fn read_now(reader: &mut (impl AsyncRead + Unpin), buf: &mut [u8]) -> Option<io::Result<usize>> {
    let mut read = pin!(read(reader, buf));
    poll_fn(|cx| match read.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
