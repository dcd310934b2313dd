//! The proxy: two directions over four streams.

use std::{cell::RefCell, io, net::SocketAddr, time::Duration};

use fastrand::Rng;
use futures_handoff::{WriteHandoff, WriteHandoffConfig};
use futures_util::future::join;

use crate::{
    runtimes::{
        self, Runtime,
        io::{Gate, ReadStep, ScriptReader, ScriptWriter, WriteLog, WriteStep},
    },
    support::{End, SEEDS, kind, reader, seeded},
    tcp_proxy::{accepted, proxy},
};

const LINE: &[u8] = b"CONNECT 127.0.0.1:7\n";

/// A handle whose task runs in the background.
fn spawned<R: Runtime>(writer: ScriptWriter) -> WriteHandoff<ScriptWriter> {
    let (handoff, task) = WriteHandoff::new(writer, WriteHandoffConfig::default());
    R::spawn(task.detach());
    handoff
}

/// Runs the proxy between a client and a server.
async fn relay<R: Runtime>(
    client: (ScriptReader, ScriptWriter),
    server: (ScriptReader, ScriptWriter),
) -> io::Result<()> {
    proxy(client.0, spawned::<R>(client.1), async |address: SocketAddr| {
        assert_eq!(address.port(), 7);
        Ok((server.0, spawned::<R>(server.1)))
    })
    .await
}

fn payload(rng: &mut Rng) -> Vec<u8> {
    let len = if rng.bool() { rng.usize(..500_000) } else { rng.usize(..100) };
    (0..len).map(|_| rng.u8(..)).collect()
}

runtimes::tests! {
    async fn what_came_before_the_end_or_the_error_arrives_in_both_directions<R: Runtime>() {
        for seed in 0..SEEDS / 3 {
            let mut rng = Rng::with_seed(seed);
            let (asked, answer) = (payload(&mut rng), payload(&mut rng));
            let ends = [End::random(&mut rng), End::random(&mut rng)];
            let (to_client, to_server) = (ScriptWriter::seeded(seed), ScriptWriter::seeded(!seed).not_vectored());
            let (client_got, server_got) = (to_client.log(), to_server.log());
            let result = relay::<R>(
                (reader(seed, &[LINE, &asked].concat(), ends[0]), to_client),
                (reader(!seed, &answer, ends[1]), to_server),
            ).await;
            assert!(server_got.written() == asked, "seed {seed}: {} of {}", server_got.len(), asked.len());
            let answer = [b"OK\n", &answer[..]].concat();
            assert!(client_got.written() == answer, "seed {seed}: {} of {}", client_got.len(), answer.len());
            for log in [client_got, server_got] {
                assert!(log.is_closed() && log.flushed() == log.len(), "seed {seed}");
            }
            assert_eq!(kind(result), ends[0].kind(false).or_else(|| ends[1].kind(false)), "seed {seed}");
        }
    }

    async fn a_first_line_that_is_cut_off_or_is_none_connects_nowhere<R: Runtime>() {
        for at in 0..LINE.len() {
            for end in [End::Closed, End::Reset] {
                let (to_client, log) = seeded(at as u64);
                let nowhere = async |_| -> io::Result<(ScriptReader, WriteHandoff<ScriptWriter>)> { unreachable!() };
                let result = proxy(reader(1, &LINE[..at], end), spawned::<R>(to_client), nowhere).await;
                assert_eq!(kind(result), end.kind(at > 0));
                log.wait_until(WriteLog::is_closed).await;
                assert!(log.is_empty());
            }
        }
    }

    async fn a_server_that_is_not_there_is_an_answer_and_an_error<R: Runtime>() {
        let (to_client, log) = seeded(1);
        let refused = async |_| -> io::Result<(ScriptReader, WriteHandoff<ScriptWriter>)> {
            Err(io::ErrorKind::ConnectionRefused.into())
        };
        let result = proxy(reader(1, LINE, End::Closed), spawned::<R>(to_client), refused).await;
        assert_eq!(kind(result), Some(io::ErrorKind::ConnectionRefused));
        assert!(log.written() == b"ERR cannot connect\n" && log.is_closed());
    }

    async fn an_answer_arrives_although_the_question_is_refused<R: Runtime>() {
        let (gate, answer) = (Gate::new(), vec![b'!'; 300_000]);
        let (to_client, to_server) = (ScriptWriter::seeded(2), ScriptWriter::new([WriteStep::Error(io::ErrorKind::BrokenPipe)]));
        let log = to_client.log();
        let (to_client, to_server) = (spawned::<R>(to_client), spawned::<R>(to_server));
        let refused = to_server.clone();
        let answers = ScriptReader::new([ReadStep::Wait(gate.clone()), ReadStep::data(&answer)]);
        let asked = reader(2, &[LINE, b"question"].concat(), End::Closed);
        let served = proxy(asked, to_client, async |_| Ok((answers, to_server)));
        let answered = async {
            assert!(refused.closed().await.is_err());
            // The answer is some wake-ups away.
            for _ in 0..3 {
                R::sleep(Duration::ZERO).await;
            }
            gate.open();
        };
        let (result, ()) = join(served, answered).await;
        assert_eq!(kind(result), Some(io::ErrorKind::BrokenPipe));
        assert!(log.written() == [b"OK\n", &answer[..]].concat() && log.is_closed(), "{} bytes", log.len());
    }

    async fn a_question_that_has_ended_gets_its_answer<R: Runtime>() {
        // The server answers once it has seen the end, and that came with the first line.
        let gate = Gate::new();
        let ((to_client, client_got), (to_server, server_got)) = (seeded(3), seeded(4));
        let answers = ScriptReader::new([ReadStep::Wait(gate.clone()), ReadStep::data("answer")]);
        let asked = ScriptReader::new([ReadStep::data([LINE, b"question"].concat())]);
        let ended = async {
            server_got.wait_until(WriteLog::is_closed).await;
            assert_eq!((server_got.written(), client_got.is_closed()), (b"question".to_vec(), false));
            gate.open();
        };
        let (result, ()) = join(relay::<R>((asked, to_client), (answers, to_server)), ended).await;
        result.unwrap();
        assert!(client_got.written() == b"OK\nanswer" && client_got.is_closed());
    }

    async fn a_question_goes_on_after_the_answer_has_ended<R: Runtime>() {
        let gate = Gate::new();
        let ((to_client, client_got), (to_server, server_got)) = (seeded(5), seeded(6));
        let asked =
            ScriptReader::new([ReadStep::data(LINE), ReadStep::Wait(gate.clone()), ReadStep::data("goes on")]);
        let ended = async {
            client_got.wait_until(WriteLog::is_closed).await;
            assert!(client_got.written() == b"OK\nanswer" && !server_got.is_closed());
            gate.open();
        };
        let (result, ()) = join(relay::<R>((asked, to_client), (reader(5, b"answer", End::Closed), to_server)), ended).await;
        result.unwrap();
        assert!(server_got.written() == b"goes on" && server_got.is_closed());
    }

    async fn accept_errors_are_waited_out<R: Runtime>() {
        let waits = RefCell::new(Vec::new());
        let mut left = 10;
        let accept = async || {
            left -= 1;
            if left > 0 { Err(io::Error::from_raw_os_error(24)) } else { Ok("client") }
        };
        assert_eq!(accepted(accept, async |wait: Duration| waits.borrow_mut().push(wait.as_millis())).await, "client");
        assert_eq!(waits.into_inner(), [5, 10, 20, 40, 80, 160, 320, 640, 1000]);
    }
}
