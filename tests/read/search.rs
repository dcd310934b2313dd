//! Searches scan each byte once, whatever is searched for in between. Scanning 4 MiB again for each
//! search here would take far longer than the watchdog allows.

use futures_handoff::{Delimiter, HandoffBuffer};
use futures_util::FutureExt;

use crate::support::*;

const LEN: usize = 4 << 20;
const SEARCHES: usize = 1_000_000;

fn dots() -> HandoffBuffer {
    holding(2 * LEN, &vec![b'.'; LEN])
}

#[test]
fn a_search_goes_on_behind_what_was_searched_and_is_not_fooled() {
    let mut buffer = buffer(64);
    assert_eq!(buffer.find(b"\r\n"), None);
    read_all(&mut buffer, b"ab\r");
    assert_eq!(buffer.find(b"\r\n"), None);
    read_all(&mut buffer, b"\ncd\r\n");
    let found = [&b"\r\n"[..], b"\r\n", b"b", b"\r\n"].map(|needle| buffer.find(needle));
    assert_eq!(found, [Some(2), Some(2), Some(1), Some(2)]);
    for (n, place) in [(3, 3), (1, 2)] {
        buffer.advance(n).unwrap();
        assert_eq!(buffer.find(b"\r\n"), Some(place));
    }
    assert_eq!(buffer.find(b""), Some(0));
    assert_eq!(buffer.find(b"a needle that is longer than all there is"), None);
    assert_eq!(buffer.find(&[b'\n'; 100]), None);
    buffer.advance(4).unwrap();
    assert_eq!(buffer.find(b"\n"), None);
    read_all(&mut buffer, b"\n");
    assert_eq!(buffer.find(b"\n"), Some(0));
}

/// A needle of 64 KiB, and what arrives byte by byte: nothing like it, its beginning again and
/// again, or all but its end.
fn long_needles() -> (Vec<u8>, [Vec<u8>; 3]) {
    let mut needle = vec![b'a'; 65536];
    needle[65535] = b'b';
    let beginnings = [&[b'a'; 50][..], b"c"].concat().repeat(2000);
    (needle, [vec![b'.'; 100_000], beginnings, vec![b'a'; 100_000]])
}

