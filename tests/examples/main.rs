//! The programs of the documentation, run over readers and writers that misbehave.
//!
//! In each program, everything before the end of the input, or before an error, comes out in order
//! and at the right place. Only then is the end or the error reported.

use futures_handoff_runtimes as runtimes;

#[allow(dead_code, reason = "the program has a main function")]
mod answers;
mod guide;
mod lines;
mod prefixes;
mod producers;
#[cfg(feature = "tunnel")]
mod relay;
mod routing;
mod support;
#[cfg(feature = "message")]
mod workers;

/// Includes an example.
macro_rules! example {
    ($name:ident, $path:literal) => {
        #[allow(dead_code, reason = "the example has a main function")]
        #[path = $path]
        mod $name;
    };
}

example!(content_routing, "../../examples/content_routing.rs");
example!(length_prefix, "../../examples/length_prefix.rs");
example!(line_protocol, "../../examples/line_protocol.rs");
#[cfg(feature = "message")]
example!(ordered_workers, "../../examples/ordered_workers.rs");
example!(own_thread, "../../examples/own_thread.rs");
#[cfg(feature = "tunnel")]
example!(tcp_proxy, "../../examples/tcp_proxy.rs");
example!(write_handoff, "../../examples/write_handoff.rs");
