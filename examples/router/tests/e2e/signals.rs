//! SIGTERM, SIGHUP and `--check`.

use std::{
    fs::File,
    io::Write as _,
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use rustix::process::Signal;

use crate::support::{
    DEADLINE, Greeter, Mode, Router,
    client::{noise, read_exact},
    connect, exchange, local,
    program::{directory, eventually},
    read_all,
    router::BINARY,
    run, serve, write_all,
};

/// Makes the router read a pipe, and waits until it does.
fn reading(router: &Router) -> File {
    let file = router.path().join("router.toml");
    _ = std::fs::remove_file(&file);
    assert!(run("mkfifo", &[&file], b"").status.success());
    router.signal(Signal::HUP);
    File::options().write(true).open(&file).unwrap()
}

also_spliced! {
    fn open_connections_end_before_the_program(mode) needs [] {
        let (sender, accepted) = std::sync::mpsc::channel();
        let address = serve(move |stream| _ = sender.send(stream));
        let mut router = mode.router().upstream("server", &[address]).route("server", "").start();
        let client = connect(router.address);
        write_all(&client, b"download\r\n");
        let server = accepted.recv_timeout(DEADLINE).unwrap();
        // Later connections are closed.
        drop(accepted);
        let sent = noise(10 << 20);
        write_all(&server, &sent[..1000]);
        assert_eq!(read_exact(&client, 1000), sent[..1000]);
        router.signal(Signal::TERM);
        eventually("no new connections", || TcpStream::connect(router.address).err());
        thread::scope(|scope| {
            scope.spawn(|| {
                write_all(&server, &sent[1000..]);
                server.shutdown(Shutdown::Write).unwrap();
            });
            let (rest, end) = read_all(&client);
            end.unwrap();
            assert!(rest == sent[1000..]);
        });
        drop((client, server));
        assert!(router.ended().success());
    }

    fn what_does_not_end_is_cut(mode) needs [] {
        let greeter = Greeter::new("hello");
        let mut router = mode
            .router()
            .general("drain_timeout = \"200ms\"")
            .upstream("server", &[greeter.address])
            .upstream("ssh", &[greeter.address])
            .route("ssh", "match.ssh = true")
            .route("server", "")
            .start();
        // The first one is accepted first.
        let undecided = connect(router.address);
        write_all(&undecided, b"SSH");
        let stuck = connect(router.address);
        write_all(&stuck, b"x\r\n");
        read_exact(&stuck, 8);
        router.signal(Signal::TERM);
        _ = read_all(&stuck);
        router.ended();
        router.log.wait_for(1, &["ended before", "cut=2"]);
        // The bytes carried until then are counted.
        router.log.wait_for(1, &["route=server", "to_server=3 to_client=8 ", "end=cut"]);
        router.log.wait_for(1, &["route=- ", "end=cut"]);
    }
}

on_each_runtime! {
    fn nothing_open_is_nothing_to_wait_for(mode) needs [] {
        let greeter = Greeter::new("hello");
        let mut router = mode.router().upstream("server", &[greeter.address]).route("server", "").start();
        exchange(router.address, b"x\r\n");
        router.signal(Signal::TERM);
        assert!(router.ended().success());
    }

    fn a_second_signal_does_not_wait(mode) needs [] {
        let greeter = Greeter::new("hello");
        let mut router = mode.router().upstream("server", &[greeter.address]).route("server", "").start();
        let open = connect(router.address);
        read_exact(&open, 5);
        router.signal(Signal::TERM);
        router.log.wait_for(1, &["ending", "open=1"]);
        router.signal(Signal::TERM);
        router.ended();
        router.log.wait_for(1, &["ended before", "cut=1"]);
    }

    /// Also at the end of the program.
    fn a_listener_that_goes_leaves_its_connections(mode) needs [] {
        let greeter = Greeter::new("hello");
        let first = mode.router().upstream("server", &[greeter.address]).route("server", "");
        let mut router = first.start();
        let old = connect(router.address);
        write_all(&old, b"x\r\n");
        read_exact(&old, 8);
        let second = first.emptied().elsewhere().upstream("server", &[greeter.address]).route("server", "");
        router.rewrite(&second.text());
        router.signal(Signal::HUP);
        router.log.wait_for(1, &["stopped listening", &router.address.to_string()]);
        eventually("no new connections", || TcpStream::connect(router.address).err());
        router.signal(Signal::TERM);
        router.log.wait_for(1, &["ending"]);
        write_all(&old, b"still");
        assert_eq!(read_exact(&old, 5), b"still");
        drop(old);
        assert!(router.ended().success());
        router.log.wait_for(1, &["end=closed", "to_server=8 to_client=13 "]);
    }

    /// It comes back before its first connection has ended.
    fn a_listener_may_come_back(mode) needs [] {
        let greeter = Greeter::new("hello");
        let first = mode.router().upstream("server", &[greeter.address]).route("server", "");
        let mut router = first.start();
        let connections = [0; 2].map(|_| {
            let old = connect(router.address);
            write_all(&old, b"x\r\n");
            read_exact(&old, 8);
            let second = first.emptied().elsewhere().upstream("server", &[greeter.address]).route("server", "");
            for text in [second.text(), first.text()] {
                let before = router.log.with(&["was read again"]).len();
                router.rewrite(&text);
                router.signal(Signal::HUP);
                router.log.wait_for(before + 1, &["was read again"]);
            }
            eventually("the listener", || TcpStream::connect(router.address).ok());
            old
        });
        router.signal(Signal::TERM);
        for old in &connections {
            write_all(old, b"still");
            assert_eq!(read_exact(old, 5), b"still");
        }
        drop(connections);
        assert!(router.ended().success());
        assert_eq!(router.log.wait_for(2, &["end=closed", "to_server=8 to_client=13 "]).len(), 2);
    }

    /// As on a full disk.
    fn a_log_that_takes_nothing_ends_nothing(mode) needs [] {
        let servers = ["old!", "new!"].map(Greeter::new);
        let first = mode.router().upstream("server", &[servers[0].address]).route("server", "");
        let mut router = first.start_unheard("sh", &["-c", "exec \"$0\" \"$@\" 2>/dev/full", BINARY]);
        eventually("the listener", || TcpStream::connect(router.address).ok());
        assert_eq!(exchange(router.address, b"x\r\n"), b"old!x\r\n");
        router.rewrite(&first.emptied().upstream("server", &[servers[1].address]).route("server", "").text());
        router.signal(Signal::HUP);
        eventually("the new server", || (exchange(router.address, b"x\r\n") == b"new!x\r\n").then_some(()));
        router.signal(Signal::TERM);
        assert!(router.ended().success());
    }

    /// As when name servers are slow.
    fn a_slow_configuration_holds_nothing_up(mode) needs ["mkfifo"] {
        let greeter = Greeter::new("hello");
        let first = mode.router().general("threads = 1").upstream("server", &[greeter.address]).route("server", "");
        let mut router = first.start();
        let mut writer = reading(&router);
        assert_eq!(exchange(router.address, b"x\r\n"), b"hellox\r\n");
        writer.write_all(first.text().as_bytes()).unwrap();
        drop(writer);
        router.log.wait_for(1, &["was read again"]);
        let _writer = reading(&router);
        router.signal(Signal::TERM);
        assert!(router.ended().success());
    }

    /// The second signal is there before the first configuration is.
    fn a_listener_may_come_back_at_once(mode) needs ["mkfifo"] {
        let greeter = Greeter::new("hello");
        let first = mode.router().general("threads = 1").upstream("server", &[greeter.address]).route("server", "");
        let router = first.start();
        let second = first.emptied().elsewhere().upstream("server", &[greeter.address]).route("server", "");
        let mut writer = reading(&router);
        router.signal(Signal::HUP);
        thread::sleep(Duration::from_millis(50));
        writer.write_all(second.text().as_bytes()).unwrap();
        drop(writer);
        router.log.wait_for(1, &["stopped listening"]);
        File::options().write(true).open(router.path().join("router.toml")).unwrap()
            .write_all(first.text().as_bytes()).unwrap();
        router.log.wait_for(2, &["the configuration was read again"]);
        assert_eq!(exchange(router.address, b"x\r\n"), b"hellox\r\n");
    }

    fn routes_are_read_again(mode) needs [] {
        let servers = ["old!", "new!"].map(Greeter::new);
        let greeted = |router: &Router| {
            let stream = connect(router.address);
            write_all(&stream, b"x\r\n");
            (read_exact(&stream, 7), stream)
        };
        let first = mode.router().upstream("server", &[servers[0].address]).route("server", "");
        let router = first.start();
        let (said, old) = greeted(&router);
        assert_eq!(said, b"old!x\r\n");

        let second = first.emptied().upstream("other", &[servers[1].address]).route("other", "");
        router.rewrite(&second.text());
        router.signal(Signal::HUP);
        eventually("the new route", || (greeted(&router).0 == b"new!x\r\n").then_some(()));

        // An invalid configuration changes nothing, and is reported.
        let broken = second.text().replace("upstream = \"other\"", "upstream = \"nowhere\"");
        let line = 1 + broken.lines().position(|line| line.contains("nowhere")).unwrap();
        router.rewrite(&broken);
        router.signal(Signal::HUP);
        let told = router.log.wait_for(1, &["nowhere"]);
        assert!(told[0].contains(&format!("router.toml:{line}: ")) && told[0].contains("upstream"), "{told:?}");
        assert_eq!(greeted(&router).0, b"new!x\r\n");

        let taken = serve(drop).port();
        router.rewrite(&format!("{}\n[[listener]]\naddress = \"127.0.0.1:{taken}\"\n\
            [[listener.route]]\nupstream = \"other\"\n", second.text()));
        router.signal(Signal::HUP);
        router.log.wait_for(1, &[&format!("cannot listen at 127.0.0.1:{taken}")]);
        assert_eq!(greeted(&router).0, b"new!x\r\n");

        // None of this affects the old connection.
        write_all(&old, b"still");
        assert_eq!(read_exact(&old, 5), b"still");

        router.rewrite(&format!("threads = 7\n{}", first.text()));
        router.signal(Signal::HUP);
        router.log.wait_for(1, &["threads changes when the program is started again"]);
        eventually("the old route", || (greeted(&router).0 == b"old!x\r\n").then_some(()));
    }
}

#[test]
fn a_configuration_is_checked_without_being_used() {
    let mode = Mode { runtime: "tokio", splice: false };
    let router = mode.router().upstream("web", &[local(80)]).route("web", "");
    let sound = router.text();
    let broken = sound.replace("servers", "serverz");
    let line = 1 + broken.lines().position(|line| line.contains("serverz")).unwrap();
    let files = [("sound.toml", sound.as_bytes()), ("broken.toml", broken.as_bytes())];
    let directory = directory(&files);
    let _running = router.start();
    let mut second = router.launch(BINARY, &[]);
    // The address is in use by another program, which only shows when the router runs.
    assert_eq!(second.ended().code(), Some(1));
    second.log.wait_for(1, &["cannot listen at 127.0.0.1:"]);
    for (file, status, told) in [
        ("sound.toml", 0, "".into()),
        ("broken.toml", 1, format!("broken.toml:{line}: unknown field `serverz`")),
        ("missing.toml", 1, "missing.toml: ".into()),
    ] {
        let path = directory.path().join(file);
        let output = run(BINARY, &["--check", path.to_str().unwrap()], b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{file}: {said}");
        assert!(said.contains(&told) && said.is_empty() == told.is_empty(), "{file}: {said}");
    }
}
