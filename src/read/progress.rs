//! The state of the search for one frame.

use super::{
    buffer::HandoffBuffer,
    error::FrameError,
    finders::{Found, FrameFinder},
};

/// How often a finder may need few more bytes and still get a block of just that size.
const SMALL_STEPS: u8 = 8;

/// The state of the search for one frame.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// How many bytes the finder has seen.
    searched: usize,
    /// How many bytes have to be buffered before the finder is called again.
    pub(super) need: usize,
    /// How many unread bytes a new block should have room for, or 0 for the usual size.
    pub(super) goal: usize,
    /// Whether `need` is the length of the frame.
    knows_length: bool,
    /// How often the finder needed few more bytes than were buffered.
    small_steps: u8,
}

impl Progress {
    /// The length of the frame at the front of the buffer, if all of it is buffered.
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

    /// Whether to move the buffered bytes to a block of `n` bytes if the current block is too
    /// small. The bytes still to come have to pay for the move, or it must not happen often.
    fn is_worth_a_block(&mut self, n: usize, buffered: usize) -> bool {
        let more = n.saturating_sub(buffered);
        if more > buffered / 4 {
            return more > 1;
        }
        self.small_steps = self.small_steps.saturating_add(1);
        more > 1 && self.small_steps <= SMALL_STEPS
    }

    /// The length of the frame, if the finder has reported it.
    pub(super) fn length(&self) -> Option<usize> {
        self.knows_length.then_some(self.need)
    }
}
