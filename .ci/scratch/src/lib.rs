//! What the programs do on each runtime.

use std::io;

use futures_handoff::{Delimiter, HandoffBuffer, WriteHandoff};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, future::try_join};

/// Answers each line of a connection with itself, by the halves `reader` and `out`, while `client`
/// asks.
pub async fn echo<W>(
    mut reader: impl AsyncRead + Unpin,
    out: WriteHandoff<W>,
    mut client: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    let serve = async move {
        let (mut buffer, mut lines) = (HandoffBuffer::new(1024), Delimiter::new(b"\n"));
        while let Some(line) = buffer.next_frame(&mut reader, &mut lines).await? {
            out.write_fire_and_forget(line).await?;
        }
        out.close();
        Ok::<_, io::Error>(out.closed().await?)
    };
    let ask = async move {
        client.write_all(b"one\ntwo\n").await?;
        let mut answer = [0; 8];
        client.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"one\ntwo\n");
        client.close().await
    };
    try_join(serve, ask).await.map(drop)
}
