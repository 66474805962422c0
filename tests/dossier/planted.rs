//! The checks of the chapters find each planted error.

use std::collections::BTreeMap;

use crate::{advisories, advisory_faults, promise_faults, threat_faults, Files, BOUNDARIES, STRIDE};

/// A file with two tests. The comments are joined here, or this file would cite them.
fn tests(first: &str, second: &str) -> String {
    format!("/// {first}\n#[test]\nfn one() {{\n}}\n\n/// {second}\n#[test]\n#[cfg(x)]\nfn two() {{\n}}\n\nfn three() {{\n}}\n")
}

fn files(file: &str, text: &str) -> Files {
    BTreeMap::from([(file.to_owned(), text.to_owned())])
}

#[test]
fn errors_in_promises_are_found() {
    let readme = "| id | promise |\n|---|---|\n| P1 | It is a. |\n| P2 | It is b. |\n| P | no id |\n";
    let entry = |id: &str, promise: &str, shown: &str| {
        format!("//! **{id}. {promise}**\n//!\n//! * If not: c\n//! * Detected by: d\n//! * Your task: e\n//! * Shown by: {shown}\n//!\n")
    };
    let chapter =
        entry("P1", "It is a.", "`src/a.rs: one`, `src/a.rs: two`") + &entry("P2", "It is b.", "`src/a.rs: two`");
    let good = tests("Shows promise P1.", "Shows promises P1, P2.");
    let judge = |readme: &str, chapter: &str, tests: &str| promise_faults(readme, chapter, &files("src/a.rs", tests));
    assert_eq!(judge(readme, &chapter, &good), Vec::<String>::new());
    let different = "the README and the chapter have different promises";
    let elsewhere = |id: &str| format!("{id}: cited in src/a.rs by a test that the chapter does not name for it");
    let cases = [
        (
            readme.replace("| P2", "| P3"),
            chapter.clone(),
            good.clone(),
            vec!["P3 of the README is not P2".to_owned(), different.into()],
        ),
        (readme.replace("is b", "is c"), chapter.clone(), good.clone(), vec![different.into()]),
        (
            readme.into(),
            chapter.replace("* Your task: e", "* Your task: "),
            good.clone(),
            vec![
                "P1: its entry is incomplete".into(),
                "P2: its entry is incomplete".into(),
                elsewhere("P1"),
                elsewhere("P2"),
            ],
        ),
        (
            readme.into(),
            chapter.replace("rs: one", "rs: three"),
            good.clone(),
            vec!["P1: src/a.rs has no test three".into(), elsewhere("P1")],
        ),
        (
            readme.into(),
            chapter.clone(),
            tests("Shows promise P10.", "Shows promises P1, P2."),
            vec!["P1: one in src/a.rs does not cite it".into(), elsewhere("P1"), elsewhere("P10")],
        ),
        (
            readme.into(),
            chapter.replace("`src/a.rs: one`", "one"),
            good.clone(),
            vec!["P1: one is no test".into(), elsewhere("P1")],
        ),
    ];
    for (readme, chapter, tests, faults) in cases {
        let found = judge(&readme, &chapter, &tests);
        for fault in &faults {
            assert!(found.contains(fault), "{fault} is not in {found:?}");
        }
        assert!(!found.is_empty());
    }
}

#[test]
fn errors_in_threats_are_found() {
    let rows = BOUNDARIES
        .iter()
        .flat_map(|boundary| STRIDE.map(|class| format!("//! | {boundary} | {class} | a | b | `src/a.rs: one` |\n")));
    let chapter = "//! | boundary | class | threat | defence | shown by |\n".to_owned() + &rows.collect::<String>();
    let files = files("src/a.rs", &tests("a", "b"));
    let judge = |from: &str, to: &str| threat_faults(&chapter.replace(from, to), &files);
    assert_eq!(judge("", ""), Vec::<String>::new());
    let first = "peer | S | a | b | `src/a.rs: one`";
    assert_eq!(judge(first, "peer | S | a | b | `src/a.rs: two`"), Vec::<String>::new());
    assert_eq!(judge(first, "peer | S | a | b | `src/a.rs: none`"), ["peer, S: src/a.rs has no test none"]);
    assert_eq!(judge(first, "peer | S | a | b | one"), ["peer, S: one is no test"]);
    assert_eq!(judge(first, "peer | S | a | b | not done"), ["peer, S: not done is no test"]);
    assert_eq!(judge(first, "peer | T | a | b | `src/a.rs: one`"), ["peer, T: two rows", "peer, S: not one row"]);
    assert_eq!(judge(first, "pear | S | a | b | `src/a.rs: one`"), ["pear, S: not one row", "peer, S: not one row"]);
}

#[test]
fn errors_in_advisories_are_found() {
    // Joined here, or this file would know an advisory.
    let (id, name) = (["CVE", "2000-12"].join("-"), ["cve", "2000_12"].join("_"));
    let chapter = format!("//! | advisory | library | fault | test |\n//! | {id} | a | b | `tests/a.rs: {name}` |\n");
    let text = format!("#[test]\nfn {name}() {{\n}}\n\n#[test]\nfn other() {{\n}}\n");
    let judge = |chapter: &str, text: &str| advisory_faults(chapter, &files("tests/a.rs", text));
    assert_eq!(judge(&chapter, &text), Vec::<String>::new());
    let unnamed = format!("{id}: neither the name of a test nor the table of tests/cve.rs has it");
    assert_eq!(judge(&chapter.replace(&format!("rs: {name}"), "rs: other"), &text), std::slice::from_ref(&unnamed));
    assert_eq!(judge("", &text), [format!("{id}: tests know it, and the chapter does not")]);
    let missing = judge(&chapter, "");
    assert_eq!(missing, [format!("{id}: tests/a.rs has no test {name}")]);
    let not_done = judge(&chapter.replace(&format!("`tests/a.rs: {name}`"), "not done"), &text);
    assert_eq!(not_done, [format!("{id}: not done is no test"), unnamed]);
    assert_eq!(
        advisories("ghsa_x8v2_478q_2hvg and WSA-2026-1, CVE-1"),
        ["GHSA-x8v2-478q-2hvg", "WSA-2026-1"].map(str::to_owned).into()
    );
}
