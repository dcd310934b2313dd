//! The read half: what a buffer holds, how it is read into, and how frames leave it.

mod blocks;
mod buffer;
mod coop;
mod errors;
mod frame_costs;
mod frames;
mod parse;
mod pool;
mod quiet;
mod read_size;
mod reader;
mod reads;
mod search;
mod skip;
mod support;
mod surface;
