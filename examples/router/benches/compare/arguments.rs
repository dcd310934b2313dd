//! The command line.

use std::{
    ffi::OsString,
    fmt::Display,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use lexopt::{Arg, ValueExt};

use crate::{
    column::{COLUMNS, Column},
    config::{PROXIES, Proxy},
};

const USAGE: &str = "usage: compare [--rounds N] [--seconds N] [--only COLUMN,..] [--proxies NAME,..] \
                     [--report FILE.html]";

/// What is measured, and how much of it.
pub struct Arguments {
    /// Whether this is only a smoke test: without a warm-up round, and without figures.
    pub measures: bool,
    pub rounds: i32,
    /// How long a measurement goes on.
    pub time: Duration,
    /// The bytes of one large answer or question.
    pub transfer: usize,
    /// How many connections are idle.
    pub idle: usize,
    pub columns: Vec<&'static Column>,
    pub proxies: Vec<&'static Proxy>,
    /// The file for the page.
    pub report: Option<PathBuf>,
}

impl Arguments {
    pub fn parse() -> Result<Self, String> {
        parse(lexopt::Parser::from_env()).map_err(|error| format!("{error}\n{USAGE}"))
    }
}

fn parse(mut parser: lexopt::Parser) -> Result<Arguments, lexopt::Error> {
    let (mut rounds, mut seconds, mut report, mut measures) = (None::<i32>, None::<f64>, None, false);
    let (mut only, mut names) = (Vec::new(), Vec::new());
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("rounds") => rounds = Some(above_zero(parser.value()?, "--rounds", 1)?),
            Arg::Long("seconds") => seconds = Some(above_zero(parser.value()?, "--seconds", 0.001)?),
            Arg::Long("only") => only.extend(list(&mut parser)?),
            Arg::Long("proxies") => names.extend(list(&mut parser)?),
            Arg::Long("report") => report = Some(PathBuf::from(parser.value()?)),
            // Cargo adds it for `cargo bench`, and for `cargo test` it does not.
            Arg::Long("bench") => measures = true,
            Arg::Value(column) => only.push(column.string()?),
            _ => return Err(arg.unexpected()),
        }
    }
    let columns = chosen(&only, COLUMNS, |column| column.name, "column")?;
    let proxies = chosen(&names, PROXIES, |proxy| proxy.name, "proxy")?;
    let default = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("router").join("report.html");
    Ok(if measures {
        Arguments {
            measures,
            rounds: rounds.unwrap_or(7),
            time: Duration::from_secs_f64(seconds.unwrap_or(1.0)),
            transfer: 64 << 20,
            idle: 1000,
            columns,
            proxies,
            report: report.or_else(|| Some(default())),
        }
    } else {
        Arguments {
            measures,
            rounds: rounds.unwrap_or(1),
            time: Duration::from_secs_f64(seconds.unwrap_or(0.01)),
            transfer: 300 << 10,
            idle: 10,
            columns,
            proxies,
            report,
        }
    })
}

/// A number from `least` on, and no more than a million.
fn above_zero<N>(value: OsString, name: &str, least: N) -> Result<N, lexopt::Error>
where
    N: FromStr + PartialOrd + Display + From<i32>,
{
    let number = value.to_str().and_then(|text| text.parse().ok());
    let number = number.filter(|number| *number >= least && *number <= N::from(1_000_000));
    let wrong = || format!("{name} takes a number from {least} to 1000000, not `{}`", value.display());
    number.ok_or_else(|| wrong().into())
}

fn list(parser: &mut lexopt::Parser) -> Result<Vec<String>, lexopt::Error> {
    Ok(parser.value()?.string()?.split(',').map(str::to_owned).collect())
}

/// The items whose names begin with one of these names; without names, all.
fn chosen<T>(
    names: &[String],
    of: &'static [T],
    name: fn(&T) -> &'static str,
    kind: &str,
) -> Result<Vec<&'static T>, lexopt::Error> {
    let exact = |wanted: &String| of.iter().any(|one| name(one) == wanted);
    let is =
        |one: &T, wanted: &String| name(one) == wanted || !exact(wanted) && name(one).starts_with(wanted);
    if let Some(unknown) = names.iter().find(|wanted| !of.iter().any(|one| is(one, wanted))) {
        let known: Vec<_> = of.iter().map(name).collect();
        return Err(format!("there is no {kind} `{unknown}`, but {}", known.join(", ")).into());
    }
    Ok(of.iter().filter(|one| names.is_empty() || names.iter().any(|wanted| is(one, wanted))).collect())
}
