//! Which server of an upstream gets a connection.

use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::time::Duration;

use crate::support::{
    Greeter, Mode,
    client::{in_parallel, read_exact},
    connect, exchange, free_port, local, read_all, write_all,
};
use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

const REQUEST: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// A server that does not answer: its backlog is full, and it accepts nothing.
fn silent() -> (TcpListener, SocketAddr, Vec<TcpStream>) {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    listen(&socket, 0).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let fill = || TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
    let queued = std::iter::from_fn(fill).collect();
    (listener, address, queued)
}

fn ask(router: SocketAddr) -> String {
    String::from_utf8_lossy(&exchange(router, REQUEST)).into_owned()
}

on_each_runtime! {
    fn the_next_server_is_tried(mode) needs [] {
        let (_listener, silent, _queued) = silent();
        let dead = local(free_port());
        for balance in ["round-robin", "least-connections"] {
            for first in [dead, silent] {
                let good = Greeter::new("good");
                let keys = format!("balance = \"{balance}\"\nconnect_timeout = \"100ms\"\nsend_proxy = \"v1\"");
                let router = mode
                    .router()
                    .upstream_with("servers", &[first, dead, good.address], &keys)
                    .route("servers", "")
                    .start();
                for number in 1..=6 {
                    let answer = ask(router.address);
                    // Everything that was sent, once.
                    assert!(answer.starts_with("goodPROXY TCP4 127.0.0.1 ") && answer.ends_with("PING\r\n"));
                    assert_eq!((answer.matches("PROXY").count(), good.accepted()), (1, number));
                }
            }
        }
    }

    fn others_are_not_hurt_when_all_are_dead(mode) needs [] {
        let (_listener, silent, _queued) = silent();
        let good = Greeter::new("good");
        let router = mode
            .router()
            .upstream_with("dead", &[local(free_port()), silent], "connect_timeout = \"100ms\"")
            .upstream("good", &[good.address])
            .route("dead", r#"match.resp.command = ["PING"]"#)
            .route("good", "")
            .start();
        let beside = connect(router.address);
        write_all(&beside, b"hello\r\n");
        read_exact(&beside, 4 + 7);
        in_parallel(5, |_| {
            let stream = connect(router.address);
            write_all(&stream, REQUEST);
            assert_eq!(read_all(&stream).0, b"");
        });
        write_all(&beside, b"again");
        assert_eq!(read_exact(&beside, 5), b"again");
        beside.shutdown(Shutdown::Both).unwrap();
        router.log.wait_for(1, &["route=good", "end=closed"]);
        let lines = router.log.wait_for(5, &["route=dead", "end=unreachable"]);
        assert_eq!(lines.len(), 5, "{lines:#?}");
    }

    fn round_robin_spreads_evenly(mode) needs [] {
        let servers = ["a", "b", "c"].map(Greeter::new);
        let addresses = servers.each_ref().map(|server| server.address);
        let router = mode.router().upstream("servers", &addresses).route("servers", "").start();
        in_parallel(30, |_| _ = ask(router.address));
        assert_eq!(servers.map(|server| server.accepted()), [10; 3]);
    }

    fn the_server_with_the_fewest_connections_is_chosen(mode) needs [] {
        let servers = ["a", "b"].map(Greeter::new);
        let addresses = servers.each_ref().map(|server| server.address);
        let router = mode
            .router()
            .upstream_with("servers", &addresses, "balance = \"least-connections\"")
            .route("servers", "")
            .start();
        let open = || {
            let stream = connect(router.address);
            write_all(&stream, REQUEST);
            let name = read_exact(&stream, 1 + REQUEST.len())[0];
            (stream, name)
        };
        let mut held = vec![open(), open(), open(), open()];
        let count = |held: &[(TcpStream, u8)], name| held.iter().filter(|one| one.1 == name).count();
        assert_eq!((count(&held, b'a'), count(&held, b'b')), (2, 2));
        // All connections of one server end; the next ones go to it.
        let left = held.extract_if(.., |one| one.1 == b'a').count();
        assert_eq!(router.log.wait_for(left, &["route="]).len(), left);
        for _ in 0..2 {
            held.push(open());
            assert_eq!(held.last().unwrap().1, b'a');
        }
    }
}
