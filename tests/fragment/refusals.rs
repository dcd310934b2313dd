//! Packets that are refused: each with the error that says why, and nothing else changes.

use super::support::*;

/// A reassembler in the middle of two messages, with deadlines.
fn busy() -> End {
    let mut end = End::new(Limits::default());
    end.take_in(&packets(1, &pattern(350), STRIDE)[1..3]);
    end.at(SECOND).take_in(&packets(2, &pattern(250), STRIDE)[..2]);
    assert_eq!(end.push_from(3, &packets(9, &pattern(1), STRIDE)[0]).map(drop), Ok(()));
    end
}

#[test]
fn no_packet_is_too_short_to_be_looked_at() {
    let mut end = busy();
    let plain = packets(1, &pattern(350), STRIDE).remove(0);
    for len in 0..HEADER_LEN {
        end.refuses(&plain[..len], PacketError::Short { len, least: HEADER_LEN });
        end.refuses(&vec![0xFF; len], PacketError::Short { len, least: HEADER_LEN });
    }
    for len in HEADER_LEN..plain.len() {
        let error = PacketError::Length { len: len - HEADER_LEN, expected: 100 };
        end.refuses(&plain[..len], error);
    }
    let sealed = sealed(&cut(1, &pattern(350), STRIDE), &mut Sum).remove(0);
    for len in 0..sealed.len() {
        let error = match len {
            0..HEADER_LEN => PacketError::Short { len, least: HEADER_LEN },
            HEADER_LEN..20 => PacketError::Short { len, least: 20 },
            _ => PacketError::Length { len: len - 20, expected: 100 },
        };
        end.refuses_to_open(0, &sealed[..len], &mut Sum, error);
        assert_eq!(Header::decode(&sealed[..len]).is_ok(), len >= HEADER_LEN);
    }
}

/// Each field at its limits, in packets of new messages.
#[test]
fn a_header_that_makes_no_sense_is_refused() {
    let hundred = &[7; 100][..];
    let mut end = busy();
    for start in [[0, 0], [0xF0, 0], [0xF2, 0], [0xFF, 0xFF], [0xF1, 1], [0xF1, 0x80]] {
        let packet = Raw { start, ..raw(STRIDE, 5, 0, 350, hundred) }.wire();
        end.refuses(&packet, PacketError::Version { found: start });
    }
    let limit = 1024 * 1024;
    let too_long = |len| PacketError::TooLong { len, limit };
    let index = |index, count| PacketError::Index { index, count };
    for (stride, at, len, bytes, error) in [
        (0, 0, 0, &[][..], PacketError::Stride { found: 0, least: 1 }),
        (0, 0, 350, hundred, PacketError::Stride { found: 0, least: 1 }),
        (63, 0, 64, &hundred[..63], PacketError::Stride { found: 63, least: 64 }),
        (1, 0, 2, &hundred[..1], PacketError::Stride { found: 1, least: 64 }),
        (1, u32::MAX - 1, u32::MAX, &hundred[..1], too_long(u32::MAX as usize)),
        (100, 0, 1024 * 1024 + 1, hundred, too_long(limit + 1)),
        (65_535, 0, u32::MAX, hundred, too_long(u32::MAX as usize)),
        (100, 1, 0, &[], index(1, 1)),
        (100, 4, 350, hundred, index(4, 4)),
        (100, u32::MAX, 350, hundred, index(u32::MAX, 4)),
        (100, 1, 100, hundred, index(1, 1)),
        (1, u32::MAX, u32::MAX, &hundred[..1], index(u32::MAX, u32::MAX)),
        (100, 0, 0, &hundred[..1], PacketError::Length { len: 1, expected: 0 }),
        (100, 0, 1, &[], PacketError::Length { len: 0, expected: 1 }),
        (100, 0, 1, &hundred[..2], PacketError::Length { len: 2, expected: 1 }),
        (100, 0, 350, &hundred[..99], PacketError::Length { len: 99, expected: 100 }),
        (99, 0, 350, hundred, PacketError::Length { len: 100, expected: 99 }),
        (100, 3, 350, hundred, PacketError::Length { len: 100, expected: 50 }),
        (100, 3, 350, &hundred[..49], PacketError::Length { len: 49, expected: 50 }),
        (100, 3, 350, &hundred[..51], PacketError::Length { len: 51, expected: 50 }),
        (100, 3, 350, &[], PacketError::Length { len: 0, expected: 50 }),
        (65_535, 0, 65_536, hundred, PacketError::Length { len: 100, expected: 65_535 }),
    ] {
        end.refuses(&raw(stride, 5, at, len, bytes).wire(), error);
    }
    // Just inside of the borders.
    assert!(matches!(end.push(&raw(64, 6, 1, 65, &[1]).wire()), Ok(Received::Fragment { .. })));
    assert!(end.push(&raw(1, 7, 0, 1, &[1]).wire()).is_ok_and(|it| matches!(it, Received::Complete { .. })));
    let whole = raw(u16::MAX, u32::MAX, 0, 65_535, &[1; 65_535]).wire();
    assert_eq!(end.completes(0, &whole), [1; 65_535].as_slice());
}

