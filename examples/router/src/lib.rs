//! A proxy that routes connections by their first bytes.
//!
//! [`detect`] is usable apart, without any feature: each matcher is a function over the bytes that
//! have arrived. The rest is the program, whose [`main`](command::main) goes through these:
//!
//! | module | what is there |
//! |---|---|
//! | [`command`] | the arguments, and the runtime to be used |
//! | [`config`] | the file, checked whole |
//! | [`server`], [`state`] | from its start to its end: reloading, draining |
//! | [`accept`], [`listener`] | accepting, within a limit |
//! | [`connection`] | one connection, from its first byte to its end |
//! | [`rule`] | which route takes it |
//! | [`upstream`] | groups of servers |
//! | [`tls`], [`announce`], [`splice`], [`reset`] | what a connection may need besides |
//! | [`record`], [`reason`], [`metrics`], [`admin`] | what is told about it |
//! | [`net`] | what is asked of a runtime |

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
