//! Sealed packets, against a network that changes, repeats, swaps and forges.

use std::{collections::HashSet, time::Instant};

use super::support::*;
use allocation_counter::measure;
use futures_handoff::{
    HandoffBuffer, WriteHandoff,
    fragment::{
        FragmentError, Fragmenter, HEADER_LEN, Limits, OpenPacket, PacketError, PacketPool, Reassembler,
        Received, SealError, SealPacket, Stride, receive_framed, send_framed,
    },
    secure::{PacketKeys, PacketOpener, PacketSealer},
};
use proptest::{
    prelude::{Strategy, any, prop},
    prop_assert, prop_assert_eq, prop_oneof, proptest,
};

const OVERHEAD: usize = <PacketSealer as SealPacket>::OVERHEAD;
const STRIDE: usize = 64;

fn keys_of(session: u8, role: Role, suite: Suite) -> PacketKeys {
    SessionKeys::derive(&[session; 32], b"what was said").into_packets(role, suite)
}

fn initiator(suite: Suite) -> PacketSealer {
    keys_of(1, Role::Initiator, suite).split().0
}

fn message(id: u32, len: usize) -> Fragmenter {
    let stride = Stride::for_packets::<PacketSealer>(HEADER_LEN + STRIDE + OVERHEAD).unwrap();
    Fragmenter::new(id, pattern(len + id as usize).split_off(id as usize).into(), stride).unwrap()
}

fn packets_of<S: SealPacket>(message: &Fragmenter, seal: &mut S) -> Vec<Bytes> {
    let (mut range, mut pool) = (0..message.count(), PacketPool::default());
    let blocks = std::iter::from_fn(|| message.pack(&mut range, seal, &mut pool).unwrap());
    blocks.flat_map(|packets| packets.iter().collect::<Vec<_>>()).collect()
}

fn number_of(packet: &[u8]) -> u64 {
    u64::from_be_bytes(packet[HEADER_LEN..HEADER_LEN + 8].try_into().unwrap())
}

fn complete(message: &Fragmenter) -> Received {
    Received::Complete { id: message.id(), payload: message.payload().clone() }
}

/// A side that puts packets together.
struct Far<O = PacketOpener> {
    reassembler: Reassembler<u8>,
    open: O,
    now: Instant,
}

impl Far {
    fn responder(suite: Suite) -> Self {
        Self::new(keys_of(1, Role::Responder, suite).split().1)
    }
}

impl<O: OpenPacket> Far<O> {
    fn new(open: O) -> Self {
        Self { reassembler: Reassembler::new(Limits::default()), open, now: Instant::now() }
    }

    fn push(&mut self, packet: &[u8]) -> Result<Received, PacketError> {
        self.reassembler.push(&0, packet, &mut self.open, self.now)
    }

    /// It refuses a packet, and changes nothing else.
    #[track_caller]
    fn refuses(&mut self, packet: &[u8], told: impl std::fmt::Debug) -> PacketError {
        let mut expected = self.reassembler.stats();
        expected.refused += 1;
        let Err(error) = self.push(packet) else { panic!("it is taken: {told:?}") };
        expected.replayed += u64::from(matches!(error, PacketError::Replayed { .. }));
        assert_eq!(self.reassembler.stats(), expected, "{told:?}");
        error
    }
}

/// Seals, records each used number, and fails where the test says.
struct Spy {
    seal: PacketSealer,
    numbers: Vec<u64>,
    fails_at: Option<usize>,
}

impl SealPacket for Spy {
    const OVERHEAD: usize = OVERHEAD;

    fn seal(&mut self, header: &[u8; HEADER_LEN], plain: &[u8], sealed: &mut [u8]) -> Result<(), SealError> {
        self.seal.seal(header, plain, sealed)?;
        self.numbers.push(u64::from_be_bytes(sealed[..8].try_into().unwrap()));
        if self.fails_at == Some(self.numbers.len()) { Err(SealError) } else { Ok(()) }
    }
}

impl Spy {
    fn new(fails_at: Option<usize>) -> Self {
        Self { seal: initiator(Suite::default()), numbers: Vec::new(), fails_at }
    }

