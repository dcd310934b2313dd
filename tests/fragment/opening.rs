//! Sealed packets: a forged packet changes nothing, whenever it arrives and whatever it names.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::support::*;

/// Counts how often it is asked.
#[derive(Default)]
struct Asked(u32);

impl OpenPacket for Asked {
    const OVERHEAD: usize = 4;

    fn open(
        &mut self,
        header: &[u8; HEADER_LEN],
        sealed: &[u8],
        plain: &mut [u8],
    ) -> Result<(), PacketError> {
        self.0 += 1;
        Sum.open(header, sealed, plain)
    }
}

/// A packet whose bytes were changed: they are written before this is noticed.
fn forged(packet: &[u8]) -> Vec<u8> {
    let mut forged = packet.to_vec();
    forged[HEADER_LEN..].iter_mut().for_each(|byte| *byte ^= 0xFF);
    forged
}

#[test]
fn a_forged_packet_changes_nothing_at_any_time() {
    let payload = pattern(450);
    let packets = sealed(&cut(1, &payload, STRIDE), &mut Sum);
    let others = [0, 1, 7].map(|message| sealed(&cut(message, &pattern(350), 90), &mut Sum));
    let short = sealed(&cut(2, &pattern(50), STRIDE), &mut Sum);
    for taken in [false, true] {
        let mut end = End::lenient();
        let (mut prefix, mut delivered) = (Vec::new(), None);
        for index in [2, 0, 4, 1, 3] {
            for packet in packets.iter().chain(others.iter().flatten()).chain(&short) {
                let forged = forged(packet);
                let error = match Header::decode(packet).unwrap().0 {
                    header if header.id() != 1 || header.message_len() == 450 => PacketError::Unauthentic,
                    // Another length than that of the message that is under way.
                    _ if end.missing(0, 1).is_some() => PacketError::Mismatch,
                    _ => PacketError::Unauthentic,
                };
                end.refuses_to_open(0, &forged, &mut Sum, error);
            }
            if let Received::Complete { payload, .. } = end.open_from(0, &packets[index], &mut Sum).unwrap() {
                delivered = Some(payload);
            }
            if taken {
                prefix.extend(end.inner.take_prefix(&0, 1));
            }
        }
        prefix.push(delivered.unwrap());
        assert_eq!(prefix.concat(), payload);
        assert_eq!(prefix.len() > 1, taken);
        // The message is finished, and stays so.
        for packet in &packets {
            end.refuses_to_open(0, &forged(packet), &mut Sum, PacketError::Unauthentic);
            let late = end.open_from(0, packet, &mut Sum);
            assert_eq!(late, Ok(Received::Duplicate { id: 1 }));
        }
    }
}

#[test]
fn any_bit_that_is_changed_is_noticed() {
    let payload = pattern(250);
    let packets = sealed(&cut(1, &payload, STRIDE), &mut Sum);
    for (index, packet) in packets.iter().enumerate() {
        for bit in 0..packet.len() * 8 {
            let mut changed = packet.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            let mut end = End::lenient();
            let other = &packets[(index + 1) % 3];
            assert!(end.open_from(0, other, &mut Sum).is_ok());
            let before = end.observed();
            assert!(end.open_from(0, &changed, &mut Sum).is_err(), "bit {bit}");
            assert_eq!(end.observed().missing, before.missing);
        }
    }
}

/// A packet that the header or the limits rule out is refused before it is opened.
#[test]
fn what_has_no_room_is_not_opened() {
    let mut end = End::new(Limits::default().with_max_in_flight(1));
    let mut open = Asked::default();
    let packets = |message, len| sealed(&cut(message, &pattern(len), STRIDE), &mut Sum);
    assert!(end.open_from(0, &packets(1, 350)[0], &mut open).is_ok());
    assert_eq!(open.0, 1);
    let many = PacketError::TooMany { limit: 1 };
    for (packet, error) in [
        (&packets(2, 350)[0], many),
        (&packets(1, 450)[0], PacketError::Mismatch),
        (&packets(3, 2 << 20)[0], PacketError::TooLong { len: 2 << 20, limit: 1 << 20 }),
        (&packets(1, 350)[3].slice(..69), PacketError::Length { len: 49, expected: 50 }),
    ] {
        end.refuses_to_open(0, packet, &mut open, error);
    }
    assert_eq!(open.0, 1);
    // A duplicate can be forged, as this one is.
    assert!(end.open_from(0, &packets(1, 350)[0], &mut open).is_ok());
    assert_eq!(open.0, 2);
}

#[test]
fn a_cipher_that_panics_leaves_the_fragment_missing() {
    struct Panics;

    impl OpenPacket for Panics {
        const OVERHEAD: usize = 0;

        fn open(&mut self, _: &[u8; HEADER_LEN], _: &[u8], plain: &mut [u8]) -> Result<(), PacketError> {
            plain.fill(0xEE);
            panic!("the cipher");
        }
    }

    let payload = pattern(350);
    let packets = packets(1, &payload, STRIDE);
    let mut end = End::lenient();
    let panics = |end: &mut End| {
        for packet in &packets {
            let before = end.observed();
            let opened = catch_unwind(AssertUnwindSafe(|| end.open_from(0, packet, &mut Panics)));
            assert!(opened.is_err());
            assert_eq!(end.observed(), before);
        }
    };
    for packet in &packets[..3] {
        panics(&mut end);
        end.take_in([packet]);
    }
    panics(&mut end);
    assert_eq!(end.completes(0, &packets[3]), payload);
    panics(&mut end);
}

#[test]
fn the_header_is_opened_as_it_arrived() {
    struct Keeps(Vec<u8>);

    impl OpenPacket for Keeps {
        const OVERHEAD: usize = 0;

        fn open(
            &mut self,
            header: &[u8; HEADER_LEN],
            sealed: &[u8],
            plain: &mut [u8],
        ) -> Result<(), PacketError> {
            self.0 = [header, sealed].concat();
            Plain.open(header, sealed, plain)
        }
    }

    let mut end = End::lenient();
    for packet in packets(0xABCD_EF01, &pattern(350), STRIDE) {
        let mut keeps = Keeps(Vec::new());
        assert!(end.open_from(0, &packet, &mut keeps).is_ok());
        assert_eq!(keeps.0, packet);
    }
}
