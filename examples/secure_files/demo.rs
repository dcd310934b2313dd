//! Both processes on two runtimes, with an attacker between them.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use futures_handoff::secure::StaticKey;

/// A process that makes no progress for this long counts as hung.
const PATIENCE: Duration = Duration::from_secs(30);
/// A file of several records.
const LEN: usize = 300_000;

#[derive(Clone, Copy)]
enum Meddling {
    Nothing,
    /// Sends the first record once more.
    Replay,
    /// Ends the connection between two records.
    Cut,
}

struct Case {
    name: &'static str,
    /// The key of the client, and the key that it expects of the server.
    client: &'static str,
    expected: &'static str,
    meddling: Meddling,
    /// The error that the server must report, if any.
    sentence: Option<&'static str>,
}

const CASES: [Case; 5] = [
    Case {
        name: "nothing amiss",
        client: "client",
        expected: "server",
        meddling: Meddling::Nothing,
        sentence: None,
    },
    Case {
        name: "a client with another key",
        client: "other",
        expected: "server",
        meddling: Meddling::Nothing,
        sentence: Some("the peer was not admitted"),
    },
    Case {
        name: "a client that wants to reach another server",
        client: "client",
        expected: "other",
        meddling: Meddling::Nothing,
        sentence: Some("handshake message 1 failed verification"),
    },
    Case {
        name: "a record that is sent again",
        client: "client",
        expected: "server",
        meddling: Meddling::Replay,
        sentence: Some("a record is not the next one that the peer has sealed"),
    },
    Case {
        name: "a connection that is cut between two records",
        client: "client",
        expected: "server",
        meddling: Meddling::Cut,
        sentence: Some("the connection ended"),
    },
];

/// Runs all cases. Fails if one does not end as expected.
pub(crate) fn run() -> io::Result<()> {
    let place = Place::new()?;
    for name in ["server", "client", "other"] {
        fs::write(place.at(name), key_of(name).to_bytes().as_slice())?;
    }
    let bytes: Vec<u8> = (0..LEN).map(|i| (i % 251) as u8).collect();
    fs::write(place.at("question"), &bytes)?;
    fs::write(place.at("answer"), bytes.iter().rev().copied().collect::<Vec<_>>())?;
    for case in CASES {
        let said = case.run(&place)?;
        println!("{}: {said}", case.name);
    }
    Ok(())
}

/// For the demonstration only: published keys are not secret.
fn key_of(name: &str) -> StaticKey {
    let mut bytes = [0xA5; 32];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    StaticKey::from_bytes(bytes)
}

impl Case {
    fn run(&self, place: &Place) -> io::Result<String> {
        let (by_server, by_client) = (place.at("by_server"), place.at("by_client"));
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server =
            Process::start(place, "serve", "tokio", "server", "client", &by_server, any_port, "answer")?;
        let address = server.address()?;
        let meddler = TcpListener::bind(any_port)?;
        let between = meddler.local_addr()?;
        let meddling = self.meddling;
        let proxy = thread::spawn(move || meddle(&meddler, address, meddling));
        let client = Process::start(
            place,
            "send",
            "smol",
            self.client,
            self.expected,
            &by_client,
            between,
            "question",
        )?;
        let (client_status, client_said) = client.end()?;
        let (server_status, server_said) = server.end()?;
        proxy.join().expect("the proxy does not panic")?;

        let arrived = by_server.join("question");
        let whole = arrived.exists() && by_client.join("answer").exists();
        let right = match self.sentence {
            None => {
                whole
                    && server_status.success()
                    && client_status.success()
                    && fs::read(&arrived)? == fs::read(place.at("question"))?
                    && fs::read(by_client.join("answer"))? == fs::read(place.at("answer"))?
            }
            // The client also knows that the server has not received everything, and no part of the
            // file is left.
            Some(sentence) => {
                !server_status.success()
                    && !client_status.success()
                    && server_said.contains(sentence)
                    && is_empty(&by_server)
            }
        };
        if !right {
            return Err(io::Error::other(format!(
                "{}: the server ended with {server_status} and said `{server_said}`, the client with \
                 {client_status} and `{client_said}`",
                self.name
            )));
        }
        place.empty()?;
        Ok(match self.sentence {
            None => format!("{LEN} bytes went each way"),
            Some(_) => format!("the server says `{server_said}`"),
        })
    }
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none())
}

