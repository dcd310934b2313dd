//! bytes-handoff in two versions, as its users drive it over a stream.

use std::io;

use super::{
    connection::{Connection, ROOM, Traffic, finds_nothing},
    wire::{Arrival, Sink},
};

/// The default of this crate, and of the later one.
const ITEMS: usize = 1024;

/// bytes-handoff 1.0.0: every frame is submitted on its own.
pub(super) struct Peer1 {
    buffer: peer_1::HandoffBuffer,
    handoff: peer_1::WriteHandoff,
}

impl Connection for Peer1 {
    fn open() -> io::Result<Self> {
        let config = peer_1::WriteHandoffConfig::new(ITEMS, ROOM);
        let handoff = peer_1::WriteHandoff::spawn(Sink, config);
        Ok(Self { buffer: peer_1::HandoffBuffer::new(ROOM), handoff })
    }

    async fn pass(&mut self, traffic: Traffic) -> io::Result<()> {
        let mut arrival = traffic.arrival();
        let mut frames = 0;
        while frames < traffic.frames {
            self.buffer.read_available(&mut arrival).await.map_err(io::Error::other)?;
            while self.buffer.len() >= traffic.frame {
                let frame = self.buffer.split_prefix(traffic.frame).map_err(io::Error::other)?;
                self.handoff.write_fire_and_forget(frame).await.map_err(io::Error::other)?;
                frames += 1;
            }
        }
        // An empty write is done after everything before it.
        let last = self.handoff.write(bytes::Bytes::new()).await.map_err(io::Error::other)?;
        last.wait().await.map_err(io::Error::other)
    }

    async fn wait(&mut self) -> io::Result<()> {
        finds_nothing(self.buffer.read_available(&mut Arrival::none())).await
    }
}

/// bytes-handoff 2.0.0: frames go through its coalescer.
pub(super) struct Peer2 {
    buffer: peer_2::HandoffBuffer,
    handoff: peer_2::WriteHandoff,
    coalescer: peer_2::WriteCoalescer,
}

impl Connection for Peer2 {
    fn open() -> io::Result<Self> {
        let config = peer_2::WriteHandoffConfig::new(ITEMS, ROOM);
        let handoff = peer_2::WriteHandoff::spawn(Sink, config);
        let coalescer = peer_2::WriteCoalescer::new(handoff.clone());
        Ok(Self { buffer: peer_2::HandoffBuffer::new(ROOM), handoff, coalescer })
    }

    async fn pass(&mut self, traffic: Traffic) -> io::Result<()> {
        let mut arrival = traffic.arrival();
        let mut frames = 0;
        while frames < traffic.frames {
            self.buffer.read_available(&mut arrival).await.map_err(io::Error::other)?;
            while self.buffer.len() >= traffic.frame {
                let frame = self.buffer.split_prefix(traffic.frame).map_err(io::Error::other)?;
                self.coalescer.write_fire_and_forget(frame).await.map_err(io::Error::other)?;
                frames += 1;
            }
        }
        self.coalescer.flush().await.map_err(io::Error::other)?;
        self.handoff.drain().await.map_err(io::Error::other)
    }

    async fn wait(&mut self) -> io::Result<()> {
        finds_nothing(self.buffer.read_available(&mut Arrival::none())).await
    }
}
