//! Any sequence of calls against a plain vector.

mod read_parts;

use std::{collections::VecDeque, io};

use futures_handoff::{
    Delimiter, Filled, Found, FrameError, HandoffBuffer, HandoffBufferConfig, ReadError, Then, bytes::Bytes,
};
use proptest::prelude::*;
use read_parts::*;

/// A length as a share of what there is, so that shrinking keeps it meaningful; or a fixed one, which may be too
/// much.
#[derive(Debug, Clone, Copy)]
enum Amount {
    Share(u8),
    Fixed(usize),
}

impl Amount {
    fn of(self, len: usize) -> usize {
        match self {
            Self::Share(share) => len * usize::from(share) / 255,
            Self::Fixed(n) => n,
        }
    }
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        6 => any::<u8>().prop_map(Amount::Share),
        2 => (0_usize..40).prop_map(Amount::Fixed),
        1 => Just(Amount::Share(255)),
        1 => Just(Amount::Fixed(usize::MAX)),
    ]
}

const NEEDLES: [&[u8]; 5] = [b"\n", b"ab", b"aab", b"", b"aaaaaaaaaaaaaaaaaaab"];

#[derive(Debug, Clone)]
enum Arrival {
    Data(Vec<u8>),
    Pending,
    Fail,
    End,
    Lie,
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let byte = prop_oneof![6 => Just(b'a'), 3 => Just(b'b'), 1 => Just(b'\n')];
    prop_oneof![
        8 => proptest::collection::vec(byte, 1..120).prop_map(Arrival::Data),
        2 => Just(Arrival::Pending),
        1 => Just(Arrival::Fail),
        1 => Just(Arrival::End),
        1 => Just(Arrival::Lie),
    ]
}

#[derive(Debug, Clone)]
enum ParseStep {
    Advance(Amount),
    Take(Amount),
    Find(usize),
    AdvanceAll,
}

#[derive(Debug, Clone)]
enum Call {
    Read,
    ReadReady(usize),
    Split(Amount),
    SplitMut(Amount),
    Advance(Amount),
    FreezeAll,
    /// And whether it goes back in by `from_tail`.
    TakeTail(bool),
    Find(usize),
    FindFrom(Amount, usize),
    Parse(Vec<ParseStep>, bool),
    Reserve(Amount),
    Line,
    Fours,
    DropKept(usize),
}

fn call() -> impl Strategy<Value = Call> {
    let step = prop_oneof![
        amount().prop_map(ParseStep::Advance),
        amount().prop_map(ParseStep::Take),
        (0..NEEDLES.len()).prop_map(ParseStep::Find),
        Just(ParseStep::AdvanceAll),
    ];
    prop_oneof![
        6 => Just(Call::Read),
        3 => prop_oneof![0_usize..300, Just(usize::MAX)].prop_map(Call::ReadReady),
        3 => amount().prop_map(Call::Split),
        2 => amount().prop_map(Call::SplitMut),
        3 => amount().prop_map(Call::Advance),
        1 => Just(Call::FreezeAll),
        1 => any::<bool>().prop_map(Call::TakeTail),
        4 => (0..NEEDLES.len()).prop_map(Call::Find),
        4 => (amount(), 0..NEEDLES.len()).prop_map(|(from, needle)| Call::FindFrom(from, needle)),
        4 => (proptest::collection::vec(step, 0..6), any::<bool>())
            .prop_map(|(steps, commit)| Call::Parse(steps, commit)),
        1 => amount().prop_map(Call::Reserve),
        1 => Just(Call::Line),
        1 => Just(Call::Fours),
        2 => (0_usize..8).prop_map(Call::DropKept),
    ]
}

fn configuration() -> impl Strategy<Value = HandoffBufferConfig> {
    (1_usize..400, any::<u8>(), any::<u8>(), 0_usize..40, 0_usize..4).prop_map(
        |(max_len, min, span, small, spares)| {
            let min = 1 + usize::from(min) % max_len;
            let max = (min + usize::from(span)).min(max_len);
            config(max_len)
                .with_read_size(min..=max)
                .and_then(|config| config.with_small_copy_max(small.min(max_len)))
                .and_then(|config| config.with_spare_blocks(spares))
                .unwrap()
        },
    )
}

fn position(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    (0..=bytes.len().checked_sub(needle.len())?).find(|at| bytes[*at..].starts_with(needle))
}

struct Model {
    buffer: HandoffBuffer,
    reader: Script,
    /// All that arrives, in order, and how much of it was read.
    stream: Vec<u8>,
    read: usize,
    unread: VecDeque<u8>,
    /// Frames handed out, with what they held then.
    kept: VecDeque<(Bytes, Vec<u8>)>,
}

