//! The patches that break requirements and promises: each still applies, the test that has to fail cites their ids, every id has
//! a patch, and the results belong to the patches. `tests/mutations/run` applies them and writes the results; it explains the
//! format.

// Some fields are for tests/traceability.rs.
#[allow(dead_code)]
#[path = "support/patches.rs"]
mod patches;
#[allow(dead_code)]
#[path = "support/promises.rs"]
mod promises;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use patches::{subjects, Patch};
use promises::Promise;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The ids that code obeys, from the lists of requirements.
fn requirements() -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for entry in fs::read_dir(root().join("tests/requirements")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let rows = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect::<Vec<_>>());
        ids.extend(rows.filter(|row| row[4] == "code").map(|row| row[0].to_owned()));
    }
    ids
}

/// The promises of the README.
fn promises() -> Vec<Promise> {
    promises::promises(&fs::read_to_string(root().join("src/manual/hazards.rs")).unwrap())
}

/// The files in which the test of a patch can be: those of the test program, or that of the module.
fn sources(test: &str) -> Vec<PathBuf> {
    let (program, path) = test.split_once(' ').unwrap();
    let modules: Vec<&str> = path.split("::").collect();
    let (_, modules) = modules.split_last().unwrap();
    if program != "lib" {
        let folder = root().join("tests").join(program.trim_end_matches("_tls"));
        let own = root().join(format!("tests/{program}.rs"));
        return [own].into_iter().chain(modules.first().map(|module| folder.join(format!("{module}.rs")))).collect();
    }
    let inner = root().join("src").join(modules.join("/")).with_extension("rs");
    let outer = root().join("src").join(modules[..modules.len() - 1].join("/")).with_extension("rs");
    vec![inner, outer]
}

/// The comments above a test, and the test itself, from formatted source.
fn test_text(source: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = source.lines().collect();
    let at = lines.iter().position(|line| line.trim_start().starts_with(&format!("fn {name}()")))?;
    let indent = lines[at].len() - lines[at].trim_start().len();
    let belongs = |line: &&&str| line.trim_start().starts_with("//") || line.trim_start().starts_with("#[");
    let above = lines[..at].iter().rev().take_while(belongs).count();
    let end = lines[at..].iter().position(|line| *line == format!("{:indent$}}}", ""))?;
    Some(lines[at - above..=at + end].join("\n"))
}

fn cites(text: &str, id: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.')
        .any(|word| word.trim_end_matches('.') == id)
}

/// The comment that names the promises of a test.
fn shown(text: &str) -> String {
    text.lines().filter(|line| line.trim_start().starts_with("/// Shows promise")).collect()
}

#[test]
fn patches_apply_and_their_tests_cite_the_ids() {
    let patches: Vec<Patch> = subjects(root()).into_values().flatten().collect();
    let (requirements, promises) = (requirements(), promises());
    let mut faults = Vec::new();
    for patch in &patches {
        let Patch { ids, file, test, old, new, .. } = patch;
        let text = format!("\n{}", fs::read_to_string(root().join(file)).unwrap_or_default());
        let count = text.matches(&format!("\n{old}")).count();
        if count != 1 || old == new {
            faults.push(format!("{ids:?}: {file} has the code {count} times"));
        }
        let name = test.rsplit([' ', ':']).next().unwrap();
        let found =
            sources(test).iter().filter_map(|path| fs::read_to_string(path).ok()).find_map(|s| test_text(&s, name));
        let Some(body) = found else {
            faults.push(format!("{ids:?}: no test {test}"));
            continue;
        };
        // A table of the file may have the ids beside its rows.
        let rows: String = sources(test).iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
        for id in ids {
            let is_promise = promises.iter().any(|promise| promise.id == *id);
            if !is_promise && !requirements.contains(id) {
                faults.push(format!("{id}: no promise, and no requirement that code obeys"));
            }
            let table = ["ROWS", "GOOD", "BAD", "rows()"].iter().any(|table| body.contains(table));
            let is_cited = match is_promise {
                true => cites(&shown(&body), id),
                false => cites(&body, id) || (table && cites(&rows, id)),
            };
            if !is_cited {
                faults.push(format!("{id}: {test} does not cite it"));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

/// The ids without a patch.
fn without_patch<'a>(
    wanted: impl IntoIterator<Item = &'a str>,
    subjects: &BTreeMap<String, Vec<Patch>>,
) -> Vec<&'a str> {
    let patched: BTreeSet<&str> =
        subjects.values().flatten().flat_map(|patch| &patch.ids).map(String::as_str).collect();
    wanted.into_iter().filter(|id| !patched.contains(id)).collect()
}

/// A promise may have a part of `.ci/run` in place of a patch, because no line of code keeps it.
#[test]
fn every_requirement_and_every_promise_has_a_patch() {
    let (requirements, promises) = (requirements(), promises());
    let unchecked = promises.iter().filter(|promise| promise.checks.is_empty()).map(|promise| &promise.id);
    let wanted = requirements.iter().chain(unchecked).map(String::as_str);
    assert_eq!(without_patch(wanted, &subjects(root())), [""; 0], "without a patch: see tests/mutations/run");
    assert!(requirements.len() > 100 && promises.len() > 10, "{} {}", requirements.len(), promises.len());
}

#[test]
fn an_id_without_a_patch_is_found() {
    let patch = |ids: [&str; 2]| Patch { ids: ids.map(str::to_owned).into(), ..Patch::default() };
    let subjects = BTreeMap::from([("a".to_owned(), vec![patch(["1-1-1", "P1"])])]);
    assert_eq!(without_patch(["1-1-1", "1-1-2", "P1", "P3"], &subjects), ["1-1-2", "P3"]);
}

/// A part has to be there. A package has no `.ci/run`.
#[test]
fn the_parts_that_check_promises_are_in_the_run() {
    let Ok(run) = fs::read_to_string(root().join(".ci/run")) else { return };
    let promises = promises();
    let parts: Vec<&str> = promises.iter().flat_map(|promise| &promise.checks).map(String::as_str).collect();
    for part in &parts {
        assert!(run.contains(&format!("\nsection \"{part}\"\n")), ".ci/run has no part {part}");
    }
    assert!(parts.contains(&"One line in the tree"), "{parts:?}");
}

/// Shows promise P2.
#[test]
fn each_patch_was_noticed() {
    for (subject, patches) in subjects(root()) {
        let results = patches::results(root(), &subject);
        let mut seen = BTreeSet::new();
        for (patch, [ids, test, verdict]) in patches.iter().zip(&results) {
            let expected = (patch.ids.join(" "), &patch.test);
            assert!(
                expected == (ids.clone(), test) && ["fails", "hangs"].contains(&verdict.as_str()),
                "{expected:?}: run tests/mutations/run, which wrote {ids} {test} {verdict}"
            );
            assert!(seen.insert(expected), "{ids}: two patches with the same ids and test share a result");
        }
        assert_eq!(patches.len(), results.len(), "{subject}: run tests/mutations/run NEW");
    }
}
