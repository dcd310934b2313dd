//! Both directions between two streams, and a single direction.
//!
//! Most tests poll the tunnel by hand, over scripted streams: a `Hand` polls it once after each
//! wake-up. Tests that could hang run on every runtime, with tasks at the far ends. Real sockets,
//! resets and TLS are in `tests/sockets`.

mod bounds;
mod cancel;
mod carrying;
mod errors;
mod hostile;
mod idle;
mod memory;
mod random;
mod support;
#[allow(dead_code, unused_imports, reason = "the tests of the write half use the rest")]
#[path = "../write/support.rs"]
mod write_parts;
