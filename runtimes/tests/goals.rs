//! `harness goals`: its rows, what it measures, and how it says no.

mod harness_binary;

use futures_handoff_runtimes::stream::{Bound, Cores, parse};
use harness_binary::{harness, refused, stderr, stdout};

/// So little that a row takes no time.
const TINY: &str = "-- --connections 1 --route-frames 3 --tunnel-bytes 1000 --seconds 0";

/// The commands of some rows, without `cargo`.
fn listed(flags: &str) -> Vec<String> {
    let output = harness(&format!("goals --list {flags}"));
    assert!(output.status.success(), "{}", stderr(&output));
    let lines = stdout(&output);
    lines.lines().map(|line| line.strip_prefix("cargo ").expect("it is for Cargo").to_owned()).collect()
}

/// What follows a flag of a command, if it is there.
fn value<'a>(line: &'a str, flag: &str) -> Option<&'a str> {
    let mut words = line.split_whitespace();
    words.find(|&word| word == flag).and_then(|_| words.next())
}

/// The cells of the table, row by row.
fn rows(printed: &str) -> Vec<Vec<String>> {
    let lines = printed.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| row"));
    lines.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What a row lacks that it could be measured here, if it lacks anything.
fn lack(line: &str) -> Option<String> {
    let peers = cfg!(feature = "peers") && value(line, "--runtime") != Some("local");
    if line.contains("peer_2") && !peers {
        return Some("peer_2 cannot run on ".to_owned());
    }
    let cores = ["--service-cores", "--driver-cores"].into_iter().filter_map(|flag| value(line, flag));
    cores.filter_map(|cores| Cores::here(cores).err()).next()
}

/// A proxy that awaits each ticket calls its writer for every line, and one that gathers does not.
const MISSED: &str = "goals --runtime local --group calls --pairs 1";
const ONE_BY_ONE: &str = "-- --connections 1 --route-frames 300 --tunnel-bytes 0 --completion ticket --window 1 \
     --input-fragment 16384 --seconds 0";

futures_handoff_runtimes::watched_tests! {
    fn every_row_is_a_command_of_one_workload_with_an_aim() {
        let lines = listed("");
        assert_eq!(lines.len(), 31);
        let mut different = lines.clone();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), lines.len());
        for line in &lines {
            let aims = [value(line, "--at-least"), value(line, "--at-most")];
            assert_eq!(aims.iter().flatten().count(), 1, "{line}");
            // What is to be less is bounded from above, and the other way round.
            assert_eq!(aims[0].is_some(), value(line, "--metric") == Some("throughput"), "{line}");
            match (parse(line.split_whitespace()), lack(line)) {
                (Ok(_), None) => {}
                (Err(why), Some(lack)) => assert!(why.contains(&lack), "{line}: {why}"),
                (outcome, lack) => panic!("{line}: {outcome:?}, {lack:?}"),
            }
        }
    }

    fn a_listed_command_gives_the_settings_of_its_row() {
        // Twice the same words, and the same words in what the parser makes of them.
        let lines = listed("--group cached,tcp,calls --pairs 3");
        assert_eq!(lines.len(), 23);
        for line in lines.iter().filter(|line| lack(line).is_none()) {
            let job = format!("{:?}", parse(line.split_whitespace()).unwrap());
            let arrival = value(line, "--input-fragment").expect("it is said for each of these rows");
            assert!(job.contains(&format!("input_fragment: Some({arrival})")), "{line}: {job}");
            let tickets = value(line, "--completion") == Some("ticket");
            assert_eq!(job.contains("completion: Ticket"), tickets, "{line}: {job}");
            assert!(job.contains("pairs: 3,") && job.contains("worker_threads: 2,"), "{line}: {job}");
        }

        // What compare prints of the settings is what the line says.
        for line in listed(&format!("--runtime local --pairs 1 {TINY}")) {
            if lack(&line).is_some() {
                continue;
            }
            // Whether the aim is met with so little is chance.
            let aim = ["--at-least", "--at-most"].into_iter().find(|flag| value(&line, flag).is_some()).unwrap();
            let given = format!(" {aim} {}", value(&line, aim).unwrap());
            let output = harness(line.replace(&given, "").strip_prefix("harness ").unwrap());
            assert!(output.status.success(), "{line}: {}", stderr(&output));
            let printed = stdout(&output);
            assert_eq!(printed.lines().count(), 1, "{line}: {printed}");
            for (flag, name) in [
                ("--of", "of"),
                ("--with", "with"),
                ("--metric", "metric"),
                ("--runtime", "runtime"),
                ("--transport", "transport"),
                ("--scenario", "scenario"),
                ("--input-fragment", "input_fragment"),
                ("--completion", "completion"),
                ("--pairs", "pairs"),
            ] {
                if let Some(value) = value(&line, flag) {
                    assert!(printed.contains(&format!("{name}={value} ")), "{line}: {printed}");
                }
            }
            let split = line.contains("--split") || line.contains("-cores");
            assert_eq!(printed.contains("mode=split "), split, "{line}: {printed}");
        }
    }

    fn settings_after_the_rows_replace_theirs() {
        let given = "--arrival 7 --tunnel-bytes=12 --workers 1";
        for line in listed(&format!("-- {given}")) {
            assert!(line.ends_with(&format!(" {given}")), "{line}");
            for flag in ["--input-fragment", "--tunnel-bytes ", "--worker-threads"] {
                assert!(!line.contains(flag), "{line}");
            }
            // The rest of the row is still there.
            assert!(line.contains(" --transport ") && line.contains(" --connections "), "{line}");
            if lack(&line).is_none() {
                parse(line.split_whitespace()).unwrap();
            }
        }
    }

    fn a_tiny_run_measures_each_row_and_says_whether_its_aim_is_met() {
        let output = harness(&format!("goals --runtime local --group cached,calls --pairs 2 {TINY}"));
        assert!(output.status.success(), "{}", stderr(&output));
        let printed = stdout(&output);
        let rows = rows(&printed);
        assert_eq!(rows.len(), 20, "{printed}");
        let mut measured = 0;
        for (place, row) in rows.iter().enumerate() {
            let [number, work, against, aim, ratio, met] = &row[..] else { panic!("{row:?}") };
            assert_eq!(number, &(place + 1).to_string());
            assert!(!work.is_empty(), "{row:?}");
            let command = printed.lines().find(|line| line.starts_with(&format!("{number}: "))).unwrap();
            assert_eq!(value(command, "--with"), Some(&**against));
            if against == "peer_2" {
                assert_eq!((&**ratio, &**met), ("", "not here"));
                let why = format!("harness: row {number} cannot be measured here: peer_2 cannot run on local");
                assert!(stderr(&output).contains(&why), "{}", stderr(&output));
                continue;
            }
            measured += 1;
            let median: f64 = ratio.split(' ').next().unwrap().parse().unwrap();
            let (what, bound) = aim.rsplit_once(' ').unwrap();
            let bound: f64 = bound.parse().unwrap();
            // Three decimals do not tell at the bound itself.
            if (median - bound).abs() > 0.001 {
                let better = if what.ends_with("at least") { median > bound } else { median < bound };
                assert_eq!(met, if better { "yes" } else { "no" }, "{row:?}");
            }
        }
        assert_eq!(measured, 16);
        let said = stderr(&output);
        // Rows that differ in the figure only are measured together: 10 and 3 pairs, twice.
        assert!(said.contains("harness: 26 pairs to measure, which will take about "), "{said}");
        assert!(said.contains("harness: estimated "), "{said}");
    }

    fn an_aim_that_is_missed_is_no_failure_without_a_floor() {
        let output = harness(&format!("{MISSED} {ONE_BY_ONE}"));
        assert!(output.status.success(), "{}", stderr(&output));
        let printed = stdout(&output);
        let writes: Vec<_> = rows(&printed).into_iter().filter(|row| row[3] == "write_calls at most 1").collect();
        assert_eq!(writes.len(), 3, "{printed}");
        assert!(writes.iter().all(|row| row[5] == "no"), "{printed}");
    }

    fn a_floor_that_is_missed_is_a_failure() {
        let below = harness(&format!("{MISSED} --floor 0.9 {ONE_BY_ONE}"));
        assert_eq!(below.status.code(), Some(1));
        // The table is there all the same.
        assert_eq!(rows(&stdout(&below)).len(), 6);
        let said = stderr(&below);
        assert!(said.contains("harness: row 2: the write_calls of handoff is "), "{said}");
        assert!(said.contains(" times that of manual_buffered, which is below the floor (at most 1.1"), "{said}");

        let above = harness(&format!("{MISSED} --floor 0.0001 {ONE_BY_ONE}"));
        assert!(above.status.success(), "{}", stderr(&above));
        assert!(!stderr(&above).contains("below the floor"));
    }

    fn a_floor_that_nothing_can_be_held_to_is_a_failure() {
        // Settings under which no row is one workload.
        let line = "goals --runtime local --group calls --pairs 1 --floor 0.5 -- --scenario all";
        let output = harness(line);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let said = stderr(&output);
        assert!(
            said.contains("row 1 cannot be measured here: a row is about one workload, and these are 2"),
            "{said}"
        );
        assert!(
            said.contains("no row can be measured here, so there is nothing that --floor 0.5 could be held to"),
            "{said}"
        );
        assert!(rows(&stdout(&output)).iter().all(|row| row[5] == "not here"));
    }

    fn a_floor_is_a_part_of_what_is_wanted_and_a_multiple_of_what_is_not() {
        let least = Bound { at_least: Some(2.0), at_most: None }.loosened(0.5);
        assert!(least.holds(1.0) && !least.holds(0.99));
        let most = Bound { at_least: None, at_most: Some(2.0) }.loosened(0.5);
        assert!(most.holds(4.0) && !most.holds(4.01));
    }

    fn wrong_values_are_refused_in_a_sentence() {
        refused(
            "goals --group cached,fast",
            "invalid value 'cached,fast' for '--group <GROUPS>': 'fast' is neither all nor one of cached, tcp, split, bulk, calls",
        );
        refused("goals --pairs 0", "invalid value '0' for '--pairs <PAIRS>': 0 is not in 1..=1000");
        refused("goals --floor 0", "invalid value '0' for '--floor <FACTOR>': 0 is not a finite number above 0");
        refused("goals --floor low", "invalid value 'low' for '--floor <FACTOR>': not a number");
        refused("goals --list --floor 0.5", "the argument '--list' cannot be used with '--floor <FACTOR>'");
        refused("goals -- --speed 5", "unexpected argument '--speed' found");
        refused(
            "goals -- --connections 0",
            "invalid value '0' for '--connections <STREAMS>': 0 is not in 1..=10000",
        );
        refused("goals -- --metric cpu", "--metric cannot be given: each row has its own");
        refused("goals -- --at-most 2", "--at-most cannot be given: each row has its own aim");
        refused("goals -- --pairs 2", "--pairs cannot be given: give it before the --");
        if !cfg!(feature = "smol") {
            refused(
                "goals --runtime smol",
                "the runtime smol is not compiled in: enable the feature of its name",
            );
        }
    }
}
