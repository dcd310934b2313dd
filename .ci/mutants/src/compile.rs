//! Builds the copy, and says which mutants the compiler refuses.

use crate::{rewrite::Mark, tree::Tree};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    ops::Range,
    path::PathBuf,
    process::{Command, Stdio},
};

/// A line of what cargo prints.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Line {
    CompilerMessage {
        message: Message,
    },
    CompilerArtifact {
        target: Target,
        executable: Option<PathBuf>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    code: Option<Code>,
    rendered: Option<String>,
    spans: Vec<Place>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Place {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

/// A program of tests.
#[derive(Debug)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

fn cargo(tree: &Tree, arguments: &[&str]) -> Result<(bool, Vec<Line>), Box<dyn Error>> {
    let built = Command::new("cargo")
        .args(arguments)
        .args(["--package", "futures-handoff", "--all-features", "--message-format", "json"])
        .current_dir(&tree.root)
        .env("CARGO_TARGET_DIR", &tree.target)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        .env("RUSTFLAGS", "--cap-lints=allow")
        .stderr(Stdio::null())
        .output()?;
    let lines = String::from_utf8(built.stdout)?;
    Ok((built.status.success(), lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()))
}

/// The mutants that do not compile.
pub fn refused(tree: &Tree, marks: &BTreeMap<String, Vec<Mark>>) -> Result<BTreeSet<usize>, Box<dyn Error>> {
    let (good, lines) = cargo(tree, &["check", "--lib"])?;
    let errors: Vec<_> = lines
        .into_iter()
        .filter_map(|line| match line {
            Line::CompilerMessage { message } if message.level == "error" && !message.spans.is_empty() => {
                Some(message)
            }
            _ => None,
        })
        .collect();
    let mut refused = BTreeSet::new();
    for error in &errors {
        let blamed = blame(error, marks);
        if blamed.is_empty() {
            return Err(
                format!("no mutant is to blame for {}", error.rendered.as_deref().unwrap_or("?")).into()
            );
        }
        refused.extend(blamed);
    }
    if refused.is_empty() && !good {
        return Err(format!("`cargo check` fails in {}", tree.root.display()).into());
    }
    Ok(refused)
}

/// The mutants whose own text an error is in, or else those that stand around it, or else the one that comes before it.
fn blame(error: &Message, marks: &BTreeMap<String, Vec<Mark>>) -> BTreeSet<usize> {
    let places: Vec<_> = error
        .spans
        .iter()
        .filter_map(|place| Some((place, marks.get(&place.file_name)?)))
        .flat_map(|(place, marks)| marks.iter().map(move |mark| (place, mark)))
        .collect();
    let touches =
        |range: &Range<usize>, place: &Place| range.start <= place.byte_end && place.byte_start <= range.end;
    let own = places.iter().filter(|(place, mark)| place.is_primary && touches(&mark.own, place));
    let mut blamed: BTreeSet<_> = own.map(|(_, mark)| mark.id).collect();
    if blamed.is_empty() {
        let around = places.iter().filter(|(place, mark)| touches(&mark.around, place));
        blamed.extend(around.map(|(_, mark)| mark.id));
    }
    if blamed.is_empty() {
        let before =
            places.iter().filter(|(place, mark)| place.is_primary && mark.own.end <= place.byte_start);
        blamed.extend(before.max_by_key(|(_, mark)| mark.own.end).map(|(_, mark)| mark.id));
    }
    // A `match` without the arm that is gone.
    if error.code.as_ref().is_some_and(|code| code.code == "E0004") {
        let after = places
            .iter()
            .filter(|(place, mark)| mark.is_arm && place.is_primary && mark.own.start >= place.byte_end);
        blamed = after.min_by_key(|(_, mark)| mark.own.start).map(|(_, mark)| mark.id).into_iter().collect();
    }
    blamed
}

/// What `cargo metadata` prints.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

/// The names of the package's programs of tests.
fn names(tree: &Tree) -> Result<Vec<String>, Box<dyn Error>> {
    let listed = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(&tree.root)
        .stderr(Stdio::null())
        .output()?;
    let metadata: Metadata = serde_json::from_slice(&listed.stdout)?;
    let packages = metadata.packages.into_iter().filter(|package| package.name == "futures-handoff");
    let targets = packages.flat_map(|package| package.targets).filter(|target| target.kind == ["test"]);
    Ok(targets.map(|target| target.name).collect())
}

/// Builds the programs of tests, all but these.
pub fn programs(tree: &Tree, without: &[String]) -> Result<Vec<Program>, Box<dyn Error>> {
    let names = names(tree)?;
    if let Some(unknown) = without.iter().find(|name| !names.contains(name)) {
        return Err(format!("no such program of tests: {unknown} (there are: {})", names.join(", ")).into());
    }
    let mut arguments = vec!["test", "--no-run"];
    for name in names.iter().filter(|name| !without.contains(name)) {
        arguments.extend(["--test", name]);
    }
    let (good, lines) = cargo(tree, &arguments)?;
    if !good {
        return Err(format!("the tests cannot be built in {}", tree.root.display()).into());
    }
    Ok(lines
        .into_iter()
        .filter_map(|line| match line {
            Line::CompilerArtifact { target, executable: Some(path) } if target.kind == ["test"] => {
                Some(Program { name: target.name, path })
            }
            _ => None,
        })
        .collect())
}
