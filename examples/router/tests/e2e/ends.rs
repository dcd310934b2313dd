//! How connections end.

use std::{
    io::Write,
    net::{Shutdown, SocketAddr, TcpStream},
    sync::mpsc,
};

use rustix::net::{SendFlags, send};

use crate::support::{
    DEADLINE, Greeter, Mode, Router,
    client::{in_parallel, noise, read_exact, reset, write_with_end},
    connect, read_all, serve,
    servers::mirror,
    write_all,
};

const LONG: usize = 1 << 20;

fn routed(mode: Mode, server: SocketAddr) -> Router {
    mode.router().upstream("server", &[server]).route("server", "match.resp.key = [\"k\"]").start()
}

const REQUEST: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";

/// A server that passes its connections to the test.
fn handed_over() -> (SocketAddr, mpsc::Receiver<TcpStream>) {
    let (sender, receiver) = mpsc::channel();
    (serve(move |stream| _ = sender.send(stream)), receiver)
}

/// Both ends of a connection through a router, after the request.
fn pair(mode: Mode) -> (Router, TcpStream, TcpStream) {
    let (address, accepted) = handed_over();
    let router = routed(mode, address);
    let client = connect(router.address);
    write_all(&client, REQUEST);
    let server = accepted.recv_timeout(DEADLINE).unwrap();
    assert_eq!(read_exact(&server, REQUEST.len()), REQUEST);
    (router, client, server)
}

