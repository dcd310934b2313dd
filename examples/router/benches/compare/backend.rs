//! The server behind the proxies: answers questions until the connection ends.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
};

use crate::message::{HEAD, Message};

pub struct Backend {
    pub address: SocketAddr,
    open: Arc<AtomicUsize>,
}

impl Backend {
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (address, open) = (listener.local_addr()?, Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&open);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("there are descriptors");
                count.fetch_add(1, Relaxed);
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    if let Err(error) = answer(stream).await {
                        eprintln!("backend: {error}");
                    }
                    count.fetch_sub(1, Relaxed);
                });
            }
        });
        Ok(Self { address, open })
    }

    /// Waits until no connection is open.
    pub async fn quiet(&self) {
        while self.open.load(Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut head, mut buf) = ([0; HEAD], Vec::new());
    let mut last: Option<([u8; HEAD], Message, Message)> = None;
    loop {
        let n = stream.read(&mut head).await?;
        if n == 0 {
            return Ok(());
        }
        stream.read_exact(&mut head[n..]).await?;
        // Most questions of a connection are the same.
        let (_, question, answer) = match last.take() {
            Some(known) if known.0 == head => last.insert(known),
            _ => {
                let text = || io::Error::other(format!("no question: {}", head.escape_ascii()));
                let (question, answer) = Message::read(&head).ok_or_else(text)?;
                last.insert((head, question, answer))
            }
        };
        question.receive(HEAD, &mut stream, &mut buf).await?;
        answer.send(&mut stream).await?;
    }
}
