//! The rows, each with the number of bytes that it must move.

use std::hint::black_box;

use futures_handoff::bytes::Bytes;

pub const KIB: usize = 1024;
pub const MIB: usize = 1024 * KIB;

/// Takes the pieces that an implementation makes.
pub trait Sink {
    fn take(&mut self, piece: &[u8]);
}

/// Counts the bytes. The compiler has to make each piece.
#[derive(Default)]
pub struct Count(pub usize);

impl Sink for Count {
    #[inline(always)]
    fn take(&mut self, piece: &[u8]) {
        black_box(piece.as_ptr());
        self.0 += piece.len();
    }
}

/// Keeps the pieces.
#[derive(Default)]
pub struct Keep(pub Vec<Vec<u8>>);

impl Sink for Keep {
    fn take(&mut self, piece: &[u8]) {
        self.0.push(piece.to_vec());
    }
}

/// One iteration of a row. Panics if it moved more or fewer bytes than it should.
pub type Run = Box<dyn FnMut()>;

/// An implementation at some work.
pub struct Row {
    pub work: &'static str,
    pub name: &'static str,
    /// How long the message is, or the packet.
    pub size: usize,
    /// How many fragments, packets or messages an iteration makes.
    pub units: u64,
    prepare: Box<dyn Fn() -> Run>,
}

impl Row {
    pub fn new(
        (work, name): (&'static str, &'static str),
        size: usize,
        units: u64,
        prepare: impl Fn() -> Run + 'static,
    ) -> Self {
        Self { work, name, size, units, prepare: Box::new(prepare) }
    }

    /// Compares the output with the input once. Later runs only count the bytes.
    pub fn prepare(&self) -> Run {
        (self.prepare)()
    }
}

/// A row whose `body` passes its pieces to a sink. `join` joins them to the message.
macro_rules! row {
    ($name:expr, $size:expr, $units:expr, $state:expr, |$own:ident, $sink:ident| $body:expr, $join:expr) => {
        Row::new($name, $size, $units as u64, move || {
            let mut state = $state;
            let kept = {
                let mut $sink = Keep::default();
                let $own = &mut state;
                $body;
                $sink.0
            };
            let moved: usize = kept.iter().map(Vec::len).sum();
            assert!($join(kept) == message($size), "{:?} changed the message", $name);
            Box::new(move || {
                let mut $sink = Count::default();
                let $own = &mut state;
                $body;
                assert_eq!($sink.0, moved, "{:?} moved another number of bytes", $name);
            })
        })
    };
}
pub(crate) use row;

/// The pieces one after the other.
#[allow(clippy::needless_pass_by_value, reason = "the others that join need them")]
pub fn concat(pieces: Vec<Vec<u8>>) -> Vec<u8> {
    pieces.concat()
}

/// The message of this length.
pub fn message(size: usize) -> Bytes {
    let mut bytes = vec![0; size];
    fastrand::Rng::with_seed(size as u64).fill(&mut bytes);
    bytes.into()
}
