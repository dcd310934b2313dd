//! The sending side.

use std::{
    collections::BTreeMap,
    fmt, io, iter,
    net::SocketAddr,
    ops::Range,
    time::{Duration, Instant},
    vec,
};

use futures_handoff::{
    bytes::Bytes,
    fragment::{
        Fragmenter, Limits, MAX_PACKET_LEN, OpenPacket, Pacer, PacketPool, Packets, Reassembler, Received,
        SealPacket, Stride,
    },
};

use crate::{
    faults::Network,
    net::{Udp, yield_now},
    report::{Digest, Report, State, digest},
};

/// How many messages may be in flight, not yet confirmed.
const UNDERWAY: usize = 4;
/// How many packets are sent at once. The socket of a receiver holds few more by default.
const BURST: usize = 32;
/// After the first time without a report the sender asks for one, and doubles the time up to the
/// second. Longer than a round trip, and than the receiver waits before it reports.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(400));
/// How long the sender tries to say that there are no more messages.
const LAST_WORD: Duration = Duration::from_secs(3);

#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// The length of packets in bytes, with all headers except those of UDP and IP.
    pub(crate) packet_len: usize,
    /// In bytes per second.
    pub(crate) rate: u64,
    /// How long the whole transfer may take.
    pub(crate) deadline: Duration,
}

/// The result.
pub(crate) struct Sent {
    packets: u64,
    lost: u64,
    again: u64,
    took: Duration,
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { packets, lost, again, took } = self;
        write!(f, "{packets} packets sent in {took:.2?}, {lost} of them lost, {again} of them sent again")
    }
}

/// Sends `messages`, with ids from `id` on, until the peer has confirmed each of them.
pub(crate) async fn send<R: Udp, S: SealPacket, O: OpenPacket>(
    network: Network<R>,
    to: SocketAddr,
    (seal, open): (S, O),
    messages: Vec<Bytes>,
    id: u32,
    pace: Pace,
) -> io::Result<Sent> {
    let began = Instant::now();
    let burst = (BURST * pace.packet_len) as u64;
    let mut sender = Sender {
        network,
        to,
        seal,
        open,
        stride: Stride::for_packets::<S>(pace.packet_len)?,
        pool: PacketPool::default().with_max_packets(BURST),
        pacer: Pacer::new(burst, pace.rate),
        reports: Reassembler::new(Limits::default()),
        underway: BTreeMap::new(),
        next_id: id,
        fragments: 0,
    };
    let deadline = began + pace.deadline;
    sender.deliver(messages, deadline).await?;
    // An empty message says that there are no more. Its confirmation may be lost, and the peer
    // gone. Everything else is confirmed, so silence is not a failure here.
    let last_word = sender.deliver([Bytes::new()], deadline.min(Instant::now() + LAST_WORD)).await;
    if let Err(error) = last_word {
        if error.kind() != io::ErrorKind::TimedOut {
            return Err(error);
        }
    }
    let Network { sent: packets, lost, .. } = sender.network;
    Ok(Sent { packets, lost, again: packets.saturating_sub(sender.fragments), took: began.elapsed() })
}

struct Sender<R: Udp, S, O> {
    network: Network<R>,
    to: SocketAddr,
    seal: S,
    open: O,
    stride: Stride,
    pool: PacketPool,
    pacer: Pacer,
    /// Reports are messages too. Their ids are those of the peer, not ours.
    reports: Reassembler,
    underway: BTreeMap<u32, Underway>,
    next_id: u32,
    fragments: u64,
}

/// Fragments to be sent.
type Todo = iter::Flatten<vec::IntoIter<Range<u32>>>;

fn todo(ranges: Vec<Range<u32>>) -> Todo {
    ranges.into_iter().flatten()
}

/// A message that is not confirmed yet.
struct Underway {
    fragments: Fragmenter,
    digest: Digest,
    /// The fragments to send: all of them at first, and later those that the peer reports as
    /// missing.
    todo: Todo,
    /// When to ask for a report, once there is nothing to send, and how long to wait after that.
    ask_at: Instant,
    patience: Duration,
}

impl Underway {
    fn is_sent(&self) -> bool {
        self.todo.clone().next().is_none()
    }

    fn has(&self, ranges: &[Range<u32>]) -> bool {
        ranges.iter().all(|range| range.end <= self.fragments.count())
    }
}

