//! Two peers that answer each other.

use std::{cell::Cell, rc::Rc};

use futures_executor::LocalPool;
use futures_util::{AsyncReadExt, FutureExt, task::LocalSpawnExt};

use crate::{
    runtimes::{
        self,
        io::{ScriptWriter, duplex},
    },
    support::{End, SEEDS, kind, logged, reader, seeded},
};

// What the guide shows: `answer`.
include!("../../src/guide/programs/answers.rs");

/// How many questions each side asks, and how many of them may be open.
const QUESTIONS: usize = 500;
const OPEN: usize = 32;

/// The wrong form: the loop that reads waits for room.
async fn in_the_read_loop<R, W>(
    mut reader: R,
    out: WriteHandoff<W>,
    _: usize,
    mut answered: impl FnMut(Bytes),
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = HandoffBuffer::new(1024);
    while let Some(line) = buffer.next_frame(&mut reader, &mut Delimiter::new(b"\n")).await? {
        match line.strip_prefix(b"?") {
            Some(rest) => out.write_fire_and_forget([b"!", rest].concat().into()).await?,
            None => answered(line),
        }
    }
    Ok(())
}

/// Asks, with no more than `OPEN` questions open, until all are answered.
async fn ask<W: AsyncWrite + Unpin>(
    out: WriteHandoff<W>,
    mut answers: mpsc::UnboundedReceiver<Bytes>,
) -> io::Result<()> {
    for n in 0..QUESTIONS + OPEN {
        if let Some(answered) = n.checked_sub(OPEN) {
            assert_eq!(answers.next().await.unwrap(), format!("!{answered}\n"));
        }
        if n < QUESTIONS {
            out.write_fire_and_forget(format!("?{n}\n").into()).await?;
        }
    }
    Ok(())
}

/// How many of two peers get all their answers before nothing moves any more.
macro_rules! served {
    ($answer:ident) => {{
        let mut pool = LocalPool::new();
        let served = Rc::new(Cell::new(0));
        // The connection and their budgets hold fewer bytes than may be open.
        let (left, right) = duplex(16);
        for stream in [left, right] {
            let (reader, writer) = stream.split();
            let (out, task) = WriteHandoff::new(writer, WriteHandoffConfig::new(4, 16));
            let (answered, answers) = mpsc::unbounded();
            let (asked, served) = (out.clone(), Rc::clone(&served));
            let answering =
                $answer(reader, out, OPEN, move |line: Bytes| answered.unbounded_send(line).unwrap());
            let asking = async move {
                ask(asked, answers).await.unwrap();
                served.set(served.get() + 1);
            };
            let spawner = pool.spawner();
            spawner.spawn_local(task.detach()).unwrap();
            spawner.spawn_local(answering.map(|_| ())).unwrap();
            spawner.spawn_local(asking).unwrap();
        }
        pool.run_until_stalled();
        served.get()
    }};
}
runtimes::watched_tests! {
    fn peers_that_answer_where_they_read_wait_for_each_other() {
        assert_eq!(served!(in_the_read_loop), 0);
    }

    fn peers_that_read_on_while_answers_wait_go_on() {
        assert_eq!(served!(answer), 2);
    }

    fn what_was_asked_before_the_end_or_the_error_is_answered() {
        let asked = b"?a\n?bc\n!d\n?\n";
        for (at, end) in End::anywhere(asked.len()) {
            let whole = asked[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let (answered, answers): (Vec<_>, Vec<_>) =
                asked[..whole].split_inclusive(|byte| *byte == b'\n').partition(|line| line[0] == b'!');
            let answers = String::from_utf8(answers.concat()).unwrap().replace('?', "!").into_bytes();
            for seed in 0..SEEDS / 10 {
                let ((writer, log), mut others) = (seeded(seed), Vec::new());
                let (out, task) = WriteHandoff::new(writer, WriteHandoffConfig::default());
                let served = answer(reader(seed, &asked[..at], end), out, OPEN, |line| others.push(line));
                let (written, result) = block_on(join(task, served));
                assert!(written.is_ok() && log.is_closed());
                assert_eq!((log.written(), &others), (answers.clone(), &answered.iter().map(|line| Bytes::copy_from_slice(line)).collect()));
                assert_eq!(kind(result), end.kind(at > whole), "{at}, {end:?}");
            }
        }
    }

    fn a_peer_that_asks_too_much_gets_the_answers_that_fit_and_is_read_no_more() {
        let (writer, log) = logged(ScriptWriter::willing());
        let (out, task) = WriteHandoff::new(writer, WriteHandoffConfig::new(1, 2));
        let asked = b"?\n".repeat(2 * OPEN);
        let mut served = Box::pin(answer(&asked[..], out, OPEN, |_| {}));
        // While the task does not run, the second answer waits for room, and the others wait after
        // it.
        assert!(served.as_mut().now_or_never().is_none());
        let (written, result) = block_on(join(task, served));
        assert!(written.is_ok() && result.unwrap_err().to_string().contains("full"));
        let answers = log.len() / 2;
        assert!((OPEN..OPEN + 4).contains(&answers) && log.written() == b"!\n".repeat(answers), "{answers}");
    }
}
