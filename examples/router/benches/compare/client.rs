//! The clients of a proxy.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::message::Message;

/// A question and its answer.
pub struct Talk {
    question: Message,
    answer: Message,
}

impl Talk {
    /// The question has a body of `up` bytes; its answer has `down` bytes.
    pub fn new(up: usize, down: usize) -> Arc<Self> {
        Arc::new(Self { question: Message::question(up, down), answer: Message::answer(down) })
    }
}

pub struct Client {
    stream: TcpStream,
    talk: Arc<Talk>,
    buf: Vec<u8>,
}

impl Client {
    pub async fn connect(to: SocketAddr, talk: &Arc<Talk>) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, talk: Arc::clone(talk), buf: Vec::new() })
    }

    /// Asks, and compares the answer.
    pub async fn exchange(&mut self) -> io::Result<()> {
        self.talk.question.send(&mut self.stream).await?;
        self.talk.answer.receive(0, &mut self.stream, &mut self.buf).await
    }

    /// Ends its direction. Then the other one must end without a byte.
    pub async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        match self.stream.read(&mut [0]).await? {
            0 => Ok(()),
            _ => Err(io::Error::other("there is a byte after the answer")),
        }
    }
}
