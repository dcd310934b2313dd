//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use futures_handoff::secure::PublicKey;

use crate::runtime::Runtime;

pub(crate) const USAGE: &str = "usage: secure_files key FILE
       secure_files serve|send --runtime tokio|smol --key FILE --peer PUBLIC-KEY --into DIRECTORY [--once]
           ADDRESS [FILE..]
       secure_files demo";

pub(crate) enum Command {
    Key { file: PathBuf },
    Serve(Options),
    Send(Options),
    Demo,
}

#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) runtime: Runtime,
    /// The file with the secret key of this side.
    pub(crate) key: PathBuf,
    /// The only peer that this side talks to.
    pub(crate) peer: PublicKey,
    /// The directory for the files of the peer.
    pub(crate) into: PathBuf,
    /// End after one connection, with its result as the exit status.
    pub(crate) once: bool,
    pub(crate) address: SocketAddr,
    /// The files to send.
    pub(crate) files: Vec<PathBuf>,
}

impl Command {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        match args.next().as_deref() {
            Some("key") => Ok(Self::Key { file: args.next().ok_or("a file for the key is missing")?.into() }),
            Some("serve") => Options::parse(args).map(Self::Serve),
            Some("send") => Options::parse(args).map(Self::Send),
            Some("demo") | None => Ok(Self::Demo),
            Some(other) => Err(format!("there is no command {other}")),
        }
    }
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut runtime, mut key, mut peer, mut into, mut once) = (None, None, None, None, false);
        let mut plain = Vec::new();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("a value for {arg} is missing"));
            match arg.as_str() {
                "--runtime" => runtime = Some(Runtime::named(&value()?)?),
                "--key" => key = Some(value()?.into()),
                "--peer" => peer = Some(public_key(&value()?)?),
                "--into" => into = Some(value()?.into()),
                "--once" => once = true,
                flag if flag.starts_with("--") => return Err(format!("there is no option {flag}")),
                _ => plain.push(arg),
            }
        }
        let mut plain = plain.into_iter();
        let address = plain.next().ok_or("an address such as 127.0.0.1:7000 is missing")?;
        Ok(Self {
            runtime: runtime.ok_or("--runtime is missing")?,
            key: key.ok_or("--key is missing")?,
            peer: peer.ok_or("--peer is missing")?,
            into: into.ok_or("--into is missing")?,
            once,
            address: address
                .parse()
                .map_err(|_| format!("{address} is not an address such as 127.0.0.1:7000"))?,
            files: plain.map(PathBuf::from).collect(),
        })
    }
}

/// A key from its 64 hexadecimal digits.
fn public_key(digits: &str) -> Result<PublicKey, String> {
    digits.parse().map_err(|error| format!("{digits}: {error}"))
}
