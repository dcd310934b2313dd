//! Which protocol a connection speaks, from its first bytes.
//!
//! Each matcher is a pure function over what [`HandoffBuffer::peek`] shows: it takes nothing out,
//! so that several can look at the same bytes, and what it has seen can be passed on as it came.
//! A matcher never says [`No`](Answer::No) because bytes are missing, and never says
//! [`Yes`](Answer::Yes) on a guess: however the bytes were split on their way, the answer in the
//! end is the same. An answer other than [`Need`](Answer::Need) does not change with more bytes.
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
