//! Errors name the limit and the given value, keep their cause and convert to a fitting
//! `io::Error`.

use std::{error::Error, io};

use crate::support::*;
use futures_handoff::{BufferError, Delimiter, FrameError, HandoffBuffer, bytes::BytesMut};

fn kind(error: impl Into<io::Error>) -> io::ErrorKind {
    error.into().kind()
}

#[test]
fn read_errors() {
    let mut buffer = holding(4, b"held");
    let mut reader = Script::new([Step::OverReport(3), Step::Error(io::ErrorKind::TimedOut)]);
    let full = finish(buffer.read_available(&mut reader)).unwrap_err();
    assert_eq!(full.to_string(), "5 bytes exceed the read buffer limit of 4 bytes");
    assert!(full.source().is_none());
    assert_eq!(kind(full), io::ErrorKind::InvalidData);
    buffer.advance(2).unwrap();
    let invalid = finish(buffer.read_available(&mut reader)).unwrap_err();
    assert_eq!(invalid.to_string(), "reader reported 5 bytes read into 2 bytes of room");
    assert_eq!(kind(invalid), io::ErrorKind::Other);
    let failed = finish(buffer.read_available(&mut reader)).unwrap_err();
    assert_eq!(failed.to_string(), "reader failed");
    assert_eq!(failed.source().unwrap().to_string(), "timed out");
    assert_eq!(kind(failed), io::ErrorKind::TimedOut);
}

#[test]
fn frame_errors() {
    let mut lines = Delimiter::new("\n");
    let mut next = |buffer: &mut HandoffBuffer, step| {
        finish(buffer.next_frame(&mut Script::new([step]), &mut lines)).unwrap_err()
    };
    let mut buffer = holding(8, b"held");
    let truncated = next(&mut buffer, Step::End);
    assert_eq!(truncated.to_string(), "stream ended inside a frame, with 4 bytes buffered");
    assert_eq!(kind(truncated), io::ErrorKind::UnexpectedEof);
    let failed = next(&mut buffer, Step::Error(io::ErrorKind::TimedOut));
    assert_eq!(
        (failed.to_string(), failed.source().unwrap().to_string()),
        ("reader failed".into(), "timed out".into())
    );
    assert_eq!(kind(failed), io::ErrorKind::TimedOut);
    let invalid = next(&mut buffer, Step::OverReport(1));
    assert_eq!(invalid.to_string(), "reader reported 5 bytes read into 4 bytes of room");
    assert_eq!(kind(invalid), io::ErrorKind::Other);
    let long = next(&mut buffer, Step::data(b"held on"));
    assert_eq!(long.to_string(), "frame of at least 9 bytes exceeds the limit of 8 bytes");
    assert!(long.source().is_none());
    assert_eq!(kind(long), io::ErrorKind::InvalidData);
    let mut none = Delimiter::new("");
    let finder = finish(buffer.next_frame(&mut Script::new([]), &mut none)).unwrap_err();
    assert_eq!(finder.to_string(), "frame finder reported an invalid length of 0 bytes, with 8 buffered");
    assert_eq!(kind(finder), io::ErrorKind::Other);
}

#[test]
fn a_read_error_is_a_frame_error_too() {
    let full = finish(holding(4, b"held").read_available(&mut Script::new([]))).unwrap_err();
    assert!(matches!(FrameError::from(full), FrameError::TooLong { needed: 5, limit: 4 }));
    let io = BufferError::Io(io::ErrorKind::TimedOut.into());
    assert!(matches!(FrameError::from(io), FrameError::Io(_)));
    let lie = finish(buffer(4).read_available(&mut Script::new([Step::OverReport(1)]))).unwrap_err();
    assert!(matches!(
        FrameError::from(lie),
        FrameError::Buffer(BufferError::InvalidReader { reported: 5, given: 4 })
    ));
}

#[test]
fn an_os_code_survives_every_conversion() {
    let refused = || io::Error::from_raw_os_error(13);
    let frame: FrameError = refused().into();
    let through = [
        BufferError::Io(refused()).into(),
        BufferError::from(refused()).into(),
        FrameError::Io(refused()).into(),
        frame.into(),
        FrameError::from(BufferError::Io(refused())).into(),
        FrameError::from(io::Error::from(BufferError::Io(refused()))).into(),
    ];
    for error in through {
        let error: io::Error = error;
        assert_eq!((error.raw_os_error(), error.kind()), (Some(13), refused().kind()));
    }
}

#[test]
fn a_handler_passes_on_all_that_goes_wrong() {
    fn handler(step: usize) -> Result<(), FrameError> {
        let mut buffer = holding(8, b"held");
        match step {
            0 => Err(io::Error::from_raw_os_error(13))?,
            1 => drop(buffer.split_prefix(5)?),
            2 => buffer.parse(|cursor| cursor.advance(6))?,
            _ => drop(finish(buffer.read_available(&mut Script::new([Step::OverReport(1)])))?),
        }
        Ok(())
    }
    assert!(matches!(handler(0), Err(FrameError::Io(error)) if error.raw_os_error() == Some(13)));
    let split = handler(1).unwrap_err();
    assert!(matches!(
        split,
        FrameError::Buffer(BufferError::SplitOutOfBounds { requested: 5, available: 4 })
    ));
    assert_eq!(split.to_string(), "5 bytes requested, but only 4 bytes are buffered");
    assert!(split.source().is_none());
    assert_eq!(kind(split), io::ErrorKind::InvalidInput);
    assert!(matches!(handler(2), Err(FrameError::Buffer(error)) if error.missing() == Some(2)));
    assert!(matches!(handler(3), Err(FrameError::Buffer(BufferError::InvalidReader { .. }))));
}

#[test]
fn the_others() {
    let mut buffer = holding(8, b"held");
    let split = buffer.split_prefix(5).unwrap_err();
    assert_eq!(split.to_string(), "5 bytes requested, but only 4 bytes are buffered");
    assert_eq!(kind(split), io::ErrorKind::InvalidInput);
    let reserve = buffer.reserve_read_capacity(5).unwrap_err();
    assert_eq!(reserve.to_string(), "9 bytes exceed the read buffer limit of 8 bytes");
    assert_eq!(kind(reserve), io::ErrorKind::InvalidData);
    let tail = HandoffBuffer::from_tail(BytesMut::from("held"), config(3)).unwrap_err();
    assert_eq!(tail.to_string(), "tail of 4 bytes exceeds the read buffer limit of 3 bytes");
    assert_eq!(kind(tail), io::ErrorKind::InvalidInput);
}
