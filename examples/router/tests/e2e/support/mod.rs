//! Shared by the scenarios.

pub(crate) mod client;
pub(crate) mod program;
pub(crate) mod router;
pub(crate) mod servers;
pub(crate) mod tls;

pub(crate) use self::{
    client::{connect, exchange, read_all, write_all},
    program::{DEADLINE, Program, curl, free_port, local, run},
    router::{Mode, Router},
    servers::{Greeter, nginx, serve},
};

/// Generates each scenario for each runtime, and names the programs that it needs.
macro_rules! on_each_runtime {
    ($($(#[$attribute:meta])* fn $name:ident($mode:ident) needs $needs:tt $body:block)*) => { $(
        scenario! { $(#[$attribute])* $name, $mode, $needs, $body,
            tokio: "tokio", false; smol: "smol", false; async_std: "async-std", false }
    )* };
}

/// The same, and again with `splice = true` on each route.
macro_rules! also_spliced {
    ($($(#[$attribute:meta])* fn $name:ident($mode:ident) needs $needs:tt $body:block)*) => { $(
        scenario! { $(#[$attribute])* $name, $mode, $needs, $body,
            tokio: "tokio", false; smol: "smol", false; async_std: "async-std", false;
            tokio_spliced: "tokio", true; smol_spliced: "smol", true; async_std_spliced: "async-std", true }
    )* };
}

macro_rules! scenario {
    ($(#[$attribute:meta])* $name:ident, $mode:ident, $needs:tt, $body:block,
     $($test:ident: $runtime:literal, $splice:literal);*) => {
        $(#[$attribute])*
        mod $name {
            use super::*;

            fn scenario($mode: Mode) $body

            $(
                #[test]
                fn $test() {
                    if crate::support::program::all_installed(&$needs) {
                        scenario(Mode { runtime: $runtime, splice: $splice });
                    }
                }
            )*
        }
    };
}
