//! Searches scan each byte once. Scanning 4 MiB anew for each of the searches here would take far longer than the
//! time after which a test counts as hanging.

mod read_parts;

use futures_handoff::{Delimiter, HandoffBuffer};
use futures_util::FutureExt;
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

#[test]
fn needles_in_turns_are_each_searched_for_once_per_byte() {
    soon(|| {
        let needles: [&[u8]; 4] = [b"\r\n", b"\n", b"a needle of more than 16 bytes", &[b'#'; 100]];
        let mut buffer = dots();
        for n in 0..SEARCHES {
            assert_eq!(buffer.find(needles[n % 4]), None);
        }
        // Each byte that arrives is looked at by all four.
        let mut reader = &vec![b'.'; 100_000][..];
        while !reader.is_empty() {
            let (mut byte, rest) = reader.split_at(1);
            finish(buffer.read_available(&mut byte)).unwrap();
            assert!(needles.iter().all(|needle| buffer.find(needle).is_none()));
            reader = rest;
        }
        let mut reader: &[u8] = b"\r\n";
        finish(buffer.read_available(&mut reader)).unwrap();
        assert_eq!(buffer.find(b"\r\n"), Some(LEN + 100_000));
        assert_eq!(buffer.find(b"\n"), Some(LEN + 100_001));
    });
}

#[test]
fn needles_in_turns_are_found_where_they_are() {
    let mut buffer = holding(64, b"k: v, k: w; x");
    for _ in 0..3 {
        let found = [&b":"[..], b", ", b";", b"x", b"y", b": "].map(|needle| buffer.find(needle));
        assert_eq!(found, [Some(1), Some(4), Some(10), Some(12), None, Some(1)]);
        assert_eq!(buffer.find_from(2, b":"), Some(7));
    }
    buffer.advance(6).unwrap();
    let found = [&b":"[..], b", ", b";", b"x", b"y", b": "].map(|needle| buffer.find(needle));
    assert_eq!(found, [Some(1), None, Some(4), Some(6), None, Some(1)]);
}

/// A needle of 64 KiB, and what arrives byte by byte: nothing like it, its beginning again and again, or all but its end.
fn long_needles() -> (Vec<u8>, [Vec<u8>; 3]) {
    let mut needle = vec![b'a'; 65536];
    needle[65535] = b'b';
    let beginnings = [&[b'a'; 50][..], b"c"].concat().repeat(2000);
    (needle, [vec![b'.'; 100_000], beginnings, vec![b'a'; 100_000]])
}

#[test]
fn a_byte_that_arrives_costs_no_more_for_a_long_needle() {
    soon(|| {
        let (needle, streams) = long_needles();
        for stream in streams {
            let mut buffer = buffer(1 << 20);
            for mut byte in stream.chunks(1) {
                finish(buffer.read_available(&mut byte)).unwrap();
                assert_eq!(buffer.find(&needle), None);
            }
            let mut reader = &needle[..];
            while !reader.is_empty() {
                finish(buffer.read_available(&mut reader)).unwrap();
            }
            assert_eq!(buffer.find(&needle), Some(stream.len()));
            let _ = buffer.freeze_all();
            assert_eq!(buffer.find(&needle), None);
        }
    });
}

#[test]
fn a_frame_behind_a_long_needle_costs_no_more_either() {
    soon(|| {
        let (needle, streams) = long_needles();
        for stream in streams {
            let frame = [stream, needle.clone()].concat();
            let mut buffer = buffer(1 << 20);
            let mut reader = Script::paced(&frame, 1);
            let mut finder = Delimiter::new(&needle);
            let mut parsed = 0;
            let got = loop {
                // As in a loop that selects: each byte has a future of its own, and a parser.
                if let Some(got) = buffer.next_frame(&mut reader, &mut finder).now_or_never() {
                    break got.unwrap().unwrap();
                }
                let found = buffer.parse(|cursor| cursor.find(&needle).ok_or(()));
                parsed += usize::from(found.is_err());
            };
            assert_eq!((got.len(), parsed), (frame.len(), frame.len() - 1));
        }
    });
}

/// Needles of two letters over text of their pieces, looked for from anywhere, while bytes arrive and leave.
#[test]
fn long_needles_are_found_where_a_plain_search_finds_them() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |n: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % n as u64).unwrap()
    };
    let mut hits = 0;
    for _ in 0..60 {
        let period: Vec<u8> = (0..1 + below(9)).map(|_| b'a' + u8::from(below(3) == 0)).collect();
        let mut needles: [Vec<u8>; 2] =
            [0, 1].map(|_| period.iter().copied().cycle().take(65 + below(30)).collect());
        if below(2) == 0 {
            *needles[0].last_mut().unwrap() = b'c';
        }
        let mut text = Vec::new();
        while text.len() < 3000 {
            let needle = &needles[below(2)];
            let end = if below(3) == 0 { needle.len() } else { below(needle.len()) };
            text.extend_from_slice(&needle[below(end + 1)..end]);
            text.extend((0..below(2)).map(|_| b'a' + u8::from(below(2) == 0)));
        }
        let mut buffer = buffer(8192);
        let (mut arrived, mut left) = (0, 0);
        while arrived < text.len() {
            let most = if below(4) == 0 { 300 } else { 8 };
            let end = text.len().min(arrived + 1 + below(most));
            let mut reader = &text[arrived..end];
            while !reader.is_empty() {
                finish(buffer.read_available(&mut reader)).unwrap();
            }
            arrived = end;
            let unread = &text[left..arrived];
            for _ in 0..below(4) {
                let needle = &needles[below(2)];
                let from = if below(2) == 0 { 0 } else { below(unread.len() + 1) };
                let plain = unread[from..].windows(needle.len()).position(|window| window == needle);
                assert_eq!(buffer.find_from(from, needle), plain.map(|at| from + at));
                hits += usize::from(plain.is_some());
            }
            if below(3) == 0 {
                let n = below(unread.len().min(40) + 1);
                buffer.advance(n).unwrap();
                left += n;
            }
        }
    }
    assert!(hits > 500, "{hits}");
}