also_spliced! {
    /// Only the urgent byte is lost, as for every program that does not ask for it.
    fn an_urgent_byte_holds_nothing_up(mode) needs [] {
        let (_router, client, server) = pair(mode);
        let sent = noise(200_000);
        // Long pieces are spliced.
        write_all(&client, &sent);
        assert!(read_exact(&server, sent.len()) == sent);
        send(&client, b"!", SendFlags::OOB).unwrap();
        write_all(&client, &sent);
        assert!(read_exact(&server, sent.len()) == sent);
        send(&client, b"!", SendFlags::OOB).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert!(read_all(&server).0.is_empty());
    }

    fn a_client_that_has_said_all_gets_its_answer(mode) needs [] {
        let router = routed(mode, mirror());
        let long = noise(10 * LONG);
        for rest in [&b""[..], &long[..LONG], &long] {
            let client = connect(router.address);
            write_all(&client, REQUEST);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    write_all(&client, rest);
                    client.shutdown(Shutdown::Write).unwrap();
                });
                let (answer, end) = read_all(&client);
                end.unwrap();
                assert!(answer == [REQUEST, rest].concat());
            });
        }
    }

    fn a_server_that_has_said_all_gets_the_rest(mode) needs [] {
        let (_router, client, server) = pair(mode);
        write_all(&server, b"all");
        server.shutdown(Shutdown::Write).unwrap();
        let (answer, end) = read_all(&client);
        end.unwrap();
        assert_eq!(answer, b"all");
        let long = noise(LONG);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                write_all(&client, &long);
                client.shutdown(Shutdown::Write).unwrap();
            });
            let (rest, end) = read_all(&server);
            end.unwrap();
            assert!(rest == long);
        });
    }

    /// Both directions at once, in pieces of all sizes, on many connections.
    fn many_connections_get_back_what_each_has_sent(mode) needs [] {
        let echo = Greeter::new("");
        let router = routed(mode, echo.address);
        let long = noise(LONG);
        in_parallel(96, |number| {
            let client = connect(router.address);
            let sent = [REQUEST, &long[number * 1000..][..300_000]].concat();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let mut rest = &sent[..];
                    while let Some((piece, behind)) = rest.split_at_checked(40 * usize::from(rest[0]) + 40)
                        && !behind.is_empty()
                    {
                        write_all(&client, piece);
                        rest = behind;
                    }
                    write_all(&client, rest);
                    client.shutdown(Shutdown::Write).unwrap();
                });
                let (answer, end) = read_all(&client);
                end.unwrap();
                assert!(answer == sent, "{} bytes", answer.len());
            });
        });
        let carried = format!("to_server={0} to_client={0} ", REQUEST.len() + 300_000);
        router.log.wait_for(96, &["end=closed", &carried]);
        assert_eq!(echo.accepted(), 96);
    }

    fn an_end_may_come_with_the_bytes_that_decide(mode) needs [] {
        let router = mode
            .router()
            .upstream("server", &[mirror()])
            .route("server", "match.resp.key = [\"k\"]")
            .route("server", "")
            .start();
        // With decided connections, and with undecided ones.
        for (bytes, route) in [(REQUEST, "server "), (&REQUEST[..7], "server-1 ")].repeat(10) {
            let client = connect(router.address);
            write_with_end(&client, bytes);
            let (answer, end) = read_all(&client);
            end.unwrap();
            assert_eq!(answer, bytes);
            router.log.wait_for(1, &[&format!("route={route}"), "end=closed"]);
        }
    }

    /// Everything before, then an error: the client must learn that it is not complete.
    fn a_reset_of_the_server_is_no_clean_end(mode) needs [] {
        in_parallel(2, |number| {
            let count = [0, 10 << 10][number];
            let (router, client, server) = pair(mode);
            let sent = noise(count);
            write_all(&server, &sent);
            reset(server);
            let (answer, end) = read_all(&client);
            assert!(answer == sent, "{} bytes", answer.len());
            assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
            router.log.wait_for(1, &["end=upstream_error", &format!("to_client={count} ")]);
        });
    }

    /// A write to the server gets the reset, and what is read from it then looks like an end. The
    /// client learns of the reset in the same way: by a read, or else by a write.
    fn a_reset_of_the_server_during_an_upload_is_no_clean_end(mode) needs [] {
        let (router, client, server) = pair(mode);
        let mut upload = client.try_clone().unwrap();
        let uploading = std::thread::spawn(move || {
            let bytes = noise(100_000);
            loop {
                if let Err(error) = upload.write_all(&bytes) {
                    return error;
                }
            }
        });
        write_all(&server, b"half an ans");
        read_exact(&server, 500_000);
        reset(server);
        let (_, end) = read_all(&client);
        let failures = [end.err(), Some(uploading.join().unwrap())].map(|error| error.map(|error| error.kind()));
        assert!(failures.contains(&Some(std::io::ErrorKind::ConnectionReset)), "{failures:?}");
        router.log.wait_for(1, &["end=upstream_error"]);
    }

    /// The server ends its answer, and resets the connection because it reads no more of the
    /// upload.
    fn an_answer_that_has_ended_is_whole_although_the_upload_is_reset(mode) needs [] {
        for (len, at_once) in [(11, true), (30_000, true), (11, false), (2 * LONG, false)] {
            let (_router, client, server) = pair(mode);
            let mut upload = client.try_clone().unwrap();
            let uploading = std::thread::spawn(move || {
                let bytes = noise(100_000);
                while upload.write_all(&bytes).is_ok() {}
            });
            read_exact(&server, 500_000);
            let sent = noise(len);
            let (answer, end) = std::thread::scope(|scope| {
                let receiving = scope.spawn(|| read_all(&client));
                write_all(&server, &sent);
                server.shutdown(Shutdown::Write).unwrap();
                // A short answer is in the kernel of the router before the reset.
                while !(at_once || receiving.is_finished()) {
                    std::thread::yield_now();
                }
                reset(server);
                receiving.join().unwrap()
            });
            end.unwrap();
            assert!(answer == sent, "{} of {len} bytes", answer.len());
            client.shutdown(Shutdown::Both).unwrap();
            uploading.join().unwrap();
        }
    }

    /// The answer waits in the kernel of the router until the client has sent all.
    fn a_client_that_sends_all_before_it_reads_gets_an_answer_that_has_ended(mode) needs [] {
        let (_router, client, server) = pair(mode);
        let sent = noise(2 * LONG);
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                write_all(&client, &noise(20 * LONG));
                read_all(&client)
            });
            read_exact(&server, 500_000);
            write_all(&server, &sent);
            server.shutdown(Shutdown::Write).unwrap();
            // The router has it all by then.
            std::thread::sleep(std::time::Duration::from_millis(300));
            reset(server);
            let (answer, end) = asking.join().unwrap();
            end.unwrap();
            assert!(answer == sent, "{} bytes", answer.len());
        });
    }

    fn a_reset_of_the_client_is_no_clean_end(mode) needs [] {
        let (router, client, server) = pair(mode);
        write_all(&client, &noise(10 << 10));
        reset(client);
        let (rest, end) = read_all(&server);
        assert!(rest == noise(10 << 10), "{} bytes", rest.len());
        assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        router.log.wait_for(1, &["end=client_error", &format!("to_server={} ", REQUEST.len() + (10 << 10))]);
    }

    fn a_connection_without_a_byte_is_ended(mode) needs [] {
        let (address, accepted) = handed_over();
        let router = mode
            .router()
            .upstream("server", &[address])
            .listener("idle_timeout = \"10m\"")
            .route("server", "match.resp.key = [\"k\"]\nidle_timeout = \"500ms\"")
            .start();
        let client = connect(router.address);
        write_all(&client, REQUEST);
        let server = accepted.recv_timeout(DEADLINE).unwrap();
        // A connection with traffic goes on.
        for _ in 0..20 {
            write_all(&server, b".");
            read_exact(&client, 1);
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        _ = read_all(&client);
        assert!(read_all(&server).0.starts_with(REQUEST));
        assert_eq!(router.log.wait_for(1, &["end=idle"]).len(), 1);
    }
}
