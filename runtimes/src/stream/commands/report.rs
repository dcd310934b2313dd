//! `report`: results as a page.

use std::{collections::BTreeSet, path::PathBuf};

use crate::stream::{Failure, output, page::Pool, say::show};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which results, by their names under target/harness; figures of equal settings are taken together
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,

    /// Where report.html and report.md are written [default: to the first of the results]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut pool = Pool::default();
        let mut known = BTreeSet::new();
        let mut out = self.out;
        for name in self.names {
            let directory = output::directory(&name)?;
            let (records, trips) = (output::load(&directory)?, output::load(&directory)?);
            if records.is_none() && trips.is_none() {
                return Err(Failure::Other(format!(
                    "there are no results of the name '{name}': there is no list of runs in {}",
                    directory.display()
                )));
            }
            // Runs that are named twice were made once.
            if known.insert(directory.clone()) {
                let title = directory.file_name().map_or(name, |name| name.to_string_lossy().into_owned());
                pool.name(title);
                pool.add(records.unwrap_or_default());
                pool.add_trips(trips.unwrap_or_default());
            }
            out.get_or_insert(directory);
        }
        let (html, markdown) = pool.render();
        let out = out.unwrap_or_default();
        let files = [("report.html", html), ("report.md", markdown)];
        let written = files.map(|(file, contents)| output::write(&out, file, contents.as_bytes()));
        written.into_iter().try_for_each(|path| show!("{}", path?.display()))
    }
}