    #[track_caller]
    fn has_used_each_number_once(&self) {
        let different: HashSet<_> = self.numbers.iter().collect();
        assert_eq!(different.len(), self.numbers.len(), "{:?}", self.numbers);
    }
}

runtimes::watched_tests! {
    fn a_packet_with_a_changed_bit_or_another_length_changes_nothing() {
        for suite in SUITES {
            let message = message(1, STRIDE + 30);
            let packets = packets_of(&message, &mut initiator(suite));
            let mut far = Far::responder(suite);
            for (index, packet) in packets.iter().enumerate() {
                assert_eq!(packet.len(), HEADER_LEN + [STRIDE, 30][index] + OVERHEAD);
                for bit in 0..packet.len() * 8 {
                    let mut changed = packet.to_vec();
                    changed[bit / 8] ^= 1 << (bit % 8);
                    far.refuses(&changed, (suite, index, bit));
                }
                for len in (0..packet.len() + 3).filter(|len| *len != packet.len()) {
                    let mut changed = packet.to_vec();
                    changed.resize(len, 0);
                    far.refuses(&changed, (suite, index, len));
                }
                let taken = far.push(packet).unwrap();
                if index == 1 {
                    assert_eq!(taken, complete(&message));
                }
            }
        }
    }

    fn a_packet_that_comes_twice_is_a_replay_and_one_that_is_sealed_again_a_duplicate() {
        for suite in SUITES {
            let (message, mut seal) = (message(1, 3 * STRIDE), initiator(suite));
            let mut far = Far::responder(suite);
            let packets = packets_of(&message, &mut seal);
            let again = packets_of(&message, &mut seal);
            let numbers: Vec<_> = packets.iter().chain(&again).map(|packet| number_of(packet)).collect();
            assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
            let replayed = |packet: &Bytes| PacketError::Replayed { number: number_of(packet) };
            for (packet, again) in packets.iter().zip(&again) {
                far.push(packet).unwrap();
                // While its message is incomplete, and for the last one when it is complete.
                assert_eq!(far.refuses(packet, "twice"), replayed(packet));
                assert_eq!(far.push(again), Ok(Received::Duplicate { id: 1 }));
                assert_eq!(far.refuses(again, "twice"), replayed(again));
            }
            // Also when the message is forgotten: it is not delivered again.
            far.reassembler.forget(&0);
            for packet in packets.iter().chain(&again) {
                assert_eq!(far.refuses(packet, "forgotten"), replayed(packet));
            }
            let stats = far.reassembler.stats();
            assert_eq!((stats.completed, stats.duplicates, stats.conflicts), (1, 3, 0));
        }
    }

    fn a_packet_opens_with_no_other_key_than_that_of_its_direction_session_and_suite() {
        let [chacha, aes] = SUITES;
        let message = message(1, 10);
        let packet = packets_of(&message, &mut initiator(chacha)).remove(0);
        for (told, session, role, suite) in [
            ("sent back", 1, Role::Initiator, chacha),
            ("of another session", 2, Role::Responder, chacha),
            ("of the other side of another session", 2, Role::Initiator, chacha),
            ("of another suite", 1, Role::Responder, aes),
        ] {
            let mut far = Far::new(keys_of(session, role, suite).split().1);
            assert_eq!(far.refuses(&packet, told), PacketError::Unauthentic, "{told}");
        }
        assert_eq!(Far::responder(chacha).push(&packet), Ok(complete(&message)));
    }

    /// One reassembler for two peers, each with an opener of its own.
    fn a_packet_under_the_address_of_another_peer_is_refused_and_opens_under_its_own() {
        let (mut reassembler, now) = (Reassembler::new(Limits::default()), Instant::now());
        let mut peers = [1, 2].map(|session| keys_of(session, Role::Responder, Suite::default()).split().1);
        let message = message(7, 2 * STRIDE);
        for packet in packets_of(&message, &mut initiator(Suite::default())) {
            let refused = reassembler.push(&2, &packet, &mut peers[1], now);
            assert_eq!(refused, Err(PacketError::Unauthentic));
            assert!(reassembler.missing(&2, 7).is_none());
            reassembler.push(&1, &packet, &mut peers[0], now).unwrap();
        }
        assert_eq!(reassembler.stats().completed, 1);
    }

    fn a_header_is_bound_to_its_bytes() {
        for suite in SUITES {
            // Equally long and cut alike; another message, another fragment.
            let mut seal = initiator(suite);
            let packets = [1, 2].map(|id| packets_of(&message(id, 2 * STRIDE), &mut seal)).concat();
            let mut far = Far::responder(suite);
            for (i, header) in packets.iter().enumerate() {
                for (j, body) in packets.iter().enumerate().filter(|(j, _)| *j != i) {
                    let spliced = [&header[..HEADER_LEN], &body[HEADER_LEN..]].concat();
                    assert_eq!(far.refuses(&spliced, (i, j)), PacketError::Unauthentic);
                    // A number of another packet with the rest of this one.
                    let (number, end) = (&body[HEADER_LEN..HEADER_LEN + 8], &header[HEADER_LEN + 8..]);
                    let numbered = [&header[..HEADER_LEN], number, end].concat();
                    assert_eq!(far.refuses(&numbered, (i, j)), PacketError::Unauthentic);
                }
            }
            packets.iter().for_each(|packet| drop(far.push(packet).unwrap()));
            assert_eq!(far.reassembler.stats().completed, 2);
        }
    }

    fn nothing_is_allocated_for_what_a_forged_packet_announces() {
        let limits = Limits::default()
            .with_max_message_len(usize::MAX)
            .with_max_bytes(usize::MAX)
            .with_max_bytes_per_peer(usize::MAX);
        let mut far = Far::responder(Suite::default());
        far.reassembler = Reassembler::new(limits);
        let mut seal = initiator(Suite::default());
        // The scratch memory is allocated.
        let [mut forged, first, mut huge] = [(1, 10), (2, 2 * STRIDE), (3, 2 * STRIDE)]
            .map(|(id, len)| packets_of(&message(id, len), &mut seal)[0].to_vec());
        far.push(&first).unwrap();
        huge[12..HEADER_LEN].copy_from_slice(&[0xFF; 4]);
        *forged.last_mut().unwrap() ^= 1;
        let allocated = measure(|| {
            for packet in [&huge, &forged] {
                assert_eq!(far.refuses(packet, "forged"), PacketError::Unauthentic);
            }
        });
        assert_eq!(allocated.count_total, 0);
        assert!(far.reassembler.missing(&0, 3).is_none() && far.reassembler.missing(&0, 1).is_none());
    }

    fn the_packets_of_a_session_go_both_ways() {
        let cases = Pattern::ALL.into_iter().flat_map(|pattern| SUITES.map(|suite| (pattern, suite)));
        for (pattern, suite) in cases {
            let config = config().with_suite(suite);
            let (near, far) = shake(pattern.sides(), [&config, &config], UNEDITED);
            let ((mut near_seal, near_open), (mut far_seal, far_open)) =
                (near.unwrap().packets.split(), far.unwrap().packets.split());
            let (mut near, mut far) = (Far::new(near_open), Far::new(far_open));
            // The same id and numbers in both directions.
            let (there, back) = (message(1, 5 * STRIDE), message(1, 4 * STRIDE));
            let (to_far, to_near) = (packets_of(&there, &mut near_seal), packets_of(&back, &mut far_seal));
            for packet in to_far.iter().rev() {
                assert_eq!(near.refuses(packet, "sent back"), PacketError::Unauthentic);
            }
            for (far, packets, message) in [(&mut far, to_far, there), (&mut near, to_near, back)] {
                let last = packets.iter().rev().map(|packet| far.push(packet)).last();
                assert_eq!(last, Some(Ok(complete(&message))), "{pattern:?}, {suite:?}");
            }
        }
    }

    fn no_number_is_used_twice_after_a_send_that_was_dropped() {
        let config = WriteHandoffConfig::new(8, 330).with_inline(Inline::Never);
        let (handoff, task) = WriteHandoff::new(Vec::new(), config);
        let (mut task, mut spy, mut pool) = (Hand::new(task), Spy::new(None), PacketPool::default());
        let (message, mut dropped) = (message(1, 20 * STRIDE), 0);
        let mut range = 0..message.count();
        loop {
            let mut send = Hand::new(send_framed(&handoff, &message, &mut range, &mut spy, &mut pool));
            if let Some(sent) = send.run() {
                sent.unwrap();
                break;
            }
            // It waits for room, with packets that were sealed.
            drop(send);
            dropped += 1;
            assert!(task.step().is_none());
        }
        handoff.close();
        let wire = task.run().expect("it is closed").unwrap();
        spy.has_used_each_number_once();
        assert!(dropped > 2 && spy.numbers.len() >= 20 + 2 * dropped, "{dropped} dropped, {:?}", spy.numbers);
        let mut far = Far::responder(Suite::default());
        let (mut buffer, mut reader) = (HandoffBuffer::new(1024), &wire[..]);
        let (reassembler, open) = (&mut far.reassembler, &mut far.open);
        let received = receive_framed(&mut buffer, &mut reader, reassembler, &0, open, Instant::now);
        assert_eq!(block_on(received).unwrap(), Some((1, message.payload().clone())));
        assert_eq!(far.reassembler.stats().refused, 0);
    }

    fn no_number_is_used_twice_after_packets_that_failed() {
        let (message, mut pool) = (message(1, 10 * STRIDE), PacketPool::default());
        for fails_at in [1, 2, 10] {
            let mut spy = Spy::new(Some(fails_at));
            let mut range = 0..message.count();
            assert_eq!(message.pack(&mut range, &mut spy, &mut pool), Err(FragmentError::Seal));
            assert_eq!(range, 0..message.count());
            let packets = message.pack(&mut range, &mut spy, &mut pool).unwrap().unwrap();
            spy.has_used_each_number_once();
            assert_eq!(spy.numbers.len(), fails_at + 10);
            let mut far = Far::responder(Suite::default());
            let last = packets.iter().map(|packet| far.push(&packet)).last();
            assert_eq!(last, Some(Ok(complete(&message))), "fails at {fails_at}");
        }
    }

    fn packets_take_no_allocation_to_make_and_two_for_a_message_to_put_together() {
        for suite in SUITES {
            let (mut seal, mut far) = (initiator(suite), Far::responder(suite));
            far.reassembler = Reassembler::new(Limits::default().with_remember(4));
            let mut pool = PacketPool::default();
            let mut counts = |id| {
                let message = message(id, 100 * STRIDE);
                let (mut made, mut put) = (0, 0);
                let mut range = 0..message.count();
                loop {
                    let mut packets = None;
                    let pack = || packets = message.pack(&mut range, &mut seal, &mut pool).unwrap();
                    made += measure(pack).count_total;
                    let Some(packets) = packets else { break };
                    for packet in packets.iter() {
                        put += measure(|| drop(far.push(&packet).unwrap())).count_total;
                    }
                }
                (made, put)
            };
            (0..30).for_each(|id| _ = counts(id));
            for id in 30..50 {
                let (made, put) = counts(id);
                assert_eq!(made, 0, "{suite:?}");
                assert!(put <= 2, "{suite:?}: {put}");
            }
            assert_eq!(far.reassembler.stats().completed, 50);
        }
    }
}

