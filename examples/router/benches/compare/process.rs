//! A proxy as a process, on a core of its own.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sched::{CpuSet, sched_setaffinity},
    time::ClockId,
    unistd::Pid,
};

use crate::config::Proxy;

/// The core of the proxies. Clients and servers have the other one.
const CORE: usize = 0;
const OTHER_CORE: usize = 1;

const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How many of the last lines of a failed process are shown.
const LINES: usize = 10;

static CORES: LazyLock<usize> =
    LazyLock::new(|| thread::available_parallelism().map_or(1, std::num::NonZero::get));

pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    clock: ClockId,
    log: PathBuf,
}

/// What a process holds.
pub struct Held {
    /// Its own memory, without that of files and of the kernel.
    pub bytes: u64,
    pub descriptors: u64,
    pub pipes: u64,
}

impl Process {
    /// Starts a proxy in front of `to`, and waits until it listens. Its output is in `directory`.
    pub fn start(proxy: &Proxy, to: SocketAddr, directory: &Path) -> Result<Self, String> {
        let error = |error: io::Error| format!("{}: {error}", proxy.name);
        let address = free_address().map_err(error)?;
        let mut command = proxy.command(address, to, directory)?;
        let log_path = directory.join(format!("{}.log", proxy.name));
        let log = File::create(&log_path).map_err(error)?;
        command.stdin(Stdio::null()).stdout(log.try_clone().map_err(error)?).stderr(log);
        // It inherits the core from the thread that starts it.
        let start = || {
            pin(CORE);
            command.spawn()
        };
        let started = thread::scope(|scope| scope.spawn(start).join().expect("a start does not panic"));
        let child = started.map_err(error)?;
        let clock = ClockId::pid_cpu_clock_id(pid(&child)).map_err(|errno| error(errno.into()))?;
        let mut process = Self { child, address, clock, log: log_path };
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(address).is_err() {
            if process.child.try_wait().map_err(error)?.is_some() || Instant::now() > deadline {
                return Err(format!("{} does not listen: {}", proxy.name, process.state()));
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(process)
    }

    /// Whether it still runs, and its last output.
    pub fn state(&mut self) -> String {
        let state = match self.child.try_wait() {
            Ok(None) => "it runs".to_owned(),
            Ok(Some(status)) => format!("it has ended with {status}"),
            Err(error) => error.to_string(),
        };
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        [&[state.as_str()], &lines[lines.len().saturating_sub(LINES)..]].concat().join("\n")
    }

    /// The CPU time of all its threads so far.
    pub fn cpu(&self) -> io::Result<Duration> {
        Ok(self.clock.now()?.into())
    }

    pub fn held(&self) -> io::Result<Held> {
        let directory = Path::new("/proc").join(self.child.id().to_string());
        let status = fs::read_to_string(directory.join("status"))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.split_whitespace().next());
        let kib: u64 = kib.and_then(|kib| kib.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let (mut descriptors, mut pipes) = (0, 0);
        for entry in fs::read_dir(directory.join("fd"))? {
            descriptors += 1;
            pipes += u64::from(fs::read_link(entry?.path())?.to_string_lossy().starts_with("pipe:"));
        }
        Ok(Held { bytes: kib * 1024, descriptors, pipes })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process has a small number"))
}

/// Not an ephemeral port, which a connection might be using.
fn free_address() -> io::Result<SocketAddr> {
    let mut tries = 0;
    loop {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, fastrand::u16(15_000..32_000)));
        match TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(error) if tries == 100 => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

/// Pins this thread, and those that it starts, away from the proxies.
pub fn pin_load() {
    if *CORES < 2 {
        eprintln!("there is only one core: nothing is pinned");
    }
    pin(OTHER_CORE);
}

fn pin(core: usize) {
    if *CORES < 2 {
        return;
    }
    let mut cores = CpuSet::new();
    if let Err(error) = cores.set(core).and_then(|()| sched_setaffinity(Pid::from_raw(0), &cores)) {
        eprintln!("not pinned to core {core}: {error}");
    }
}
