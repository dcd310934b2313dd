//! Futures that move packets over a stream: no packet is lost or duplicated.

use std::time::Instant;

use futures_handoff::{
    HandoffBuffer,
    bytes::Bytes,
    fragment::{
        Fragmenter, Header, Limits, PacketPool, Plain, Reassembler, Stride, receive_framed, send_framed,
    },
};
use futures_handoff_runtimes::cancel::{Cut, at_every_poll};

use super::{
    cancelled,
    slow::SlowReader,
    world::{FULL, RIVAL, World, in_every_config},
};

/// The packet of an empty message.
const EMPTY: usize = 16;

fn message(id: u32, payload: &'static [u8]) -> Fragmenter {
    Fragmenter::new(id, Bytes::from_static(payload), Stride::new(2).unwrap()).unwrap()
}

/// The packets of a message, each with a length prefix.
fn stream(message: &Fragmenter) -> Vec<u8> {
    let packet = |(header, bytes): (Header, &[u8])| {
        [&[0, (EMPTY + bytes.len()) as u8][..], &header.encode(), bytes].concat()
    };
    message.chunks().flat_map(packet).collect()
}

cancelled! {
    "fn send_framed"
    fn packets_that_are_sent() {
        in_every_config(|cut, config| {
            // Two packets of 20 bytes at a time.
            let config = config.with_max_pending_bytes(45);
            let (mut world, handle) = World::full(config);
            let message = message(7, b"fragments");
            let (mut range, mut pool) = (0..5, PacketPool::default());
            let mut plain = Plain;
            {
                let send = send_framed(&handle, &message, &mut range, &mut plain, &mut pool);
                let sent = cut.run(send, || world.stir());
                assert!(sent.is_none_or(|sent| sent.is_ok()));
            }
            world.rival_writes(&handle);
            world.come_to_rest();
            // What it left is sent by the next one.
            let left = range.clone();
            let rest = send_framed(&handle, &message, &mut range, &mut plain, &mut pool);
            Cut::whole().run(rest, || world.stir()).unwrap().unwrap();
            let packets = stream(&message);
            let (before, after) = packets.split_at((left.start as usize * 20).min(packets.len()));
            world.goes_on(handle, &[FULL, before, RIVAL, after].concat());
        });
    }

    "fn receive_framed"
    fn packets_that_are_received() {
        let messages = [message(1, b"fragments"), message(2, b""), message(3, b"of messages")];
        let wire: Vec<u8> = messages.iter().flat_map(stream).collect();
        let most = at_every_poll(|cut| {
            let reader = SlowReader::new(&wire);
            let (mut from, stirring) = (reader.clone(), reader);
            let mut buffer = HandoffBuffer::new(20);
            let mut reassembler = Reassembler::new(Limits::default().with_min_stride(1));
            let (mut received, mut plain) = (Vec::new(), Plain);
            let first = receive_framed(&mut buffer, &mut from, &mut reassembler, &(), &mut plain, Instant::now);
            received.extend(cut.run(first, || stirring.unblock()).map(|first| first.unwrap().unwrap()));
            loop {
                let next =
                    receive_framed(&mut buffer, &mut from, &mut reassembler, &(), &mut plain, Instant::now);
                match Cut::whole().run(next, || stirring.unblock()).unwrap().unwrap() {
                    Some(message) => received.push(message),
                    None => break,
                }
            }
            let expected = messages.each_ref().map(|message| (message.id(), message.payload().clone()));
            assert_eq!(received, expected);
            let stats = reassembler.stats();
            assert_eq!((stats.refused, stats.duplicates, stats.in_flight), (0, 0, 0));
        });
        assert!(most > 30, "{most} polls");
    }
}
