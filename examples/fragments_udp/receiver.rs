//! The receiving side.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_handoff::{
    bytes::Bytes,
    fragment::{
        Fragmenter, Limits, MAX_PACKET_LEN, OpenPacket, PacketError, PacketPool, Reassembler, Received,
        SealPacket, Stride,
    },
};

use crate::{
    faults::Network,
    net::Udp,
    report::{Digest, Report, State, digest},
};

/// When nothing of a message has arrived for this long, the receiver reports what is missing.
/// Packets that were only reordered have arrived by then.
const QUIET: Duration = Duration::from_millis(20);
/// When nothing of the message arrives after a report, the receiver repeats it after the first
/// time, and doubles the time up to the second. Longer than a round trip.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(400));
/// How long the receiver still answers after the last packet, as its last report may be lost.
/// Longer than the sender waits before it asks again.
const LINGER: Duration = Duration::from_millis(500);
/// For how many complete messages the receiver can repeat its confirmation. More than a sender has
/// in flight.
const CONFIRMED: usize = 64;

/// The result.
pub(crate) struct Got {
    messages: u64,
    duplicates: u64,
    refused: u64,
    reports: u32,
    lost: u64,
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, duplicates, refused, reports, lost } = self;
        write!(
            f,
            "{messages} messages received, with {duplicates} duplicates and {refused} packets refused; \
             {reports} reports sent, {lost} of them lost"
        )
    }
}

/// Receives messages and passes each to `deliver` with its id, until the peer says that there are
/// no more. Fails when nothing arrives for `patience`.
pub(crate) async fn receive<R: Udp, S: SealPacket, O: OpenPacket>(
    network: Network<R>,
    (seal, open): (S, O),
    packet_len: usize,
    patience: Duration,
    mut deliver: impl FnMut(u32, Bytes),
) -> io::Result<Got> {
    let mut receiver = Receiver {
        network,
        seal,
        open,
        stride: Stride::for_packets::<S>(packet_len)?,
        // Each report is a packet by itself.
        pool: PacketPool::new(1).with_max_packets(1),
        messages: Reassembler::new(Limits::default()),
        confirmed: VecDeque::new(),
        due: BTreeMap::new(),
        peer: None,
        heard_at: Instant::now(),
        ended: false,
        reports: 0,
        refusal: None,
    };
    let mut datagram = vec![0; MAX_PACKET_LEN];
    loop {
        let now = Instant::now();
        let end = receiver.heard_at + if receiver.ended { LINGER } else { patience };
        if now >= end {
            return receiver.end(patience);
        }
        receiver.expire(now);
        receiver.report(now).await?;
        let due = receiver.due.values().map(|due| due.at);
        let wake = due.chain(receiver.messages.next_deadline()).fold(end, Instant::min);
        let wait = wake.saturating_duration_since(Instant::now());
        if let Some((packet, from)) = receiver.network.recv(&mut datagram, wait).await? {
            if let Some((id, message)) = receiver.take(packet, from) {
                deliver(id, message);
            }
        }
    }
}

struct Receiver<R: Udp, S, O> {
    network: Network<R>,
    seal: S,
    open: O,
    stride: Stride,
    pool: PacketPool,
    /// There is one peer. With several peers, the key tells them apart: their address, or better
    /// their session with encryption, as an address can change.
    messages: Reassembler<()>,
    confirmed: VecDeque<(u32, Digest)>,
    /// The messages to report on.
    due: BTreeMap<u32, Due>,
    /// Where reports go: the source of the last packet that was not refused.
    peer: Option<SocketAddr>,
    heard_at: Instant,
    ended: bool,
    reports: u32,
    refusal: Option<PacketError>,
}

struct Due {
    at: Instant,
    /// How long to wait after that.
    wait: Duration,
}

impl<R: Udp, S: SealPacket, O: OpenPacket> Receiver<R, S, O> {
    /// Takes a packet, and returns the message that it completes.
    fn take(&mut self, packet: &[u8], from: SocketAddr) -> Option<(u32, Bytes)> {
        let now = Instant::now();
        let received = match self.messages.push(&(), packet, &mut self.open, now) {
            Ok(received) => received,
            // A duplicate that the network made, or a replay by an attacker. These look the same,
            // so neither gets an answer.
            Err(PacketError::Replayed { .. }) => return None,
            // Anyone may send anything to this socket. The packet has changed nothing.
            Err(error) => {
                self.refusal = Some(error);
                return None;
            }
        };
        self.peer = Some(from);
        self.heard_at = now;
        match received {
            Received::Fragment { id: message, .. } | Received::Duplicate { id: message } => {
                self.due.insert(message, Due { at: now + QUIET, wait: AGAIN.0 });
                None
            }
            Received::Complete { id: message, payload } => {
                self.confirmed.truncate(CONFIRMED - 1);
                self.confirmed.push_front((message, digest(&payload)));
                self.due.insert(message, Due { at: now, wait: AGAIN.0 });
                self.ended |= payload.is_empty();
                (!payload.is_empty()).then_some((message, payload))
            }
        }
    }

    /// Sends the reports that are due.
    async fn report(&mut self, now: Instant) -> io::Result<()> {
        let Some(peer) = self.peer else { return Ok(()) };
        let ids: Vec<_> = self.due.iter().filter(|(_, due)| due.at <= now).map(|(id, _)| *id).collect();
        for id in ids {
            let confirmed = self.confirmed.iter().find(|(message, _)| *message == id);
            let report = match (confirmed, self.messages.missing(&(), id)) {
                (Some((_, digest)), _) => Report { message: id, state: State::Complete(*digest) },
                (None, Some(missing)) => Report::missing(id, missing, self.stride.get()),
                // The message has expired.
                (None, None) => {
                    self.due.remove(&id);
                    continue;
                }
            };
            match self.due.get_mut(&id) {
                Some(due) if matches!(report.state, State::Missing(_)) => {
                    due.at = now + due.wait;
                    due.wait = AGAIN.1.min(2 * due.wait);
                }
                // Repeated when a packet of the message arrives again, which means that the report
                // was lost.
                _ => drop(self.due.remove(&id)),
            }
            let fragments = Fragmenter::new(self.reports, report.encode(), self.stride)?;
            self.reports = self.reports.wrapping_add(1);
            let mut all = 0..fragments.count();
            while let Some(packets) = fragments.pack(&mut all, &mut self.seal, &mut self.pool)? {
                self.network.send(packets.contents().clone(), peer).await?;
            }
        }
        Ok(())
    }

    /// Gives up messages of which nothing came for too long. The sender has to start them again.
    fn expire(&mut self, now: Instant) {
        self.messages.expire(now, |(), id| eprintln!("message {id} has expired before it was complete"));
    }

    fn end(self, patience: Duration) -> io::Result<Got> {
        if !self.ended {
            let incomplete = self.messages.stats().in_flight;
            let mut error =
                format!("nothing arrived for {patience:?}, with {incomplete} messages incomplete");
            if let Some(refusal) = self.refusal {
                error += &format!("; the last refused packet: {refusal}");
            }
            return Err(io::Error::new(io::ErrorKind::TimedOut, error));
        }
        let stats = self.messages.stats();
        Ok(Got {
            // An empty message said that there are no more.
            messages: stats.completed - 1,
            duplicates: stats.duplicates + stats.replayed,
            refused: stats.refused - stats.replayed,
            reports: self.reports,
            lost: self.network.lost,
        })
    }
}
