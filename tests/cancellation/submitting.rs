//! Futures that submit: a future dropped before its result has submitted nothing, and has left the
//! line.

use std::future::Future;

use futures_handoff::{HandoffBuffer, HandoffBufferConfig, WriteHandoff, bytes::Bytes, bytes::BytesMut};
use futures_handoff_runtimes::cancel::Cut;

use super::{
    cancelled,
    slow::Slow,
    world::{FULL, RIVAL, World, in_every_config},
};

const CHUNK: &[u8] = b"chunk";

/// Runs a submission of [`CHUNK`] on a stream without room, with another one after it.
///
/// `submit` returns whether it was accepted.
fn submission<F: Future<Output = bool>>(
    cut: &mut Cut,
    mut world: World,
    handle: &WriteHandoff<Slow>,
    submit: F,
) -> (World, Vec<u8>) {
    world.rival_writes(handle);
    let accepted = cut.run(submit, || world.stir());
    assert_ne!(accepted, Some(false), "it was refused");
    let chunk = if accepted.is_some() { CHUNK } else { b"" };
    (world, [FULL, chunk, RIVAL].concat())
}

/// Runs a submission by a future that borrows the handle, in all configurations.
fn submissions(submit: impl AsyncFn(&WriteHandoff<Slow>) -> bool) {
    in_every_config(|cut, config| {
        let (world, handle) = World::full(config);
        let (world, expected) = submission(cut, world, &handle, submit(&handle));
        world.goes_on(handle, &expected);
    });
}

fn read_buffer(content: &[u8]) -> HandoffBuffer {
    HandoffBuffer::from_tail(BytesMut::from(content), HandoffBufferConfig::new(64)).unwrap()
}

cancelled! {
    "write"
    fn a_write() {
        submissions(async |handle| handle.write(CHUNK.into()).await.is_ok());
        submissions(async |handle| handle.sender().write(CHUNK.into()).await.is_ok());
    }

    "write_fire_and_forget"
    fn a_write_without_a_ticket() {
        submissions(async |handle| handle.write_fire_and_forget(CHUNK.into()).await.is_ok());
        submissions(async |handle| handle.sender().write_fire_and_forget(CHUNK.into()).await.is_ok());
    }

    /// The borrowed chunks are still there if they were not accepted.
    "write_chunks"
    fn a_write_of_several_parts() {
        in_every_config(|cut, config| {
            let (world, handle) = World::full(config);
            let mut parts = [Bytes::from(&CHUNK[..2]), Bytes::from(&CHUNK[2..])];
            let submit = async { handle.write_chunks(&mut parts).await.is_ok() };
            let (world, expected) = submission(cut, world, &handle, submit);
            let accepted = expected.len() > FULL.len() + RIVAL.len();
            let left = if accepted { b"" } else { CHUNK };
            assert_eq!(parts.concat(), left, "what is left with the caller");
            world.goes_on(handle, &expected);
        });
    }

    "reserve"
    fn a_reservation() {
        submissions(async |handle| handle.reserve(CHUNK.len()).await.unwrap().send(CHUNK.into()).is_ok());
    }

    /// A permit that was granted and is not used.
    "reserve"
    fn a_permit() {
        in_every_config(|cut, config| {
            let (mut world, handle) = World::full(config);
            world.rival_writes(&handle);
            let permit = cut.run(handle.reserve(CHUNK.len()), || world.stir());
            drop(permit);
            world.goes_on(handle, &[FULL, RIVAL].concat());
        });
    }

    /// The bytes are in the read buffer or on their way.
    "write_prefix"
    fn a_write_from_a_read_buffer() {
        prefixes(async |handle, buffer| handle.write_prefix(buffer, CHUNK.len()).await.is_ok());
    }

    "write_slice"
    fn a_write_of_borrowed_bytes() {
        submissions(async |handle| handle.write_slice(CHUNK).await.is_ok());
        submissions(async |handle| handle.sender().write_slice(CHUNK).await.is_ok());
    }

    /// In several pieces: each byte is in the read buffer or on its way, in order, with other
    /// chunks between the pieces.
    "write_all_buf"
    fn a_write_of_a_whole_read_buffer() {
        in_every_config(|cut, config| {
            let (mut world, handle) = World::full(config);
            world.rival_writes(&handle);
            let content = b"more than the byte budget admits";
            let mut buffer = read_buffer(content);
            let done = cut.run(async { handle.write_all_buf(&mut buffer).await.is_ok() }, || world.stir());
            assert_ne!(done, Some(false), "it was refused");
            assert!(done.is_none() || buffer.is_empty());
            world.come_to_rest();
            let (submitted, left) = content.split_at(content.len() - buffer.len());
            assert_eq!(buffer.peek(), left, "what is left in the read buffer");
            let taken = world.writer.record().taken.clone();
            let at =
                taken.windows(RIVAL.len()).position(|window| window == RIVAL).expect("the rival was served");
            assert_eq!([&taken[..at], &taken[at + RIVAL.len()..]].concat(), [FULL, submitted].concat());
            world.goes_on(handle, &taken);
        });
    }

    /// Chunks accepted within it are sent, although the promise to send is broken.
    "batching"
    fn a_batch() {
        in_every_config(|cut, config| {
            let (mut world, handle) = World::new(config);
            let (mut accepted, sender) = (Vec::new(), handle.sender());
            let batch = async {
                for byte in b'a'..b'k' {
                    sender.write_fire_and_forget(Bytes::from(vec![byte; 2])).await.unwrap();
                    accepted.extend([byte; 2]);
                }
            };
            cut.run(handle.batching(batch), || world.stir());
            drop(sender);
            world.goes_on(handle, &accepted);
        });
    }
}

/// Runs the submission of a prefix of a read buffer, in all configurations.
fn prefixes(submit: impl AsyncFn(&WriteHandoff<Slow>, &mut HandoffBuffer) -> bool) {
    in_every_config(|cut, config| {
        let (world, handle) = World::full(config);
        let mut buffer = read_buffer(&[CHUNK, b" and more"].concat());
        let (world, expected) = submission(cut, world, &handle, submit(&handle, &mut buffer));
        let accepted = expected.len() > FULL.len() + RIVAL.len();
        let left: &[u8] = if accepted { b"" } else { CHUNK };
        assert_eq!(buffer.peek(), [left, b" and more"].concat(), "what is left in the read buffer");
        world.goes_on(handle, &expected);
    });
}
