//! `harness sweep`: what is chosen, what is measured on the way, and how it says no.

mod harness_binary;

use std::fs;

use futures_handoff_runtimes::stream::tuning::{Choice, Grid, Limits, Point, Unfit};
use harness_binary::{harness, refused, results, stderr, stdout};

const LIMITS: Limits = Limits { within: 0.05, max_p99_micros: None, max_frame_p99_micros: None };

/// A point whose streams take ten times as long as its lines.
fn point(gather_bytes: usize, read_reserve: usize, mib_per_second: f64, frame_p99_micros: f64) -> Point {
    Point {
        gather_bytes,
        read_reserve,
        mib_per_second,
        p99_micros: 10.0 * frame_p99_micros,
        frame_p99_micros: Some(frame_p99_micros),
    }
}

fn chosen(points: &[Point], limits: &Limits) -> usize {
    let choice = Choice::of(points, limits).unwrap();
    assert!(choice.keeps, "{choice:?}");
    choice.point
}

#[test]
fn the_lowest_latency_on_the_plateau_is_chosen() {
    let points = [
        point(0, 4096, 50.0, 10.0),
        point(4096, 4096, 96.0, 40.0),
        point(8192, 4096, 95.0, 20.0),
        point(16384, 4096, 100.0, 60.0),
        point(65536, 4096, 94.9, 15.0),
    ];
    let choice = Choice::of(&points, &LIMITS).unwrap();
    assert_eq!(choice, Choice { point: 2, keeps: true, fastest: 3, plateau: vec![1, 2, 3] });
    let why = choice.why(&points, &LIMITS);
    assert_eq!(
        why,
        "The fastest point is gather 16384, read 4096 with 100 MiB/s. Of the 5 points measured, 3 come within 5 % of it \
         and keep the limits. gather 8192, read 4096 has the lowest frame p99 of these, 20 us."
    );
    // A wider plateau reaches the one that was too slow.
    assert_eq!(chosen(&points, &Limits { within: 0.06, ..LIMITS }), 4);
    assert_eq!(chosen(&points, &Limits { within: 0.0, ..LIMITS }), 3);
}

#[test]
fn limits_take_points_off_the_plateau() {
    let points = [point(0, 4096, 100.0, 60.0), point(1024, 4096, 96.0, 50.0), point(2048, 4096, 92.0, 10.0)];
    let limits = Limits { max_frame_p99_micros: Some(50.0), ..LIMITS };
    // At the limit is within it; what is slower than the plateau is none although it is better in latency.
    assert_eq!(Choice::of(&points, &limits).unwrap().plateau, [1]);
    assert_eq!(chosen(&points, &limits), 1);
    assert_eq!(chosen(&points, &Limits { max_p99_micros: Some(500.0), ..LIMITS }), 1);
}

#[test]
fn a_plateau_that_breaks_the_limits_gives_way_to_the_fastest_that_keep_them() {
    let points = [
        point(0, 4096, 100.0, 60.0),
        point(1024, 4096, 98.0, 55.0),
        point(2048, 4096, 80.0, 40.0),
        point(4096, 4096, 78.0, 30.0),
        point(8192, 4096, 50.0, 10.0),
    ];
    let limits = Limits { max_frame_p99_micros: Some(50.0), ..LIMITS };
    let choice = Choice::of(&points, &limits).unwrap();
    assert_eq!(choice, Choice { point: 3, keeps: true, fastest: 0, plateau: vec![2, 3] });
    let why = choice.why(&points, &limits);
    assert!(why.contains("It breaks the limits, as does all within 5 % of it"), "{why}");
    assert!(why.contains("2 reach 80 MiB/s or come within 5 % of that"), "{why}");
}

