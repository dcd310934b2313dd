//! Thousands of connections that end at every stage: nothing is left of them.

use super::support::*;
use crate::peer::{open_descriptors, resident_bytes};
use futures_handoff::{Delimiter, FrameError};
use futures_util::future::join_all;

/// Connections at a time.
const BESIDE: usize = 25;

/// Rounds. During the first two the allocator reaches its peak.
const ROUNDS: usize = 4;
const WARM_UP: usize = 2;

/// How much more memory may be resident after any later round than after those: after two, less
/// than 5 KiB for each connection since.
const GROWTH: u64 = 8 << 20;

/// A block of bytes with a mark that lives as long as any part of it.
struct Block(Arc<[u8]>, #[expect(dead_code, reason = "its copies are counted")] Arc<()>);

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// How far a connection gets.
#[derive(Debug, Clone, Copy)]
enum Stage {
    BeforeTheFirstByte,
    MidFrame,
    MidWrite,
    Aborted,
    TaskDropped,
    AfterClose,
}

const STAGES: [Stage; 6] = [
    Stage::BeforeTheFirstByte,
    Stage::MidFrame,
    Stage::MidWrite,
    Stage::Aborted,
    Stage::TaskDropped,
    Stage::AfterClose,
];

/// Makes a connection, and ends it at a stage.
async fn connect_and_drop<R: Runtime>(stage: Stage, bytes: Arc<[u8]>, live: Arc<()>) {
    let (near, peer) = connected::<R>().await;
    let (mut reader, writer) = R::halves(near).unwrap();
    let config = WriteHandoffConfig::default().with_max_pending_bytes(bytes.len());
    let (handoff, task) = WriteHandoff::new(writer, config);
    let mut task = Box::pin({
        let live = Arc::clone(&live);
        async move {
            let ended = task.await;
            drop(live);
            ended
        }
    });
    let block = Bytes::from_owner(Block(Arc::clone(&bytes), Arc::clone(&live)));
    match stage {
        Stage::BeforeTheFirstByte => {
            let task = R::task(task);
            drop((peer, handoff));
            // The connection may be seen to be gone already when it is closed.
            drop(task.await);
        }
        Stage::MidFrame => {
            let task = R::task(task);
            peer.write_all(b"half of a fra").await.unwrap();
            drop(peer);
            let mut buffer = HandoffBuffer::new(1000);
            let frame = buffer.next_frame(&mut reader, &mut Delimiter::new(b"\n")).await;
            assert!(matches!(frame, Err(FrameError::Truncated { buffered: 13 })), "{frame:?}");
            drop((handoff, reader));
            drop(task.await);
        }
        Stage::MidWrite => {
            let task = R::task(task);
            let ticket = handoff.write(block).await.unwrap();
            peer.read_exact(&mut [0; 1000]).await.unwrap();
            // With unread bytes: a reset.
            drop(peer);
            assert!(is_reset(ticket.await.unwrap_err().reason()));
            drop((handoff, task.await.err().expect("the connection was reset")));
        }
        Stage::Aborted => {
            let task = R::task(task);
            let ticket = handoff.write(block).await.unwrap();
            peer.read_exact(&mut [0; 1000]).await.unwrap();
            handoff.downgrade().abort();
            assert!(matches!(ticket.await.unwrap_err().reason(), CloseReason::Aborted));
            drop((handoff, task.await.err().expect("it was aborted"), peer));
        }
        Stage::TaskDropped => {
            assert!(within::<R, _>(Duration::ZERO, &mut task).await.is_none());
            let ticket = handoff.write(block).await.unwrap();
            assert!(within::<R, _>(Duration::ZERO, &mut task).await.is_none());
            drop(task);
            assert!(matches!(ticket.await.unwrap_err().reason(), CloseReason::TaskDropped));
            drop((handoff, peer));
        }
        Stage::AfterClose => {
            let task = R::task(task);
            handoff.write_fire_and_forget(block.slice(..10_000)).await.unwrap();
            drop(block);
            handoff.close();
            handoff.closed().await.unwrap();
            assert_eq!(rest(&peer).await.len(), 10_000);
            drop((handoff, task.await.unwrap(), peer, reader));
        }
    }
}

/// What the process held after the first rounds.
struct Held {
    descriptors: usize,
    /// After each round.
    resident: Vec<u64>,
}

impl Held {
    async fn now<R: Runtime>() -> Self {
        // The runtime may close descriptors later.
        R::sleep(Duration::from_millis(100)).await;
        Self { descriptors: open_descriptors(), resident: Vec::new() }
    }

    /// After a round: that no more is held.
    async fn no_more<R: Runtime>(&mut self) {
        no_more_descriptors::<R>(self.descriptors).await;
        self.resident.push(resident_bytes());
        let (warm, later) = self.resident.split_at(self.resident.len().min(WARM_UP));
        let before = warm.iter().max().copied().unwrap_or_default();
        assert!(
            later.iter().all(|now| *now <= before + GROWTH),
            "resident after each round: {:?}",
            self.resident
        );
    }
}

runtimes::tests_alone! {
    async fn connections_that_end_at_any_stage_leave_nothing_behind<R: Runtime>() {
        let bytes: Arc<[u8]> = payload(8 << 20).into();
        let live = Arc::new(());
        for stage in STAGES {
            R::task(connect_and_drop::<R>(stage, bytes.clone(), live.clone())).await;
        }
        let mut held = Held::now::<R>().await;
        for _ in 0..ROUNDS {
            for stage in STAGES {
                for _ in 0..6 {
                    let beside = (0..BESIDE).map(|_| R::task(connect_and_drop::<R>(stage, bytes.clone(), live.clone())));
                    join_all(beside.collect::<Vec<_>>()).await;
                }
                assert_eq!(Arc::strong_count(&live), 1, "tasks and blocks are left, {stage:?}");
            }
            held.no_more::<R>().await;
        }
    }
}
