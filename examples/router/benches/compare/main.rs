//! The router beside other proxies of TCP connections: HAProxy, the stream module of nginx, and a
//! loop around `tokio::io::copy_bidirectional`. Each one is a process with one thread on the first
//! core; what connects to it and what it connects to share the second core.
//!
//! ```text
//! cargo bench --package futures-handoff-router --all-features --bench compare -- \
//!     [--rounds N] [--seconds N] [--only COLUMN,..] [--proxies NAME,..] [--report FILE.html]
//! ```
//!
//! All proxies of a column are measured in turns, in the other order every other round. Every byte
//! is compared with the one that was sent. `cargo test --benches` carries a little through each of
//! them.
#[cfg(target_os = "linux")]
mod arguments;
#[cfg(target_os = "linux")]
mod backend;
#[cfg(target_os = "linux")]
mod client;
#[cfg(target_os = "linux")]
mod column;
#[cfg(target_os = "linux")]
mod config;
#[cfg(target_os = "linux")]
mod copy;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod message;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod results;
#[cfg(target_os = "linux")]
mod rounds;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some(copy::COMMAND) {
        return copy::serve(args);
    }
    match arguments::Arguments::parse().and_then(|arguments| rounds::run(&arguments)) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("compare: {reason}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("compare: it reads what Linux tells about processes, and is left out here");
}