/// Whichever packet came first, and whether the message gets longer or shorter.
#[test]
fn the_first_packet_pins_the_message() {
    let payload = pattern(350);
    let packets = packets(1, &payload, STRIDE);
    for first in 0..4 {
        let mut end = End::lenient();
        end.take_in([&packets[first]]);
        for (stride, len) in [
            (100, 349),
            (100, 351),
            (100, 301),
            (100, 400),
            (100, 50),
            (100, 0),
            (100, 100),
            (100, 1024 * 1024),
            (99, 350),
            (101, 350),
            (50, 350),
            (350, 350),
            (u16::MAX, 350),
            (1, 350),
        ] {
            let message = cut(1, &pattern(len), stride);
            let others: Vec<_> = sealed(&message, &mut Plain);
            for packet in others.iter().take(5).chain(others.last()) {
                end.refuses(packet, PacketError::Mismatch);
            }
        }
        let rest: Vec<_> = (0..4).filter(|&index| index != first).collect();
        end.take_in(rest[..2].iter().map(|&index| &packets[index]));
        assert_eq!(end.completes(0, &packets[rest[2]]), payload);
    }
}

/// A header with any changed byte is refused, or begins a new message.
#[test]
fn a_changed_bit_does_not_get_into_a_message() {
    let payload = pattern(350);
    let packets = packets(1, &payload, STRIDE);
    for bit in 0..HEADER_LEN * 8 {
        let mut end = End::lenient();
        end.take_in(&packets[..2]);
        let before = end.missing(0, 1);
        let mut changed = packets[2].to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        let received = end.push(&changed);
        match received {
            Err(_) | Ok(Received::Duplicate { .. }) => {}
            Ok(Received::Fragment { id: message, .. } | Received::Complete { id: message, .. }) => {
                // An index of the same length can be any.
                assert!(message != 1 || (8..12).contains(&(bit / 8)), "bit {bit}");
            }
        }
        if !(8..12).contains(&(bit / 8)) {
            assert_eq!(end.missing(0, 1), before, "bit {bit}");
            end.take_in([&packets[2]]);
            assert_eq!(end.completes(0, &packets[3]), payload);
        }
    }
}

#[test]
fn a_packet_that_goes_on_behind_its_end_is_refused() {
    let packets = packets(1, &pattern(350), STRIDE);
    let mut end = busy();
    for (index, expected) in [(0, 100), (3, 50)] {
        let long = [&packets[index][..], b"!"].concat();
        end.refuses(&long, PacketError::Length { len: expected + 1, expected });
        let two = [&packets[index][..], &packets[index]].concat();
        end.refuses(&two, PacketError::Length { len: 2 * expected + HEADER_LEN, expected });
    }
}

#[test]
fn errors_name_the_limit_the_unit_and_what_was_given() {
    for (error, text) in [
        (
            PacketError::Short { len: 3, least: 16 },
            "a packet of 3 bytes is shorter than the minimum of 16 bytes",
        ),
        (
            PacketError::Version { found: [0xF2, 1] },
            "a packet that starts with 0xf2 0x01 has an unknown version",
        ),
        (
            PacketError::Stride { found: 1, least: 64 },
            "packets with 1 bytes of a message carry less than the minimum of 64 bytes",
        ),
        (PacketError::Index { index: 4, count: 4 }, "fragment 4 does not exist: the message has 4 fragments"),
        (
            PacketError::Length { len: 5, expected: 6 },
            "the packet carries 5 bytes, but its fragment has 6 bytes",
        ),
        (PacketError::TooLong { len: 9, limit: 8 }, "a message of 9 bytes exceeds the limit of 8 bytes"),
        (
            PacketError::OverBudget { needed: 9, available: 8 },
            "the message needs 9 bytes, but 8 bytes are left",
        ),
        (PacketError::TooMany { limit: 8 }, "the limit of 8 incomplete messages is reached"),
    ] {
        assert_eq!(error.to_string(), text);
        let io = std::io::Error::from(error);
        assert_eq!((io.kind(), io.to_string()), (std::io::ErrorKind::InvalidData, text.into()));
    }
}
