//! The write half frees memory as soon as it is no longer needed.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Wake, Waker},
};

use super::support::*;

/// Records, when it is woken, whether a block was freed.
struct Witness {
    block: Freed,
    seen: Mutex<Option<bool>>,
}

impl Wake for Witness {
    fn wake(self: Arc<Self>) {
        *self.seen.lock().unwrap() = Some(self.block.get());
    }
}

/// A block of 2000 bytes.
fn block() -> (Bytes, Freed) {
    Block::bytes(vec![1; 2000])
}

runtimes::watched_tests! {
    /// 200 bytes that would keep 200 MiB.
    fn small_slices_of_big_blocks_are_copied_out() {
        let (handoff, mut task, log, gate) = gated(defaults());
        for i in 0..200 {
            let (bytes, freed) = Block::bytes(vec![i; 1 << 20]);
            match i % 3 {
                0 => drop(handoff.try_write(bytes.slice(5..6)).unwrap()),
                1 => drop(handoff.try_write_chunks(&mut [bytes.slice(5..6)]).unwrap()),
                _ => drop(handoff.try_reserve(1).unwrap().send(bytes.slice(5..6)).unwrap()),
            }
            drop(bytes);
            assert!(freed.get(), "{i}");
        }
        assert_eq!((handoff.pending_bytes(), handoff.stats().pending_items), (200, 1));
        gate.open();
        task.run();
        assert_eq!(log.written(), (0..200).collect::<Vec<u8>>());
    }

    /// Also the chunk that a pending writer was offered.
    fn a_small_slice_that_was_offered_is_copied_out() {
        for (taken, left) in [(0, "bytes"), (3, "es")] {
            let config = defaults().with_send_at(0).with_inline(Inline::Always);
            let (handoff, mut task, log, gate) = gated_after(taken, config);
            let mut block = vec![0; 1 << 20];
            block[5..10].copy_from_slice(b"bytes");
            let (block, freed) = Block::bytes(block);
            handoff.try_write_fire_and_forget(block.slice(5..10)).unwrap();
            assert_eq!(log.calls().len(), 1 + usize::from(taken > 0));
            assert_eq!((handoff.pending_bytes(), handoff.stats().pending_items), (left.len(), 1));
            drop(block);
            assert!(freed.get());
            gate.open();
            task.run();
            assert_eq!(log.written(), b"bytes");
        }
    }

    /// When a producer is admitted because bytes were written, their memory has been freed.
    fn memory_is_free_before_its_room_is_given_away() {
        let (handoff, mut task, _log, gate) = gated(limits(8, 2000));
        let (bytes, freed) = block();
        handoff.try_write_fire_and_forget(bytes).unwrap();
        let witness = Arc::new(Witness { block: freed, seen: Mutex::new(None) });
        let waker = Waker::from(Arc::clone(&witness));
        let mut write = handoff.write(filled(2, 2000));
        assert!(write.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
        gate.open();
        task.run();
        assert_eq!(*witness.seen.lock().unwrap(), Some(true));
        write.now_or_never().unwrap().unwrap();
        task.run();
    }

    /// Neither the writer, nor chunks in the queue or in the batch.
    fn tickets_keep_nothing_once_handles_and_task_are_gone() {
        for (offered, task_first) in [(false, false), (false, true), (true, false), (true, true)] {
            let writer = ScriptWriter::new([WriteStep::Wait(Gate::new())]);
            let log = writer.log();
            let (handoff, task) = WriteHandoff::new(writer, defaults());
            let mut task = Hand::waiting(task);
            let ((first, first_freed), (second, second_freed)) = (block(), block());
            let mut tickets = vec![handoff.try_write(first).unwrap()];
            if offered {
                task.run();
            }
            tickets.push(handoff.try_write(second).unwrap());
            if task_first {
                drop(task);
                drop(handoff);
            } else {
                drop(handoff);
                drop(task);
            }
            assert!(tickets.iter().all(|ticket| matches!(ticket.try_result(), Some(Err(_)))));
            assert!(log.is_dropped());
            assert!(first_freed.get() && second_freed.get(), "{offered} {task_first}");
        }
    }

    fn abort_and_weak_handles_keep_nothing() {
        let (handoff, task, _log) = willing(defaults());
        let (bytes, freed) = block();
        handoff.try_write_fire_and_forget(bytes).unwrap();
        let (abort, weak) = (handoff.downgrade(), handoff.downgrade());
        drop(task);
        assert!(!freed.get());
        drop(handoff);
        assert!(freed.get());
        abort.abort();
        assert!(weak.upgrade().is_none());
    }

    /// A rejected chunk is the one that was given, not a copy.
    fn rejected_bytes_are_the_same_bytes() {
        let (handoff, mut task, _log, gate) = gated(limits(8, 3000));
        handoff.try_write_fire_and_forget(filled(0, 2000)).unwrap();
        for len in [500, 2000, 4000] {
            let bytes = filled(1, len + 1000).slice(1000..);
            let address = bytes.as_ptr();
            let Err(error) = handoff.try_write(bytes) else { continue };
            let bytes = error.into_bytes();
            assert_eq!(bytes.as_ptr(), address);
            let mut write = handoff.write(bytes);
            let waits = (&mut write).now_or_never();
            assert_eq!(waits.is_none(), len == 2000);
            if let Some(error) = waits {
                assert_eq!(error.unwrap_err().into_bytes().as_ptr(), address);
            }
        }
        gate.open();
        task.run();
    }
}
