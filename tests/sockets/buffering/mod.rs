//! Writers that buffer, over sockets, on every runtime: what they take arrives without anybody
//! asking for a flush.

mod copy;
mod gzip;
mod plain;
mod support;
mod tls;
mod tls_ends;
mod tls_support;
#[cfg(feature = "tunnel")]
mod tunnel;
