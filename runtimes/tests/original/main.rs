//! Code written for bytes-handoff 1.0.0 compiles with other imports, a wrapper of the streams and
//! an executor, and does the same.
#![cfg(feature = "peers")]

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::{AsyncReadExt, AsyncWrite, DuplexStream};

/// A writer that takes nothing.
struct Stuck;

impl AsyncWrite for Stuck {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

async fn received(mut far: DuplexStream) -> Vec<u8> {
    let mut all = Vec::new();
    far.read_to_end(&mut all).await.unwrap();
    all
}

mod theirs {
    use super::{Stuck, received};
    use bytes::{Bytes, BytesMut};
    use peer_1::{
        BufferError, HandoffBuffer, HandoffBufferConfig, WriteBackpressure, WriteError, WriteHandoff,
        WriteHandoffConfig, WriteTicket,
    };
    use std::error::Error;
    use tokio::io::{AsyncRead, AsyncWrite};

    fn reader(bytes: &'static [u8]) -> impl AsyncRead + Unpin {
        bytes
    }

    fn spawn(writer: impl AsyncWrite + Send + Unpin + 'static, config: WriteHandoffConfig) -> WriteHandoff {
        WriteHandoff::spawn(writer, config)
    }

    include!("program.rs");
}

mod ours {
    use super::{Stuck, received};
    use bytes::{Bytes, BytesMut};
    use futures_handoff::{
        BufferError, HandoffBuffer, HandoffBufferConfig, Tokio, TokioIo, WriteError,
        WriteError as WriteBackpressure, WriteHandoff, WriteHandoffConfig, WriteTicket,
    };
    use futures_util::AsyncRead;
    use std::error::Error;
    use tokio::io::AsyncWrite;

    fn reader(bytes: &'static [u8]) -> impl AsyncRead + Unpin {
        bytes
    }

    fn spawn(writer: impl AsyncWrite + Send + Unpin + 'static, config: WriteHandoffConfig) -> WriteHandoff {
        WriteHandoff::spawn(TokioIo::new(writer), config, &Tokio)
    }

    include!("program.rs");
}

#[test]
fn a_program_written_for_the_original_does_the_same() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(theirs::run()).unwrap();
    runtime.block_on(ours::run()).unwrap();
}
