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
    /// Creates a handle that does not keep the stream open. A registry keeps such handles. They can
    /// abort the stream after its last handle is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// let (handoff, _task) = WriteHandoff::new(Vec::<u8>::new(), WriteHandoffConfig::default());
    /// let weak = handoff.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(handoff);
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakWriteHandoff<W> {
        WeakWriteHandoff { shared: Arc::downgrade(&self.shared), stream: Arc::downgrade(self.stream()) }
    }
}

/// A handle that does not keep the stream open. Made by [`WriteHandoff::downgrade`].
///
/// # Examples
///
/// A registry of connections, for broadcasts to the open ones:
///
/// ```
/// use futures_handoff::{WeakWriteHandoff, WriteHandoff, WriteHandoffConfig};
///
/// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
/// let mut connections = vec![handoff.downgrade()];
///
/// for connection in connections.iter().filter_map(WeakWriteHandoff::upgrade) {
///     // A connection that is closed or has no room misses the news, and holds up no other.
///     let _ = connection.try_write_fire_and_forget("news".into());
/// }
/// drop(handoff);
/// assert_eq!(futures_executor::block_on(task)?, b"news");
///
/// connections.retain(|connection| connection.upgrade().is_some());
/// assert!(connections.is_empty());
/// # Ok::<_, std::io::Error>(())
/// ```
pub struct WeakWriteHandoff<W = BoxWriter> {
    shared: Weak<Shared<W>>,
    stream: Weak<Stream>,
}

impl<W> WeakWriteHandoff<W> {
    /// Returns a handle, or `None` once the last handle is gone. If this was made from a
    /// [`sender`](WriteHandoff::sender), it returns `None` once the last clone of that sender is
    /// gone, whatever other handles there are.
    pub fn upgrade(&self) -> Option<WriteHandoff<W>> {
        let shared = self.shared.upgrade()?;
        shared.stream.try_add_handle().then(|| WriteHandoff { shared })
    }

    /// The stream, unless it is gone.
    pub(super) fn stream(&self) -> Option<Arc<Stream>> {
        self.stream.upgrade()
    }

    /// Ends the stream as [`WriteHandoff::abort`] does. This also works after the last handle was
    /// dropped, while the task still tries to write the rest to a peer that takes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{CloseReason, WriteHandoff, WriteHandoffConfig};
    ///
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let weak = handoff.downgrade();
    /// handoff.try_write("the peer takes nothing".into())?;
    /// drop(handoff);
    /// // Its time is up.
    /// weak.abort();
    /// let failure = futures_executor::block_on(task).unwrap_err();
    /// assert!(matches!(failure.reason(), CloseReason::Aborted));
    /// assert_eq!(failure.unwritten(), ["the peer takes nothing"]);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn abort(&self) {
        if let Some(stream) = self.stream() {
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
