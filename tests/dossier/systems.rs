//! The systems on which the tests run: the tables of the data sheet are those of the scripts and of the recorded runs.

use std::collections::BTreeSet;

use crate::facts::{assert_table, list, row, section, value, DATA_SHEET};
use crate::read;

#[test]
fn systems() {
    let (workflow, script) = (read(".github/workflows/ci.yml"), read("tests/platforms/run"));
    let of_workflow = |begin: &str| {
        let found = workflow.lines().find_map(|line| line.trim().strip_prefix(begin));
        found.unwrap_or_else(|| panic!("no {begin}")).to_owned()
    };
    let oldest = read("Cargo.toml");
    let oldest = value(&section(&oldest, "package"), "rust-version").unwrap().to_owned();
    let mut rows = vec![
        row(["`.ci/run`", &format!("Linux, container `{}`", of_workflow("image: "))]),
        row(["the tests with `legacy`", &list(&of_workflow("os: "))]),
        row(["the same with the oldest Rust", &format!("Linux, Rust {oldest}")]),
    ];
    // The head of the script: the name of each target, and what it does.
    let head =
        script.lines().skip_while(|line| *line != "# TARGET:").skip(1).take_while(|line| line.starts_with("#   "));
    for line in head {
        let (targets, what) = line.trim_start_matches("#   ").split_once("  ").unwrap();
        for target in targets.split(", ") {
            assert!(script.contains(&format!("\ntarget_{}() {{", target.trim())), "{target}");
        }
        rows.push(row([&format!("`tests/platforms/run`: {}", targets.trim()), what.trim()]));
    }
    // What `.ci/run` does of it.
    let between = |text: &str, begin: &str, end: &str| {
        let rest = text.split_once(begin).unwrap_or_else(|| panic!("no {begin}")).1;
        rest.split_once(end).unwrap().0.to_owned()
    };
    let targets = between(&read(".ci/run"), "tests/platforms/run --ci ", "\n").replace(' ', ", ");
    let suites = between(&script, "\nCI_SUITES=(--lib --test ", ")\n").replace(" --test ", "`, `");
    let part = format!("of i686 and windows the unit tests, and of `tests` `{suites}`");
    rows.push(row([&format!("`.ci/run`: {targets}"), &part]));
    assert_table(DATA_SHEET, "systems", &["run by", "what, or where"], &rows);
}

/// `tests/platforms/run` records each whole run.
#[test]
fn runs_on_other_systems() {
    let results = read("tests/platforms/results.tsv");
    let mut rows = results.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let (head, rows) = (rows.next().unwrap(), rows.collect::<Vec<_>>());
    assert_eq!(head[0], "# Written by tests/platforms/run: target");
    let heads: Vec<_> = ["target"].iter().chain(&head[1..]).copied().collect();
    let script = read("tests/platforms/run");
    let all = script.split_once("\n((${#targets[@]} > 0)) || targets=(check ").unwrap().1.split_once(')').unwrap().0;
    let recorded: BTreeSet<_> = rows.iter().map(|row| row[0]).collect();
    assert!(
        recorded.is_subset(&all.split(' ').collect()) && recorded.len() == rows.len(),
        "{recorded:?}: each target once"
    );
    assert!(rows.iter().all(|row| row[4] == "0" && row.len() == heads.len()), "a run that failed is not recorded");
    let rows: Vec<Vec<_>> = rows.iter().map(|cells| cells.iter().map(|cell| cell.to_string()).collect()).collect();
    assert_table(DATA_SHEET, "runs", &heads, &rows);
}

/// No target of `tests/platforms/run` runs TLS: only `check` builds with it.
#[test]
fn tls_on_other_systems() {
    let script = read("tests/platforms/run");
    let functions: Vec<&str> = script.split("\ntarget_").skip(1).collect();
    assert!(functions.len() > 8);
    for function in functions {
        let is_check = function.starts_with("check()");
        assert_eq!(function.contains("native-tls"), is_check, "target_{function}: see src/manual/anomalies.rs");
    }
    let anomalies = read("src/manual/anomalies.rs");
    for text in
        ["`tests/platforms/run` builds these targets without `native-tls`", "type checks: `tests/platforms/run check`"]
    {
        assert!(anomalies.contains(text), "{text}");
    }
}
