//! That a page is one, and where it goes.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use roxmltree::Node;
use serde_json::{Map, Value, json};

use crate::pages::{Target, run, runs};

/// All runtimes and implementations there are, at many workloads.
fn large() -> Vec<Map<String, Value>> {
    let mut all = Vec::new();
    for runtime in ["local", "tokio", "tokio_current", "smol", "async_std"] {
        for (scenario, fragment) in [("fragmented", 64), ("coalesced", 16384)] {
            for (place, implementation) in
                ["handoff", "handoff_owned", "manual_vec", "manual_buffered", "raw_copy", "peer_1", "peer_2"]
                    .into_iter()
                    .enumerate()
            {
                for (connections, frame_len) in [(1, 63), (16, 63), (256, 63), (16, 1023), (16, 16383)] {
                    for number in 1..=2 {
                        all.push(run(json!({
                            "runtime": runtime, "scenario": scenario, "input_fragment": fragment,
                            "implementation": implementation, "connections": connections, "frame_len": frame_len,
                            "run": number, "cpu_ns_per_byte": (place + number) as f64 / f64::from(connections),
                        })));
                    }
                }
            }
        }
    }
    all
}

#[test]
fn without_results_there_is_a_sentence() {
    let target = Target::new();
    target.refused(&["nothing"], "there are no results of the name 'nothing'");
    target.refused(&[""], "the name of results must not be empty");
    target.put("empty", "");
    target.refused(&["empty"], "there is no finished run in ");
    target.put("damaged", "{\"runtime\":\n");
    target.refused(&["damaged"], "is not a run");
    target.add("good", &runs("handoff", &[1.0]));
    target.refused(&["good", "nothing"], "there are no results of the name 'nothing'");
    for name in ["empty", "damaged", "good"] {
        let files: Vec<_> = fs::read_dir(target.directory(name)).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }
    assert!(!target.directory("nothing").exists());
    assert_eq!(target.harness(&["report"]).status.code(), Some(2));
}

#[test]
fn one_run_is_a_page() {
    let pages = Target::of(&runs("handoff", &[5.0]));
    assert!(pages.text().contains("There is nothing but handoff to compare."));
    assert!(pages.text().contains("1 run of 1 configuration;"));
    assert!(pages.has_row(&["handoff", "", "5.00"]));
    assert!(!pages.text().contains('–'), "one run has no range");
    let pages = Target::of(&runs("raw_copy", &[5.0]));
    assert!(pages.text().contains("There is no run of handoff, which the ratios would be of."));
    assert!(pages.with(|page| !page.descendants().any(|node| node.has_tag_name("svg"))));
}

#[test]
fn what_was_named_outside_means_nothing_to_the_page() {
    let target = Target::new();
    let name = "a<i>&amp;|`\"'*b";
    let mode = "</td><script>alert(1)</script>|x";
    target.add(name, &[run(json!({ "mode": mode })), run(json!({ "mode": "split" }))]);
    let pages = target.report(&[name]);
    assert!(pages.text().starts_with(&format!("Routed streams: {name}")));
    assert_eq!(pages.table(&format!("cached, fragmented, {mode}"))[2][0], "handoff");
    assert!(pages.with(|page| !page.descendants().any(|node| node.has_tag_name("script"))));
    assert!(
        pages.markdown.starts_with("# Routed streams: a\\<i>\\&amp;\\|\\`\"'\\*b\n"),
        "{}",
        pages.markdown
    );
    assert!(!pages.markdown.replace("\\<", "").contains('<'), "{}", pages.markdown);
}

