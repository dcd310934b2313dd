//! What differs between runtimes: executors, their streams and sockets; and which types may cross
//! threads.

mod auto_traits;
mod executor;
#[cfg(feature = "tunnel")]
mod proxy;
mod tcp;
#[cfg(feature = "tokio")]
mod tokio_io;
