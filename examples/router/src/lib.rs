//! A proxy that routes connections by their first bytes.
//!
//! [`detect`] can be used by itself, without any feature: each matcher is a function over the bytes
//! that have arrived. The rest is the program, whose entry is [`command::main`]:
//!
//! | module | what is there |
//! |---|---|
//! | [`command`] | the arguments, and the runtime to be used |
//! | [`config`] | the configuration file, checked as a whole |
//! | [`server`], [`state`] | start, reload, drain and end |
//! | [`accept`], [`listener`] | accepting, within a limit |
//! | [`connection`] | one connection, from its first byte to its end |
//! | [`rule`] | which route takes it |
//! | [`upstream`] | groups of servers |
//! | [`tls`], [`announce`], [`splice`], [`reset`] | parts that only some connections need |
//! | [`record`], [`reason`], [`metrics`], [`admin`] | log and counters |
//! | [`net`] | the interface to the runtimes |

pub mod detect;

macro_rules! program {
    ($($module:ident)*) => {
        $(
            #[cfg(all(feature = "program", unix))]
            #[allow(missing_docs)]
            pub mod $module;
        )*
    };
}

program!(accept admin announce command config connection listener metrics net reason record reset rule server signals state tls upstream);

#[cfg(all(feature = "program", target_os = "linux"))]
pub mod splice;
