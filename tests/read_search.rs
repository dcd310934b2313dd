//! Searches scan each byte once. Scanning 4 MiB anew for each of the searches here would take far longer than the
//! time after which a test counts as hanging.

mod read_parts;

use futures_handoff::HandoffBuffer;
use read_parts::*;

const LEN: usize = 4 << 20;
const SEARCHES: usize = 1_000_000;

fn dots() -> HandoffBuffer {
    holding(2 * LEN, &vec![b'.'; LEN])
}

#[test]
fn a_search_resumes_where_it_stopped() {
    soon(|| {
        for needle in [&b"\n"[..], b"\r\n", b"--a boundary of more than 16 bytes--"] {
            let mut buffer = dots();
            for _ in 0..SEARCHES {
                assert_eq!(buffer.find(needle), None);
            }
            let mut reader = needle;
            finish(buffer.read_available(&mut reader)).unwrap();
            assert_eq!(buffer.find(needle), Some(LEN));
        }
    });
}

#[test]
fn a_needle_once_found_is_not_searched_for_again() {
    soon(|| {
        let mut buffer = dots();
        let mut reader: &[u8] = b"\n";
        finish(buffer.read_available(&mut reader)).unwrap();
        for _ in 0..SEARCHES {
            assert_eq!(buffer.find(b"\n"), Some(LEN));
        }
    });
}

#[test]
fn consuming_keeps_the_place() {
    soon(|| {
        let mut buffer = dots();
        for _ in 0..SEARCHES {
            assert_eq!(buffer.find(b"\n"), None);
            buffer.advance(1).unwrap();
        }
        assert_eq!(buffer.len(), LEN - SEARCHES);
    });
}

#[test]
fn looking_ahead_goes_on_behind_what_was_found() {
    soon(|| {
        let mut buffer = holding(2 * LEN, &b".......\n".repeat(LEN / 8));
        let mut from = 0;
        let mut lines = 0;
        while let Some(end) = buffer.find_from(from, b"\n") {
            assert_eq!(end % 8, 7);
            (from, lines) = (end + 1, lines + 1);
        }
        assert_eq!((from, lines), (LEN, LEN / 8));
        let mut reader = &vec![b'.'; LEN][..];
        while !reader.is_empty() {
            finish(buffer.read_available(&mut reader)).unwrap();
        }
        for _ in 0..SEARCHES {
            assert_eq!(buffer.find_from(from, b"\n"), None);
        }
        assert_eq!(buffer.find_from(2 * LEN + 1, b"\n"), None, "there is nothing so far");
    });
}

#[test]
fn a_parser_that_starts_over_keeps_the_place_of_its_last_search() {
    soon(|| {
        let mut buffer = buffer(2 * LEN);
        let mut reader = &[b"first line\n", &vec![b'.'; LEN][..]].concat()[..];
        while !reader.is_empty() {
            finish(buffer.read_available(&mut reader)).unwrap();
        }
        for _ in 0..SEARCHES {
            let parsed = buffer.parse(|cursor| {
                let end = cursor.find(b"\n").ok_or(())?;
                assert_eq!(cursor.take(end + 1).unwrap(), "first line\n");
                cursor.find(b"\n").ok_or(())
            });
            assert!(parsed.is_err());
        }
    });
}

#[test]
fn a_search_from_an_earlier_place_resumes_as_well() {
    soon(|| {
        let mut buffer = dots();
        assert_eq!(buffer.find_from(LEN / 2, b"\n"), None);
        for _ in 0..SEARCHES {
            assert_eq!(buffer.find(b"\n"), None);
        }
    });
}
