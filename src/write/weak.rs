//! A handle that does not keep the stream open.

use super::{
    error::CloseReason,
    handle::WriteHandoff,
    shared::{BoxWriter, Shared},
    stream::Stream,
};
use crate::sync::{Arc, Weak};
use std::fmt;

impl<W> WriteHandoff<W> {
    /// A handle that does not keep the stream open, for registries and to abort it.
    pub fn downgrade(&self) -> WeakWriteHandoff<W> {
        WeakWriteHandoff { shared: Arc::downgrade(&self.shared), stream: Arc::downgrade(self.stream()) }
    }
}

/// A handle that does not keep the stream open. From [`WriteHandoff::downgrade`].
pub struct WeakWriteHandoff<W = BoxWriter> {
    shared: Weak<Shared<W>>,
    stream: Weak<Stream>,
}

impl<W> WeakWriteHandoff<W> {
    /// A handle; `None` after the last one is gone. Made from a [`sender`](WriteHandoff::sender):
    /// after the last clone of that sender, whatever other handles there are.
    pub fn upgrade(&self) -> Option<WriteHandoff<W>> {
        let shared = self.shared.upgrade()?;
        shared.stream.try_add_handle().then(|| WriteHandoff { shared })
    }

    /// As [`WriteHandoff::abort`], also after the last handle was dropped, when the task is still
    /// trying to write what was left to a peer that takes nothing.
    pub fn abort(&self) {
        if let Some(stream) = self.stream.upgrade() {
            stream.end(CloseReason::Aborted);
        }
    }
}

impl<W> Clone for WeakWriteHandoff<W> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), stream: self.stream.clone() }
    }
}

impl<W> fmt::Debug for WeakWriteHandoff<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakWriteHandoff").finish_non_exhaustive()
    }
}
