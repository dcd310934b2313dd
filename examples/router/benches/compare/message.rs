//! Questions and answers: HTTP/1 heads, with bodies of a known pattern.

use std::{io, sync::LazyLock};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The length of a question without a body.
pub const HEAD: usize = 64;
/// The header `Host` of each question.
pub const HOST: &str = "site";

const CHUNK: usize = 256 * 1024;
/// The most bytes of a message to send in one piece.
const START: usize = 4096;

/// No cut or swap maps it onto itself: its length is no multiple of a power of two.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut rng = fastrand::Rng::with_seed(1);
    (0..CHUNK - 1).map(|_| rng.u8(..)).collect()
});

pub struct Message {
    /// The head and the beginning of the body.
    start: Vec<u8>,
    len: usize,
}

impl Message {
    /// A question with a body of `up` bytes, whose answer has `down` bytes together with its head.
    pub fn question(up: usize, down: usize) -> Self {
        let head = format!("PUT /{down:08} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {up:08}\r\n\r\n")
            .into_bytes();
        assert_eq!(head.len(), HEAD, "a body has at most 99,999,999 bytes: {up} up, {down} down");
        Self::new(head, HEAD + up)
    }

    /// The question that begins with this head, and its answer.
    pub fn read(head: &[u8; HEAD]) -> Option<(Self, Self)> {
        let number = |at: usize| std::str::from_utf8(&head[at..at + 8]).ok()?.parse().ok();
        let (down, up) = (number(5)?, number(HEAD - 12)?);
        let question = Self::question(up, down);
        question.start.starts_with(head).then(|| (question, Self::answer(down)))
    }

    pub fn answer(len: usize) -> Self {
        let head = |body: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {body:08}\r\n\r\n").into_bytes();
        let body = len.checked_sub(head(0).len()).expect("an answer has a head");
        Self::new(head(body), len)
    }

    fn new(mut start: Vec<u8>, len: usize) -> Self {
        if start.len() < len {
            start.extend_from_slice(&PATTERN[start.len()..len.min(START)]);
        }
        Self { start, len }
    }

    /// The bytes from `at` on that lie in one piece.
    fn rest(&self, at: usize) -> &[u8] {
        let piece = if at < self.start.len() { &self.start[at..] } else { &PATTERN[at % PATTERN.len()..] };
        &piece[..piece.len().min(self.len - at)]
    }

    pub async fn send(&self, stream: &mut TcpStream) -> io::Result<()> {
        let mut at = 0;
        while at < self.len {
            let piece = self.rest(at);
            stream.write_all(piece).await?;
            at += piece.len();
        }
        Ok(())
    }

    /// Reads the bytes from `at` on, and compares them.
    pub async fn receive(&self, at: usize, stream: &mut TcpStream, buf: &mut Vec<u8>) -> io::Result<()> {
        let mut at = at;
        buf.resize(buf.len().max(CHUNK.min(self.len - at)), 0);
        while at < self.len {
            let room = buf.len().min(self.len - at);
            let n = stream.read(&mut buf[..room]).await?;
            if n == 0 {
                return Err(io::Error::other(format!("the end comes after {at} of {} bytes", self.len)));
            }
            let mut came = &buf[..n];
            while !came.is_empty() {
                let expected = self.rest(at);
                let (piece, others) = came.split_at(came.len().min(expected.len()));
                assert!(piece == &expected[..piece.len()], "another byte near {at} of {}", self.len);
                at += piece.len();
                came = others;
            }
        }
        Ok(())
    }
}
