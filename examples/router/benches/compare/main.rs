//! Compares the router with other TCP proxies: HAProxy, the stream module of nginx, and a loop
//! around `tokio::io::copy_bidirectional`. Each proxy is a process with one thread on the first
//! core; its clients and servers share the second core.
//!
//! ```text
//! cargo bench --package futures-handoff-router --all-features --bench compare -- \
//!     [--rounds N] [--seconds N] [--only COLUMN,..] [--proxies NAME,..] [--report FILE.html]
//! ```
//!
//! All proxies of a column are measured in turns, in reversed order every other round. Every byte
//! is compared with the byte that was sent. `cargo test --benches` only carries a little through
//! each proxy.
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
    println!("compare: it needs /proc of Linux, and is skipped here");
}
