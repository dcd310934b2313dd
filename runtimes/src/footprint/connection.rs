//! What all connections can do.

use std::{future::Future, io, pin::pin};

use futures_util::poll;

use super::wire::Arrival;

/// The bytes that may be unread or unwritten at a time: a large frame fits.
pub(super) const ROOM: usize = 2 << 20;

/// Frames of one length, and how they arrive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    /// How long a frame is.
    pub(super) frame: usize,
    /// How many there are.
    pub(super) frames: usize,
    /// How many bytes arrive at a time at the most.
    pub(super) piece: usize,
}

impl Traffic {
    /// A frame of 64 bytes.
    pub(super) const FRAME: Self = Self { frame: 64, frames: 1, piece: 64 };
    /// 16 KiB of frames of 64 bytes at once.
    pub(super) const BURST: Self = Self { frame: 64, frames: 256, piece: usize::MAX };
    /// One frame of 1 MiB, in pieces as a socket gives them.
    pub(super) const LARGE: Self = Self { frame: 1 << 20, frames: 1, piece: 64 << 10 };

    pub(super) fn bytes(self) -> usize {
        self.frame * self.frames
    }

    pub(super) fn arrival(self) -> Arrival {
        Arrival::new(self.bytes(), self.piece)
    }
}

/// A read buffer and a write handle, whose task runs on the runtime.
pub(super) trait Connection: Sized {
    /// Makes one and spawns its task.
    fn open() -> io::Result<Self>;

    /// Reads traffic and writes each frame of it; done once all of it is written.
    async fn pass(&mut self, traffic: Traffic) -> io::Result<()>;

    /// Reads once although there is nothing.
    async fn wait(&mut self) -> io::Result<()>;

    /// Brings what the thread keeps for all connections to where it always is.
    async fn rinse() -> io::Result<()> {
        Ok(())
    }
}

/// Polls a read once, which must find nothing. It is dropped then, as memory that only it holds is not the connection's.
pub(super) async fn finds_nothing<T>(read: impl Future<Output = T>) -> io::Result<()> {
    match poll!(pin!(read)).is_pending() {
        true => Ok(()),
        false => Err(io::Error::other("a read was done although nothing arrived")),
    }
}
