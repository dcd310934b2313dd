//! A chat on smol in which a slow client does not stall the others.
//!
//! ```text
//! cargo run --example chat --features smol -- 127.0.0.1:7000
//! nc 127.0.0.1 7000
//! ```
//!
//! What to learn:
//! - a line for a hundred members is shared, not copied. Each member has a queue of its own, so one
//!   that reads slowly delays the line for no other;
//! - a fast talker fills every queue, also those of members that read. It waits for room there, and
//!   so talks as fast as its slowest reader reads;
//! - a member that takes nothing for a while is disconnected, while it is served and while it
//!   leaves. That is its own connection's decision: it notices that its writer makes no progress.
//!
//! Without an address it runs a demonstration: two members read, and one never reads and is
//! disconnected.

use std::{
    collections::HashMap,
    env, io,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_handoff::{
    Delimiter, HandoffBuffer, Smol, WeakWriteHandoff, WriteHandoff, WriteHandoffConfig, bytes::Bytes,
};
use smol::{
    Timer,
    future::{or, yield_now},
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use socket2::SockRef;

/// The longest line.
const LINE: usize = 4096;

/// A member whose socket takes nothing for so long, or up to twice as long, is disconnected.
const PATIENCE: Duration = Duration::from_secs(3);

/// The send buffer of a member's socket. A full socket takes more only once a large part of it has
/// been sent. With the 4 MB to which Linux lets it grow, a member that reads 200 kB/s would seem to
/// take nothing for 7 seconds.
const SEND_BUFFER: usize = 64 * 1024;

/// Weak handles: the list of members keeps no connection open.
type Room = Mutex<HashMap<u64, WeakWriteHandoff>>;

/// Sends a line to all members.
async fn say(room: &Room, line: Bytes) {
    let mut members: Vec<_> = room.lock().unwrap().values().filter_map(WeakWriteHandoff::upgrade).collect();
    // First those that have room. An error that is not `Full` means that the member is leaving.
    members
        .retain(|member| member.try_write_fire_and_forget(line.clone()).is_err_and(|error| error.is_full()));
    // The rest makes the talker wait, until they have read something or are disconnected.
    for member in members {
        let _ = member.write_fire_and_forget(line.clone()).await;
    }
}

async fn serve(room: &Room, id: u64, mut stream: TcpStream) -> io::Result<()> {
    SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER)?;
    let out = WriteHandoff::spawn(stream.clone(), WriteHandoffConfig::default(), &Smol);
    room.lock().unwrap().insert(id, out.downgrade());
    let reading = async {
        let (mut buffer, mut lines) = (HandoffBuffer::new(LINE), Delimiter::new(b"\n"));
        while let Some(line) = buffer.next_frame(&mut stream, &mut lines).await? {
            say(room, line).await;
        }
        Ok(())
    };
    // Waits for the end of the stream, and brings it about if the member takes nothing.
    let ended = async || {
        let patience = || async { _ = Timer::after(PATIENCE).await };
        if out.stalled(patience).await {
            out.abort();
        }
        out.closed().await.map_err(io::Error::from)
    };
    let read = or(reading, ended()).await;
    room.lock().unwrap().remove(&id);
    out.close();
    ended().await.and(read)
}

async fn listen(room: Arc<Room>, listener: TcpListener) -> io::Result<()> {
    for id in 0.. {
        let (stream, _) = listener.accept().await?;
        let room = Arc::clone(&room);
        smol::spawn(async move {
            if let Err(error) = serve(&room, id, stream).await {
                eprintln!("member {id} is gone: {error}");
            }
        })
        .detach();
    }
    Ok(())
}

/// Talks until the member that reads nothing is disconnected. The others receive every line.
async fn demonstrate() -> io::Result<()> {
    let (room, listener) = (Arc::new(Room::default()), TcpListener::bind("127.0.0.1:0").await?);
    let address = listener.local_addr()?;
    smol::spawn(listen(Arc::clone(&room), listener)).detach();
    let _sleeper = TcpStream::connect(address).await?;
    let mut talker = TcpStream::connect(address).await?;
    let mut readers =
        [talker.clone(), TcpStream::connect(address).await?].map(|it| (it, HandoffBuffer::new(LINE)));
    while room.lock().unwrap().len() < 3 {
        yield_now().await;
    }
    let line = [&[b'x'; 1023][..], b"\n"].concat();
    let mut said = 0;
    while room.lock().unwrap().len() == 3 {
        talker.write_all(&line.repeat(64)).await?;
        said += 64;
        for (stream, buffer) in &mut readers {
            for _ in 0..64 {
                let heard = buffer.next_frame(stream, &mut Delimiter::new(b"\n")).await?;
                assert_eq!(heard.as_deref(), Some(&line[..]));
            }
        }
    }
    println!("two members received {said} lines, and the one that read nothing was disconnected");
    Ok(())
}

fn main() -> io::Result<()> {
    smol::block_on(async {
        match env::args().nth(1) {
            Some(address) => listen(Arc::default(), TcpListener::bind(&*address).await?).await,
            None => demonstrate().await,
        }
    })
}
