//! What the fuzz targets check. Each target is a call of one of these.
#![forbid(unsafe_code)]

pub mod frames;
pub mod schedule;
