//! The page of results: what is on it, and that it is one.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use roxmltree::{Document, Node};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A target directory of its own.
struct Target(TempDir);

impl Target {
    fn new() -> Self {
        Self(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    fn harness(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command.args(args).env("CARGO_TARGET_DIR", self.0.path()).output().expect("the binary can be started")
    }

    fn directory(&self, name: &str) -> PathBuf {
        self.0.path().join("harness").join(name)
    }

    fn put(&self, name: &str, contents: &str) {
        fs::create_dir_all(self.directory(name)).unwrap();
        fs::write(self.directory(name).join("runs.jsonl"), contents).unwrap();
    }

    fn add(&self, name: &str, runs: &[Map<String, Value>]) {
        self.put(
            name,
            &runs.iter().map(|run| format!("{}\n", Value::Object(run.clone()))).collect::<String>(),
        );
    }

    /// The pages that a report makes.
    fn report(&self, args: &[&str]) -> Pages {
        let output = self.harness(&[&["report"], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        let [html, markdown] = printed.lines().collect::<Vec<_>>()[..] else { panic!("{printed}") };
        assert!(html.ends_with("report.html") && markdown.ends_with("report.md"), "{printed}");
        Pages { html: fs::read_to_string(html).unwrap(), markdown: fs::read_to_string(markdown).unwrap() }
    }

    fn of(runs: &[Map<String, Value>]) -> Pages {
        let target = Self::new();
        target.add("some", runs);
        target.report(&["some"])
    }

    /// A report ends with a sentence and status 1, and leaves nothing.
    fn refused(&self, args: &[&str], sentence: &str) {
        let output = self.harness(&[&["report"], args].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("harness: ") && said.contains(sentence), "{said}");
    }
}

struct Pages {
    html: String,
    markdown: String,
}

impl Pages {
    /// What stands in each row of the page, cell by cell. The page is parsed by the rules of XML, which forgive nothing;
    /// only its first line and its empty elements are not XML.
    fn with<T>(&self, look: impl FnOnce(Node<'_, '_>) -> T) -> T {
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

    fn rows(&self) -> Vec<Vec<String>> {
        self.with(|page| {
            let rows = page.descendants().filter(|node| node.has_tag_name("tr"));
            rows.map(|row| row.children().filter(Node::is_element).map(text).collect()).collect()
        })
    }

    /// The rows of the table under a caption.
    fn table(&self, caption: &str) -> Vec<Vec<String>> {
        self.with(|page| {
            let known = |node: &Node<'_, '_>| node.has_tag_name("caption") && text(*node) == caption;
            let table =
                page.descendants().filter(known).last().unwrap_or_else(|| panic!("no table {caption}"));
            let rows = table.parent().unwrap().descendants().filter(|node| node.has_tag_name("tr"));
            rows.map(|row| row.children().filter(Node::is_element).map(text).collect()).collect()
        })
    }

    fn text(&self) -> String {
        self.with(|page| text(page.children().find(|node| node.has_tag_name("body")).unwrap()))
    }

    fn has_row(&self, row: &[&str]) -> bool {
        self.rows().iter().any(|cells| cells == row)
    }
}

fn text(node: Node<'_, '_>) -> String {
    let texts = node.descendants().filter(Node::is_text).filter_map(|node| node.text());
    texts.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A run as the harness writes it, with every figure that can be missing, to be changed at will.
fn base() -> &'static Map<String, Value> {
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
fn run(changes: Value) -> Map<String, Value> {
    let Value::Object(changes) = changes else { panic!("changes are a map") };
    let mut run = base().clone();
    for (name, value) in changes {
        assert!(run.contains_key(&name), "a record has no {name}");
        run.insert(name, value);
    }
    run
}

/// Runs of one implementation with some throughputs.
fn runs(implementation: &str, throughputs: &[f64]) -> Vec<Map<String, Value>> {
    let run = |(index, &value): (usize, &f64)| {
        run(json!({ "implementation": implementation, "run": index + 1, "mib_per_sec": value }))
    };
    throughputs.iter().enumerate().map(run).collect()
}

const RATIOS: &str = "Ratios by settings, runtime and baseline";

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
fn equal_settings_make_one_median() {
    let pages = Target::of(&runs("handoff", &[100.0, 300.0, 217.4]));
    let table = pages.table("cached, fragmented");
    assert_eq!(table[0][..3], ["implementation", "runs", "throughput, MiB/s"]);
    assert_eq!(table[1], ["local"]);
    assert_eq!(table[2][..3], ["handoff", "3", "217 100–300"]);
    assert_eq!(table.len(), 3);
    assert!(pages.markdown.contains("\n| local | handoff | 3 | 217 (100–300) | "), "{}", pages.markdown);

    // Two in the middle.
    let pages = Target::of(&runs("handoff", &[100.0, 300.0]));
    assert_eq!(pages.table("cached, fragmented")[2][..3], ["handoff", "2", "200 100–300"]);
}

#[test]
fn ratios_are_of_runs_that_were_measured_together() {
    let mut all = runs("manual_vec", &[50.0, 100.0]);
    all.extend(runs("handoff", &[100.0, 300.0]));
    all.extend(runs("raw_copy", &[200.0, 400.0]));
    all.extend(runs("manual_buffered", &[99.0, 303.0]));
    let pages = Target::of(&all);
    let table = pages.table(RATIOS);
    assert_eq!(table[0][..2], ["against", "throughput above 1 is better"]);
    assert_eq!(table[0][2], "CPU time per byte below 1 is better");
    assert_eq!(table[1], ["cached, fragmented · local"]);
    // Of the medians it would be 2.67.
    assert_eq!(table[2][..2], ["manual_vec", "2.50 2.00–3.00 better"]);
    assert_eq!(table[3][..2], ["manual_buffered", "1.00 0.99–1.01 unclear"]);
    assert_eq!(table[4][..2], ["raw_copy", "0.62 0.50–0.75 worse"]);
    assert!(
        pages.markdown.contains("\n| cached, fragmented | local | manual_vec | 2.50 (2.00–3.00) better | "),
        "{}",
        pages.markdown
    );
    assert_eq!(pages.table("Ratios by baseline")[1][..2], ["manual_vec", "2.50 better"]);
}

#[test]
fn what_is_better_depends_on_the_figure() {
    let with = |implementation, cpu: f64, p99: f64| {
        run(json!({ "implementation": implementation, "cpu_ns_per_byte": cpu, "latency_p99_micros": p99 }))
    };
    let pages = Target::of(&[with("handoff", 1.0, 900.0), with("manual_vec", 2.0, 300.0)]);
    // One run has no range.
    assert_eq!(pages.table(RATIOS)[2][2..4], ["0.50 better", "3.00 worse"]);
}

#[test]
fn runs_from_different_names_are_no_pairs() {
    let target = Target::new();
    target.add("one", &runs("handoff", &[100.0, 300.0]));
    target.add("two", &runs("manual_vec", &[50.0, 110.0]));
    let pages = target.report(&["one", "two"]);
    assert_eq!(pages.table(RATIOS)[2][..2], ["manual_vec", "2.50 better"]);
    assert!(pages.text().starts_with("Routed streams: one, two"));

    // Equal settings are taken together; what is named twice counts once.
    target.add("three", &runs("handoff", &[500.0]));
    let pages = target.report(&["one", "three", "one"]);
    assert_eq!(pages.table("cached, fragmented")[2][..3], ["handoff", "3", "300 100–500"]);
}

#[test]
fn only_what_differs_in_the_implementation_is_compared() {
    let pages = Target::of(&[
        run(json!({ "implementation": "handoff", "window": 8 })),
        run(json!({ "implementation": "manual_vec", "window": 9 })),
    ]);
    assert!(
        pages
            .text()
            .contains("no run of handoff and of another implementation with otherwise equal settings")
    );
    assert!(pages.text().contains("cached, fragmented, tickets outstanding 8"));
    assert!(!pages.markdown.contains("against"));
    // Workloads are compared each with its own, and come together in one ratio.
    let with = |implementation, connections, throughput: f64| {
        let connections = json!(connections);
        run(
            json!({ "implementation": implementation, "connections": connections, "mib_per_sec": throughput }),
        )
    };
    let pages = Target::of(&[
        with("handoff", 1, 10.0),
        with("manual_vec", 1, 5.0),
        with("handoff", 9, 400.0),
        with("manual_vec", 9, 100.0),
        with("manual_vec", 99, 1.0),
    ]);
    let row = &pages.table(RATIOS)[2];
    assert_eq!((row[1].as_str(), row[row.len() - 1].as_str()), ("3.00 2.00–4.00 better", "2"));
}

#[test]
fn split_and_integrated_runs_are_kept_apart() {
    let integrated = run(json!({ "mib_per_sec": 1000.0 }));
    let split = run(json!({
        "mode": "split", "mib_per_sec": 10.0, "driver_cpu_ns_per_byte": 4.5, "driver_max_rss_bytes": 3 << 20
    }));
    let pages = Target::of(&[integrated, split]);
    let apart = |mode: &str| pages.table(&format!("cached, fragmented, {mode}"));
    let (integrated, split) = (apart("integrated"), apart("split"));
    assert_eq!(integrated[2][..3], ["handoff", "1", "1,000"]);
    assert_eq!(split[2][..3], ["handoff", "1", "10.0"]);
    let column = |name: &str| split[0].iter().position(|head| head == name).unwrap();
    assert_eq!(split[2][column("driver CPU time per byte, ns/B")], "4.50");
    assert_eq!(split[2][column("driver peak memory, MiB")], "3.00");
    assert!(!integrated[0].iter().any(|head| head.starts_with("driver")));
    assert!(pages.has_row(&["processes", "integrated, split"]));
    assert!(pages.has_row(&["connections", "2"]));
    assert!(pages.has_row(&["fragmented", "In pieces of 64 B"]));
}

#[test]
fn figures_that_are_missing_are_said_to_be() {
    let without = |implementation| {
        run(json!({ "implementation": implementation, "cpu_ns_per_byte": null, "allocations_per_mib": null,
            "frame_latency_p50_micros": null, "frame_latency_p99_micros": null }))
    };
    let with = |implementation| run(json!({ "implementation": implementation }));
    let pages = Target::of(&[with("handoff"), without("manual_vec"), with("raw_copy")]);
    let ratios = pages.table(RATIOS);
    assert_eq!((ratios[2][0].as_str(), ratios[2][2].as_str()), ("manual_vec", "n/a"));
    assert_eq!((ratios[3][0].as_str(), ratios[3][2].as_str()), ("raw_copy", "1.00 unclear"));
    assert!(pages.has_row(&["manual_vec", "", "n/a / n/a"]), "a chart says so too");

    // What nobody has is left out.
    let pages = Target::of(&[without("handoff"), without("manual_vec")]);
    assert!(!pages.text().contains("Latency of lines"));
    let head = &pages.table("cached, fragmented")[0];
    assert!(
        !head.iter().any(|name| name.starts_with("CPU") || name.starts_with("alloc") && name.contains("MiB"))
    );
    for text in [&pages.html, &pages.markdown] {
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
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
fn points_of_a_line_are_alike() {
    // The same loads at two line lengths, and a third with a hundred times as many lines.
    let with = |frame_len, route_frames| run(json!({ "frame_len": frame_len, "route_frames": route_frames }));
    let charts = |runs: &[Map<String, Value>]| {
        Target::of(runs).with(|page| {
            let charts = page.descendants().filter_map(|node| node.attribute("aria-label"));
            charts
                .filter(|label| label.contains(" over line length. "))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
    };
    let drawn = charts(&[with(31, 3), with(32, 300), with(63, 3)]);
    assert_eq!(drawn.len(), 2);
    assert!(drawn[0].contains("at 31 B") && drawn[0].contains("at 63 B"), "{}", drawn[0]);
    assert!(!drawn[0].contains("at 32 B"), "{}", drawn[0]);
    // What differs in nothing else but keeps all bytes about the same is alike.
    assert!(charts(&[with(31, 32), with(1023, 1)])[0].contains("at 1,023 B"));
    assert_eq!(charts(&[with(31, 3), with(32, 300)]).len(), 0);
}

#[test]
fn extreme_figures_stay_on_the_page() {
    let mut all = runs("handoff", &[1e-9, 1e15]);
    all.extend(runs("manual_vec", &[0.0, 0.0]));
    for run in &mut all {
        run.insert("latency_p50_micros".to_owned(), json!(0.25));
        run.insert("latency_p99_micros".to_owned(), json!(7_200_000_000.0));
        run.insert("cpu_ns_per_byte".to_owned(), json!(0.0));
    }
    let pages = Target::of(&all);
    assert!(pages.table("cached, fragmented")[2][2].ends_with("1.00e-9–1.00e15"));
    let column =
        |name: &str| pages.table("cached, fragmented")[0].iter().position(|head| head == name).unwrap();
    let row = &pages.table("cached, fragmented")[2];
    assert_eq!(row[column("stream p50")], "0.250 µs 0.250–0.250");
    assert!(row[column("stream p99")].starts_with("7,200 s "));
    // Nothing can be divided by nothing.
    let ratios = pages.table(RATIOS);
    assert_eq!(ratios[0], ["against", "stream p99 below 1 is better", "line p99 below 1 is better"]);
    assert_eq!(ratios[2][1], "1.00 1.00–1.00 unclear");
    pages.with(|page| {
        for style in page.descendants().filter_map(|node| node.attribute("style")) {
            for part in style.split(';').filter(|part| part.contains('%')) {
                let (_, value) = part.split_once(':').unwrap();
                let percent: f64 = value.strip_suffix('%').unwrap().parse().unwrap();
                assert!((0.0..=100.0).contains(&percent), "{style}");
            }
        }
    });
    for text in [&pages.html, &pages.markdown] {
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}

#[test]
fn a_stray_run_does_not_squeeze_the_others() {
    let pages = Target::of(
        &[runs("handoff", &[100.0, 110.0, 9000.0]), runs("raw_copy", &[70.0, 80.0, 90.0])].concat(),
    );
    pages.with(|page| {
        let chart = page.descendants().find(|node| node.attribute("class") == Some("bars")).unwrap();
        let ticks = chart.descendants().find(|node| node.attribute("class") == Some("ticks")).unwrap();
        let ticks: Vec<_> = ticks.children().map(text).collect();
        assert_eq!(ticks, ["0", "100", "200"]);
        let classes = chart.descendants().filter_map(|node| node.attribute("class"));
        let ranges: Vec<_> = classes.filter(|class| class.starts_with("range")).collect();
        assert_eq!(ranges, ["range cut", "range"]);
        let styles: Vec<_> = chart.descendants().filter_map(|node| node.attribute("style")).collect();
        assert_eq!(styles[1..3], ["width:55.0%", "left:50.0%;width:50.0%"]);
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