#[test]
fn without_a_point_that_keeps_the_limits_the_nearest_is_named() {
    let points = [point(0, 4096, 100.0, 60.0), point(1024, 4096, 50.0, 30.0), point(2048, 4096, 70.0, 40.0)];
    let limits = Limits { max_frame_p99_micros: Some(20.0), ..LIMITS };
    let choice = Choice::of(&points, &limits).unwrap();
    assert_eq!((choice.point, choice.keeps, choice.plateau.len()), (1, false, 0));
    let why = choice.why(&points, &limits);
    assert!(why.ends_with(
        "No point keeps the limits; gather 1024, read 4096 comes nearest, at 1.50 times its limit."
    ));

    // The limit that is missed by most counts, and of equally near ones the faster is named.
    let limits = Limits { max_p99_micros: Some(100.0), ..limits };
    let points = [point(0, 4096, 100.0, 30.0), point(1024, 4096, 120.0, 30.0)];
    let choice = Choice::of(&points, &limits).unwrap();
    assert_eq!(choice.point, 1);
    assert!(choice.why(&points, &limits).contains("at 3.00 times its limit"));
}

#[test]
fn ties_go_to_less_memory() {
    let points = [
        point(65536, 65536, 100.0, 20.0),
        point(4096, 65536, 99.0, 20.0),
        point(8192, 16384, 98.0, 20.0),
        point(16384, 16384, 99.0, 20.0),
    ];
    assert_eq!(chosen(&points, &LIMITS), 2);
    // With equal memory, the latency.
    let points = [point(4096, 8192, 100.0, 20.5), point(8192, 4096, 100.0, 20.0)];
    assert_eq!(chosen(&points, &LIMITS), 1);
}

#[test]
fn noise_does_not_choose() {
    // Everything is equal but for a few per cent up and down, so the smallest point is as good as any.
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..1000 {
        let mut noisy = |value: f64| value * (1.0 + 0.02 * (rng.f64() - 0.5));
        let points: Vec<_> =
            [65536, 4096, 1024, 16384].map(|gather| point(gather, 4096, noisy(100.0), noisy(20.0))).to_vec();
        assert_eq!(chosen(&points, &LIMITS), 2);
    }
    let points = [point(4096, 4096, 99.0, 20.9), point(65536, 4096, 100.0, 20.0)];
    let choice = Choice::of(&points, &LIMITS).unwrap();
    let why = choice.why(&points, &LIMITS);
    assert!(
        why.ends_with("gather 4096, read 4096 takes the least memory of those whose frame p99 is within 5 % of the lowest of these, 20 us."),
        "{why}"
    );
}

#[test]
fn one_point_is_a_choice_and_none_is_not() {
    assert_eq!(chosen(&[point(0, 1, 1.0, 1.0)], &LIMITS), 0);
    assert_eq!(Choice::of(&[], &LIMITS), Err(Unfit::Nothing));
}

#[test]
fn without_latencies_of_lines_streams_decide() {
    let bare =
        |gather, p99_micros| Point { p99_micros, frame_p99_micros: None, ..point(gather, 4096, 100.0, 1.0) };
    let points = [bare(0, 30.0), bare(4096, 20.0), bare(8192, 25.0)];
    assert_eq!(chosen(&points, &LIMITS), 1);
    assert!(Choice::of(&points, &LIMITS).unwrap().why(&points, &LIMITS).contains("lowest stream p99"));
    // But not if they have a limit, or some points have them.
    let limited = Choice::of(&points, &Limits { max_frame_p99_micros: Some(1e9), ..LIMITS });
    assert_eq!(limited, Err(Unfit::NoLines { at: "gather 0, read 4096".to_owned() }));
    let mixed = Choice::of(&[point(0, 4096, 1.0, 1.0), bare(8192, 1.0)], &LIMITS);
    assert_eq!(mixed, Err(Unfit::NoLines { at: "gather 8192, read 4096".to_owned() }));
}

#[test]
fn what_is_no_measurement_is_refused() {
    for wrong in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
        let good = point(0, 4096, 100.0, 20.0);
        for (what, bad) in [
            ("throughput", Point { mib_per_second: wrong, ..good }),
            ("p99", Point { p99_micros: wrong, ..good }),
            ("frame p99", Point { frame_p99_micros: Some(wrong), ..good }),
        ] {
            let unfit = Choice::of(&[good, bad], &LIMITS).unwrap_err().to_string();
            assert_eq!(
                unfit,
                format!("the {what} of gather 0, read 4096 is {wrong}, which is no measurement")
            );
        }
    }
}

