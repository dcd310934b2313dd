//! A proxy that routes connections by their first bytes.
//!
//! [`detect`] is usable apart: each matcher is a function over the bytes that have arrived.

pub mod detect;
