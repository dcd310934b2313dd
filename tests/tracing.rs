//! The events for `tracing`.
#![cfg(feature = "tracing")]

use futures_executor::block_on;
use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_handoff_runtimes::io::{ScriptWriter, WriteStep};
use std::{
    fmt::{Debug, Write},
    io::ErrorKind,
    sync::{Arc, Mutex},
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Writes each event as a line, and then panics if the test says so.
struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    panics: bool,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        write!(self.0, " {field}={value}").unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("futures_handoff")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.lines.lock().unwrap().push(line.0);
        assert!(!self.panics, "a subscriber may panic");
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn told(panics: bool, end: impl FnOnce()) -> Vec<String> {
    let lines = Arc::default();
    tracing::subscriber::with_default(Lines { lines: Arc::clone(&lines), panics }, end);
    let lines = lines.lock().unwrap();
    lines.clone()
}

#[test]
fn an_end_is_told_once_with_its_reason() {
    let closes = || {
        let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
        handoff.try_write_fire_and_forget(Bytes::from_static(b"abc")).unwrap();
        drop(handoff);
        block_on(task).unwrap();
    };
    assert_eq!(told(false, closes), ["DEBUG message=write handoff closed accepted=3 written=3 flushed=3"]);

    let fails = || {
        let broken = ScriptWriter::new([WriteStep::Error(ErrorKind::BrokenPipe)]);
        let (handoff, task) = WriteHandoff::new(broken, WriteHandoffConfig::default());
        handoff.try_write_fire_and_forget(Bytes::from_static(b"abc")).unwrap();
        drop(handoff);
        block_on(task).err().unwrap();
    };
    let failed = "WARN message=write handoff ended accepted=3 written=0 flushed=0 reason=the writer failed source=broken pipe";
    assert_eq!(told(false, fails), [failed]);
    assert_eq!(told(true, fails), [failed], "and what the subscriber does reaches nothing else");

    let aborts = || {
        let (handoff, task) = WriteHandoff::new(Vec::<u8>::new(), WriteHandoffConfig::default());
        handoff.abort();
        handoff.abort();
        drop(task);
    };
    let aborted = "WARN message=write handoff ended accepted=0 written=0 flushed=0 reason=the write handoff was aborted";
    assert_eq!(told(false, aborts), [aborted]);
}
