//! SSH by its banner, and servers that speak first.

use std::net::Shutdown;

use crate::support::{
    Greeter, Mode,
    client::{cut_everywhere, read_exact},
    connect, read_all, serve, write_all,
};

also_spliced! {
    fn ssh_is_known_by_its_banner(mode) needs [] {
        let sshd = Greeter::new("SSH-2.0-server\r\n");
        let rest = Greeter::new("rest");
        let router = mode
            .router()
            .upstream("sshd", &[sshd.address])
            .upstream("rest", &[rest.address])
            .route("sshd", "match.ssh = true")
            .route("rest", "")
            .start();
        let ask = |banner: &[u8]| {
            let stream = connect(router.address);
            write_all(&stream, banner);
            stream.shutdown(Shutdown::Write).unwrap();
            read_all(&stream).0
        };
        assert_eq!(ask(b"SSH-2.0-x\r\n\0\0\x01"), b"SSH-2.0-server\r\nSSH-2.0-x\r\n\0\0\x01");
        assert_eq!(ask(b"SSH is a protocol\r\n"), b"restSSH is a protocol\r\n");
        let banner = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n";
        cut_everywhere(router.address, banner, |stream| {
            assert_eq!(read_exact(&stream, 16), b"SSH-2.0-server\r\n");
            assert_eq!(read_exact(&stream, banner.len()), banner);
        });
    }

    fn a_server_may_speak_first(mode) needs [] {
        let mail = serve(|stream| {
            write_all(&stream, b"220 mail\r\n");
            let (said, _) = read_all(&stream);
            write_all(&stream, &[b"250 ", &said[..]].concat());
        });
        let other = Greeter::new("other");
        let router = mode
            .router()
            .upstream("other", &[other.address])
            .upstream("mail", &[mail])
            .listener("detect_timeout = \"200ms\"")
            .route("other", r#"match.http.host = ["a.test"]"#)
            .route("other", r#"match.tls.sni = ["a.test"]"#)
            .route("other", "match.ssh = true")
            .route("mail", "")
            .start();
        // Nothing, and beginnings of HTTP, TLS and SSH.
        for first in ["", "GET", "\x16\x03\x01", "SSH-"] {
            let stream = connect(router.address);
            write_all(&stream, first.as_bytes());
            assert_eq!(read_exact(&stream, 10), b"220 mail\r\n");
            write_all(&stream, b"EHLO x\r\n");
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_all(&stream).0, [b"250 ", first.as_bytes(), b"EHLO x\r\n"].concat());
        }
        assert_eq!(other.accepted(), 0);
    }
}
