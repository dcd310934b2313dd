use futures_handoff_router::detect::{LIMIT, resp::Command};

use crate::{Matcher, need, no, yes};

const NUMBER: &str = "a number of the command is malformed";
const STRINGS: &str = "the command has more than 1,048,576 strings";
const TOO_LONG: &str = "the name and the first argument are longer than 16 KiB";

#[test]
fn a_command_is_found_with_its_first_argument() {
    for (bytes, name, key) in [
        (&b"*1\r\n$4\r\nPING\r\n"[..], &b"PING"[..], None),
        (b"*2\r\n$3\r\nget\r\n$6\r\nuser:1\r\n", b"get", Some(&b"user:1"[..])),
        (b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n", b"SET", Some(b"")),
        (b"*1048576\r\n$4\r\nMSET\r\n$4\r\n\r\n\0\xff\r\n", b"MSET", Some(b"\r\n\0\xff")),
    ] {
        yes(Matcher::Resp, bytes, Command { name, key });
    }
}

#[test]
fn what_a_string_lacks_is_asked_for_at_once() {
    for (bytes, more) in [
        (&b""[..], 1),
        (b"*", 1),
        (b"*2\r", 1),
        (b"*2\r\n", 1),
        (b"*2\r\n$3", 1),
        (b"*2\r\n$3\r\n", 5),
        (b"*2\r\n$3\r\nGET\r", 1),
        (b"*2\r\n$3\r\nGET\r\n$1000\r\n", 1002),
        (b"*2\r\n$3\r\nGET\r\n$1000\r\nuser:1", 996),
    ] {
        need(Matcher::Resp, bytes, more);
    }
}

#[test]
fn numbers_that_lie_are_ruled_out_before_what_they_announce() {
    for (bytes, reason) in [
        ("P", "not RESP: the first byte is not that of an array"),
        ("$", "not RESP: the first byte is not that of an array"),
        ("*\r", NUMBER),
        ("*-", NUMBER),
        ("*+", NUMBER),
        ("*01", NUMBER),
        ("*00", NUMBER),
        ("*1\n", NUMBER),
        ("*1\r\r", NUMBER),
        ("*1 ", NUMBER),
        ("*0\r\n", "the command is empty"),
        ("*1048577", STRINGS),
        ("*4294967", STRINGS),
        ("*1\r\n*", "a string of the command is not a bulk string"),
        ("*1\r\n+", "a string of the command is not a bulk string"),
        ("*1\r\n$-", NUMBER),
        ("*1\r\n$\r", NUMBER),
        ("*1\r\n$05", NUMBER),
        ("*1\r\n$1\n", NUMBER),
        ("*1\r\n$92233", TOO_LONG),
        ("*1\r\n$16384\r\n", TOO_LONG),
        ("*1\r\n$0\r\n\r\n", "the name of the command is empty"),
        ("*1\r\n$1\r\nPI\r", "a string of the command is longer than announced"),
        ("*1\r\n$1\r\nP\n\n", "a string of the command is longer than announced"),
        ("*2\r\n$1\r\nP\r\n$-", NUMBER),
        ("*2\r\n$1\r\nP\r\n:", "a string of the command is not a bulk string"),
        ("*2\r\n$1\r\nP\r\n$20000", TOO_LONG),
    ] {
        no(Matcher::Resp, bytes, reason);
    }
}

#[test]
fn the_first_argument_ends_within_the_limit() {
    let front = b"*2\r\n$3\r\nGET\r\n";
    let key = |len: usize| format!("${len}\r\n{}\r\n", "k".repeat(len)).into_bytes();
    let most = LIMIT - front.len() - "$16384\r\n\r\n".len();
    let longest = key(most);
    yes(
        Matcher::Resp,
        [front, &longest[..]].concat(),
        Command { name: b"GET", key: Some(&longest[8..8 + most]) },
    );
    no(Matcher::Resp, [front, &key(most + 1)[..8]].concat(), TOO_LONG);
}
