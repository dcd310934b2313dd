//! The crate as it comes: it decides for itself how much to read.

use std::io;

use futures_handoff::HandoffBufferConfig;
use futures_util::{AsyncRead, AsyncWrite};

use super::{Proxy, handoff::proxy};
use crate::stream::Settings;

/// The most that a buffer asks for when nothing else is said.
const READ_MAX: usize = 256 * 1024;

/// As [`Handoff`](super::Handoff), with reads that grow and shrink with what arrives, whatever the settings say of them,
/// and a byte budget of at least two of the longest.
#[derive(Debug, Clone, Copy, Default)]
pub struct HandoffAdaptive;

impl<I, O> Proxy<I, O> for HandoffAdaptive
where
    I: AsyncRead + Unpin + Send + 'static,
    O: AsyncWrite + Unpin + Send + 'static,
{
    async fn run(self, reader: I, writer: O, settings: Settings) -> io::Result<()> {
        let budget = settings.write_pending_bytes().max(2 * READ_MAX);
        let settings = Settings { read_reserve: READ_MAX, write_pending_bytes: Some(budget), ..settings };
        let config = HandoffBufferConfig::new(settings.frame_len + 2 * READ_MAX)?;
        proxy(reader, writer, settings, config).await
    }
}
