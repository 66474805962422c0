//! What the chapters of the dossier state is what the files say: promises and their tests, threats, advisories, and tables of
//! facts. A table that differs is printed as it has to be.

// Some functions are for tests/layers.rs.
#[allow(dead_code)]
#[path = "layers/source.rs"]
mod source;

#[path = "dossier/facts.rs"]
mod facts;
#[path = "support/named_tests.rs"]
mod named_tests;
#[path = "dossier/planted.rs"]
mod planted;
#[path = "dossier/systems.rs"]
mod systems;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const BOUNDARIES: [&str; 5] = ["peer", "proxy", "local user", "environment", "logs"];
const STRIDE: [&str; 6] = ["S", "T", "R", "I", "D", "E"];

type Files = BTreeMap<String, String>;

/// A file of the repository. A checkout on Windows may have other ends of lines.
fn read(path: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    text.unwrap_or_else(|error| panic!("{path}: {error}")).replace("\r\n", "\n")
}

/// The Rust files of the library and of its tests, without the texts that are checked.
fn sources() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Files::new();
    for folder in ["src", "tests"] {
        let found = source::rust_files(&root.join(folder)).into_iter();
        files.extend(found.map(|(file, text)| (format!("{folder}/{file}"), text)));
    }
    files.retain(|file, _| !file.starts_with("src/manual/") && file != "tests/dossier/planted.rs");
    files
}

/// The columns of the rows of all tables.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().map(|line| line.strip_prefix("//! ").unwrap_or(line));
    let rows = lines.filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").collect()).collect()
}

/// The tests of a list: the file and the function of each.
fn named_tests(list: &str) -> Result<Vec<(&str, &str)>, String> {
    let named = |one| {
        let inside: Option<&str> = str::strip_prefix(one, "`").and_then(|one| one.strip_suffix('`'));
        inside.and_then(|one| one.split_once(": ")).ok_or_else(|| format!("{one} is no test"))
    };
    list.split(", ").map(named).collect()
}

/// Whether the word is the id of a promise.
fn is_promise(word: &str) -> bool {
    word.strip_prefix('P').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The ids in the comments that begin with "Shows promise" or "Shows promises".
fn cited<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let comments = lines.into_iter().filter_map(|line| Some(line.split_once("// ")?.1));
    let lists = comments.filter(|text| text.starts_with("Shows promise"));
    lists.flat_map(|list| list.split(|c: char| !c.is_ascii_alphanumeric())).filter(|word| is_promise(word)).collect()
}

/// The promises of the README against the entries of the chapter, and against the tests that the entries name.
fn promise_faults(readme: &str, chapter: &str, files: &Files) -> Vec<String> {
    const LINES: [&str; 4] = ["//! * If not: ", "//! * Detected by: ", "//! * Your task: ", "//! * Shown by: "];
    let mut faults = Vec::new();
    let promises: Vec<_> = rows(readme).into_iter().filter(|row| is_promise(row[0])).collect();
    for (n, row) in promises.iter().enumerate() {
        if row[0] != format!("P{}", n + 1) {
            faults.push(format!("{} of the README is not P{}", row[0], n + 1));
        }
    }
    let titles: Vec<String> =
        promises.iter().map(|row| format!("//! **{}. {}**", row[0], row[1..].join(" | "))).collect();
    let lines: Vec<&str> = chapter.lines().collect();
    let entries: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].starts_with("//! **P")).collect();
    if entries.iter().map(|&at| lines[at]).ne(titles.iter().map(String::as_str)) {
        faults.push("the README and the chapter have different promises".into());
    }
    let mut expected: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for at in entries {
        let id = lines[at].trim_start_matches("//! **").split('.').next().unwrap_or_default();
        let parts: Vec<_> = (LINES.iter().zip(lines.iter().skip(at + 2)))
            .filter_map(|(begin, line)| line.strip_prefix(begin).filter(|text| !text.is_empty()))
            .collect();
        let &[_, _, _, shown] = parts.as_slice() else {
            faults.push(format!("{id}: its entry is incomplete"));
            continue;
        };
        for (file, name) in named_tests(shown).unwrap_or_else(|fault| {
            faults.push(format!("{id}: {fault}"));
            Vec::new()
        }) {
            let Some(test) = files.get(file).and_then(|text| named_tests::test_and_comments(text, name)) else {
                faults.push(format!("{id}: {file} has no test {name}"));
                continue;
            };
            if !cited(test).contains(&id) {
                faults.push(format!("{id}: {name} in {file} does not cite it"));
            }
            *expected.entry((id, file)).or_default() += 1;
        }
    }
    for (file, text) in files {
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        cited(text.lines()).into_iter().for_each(|id| *found.entry(id).or_default() += 1);
        for (id, count) in found {
            if expected.get(&(id, file)).copied().unwrap_or_default() != count {
                faults.push(format!("{id}: cited in {file} by a test that the chapter does not name for it"));
            }
        }
    }
    faults
}

/// The table of threats: each boundary has each class once, and each row names tests that exist.
fn threat_faults(chapter: &str, files: &Files) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for row in rows(chapter) {
        let &[boundary, class, _, _, shown] = row.as_slice() else { continue };
        if boundary == "boundary" {
            continue;
        }
        if !seen.insert((boundary.to_owned(), class.to_owned())) {
            faults.push(format!("{boundary}, {class}: two rows"));
        }
        faults.extend(missing_tests(&format!("{boundary}, {class}"), shown, files));
    }
    let grid =
        BOUNDARIES.iter().flat_map(|boundary| STRIDE.map(|class| (boundary.to_string(), class.to_owned()))).collect();
    faults
        .extend(seen.symmetric_difference(&grid).map(|(boundary, class)| format!("{boundary}, {class}: not one row")));
    faults
}

