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
    let (heads, rows) = recorded("tests/platforms/results.tsv", "# Written by tests/platforms/run: ");
    let script = read("tests/platforms/run");
    let all = script.split_once("\n((${#targets[@]} > 0)) || targets=(check ").unwrap().1.split_once(')').unwrap().0;
    let targets: BTreeSet<_> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(targets, all.split(' ').collect(), "a whole run of each target");
    assert_eq!(rows.len(), targets.len(), "each target once");
    assert!(rows.iter().all(|row| row[4] == "0"), "a run that failed is not recorded");
    assert_table(DATA_SHEET, "runs", &heads.iter().map(String::as_str).collect::<Vec<_>>(), &rows);
}

/// `tests/dossier/record` records the others that are too long for CI.
#[test]
fn long_runs() {
    let (heads, mut rows) = recorded("tests/dossier/runs.tsv", "# Written by tests/dossier/record: ");
    for row in &mut rows {
        let script = row[0].split(' ').next().unwrap();
        assert!(read(script).contains("dossier/record\""), "{script} does not record its runs");
        row[0] = format!("`{}`", row[0]);
    }
    assert_eq!(rows.len(), 2, "the soak and ThreadSanitizer");
    assert_table(DATA_SHEET, "long runs", &heads.iter().map(String::as_str).collect::<Vec<_>>(), &rows);
}

/// The columns and the rows of a file of recorded runs.
fn recorded(path: &str, begin: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let text = read(path);
    let mut lines = text.lines();
    let cells = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    let heads = cells(lines.next().and_then(|line| line.strip_prefix(begin)).unwrap());
    let rows: Vec<_> = lines.map(cells).collect();
    assert!(rows.iter().all(|row| row.len() == heads.len()), "{path}");
    (heads, rows)
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