impl Model {
    fn new(config: HandoffBufferConfig, arrivals: Vec<Arrival>) -> Self {
        let mut stream = Vec::new();
        let reader = Script::new(arrivals.into_iter().map(|arrival| match arrival {
            Arrival::Data(data) => {
                stream.extend_from_slice(&data);
                Step::Data(data)
            }
            Arrival::Pending => Step::Pending,
            Arrival::Fail => Step::Fail(io::ErrorKind::ConnectionReset),
            Arrival::End => Step::End,
            Arrival::Lie => Step::Lie(1),
        }));
        let buffer = HandoffBuffer::with_config(config);
        Self { buffer, reader, stream, read: 0, unread: VecDeque::new(), kept: VecDeque::new() }
    }

    fn max_len(&self) -> usize {
        self.buffer.config().max_len()
    }

    /// Accounts for what the reader gave since.
    fn arrived(&mut self) -> usize {
        let n = self.reader.given - self.read;
        self.unread.extend(&self.stream[self.read..self.reader.given]);
        self.read = self.reader.given;
        n
    }

    fn leave(&mut self, n: usize) -> Vec<u8> {
        self.unread.drain(..n).collect()
    }

    fn keep(&mut self, frame: Bytes, expected: Vec<u8>) {
        assert_eq!(frame, expected);
        self.kept.push_back((frame, expected));
    }

    fn call(&mut self, call: Call) {
        let len = self.unread.len();
        match call {
            Call::Read => self.read_once(),
            Call::ReadReady(limit) => self.read_ready(limit),
            Call::Split(amount) => match (amount.of(len), self.buffer.split_prefix(amount.of(len))) {
                (n, Ok(frame)) => {
                    let expected = self.leave(n);
                    self.keep(frame, expected);
                }
                (n, Err(error)) => assert_eq!((error.requested, error.available, n > len), (n, len, true)),
            },
            Call::SplitMut(amount) => match (amount.of(len), self.buffer.split_prefix_mut(amount.of(len))) {
                (n, Ok(mut frame)) => {
                    let mut expected = self.leave(n);
                    assert_eq!(frame, expected);
                    frame.fill(b'#');
                    frame.extend_from_slice(b"more");
                    expected.fill(b'#');
                    expected.extend_from_slice(b"more");
                    self.keep(frame.freeze(), expected);
                }
                (n, Err(_)) => assert!(n > len),
            },
            Call::Advance(amount) => match (amount.of(len), self.buffer.advance(amount.of(len))) {
                (n, Ok(())) => drop(self.leave(n)),
                (n, Err(_)) => assert!(n > len),
            },
            Call::FreezeAll => {
                let frame = self.buffer.freeze_all();
                let expected = self.leave(len);
                self.keep(frame, expected);
            }
            Call::TakeTail(returns) => {
                let tail = self.buffer.take_tail();
                assert_eq!(tail, *self.unread.make_contiguous());
                assert!(self.buffer.is_empty());
                if returns {
                    self.buffer = HandoffBuffer::from_tail(tail, *self.buffer.config()).unwrap();
                } else {
                    let expected = self.leave(len);
                    self.keep(tail.freeze(), expected);
                }
            }
            Call::Find(needle) => {
                let expected = position(self.unread.make_contiguous(), NEEDLES[needle]);
                assert_eq!(self.buffer.find(NEEDLES[needle]), expected);
            }
            Call::FindFrom(from, needle) => {
                let (from, needle) = (from.of(len), NEEDLES[needle]);
                let ahead = self.unread.make_contiguous().get(from..);
                let expected = ahead.and_then(|ahead| position(ahead, needle)).map(|at| from + at);
                assert_eq!(self.buffer.find_from(from, needle), expected);
            }
            Call::Parse(steps, commit) => self.parse(steps, commit),
            Call::Reserve(amount) => {
                let n = amount.of(self.max_len());
                let fits = len.checked_add(n).is_some_and(|sum| sum <= self.max_len());
                assert_eq!(self.buffer.reserve_read_capacity(n).is_ok(), fits);
            }
            Call::Line => self.line(),
            Call::Fours => self.fours(),
            Call::DropKept(n) => drop(self.kept.drain(..n.min(self.kept.len()))),
        }
        self.check();
    }

    fn read_once(&mut self) {
        let full = self.unread.len() == self.max_len();
        let result = finish(self.buffer.read_available(&mut self.reader));
        let arrived = self.arrived();
        match result {
            Ok(n) => assert_eq!((n, full), (arrived, false)),
            Err(error) => assert_eq!((matches!(error, ReadError::Full { .. }), arrived), (full, 0)),
        }
    }

