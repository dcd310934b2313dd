//! How far the search for one frame has come.

use super::{
    buffer::HandoffBuffer,
    error::FrameError,
    finders::{Found, FrameFinder},
};

/// How often a finder may ask for little more than there is, and be given just that.
const SMALL_STEPS: u8 = 8;

/// How far the search for one frame has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Bytes the finder has seen.
    searched: usize,
    /// Bytes that have to be buffered before it is asked again.
    pub(super) need: usize,
    /// Bytes that are worth a block of just their size, or 0.
    pub(super) goal: usize,
    /// `need` is the length of the frame.
    knows_length: bool,
    /// How often it asked for little more than there was.
    small_steps: u8,
}

impl Progress {
    /// The length of the frame at the front of the buffer, if it is all there.
    #[inline]
    pub(super) fn look<F>(
        &mut self,
        buffer: &mut HandoffBuffer,
        finder: &mut F,
    ) -> Result<Option<usize>, FrameError>
    where
        F: FrameFinder + ?Sized,
    {
        let buffered = buffer.len();
        if buffered == 0 || buffered < self.need {
            return Ok(None);
        }
        let found = match finder.needle() {
            Some([]) => Found::Frame(0),
            Some(needle) => match buffer.find(needle) {
                Some(at) => Found::Frame(at + needle.len()),
                None => Found::Need(0),
            },
            None => finder.find_frame(buffer.peek(), self.searched),
        };
        self.searched = buffered;
        match found {
            Found::Frame(n) if (1..=buffered).contains(&n) => return Ok(Some(n)),
            Found::Length(n) if (1..=buffered).contains(&n) => return Ok(Some(n)),
            Found::Frame(n) | Found::Length(n @ 0) => {
                return Err(FrameError::InvalidFinder { reported: n, buffered });
            }
            Found::Reject(reason) => return Err(FrameError::Rejected { reason }),
            Found::Length(n) => (self.need, self.goal, self.knows_length) = (n, n, true),
            Found::Need(n) => {
                self.need = n.max(buffered + 1);
                self.goal = if self.is_worth_a_block(n, buffered) { n } else { 0 };
            }
        }
        Ok(None)
    }

    /// Whether to move what is buffered to a block of `n` bytes, if the present one is too small:
    /// the bytes still to come have to pay for that, or it must not happen often.
    fn is_worth_a_block(&mut self, n: usize, buffered: usize) -> bool {
        let more = n.saturating_sub(buffered);
        if more > buffered / 4 {
            return more > 1;
        }
        self.small_steps = self.small_steps.saturating_add(1);
        more > 1 && self.small_steps <= SMALL_STEPS
    }

    /// The length of the frame, if the finder has told it.
    pub(super) fn length(&self) -> Option<usize> {
        self.knows_length.then_some(self.need)
    }
}
