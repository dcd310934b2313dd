//! The proxy: two directions between two sides.

use std::{cell::RefCell, io, net::SocketAddr, time::Duration};

use fastrand::Rng;
use futures_handoff::tunnel::Halves;
use futures_util::future::join;

use crate::{
    runtimes::{
        self,
        io::{Gate, ReadStep, ScriptReader, ScriptWriter, WriteLog, WriteStep},
    },
    support::{End, SEEDS, kind, reader, seeded},
    tcp_proxy::{accepted, proxy},
};

const LINE: &[u8] = b"CONNECT 127.0.0.1:7\n";

type Side = (ScriptReader, ScriptWriter);

/// Runs the proxy between a client and a server.
async fn relay(client: Side, server: Side) -> io::Result<()> {
    proxy(Halves::new(client.0, client.1), async |address: SocketAddr| {
        assert_eq!(address.port(), 7);
        Ok(Halves::new(server.0, server.1))
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
            let logs = [to_server.log(), to_client.log()];
            let result = relay(
                (reader(seed, &[LINE, &asked].concat(), ends[0]), to_client),
                (reader(!seed, &answer, ends[1]), to_server),
            ).await;
            let expected = [asked, [b"OK\n", &answer[..]].concat()];
            let failed = ends.contains(&End::Reset);
            let mut whole = 0;
            for ((log, expected), end) in logs.iter().zip(&expected).zip(ends) {
                assert!(expected.starts_with(&log.written()), "seed {seed}: {} of {}", log.len(), expected.len());
                // After an error the other direction may be cut off, which no side takes for an
                // orderly end.
                let complete = log.len() == expected.len() && (log.is_closed() || log.flushed() == log.len());
                assert!(complete || failed && !log.is_closed(), "seed {seed}");
                assert!(!(log.is_closed() && end == End::Reset), "seed {seed}");
                whole += usize::from(complete && log.is_closed() == (end == End::Closed));
            }
            assert!(whole >= if failed { 1 } else { 2 }, "seed {seed}");
            assert_eq!(kind(result), ends[0].kind(false).or_else(|| ends[1].kind(false)), "seed {seed}");
        }
    }

    async fn a_first_line_that_is_cut_off_or_is_none_connects_nowhere<R: Runtime>() {
        for at in 0..LINE.len() {
            for end in [End::Closed, End::Reset] {
                let (to_client, log) = seeded(at as u64);
                let nowhere = async |_| -> io::Result<Halves<ScriptReader, ScriptWriter>> { unreachable!() };
                let result = proxy(Halves::new(reader(1, &LINE[..at], end), to_client), nowhere).await;
                assert_eq!(kind(result), end.kind(at > 0));
                assert!(log.is_dropped() && log.is_empty());
                assert_eq!(log.is_closed(), end.kind(at > 0).is_none());
            }
        }
    }

    async fn a_server_that_is_not_there_is_an_answer_and_an_error<R: Runtime>() {
        let (to_client, log) = seeded(1);
        let refused = async |_| -> io::Result<Halves<ScriptReader, ScriptWriter>> {
            Err(io::ErrorKind::ConnectionRefused.into())
        };
        let result = proxy(Halves::new(reader(1, LINE, End::Closed), to_client), refused).await;
        assert_eq!(kind(result), Some(io::ErrorKind::ConnectionRefused));
        assert!(log.written() == b"ERR cannot connect\n" && log.is_closed());
    }

    async fn an_answer_arrives_although_the_question_is_refused<R: Runtime>() {
        let (gate, answer) = (Gate::new(), vec![b'!'; 300_000]);
        let (to_client, log) = seeded(2);
        let to_server = ScriptWriter::new([WriteStep::Error(io::ErrorKind::BrokenPipe)]);
        let refused = to_server.log();
        let answers = ScriptReader::new([ReadStep::Wait(gate.clone()), ReadStep::data(&answer)]);
        let asked = reader(2, &[LINE, b"question"].concat(), End::Closed);
        let answered = async {
            refused.wait_until(|log| !log.calls().is_empty()).await;
            gate.open();
        };
        let (result, ()) = join(relay((asked, to_client), (answers, to_server)), answered).await;
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
        let (result, ()) = join(relay((asked, to_client), (answers, to_server)), ended).await;
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
        let (result, ()) = join(relay((asked, to_client), (reader(5, b"answer", End::Closed), to_server)), ended).await;
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
