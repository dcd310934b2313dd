//! Shared by the tests of fragments.

pub(crate) use std::{
    ops::Range,
    time::{Duration, Instant},
};

pub(crate) use futures_handoff::{
    bytes::{Buf, Bytes},
    fragment::{
        Fragment, FragmentError, Fragmenter, HEADER_LEN, Header, Limits, MAX_PACKET_LEN, OpenPacket, Pacer,
        PacketError, PacketPool, Plain, Reassembler, ReassemblerStats, Received, SealError, SealPacket,
        Stride,
    },
};
pub(crate) use futures_handoff_runtimes as runtimes;

/// The default stride: the bytes of a message in each packet.
pub(crate) const STRIDE: u16 = 100;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// `len` bytes that differ everywhere.
pub(crate) fn pattern(len: usize) -> Bytes {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>().into()
}

pub(crate) fn stride(bytes: u16) -> Stride {
    Stride::new(bytes).unwrap()
}

pub(crate) fn cut(message: u32, payload: &Bytes, bytes: u16) -> Fragmenter {
    Fragmenter::new(message, payload.clone(), stride(bytes)).unwrap()
}

/// All packets of a message.
pub(crate) fn packets(message: u32, payload: &Bytes, bytes: u16) -> Vec<Bytes> {
    sealed(&cut(message, payload, bytes), &mut Plain)
}

/// The same, sealed.
pub(crate) fn sealed(message: &Fragmenter, seal: &mut impl SealPacket) -> Vec<Bytes> {
    let (mut range, mut pool, mut all) = (0..message.count(), PacketPool::default(), Vec::new());
    while let Some(packets) = message.pack(&mut range, seal, &mut pool).unwrap() {
        all.extend(packets.iter());
    }
    all
}

/// A packet that is built by hand, from the table of the format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'a> {
    pub(crate) start: [u8; 2],
    pub(crate) stride: u16,
    pub(crate) message: u32,
    pub(crate) index: u32,
    pub(crate) len: u32,
    pub(crate) bytes: &'a [u8],
}

impl Raw<'_> {
    pub(crate) fn wire(self) -> Vec<u8> {
        let mut wire = self.start.to_vec();
        wire.extend(self.stride.to_be_bytes());
        wire.extend(self.message.to_be_bytes());
        wire.extend(self.index.to_be_bytes());
        wire.extend(self.len.to_be_bytes());
        wire.extend(self.bytes);
        wire
    }
}

/// A packet with a sound start.
pub(crate) fn raw(stride: u16, message: u32, index: u32, len: u32, bytes: &[u8]) -> Raw<'_> {
    Raw { start: [0xF1, 0], stride, message, index, len, bytes }
}

/// The part of a budget that incomplete messages of this many bytes and fragments take.
pub(crate) fn cost(len: usize, count: usize) -> usize {
    len + count.div_ceil(64) * 8
}

/// The visible state of a reassembler, without the count of refusals.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Observed {
    pub(crate) stats: ReassemblerStats,
    pub(crate) deadline: Option<Instant>,
    pub(crate) missing: Vec<(u8, u32, Vec<Range<u32>>)>,
}

/// A reassembler with a clock that is set by hand.
pub(crate) struct End {
    pub(crate) inner: Reassembler<u8>,
    start: Instant,
    pub(crate) now: Instant,
}

impl End {
    pub(crate) fn new(limits: Limits) -> Self {
        let start = Instant::now();
        Self { inner: Reassembler::new(limits), start, now: start }
    }

    /// One with usual limits, which takes packets with a few bytes as well.
    pub(crate) fn lenient() -> Self {
        Self::new(Limits::default().with_min_stride(1))
    }

    /// Sets the time since it was made.
    pub(crate) fn at(&mut self, since: Duration) -> &mut Self {
        self.now = self.start + since;
        self
    }

