//! More connections than there may be.

use std::{io::Write as _, net::Shutdown, thread};

use crate::support::{
    Greeter, Mode,
    client::{in_parallel, noise, read_exact},
    connect, exchange,
    program::eventually,
    read_all,
    router::BINARY,
    write_all,
};

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
        // What is accepted and cannot be passed on is closed, and the rest waits.
        router.log.wait_for(1, &["Too many open files"]);
        // Those that are open already do not notice.
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
        // It failed many times, and has said so once.
        let lines = router.log.with(&["accepting fails"]);
        assert_eq!(lines.len(), 1, "{lines:#?}");
    }
}
