//! What the figures on a page come to.

use roxmltree::Node;
use serde_json::{Map, Value, json};

use crate::pages::{Pages, Target, run, runs, text};

const RATIOS: &str = "Ratios by settings, runtime and baseline";

#[test]
fn equal_settings_make_one_median() {
    let pages = Target::of(&runs("handoff", &[100.0, 300.0, 217.4]));
    let table = pages.table("cached, fragmented");
    assert_eq!(table[0][..3], ["implementation", "runs", "throughput, MiB/s"]);
    assert_eq!(table[1], ["local"]);
    assert_eq!(table[2][..3], ["handoff", "3", "217 100–300"]);
    assert_eq!(table.len(), 3);
    assert!(pages.markdown.contains("\n| local | handoff | 3 | 217 (100–300) | "), "{}", pages.markdown);

    // What was not set is not listed.
    let settings = pages.table("Equal in all runs");
    assert!(settings.iter().any(|row| row[0] == "processes"), "{settings:?}");
    assert!(settings.iter().all(|row| row[1] != "n/a"), "{settings:?}");

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
fn settings_of_one_bar_each_stand_side_by_side() {
    const SIDES: &str = "Settings side by side";
    let point = |read: usize, throughput: f64| {
        run(json!({ "implementation": "handoff", "read_reserve": read, "mib_per_sec": throughput }))
    };
    let mut all = vec![point(4096, 100.0), point(16384, 300.0), point(65536, 200.0)];
    let pages = Target::of(&all);
    let table = pages.table(SIDES);
    assert_eq!(table[0][..4], ["settings", "runtime", "implementation", "throughput, MiB/s"]);
    let order: Vec<_> = table[1..].iter().map(|row| row[3].as_str()).collect();
    assert_eq!(order, ["300", "200", "100"]);
    assert!(table[1][0].contains("16 KiB"), "{:?}", table[1]);
    assert!(!pages.text().contains("longer bars are better"), "bars that are alone compare nothing");
    assert!(pages.markdown.contains("## Settings side by side"), "{}", pages.markdown);

    // With something beside it, a bar says something.
    all.push(run(json!({ "implementation": "manual_vec", "read_reserve": 4096 })));
    let pages = Target::of(&all);
    assert!(!pages.text().contains(SIDES));
    assert!(pages.text().contains("longer bars are better"));
}

#[test]
fn what_a_line_costs_is_drawn_where_it_is_known() {
    let runs = |cost: Value| -> Vec<_> {
        let at = |(frame_len, factor): (u64, f64)| {
            let cost = cost.as_f64().map(|cost| cost * factor);
            run(json!({ "frame_len": frame_len, "cpu_ns_per_frame": cost }))
        };
        [(16, 1.0), (1024, 2.5)].map(at).into()
    };
    let labels = |pages: &Pages| -> Vec<String> {
        let charts = |page: Node<'_, '_>| {
            let labels = page.descendants().filter_map(|node| node.attribute("aria-label"));
            labels.filter(|label| label.contains("CPU time per line")).map(str::to_owned).collect()
        };
        pages.with(charts)
    };
    let known = Target::of(&runs(json!(20.0)));
    assert_eq!(labels(&known).len(), 1);
    assert!(labels(&known)[0].contains("handoff: 20.0 at 16 B, 50.0 at 1 KiB"), "{:?}", labels(&known));
    assert!(labels(&Target::of(&runs(Value::Null))).is_empty());
}