const GATHER: [usize; 8] = [0, 1024, 2048, 4096, 8192, 16384, 32768, 65536];
const READ: [usize; 7] = [4096, 8192, 16384, 32768, 65536, 131_072, 262_144];

/// Measures as the sweep does, on a surface; the points in order.
fn searched(surface: impl Fn(usize, usize) -> Point) -> Vec<Point> {
    let grid = Grid::new(GATHER.to_vec(), READ.to_vec());
    let mut points: Vec<Point> = Vec::new();
    loop {
        let next = grid.next(&points, &LIMITS).unwrap();
        if next.is_empty() {
            return points;
        }
        for (gather, read) in next {
            let known = |point: &Point| (point.gather_bytes, point.read_reserve) == (gather, read);
            assert!(!points.iter().any(known), "{gather}, {read} is measured twice");
            points.push(surface(gather, read));
        }
    }
}

/// Steps between two values of an axis.
fn apart(axis: &[usize], a: usize, b: usize) -> f64 {
    let place = |value| axis.iter().position(|&other| other == value).unwrap() as f64;
    place(a) - place(b)
}

#[test]
fn the_search_begins_with_ends_and_middles() {
    let grid = Grid::new(GATHER.to_vec(), READ.to_vec());
    assert_eq!(grid.points().len(), 56);
    let mut expected = Vec::new();
    for gather in [0, 4096, 65536] {
        expected.extend([4096, 32768, 262_144].map(|read| (gather, read)));
    }
    assert_eq!(grid.next(&[], &LIMITS).unwrap(), expected);
    // Whatever the order and however often.
    assert_eq!(
        Grid::new(vec![2, 1, 2], vec![4, 3]).next(&[], &LIMITS).unwrap(),
        [(1, 3), (1, 4), (2, 3), (2, 4)]
    );
    assert_eq!(Grid::new(vec![1], vec![2]).next(&[point(1, 2, 1.0, 1.0)], &LIMITS).unwrap(), []);
}

#[test]
fn the_search_finds_the_peak_of_any_hill_with_less_than_half_of_the_points() {
    for top_gather in GATHER {
        for top_read in READ {
            // The higher the faster, and the faster the lower the latency: a single best point.
            let hill = |gather, read| {
                let away = apart(&GATHER, gather, top_gather).powi(2) + apart(&READ, read, top_read).powi(2);
                point(gather, read, 1000.0 / (1.0 + 0.1 * away), 20.0 * (1.0 + 0.1 * away))
            };
            let points = searched(hill);
            let Point { gather_bytes, read_reserve, .. } = points[chosen(&points, &LIMITS)];
            assert_eq!((gather_bytes, read_reserve), (top_gather, top_read));
            assert!(points.len() <= 28, "{} points for {top_gather}, {top_read}", points.len());
        }
    }
}

#[test]
fn the_search_finds_the_cheap_edge_of_a_plateau() {
    // Fast from 8 KiB gathered and 16 KiB read on; what is gathered beyond waits longer.
    let surface = |gather: usize, read: usize| {
        let speed = 100.0 * (gather.min(8192) as f64 / 8192.0).max(0.2) * (read.min(16384) as f64 / 16384.0);
        point(gather, read, speed, 20.0 + gather as f64 / 1024.0)
    };
    let points = searched(surface);
    let Point { gather_bytes, read_reserve, .. } = points[chosen(&points, &LIMITS)];
    assert_eq!((gather_bytes, read_reserve), (8192, 16384));
    assert!(points.len() <= 28, "{} points", points.len());
}

/// Four points, all of them ends.
const SMALL: &str = "sweep --runtime local --transport duplex --connections 2 --route-frames 9 --tunnel-bytes 5000 \
     --seconds 0 --passes 2 --gather 0,4096 --read 1024..2048";

