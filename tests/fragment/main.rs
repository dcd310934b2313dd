//! Long messages through short packets: how they are cut, put together and refused, what limits and
//! deadlines do, and how they pass over streams.
//!
//! Packets that are not what the library makes are put together by hand, after the table of the
//! format.
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
