//! A writer and a reader that are pending once at each call, and take or give a few bytes at a
//! time.

use std::{
    io::{self, IoSlice},
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use futures_handoff_runtimes::cancel::at_every_poll;
use futures_util::{AsyncRead, AsyncWrite, AsyncWriteExt};

/// The most that a call takes or gives.
const SHORT: usize = 3;

/// The record of a slow stream. For a reader, `taken` is what it has left.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) taken: Vec<u8>,
    /// How many bytes had been taken at the last flush.
    pub(crate) flushed: usize,
    pub(crate) closes: usize,
    blocked: bool,
    ready: bool,
    waker: Option<Waker>,
}

/// Clones are the same stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slow(Arc<Mutex<Record>>);

impl Slow {
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap()
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<MutexGuard<'_, Record>> {
        let mut record = self.record();
        record.blocked = !mem::take(&mut record.ready);
        if record.blocked {
            record.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(record)
    }

    /// Becomes ready for one call, if it was pending.
    pub(crate) fn unblock(&self) -> bool {
        let mut record = self.record();
        let was_blocked = mem::take(&mut record.blocked);
        record.ready |= was_blocked;
        let waker = record.waker.take();
        drop(record);
        waker.into_iter().for_each(Waker::wake);
        was_blocked
    }
}

impl AsyncWrite for Slow {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx).map(|mut record| {
            let before = record.taken.len();
            record.taken.extend(bufs.iter().flat_map(|buf| buf.iter()).take(SHORT));
            Ok(record.taken.len() - before)
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx).map(|mut record| {
            record.flushed = record.taken.len();
            Ok(())
        })
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx).map(|mut record| {
            record.closes += 1;
            Ok(())
        })
    }
}

/// Clones are the same reader.
#[derive(Debug, Clone)]
pub(crate) struct SlowReader(Slow);

impl SlowReader {
    pub(crate) fn new(content: &[u8]) -> Self {
        let record = Record { taken: content.to_vec(), ..Record::default() };
        Self(Slow(Arc::new(Mutex::new(record))))
    }

    pub(crate) fn unblock(&self) -> bool {
        self.0.unblock()
    }

    /// The bytes that it has left.
    pub(crate) fn left(&self) -> Vec<u8> {
        self.0.record().taken.clone()
    }
}

impl AsyncRead for SlowReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll(cx).map(|mut record| {
            let n = room.len().min(SHORT).min(record.taken.len());
            room[..n].copy_from_slice(&record.taken[..n]);
            record.taken.drain(..n);
            Ok(n)
        })
    }
}

/// Runs writes, a flush and a close through an adapter in front of a slow writer that buffers
/// nothing.
pub(crate) fn writes_through<W: AsyncWrite + Unpin>(through: impl Fn(Slow) -> W) {
    let content = b"neither lost nor there twice";
    let most = at_every_poll(|cut| {
        let slow = Slow::default();
        let mut writer = through(slow.clone());
        let write = async {
            writer.write_all(content).await.unwrap();
            writer.flush().await.unwrap();
            writer.close().await.unwrap();
        };
        let done = cut.run(write, || slow.unblock()).is_some();
        let record = slow.record();
        assert!(content.starts_with(&record.taken), "not what was written");
        assert_eq!(done, record.closes == 1);
        assert!(record.closes == 0 || record.flushed == content.len());
    });
    assert!(most > content.len() / 3);
}
