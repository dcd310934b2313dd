//! The command line.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use futures_handoff::fragment::Limits;

use crate::{faults::Faults, sender::Pace};

pub(crate) const USAGE: &str = "usage: fragments_udp receive --runtime NAME [OPTION..] ADDRESS
       fragments_udp send --runtime NAME [--peer PUBLIC-KEY] [--messages NUMBER] [--length BYTES]
           [--rate BYTES-A-SECOND] [OPTION..] ADDRESS
       fragments_udp demo

options of both sides:
       --packet BYTES       the longest packets (1200)
       --deadline SECONDS   how long to try, or to wait for the other side (30)
       --loss CHANCE        packets of this side that are lost, from 0 to 1 (0)
       --reorder CHANCE     packets of this side that are overtaken by others (0)
       --duplicate CHANCE   packets of this side that arrive twice (0)
       --lose-first NUMBER  packets of this side that are lost before any arrives (0)
       --seed NUMBER        of the choice of these packets (0)";

pub(crate) enum Command {
    Receive(Options),
    Send(Options),
    Demo,
}

pub(crate) struct Options {
    pub(crate) runtime: String,
    pub(crate) address: SocketAddr,
    pub(crate) peer: Option<String>,
    pub(crate) messages: usize,
    /// The length of each message, in bytes.
    pub(crate) length: usize,
    pub(crate) pace: Pace,
    pub(crate) faults: Faults,
}

impl Command {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        match args.next().as_deref() {
            Some("receive") => Options::parse(args).map(Self::Receive),
            Some("send") => Options::parse(args).map(Self::Send),
            Some("demo") | None => Ok(Self::Demo),
            Some(other) => Err(format!("there is no command {other}")),
        }
    }
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut runtime, mut address, mut peer, mut messages, mut length) = (None, None, None, 4, 1_000_000);
        let mut pace = Pace { packet_len: 1_200, rate: 20_000_000, deadline: Duration::from_secs(30) };
        let mut faults = Faults::default();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("a value for {arg} is missing"));
            match arg.as_str() {
                // `async-std` is a feature, and `async_std` a name in results.
                "--runtime" => runtime = Some(value()?.replace('-', "_")),
                "--peer" => peer = Some(value()?),
                "--messages" => messages = parsed(&arg, &value()?)?,
                "--length" => length = parsed(&arg, &value()?)?,
                "--rate" => pace.rate = parsed(&arg, &value()?)?,
                "--packet" => pace.packet_len = parsed(&arg, &value()?)?,
                "--deadline" => pace.deadline = Duration::from_secs(parsed::<u32>(&arg, &value()?)?.into()),
                "--loss" => faults.loss = chance(&arg, &value()?)?,
                "--reorder" => faults.reorder = chance(&arg, &value()?)?,
                "--duplicate" => faults.duplicate = chance(&arg, &value()?)?,
                "--lose-first" => faults.lose_first = parsed(&arg, &value()?)?,
                "--seed" => faults.seed = parsed(&arg, &value()?)?,
                flag if flag.starts_with("--") => return Err(format!("there is no option {flag}")),
                plain => address = Some(parsed("an address such as 127.0.0.1:7000", plain)?),
            }
        }
        // The longest message that a receiver with default limits accepts.
        let longest = Limits::default().max_message_len();
        if !(1..=longest).contains(&length) {
            return Err(format!("--length is {length} bytes, and may be 1 to {longest} bytes"));
        }
        if pace.rate == 0 {
            return Err("--rate is 0 bytes a second, and must be at least 1".to_owned());
        }
        Ok(Self {
            runtime: runtime.ok_or("--runtime is missing")?,
            address: address.ok_or("an address such as 127.0.0.1:7000 is missing")?,
            peer,
            messages,
            length,
            pace,
            faults,
        })
    }
}

fn parsed<T: FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name}: {value} is not valid"))
}

fn chance(name: &str, value: &str) -> Result<f64, String> {
    let chance = parsed(name, value)?;
    // With 1 no packet would ever arrive, or be sent.
    if (0.0..1.0).contains(&chance) {
        Ok(chance)
    } else {
        Err(format!("{name} is {chance}, and must be from 0 to less than 1"))
    }
}
