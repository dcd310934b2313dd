//! The crate, with the writer's task on a runtime.

use std::io;

use futures_handoff::WriteHandoff;
use futures_util::{AsyncRead, AsyncWrite};

use super::{
    Proxy,
    handoff::{read_config, serve, write_config},
};
use crate::{Runtime, stream::Settings};

on_a_runtime! {
    /// As [`Handoff`](super::Handoff), but the writer's task is spawned.
    HandoffSpawned
}

impl<R, I, O> Proxy<I, O> for HandoffSpawned<R>
where
    R: Runtime,
    I: AsyncRead + Unpin + Send + 'static,
    O: AsyncWrite + Unpin + Send + 'static,
{
    async fn run(self, reader: I, writer: O, settings: Settings) -> io::Result<()> {
        let (handoff, task) = WriteHandoff::new(writer, write_config(&settings)?);
        R::spawn(task.detach());
        handoff.batching(serve(&handoff, reader, settings, read_config(&settings)?)).await
    }
}
