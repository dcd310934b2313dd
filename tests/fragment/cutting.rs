//! How a message is cut: exact counts and lengths, and memory that is shared or reused.

use std::{collections::HashSet, io::IoSlice};

use super::support::*;

/// Lengths of messages with a stride of 100 bytes, and how many packets each takes.
const COUNTS: [(usize, u32); 12] = [
    (0, 1),
    (1, 1),
    (99, 1),
    (100, 1),
    (101, 2),
    (199, 2),
    (200, 2),
    (201, 3),
    (6_399, 64),
    (6_400, 64),
    (6_401, 65),
    (12_801, 129),
];

#[test]
fn every_way_to_a_packet_gives_the_bytes_of_the_table() {
    for (len, count) in COUNTS {
        let payload = pattern(len);
        let message = cut(7, &payload, STRIDE);
        assert_eq!(message.count(), count, "{len} bytes");
        assert_eq!((message.iter().len(), message.chunks().len()), (count as usize, count as usize));
        let by_hand: Vec<_> = (0..count)
            .map(|index| {
                let start = index as usize * 100;
                raw(STRIDE, 7, index, len as u32, &payload[start..len.min(start + 100)]).wire()
            })
            .collect();
        let whole = |mut fragment: Fragment| Vec::from(fragment.copy_to_bytes(fragment.remaining()));
        let borrowed = |(header, bytes): (Header, &[u8])| [&header.encode(), bytes].concat();
        let ways: [Vec<Vec<u8>>; 6] = [
            message.iter().map(whole).collect(),
            message.chunks().map(borrowed).collect(),
            (0..count).map(|index| whole(message.get(index).unwrap())).collect(),
            (0..count).map(|index| borrowed(message.chunk(index).unwrap())).collect(),
            sealed(&message, &mut Plain).into_iter().map(Vec::from).collect(),
            message.iter().rev().map(whole).collect::<Vec<_>>().into_iter().rev().collect(),
        ];
        assert!(ways.iter().all(|way| *way == by_hand), "{len} bytes");
        for beyond in [count, u32::MAX] {
            assert!(message.get(beyond).is_none() && message.chunk(beyond).is_none());
        }
    }
}

#[test]
fn a_header_reads_as_it_was_written() {
    for (stride, message, index, len) in
        [(1, 0, 0, 0), (1, u32::MAX, u32::MAX - 1, u32::MAX), (u16::MAX, 3, 65_536, u32::MAX), (9, 1, 1, 10)]
    {
        let wire = raw(stride, message, index, len, b"rest").wire();
        let (header, rest) = Header::decode(&wire).unwrap();
        assert_eq!((header.encode().as_slice(), rest), (&wire[..HEADER_LEN], &b"rest"[..]));
        assert_eq!((header.id(), header.index(), header.message_len()), (message, index, len));
        assert_eq!(header.stride(), super::support::stride(stride));
        let (stride, index) = (u64::from(stride), u64::from(index));
        assert_eq!(u64::from(header.count()), u64::from(len).div_ceil(stride).max(1));
        // The last place that fits, if this one does not.
        let place = |at: u64| usize::try_from(at.min(len.into())).unwrap_or(usize::MAX);
        assert_eq!(header.range(), place(index * stride)..place((index + 1) * stride));
    }
}

#[test]
fn packets_are_as_long_as_was_asked_for_and_never_longer() {
    fn lens<S: SealPacket>(len: usize, seal: &mut S) -> Vec<usize> {
        let stride = Stride::for_packets::<S>(1_200).unwrap();
        let message = Fragmenter::new(0, pattern(len), stride).unwrap();
        sealed(&message, seal).iter().map(Bytes::len).collect()
    }
    for (len, expected) in
        [(0, vec![16]), (1_183, vec![1_199]), (1_184, vec![1_200]), (1_185, vec![1_200, 17])]
    {
        assert_eq!(lens(len, &mut Plain), expected, "{len} bytes");
    }
    for (len, expected) in [(1_179, vec![1_199]), (1_180, vec![1_200]), (1_181, vec![1_200, 21])] {
        assert_eq!(lens(len, &mut Sum), expected, "{len} bytes");
    }
    assert_eq!(lens(1 << 20, &mut Plain), [[1_200; 885].as_slice(), &[752]].concat());
    assert_eq!(lens(1 << 20, &mut Sum), [[1_200; 888].as_slice(), &[756]].concat());
}

#[test]
fn strides_have_borders() {
    struct Bulky;

    impl SealPacket for Bulky {
        const OVERHEAD: usize = MAX_PACKET_LEN - HEADER_LEN;

        fn seal(&mut self, _: &[u8; HEADER_LEN], _: &[u8], _: &mut [u8]) -> Result<(), SealError> {
            Ok(())
        }
    }

    let bytes = |packet_len| Stride::for_packets::<Plain>(packet_len).map(Stride::get);
    assert_eq!((bytes(17), bytes(MAX_PACKET_LEN)), (Ok(1), Ok(65_491)));
    for len in [0, 16, 65_508, usize::MAX] {
        assert_eq!(bytes(len), Err(FragmentError::PacketLen { len, least: 17, most: 65_507 }));
    }
    for len in [65_507, 65_508, 65_509] {
        let error = FragmentError::PacketLen { len, least: 65_508, most: 65_507 };
        assert_eq!(Stride::for_packets::<Bulky>(len), Err(error));
    }
    assert_eq!((Stride::new(0), stride(u16::MAX).get()), (None, 65_535));
}

