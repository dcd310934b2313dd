//! A steady transfer of encrypted messages over loopback, for a profiler.
//!
//! ```text
//! cargo run --release --example secure_load --features secure,tokio -- --runtime tokio --len 16384 --seconds 10
//! ```
//!
//! One task sends, another one receives, and neither waits for the other. It prints messages and
//! bytes per second; `docs/measuring.md` has the commands of the profilers.

use std::{
    env,
    future::pending,
    io,
    net::SocketAddr,
    process::ExitCode,
    str::FromStr,
    time::{Duration, Instant},
};

use futures_handoff::secure::{self, Config, Noise, Receiver, Sender, Session, StaticKey, Suite};
use futures_handoff_runtimes::{Runtime, for_each};
use futures_util::{AsyncRead, AsyncWrite, future::try_join};

const USAGE: &str =
    "usage: secure_load [--runtime NAME] [--suite chacha|aes] [--len BYTES] [--batch MESSAGES] [--seconds N]";
/// How many messages are sent between two reads of the clock.
const ROUND: usize = 64;

#[derive(Clone)]
struct Load {
    runtime: String,
    suite: Suite,
    /// The length of a message.
    len: usize,
    /// How many messages are sent together.
    batch: usize,
    duration: Duration,
}

struct Received {
    messages: u64,
    elapsed: Duration,
}

fn main() -> ExitCode {
    let load = match Load::parse(env::args().skip(1)) {
        Ok(load) => load,
        Err(error) => {
            eprintln!("secure_load: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    for_each!(R => {
        if R::NAME == load.runtime {
            return match R::block_on(run::<R>(load.clone())) {
                Ok(received) => {
                    let messages = received.messages as f64 / received.elapsed.as_secs_f64();
                    let mib = messages * load.len as f64 / (1024.0 * 1024.0);
                    println!("{messages:.0} messages/s of {} bytes, {mib:.1} MiB/s", load.len);
                    ExitCode::SUCCESS
                }
                Err(error) => {
                    eprintln!("secure_load: {error}");
                    ExitCode::FAILURE
                }
            };
        }
    });
    eprintln!(
        "secure_load: there is no runtime {}; enable the feature `tokio`, `smol` or `async-std`, or use local",
        load.runtime
    );
    ExitCode::from(2)
}

impl Load {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut load = Self {
            runtime: "local".to_owned(),
            suite: Suite::default(),
            len: 16 * 1024,
            batch: 1,
            duration: Duration::from_secs(5),
        };
        while let Some(arg) = args.next() {
            let value = args.next().ok_or_else(|| format!("a value for {arg} is missing"))?;
            match arg.as_str() {
                "--runtime" => load.runtime = value,
                "--suite" if value == "chacha" => load.suite = Suite::ChaCha20Poly1305,
                "--suite" if value == "aes" => load.suite = Suite::Aes256Gcm,
                "--len" => load.len = number(&arg, &value)?,
                "--batch" => load.batch = number::<usize>(&arg, &value)?.max(1),
                "--seconds" => load.duration = Duration::from_secs(number(&arg, &value)?),
                _ => return Err(format!("there is no option {arg} {value}")),
            }
        }
        Ok(load)
    }

    fn config(&self) -> Config {
        let longest = self.len.max(256 * 1024);
        let config = Config::new("secure_load").with_suite(self.suite).with_max_message_len(longest);
        // Room for two batches, so that one is sealed while the other is written.
        let room = 2 * self.batch * (self.len + 32);
        let write = config.write();
        config.with_write(write.with_max_pending_bytes(write.max_pending_bytes().max(room)))
    }
}

fn number<N: FromStr>(option: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("{value} is not a number for {option}"))
}

async fn run<R: Runtime>(load: Load) -> io::Result<Received> {
    let mut listener = R::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let (near, far) = R::tcp_pair(&mut listener).await?;
    let (near, far) = (R::halves(near)?, R::halves(far)?);
    let (asks, answers) = (StaticKey::generate(), StaticKey::generate());
    let config = load.config();
    let connects = Noise::ik(asks, Some(answers.public()));
    let (here, there) = try_join(
        secure::connect(near.0, near.1, connects, &config, pending()),
        secure::accept(far.0, far.1, Noise::ik(answers, None), &config, pending()),
    )
    .await?;
    let Session { sender, mut task, .. } = here;
    let sending = R::task(async move { task.run_until(send(sender, &load)).await });
    let received = receive(there.receiver).await?;
    sending.await?;
    Ok(received)
}

/// Sends until the time is over, then closes.
async fn send<W: AsyncWrite + Unpin>(sender: Sender<W>, load: &Load) -> io::Result<()> {
    let message = vec![0xAB; load.len];
    let batch = vec![&message[..]; load.batch];
    let began = Instant::now();
    while began.elapsed() < load.duration {
        for _ in 0..ROUND.div_ceil(load.batch) {
            if load.batch == 1 {
                sender.send(&message).await?;
            } else {
                sender.send_batch(&batch).await?;
            }
        }
    }
    Ok(sender.close().await?)
}

async fn receive<R: AsyncRead + Unpin>(mut receiver: Receiver<R>) -> io::Result<Received> {
    let mut messages = 0;
    let began = Instant::now();
    while receiver.recv().await?.is_some() {
        messages += 1;
    }
    Ok(Received { messages, elapsed: began.elapsed() })
}