/// Passes a connection of the client on to the server, in both directions.
fn meddle(listener: &TcpListener, server: SocketAddr, meddling: Meddling) -> io::Result<()> {
    let mut client = listener.accept()?.0;
    let mut server = TcpStream::connect(server)?;
    for connection in [&client, &server] {
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
    }
    let back = pass_on(server.try_clone()?, client.try_clone()?);
    // An error here means that one of them has ended, which is expected.
    let _ = forward(&mut client, &mut server, meddling);
    let _ = server.shutdown(Shutdown::Write);
    back.join().expect("passing on does not panic");
    let _ = client.shutdown(Shutdown::Both);
    Ok(())
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) -> JoinHandle<()> {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    })
}

fn forward(client: &mut TcpStream, server: &mut TcpStream, meddling: Meddling) -> io::Result<()> {
    if !matches!(meddling, Meddling::Nothing) {
        // The handshake message, after its length.
        let mut message = vec![0; 2];
        client.read_exact(&mut message)?;
        let len = u16::from_be_bytes([message[0], message[1]]);
        message.resize(2 + usize::from(len), 0);
        client.read_exact(&mut message[2..])?;
        server.write_all(&message)?;
        let first = record(client)?;
        server.write_all(&first)?;
        match meddling {
            Meddling::Replay => server.write_all(&first)?,
            _ => return server.write_all(&record(client)?),
        }
    }
    io::copy(client, server).map(drop)
}

/// An encrypted record; only its kind and its length can be read.
fn record(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut record = vec![0; 4];
    from.read_exact(&mut record)?;
    let len = u32::from_be_bytes([0, record[1], record[2], record[3]]);
    record.resize(4 + len as usize + 16, 0);
    from.read_exact(&mut record[4..])?;
    Ok(record)
}

/// One of the two processes, killed on drop.
struct Process(Child);

impl Process {
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the process")]
    fn start(
        place: &Place,
        command: &str,
        runtime: &str,
        key: &str,
        peer: &str,
        into: &Path,
        address: SocketAddr,
        file: &str,
    ) -> io::Result<Self> {
        let child = Command::new(env::current_exe()?)
            .args([command, "--once", "--runtime", runtime, "--peer", &key_of(peer).public().to_string()])
            .args([Path::new("--key"), &place.at(key), Path::new("--into"), into])
            .arg(address.to_string())
            .arg(place.at(file))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Self(child))
    }

    /// Where the server listens.
    fn address(&mut self) -> io::Result<SocketAddr> {
        let mut line = String::new();
        let stdout = self.0.stdout.as_mut().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening at ").and_then(|address| address.parse().ok());
        address.ok_or_else(|| io::Error::other("the server did not print its address"))
    }

    /// Waits for its end. Returns what it reported.
    fn end(mut self) -> io::Result<(ExitStatus, String)> {
        let mut said = String::new();
        self.0.stderr.as_mut().expect("it is piped").read_to_string(&mut said)?;
        Ok((self.0.wait()?, said.trim().trim_start_matches("secure_files: ").to_owned()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory for the files of the demonstration.
struct Place(PathBuf);

impl Place {
    fn new() -> io::Result<Self> {
        let path = env::temp_dir().join(format!("secure_files-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Deletes what was received.
    fn empty(&self) -> io::Result<()> {
        for name in ["by_server", "by_client"] {
            match fs::remove_dir_all(self.at(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
