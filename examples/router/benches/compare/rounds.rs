//! Measures the columns one after the other, and in each column the proxies in turns.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::{
    arguments::Arguments,
    backend::Backend,
    column::{Column, Load},
    config::Proxy,
    process::{Process, pin_load},
    results::{self, Results},
};

/// How much longer than planned a measurement may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// The number of the warm-up round.
const WARM_UP: i32 = 0;

pub fn run(arguments: &Arguments) -> Result<(), String> {
    pin_load();
    more_descriptors().map_err(|error| format!("the limit of descriptors: {error}"))?;
    let proxies: Vec<&Proxy> = arguments.proxies.iter().copied().filter(|proxy| there(proxy)).collect();
    let directory = Directory::create()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("a runtime: {error}"))?;
    let mut all = Vec::new();
    for column in &arguments.columns {
        let results = runtime.block_on(measure(column, &proxies, arguments, &directory.0))?;
        if arguments.measures {
            results.print();
        } else {
            println!("{}: through {} proxies", column.name, proxies.len());
        }
        all.push(results);
    }
    let page = results::page(&all, arguments);
    if let Some(file) = &arguments.report {
        write(file, &page).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("\n{}", file.display());
    }
    Ok(())
}

fn write(file: &Path, page: &str) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(file, page)
}

fn there(proxy: &Proxy) -> bool {
    let reason = proxy.absent();
    if let Some(reason) = &reason {
        println!("{} is skipped: {reason}", proxy.name);
    }
    reason.is_none()
}

async fn measure(
    column: &'static Column,
    proxies: &[&'static Proxy],
    arguments: &Arguments,
    directory: &Path,
) -> Result<Results, String> {
    let mut backends = Vec::new();
    for _ in proxies {
        backends.push(Backend::start().await.map_err(|error| format!("backend: {error}"))?);
    }
    let start = |at: usize| Process::start(proxies[at], backends[at].address, directory);
    let keep = !matches!(column.load, Load::Idle);
    let mut kept: Vec<Process> =
        if keep { (0..proxies.len()).map(start).collect::<Result<_, _>>()? } else { Vec::new() };
    let mut results = Results::new(column, proxies);
    let first = if arguments.measures { WARM_UP } else { 1 };
    for round in first..=arguments.rounds {
        let mut order: Vec<usize> = (0..proxies.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            let mut of_round = if keep { None } else { Some(start(at)?) };
            let process = of_round.as_mut().unwrap_or_else(|| &mut kept[at]);
            let run = column.load.run(process, &backends[at], arguments);
            let values = tokio::time::timeout(arguments.time + PATIENCE, run).await;
            let values = values.unwrap_or_else(|_| Err(io::Error::other("it hangs")));
            let values = values.map_err(|error| {
                format!("{} with {}: {error}; {}", column.name, proxies[at].name, process.state())
            })?;
            if round != WARM_UP {
                results.add(at, values);
            }
        }
    }
    Ok(results)
}

/// As many as allowed: an idle connection needs two.
fn more_descriptors() -> nix::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)
}

/// The directory of the configurations and logs, deleted after the run.
struct Directory(PathBuf);

impl Directory {
    fn create() -> Result<Self, String> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("compare-{}", process::id()));
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
