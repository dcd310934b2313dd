//! What is written by hand for want of anything better: a bounded channel, and a task that writes what comes out of it.

use std::io;

use bytes::Bytes;
use futures_channel::mpsc;
use futures_util::{AsyncWriteExt, SinkExt, StreamExt};

use super::{
    discard::Discard,
    handle::{End, Handle, Limits},
};
use crate::Runtime;

#[derive(Clone)]
pub(super) struct Channel {
    sender: mpsc::Sender<Bytes>,
}

impl Handle for Channel {
    /// There is none.
    type Ticket = ();

    fn open<R: Runtime>(mut writer: Discard, limits: Limits) -> io::Result<(Self, End)> {
        // It holds one more for each sender.
        let (sender, mut receiver) = mpsc::channel::<Bytes>(limits.items.saturating_sub(limits.producers));
        let written = R::task(async move {
            while let Some(chunk) = receiver.next().await {
                writer.write_all(&chunk).await?;
            }
            writer.close().await
        });
        Ok((Self { sender }, Box::pin(written)))
    }

    async fn submit(&mut self, chunk: Bytes) -> io::Result<()> {
        self.sender.send(chunk).await.map_err(io::Error::other)
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        self.submit(chunk).await
    }

    async fn wait((): ()) -> io::Result<()> {
        Ok(())
    }
}
