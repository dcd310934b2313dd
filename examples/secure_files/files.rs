//! Files as messages: one message with the length and the name of a file, then its bytes in as many
//! messages as needed. An empty message follows the last file. A receipt is the last message of
//! each side.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use futures_handoff::secure::{Receiver, Sender, Session};
use futures_util::future::try_join;

use crate::runtime::Reader;

/// A message of this length fits in one record.
const PIECE: usize = 32 * 1024;
const RECEIPT: &[u8] = b"all received";

/// Sends `files` and receives those of the peer at the same time. Returns the names of the received
/// files.
pub(crate) async fn exchange(
    session: Session<Reader>,
    files: &[PathBuf],
    into: &Path,
) -> io::Result<Vec<String>> {
    let Session { sender, mut receiver, mut task, .. } = session;
    let exchanged = async {
        let (_, received) = try_join(send_files(&sender, files), receive_files(&mut receiver, into)).await?;
        // The peer waits for this: without a receipt it cannot know whether the last bytes arrived.
        sender.send(RECEIPT).await?;
        sender.close().await?;
        if receiver.recv().await?.is_none_or(|message| message != RECEIPT) {
            return Err(breach("the peer has sent no receipt"));
        }
        match receiver.recv().await? {
            None => Ok(received),
            Some(_) => Err(breach("there is a message after the receipt")),
        }
    };
    // The writer task runs inside this task. It could also be spawned.
    task.run_until(exchanged).await
}

async fn send_files(sender: &Sender, files: &[PathBuf]) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    for path in files {
        let name = path.file_name().and_then(OsStr::to_str).ok_or_else(|| breach("a file needs a name"))?;
        // Blocks, as files do. With many connections, read on a thread pool for blocking work.
        let mut file = File::open(path).map_err(at(path))?;
        let mut left = file.metadata()?.len();
        sender.send(&[&left.to_be_bytes()[..], name.as_bytes()].concat()).await?;
        while left > 0 {
            let n = file.read(&mut piece[..usize::try_from(left).map_or(PIECE, |left| left.min(PIECE))])?;
            if n == 0 {
                return Err(breach("a file became shorter while it was sent"));
            }
            // Sealed directly from this slice, once there is room for it.
            sender.send(&piece[..n]).await?;
            left -= n as u64;
        }
    }
    sender.send(b"").await?;
    Ok(())
}

async fn receive_files(receiver: &mut Receiver<Reader>, into: &Path) -> io::Result<Vec<String>> {
    fs::create_dir_all(into)?;
    let mut names = Vec::new();
    loop {
        let message = receiver.recv().await?.ok_or_else(early)?;
        if message.is_empty() {
            return Ok(names);
        }
        let (left, name) =
            message.split_first_chunk().ok_or_else(|| breach("a file has neither length nor name"))?;
        let (mut left, name) = (u64::from_be_bytes(*left), file_name(name)?);
        let mut file = Incoming::new(into, &name)?;
        while left > 0 {
            let piece = receiver.recv().await?.ok_or_else(early)?;
            left = left
                .checked_sub(piece.len() as u64)
                .filter(|_| !piece.is_empty())
                .ok_or_else(|| breach("a file is not as long as announced"))?;
            file.file.write_all(&piece)?;
        }
        file.keep(&into.join(&name))?;
        names.push(name);
    }
}

/// The peer is authenticated, but must not choose where files go.
fn file_name(name: &[u8]) -> io::Result<String> {
    let name = std::str::from_utf8(name).map_err(|_| breach("a name is not UTF-8"))?;
    if name.contains('\\') || Path::new(name).file_name() != Some(OsStr::new(name)) {
        return Err(breach("a name contains a path"));
    }
    Ok(name.to_owned())
}

/// An incomplete file. It is deleted on drop.
struct Incoming {
    file: File,
    part: PathBuf,
}

impl Incoming {
    fn new(into: &Path, name: &str) -> io::Result<Self> {
        let part = into.join(format!("{name}.part"));
        // Another connection may be receiving a file of that name.
        Ok(Self { file: File::create_new(&part).map_err(at(&part))?, part })
    }

    fn keep(self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.part, path)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Already renamed if the file was kept.
        let _ = fs::remove_file(&self.part);
    }
}

/// Adds the name of the file to an error.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn breach(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn early() -> io::Error {
    breach("the peer has closed before it had sent all its files")
}