/// A message that has one packet may have a longer stride than packets can have.
#[test]
fn no_packet_is_longer_than_a_datagram() {
    for (len, fits) in [(65_490, true), (65_491, true), (65_492, false), (200_000, false)] {
        let message = cut(1, &pattern(len), u16::MAX);
        let (mut range, mut pool) = (0..message.count(), PacketPool::default());
        let packed = message.pack(&mut range, &mut Plain, &mut pool).map(|packets| packets.unwrap().count());
        let long = len.min(65_535) + HEADER_LEN;
        let error = FragmentError::PacketLen { len: long, least: 17, most: MAX_PACKET_LEN };
        assert_eq!(packed, if fits { Ok(1) } else { Err(error) }, "{len} bytes");
        assert_eq!(range.start, u32::from(fits));
    }
}

#[test]
fn a_block_holds_as_many_packets_as_fit() {
    // 54 packets of 1,200 bytes are 64,800 bytes.
    for (packet_len, max_packets, per_block) in
        [(1_200, 64, 54), (1_200, 54, 54), (1_200, 10, 10), (1_200, 1, 1), (100, 64, 64), (40_000, 64, 1)]
    {
        let stride = Stride::for_packets::<Plain>(packet_len).unwrap();
        let message = Fragmenter::new(1, pattern(stride.get() * 130), stride).unwrap();
        let mut pool = PacketPool::default().with_max_packets(max_packets);
        let mut range = 3..130;
        let mut counts = Vec::new();
        while let Some(packets) = message.pack(&mut range, &mut Plain, &mut pool).unwrap() {
            assert_eq!(packets.segment_size(), packet_len);
            assert_eq!(packets.contents().len(), packets.count() * packet_len);
            assert_eq!(packets.iter().len(), packets.count());
            counts.push(packets.count());
            assert_eq!(range.start as usize, 3 + counts.iter().sum::<usize>());
        }
        assert_eq!(counts.iter().sum::<usize>(), 127);
        let (last, full) = counts.split_last().unwrap();
        assert!(full.iter().all(|&count| count == per_block) && *last <= per_block, "{counts:?}");
    }
}

#[test]
#[should_panic = "a block must hold at least 1 packet"]
fn a_block_without_packets_is_not_possible() {
    let _ = PacketPool::default().with_max_packets(0);
}

/// The last packet, which is shorter, ends a block wherever it comes.
#[test]
fn fragments_are_packed_in_the_order_that_is_asked_for() {
    let message = cut(1, &pattern(250), STRIDE);
    let mut pool = PacketPool::default();
    for (indices, blocks) in [
        (vec![], vec![]),
        (vec![0, 1, 2], vec![vec![116, 116, 66]]),
        (vec![1, 0, 1, 1], vec![vec![116; 4]]),
        (vec![2, 0, 2, 2], vec![vec![66], vec![116, 66], vec![66]]),
    ] {
        let mut rest = indices.iter().copied();
        let made: Vec<Vec<_>> =
            std::iter::from_fn(|| message.pack(&mut rest, &mut Plain, &mut pool).unwrap())
                .map(|packets| packets.iter().map(|it| it.len()).collect())
                .collect();
        assert_eq!(made, blocks, "{indices:?}");
    }
}

#[test]
fn an_index_that_the_message_does_not_have_is_an_error() {
    let message = cut(1, &pattern(250), STRIDE);
    let mut pool = PacketPool::default().with_max_packets(2);
    for (range, left, expected) in [
        (0..u32::MAX, 2..u32::MAX, Ok(2)),
        (2..u32::MAX, 3..u32::MAX, Ok(1)),
        (3..u32::MAX, 3..u32::MAX, Err(FragmentError::Index { index: 3, count: 3 })),
        (9..10, 9..10, Err(FragmentError::Index { index: 9, count: 3 })),
    ] {
        let mut rest = range.clone();
        let packed = message.pack(&mut rest, &mut Plain, &mut pool);
        assert_eq!(packed.map(|packets| packets.unwrap().count()), expected, "{range:?}");
        assert_eq!(rest, left);
    }
    let error = FragmentError::Index { index: 3, count: 3 };
    assert_eq!(error.to_string(), "fragment 3 does not exist: the message has 3 fragments");
}

/// Seals this many packets, and then fails.
struct Failing(usize);

impl SealPacket for Failing {
    const OVERHEAD: usize = 0;

    fn seal(&mut self, header: &[u8; HEADER_LEN], plain: &[u8], sealed: &mut [u8]) -> Result<(), SealError> {
        self.0 = self.0.checked_sub(1).ok_or(SealError)?;
        Plain.seal(header, plain, sealed)
    }
}

