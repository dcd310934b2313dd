//! A routed proxy under random faults, for as long as it takes to see whether anything is lost, hangs or grows.
//!
//! Each worker makes one session after the other: a client that sends lines and then a tunnel through the proxy to two
//! upstreams, and gets answers of the first one. A [`Plan`] is all that is to happen in a session, made of a seed. What
//! arrives is compared byte by byte as it comes: without a fault that loses bytes all of it has to, with one what came
//! has to be the beginning of what was sent, and what the proxy's streams say of it has to add up.

mod flat;
mod gauge;
mod peers;
mod plan;
mod run;
mod session;

pub use flat::{Flat, flat};
pub use gauge::Sample;
pub use plan::{Fault, Plan};
pub use run::{Soak, Soaked, check, soak};