impl<R: Udp, S: SealPacket, O: OpenPacket> Sender<R, S, O> {
    async fn deliver(
        &mut self,
        messages: impl IntoIterator<Item = Bytes>,
        deadline: Instant,
    ) -> io::Result<()> {
        let mut messages = messages.into_iter();
        let mut datagram = vec![0; MAX_PACKET_LEN];
        // Packets that wait for the pacer.
        let mut ready = None;
        loop {
            for message in messages.by_ref().take(UNDERWAY - self.underway.len()) {
                self.begin(message)?;
            }
            let Some(ask_at) = self.underway.values().map(|message| message.ask_at).min() else {
                return Ok(());
            };
            let now = Instant::now();
            if now >= deadline {
                return Err(self.too_late());
            }
            if ready.is_none() {
                ready = self.pack(now)?;
            }
            // Counts the bytes that the network carries.
            let len = ready.as_ref().map(|packets| packets.contents().len() as u64);
            let wait = match len.map(|len| self.pacer.try_reserve(len, now)) {
                Some(Ok(())) => {
                    for packet in ready.iter().flat_map(Packets::iter) {
                        self.network.send(packet, self.to).await?;
                    }
                    ready = None;
                    // A sender that is slower than its pacer never waits. Yield all the same, for
                    // reports and for the other futures of this task.
                    yield_now().await;
                    Duration::ZERO
                }
                Some(Err(wait)) => wait,
                None => ask_at.saturating_duration_since(now),
            };
            let wait = wait.min(deadline - now);
            if let Some((packet, from)) = self.network.recv(&mut datagram, wait).await? {
                self.hear(packet, from)?;
            }
        }
    }

    fn begin(&mut self, message: Bytes) -> io::Result<()> {
        let digest = digest(&message);
        let fragments = Fragmenter::new(self.next_id, message, self.stride)?;
        self.fragments += u64::from(fragments.count());
        let todo = todo(iter::once(0..fragments.count()).collect());
        let (patience, _) = PATIENCE;
        let message = Underway { fragments, digest, todo, ask_at: Instant::now() + patience, patience };
        self.underway.insert(self.next_id, message);
        self.next_id = self.next_id.wrapping_add(1);
        Ok(())
    }

    /// The next packets of a message that has something to send.
    fn pack(&mut self, now: Instant) -> io::Result<Option<Packets>> {
        for message in self.underway.values_mut() {
            if message.is_sent() && message.ask_at <= now {
                // Any packet asks for a report, and the peer may not know the message yet.
                message.todo = todo(iter::once(0..1).collect());
                message.patience = PATIENCE.1.min(2 * message.patience);
            }
            // Each packet has its own number, so a fragment that is sent again is sealed again.
            let packets = message.fragments.pack(&mut message.todo, &mut self.seal, &mut self.pool)?;
            if packets.is_some() {
                message.ask_at = now + message.patience;
                return Ok(packets);
            }
        }
        Ok(None)
    }

    /// Takes a report. A packet that is not a report, not from the peer, or late changes nothing.
    fn hear(&mut self, packet: &[u8], from: SocketAddr) -> io::Result<()> {
        let received = self.reports.push(&(), packet, &mut self.open, Instant::now());
        let Ok(Received::Complete { payload, .. }) = received else { return Ok(()) };
        let Some(Report { message: id, state }) = Report::decode(payload) else { return Ok(()) };
        let Some(message) = self.underway.get_mut(&id).filter(|_| from == self.to) else { return Ok(()) };
        match state {
            State::Complete(digest) if digest == message.digest => drop(self.underway.remove(&id)),
            State::Complete(_) => {
                let error = format!("message {id} has arrived with other bytes than it was sent with");
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
            // While there is something to send, the peer cannot know yet what is lost.
            State::Missing(ranges) if message.is_sent() && message.has(&ranges) => {
                message.todo = todo(ranges);
                message.patience = PATIENCE.0;
            }
            State::Missing(_) => {}
        }
        Ok(())
    }

    fn too_late(&self) -> io::Error {
        let ids: Vec<_> = self.underway.keys().map(u32::to_string).collect();
        let refused = self.reports.stats().refused;
        let error = format!(
            "out of time: messages not confirmed: {}; packets that came back and were refused: {refused}",
            ids.join(", ")
        );
        io::Error::new(io::ErrorKind::TimedOut, error)
    }
}