    fn read_ready(&mut self, limit: usize) {
        let answer = finish(self.buffer.read_ready(&mut self.reader, limit));
        let full = self.unread.len() == self.max_len();
        let arrived = self.arrived();
        let Filled { n, then } = match answer {
            Ok(filled) => filled,
            Err(error) => return assert_eq!((matches!(error, ReadError::Full { .. }), arrived), (full, 0)),
        };
        assert_eq!(n, arrived);
        assert!(n <= limit);
        match then {
            Then::Full => assert_eq!((n > 0, self.unread.len()), (true, self.max_len())),
            Then::Limit => assert!(n > 0 || limit == 0),
            Then::Pending | Then::Error(_) => assert!(n > 0),
            Then::End => {}
        }
    }

    fn parse(&mut self, steps: Vec<ParseStep>, commit: bool) {
        let content = self.unread.make_contiguous().to_vec();
        let mut at = 0;
        let mut frames = Vec::new();
        let result = self.buffer.parse(|cursor| {
            for step in steps {
                let left = content.len() - at;
                match step {
                    ParseStep::Advance(amount) => {
                        let n = amount.of(left);
                        assert_eq!(cursor.advance(n).is_ok(), n <= left);
                        at += if n <= left { n } else { 0 };
                    }
                    ParseStep::Take(amount) => match (amount.of(left), cursor.take(amount.of(left))) {
                        (n, Ok(frame)) => {
                            assert_eq!(frame, content[at..at + n]);
                            frames.push((frame, content[at..at + n].to_vec()));
                            at += n;
                        }
                        (n, Err(error)) => {
                            assert_eq!((error.requested, error.available, n > left), (n, left, true));
                        }
                    },
                    ParseStep::Find(needle) => {
                        let expected = position(&content[at..], NEEDLES[needle]);
                        assert_eq!(cursor.find(NEEDLES[needle]), expected);
                    }
                    ParseStep::AdvanceAll => {
                        cursor.advance_all();
                        at = content.len();
                    }
                }
                assert_eq!(cursor.remaining(), &content[at..]);
                assert_eq!((cursor.consumed(), cursor.len()), (at, content.len() - at));
                assert_eq!(cursor.is_empty(), at == content.len());
            }
            if commit { Ok(()) } else { Err(()) }
        });
        assert_eq!(result.is_ok(), commit);
        self.kept.extend(frames);
        if commit {
            self.leave(at);
        }
    }

    fn line(&mut self) {
        let result = finish(self.buffer.next_frame(&mut self.reader, &mut Delimiter::new(b"\n")));
        self.arrived();
        let end = position(self.unread.make_contiguous(), b"\n");
        self.framed(result, end.map(|at| at + 1));
    }

    fn fours(&mut self) {
        let mut finder = |bytes: &[u8], _| if bytes.len() < 4 { Found::Need(4) } else { Found::Frame(4) };
        let result = finish(self.buffer.next_frame(&mut self.reader, &mut finder));
        self.arrived();
        let end = (self.unread.len() >= 4).then_some(4);
        self.framed(result, end);
    }

    fn framed(&mut self, result: Result<Option<Bytes>, FrameError>, end: Option<usize>) {
        match result {
            Ok(Some(frame)) => {
                let expected = self.leave(end.unwrap());
                self.keep(frame, expected);
            }
            Ok(None) => assert!(self.unread.is_empty()),
            Err(FrameError::Truncated { buffered }) => {
                assert_eq!((buffered, end), (self.unread.len(), None));
            }
            Err(FrameError::TooLong { needed, .. }) => assert!(needed > self.max_len() && end.is_none()),
            Err(_) => assert_eq!(end, None),
        }
    }

    fn check(&mut self) {
        assert_eq!(self.buffer.peek(), self.unread.make_contiguous());
        assert_eq!(self.buffer.len(), self.unread.len());
        assert_eq!(self.buffer.is_empty(), self.unread.is_empty());
        assert!(self.buffer.len() <= self.max_len());
        assert!(self.buffer.capacity() <= self.max_len(), "{}", self.buffer.capacity());
        for (frame, expected) in &self.kept {
            assert_eq!(frame, expected);
        }
    }
}

/// Four times as many cases as usual: each is short.
fn many() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases.saturating_mul(4), failure_persistence: None, ..usual }
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn behaves_like_a_vector(
        config in configuration(),
        arrivals in proptest::collection::vec(arrival(), 0..40),
        calls in proptest::collection::vec(call(), 0..60),
    ) {
        let mut model = Model::new(config, arrivals);
        for call in calls {
            model.call(call);
        }
    }
}