    /// When `expire` is due, since it was made.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.inner.next_deadline().map(|deadline| deadline - self.start)
    }

    pub(crate) fn push(&mut self, packet: &[u8]) -> Result<Received, PacketError> {
        self.push_from(0, packet)
    }

    pub(crate) fn push_from(&mut self, peer: u8, packet: &[u8]) -> Result<Received, PacketError> {
        self.open_from(peer, packet, &mut Plain)
    }

    pub(crate) fn open_from(
        &mut self,
        peer: u8,
        packet: &[u8],
        open: &mut impl OpenPacket,
    ) -> Result<Received, PacketError> {
        self.inner.push(&peer, packet, open, self.now)
    }

    /// Takes packets of which none completes a message or is refused.
    #[track_caller]
    pub(crate) fn take_in<P: AsRef<[u8]>>(&mut self, packets: impl IntoIterator<Item = P>) {
        for packet in packets {
            let received = self.push(packet.as_ref());
            assert!(matches!(received, Ok(Received::Fragment { .. })), "{received:?}");
        }
    }

    /// Takes a packet that completes a message: its bytes.
    #[track_caller]
    pub(crate) fn completes(&mut self, peer: u8, packet: &[u8]) -> Bytes {
        match self.push_from(peer, packet) {
            Ok(Received::Complete { payload, .. }) => payload,
            other => panic!("{other:?}"),
        }
    }

    /// Takes a packet that is refused, and changes nothing else.
    #[track_caller]
    pub(crate) fn refuses(&mut self, packet: &[u8], error: PacketError) {
        self.refuses_to_open(0, packet, &mut Plain, error);
    }

    #[track_caller]
    pub(crate) fn refuses_from(&mut self, peer: u8, packet: &[u8], error: PacketError) {
        self.refuses_to_open(peer, packet, &mut Plain, error);
    }

    #[track_caller]
    pub(crate) fn refuses_to_open(
        &mut self,
        peer: u8,
        packet: &[u8],
        open: &mut impl OpenPacket,
        error: PacketError,
    ) {
        let mut before = self.observed();
        assert_eq!(self.open_from(peer, packet, open), Err(error));
        before.stats.refused += 1;
        assert_eq!(self.observed(), before, "{error}");
    }

    pub(crate) fn missing(&self, peer: u8, message: u32) -> Option<Vec<Range<u32>>> {
        self.inner.missing(&peer, message).map(Iterator::collect)
    }

    pub(crate) fn observed(&self) -> Observed {
        let missing = |(peer, message): (&u8, u32)| (*peer, message, self.missing(*peer, message).unwrap());
        let mut missing: Vec<_> = self.inner.incomplete().map(missing).collect();
        missing.sort_by_key(|&(peer, message, _)| (peer, message));
        Observed { stats: self.inner.stats(), deadline: self.inner.next_deadline(), missing }
    }

    /// What expires now, in order of peers and ids.
    pub(crate) fn expired(&mut self) -> Vec<(u8, u32)> {
        let mut gone = Vec::new();
        let count = self.inner.expire(self.now, |peer, message| gone.push((peer, message)));
        assert_eq!(count, gone.len());
        gone.sort_unstable();
        gone
    }

    /// No message is incomplete, and no memory is kept for one.
    #[track_caller]
    pub(crate) fn holds_nothing(&self) {
        let ReassemblerStats { in_flight, bytes, .. } = self.inner.stats();
        assert_eq!((in_flight, bytes, self.inner.next_deadline()), (0, 0, None));
        assert_eq!(self.inner.incomplete().count(), 0);
    }
}

/// A checksum after each packet. A wrong one is noticed when its bytes have been written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum;

fn sum(header: &[u8], bytes: &[u8]) -> [u8; 4] {
    let add = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    header.iter().chain(bytes).fold(0x811C_9DC5, add).to_be_bytes()
}

impl SealPacket for Sum {
    const OVERHEAD: usize = 4;

    fn seal(&mut self, header: &[u8; HEADER_LEN], plain: &[u8], sealed: &mut [u8]) -> Result<(), SealError> {
        let (bytes, end) = sealed.split_at_mut(plain.len());
        bytes.copy_from_slice(plain);
        end.copy_from_slice(&sum(header, plain));
        Ok(())
    }
}

impl OpenPacket for Sum {
    const OVERHEAD: usize = 4;

    fn open(
        &mut self,
        header: &[u8; HEADER_LEN],
        sealed: &[u8],
        plain: &mut [u8],
    ) -> Result<(), PacketError> {
        let (bytes, end) = sealed.split_at(plain.len());
        plain.copy_from_slice(bytes);
        if sum(header, plain) == end { Ok(()) } else { Err(PacketError::Unauthentic) }
    }
}
