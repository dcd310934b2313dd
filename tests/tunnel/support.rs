//! Scripted sides of a tunnel, and what each side sees.

pub(crate) use std::{
    cell::{Cell, RefCell},
    future::Future,
    io::{self, ErrorKind},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

pub(crate) use futures_handoff::{
    bytes::Bytes,
    tunnel::{End, Forward, Halves, Report, Transfer, Tunnel},
};
pub(crate) use futures_handoff_runtimes::{
    self as runtimes,
    io::{Call, EndStep, Gate, ReadStep, ScriptReader, ScriptWriter, WriteLog, WriteStep},
};
pub(crate) use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, FutureExt};

pub(crate) use crate::write_parts::Hand;

/// One side: what it sends, and what it does with the bytes that it gets.
pub(crate) type Side = Halves<ScriptReader, ScriptWriter>;

pub(crate) fn side(reader: impl IntoIterator<Item = ReadStep>, writer: ScriptWriter) -> (Side, WriteLog) {
    let log = writer.log();
    (Halves::new(ScriptReader::new(reader), writer), log)
}

/// A side that sends nothing and takes everything.
pub(crate) fn silent() -> (Side, WriteLog) {
    side([ReadStep::stuck()], ScriptWriter::willing())
}

/// Bytes that differ from one place to the next.
pub(crate) fn payload(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(len as u64).fill(&mut bytes);
    bytes
}

/// An [`End`] that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Closed,
    Read(ErrorKind),
    Write(ErrorKind),
    Unfinished,
}

pub(crate) fn ended(transfer: &Transfer) -> Ended {
    match &transfer.end {
        End::Closed => Ended::Closed,
        End::Read(error) => Ended::Read(error.kind()),
        End::Write(error) => Ended::Write(error.kind()),
        End::Unfinished => Ended::Unfinished,
        other => panic!("{other:?}"),
    }
}

/// The bytes carried from the near side to the far one and back, and the ends.
pub(crate) type Outcome = ((u64, Ended), (u64, Ended));

/// Runs a tunnel of which `near` is the first side or, where it is mirrored, the second one.
pub(crate) fn outcome(near: Side, far: Side, mirrored: bool) -> Hand<Pin<Box<dyn Future<Output = Outcome>>>> {
    Hand::new(Box::pin(async move {
        let (a, b) = if mirrored { (far, near) } else { (near, far) };
        let mut tunnel = Tunnel::new(a, b);
        let report = tunnel.run().await;
        assert!(!report.idle);
        assert_eq!(tunnel.bytes(), (report.a_to_b.bytes, report.b_to_a.bytes));
        let [to_b, to_a] = [report.a_to_b, report.b_to_a].map(|transfer| (transfer.bytes, ended(&transfer)));
        if mirrored { (to_a, to_b) } else { (to_b, to_a) }
    }))
}
