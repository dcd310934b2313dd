//! Round trips: what is counted of them, what is found out, and what the command leaves behind.

mod command;
#[path = "../harness_binary/mod.rs"]
mod harness_binary;
mod trips;