#[test]
fn a_sweep_measures_in_turns_and_chooses() {
    let output = harness(&format!("{SMALL} --name chosen"));
    assert!(output.status.success(), "{}", stderr(&output));
    let printed = stdout(&output);
    assert_eq!(printed.matches("| chosen ").count(), 1, "{printed}");
    let result = fs::read_to_string(results("chosen").join("sweep.json")).unwrap();
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result["keeps_limits"], true);
    assert_eq!(result["points"].as_array().unwrap().len(), 4);
    let choice = &result["choice"];
    assert!(result["points"].as_array().unwrap().contains(choice));
    assert!(choice["frame_p99_micros"].as_f64().is_some(), "lines are timed unless they must not be");
    let flags =
        format!("--gather-bytes {} --read-reserve {}", choice["gather_bytes"], choice["read_reserve"]);
    assert!(printed.lines().any(|line| line == flags), "{printed}");
    assert!(printed.lines().any(|line| line == result["why"].as_str().unwrap()), "{printed}");

    let runs = fs::read_to_string(results("chosen").join("runs.jsonl")).unwrap();
    let runs = runs.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let order: Vec<_> = runs
        .map(|run| {
            // The workload stays the same whatever is read at once.
            assert_eq!(run["input_fragment"], 64);
            let numbers =
                ["run", "handoff_flush_bytes", "read_reserve"].map(|name| run[name].as_u64().unwrap());
            (numbers[0], numbers[1], numbers[2])
        })
        .collect();
    let forth = [(1, 0, 1024), (1, 0, 2048), (1, 4096, 1024), (1, 4096, 2048)];
    let back = [(2, 4096, 2048), (2, 4096, 1024), (2, 0, 2048), (2, 0, 1024)];
    assert_eq!(order, [forth, back].concat());
}

#[test]
fn pieces_are_as_long_as_the_longest_read_at_every_point() {
    let output = harness(&format!("{SMALL} --scenario coalesced --exhaustive --name coalesced"));
    assert!(output.status.success(), "{}", stderr(&output));
    let runs = fs::read_to_string(results("coalesced").join("runs.jsonl")).unwrap();
    assert_eq!(runs.lines().count(), 8);
    assert!(runs.lines().all(|run| run.contains(r#""input_fragment":2048,"#)), "{runs}");
}

#[test]
fn limits_that_no_point_keeps_fail_the_sweep() {
    let output = harness(&format!("{SMALL} --max-frame-p99-micros 0.001 --name strict"));
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("harness: no choice: The fastest point is "), "{said}");
    assert!(said.contains(" No point keeps the limits; gather "), "{said}");
    assert!(!stdout(&output).contains("--gather-bytes"));
    let result = fs::read_to_string(results("strict").join("sweep.json")).unwrap();
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    assert_eq!((&result["keeps_limits"], &result["choice"]), (&false.into(), &serde_json::Value::Null));
    assert!(result["nearest"]["read_reserve"].is_number());
}

#[test]
fn wrong_values_are_refused_in_a_sentence() {
    refused("sweep --implementation raw_copy", "raw_copy does not gather: there is nothing to sweep");
    refused(
        "sweep --gather 1024..512",
        "invalid value '1024..512' for '--gather <LIST>': no doublings lead from 1024 to 512",
    );
    refused(
        "sweep --gather 0..512",
        "invalid value '0..512' for '--gather <LIST>': no doublings lead from 0 to 512",
    );
    refused("sweep --read 4096,0", "invalid value '4096,0' for '--read <LIST>': 0 is not in 1..=67108864");
    refused("sweep --read 4k", "invalid value '4k' for '--read <LIST>': '4k' is not a number of bytes");
    refused(
        "sweep --within 100",
        "invalid value '100' for '--within <PERCENT>': 100 is not from 0 to less than 100",
    );
    refused(
        "sweep --max-p99-micros nan",
        "invalid value 'nan' for '--max-p99-micros <MICROS>': not a finite number above 0",
    );
    refused(
        "sweep --read-reserve 4096",
        "--read-reserve cannot be given: the sizes to try are those of --read",
    );
    refused(
        "sweep --scenario all --runtime local",
        "a sweep is about one workload, and these are 2: give one --runtime and one --scenario",
    );
    refused(
        "sweep --route-frames 0 --max-frame-p99-micros 9",
        "--max-frame-p99-micros needs lines and --frame-latency true",
    );
}
