//! Long messages in short packets: how they are cut, reassembled and refused, limits and deadlines,
//! and packets over streams.
//!
//! Packets that the library does not make are built by hand, from the table of the format.
#![expect(clippy::single_range_in_vec_init, reason = "what is missing is a list of ranges")]

mod cutting;
mod deadlines;
mod delivery;
mod framed;
mod limits;
mod model;
mod opening;
mod pacer;
mod random;
mod refusals;
mod remembering;
mod repair;
mod support;
