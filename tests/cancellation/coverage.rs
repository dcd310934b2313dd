//! What is cancelled here is all that can be: the list is compared with the sources.

use std::{collections::BTreeSet, fs, path::Path};

#[cfg(feature = "tokio")]
use super::adapters;
use super::{ending, polls, reading, submitting, waiting};

/// Traits by which something is waited for.
const TRAITS: [&str; 6] = ["Future", "Stream", "Sink", "AsyncRead", "AsyncBufRead", "AsyncWrite"];

/// The name at the beginning of `text`, without what it is generic in.
fn name(text: &str) -> &str {
    let end = text.find(|char: char| !char.is_alphanumeric() && char != '_');
    &text[..end.unwrap_or(text.len())]
}

/// What follows the `<..>` at the beginning of `text`, if it begins with one.
fn without_generics(text: &str) -> &str {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, char) in text.char_indices() {
        match char {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return if at == 0 { text } else { &text[at + 1..] };
        }
        before = char;
    }
    text
}

/// What a line of code makes that can be waited for: `Future for Type`, `async fn name` or `fn poll_name`.
fn awaitable(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(rest) = line.strip_prefix("impl") {
        let (left, right) = without_generics(rest).split_once(" for ")?;
        let left = name(left.trim_start());
        return TRAITS.contains(&left).then(|| format!("{left} for {}", name(right)));
    }
    let function = line.strip_prefix("pub ")?;
    if let Some(rest) = function.strip_prefix("async fn ") {
        return Some(format!("async fn {}", name(rest)));
    }
    let rest = function.strip_prefix("fn ")?;
    rest.starts_with("poll_").then(|| format!("fn {}", name(rest)))
}

fn collect(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else {
            into.extend(fs::read_to_string(&path).unwrap().lines().filter_map(awaitable));
        }
    }
}

#[test]
fn every_future_of_the_crate_is_cancelled() {
    let mut there = BTreeSet::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut there);
    let lists = [
        submitting::COVERED,
        waiting::COVERED,
        ending::COVERED,
        polls::COVERED,
        reading::COVERED,
        #[cfg(feature = "tokio")]
        adapters::COVERED,
    ];
    // Sources of a feature that is off are still sources.
    there.retain(|name| cfg!(feature = "tokio") || !name.ends_with("TokioIo"));
    let covered: BTreeSet<_> = lists.concat().into_iter().map(str::to_owned).collect();
    assert!(there.len() > 25, "only {there:?} were found");
    assert_eq!(there, covered, "on the left what there is, on the right what is cancelled");
}

#[test]
fn a_new_future_would_be_seen() {
    let seen = |line| awaitable(line);
    assert_eq!(seen("impl<P: Port> Future for Write<'_, P> {").unwrap(), "Future for Write");
    assert_eq!(seen("impl<R, F> Stream for Frames<'_, R, F>").unwrap(), "Stream for Frames");
    assert_eq!(seen("impl<W: AsyncWrite + Unpin> Sink<Bytes> for Handle<W> {").unwrap(), "Sink for Handle");
    assert_eq!(seen("    pub async fn wait(self) {").unwrap(), "async fn wait");
    assert_eq!(seen("    pub fn poll_close(&mut self) {").unwrap(), "fn poll_close");
    assert_eq!(seen("impl<F: Future> Executor<F> for Handle"), None);
    assert_eq!(seen("    fn poll_next(self) {"), None);
}