#[test]
fn a_cipher_that_fails_leaves_the_range_as_it_was() {
    let message = cut(1, &pattern(1_000), STRIDE);
    let mut pool = PacketPool::new(1);
    for works in 0..8 {
        let mut range = 2..10;
        let failed = message.pack(&mut range, &mut Failing(works), &mut pool);
        assert_eq!((failed, range), (Err(FragmentError::Seal), 2..10));
    }
    let mut range = 2..10;
    let packets = message.pack(&mut range, &mut Failing(8), &mut pool).unwrap().unwrap();
    assert_eq!(packets.iter().collect::<Vec<_>>(), sealed(&message, &mut Plain)[2..]);
}

#[test]
fn fragments_are_parts_of_the_message() {
    let payload = pattern(1_050);
    let message = cut(1, &payload, STRIDE);
    let at = |index: usize| payload[index * 100..].as_ptr();
    for (index, (fragment, (_, chunk))) in message.iter().zip(message.chunks()).enumerate() {
        assert_eq!((fragment.payload.as_ptr(), chunk.as_ptr()), (at(index), at(index)));
        assert_eq!(message.get(index as u32), Some(fragment));
    }
    assert_eq!(message.payload().as_ptr(), payload.as_ptr());
}

#[test]
fn blocks_are_used_again_once_their_packets_are_dropped() {
    let message = cut(1, &pattern(10_000), STRIDE);
    let mut pool = PacketPool::new(2);
    let mut pack = |range: Range<u32>| message.pack(&mut range.clone(), &mut Plain, &mut pool).unwrap();
    let first = pack(0..50).unwrap();
    let place = first.contents().as_ptr();
    let slice = first.iter().last();
    drop(first);
    let second = pack(0..50).unwrap();
    assert_ne!(second.contents().as_ptr(), place, "a packet of it is still there");
    drop(slice);
    let places: HashSet<_> = (0..20).map(|_| pack(50..100).unwrap().contents().as_ptr()).collect();
    assert_eq!(places, HashSet::from([place]));
    assert_eq!(pack(0..50), Some(second), "bytes that were there before are gone");
}

#[test]
fn a_fragment_reads_as_its_header_and_its_bytes() {
    let whole = packets(9, &pattern(100), STRIDE).remove(0);
    let fragment = cut(9, &pattern(100), STRIDE).get(0).unwrap();
    for first in 0..=whole.len() {
        for second in [0, 1, 50, whole.len() - first] {
            let mut rest = fragment.clone();
            rest.advance(first);
            rest.advance(second.min(whole.len() - first));
            let left = &whole[whole.len().min(first + second)..];
            assert_eq!(rest.remaining(), left.len());
            let mut slices = [IoSlice::new(&[]); 3];
            let filled = rest.chunks_vectored(&mut slices);
            assert_eq!(filled, usize::from(left.len() > 100) + usize::from(!left.is_empty()));
            let gathered: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.iter()).copied().collect();
            assert_eq!(gathered, left);
            assert!(left.starts_with(rest.chunk()) && rest.chunk().is_empty() == left.is_empty());
            assert_eq!(rest.copy_to_bytes(left.len()), left);
        }
    }
    assert_eq!(fragment.chunks_vectored(&mut []), 0);
    assert_eq!(fragment.chunks_vectored(&mut [IoSlice::new(&[])]), 1);
}

/// The memory is only allocated, and not touched.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[test]
fn a_message_has_at_most_4_gib() {
    const MOST: usize = u32::MAX as usize;
    let zeros = Bytes::from(vec![0; MOST + 1]);
    let error = Fragmenter::new(1, zeros.clone(), stride(1)).unwrap_err();
    assert_eq!(error, FragmentError::TooLong { len: MOST + 1, limit: MOST });
    for (bytes, count, last) in [(1, u32::MAX, 1), (u16::MAX, 65_537, 65_535), (65_534, 65_539, 3)] {
        let message = cut(1, &zeros.slice(..MOST), bytes);
        assert_eq!(message.count(), count);
        assert_eq!(message.get(count - 1).unwrap().payload.len(), last);
        assert_eq!(message.iter().next_back().unwrap().payload.len(), last);
        let header = message.chunk(count - 1).unwrap().0;
        assert_eq!(header.range(), MOST - last..MOST);
        let mut range = count - 1..u32::MAX;
        let packets = message.pack(&mut range, &mut Plain, &mut PacketPool::default());
        assert_eq!(packets.is_ok(), bytes == 1, "{packets:?}");
    }
}

#[test]
fn errors_name_the_limit_and_what_was_given() {
    for (error, text) in [
        (
            FragmentError::PacketLen { len: 16, least: 17, most: 65_507 },
            "packets cannot have 16 bytes: the length must be 17 to 65507 bytes",
        ),
        (FragmentError::TooLong { len: 5, limit: 4 }, "a message of 5 bytes exceeds the limit of 4 bytes"),
        (SealError.into(), "the packet could not be sealed"),
    ] {
        assert_eq!(error.to_string(), text);
        let io = std::io::Error::from(error);
        let invalid = io.kind() == std::io::ErrorKind::InvalidInput;
        assert_eq!((io.to_string(), invalid), (text.into(), error != FragmentError::Seal));
    }
}
