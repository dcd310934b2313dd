//! Results made by hand, and the pages that a report makes of them.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    sync::OnceLock,
};

use roxmltree::{Document, Node};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A target directory of its own.
pub struct Target(pub TempDir);

impl Target {
    pub fn new() -> Self {
        Self(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    pub fn harness(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command.args(args).env("CARGO_TARGET_DIR", self.0.path()).output().expect("the binary can be started")
    }

    pub fn directory(&self, name: &str) -> PathBuf {
        self.0.path().join("harness").join(name)
    }

    pub fn put(&self, name: &str, contents: &str) {
        fs::create_dir_all(self.directory(name)).unwrap();
        fs::write(self.directory(name).join("runs.jsonl"), contents).unwrap();
    }

    pub fn add(&self, name: &str, runs: &[Map<String, Value>]) {
        self.put(
            name,
            &runs.iter().map(|run| format!("{}\n", Value::Object(run.clone()))).collect::<String>(),
        );
    }

    /// The pages that a report makes.
    pub fn report(&self, args: &[&str]) -> Pages {
        let output = self.harness(&[&["report"], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        let [html, markdown] = printed.lines().collect::<Vec<_>>()[..] else { panic!("{printed}") };
        assert!(html.ends_with("report.html") && markdown.ends_with("report.md"), "{printed}");
        Pages { html: fs::read_to_string(html).unwrap(), markdown: fs::read_to_string(markdown).unwrap() }
    }

    pub fn of(runs: &[Map<String, Value>]) -> Pages {
        let target = Self::new();
        target.add("some", runs);
        target.report(&["some"])
    }

    /// A report ends with a sentence and status 1, and leaves nothing.
    pub fn refused(&self, args: &[&str], sentence: &str) {
        let output = self.harness(&[&["report"], args].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("harness: ") && said.contains(sentence), "{said}");
    }
}

/// What a report makes.
pub struct Pages {
    pub html: String,
    pub markdown: String,
}

impl Pages {
    /// Looks at the page as a tree. It is parsed by the rules of XML, which forgive nothing; only its first line and its
    /// empty elements are not XML.
    pub fn with<T>(&self, look: impl FnOnce(Node<'_, '_>) -> T) -> T {
        let page = self.html.strip_prefix("<!DOCTYPE html>").expect("a page says what it is");
        let mut text = String::new();
        for (index, part) in page.split("<meta ").enumerate() {
            if index == 0 {
                text.push_str(part);
                continue;
            }
            let (attributes, rest) = part.split_once('>').unwrap();
            text.push_str(&format!("<meta {attributes}/>{rest}"));
        }
        let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error} in\n{text}"));
        look(document.root_element())
    }

    /// What stands in each row of the page, cell by cell.
    pub fn rows(&self) -> Vec<Vec<String>> {
        self.with(|page| {
            let rows = page.descendants().filter(|node| node.has_tag_name("tr"));
            rows.map(|row| row.children().filter(Node::is_element).map(text).collect()).collect()
        })
    }

    /// The same of the last table with a caption: charts come before it.
    pub fn table(&self, caption: &str) -> Vec<Vec<String>> {
        self.with(|page| {
            let known = |node: &Node<'_, '_>| node.has_tag_name("caption") && text(*node) == caption;
            let table = page.descendants().rfind(known).unwrap_or_else(|| panic!("no table {caption}"));
            let rows = table.parent().unwrap().descendants().filter(|node| node.has_tag_name("tr"));
            rows.map(|row| row.children().filter(Node::is_element).map(text).collect()).collect()
        })
    }

    pub fn text(&self) -> String {
        self.with(|page| text(page.children().find(|node| node.has_tag_name("body")).unwrap()))
    }

    pub fn has_row(&self, row: &[&str]) -> bool {
        self.rows().iter().any(|cells| cells == row)
    }
}

/// The text in a node, spaces as they are shown.
pub fn text(node: Node<'_, '_>) -> String {
    let texts = node.descendants().filter(Node::is_text).filter_map(|node| node.text());
    texts.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A run as the harness writes it, with every figure that can be missing, to be changed at will.
pub fn base() -> &'static Map<String, Value> {
    static BASE: OnceLock<Map<String, Value>> = OnceLock::new();
    BASE.get_or_init(|| {
        let target = Target::new();
        let line = "run --runtime local --implementation handoff --transport cached --connections 2 --route-frames 3 \
             --tunnel-bytes 1000 --frame-latency true --seconds 0 --name base";
        let output = target.harness(&line.split_whitespace().collect::<Vec<_>>());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let runs = fs::read_to_string(target.directory("base").join("runs.jsonl")).unwrap();
        let Value::Object(run) = serde_json::from_str(&runs).unwrap() else { panic!("{runs}") };
        run
    })
}

/// The run with other values.
pub fn run(changes: Value) -> Map<String, Value> {
    let Value::Object(changes) = changes else { panic!("changes are a map") };
    let mut run = base().clone();
    for (name, value) in changes {
        assert!(run.contains_key(&name), "a record has no {name}");
        run.insert(name, value);
    }
    run
}

/// Runs of one implementation with some throughputs.
pub fn runs(implementation: &str, throughputs: &[f64]) -> Vec<Map<String, Value>> {
    let run = |(index, &value): (usize, &f64)| {
        run(json!({ "implementation": implementation, "run": index + 1, "mib_per_sec": value }))
    };
    throughputs.iter().enumerate().map(run).collect()
}
