//! What is left when the frames are over, as one stream.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use futures_handoff::BufferError;
use futures_util::{AsyncBufRead, AsyncRead};

use super::{case::Case, session::Session};

/// Reads the rest through [`into_reader`](futures_handoff::HandoffBuffer::into_reader) and compares
/// it.
pub(super) fn check(session: Session<'_>, case: &Case<'_>) {
    let Session { buffer, reader, mut ends, mut left, .. } = session;
    let mut reader = buffer.into_reader(reader);
    let mut rooms = case.rooms.iter().copied().cycle();
    let mut context = Context::from_waker(Waker::noop());
    let mut room = [0; 256];
    for _ in 0..case.calls() {
        let read = match rooms.next().unwrap_or(0) {
            0 => match Pin::new(&mut reader).poll_fill_buf(&mut context) {
                Poll::Ready(Ok(bytes)) => {
                    let n = bytes.len();
                    assert!(left.starts_with(bytes), "what is buffered is not the rest");
                    Pin::new(&mut reader).consume(n);
                    Poll::Ready(Ok(n))
                }
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            },
            most => {
                let room = &mut room[..usize::from(most)];
                let read = Pin::new(&mut reader).poll_read(&mut context, room);
                if let Poll::Ready(Ok(n)) = read {
                    assert!(left.starts_with(&room[..n]), "what is read is not the rest");
                }
                read
            }
        };
        match read {
            Poll::Pending => {}
            Poll::Ready(Ok(0)) if ends > 0 => ends -= 1,
            Poll::Ready(Ok(0)) => {
                assert!(left.is_empty(), "{} bytes are lost", left.len());
                return;
            }
            Poll::Ready(Ok(n)) => left = &left[n..],
            Poll::Ready(Err(error)) => {
                let lied = error.get_ref().and_then(|error| error.downcast_ref());
                let told = match lied {
                    Some(BufferError::InvalidReader { reported, given }) => *reported == given + 1,
                    _ => error.kind() == io::ErrorKind::ConnectionReset,
                };
                assert!(told, "an unexpected error: {error}");
            }
        }
    }
    panic!("the rest does not come to an end");
}
