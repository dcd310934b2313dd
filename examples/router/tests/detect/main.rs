//! The matchers of the router, over bytes in any pieces.

mod anything;
mod http1;
mod matcher;
mod proxy_header;
mod resp;
mod ssh;
mod tls;

use std::fmt::Debug;

use futures_handoff_router::detect::Answer;
use matcher::Matcher;

/// `bytes` match at their last byte and not before, whatever follows.
#[track_caller]
fn yes(matcher: Matcher, bytes: impl AsRef<[u8]>, found: impl Debug) {
    settled(matcher, bytes.as_ref(), &Answer::Yes(matcher::text(&found)));
}

/// `bytes` are ruled out at their last byte and not before, whatever follows.
#[track_caller]
fn no(matcher: Matcher, bytes: impl AsRef<[u8]>, reason: &'static str) {
    settled(matcher, bytes.as_ref(), &Answer::No(reason));
}

#[track_caller]
fn settled(matcher: Matcher, bytes: &[u8], answer: &Answer<String>) {
    let before = bytes.escape_ascii();
    assert_eq!(matcher.decide(bytes), Some((bytes.len(), answer.clone())), "{before}");
    for following in [&b"\0"[..], b"\r\n", b"a: b\r\n\r\n"] {
        assert_eq!(&matcher.answer(&[bytes, following].concat()), answer, "{before}, and more");
    }
}

/// After all of `bytes`, more are needed.
#[track_caller]
fn need(matcher: Matcher, bytes: impl AsRef<[u8]>, more: usize) {
    let bytes = bytes.as_ref();
    assert_eq!(matcher.decide(bytes), None, "{}", bytes.escape_ascii());
    assert_eq!(matcher.answer(bytes), Answer::Need(more), "{}", bytes.escape_ascii());
}
