//! Two processes exchange files over encrypted TCP, each on its own runtime.
//!
//! ```text
//! cargo run --example secure_files --features secure,smol,tokio -- key server.key        # prints the public half
//! cargo run --example secure_files --features secure,smol,tokio -- key client.key
//! cargo run --example secure_files --features secure,smol,tokio -- serve --runtime tokio --key server.key \
//!     --peer <public key of the client> --into received-by-server 127.0.0.1:7000 Cargo.toml
//! cargo run --example secure_files --features secure,smol,tokio -- send --runtime smol --key client.key \
//!     --peer <public key of the server> --into received-by-client 127.0.0.1:7000 README.md
//! ```
//!
//! What to learn:
//! - the key of a peer is its identity: the client names the server that it wants to reach, and the
//!   server the client that it admits;
//! - the handshake has a deadline, which is a timer of the runtime;
//! - a close says that the peer has sent everything. Only the peer can say that it has received
//!   everything: here it sends a receipt;
//! - a file appears under its name only when it is complete.
//!
//! `demo` (also without arguments) runs the two processes on two runtimes, with a proxy between
//! them that replays a record or cuts the connection, and with wrong keys. It exits with status 0
//! if each of these fails as expected.

mod demo;
mod files;
mod options;
mod runtime;

use std::{env, fs, io, path::Path, process::ExitCode, time::Duration};

use futures_handoff::secure::{self, Config, Noise, StaticKey};

use crate::{
    files::{at, exchange},
    options::{Command, Options},
    runtime::Connection,
};

/// How long a peer may take for the handshake, and how long the server waits after a failed
/// `accept`.
const HANDSHAKE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let done = match Command::parse(env::args().skip(1)) {
        Ok(Command::Key { file }) => make_key(&file),
        Ok(Command::Serve(options)) => options.runtime.run(serve(options)),
        Ok(Command::Send(options)) => options.runtime.run(send(&options)),
        Ok(Command::Demo) => demo::run(),
        Err(error) => {
            eprintln!("secure_files: {error}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("secure_files: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Both sides need the same namespace: with another one the handshake fails.
fn config() -> Config {
    Config::new("futures-handoff/examples/secure_files/1")
}

async fn serve(options: Options) -> io::Result<()> {
    let listener = options.runtime.bind(options.address).await?;
    println!("listening at {}", listener.local_addr()?);
    loop {
        let connection = match listener.accept().await {
            Ok(connection) => connection,
            // The process may be out of descriptors for a while.
            Err(error) => {
                eprintln!("no connection accepted, trying again after {PAUSE:?}: {error}");
                options.runtime.sleep(PAUSE).await;
                continue;
            }
        };
        if options.once {
            return answer(connection, &options).await;
        }
        let serving = options.clone();
        options.runtime.spawn(async move {
            if let Err(error) = answer(connection, &serving).await {
                eprintln!("a connection failed: {error}");
            }
        });
    }
}

/// The server's side of a connection.
async fn answer((reader, writer): Connection, options: &Options) -> io::Result<()> {
    let expected = options.peer;
    let handshake =
        Noise::ik(read_key(&options.key)?, None).admit(move |peer| async move { peer == expected });
    let deadline = options.runtime.sleep(HANDSHAKE);
    let session = secure::accept(reader, writer, handshake, &config(), deadline).await?;
    report(&exchange(session, &options.files, &options.into).await?);
    Ok(())
}

/// The client's side.
async fn send(options: &Options) -> io::Result<()> {
    let (reader, writer) = options.runtime.connect(options.address).await?;
    let handshake = Noise::ik(read_key(&options.key)?, Some(options.peer));
    let deadline = options.runtime.sleep(HANDSHAKE);
    let session = secure::connect(reader, writer, handshake, &config(), deadline).await?;
    report(&exchange(session, &options.files, &options.into).await?);
    Ok(())
}

fn report(received: &[String]) {
    println!("everything was sent and received; the peer sent: {}", received.join(", "));
}

fn make_key(file: &Path) -> io::Result<()> {
    let key = StaticKey::generate();
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    // Only the owner may read the key.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    io::Write::write_all(&mut options.open(file).map_err(at(file))?, key.to_bytes().as_slice())?;
    println!("{}", key.public());
    Ok(())
}

fn read_key(file: &Path) -> io::Result<StaticKey> {
    let bytes = fs::read(file).map_err(at(file))?.try_into().map_err(|bytes: Vec<u8>| {
        io::Error::other(format!("{} has {} bytes, and a key has 32", file.display(), bytes.len()))
    })?;
    Ok(StaticKey::from_bytes(bytes))
}
