//! What is written by hand for one producer that may wait: no task, and a `Vec` that is kept.

use std::io;

use futures_util::{AsyncReadExt, AsyncWriteExt};

use super::{
    connection::{Connection, Traffic, finds_nothing},
    wire::{Arrival, Sink},
};

/// How much is read at a time.
const READ: usize = 16 << 10;

/// A `Vec` to read into, which grows to the longest frame and stays as it is.
pub(super) struct ManualVec {
    unread: Vec<u8>,
    writer: Sink,
}

impl Connection for ManualVec {
    fn open() -> io::Result<Self> {
        Ok(Self { unread: Vec::with_capacity(READ), writer: Sink })
    }

    async fn pass(&mut self, traffic: Traffic) -> io::Result<()> {
        let mut arrival = traffic.arrival();
        let mut frames = 0;
        while frames < traffic.frames {
            let len = self.unread.len();
            let room = (self.unread.capacity() - len).max(READ);
            self.unread.resize(len + room, 0);
            let n = arrival.read(&mut self.unread[len..]).await?;
            self.unread.truncate(len + n);
            let whole = self.unread.len() / traffic.frame;
            for frame in self.unread.chunks_exact(traffic.frame) {
                self.writer.write_all(frame).await?;
            }
            self.unread.drain(..whole * traffic.frame);
            frames += whole;
        }
        Ok(())
    }

    async fn wait(&mut self) -> io::Result<()> {
        let capacity = self.unread.capacity();
        self.unread.resize(capacity, 0);
        let mut arrival = Arrival::none();
        let waited = finds_nothing(arrival.read(&mut self.unread)).await;
        self.unread.clear();
        waited
    }
}
