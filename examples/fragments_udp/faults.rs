//! Simulates a network that is worse than loopback. A real program does not need this file.

use std::{io, net::SocketAddr, time::Duration};

use fastrand::Rng;
use futures_handoff::bytes::Bytes;

use crate::net::Udp;

/// A packet that is held back arrives after up to this many later ones.
const HELD_BACK: u8 = 8;

/// What happens to the packets that one side sends. Each chance is from 0 to 1.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) loss: f64,
    pub(crate) reorder: f64,
    pub(crate) duplicate: f64,
    /// This many packets are lost before the first one arrives.
    pub(crate) lose_first: u64,
    /// The same seed makes the same choices.
    pub(crate) seed: u64,
}

/// A socket whose packets suffer [`Faults`] on the way out.
pub(crate) struct Network<R: Udp> {
    socket: R::Socket,
    faults: Faults,
    dice: Rng,
    /// Packets that are held back, each with the number of packets to be sent before it.
    held: Vec<(u8, Bytes, SocketAddr)>,
    pub(crate) sent: u64,
    pub(crate) lost: u64,
}

impl<R: Udp> Network<R> {
    pub(crate) async fn open(address: SocketAddr, faults: Faults) -> io::Result<Self> {
        let (socket, dice) = (R::open(address).await?, Rng::with_seed(faults.seed));
        Ok(Self { socket, faults, dice, held: Vec::new(), sent: 0, lost: 0 })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        R::address(&self.socket)
    }

    pub(crate) async fn send(&mut self, packet: Bytes, to: SocketAddr) -> io::Result<()> {
        let Faults { loss, reorder, duplicate, lose_first, .. } = self.faults;
        self.sent += 1;
        if self.sent <= lose_first || self.dice.f64() < loss {
            self.lost += 1;
        } else if self.dice.f64() < reorder {
            self.held.push((self.dice.u8(1..=HELD_BACK), packet, to));
            return Ok(());
        } else {
            for _ in 0..1 + u8::from(self.dice.f64() < duplicate) {
                R::send(&self.socket, &packet, to).await?;
            }
        }
        for (left, ..) in &mut self.held {
            *left -= 1;
        }
        self.release(|left| left == 0).await
    }

    async fn release(&mut self, due: impl Fn(u8) -> bool) -> io::Result<()> {
        let (due, held): (Vec<_>, _) =
            std::mem::take(&mut self.held).into_iter().partition(|(left, ..)| due(*left));
        self.held = held;
        for (_, packet, to) in due {
            R::send(&self.socket, &packet, to).await?;
        }
        Ok(())
    }

    /// The next packet and its source; `None` if none arrives within the time.
    pub(crate) async fn recv<'a>(
        &mut self,
        packet: &'a mut [u8],
        patience: Duration,
    ) -> io::Result<Option<(&'a [u8], SocketAddr)>> {
        let (n, from) = match R::timeout(patience, R::recv(&self.socket, packet)).await {
            None => {
                // No later packet comes: release those that are held back.
                self.release(|_| true).await?;
                return Ok(None);
            }
            // Some systems report here that an earlier packet was refused. It counts as lost.
            Some(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            Some(received) => received?,
        };
        Ok(Some((&packet[..n], from)))
    }
}
