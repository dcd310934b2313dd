//! The programs of the guide and of the README.

use fastrand::Rng;
use futures_handoff::HandoffBuffer;

use crate::{
    runtimes,
    support::{End, SEEDS, breaking, kind, reader, seeded},
};

/// Includes a program with its `main`, and re-exports the rest under the names used here.
macro_rules! program {
    ($name:ident { $($calls:item)* }) => {
        #[allow(dead_code, reason = "the program has a main function")]
        pub(crate) mod $name {
            include!(concat!("../../src/guide/programs/", stringify!($name), ".rs"));

            $($calls)*
        }
    };
}

program! { read {
    use crate::runtimes::io::ScriptReader;

    pub(crate) async fn read(
        reader: ScriptReader,
        buffer: &mut HandoffBuffer,
        received: &mut Vec<Bytes>,
    ) -> io::Result<()> {
        two_lines(reader, buffer, received).await
    }
} }

program! { router {
    use crate::runtimes::io::{ScriptReader, ScriptWriter};

    pub(crate) async fn route_all(reader: ScriptReader, a: ScriptWriter, b: ScriptWriter) -> io::Result<()> {
        run(reader, a, b).await.map(drop)
    }
} }

program! { write {
    use crate::runtimes::io::ScriptWriter;

    pub(crate) async fn write(writer: ScriptWriter) -> io::Result<()> {
        run(writer).await.map(drop)
    }
} }

#[test]
fn the_first_program_of_the_readme_is_an_example() {
    // Git may have checked the files out with the line ends of the system.
    let [example, readme] = [include_str!("../../examples/line_server.rs"), include_str!("../../README.md")]
        .map(|text| text.replace('\r', ""));
    let (_, program) = example.split_once("\n\n").unwrap();
    assert!(readme.contains(&format!("```rust,no_run\n{program}```")));
}

runtimes::tests! {
    async fn two_lines_come_whole_and_what_is_behind_them_stays<R: Runtime>() {
        let input = b"GET /a\nGET /b\nPOS";
        for (at, end) in End::anywhere(input.len()) {
            let input = &input[..at];
            for seed in 0..20 {
                let (mut buffer, mut received) = (HandoffBuffer::new(64), Vec::new());
                let result = read::read(reader(seed, input, end), &mut buffer, &mut received).await;
                let whole = input.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                assert_eq!(received.concat(), &input[..whole]);
                assert_eq!(received.len(), [0, 7, 14].iter().rposition(|end| at >= *end).unwrap());
                // After the second line the reader is not polled again.
                assert!(input[whole..].starts_with(buffer.peek()));
                let expected = if received.len() == 2 { None } else { end.kind(at > whole) };
                assert_eq!(kind(result), expected, "{at}, {end:?}");
            }
        }
    }

    async fn a_producer_and_its_task_write_all_or_tell_why_not<R: Runtime>() {
        for seed in 0..SEEDS {
            let (writer, log) = seeded(seed);
            write::write(writer).await.unwrap();
            assert!(log.written() == b"one two three" && log.is_closed());

            let (writer, log) = breaking(seed, Rng::with_seed(seed).usize(..5));
            let result = write::write(writer).await;
            assert!(b"one two three".starts_with(&log.written()));
            assert_eq!(kind(result), (!log.is_closed()).then_some(std::io::ErrorKind::BrokenPipe), "seed {seed}");
        }
    }
}
