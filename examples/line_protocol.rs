//! A line protocol whose lines arrive in pieces.
//!
//! What to learn:
//! - `next_frame` returns whole lines in whatever pieces they arrive, and searches each byte once;
//! - a frame is owned: it outlives the buffer, and parts of it are slices of the same memory;
//! - the end of the stream, a line that was cut off and a line that is too long are three different
//!   results.
//!
//! Run it with `cargo run --example line_protocol`.

use std::{collections::BTreeMap, io};

use futures_executor::block_on;
use futures_handoff::{Delimiter, FrameError, HandoffBuffer, bytes::Bytes};
use futures_util::{AsyncRead, StreamExt, TryStreamExt, stream};

/// The longest line that a client may send, its end included.
const LINE_MAX: usize = 32;

type Settings = BTreeMap<Bytes, Bytes>;

/// Reads `key=value` lines until the stream ends. After an error, `settings` has the lines before
/// it.
pub(crate) async fn read(
    mut reader: impl AsyncRead + Unpin,
    settings: &mut Settings,
) -> Result<(), FrameError> {
    let mut buffer = HandoffBuffer::new(LINE_MAX);
    let mut lines = Delimiter::new(b"\r\n");
    while let Some(line) = buffer.next_frame(&mut reader, &mut lines).await? {
        let line = line.slice(..line.len() - 2);
        let at = line.iter().position(|byte| *byte == b'=').unwrap_or(line.len());
        // No copies: both share the memory of the line.
        settings.insert(line.slice(..at), line.slice((at + 1).min(line.len())..));
    }
    Ok(())
}

/// A reader that returns `input` three bytes at a time.
fn in_pieces(input: &'static [u8]) -> impl AsyncRead + Unpin {
    stream::iter(input.chunks(3)).map(io::Result::Ok).into_async_read()
}

fn main() {
    let read = |input| {
        let mut settings = Settings::new();
        let result = block_on(read(in_pieces(input), &mut settings));
        (settings, result)
    };

    let (whole, result) = read(b"host=example.net\r\nport=8080\r\n");
    result.expect("the lines are complete");
    assert_eq!(whole.get(&b"host"[..]).expect("it was set"), "example.net");
    assert_eq!(whole.get(&b"port"[..]).expect("it was set"), "8080");

    let (before, result) = read(b"host=example.net\r\npor");
    let cut_off = result.expect_err("the second line has no end");
    assert!(matches!(cut_off, FrameError::Truncated { buffered: 3 }));
    assert_eq!(before.len(), 1);

    let (_, result) = read(b"name=longer than any line may be, by far\r\n");
    let too_long = result.expect_err("it cannot fit");
    assert!(matches!(too_long, FrameError::TooLong { limit: LINE_MAX, .. }));

    println!("read {} settings; {cut_off}; {too_long}", whole.len());
}
