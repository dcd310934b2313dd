//! What is measured.

pub struct Column {
    pub name: &'static str,
    pub about: &'static str,
    pub load: Load,
    pub figures: &'static [Figure],
}

/// What goes through the proxy.
#[derive(Clone, Copy)]
pub enum Load {
    /// Short questions, one after the other in each of several connections.
    Requests { connections: usize },
    /// A connection for each short question, by this many clients.
    Connections { clients: usize },
    /// Large answers, or large questions.
    Transfers { connections: usize, up: bool },
    /// Idle connections after a short question. Each round has a new process, as a process does not
    /// give used memory back.
    Idle,
}

pub struct Figure {
    pub name: &'static str,
    pub more_is_better: bool,
}

const fn more(name: &'static str) -> Figure {
    Figure { name, more_is_better: true }
}

const fn less(name: &'static str) -> Figure {
    Figure { name, more_is_better: false }
}

const TRANSFER: &[Figure] = &[more("GiB/s"), more("GiB per CPU second")];

pub const COLUMNS: &[Column] = &[
    Column {
        name: "requests",
        about: "questions of 64 B, answers of 1 KiB, one after the other in each of 64 connections",
        load: Load::Requests { connections: 64 },
        figures: &[more("requests/s"), less("p50 µs"), less("p99 µs"), less("CPU ns per request")],
    },
    Column {
        name: "connections",
        about: "connect, a question of 64 B, an answer of 1 KiB, close; 16 clients at a time",
        load: Load::Connections { clients: 16 },
        figures: &[more("connections/s"), less("CPU µs per connection")],
    },
    Column {
        name: "download-1",
        about: "answers of 64 MiB in 1 connection",
        load: Load::Transfers { connections: 1, up: false },
        figures: TRANSFER,
    },
    Column {
        name: "download-4",
        about: "answers of 64 MiB in each of 4 connections",
        load: Load::Transfers { connections: 4, up: false },
        figures: TRANSFER,
    },
    Column {
        name: "upload-1",
        about: "questions of 64 MiB in 1 connection",
        load: Load::Transfers { connections: 1, up: true },
        figures: TRANSFER,
    },
    Column {
        name: "upload-4",
        about: "questions of 64 MiB in each of 4 connections",
        load: Load::Transfers { connections: 4, up: true },
        figures: TRANSFER,
    },
    Column {
        name: "memory",
        about: "1,000 idle connections after a question; without the memory of the kernel",
        load: Load::Idle,
        figures: &[
            less("bytes per connection"),
            less("descriptors per connection"),
            less("of these, ends of pipes"),
        ],
    },
];