/// What the network does. Numbers name packets, over and over.
#[derive(Debug, Clone)]
enum Step {
    /// A packet as it was sent, for the first time or again.
    Pass(usize),
    Flip(usize, usize),
    Resize(usize, usize),
    Splice(usize, usize, usize),
    Renumber(usize, u64),
    Garbage(usize, Vec<u8>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (at, place) = (|| any::<usize>(), || 0..HEADER_LEN + STRIDE + OVERHEAD);
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    let step = prop_oneof![
        4 => at().prop_map(Step::Pass),
        2 => (at(), 0..8 * (HEADER_LEN + STRIDE + OVERHEAD)).prop_map(|(at, bit)| Step::Flip(at, bit)),
        1 => (at(), place()).prop_map(|(at, len)| Step::Resize(at, len)),
        2 => (at(), at(), place()).prop_map(|(a, b, cut)| Step::Splice(a, b, cut)),
        1 => (at(), prop_oneof![0..20_u64, any::<u64>()]).prop_map(|(at, n)| Step::Renumber(at, n)),
        1 => (at(), bytes).prop_map(|(at, body)| Step::Garbage(at, body)),
    ];
    prop::collection::vec(step, 0..80)
}

impl Step {
    fn packet(&self, sent: &[Bytes]) -> Vec<u8> {
        let packet = |at: usize| sent[at % sent.len()].to_vec();
        match *self {
            Self::Pass(at) => packet(at),
            Self::Flip(at, bit) => {
                let mut packet = packet(at);
                let bit = bit % (8 * packet.len());
                packet[bit / 8] ^= 1 << (bit % 8);
                packet
            }
            Self::Resize(at, len) => {
                let mut packet = packet(at);
                packet.resize(len, 0xFF);
                packet
            }
            Self::Splice(a, b, cut) => {
                let (a, b) = (packet(a), packet(b));
                [&a[..cut.min(a.len())], &b[cut.min(b.len())..]].concat()
            }
            Self::Renumber(at, number) => {
                let mut packet = packet(at);
                packet[HEADER_LEN..HEADER_LEN + 8].copy_from_slice(&number.to_be_bytes());
                packet
            }
            Self::Garbage(at, ref body) => [&packet(at)[..HEADER_LEN], body].concat(),
        }
    }
}

proptest! {
    /// A sealed packet is accepted when it first arrives, and nothing else is: not before, between
    /// or after the packets of the same message.
    #[test]
    fn whatever_else_arrives_messages_are_what_was_sent(
        lens in prop::collection::vec(0..4 * STRIDE, 1..5),
        aes in any::<bool>(),
        steps in steps(),
    ) {
        let suite = SUITES[usize::from(aes)];
        let messages: Vec<_> = (0..).zip(&lens).map(|(id, len)| message(id, *len)).collect();
        let mut seal = initiator(suite);
        let sent: Vec<_> = messages.iter().flat_map(|message| packets_of(message, &mut seal)).collect();
        let (mut far, mut arrived) = (Far::responder(suite), HashSet::new());
        let mut received = HashSet::new();
        let rest = (0..sent.len()).map(Step::Pass);
        for step in steps.into_iter().chain(rest) {
            let packet = step.packet(&sent);
            let is_taken = sent.iter().any(|sent| *sent == packet) && arrived.insert(packet.clone());
            let pushed = far.push(&packet);
            prop_assert_eq!(pushed.is_ok(), is_taken, "{:?}: {:?}", step, pushed);
            if let Ok(Received::Complete { id: message, payload }) = pushed {
                prop_assert_eq!(&payload, messages[message as usize].payload());
                prop_assert!(received.insert(message), "{} comes twice", message);
            }
        }
        prop_assert_eq!(received.len(), messages.len());
    }

    /// A network that loses packets instead of forging them: missing fragments are sealed again.
    #[test]
    fn what_is_missing_is_sealed_again_under_new_numbers(
        len in 0..30 * STRIDE,
        lost in prop::collection::vec(any::<bool>(), 1..100),
    ) {
        let (message, mut spy, mut far) = (message(1, len), Spy::new(None), Far::responder(Suite::default()));
        let (mut pool, mut lost) = (PacketPool::default(), lost.into_iter());
        let all = || std::iter::once(0..message.count());
        let (mut ranges, mut done) = (all().collect::<Vec<_>>(), false);
        while !done {
            for mut range in std::mem::take(&mut ranges) {
                while let Some(packets) = message.pack(&mut range, &mut spy, &mut pool).unwrap() {
                    for packet in packets.iter() {
                        if !lost.next().unwrap_or(false) {
                            done |= far.push(&packet).unwrap() == complete(&message);
                        }
                    }
                }
            }
            let missing = far.reassembler.missing(&0, 1);
            ranges = missing.map_or_else(|| all().collect(), Iterator::collect);
        }
        spy.has_used_each_number_once();
        prop_assert_eq!(far.reassembler.stats().refused, 0);
    }
}
