//! Which protocol a connection speaks, from its first bytes.
//!
//! Each matcher is a pure function over the bytes of [`HandoffBuffer::peek`]. It consumes nothing,
//! so several matchers can look at the same bytes, and the bytes can be passed on unchanged. A
//! matcher never says [`No`](Answer::No) because bytes are missing, and never says
//! [`Yes`](Answer::Yes) on a guess: the final answer does not depend on how the bytes were split.
//! An answer other than [`Need`](Answer::Need) does not change with more bytes.
//!
//! The loop around a matcher reads the bytes that it needs, and leaves them in the buffer:
//!
//! ```
//! use std::io;
//!
//! use futures_handoff::HandoffBuffer;
//! use futures_handoff_router::detect::{Answer, LIMIT, tls};
//! use futures_util::AsyncRead;
//!
//! /// The server name that a TLS client asks for.
//! async fn name(
//!     client: &mut (impl AsyncRead + Unpin),
//!     buffer: &mut HandoffBuffer,
//! ) -> io::Result<Option<String>> {
//!     loop {
//!         match tls::client_hello(buffer.peek()) {
//!             Answer::Yes(hello) => return Ok(hello.server_name),
//!             Answer::No(why) => return Err(io::Error::other(why)),
//!             Answer::Need(more) => {
//!                 let goal = buffer.len() + more;
//!                 if !buffer.fill_to(client, goal).await? {
//!                     return Err(io::ErrorKind::UnexpectedEof.into());
//!                 }
//!             }
//!         }
//!     }
//! }
//!
//! # futures_executor::block_on(async {
//! // No matcher asks for more. A client that sends nothing needs a timeout around this.
//! let mut buffer = HandoffBuffer::new(LIMIT);
//! let mut client: &[u8] = b"GET / HTTP/1.1\r\n";
//! let refused = name(&mut client, &mut buffer).await.unwrap_err();
//! assert!(refused.to_string().starts_with("not TLS"));
//! assert_eq!(buffer.peek(), b"GET / HTTP/1.1\r\n");
//! # });
//! ```
//!
//! [`HandoffBuffer::peek`]: https://docs.rs/futures-handoff/latest/futures_handoff/struct.HandoffBuffer.html#method.peek

pub mod http1;
pub mod proxy_header;
pub mod resp;
pub mod ssh;
pub mod tls;

/// The most bytes that a matcher asks for. Anything longer does not match.
pub const LIMIT: usize = 16 * 1024;

/// The answer of a matcher about the bytes that have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<T> {
    /// The bytes are not this protocol, or are malformed or too long, whatever comes next.
    No(&'static str),
    /// At least this many bytes are missing, one or more: with fewer the answer stays the same.
    Need(usize),
    /// It is this protocol.
    Yes(T),
}
