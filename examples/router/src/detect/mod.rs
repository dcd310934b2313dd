//! Which protocol a connection speaks, from its first bytes.
//!
//! Each matcher is a pure function over what [`HandoffBuffer::peek`] shows: it takes nothing out,
//! so that several can look at the same bytes, and what it has seen can be passed on as it came.
//! A matcher never says [`No`](Answer::No) because bytes are missing, and never says
//! [`Yes`](Answer::Yes) on a guess: however the bytes were split on their way, the answer in the
//! end is the same. An answer other than [`Need`](Answer::Need) does not change with more bytes.
//!
//! The loop around a matcher reads what it needs, and leaves in the buffer what it has read:
//!
//! ```
//! use std::io;
//!
//! use futures_handoff::HandoffBuffer;
//! use futures_handoff_router::detect::{Answer, LIMIT, tls};
//! use futures_util::AsyncRead;
//!
//! /// The name of the server that a client of TLS asks for.
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

/// The most bytes that a matcher asks for. What is longer is not matched.
pub const LIMIT: usize = 16 * 1024;

/// What a matcher knows from the bytes that have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<T> {
    /// It is not this protocol, or nothing that a matcher would pass on, whatever comes next.
    No(&'static str),
    /// Bytes are missing. With fewer than so many more, one or more, this is the answer again.
    Need(usize),
    /// It is.
    Yes(T),
}
