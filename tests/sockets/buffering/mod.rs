//! Writers that buffer, over sockets, on every runtime: their bytes arrive although nothing
//! requests a flush.

mod copy;
mod gzip;
mod plain;
mod support;
mod tls;
mod tls_ends;
mod tls_support;
#[cfg(feature = "tunnel")]
mod tunnel;
