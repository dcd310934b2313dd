//! What the library keeps in memory, as an allocator tells that is not known here.

use std::{cell::Cell, fmt, rc::Rc};

/// Runs a piece of code and tells by how many bytes it made the heap of this thread larger.
pub type Weigh = fn(&mut dyn FnMut()) -> i64;

/// Counts what the library allocates and frees, whoever asks it to. Clones are the same scale.
#[derive(Clone, Default)]
pub(super) struct Scale {
    weigh: Option<Weigh>,
    held: Rc<Cell<i64>>,
}

impl fmt::Debug for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scale").field("held", &self.held).finish_non_exhaustive()
    }
}

impl Scale {
    pub(super) fn new(weigh: Option<Weigh>) -> Self {
        Self { weigh, held: Rc::default() }
    }

    fn weighed<T>(&self, sign: i64, call: impl FnOnce() -> T) -> T {
        let Some(weigh) = self.weigh else { return call() };
        let (mut call, mut output) = (Some(call), None);
        let grown = weigh(&mut || output = call.take().map(|call| call()));
        self.held.set(self.held.get() + sign * grown);
        output.expect("it was called")
    }

    /// A call of the library, which may not panic.
    pub(super) fn inside<T>(&self, call: impl FnOnce() -> T) -> T {
        self.weighed(1, call)
    }

    /// Code that is not the library's in the middle of such a call.
    pub(super) fn outside<T>(&self, call: impl FnOnce() -> T) -> T {
        self.weighed(-1, call)
    }

    /// The bytes that the library keeps, with what it handed out; `None` where nobody weighs.
    pub(super) fn held(&self) -> Option<i64> {
        self.weigh.map(|_| self.held.get())
    }
}
