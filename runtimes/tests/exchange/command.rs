//! The command: what it prints and keeps, and how it says no.

use std::{collections::BTreeSet, fs};

use futures_handoff_runtimes::exchange::{Policy, Trips};

use crate::harness_binary::{harness, refused, results, stderr, stdout};

const SMALL: &str = "--runtime local --rounds 20 --pairs 2";

fn runs(name: &str) -> Vec<Trips> {
    let lines = fs::read_to_string(results(name).join("exchange.jsonl")).expect("there are results");
    lines.lines().map(|line| serde_json::from_str(line).expect("a line is a run")).collect()
}

#[test]
fn it_measures_in_turns_and_keeps_every_run() {
    let line = "exchange --transport all --burst 1,8,1 --frame-len 64 --policy default,batching --name kept";
    let output = harness(&format!("{line} {SMALL}"));
    assert!(output.status.success(), "{}", stderr(&output));

    // Three policies, because direct goes with any; two bursts, as the third is the first.
    let kept = runs("kept");
    assert_eq!(kept.len(), 2 * 2 * 2 * 3);
    let cells: BTreeSet<_> =
        kept.iter().map(|run| (run.exchange.transport as u8, run.exchange.burst)).collect();
    assert_eq!(cells.len(), 4);
    let order = |run: usize| -> Vec<_> {
        kept.iter().filter(|trips| trips.run == run).map(|trips| trips.exchange.policy).take(3).collect()
    };
    assert_eq!(order(1), [Policy::Direct, Policy::Default, Policy::Batching]);
    assert_eq!(order(2), [Policy::Batching, Policy::Default, Policy::Direct]);
    assert!(kept.iter().all(|run| run.figures.bytes == 64 * 20 * run.exchange.burst as u64));

    let printed = stdout(&output);
    assert_eq!(printed.lines().count(), 2 + 4 * 3, "{printed}");
    let ratios = printed.lines().nth(2).expect("there is a row");
    assert!(ratios.contains("| direct ") && ratios.contains(" 1.00 (1.00 to 1.00) |"), "{printed}");

    let table = fs::read_to_string(results("kept").join("exchange.csv")).expect("there is a table");
    assert_eq!(table.lines().count(), 1 + kept.len());
    let summary =
        fs::read_to_string(results("kept").join("exchange_summary.csv")).expect("there is a summary");
    assert!(summary.contains(",batching,write_calls,2,"), "{summary}");

    let again = harness(&format!("{line} {SMALL}"));
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("has results of 24 runs already: choose another --name"));
}

#[test]
fn a_report_shows_round_trips() {
    let line = "exchange --transport duplex --burst 1,8 --frame-len 64,1000 --name shown";
    assert!(harness(&format!("{line} {SMALL}")).status.success());
    let output = harness("report shown");
    assert!(output.status.success(), "{}", stderr(&output));
    let page = fs::read_to_string(results("shown").join("report.html")).expect("there is a page");
    let markdown = fs::read_to_string(results("shown").join("report.md")).expect("there is Markdown");
    assert!(markdown.starts_with("# Round trips: shown\n"), "{markdown}");
    assert!(markdown.contains("| local | 8 | 1,000 B | batching | 20 | 2 | "), "{markdown}");
    // A chart for each of three figures, over two bursts and over two lengths; nothing of streams.
    assert_eq!(page.matches("<figure class=\"curves\">").count(), 3 * (2 + 2));
    for part in [
        "local: writer calls per frame</figcaption>",
        "duplex: over frames in a burst",
        "duplex: against direct",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
    assert!(!page.contains("Work per MiB"));

    // Beside streams in one page.
    let run =
        "run --runtime local --implementation raw_copy --connections 1 --tunnel-bytes 1000 --name streams";
    assert!(harness(run).status.success());
    assert!(harness("report shown streams").status.success());
    let page = fs::read_to_string(results("shown").join("report.html")).expect("there is a page");
    assert!(page.contains("Routed streams and round trips: shown, streams"));
    assert!(page.contains("Work per MiB") && page.contains("duplex: against direct"));
}

#[test]
fn wrong_values_are_refused_in_a_sentence() {
    refused("exchange --burst 1,0", "invalid value '0' for '--burst <FRAMES>': 0 is not in 1..=65536");
    refused(
        "exchange --frame-len 262145",
        "invalid value '262145' for '--frame-len <BYTES>': 262145 is not in 1..=262144",
    );
    refused(
        "exchange --burst 4096 --frame-len 65536",
        "a burst may be 67108864 bytes long, and --burst 4096 of --frame-len 65536 is 268435456",
    );
    refused(
        "exchange --policy sometimes",
        "invalid value 'sometimes' for '--policy <POLICIES>': 'sometimes' is neither all nor one of direct, \
         direct_buffered, default, send_at_0, inline_never, batching, run_until, dispatch",
    );
    refused(
        "exchange --transport unix",
        "invalid value 'unix' for '--transport <TRANSPORTS>': 'unix' is neither all nor one of tcp, duplex",
    );
    refused("exchange --pairs 0", "invalid value '0' for '--pairs <PAIRS>': 0 is not in 1..=1000");
    refused(
        "exchange --stall-seconds 0",
        "invalid value '0' for '--stall-seconds <SECONDS>': must be more than 0 seconds",
    );
    if !cfg!(feature = "smol") {
        refused(
            "exchange --runtime smol",
            "the runtime smol is not compiled in: enable the feature of its name",
        );
    }
}

#[test]
#[cfg(unix)]
fn an_interruption_keeps_what_is_finished() {
    use std::{thread, time::Duration};

    use crate::harness_binary::{interrupted, started};

    let child = started("exchange --runtime local --rounds 200 --pairs 1000 --name interrupted");
    let file = results("interrupted").join("exchange.jsonl");
    // A run is there.
    while fs::read_to_string(&file).unwrap_or_default().is_empty() {
        thread::sleep(Duration::from_millis(10));
    }
    let output = interrupted(child, &file);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("interrupted; what was finished is kept"));
    let table = fs::read_to_string(results("interrupted").join("exchange.csv")).expect("there is a table");
    assert_eq!(table.lines().count(), 1 + runs("interrupted").len());
}
