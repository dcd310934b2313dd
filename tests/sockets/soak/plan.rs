//! The plan of a session, made from a seed.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use futures_handoff::WriteHandoffConfig;

use crate::{
    outlet::Parting,
    router::{MARK, Terms},
    support::LONG,
};

/// The longest line without its end, and the most that a stream carries in one direction.
const LINE: usize = 4000;
const STREAM: usize = 1024 * 1024;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Fault {
    /// A peer resets the connection.
    Reset,
    /// A peer closes like a program that ends.
    Drop,
    /// A peer does nothing more until all other parties have ended.
    Hang,
    /// The proxy gives up in the middle.
    Expire,
    /// The client ends what it writes before it is through, in the middle of a line perhaps, and
    /// reads on.
    HalfClose,
    /// A peer neither reads nor writes for some time.
    Stall,
    /// A socket buffers little.
    Narrow,
    /// Pieces of a few bytes are written.
    Fragments,
}

/// What a peer does in one direction.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manner {
    /// The most that is read or written at a time.
    pub(super) piece: usize,
    /// After how much it stalls, and for how long.
    pub(super) stall: Option<(usize, Duration)>,
    /// After how much it goes wrong for good, and how: a reset, a drop or a hang.
    pub(super) fault: Option<(usize, Fault)>,
}

/// What a peer does.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Conduct {
    pub(super) narrow: bool,
    pub(super) sending: Manner,
    pub(super) receiving: Manner,
}

/// Everything that happens in a session, and what must arrive.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// What goes wrong, each kind once.
    pub(super) faults: Vec<Fault>,
    pub(super) upload: Arc<[u8]>,
    pub(super) to_a: Arc<[u8]>,
    pub(super) to_b: Arc<[u8]>,
    pub(super) answer: Arc<[u8]>,
    pub(super) client: Conduct,
    pub(super) a: Conduct,
    pub(super) b: Conduct,
    pub(super) terms: Terms,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut faults = Vec::new();
        let mut upload = upload(&mut rng);
        if rng.u8(..) < 40 {
            upload.truncate(rng.usize(..=upload.len()));
            faults.push(Fault::HalfClose);
        }
        let (to_a, to_b) = routed(&upload);
        // Without a byte of the client the proxy connects to no upstream.
        let answer = if upload.is_empty() { Vec::new() } else { bytes(&mut rng) };
        let mut client = conduct(&mut rng, &mut faults);
        let mut a = conduct(&mut rng, &mut faults);
        let mut b = conduct(&mut rng, &mut faults);
        let mut session = LONG;
        if rng.bool() {
            let fault = match rng.u8(..10) {
                0..=3 => Fault::Reset,
                4..=6 => Fault::Drop,
                7..=8 => Fault::Expire,
                _ => Fault::Hang,
            };
            if fault != Fault::Expire {
                let at = |rng: &mut Rng, len: usize| Some((rng.usize(..=len), fault));
                match rng.u8(..5) {
                    0 => client.sending.fault = at(&mut rng, upload.len()),
                    1 => client.receiving.fault = at(&mut rng, answer.len()),
                    2 => a.receiving.fault = at(&mut rng, to_a.len()),
                    3 => a.sending.fault = at(&mut rng, answer.len()),
                    _ => b.receiving.fault = at(&mut rng, to_b.len()),
                }
            }
            // Soon enough to be in the middle of a session.
            if fault == Fault::Expire || fault == Fault::Hang {
                session = Duration::from_micros(rng.u64(..100_000));
            }
            faults.push(fault);
        }
        let pending = rng.usize(LINE + 1..96 * 1024);
        let config = WriteHandoffConfig::default()
            .with_send_at(pending.min(rng.usize(..32 * 1024)))
            .with_max_pending_bytes(pending);
        let parting = if rng.bool() { Parting::Close } else { Parting::Drop };
        let terms = Terms { config, owned: rng.bool(), parting, session, closing: session };
        faults.sort();
        faults.dedup();
        let [upload, to_a, to_b, answer] = [upload, to_a, to_b, answer].map(Arc::from);
        Self { seed, faults, upload, to_a, to_b, answer, client, a, b, terms }
    }

    /// Whether something happens on purpose that keeps bytes from arriving.
    pub(super) fn loses_bytes(&self) -> bool {
        let loses = [Fault::Reset, Fault::Drop, Fault::Hang, Fault::Expire];
        self.faults.iter().any(|fault| loses.contains(fault))
    }
}

/// A length: small ones as often as large ones.
fn len(rng: &mut Rng, max: usize) -> usize {
    let scale = rng.u32(..12);
    rng.usize(..=max >> scale)
}

fn bytes(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = vec![0; len(rng, STREAM)];
    rng.fill(&mut bytes);
    bytes
}

/// Lines, and perhaps a tunnel.
fn upload(rng: &mut Rng) -> Vec<u8> {
    let mut upload = Vec::new();
    let all = len(rng, STREAM);
    while upload.len() < all {
        upload.push(if rng.bool() { b'a' } else { b'b' });
        let start = upload.len();
        upload.resize(start + len(rng, LINE - 1), 0);
        rng.fill(&mut upload[start..]);
        upload[start..].iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
        upload.push(b'\n');
    }
    if rng.bool() {
        upload.extend_from_slice(MARK);
        upload.extend(bytes(rng));
    }
    upload
}

/// Where each part of an upload goes, computed without this library.
fn routed(upload: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let mut rest = upload;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let line;
        (line, rest) = rest.split_at(end + 1);
        if line == MARK {
            a.extend_from_slice(rest);
            break;
        }
        if line[0] == b'a' { a.extend_from_slice(line) } else { b.extend_from_slice(line) }
    }
    (a, b)
}

fn conduct(rng: &mut Rng, faults: &mut Vec<Fault>) -> Conduct {
    let narrow = rng.u8(..) < 40;
    if narrow {
        faults.push(Fault::Narrow);
    }
    Conduct { narrow, sending: manner(rng, faults, true), receiving: manner(rng, faults, false) }
}

fn manner(rng: &mut Rng, faults: &mut Vec<Fault>, sends: bool) -> Manner {
    let small = rng.u8(..) < 25;
    if small && sends {
        faults.push(Fault::Fragments);
    }
    let piece = if small { rng.usize(1..200) } else { rng.usize(1000..32 * 1024) };
    let stall = (rng.u8(..) < 50).then(|| (len(rng, STREAM), Duration::from_millis(rng.u64(1..60))));
    if stall.is_some() {
        faults.push(Fault::Stall);
    }
    Manner { piece, stall, fault: None }
}

#[test]
fn a_seed_is_one_plan() {
    assert!(Plan::new(3) == Plan::new(3) && Plan::new(3) != Plan::new(4));
    let losing = (0..200).filter(|&seed| Plan::new(seed).loses_bytes()).count();
    assert!((50..150).contains(&losing), "{losing} of 200");
}
