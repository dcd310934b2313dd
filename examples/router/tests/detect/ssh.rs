use futures_handoff_router::detect::ssh::{Banner, MAX_BANNER};

use crate::{Matcher, need, no, yes};

#[test]
fn the_version_of_a_client_is_found() {
    for (line, version) in [
        ("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", "OpenSSH_9.2p1"),
        ("SSH-2.0-Go\r\n", "Go"),
        ("SSH-2.0-a-b \u{fc}\r\n", "a-b"),
    ] {
        yes(Matcher::Ssh, line, Banner { version });
    }
    need(Matcher::Ssh, "", 1);
    need(Matcher::Ssh, "SSH-", 1);
    need(Matcher::Ssh, "SSH-2.0-a\r", 1);
}

#[test]
fn what_is_no_client_of_ssh_2_is_ruled_out_at_the_byte_that_shows_it() {
    for (line, reason) in [
        ("s", "not SSH 2.0"),
        ("\r", "not SSH 2.0"),
        ("SSH-1", "not SSH 2.0"),
        ("SSH-2.0\r", "not SSH 2.0"),
        ("SSH-2.0-\r", "the version of SSH is empty"),
        ("SSH-2.0- ", "the version of SSH is empty"),
        ("SSH-2.0-a\n", "the identification of SSH has a control character"),
        ("SSH-2.0-a\0", "the identification of SSH has a control character"),
        ("SSH-2.0-a b\t", "the identification of SSH has a control character"),
        ("SSH-2.0-a\r\r", "the identification of SSH has a control character"),
    ] {
        no(Matcher::Ssh, line, reason);
    }
    no(Matcher::Ssh, b"SSH-2.0-a\xff", "the version of SSH is not ASCII");
}

#[test]
fn the_line_of_a_client_has_at_most_255_bytes() {
    let version = "a".repeat(MAX_BANNER - "SSH-2.0-\r\n".len());
    yes(Matcher::Ssh, format!("SSH-2.0-{version}\r\n"), Banner { version: &version });
    const TOO_LONG: &str = "the identification of SSH is longer than 255 bytes";
    no(Matcher::Ssh, format!("SSH-2.0-{version}aa"), TOO_LONG);
    no(Matcher::Ssh, format!("SSH-2.0-{version}a\r"), TOO_LONG);
}
