//! Shared by the fuzz targets: the schedules of `tests/schedules`, cases of frame finders, packets
//! of messages, encrypted sessions, and the matchers of the router.
#![forbid(unsafe_code)]
// The schedules have more uses than these.
#![allow(dead_code)]

#[macro_use]
#[path = "../../tests/schedules/script.rs"]
mod script;
#[path = "../../tests/schedules/read/mod.rs"]
mod read;
#[path = "../../tests/schedules/run.rs"]
mod run;
#[path = "../../tests/schedules/write/mod.rs"]
mod write;

#[path = "../../tests/fragment/model.rs"]
mod model;

#[path = "../../examples/router/tests/detect/matcher.rs"]
mod matcher;

pub mod detect;
pub mod fragment;
pub mod frames;
pub mod schedule;
pub mod secure;
