//! The load of a relay: blocking sockets, with a thread for each end.

use std::{
    fmt,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use crate::relay::Process;

const CHUNK: usize = 256 * 1024;

/// The result of one round.
#[derive(Clone, Copy)]
pub struct Taken {
    /// Bytes, or requests.
    pub amount: f64,
    pub time: Duration,
    /// The CPU time of the relay's process.
    pub cpu: Duration,
}

#[derive(Clone, Copy)]
pub enum Load {
    /// This many MiB from the client to the server, in one connection.
    Upload { mib: usize },
    /// The same from the server to the client.
    Download { mib: usize },
    /// Requests of `size` bytes, each answered with as many, one after the other in each of several
    /// connections.
    Requests { size: usize, connections: usize, each: usize },
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upload { mib } => write!(f, "upload {mib} MiB"),
            Self::Download { mib } => write!(f, "download {mib} MiB"),
            Self::Requests { size, connections, .. } => write!(f, "requests {size} B x{connections}"),
        }
    }
}

impl Load {
    pub fn all(mib: usize) -> impl Iterator<Item = Self> {
        let requests = [(64, 1), (64, 16), (1024, 16)];
        let requests = requests.map(|(size, connections)| Self::Requests {
            size,
            connections,
            each: (mib * 64 / connections).max(16),
        });
        [Self::Upload { mib }, Self::Download { mib }].into_iter().chain(requests)
    }

    pub fn unit(self) -> (&'static str, f64) {
        match self {
            Self::Upload { .. } | Self::Download { .. } => ("GiB/s", f64::from(1 << 30)),
            Self::Requests { .. } => ("k/s", 1e3),
        }
    }

    /// One round.
    pub fn run(self, relay: &mut Process) -> Taken {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        let connections = match self {
            Self::Requests { connections, .. } => connections,
            Self::Upload { .. } | Self::Download { .. } => 1,
        };
        relay.begin(connections, listener.local_addr().expect("it is bound"));
        let pairs: Vec<_> = (0..connections)
            .map(|_| {
                let client = TcpStream::connect(relay.address).expect("the relay listens");
                let (server, _) = listener.accept().expect("the relay connects");
                for stream in [&client, &server] {
                    stream.set_nodelay(true).expect("it is a TCP connection");
                }
                (client, server)
            })
            .collect();
        let start = Instant::now();
        let threads: Vec<_> = pairs
            .into_iter()
            .flat_map(|(client, server)| match self {
                Self::Upload { mib } => {
                    [spawn(move || send(client, mib)), spawn(move || receive(server, mib))]
                }
                Self::Download { mib } => {
                    [spawn(move || receive(client, mib)), spawn(move || send(server, mib))]
                }
                Self::Requests { size, each, .. } => {
                    [spawn(move || ask(client, size, each)), spawn(move || answer(server, size, each))]
                }
            })
            .collect();
        for thread in threads {
            thread.join().expect("what came out is what went in");
        }
        let time = start.elapsed();
        let amount = match self {
            Self::Upload { mib } | Self::Download { mib } => (mib << 20) as f64,
            Self::Requests { connections, each, .. } => (connections * each) as f64,
        };
        Taken { amount, time, cpu: relay.end() }
    }
}

fn spawn(run: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn(run)
}

/// A pattern that no cut or swap maps onto itself: its length is no multiple of a power of two.
fn pattern() -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(1);
    (0..CHUNK - 1).map(|_| rng.u8(..)).collect()
}

fn send(mut stream: TcpStream, mib: usize) {
    let (pattern, mut left) = (pattern(), mib << 20);
    while left > 0 {
        let n = left.min(pattern.len());
        stream.write_all(&pattern[..n]).expect("the relay takes it");
        left -= n;
    }
    stream.shutdown(Shutdown::Write).expect("it is open");
    // The other direction ends without a byte.
    assert_eq!(stream.read(&mut [0]).expect("the relay passes the end on"), 0);
}

fn receive(mut stream: TcpStream, mib: usize) {
    let (pattern, mut buf, mut at) = (pattern(), vec![0; CHUNK], 0);
    loop {
        let n = stream.read(&mut buf).expect("the relay gives it");
        if n == 0 {
            break;
        }
        let place = at % pattern.len();
        let first = n.min(pattern.len() - place);
        assert!(buf[..first] == pattern[place..place + first], "another byte near {at}");
        assert!(buf[first..n] == pattern[..n - first], "another byte near {at}");
        at += n;
    }
    assert_eq!(at, mib << 20, "bytes received");
    stream.shutdown(Shutdown::Write).expect("it is open");
}

fn ask(mut stream: TcpStream, size: usize, each: usize) {
    let (question, mut answer) = (pattern()[..size].to_vec(), vec![0; size]);
    for _ in 0..each {
        stream.write_all(&question).expect("the relay takes it");
        stream.read_exact(&mut answer).expect("the answer comes");
        assert!(answer == question, "another answer");
    }
    stream.shutdown(Shutdown::Write).expect("it is open");
    assert_eq!(stream.read(&mut [0]).expect("the relay passes the end on"), 0);
}

fn answer(mut stream: TcpStream, size: usize, each: usize) {
    let mut question = vec![0; size];
    for _ in 0..each {
        stream.read_exact(&mut question).expect("the question comes");
        stream.write_all(&question).expect("the relay takes it");
    }
    assert_eq!(stream.read(&mut [0]).expect("the relay passes the end on"), 0);
}

/// The CPU time of this process.
pub fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("CPU time is not negative")
}

/// Pins this thread, and those that it starts, to a core, if there are two or more.
pub fn pin(core: usize) {
    #[cfg(target_os = "linux")]
    if thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) {
        let mut cores = rustix::thread::CpuSet::new();
        cores.set(core);
        if let Err(error) = rustix::thread::sched_setaffinity(None, &cores) {
            eprintln!("not pinned to core {core}: {error}");
        }
    }
}
