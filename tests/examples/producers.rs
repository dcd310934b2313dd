//! Many producers of one stream: in one task, and on several threads.

use std::io;

use fastrand::Rng;

use crate::{
    own_thread::produce,
    runtimes,
    support::{SEEDS, breaking, kind, seeded},
    write_handoff::{many_producers, three_chunks},
};

/// The whole lines are those of four threads, none left out.
fn are_lines_of_four(written: &[u8]) -> bool {
    let mut next = [0; 4];
    let whole = written.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    written[..whole].split_inclusive(|byte| *byte == b'\n').all(|line| {
        (0..4).any(|producer| {
            let is_next = line == format!("producer {producer}, line {}\n", next[producer]).as_bytes();
            next[producer] += u32::from(is_next);
            is_next
        })
    })
}

runtimes::tests! {
    async fn producers_of_one_task_keep_chunks_whole_and_learn_of_a_failure<R: Runtime>() {
        for seed in 0..SEEDS {
            let breaking = breaking(seed, Rng::with_seed(seed).usize(..10));
            for ((writer, log), whole) in [(seeded(seed), true), (breaking, false)] {
                let result = many_producers(writer).await;
                let written = log.written();
                assert!(written.chunks(5).all(|chunk| chunk.iter().all(|byte| *byte == chunk[0])), "seed {seed}");
                assert_eq!(kind(result), (!whole).then_some(io::ErrorKind::BrokenPipe), "seed {seed}");
                assert_eq!((log.is_closed(), written.len() == 160), (whole, whole), "seed {seed}");
            }
        }
    }

    async fn of_each_byte_it_is_known_whether_it_was_written<R: Runtime>() {
        let all = b"firstsecondthird";
        for seed in 0..SEEDS {
            let (writer, log) = breaking(seed, Rng::with_seed(seed).usize(..5));
            let known = three_chunks(writer).await.unwrap();
            assert_eq!(known.is_none(), log.is_closed());
            let Some(known) = known else { continue };
            let taken = log.len() as u64;
            let expected = [taken.min(5), taken.saturating_sub(5).min(6), taken.saturating_sub(11)];
            assert_eq!(known.written, expected, "seed {seed}");
            assert!(log.written() == all[..log.len()] && known.unwritten == all[log.len()..], "seed {seed}");
        }
    }
}

runtimes::watched_tests! {
    fn threads_lose_no_line_and_learn_of_a_failure() {
        for seed in 0..20 {
            let (writer, log) = seeded(seed);
            produce(writer).unwrap();
            let written = log.written();
            assert!(are_lines_of_four(&written), "seed {seed}");
            assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), 400, "seed {seed}");

            let (writer, log) = breaking(seed, Rng::with_seed(seed).usize(..4));
            assert_eq!(kind(produce(writer)), Some(io::ErrorKind::BrokenPipe), "seed {seed}");
            assert!(are_lines_of_four(&log.written()), "seed {seed}");
        }
    }
}
