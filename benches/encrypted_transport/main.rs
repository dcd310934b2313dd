//! Encrypted messages over one long-lived TCP connection, from one end to the other. Named
//! `encrypted_transport.shape.implementation_cipher/runtime/size`; an iteration is 256 messages.
//!
//! Every message is compared with the one that was sent. `cargo encrypted-transport` also measures
//! commonware-stream, and gives rustls the ciphers of aws-lc-rs. `-- compare` measures in turns and
//! prints ratios. `cargo test --benches` runs each benchmark once.
#![allow(unreachable_pub, reason = "its modules are those of one program")]

#[cfg(feature = "commonware")]
mod commonware;
mod compare;
mod exchange;
mod handoff;
mod noise;
mod rows;
mod tls;

use std::{env, net::Ipv4Addr, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput};
use futures_handoff_runtimes::Runtime;

use exchange::Work;
use rows::Row;

/// Both ends of a connection over the loopback interface.
async fn tcp_pair<R: Runtime>() -> (R::Tcp, R::Tcp) {
    let mut listener = R::bind((Ipv4Addr::LOCALHOST, 0).into()).await.expect("there is a free port");
    R::tcp_pair(&mut listener).await.expect("the listener is there")
}

fn main() {
    let mut args = env::args().skip(1).peekable();
    if args.next_if_eq("compare").is_some() {
        return compare::run(args);
    }
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let rows = Row::all();
    for work in Work::all() {
        for row in &rows {
            let mut group = criterion.benchmark_group(format!("encrypted_transport.{}.{row}", work.shape));
            group.throughput(Throughput::Bytes(work.bytes()));
            group.bench_function(BenchmarkId::new(row.runtime, work.size), |bencher| {
                bencher.iter_custom(|iterations| row.run(work, iterations).time);
            });
            group.finish();
        }
    }
    criterion.final_summary();
}