#[test]
fn a_large_page_stands_alone_and_can_be_read_aloud() {
    let pages = Target::of(&large());
    pages.with(|page| {
        let charts: Vec<_> =
            page.descendants().filter(|node| node.attribute("role") == Some("img")).collect();
        // Scenarios, axes, runtimes, figures.
        assert_eq!(charts.len(), 2 * 2 * 5 * 2);
        let label = charts[0].attribute("aria-label").unwrap();
        assert_eq!(
            label.split(". ").next().unwrap().split(';').next().unwrap(),
            "local: CPU time per byte (ns/B) over connections"
        );
        assert!(label.contains("; handoff_owned: 2.50 at 1, 0.156 at 16, 0.00977 at 256; "), "{label}");
        for svg in page.descendants().filter(|node| node.has_tag_name("svg")) {
            assert!(svg.attribute("viewBox").is_some() && svg.attribute("width").is_none());
            assert!(svg.attribute("aria-label").is_some() != (svg.attribute("aria-hidden") == Some("true")));
            for node in svg.descendants() {
                for paint in ["fill", "stroke"].into_iter().filter_map(|name| node.attribute(name)) {
                    assert!(paint == "none" || paint.starts_with("var(--"), "{paint}");
                }
            }
        }
        for node in page.descendants() {
            assert!(node.attribute("src").is_none() && node.attribute("href").is_none());
            if node.attribute("role") == Some("region") {
                assert!(node.attribute("aria-label").is_some_and(|label| !label.is_empty()));
            }
        }
        assert!(page.attribute("lang").is_some());
    });
    assert!(!pages.html.contains("http") && !pages.html.contains("@import") && !pages.html.contains("url("));
}

#[test]
fn each_implementation_has_a_mark_of_its_own() {
    let pages = Target::of(&large());
    pages.with(|page| {
        let legend = page.descendants().find(|node| node.attribute("class") == Some("legend")).unwrap();
        let mark = |item: Node<'_, '_>| {
            let polygons = item.descendants().filter(|node| node.has_tag_name("polygon"));
            polygons.map(|node| node.attribute("points").unwrap().to_owned()).collect::<Vec<_>>().join("/")
        };
        let mut marks: Vec<_> = legend.children().map(mark).collect();
        assert_eq!(marks.len(), 7);
        marks.sort();
        marks.dedup();
        assert_eq!(marks.len(), 7);
    });
}

#[test]
fn tables_in_markdown_are_whole() {
    let markdown = Target::of(&large()).markdown;
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let mut lines = markdown.lines().peekable();
    let mut tables = 0;
    while let Some(line) = lines.next() {
        if !line.starts_with('|') {
            continue;
        }
        tables += 1;
        let rule = lines.next().unwrap();
        assert!(rule.trim_matches(['|', ' ', '-', ':']).chars().all(|c| "|- :".contains(c)), "{rule}");
        assert_eq!(cells(rule), cells(line));
        while let Some(row) = lines.next_if(|next| next.starts_with('|')) {
            assert_eq!(cells(row), cells(line), "{row}");
        }
    }
    // Settings and names, ratios, and for each scenario the work and all figures.
    assert_eq!(tables, 3 + 2 + 2 * 2);
}

#[test]
fn files_are_replaced_as_a_whole() {
    let target = Target::new();
    target.add("some", &runs("handoff", &[1.0]));
    let directory = target.directory("some");
    fs::write(directory.join("report.html"), "old").unwrap();
    let mut old = File::open(directory.join("report.html")).unwrap();
    let pages = target.report(&["some"]);
    assert!(pages.html.ends_with("</html>"));
    let mut contents = String::new();
    old.read_to_string(&mut contents).unwrap();
    // Who has it open keeps what was there, because another file has taken its place.
    assert_eq!(contents, "old");
    assert_eq!(files(&directory), ["report.html", "report.md", "runs.jsonl"]);
}

#[test]
fn pages_go_where_they_are_told_to() {
    let target = Target::new();
    target.add("some", &runs("handoff", &[1.0]));
    let out = target.0.path().join("new").join("place");
    target.report(&["some", "--out", out.to_str().unwrap()]);
    assert_eq!(files(&out), ["report.html", "report.md"]);
    assert_eq!(files(&target.directory("some")), ["runs.jsonl"]);
    // Results are read only: a line that was cut off is left to who goes on with it.
    let path = target.directory("some").join("runs.jsonl");
    let cut = fs::read_to_string(&path).unwrap() + "{\"runtime\":\"lo";
    fs::write(&path, &cut).unwrap();
    assert!(target.report(&["some"]).text().contains("1 run of 1 configuration"));
    assert_eq!(fs::read_to_string(&path).unwrap(), cut);
}

fn files(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}
