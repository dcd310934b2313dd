//! A chat on smol in which a slow client does not stall the others.
//!
//! ```text
//! cargo run --example chat --features smol -- 127.0.0.1:7000
//! nc 127.0.0.1 7000
//! ```
//!
//! What to learn:
//! - a line for a hundred members is shared, not copied, and sending it waits for no socket;
//! - `Full` does not mean that a member is slow: its writer task may not have been polled. A member
//!   is disconnected only if its budget is used up and its socket takes nothing;
//! - a connection ends when either half ends, and its end has a deadline.
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
    Delimiter, HandoffBuffer, RejectReason, Smol, WeakWriteHandoff, WriteHandoff, WriteHandoffConfig,
    bytes::Bytes,
};
use smol::{
    Timer,
    future::{or, yield_now},
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

/// The longest line, and how long a leaving member may take to receive the lines still queued.
const LINE: usize = 4096;
const PATIENCE: Duration = Duration::from_secs(5);

/// Weak handles: the list of members keeps no connection open.
type Room = Mutex<HashMap<u64, WeakWriteHandoff>>;

/// Sends a line to all members. Waits for no socket.
async fn say(room: &Room, line: Bytes) {
    let mut left: Vec<_> = room.lock().unwrap().values().filter_map(WeakWriteHandoff::upgrade).collect();
    let mut had_a_turn = false;
    loop {
        left.retain(|member| match member.try_write_fire_and_forget(line.clone()) {
            Ok(()) => false,
            Err(error) => match error.reason() {
                RejectReason::Full { stalled: true } if had_a_turn => {
                    // The budget is used up, and the socket takes nothing.
                    member.abort();
                    false
                }
                RejectReason::Full { .. } => true,
                // The member has left.
                _ => false,
            },
        });
        if left.is_empty() {
            return;
        }
        // Let the writer tasks run.
        yield_now().await;
        had_a_turn = true;
    }
}

async fn serve(room: &Room, id: u64, mut stream: TcpStream) -> io::Result<()> {
    let out = WriteHandoff::spawn(stream.clone(), WriteHandoffConfig::default(), &Smol);
    room.lock().unwrap().insert(id, out.downgrade());
    let reading = async {
        let (mut buffer, mut lines) = (HandoffBuffer::new(LINE), Delimiter::new(b"\n"));
        while let Some(line) = buffer.next_frame(&mut stream, &mut lines).await? {
            say(room, line).await;
        }
        Ok(())
    };
    let closed = async || out.closed().await.map_err(io::Error::from);
    let read = or(reading, closed()).await;
    room.lock().unwrap().remove(&id);
    out.close();
    let in_time = async {
        Timer::after(PATIENCE).await;
        out.abort();
        closed().await
    };
    or(closed(), in_time).await.and(read)
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
                assert_eq!(
                    buffer.next_frame(stream, &mut Delimiter::new(b"\n")).await?.as_deref(),
                    Some(&line[..])
                );
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