/// What is wrong with a list of tests.
fn missing_tests(row: &str, shown: &str, files: &Files) -> Vec<String> {
    let tests = match named_tests(shown) {
        Ok(tests) => tests,
        Err(fault) => return vec![format!("{row}: {fault}")],
    };
    let exists = |file: &str, name: &str| {
        files.get(file).is_some_and(|text| named_tests::test_and_comments(text, name).is_some())
    };
    let missing = tests.into_iter().filter(|(file, name)| !exists(file, name));
    missing.map(|(file, name)| format!("{row}: {file} has no test {name}")).collect()
}

/// The advisories in a text: `CVE-2026-54463`, `cve_2026_54463` in the name of a function, `GHSA-x8v2-478q-2hvg`, `WSA-2026-1`.
fn advisories(text: &str) -> BTreeSet<String> {
    let text = text.to_uppercase().replace('_', "-");
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let mut found = BTreeSet::new();
    for word in words {
        let parts: Vec<&str> = word.split('-').collect();
        for at in 0..parts.len() {
            let number = |n: usize| {
                let part = parts.get(at + n).copied().unwrap_or_default();
                (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())).then_some(part)
            };
            match parts[at] {
                kind @ ("CVE" | "WSA") => {
                    found.extend(number(1).zip(number(2)).map(|(year, n)| format!("{kind}-{year}-{n}")));
                }
                "GHSA" if parts.len() > at + 3 => {
                    let parts = parts[at + 1..at + 4].iter().map(|part| part.to_lowercase());
                    found.insert(format!("GHSA-{}", parts.collect::<Vec<_>>().join("-")));
                }
                _ => {}
            }
        }
    }
    found
}

/// The rows of advisories: the tests exist, and each advisory that `tests` know has a row with the test that is named for it.
fn advisory_faults(chapter: &str, files: &Files) -> Vec<String> {
    let mut faults = Vec::new();
    let mut listed = BTreeSet::new();
    let elsewhere = files.get("tests/cve.rs").map(|text| rows(text)).unwrap_or_default();
    for row in rows(chapter) {
        let &[ids, _, _, shown] = row.as_slice() else { continue };
        if ids == "advisory" {
            continue;
        }
        let ids_of_row = advisories(ids);
        faults.extend(missing_tests(ids, shown, files));
        for id in &ids_of_row {
            let named = shown.split(", ").any(|test| {
                let in_table = |row: &Vec<&str>| advisories(row[0]).contains(id) && row.last() == Some(&test);
                advisories(test).contains(id) || elsewhere.iter().any(in_table)
            });
            if !named {
                faults.push(format!("{id}: neither the name of a test nor the table of tests/cve.rs has it"));
            }
        }
        listed.extend(ids_of_row);
    }
    let known: BTreeSet<String> =
        (files.iter().filter(|(file, _)| file.starts_with("tests/") && *file != "tests/dossier.rs"))
            .flat_map(|(_, text)| advisories(text))
            .collect();
    faults.extend(known.difference(&listed).map(|id| format!("{id}: tests know it, and the chapter does not")));
    faults
}

#[test]
fn every_promise_has_its_hazard_and_its_tests() {
    let faults = promise_faults(&read("README.md"), &read("src/manual/hazards.rs"), &sources());
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_threat_has_its_tests() {
    let faults = threat_faults(&read("src/manual/hazards.rs"), &sources());
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_advisory_has_its_test() {
    let faults = advisory_faults(&read("src/manual/anomalies.rs"), &sources());
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

/// The library without what is compiled for tests only: each file with its names, as the compiler reads it.
fn names_of_the_library() -> BTreeMap<String, Vec<String>> {
    let files = source::rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let for_tests = source::test_files(&files);
    let library = files.iter().filter(|(file, _)| !for_tests.contains(*file));
    let names = |text: &str| {
        let code = source::blank(text);
        let tokens = source::without_tests(source::tokens(&code));
        tokens.iter().map(|token| token.text.to_owned()).collect()
    };
    library.map(|(file, text)| (file.clone(), names(text))).collect()
}

#[test]
fn the_environment_is_read_in_two_files() {
    let reads = |name: &String| ["var", "vars", "var_os", "vars_os"].contains(&name.as_str());
    let library = names_of_the_library();
    let calls =
        |names: &[String]| names.windows(3).any(|three| three[0] == "env" && three[1] == "::" && reads(&three[2]));
    let files: Vec<_> = library.iter().filter(|(_, names)| calls(names)).map(|(file, _)| file.as_str()).collect();
    assert_eq!(files, ["net/threads.rs", "proxy/environment.rs"]);
}

#[test]
fn the_clock_of_the_calendar_is_read_in_one_file() {
    let library = names_of_the_library();
    let reads = |names: &&Vec<String>| names.iter().any(|name| name == "SystemTime");
    let files: Vec<_> = library.iter().filter(|(_, names)| reads(names)).map(|(file, _)| file.as_str()).collect();
    // For a Retry-After that is a date.
    assert_eq!(files, ["reconnect/disconnect.rs"]);
}
