use std::fs;

use serde_json::{Value, json};

use super::binary::*;

/// Real runs of a name, with other values.
fn put(name: &str, changes: &[Value]) {
    let base = format!("base-of-{name}");
    let line =
        format!("run --implementation handoff --runtime local --frame-latency true --name {base} {SMALL}");
    printed(&line);
    let lines = changes.iter().map(|changes| {
        let Value::Object(mut run) = runs(&base)[0].clone() else { panic!("a run is a map") };
        for (name, value) in changes.as_object().unwrap() {
            assert!(run.insert(name.clone(), value.clone()).is_some(), "a record has no {name}");
        }
        format!("{}\n", Value::Object(run))
    });
    fs::create_dir_all(results(name)).unwrap();
    fs::write(results(name).join("runs.jsonl"), lines.collect::<String>()).unwrap();
}

fn run(implementation: &str, run: u64, throughput: f64, cpu: f64) -> Value {
    json!({ "implementation": implementation, "run": run, "mib_per_sec": throughput, "cpu_ns_per_byte": cpu })
}

fn report(names: &str) -> String {
    let path = printed(&format!("report {names}"));
    assert!(path.ends_with("report.html\n"), "{path}");
    fs::read_to_string(path.trim_end()).unwrap()
}

/// Checks that a table has a row with these cells.
fn has_row(page: &str, cells: &str) {
    let rows = page.lines().map(|line| line.replace(" class=\"label\"", "").replace("</td><td>", " | "));
    assert!(rows.into_iter().any(|row| row.contains(cells)), "{cells} is missing in\n{page}");
}

#[test]
fn ratios_are_of_runs_that_were_measured_together() {
    put(
        "pairs",
        &[
            run("handoff", 1, 100.0, 1.0),
            run("handoff", 2, 300.0, 1.5),
            run("manual_vec", 1, 50.0, 2.0),
            run("manual_vec", 2, 100.0, 2.0),
            run("raw_copy", 1, 200.0, 0.5),
            run("raw_copy", 2, 299.0, 0.5),
        ],
    );
    let page = report("pairs");
    // Of the medians it would be 2.67.
    has_row(&page, "manual_vec | 2.50 (2.00 to 3.00) better | 0.625 (0.500 to 0.750) better");
    has_row(&page, "raw_copy | 0.752 (0.500 to 1.00) unclear | 2.50 (2.00 to 3.00) worse");
    has_row(&page, "handoff | 2 | 200 (100 to 300) | 1.25 (1.00 to 1.50)");
    has_row(&page, "transport | cached");
    // There is a chart for each figure that is compared.
    assert_eq!(page.matches("<svg role=\"img\" aria-label=").count(), 4);
    // The throughput chart can be written to a file.
    let file = results("pairs").join("chart.svg");
    assert_eq!(report(&format!("pairs --chart {}", file.display())), page);
    let svg = fs::read_to_string(file).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("xmlns=") && page.contains(&svg));
    contains(&svg, "throughput of handoff");
    contains(&svg, "manual_vec: 2.50");
    contains(&page, "manual_vec: 2.50");
    for part in ["src=", "href=", "url("] {
        assert!(!page.contains(part), "a page stands alone, without {part}");
    }
}

#[test]
fn runs_of_different_names_are_no_pairs_and_equal_settings_are_taken_together() {
    put("one", &[run("handoff", 1, 100.0, 1.0), run("handoff", 2, 300.0, 1.0)]);
    put("two", &[run("manual_vec", 1, 50.0, 1.0), run("manual_vec", 2, 110.0, 1.0)]);
    let page = report("one two one");
    contains(&page, "<h1>Routed streams: one, two</h1>");
    has_row(&page, "manual_vec | 2.50 better");
    put("three", &[run("handoff", 1, 500.0, 1.0)]);
    let page = report("one three");
    has_row(&page, "handoff | 3 | 300 (100 to 500)");
    contains(
        &page,
        "There is no run of handoff and of another implementation with otherwise equal settings.",
    );
}

#[test]
fn settings_that_differ_are_not_compared_and_names_mean_nothing_to_the_page() {
    let other = |implementation, window| {
        let mut run = run(implementation, 1, 1.0, 1.0);
        run["window"] = json!(window);
        run["mode"] = json!("</td><script>|x");
        run
    };
    put("apart", &[other("handoff", 8), other("manual_vec", 9)]);
    let page = report("apart");
    contains(&page, "There is no run of handoff and of another implementation");
    contains(&page, "&lt;/td&gt;&lt;script&gt;|x");
    assert!(!page.contains("<script>"));
    // Each workload is only compared with itself.
    put("own", &[other("handoff", 8), other("manual_vec", 8), other("handoff", 9), other("manual_vec", 9)]);
    has_row(&report("own"), "8 | manual_vec | 1.00 unclear");
}

#[test]
fn without_results_there_is_a_sentence() {
    contains(&failed("report nothing"), "there are no results of the name 'nothing'");
    for (name, contents, sentence) in
        [("empty", "", "there is no finished run in "), ("damaged", "{\"runtime\":\n", "line 1 of ")]
    {
        fs::create_dir_all(results(name)).unwrap();
        fs::write(results(name).join("runs.jsonl"), contents).unwrap();
        contains(&failed(&format!("report {name}")), sentence);
        assert!(!results(name).join("report.html").exists());
    }
    put("elsewhere", &[run("handoff", 1, 1.0, 1.0)]);
    contains(&failed("report elsewhere --chart chart.svg"), "there is no chart: nothing was compared");
    let out = results("new").join("place");
    report(&format!("elsewhere --out {}", out.display()));
    assert!(out.join("report.html").exists() && !results("elsewhere").join("report.html").exists());
}