futures_handoff_runtimes::watched_tests! {
    fn a_search_resumes_where_it_stopped() {
        for needle in [&b"\n"[..], b"\r\n", b"--a boundary of more than 16 bytes--"] {
            let mut buffer = dots();
            assert!((0..SEARCHES).all(|_| buffer.find(needle).is_none()));
            read_all(&mut buffer, needle);
            assert!((0..SEARCHES).all(|_| buffer.find(needle) == Some(LEN)), "it was found already");
        }
    }

    fn consuming_keeps_the_place() {
        let mut buffer = dots();
        for _ in 0..SEARCHES {
            assert_eq!(buffer.find(b"\n"), None);
            buffer.advance(1).unwrap();
        }
        assert_eq!(buffer.len(), LEN - SEARCHES);
    }

    fn looking_ahead_goes_on_behind_what_was_found() {
        let mut buffer = holding(2 * LEN, &b".......\n".repeat(LEN / 8));
        let (mut from, mut lines) = (0, 0);
        while let Some(end) = buffer.find_from(from, b"\n") {
            assert_eq!(end % 8, 7);
            (from, lines) = (end + 1, lines + 1);
        }
        assert_eq!((from, lines), (LEN, LEN / 8));
        read_all(&mut buffer, &vec![b'.'; LEN]);
        assert!((0..SEARCHES).all(|_| buffer.find_from(from, b"\n").is_none()));
        assert_eq!(buffer.find_from(2 * LEN + 1, b"\n"), None, "there is nothing so far");
    }

    fn a_parser_that_starts_over_keeps_the_place_of_its_last_search() {
        let mut buffer = buffer(2 * LEN);
        read_all(&mut buffer, &[b"first line\n", &vec![b'.'; LEN][..]].concat());
        for _ in 0..SEARCHES {
            let parsed = buffer.parse(|cursor| {
                let end = cursor.find(b"\n").ok_or(())?;
                assert_eq!(cursor.take(end + 1).unwrap(), "first line\n");
                cursor.find(b"\n").ok_or(())
            });
            assert!(parsed.is_err());
        }
    }

    fn a_search_from_an_earlier_place_resumes_as_well() {
        let mut buffer = dots();
        assert_eq!(buffer.find_from(LEN / 2, b"\n"), None);
        assert!((0..SEARCHES).all(|_| buffer.find(b"\n").is_none()));
    }

    fn needles_in_turns_are_each_searched_for_once_per_byte() {
        let needles: [&[u8]; 4] = [b"\r\n", b"\n", b"a needle of more than 16 bytes", &[b'#'; 100]];
        let mut buffer = dots();
        assert!((0..SEARCHES).all(|n| buffer.find(needles[n % 4]).is_none()));
        // Each byte that arrives is looked at by all four.
        for byte in [b'.'; 100_000].chunks(1) {
            read_all(&mut buffer, byte);
            assert!(needles.iter().all(|needle| buffer.find(needle).is_none()));
        }
        read_all(&mut buffer, b"\r\n");
        assert_eq!(buffer.find(b"\r\n"), Some(LEN + 100_000));
        assert_eq!(buffer.find(b"\n"), Some(LEN + 100_001));
    }

    fn a_byte_that_arrives_costs_no_more_for_a_long_needle() {
        let (needle, streams) = long_needles();
        for stream in streams {
            let mut buffer = buffer(1 << 20);
            for byte in stream.chunks(1) {
                read_all(&mut buffer, byte);
                assert_eq!(buffer.find(&needle), None);
            }
            read_all(&mut buffer, &needle);
            assert_eq!(buffer.find(&needle), Some(stream.len()));
            let _ = buffer.freeze_all();
            assert_eq!(buffer.find(&needle), None);
        }
    }

    fn a_frame_behind_a_long_needle_costs_no_more_either() {
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
    }
}

/// Two needles over text of their pieces, looked for from anywhere, while bytes arrive and leave.
fn found_as_by_a_plain_search(below: &mut impl FnMut(usize) -> usize, needles: [Vec<u8>; 2]) -> usize {
    let mut text = Vec::new();
    while text.len() < 3000 {
        let needle = &needles[below(2)];
        let end = if below(3) == 0 { needle.len() } else { below(needle.len()) };
        text.extend_from_slice(&needle[below(end + 1)..end]);
        text.extend((0..below(2)).map(|_| b'a' + u8::from(below(2) == 0)));
    }
    let mut buffer = buffer(8192);
    let (mut arrived, mut left, mut hits) = (0, 0, 0);
    while arrived < text.len() {
        let most = if below(4) == 0 { 300 } else { 8 };
        let end = text.len().min(arrived + 1 + below(most));
        read_all(&mut buffer, &text[arrived..end]);
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
    hits
}

/// Long ones, which are searched for in another way, and short ones.
#[test]
fn needles_are_found_where_a_plain_search_finds_them() {
    let mut below = random(0x2545_f491_4f6c_dd1d);
    let mut hits = 0;
    for _ in 0..60 {
        let period: Vec<u8> = (0..1 + below(9)).map(|_| b'a' + u8::from(below(3) == 0)).collect();
        let mut needles: [Vec<u8>; 2] =
            [0, 1].map(|_| period.iter().copied().cycle().take(65 + below(30)).collect());
        if below(2) == 0 {
            *needles[0].last_mut().unwrap() = b'c';
        }
        hits += found_as_by_a_plain_search(&mut below, needles);
    }
    assert!(hits > 500, "{hits}");
    for needles in [["b", "ab"], ["aab", "aaaaaaaaaaaaaaaaaaab"], ["a", "aa"]] {
        let hits = found_as_by_a_plain_search(&mut below, needles.map(|needle| needle.as_bytes().to_vec()));
        assert!(hits > 100, "{hits}");
    }
}
