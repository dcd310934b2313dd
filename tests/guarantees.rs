//! The document on guarantees names tests; each of them exists.

use std::{collections::BTreeSet, fs, path::Path};

/// The `file::name` pairs in the last columns of the tables of a text.
fn named_tests(text: &str) -> BTreeSet<(&str, &str)> {
    let cells = text.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.rsplit('|').nth(1));
    let code = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    code.filter_map(|code| code.split_once("::")).collect()
}

/// Whether `source` has a test function of that name, stamped or not.
fn has_test(source: &str, name: &str) -> bool {
    let marker = format!("fn {name}");
    source
        .match_indices(&marker)
        .any(|(at, _)| matches!(source.as_bytes().get(at + marker.len()), Some(b'<' | b'(')))
}

#[test]
fn every_test_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    let named = named_tests(&text);
    assert!(named.len() > 100, "only {} tests are named", named.len());

    let missing: Vec<_> = named
        .into_iter()
        .filter(|(file, name)| {
            let places = ["tests", "tests/write", "tests/sockets", "tests/cancellation"]
                .map(|folder| root.join(folder).join(format!("{file}.rs")));
            !places
                .iter()
                .filter_map(|place| fs::read_to_string(place).ok())
                .any(|source| has_test(&source, name))
        })
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
}

#[test]
fn a_name_is_looked_for_as_a_whole() {
    let source = "async fn keeps_order<R: Runtime>() {}\nfn plain() {}";
    assert!(has_test(source, "keeps_order") && has_test(source, "plain"));
    assert!(!has_test(source, "keeps") && !has_test(source, "keeps_order_too"));
    assert_eq!(named_tests("`x::y`\n| `c::d` | `a::b`, e::f |\n"), BTreeSet::from([("a", "b")]));
}
