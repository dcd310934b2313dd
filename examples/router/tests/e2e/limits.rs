//! More connections than allowed.

use std::{
    io::Write as _,
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use crate::support::{
    DEADLINE, Greeter, Mode,
    client::{in_parallel, noise, read_exact},
    connect, exchange,
    program::eventually,
    read_all,
    router::BINARY,
    serve, write_all,
};

/// Enough connections to tell their memory from that of the program.
const MANY: usize = 300;

on_each_runtime! {
    fn no_more_are_open_than_allowed(mode) needs [] {
        let greeter = Greeter::new("hi");
        let router = mode
            .router()
            .upstream("server", &[greeter.address])
            .listener("max_connections = 4")
            .route("server", "")
            .start();
        in_parallel(60, |_| assert_eq!(exchange(router.address, b"x\r\n"), b"hix\r\n"));
        let (_, most) = *greeter.open.lock().unwrap();
        assert!(most <= 4, "{most} at a time");
        assert_eq!(greeter.accepted(), 60);
    }

}

on_each_runtime! {
    fn it_takes_what_descriptors_it_may(mode) needs [] {
        let greeter = Greeter::new("hi");
        let configuration = mode.router().upstream("server", &[greeter.address]).route("server", "");
        let router = configuration.start_by("sh", &["-c", "ulimit -Sn 64; exec \"$0\" \"$@\"", BINARY]);
        let held: Vec<_> = (0..100).map(|_| connect(router.address)).collect();
        held.iter().for_each(|stream| assert_eq!(read_exact(stream, 2), b"hi"));
    }

    /// Silent clients of the admin page take no descriptors from the listeners.
    fn few_are_at_the_admin_page_at_a_time(mode) needs [] {
        let greeter = Greeter::new("hi");
        let router = mode.router().upstream("server", &[greeter.address]).route("server", "").start();
        let before = router.sockets();
        let asking: Vec<_> = (0..MANY).map(|_| connect(router.admin)).collect();
        // The first ones are answered, so the limit is reached.
        thread::sleep(Duration::from_millis(300));
        let open = router.sockets() - before;
        assert!(0 < open && open <= 32, "{open}");
        drop(asking);
        assert!(exchange(router.admin, b"GET / HTTP/1.1\r\n\r\n").starts_with(b"HTTP/1.1 200 OK"));
    }

    /// Independent of what the client has sent before.
    fn what_waits_keeps_little(mode) needs [] {
        let (sender, accepted) = std::sync::mpsc::channel();
        let address = serve(move |stream| sender.send(stream).unwrap());
        let router = mode
            .router()
            .upstream("server", &[address])
            .listener("accept_proxy = \"optional\"")
            .route("server", r#"match.http.host = ["other.test"]"#)
            .route("server", r#"match.resp.key = ["other:"]"#)
            .route("server", "")
            .start();
        let long = "a".repeat(16_000);
        let command = [b"*1\r\n$16000\r\n", &[0xff; 16_000][..], b"\r\n"].concat();
        let header = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x00\x3e\x83\xe0\x3e\x80"[..], long.as_bytes(), b"x\r\n"].concat();
        let host = format!("GET / HTTP/1.1\r\nHost: {long}\r\n\r\n").into_bytes();
        for (name, bytes, sent) in [
            ("nothing of note", &b"x\r\n"[..], 3),
            ("a long command", &command, command.len()),
            ("a long host", &host, host.len()),
            ("a long header", &header, 3),
        ] {
            let before = router.memory();
            let pairs: Vec<_> = (0..MANY)
                .map(|_| {
                    let client = connect(router.address);
                    write_all(&client, bytes);
                    let server = accepted.recv_timeout(DEADLINE).unwrap();
                    read_exact(&server, sent);
                    (client, server)
                })
                .collect();
            let grown = router.memory().saturating_sub(before);
            assert!(grown < pairs.len() * (8 << 10), "{name}: {grown} bytes");
        }
    }

    /// A sender is as fast as its receiver, with little memory in between.
    fn what_is_not_read_is_not_kept(mode) needs [] {
        let (sender, accepted) = std::sync::mpsc::channel();
        let address = serve(move |stream| sender.send(stream).unwrap());
        let router = mode.router().upstream("server", &[address]).route("server", "").start();
        let pairs: Vec<_> = (0..20)
            .map(|_| {
                let client = connect(router.address);
                write_all(&client, b"x");
                (client, accepted.recv_timeout(DEADLINE).unwrap())
            })
            .collect();
        let before = router.memory();
        let block = noise(64 << 10);
        let fill = |mut stream: &TcpStream| {
            stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
            while stream.write_all(&block).is_ok() {}
        };
        in_parallel(pairs.len(), |number| {
            fill(&pairs[number].0);
            fill(&pairs[number].1);
        });
        let grown = router.memory().saturating_sub(before);
        // 256 KiB for each direction, and half as much again for blocks that are not full.
        assert!(grown < pairs.len() * 2 * (384 << 10), "{grown} bytes");
    }
}

also_spliced! {
    fn it_goes_on_when_there_are_no_descriptors(mode) needs [] {
        let greeter = Greeter::new("hi");
        let configuration = mode.router().upstream("server", &[greeter.address]).route("server", "");
        let router = configuration.start_by("sh", &["-c", "ulimit -n 64; exec \"$0\" \"$@\"", BINARY]);
        let before = router.sockets();
        let open = connect(router.address);
        read_exact(&open, 2);
        let held: Vec<_> = (0..100).map(|_| connect(router.address)).collect();
        held.iter().for_each(|mut stream| _ = stream.write_all(b"x\r\n"));
        // Accepted connections that cannot be passed on are closed, and the rest waits.
        router.log.wait_for(1, &["Too many open files"]);
        // Open connections are not affected.
        let sent = noise(1 << 20);
        thread::scope(|scope| {
            scope.spawn(|| write_all(&open, &sent));
            assert!(read_exact(&open, sent.len()) == sent);
        });
        open.shutdown(Shutdown::Write).unwrap();
        assert!(read_all(&open).0.is_empty());
        drop((open, held));
        eventually("connections again", || {
            let stream = connect(router.address);
            _ = (&stream).write_all(b"y\r\n");
            _ = stream.shutdown(Shutdown::Write);
            (read_all(&stream).0 == b"hiy\r\n").then_some(())
        });
        eventually("as many sockets as before", || (router.sockets() <= before).then_some(()));
        // It failed many times, and logged it once.
        let lines = router.log.with(&["accepting failed"]);
        assert_eq!(lines.len(), 1, "{lines:#?}");
    }
}
