//! What one operation of the write half costs, in instructions.
//!
//! `cargo bench --package futures-handoff-runtimes --bench instructions` needs valgrind and
//! `gungraun-runner` in the version of the crate `gungraun`; `.ci/run speed` installs what is
//! missing. Each row is [`COUNT`] operations, without what comes before them: the stream is open,
//! its memory has grown to its final size, and only then the count begins. So the number of a row
//! without its last five digits is the cost of one operation. It includes a clone of the chunk and
//! its drop, 28 instructions.
//!
//! A row fails if an operation costs more than [`SLACK`] per cent above its recorded number. Builds
//! of the same code differ by a few instructions, and builds of another compiler by more. If a row
//! becomes permanently cheaper, record the new number.

/// How often an operation is done in one row.
const COUNT: usize = 100_000;

/// How many per cent an operation may cost more than its recorded number.
const SLACK: u64 = 5;

#[cfg(target_os = "linux")]
mod counted {
    use std::{collections::VecDeque, io, pin::Pin};

    use futures_handoff::{HandoffBuffer, WriteHandoff, WriteHandoffConfig, WriteTask, bytes::Bytes};
    use futures_util::{
        FutureExt,
        io::{Sink, sink},
    };
    use gungraun::{
        Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group,
    };

    use super::{COUNT, SLACK};

    /// The tickets that are outstanding in [`Operation::Windowed`].
    const WINDOW: usize = 64;

    #[derive(Clone, Copy, PartialEq)]
    enum Operation {
        /// A write of 64 bytes that is held with others, fire-and-forget.
        Held,
        /// The same, with a ticket that is dropped.
        Dropped,
        /// The same, with a ticket that is awaited after 64 more writes.
        Windowed,
        /// A write of 64 bytes and a ticket that is awaited before the next one.
        Awaited,
        /// The same with `send_at(0)`, where the write itself sends.
        AwaitedAtOnce,
        /// A write of 16 KiB that is sent at once.
        Large,
        /// A write of 64 bytes out of a read buffer, with a ticket that is dropped.
        Routed,
    }

    /// A stream on which the operation was done before.
    struct Ready {
        operation: Operation,
        handoff: WriteHandoff<Sink>,
        // A task that has run once lets producers send.
        _task: Pin<Box<WriteTask<Sink>>>,
    }

    impl Ready {
        fn new(operation: Operation) -> Self {
            let config = match operation {
                Operation::AwaitedAtOnce => WriteHandoffConfig::default().with_send_at(0),
                _ => WriteHandoffConfig::default(),
            };
            let (handoff, task) = WriteHandoff::new(sink(), config);
            let mut task = Box::pin(task);
            assert!((&mut task).now_or_never().is_none(), "the stream is open");
            Self { operation, handoff, _task: task }.repeated(1000)
        }

        fn repeated(self, count: usize) -> Self {
            let operated = self.handoff.batching(operate(&self.handoff, self.operation, count));
            futures_executor::block_on(operated).expect("the writer works");
            self
        }
    }

    async fn operate(handoff: &WriteHandoff<Sink>, operation: Operation, count: usize) -> io::Result<()> {
        let chunk = Bytes::from_static(match operation {
            Operation::Large => &[b'x'; 16 * 1024],
            _ => &[b'x'; 64],
        });
        let mut window = VecDeque::with_capacity(WINDOW + 1);
        let mut buffer = HandoffBuffer::new(chunk.len() * WINDOW);
        for _ in 0..count {
            match operation {
                Operation::Held | Operation::Large => handoff.write_fire_and_forget(chunk.clone()).await?,
                Operation::Dropped => drop(handoff.write(chunk.clone()).await?),
                Operation::Awaited | Operation::AwaitedAtOnce => handoff.write(chunk.clone()).await?.await?,
                Operation::Windowed => {
                    window.push_back(handoff.write(chunk.clone()).await?);
                    if window.len() > WINDOW
                        && let Some(oldest) = window.pop_front()
                    {
                        oldest.await?;
                    }
                }
                Operation::Routed => {
                    if buffer.is_empty() {
                        let mut arrival = futures_util::io::repeat(b'x');
                        buffer.read_available(&mut arrival).await?;
                    }
                    drop(handoff.write_prefix(&mut buffer, chunk.len()).await?.ticket());
                }
            }
        }
        Ok(())
    }

    /// Records that one operation costs this many instructions.
    fn costs(instructions: u64) -> LibraryBenchmarkConfig {
        let limit = instructions * COUNT as u64 * (100 + SLACK) / 100;
        let mut callgrind = Callgrind::with_args(["--cache-sim=no"]);
        callgrind.hard_limits([(EventKind::Ir, limit)]);
        let mut config = LibraryBenchmarkConfig::default();
        config.tool(callgrind);
        config
    }

    #[library_benchmark]
    #[bench::held(args = (Operation::Held), setup = Ready::new, config = costs(178))]
    #[bench::dropped(args = (Operation::Dropped), setup = Ready::new, config = costs(231))]
    #[bench::windowed(args = (Operation::Windowed), setup = Ready::new, config = costs(336))]
    #[bench::awaited(args = (Operation::Awaited), setup = Ready::new, config = costs(1295))]
    #[bench::awaited_at_once(args = (Operation::AwaitedAtOnce), setup = Ready::new, config = costs(476))]
    #[bench::large(args = (Operation::Large), setup = Ready::new, config = costs(378))]
    #[bench::routed(args = (Operation::Routed), setup = Ready::new, config = costs(291))]
    fn write(ready: Ready) -> Ready {
        ready.repeated(COUNT)
    }

    library_benchmark_group!(name = operations, benchmarks = write);
    gungraun::main!(library_benchmark_groups = operations);

    pub(crate) fn run() {
        main();
    }
}

/// Does nothing for `cargo test --benches`: it only counts for `cargo bench`, in the processes that
/// the runner starts.
fn main() {
    #[cfg(target_os = "linux")]
    {
        let args: Vec<_> = std::env::args().skip(1).collect();
        let has = |flag: &str| args.iter().any(|arg| arg == flag);
        if has("--gungraun-run") || has("--bench") && !has("--test") {
            return counted::run();
        }
    }
    println!(
        "not counted: `cargo bench -p futures-handoff-runtimes --bench instructions` does, on Linux and with valgrind"
    );
}
