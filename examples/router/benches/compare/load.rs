//! The load that goes through a proxy.

use std::{
    future::Future,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::{
    arguments::Arguments,
    backend::Backend,
    client::{Client, Talk},
    column::Load,
    process::Process,
};

const SHORT_ANSWER: usize = 1024;

impl Load {
    /// One measurement: a value for each figure of the column.
    pub async fn run(self, proxy: &Process, backend: &Backend, amount: &Arguments) -> io::Result<Vec<f64>> {
        let short = Talk::new(0, SHORT_ANSWER);
        match self {
            Self::Requests { connections } => {
                let (run, latencies) = exchanges(connections, &short, proxy, amount.time).await?;
                backend.quiet().await;
                let latency = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
                Ok(vec![run.count / run.time, latency(0.5), latency(0.99), run.cpu * 1e9 / run.count])
            }
            Self::Connections { clients } => {
                let run = connections(clients, &short, proxy, backend, amount.time).await?;
                Ok(vec![run.count / run.time, run.cpu * 1e6 / run.count])
            }
            Self::Transfers { connections, up } => {
                let talk = if up { (amount.transfer, SHORT_ANSWER) } else { (0, amount.transfer) };
                let (run, _) = exchanges(connections, &Talk::new(talk.0, talk.1), proxy, amount.time).await?;
                backend.quiet().await;
                let gib = run.count * amount.transfer as f64 / f64::from(1 << 30);
                Ok(vec![gib / run.time, gib / run.cpu])
            }
            Self::Idle => idle(amount.idle, &short, proxy, backend).await,
        }
    }
}

/// The result of a measurement.
struct Run {
    count: f64,
    /// Both in seconds; the CPU time is the proxy's.
    time: f64,
    cpu: f64,
}

/// One exchange after the other in each of several connections, which are open before the
/// measurement begins; and how many nanoseconds each exchange took.
async fn exchanges(
    connections: usize,
    talk: &Arc<Talk>,
    proxy: &Process,
    time: Duration,
) -> io::Result<(Run, Histogram<u64>)> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        let mut client = Client::connect(proxy.address, talk).await?;
        client.exchange().await?;
        clients.push(client);
    }
    let (start, before) = (Instant::now(), proxy.cpu()?);
    let run = together(clients.into_iter().map(|mut client| async move {
        let mut latencies = Vec::new();
        while start.elapsed() < time {
            let asked = Instant::now();
            client.exchange().await?;
            latencies.push(asked.elapsed());
        }
        Ok((client, latencies))
    }));
    let done = run.await?;
    let (time, cpu) = (start.elapsed(), proxy.cpu()? - before);
    let mut latencies = Histogram::new(3).expect("there are histograms of three digits");
    for latency in done.iter().flat_map(|(_, latencies)| latencies) {
        latencies.record(latency.as_nanos() as u64).expect("it grows");
    }
    for (client, _) in done {
        client.close().await?;
    }
    let count = latencies.len() as f64;
    Ok((Run { count, time: time.as_secs_f64(), cpu: cpu.as_secs_f64() }, latencies))
}

/// A connection for each exchange. The measurement ends when all connections have ended.
async fn connections(
    clients: usize,
    talk: &Arc<Talk>,
    proxy: &Process,
    backend: &Backend,
    time: Duration,
) -> io::Result<Run> {
    let (start, before, address) = (Instant::now(), proxy.cpu()?, proxy.address);
    let run = together((0..clients).map(|_| {
        let talk = Arc::clone(talk);
        async move {
            let mut count = 0.0;
            while start.elapsed() < time {
                let mut client = Client::connect(address, &talk).await?;
                client.exchange().await?;
                client.close().await?;
                count += 1.0;
            }
            Ok(count)
        }
    }));
    let count = run.await?.into_iter().sum();
    let time = start.elapsed();
    backend.quiet().await;
    let cpu = proxy.cpu()? - before;
    Ok(Run { count, time: time.as_secs_f64(), cpu: cpu.as_secs_f64() })
}

/// What each of this many idle connections keeps after one exchange.
async fn idle(count: usize, talk: &Arc<Talk>, proxy: &Process, backend: &Backend) -> io::Result<Vec<f64>> {
    let connect = async || {
        let mut client = Client::connect(proxy.address, talk).await?;
        client.exchange().await?;
        io::Result::Ok(client)
    };
    // Warm up, so that one-time allocations are not counted.
    connect().await?.close().await?;
    backend.quiet().await;
    let before = proxy.held()?;
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(connect().await?);
    }
    let after = proxy.held()?;
    drop(clients);
    backend.quiet().await;
    let each = |after: u64, before: u64| (after as f64 - before as f64) / count as f64;
    Ok(vec![
        each(after.bytes, before.bytes),
        each(after.descriptors, before.descriptors),
        each(after.pipes, before.pipes),
    ])
}

async fn together<T, F>(tasks: impl Iterator<Item = F>) -> io::Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let tasks: Vec<_> = tasks.map(tokio::spawn).collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await??);
    }
    Ok(done)
}
