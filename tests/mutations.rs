//! The patches that break requirements: each still applies, the test that has to fail cites the requirements, and the results
//! belong to the patches. `tests/mutations/run` applies them and writes the results; it explains the format.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Default)]
struct Patch {
    ids: Vec<String>,
    file: String,
    /// The test program, or `lib`, and the path of the test in it.
    test: String,
    old: String,
    new: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn parse(text: &str) -> Vec<Patch> {
    let mut patches: Vec<Patch> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(ids) = line.strip_prefix("== ") {
            patches.push(Patch { ids: ids.split(' ').map(str::to_owned).collect(), ..Patch::default() });
            continue;
        }
        let patch = patches.last_mut().expect("a patch begins with its requirements");
        match line.split_at(line.len().min(2)) {
            ("- ", code) => patch.old += &format!("{code}\n"),
            ("+ ", code) => patch.new += &format!("{code}\n"),
            _ => match line.split_once(": ") {
                Some(("file", file)) => patch.file = file.to_owned(),
                Some(("test", test)) => patch.test = test.to_owned(),
                _ => panic!("{line}"),
            },
        }
    }
    patches
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

/// The patches of a subject, by the names of the subjects.
fn subjects() -> BTreeMap<String, Vec<Patch>> {
    let files = fs::read_dir(root().join("tests/mutations/patches")).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files.map(|path| (name(&path), parse(&fs::read_to_string(&path).unwrap()))).collect()
}

#[test]
fn patches_apply_and_their_tests_cite_the_requirements() {
    let patches: Vec<Patch> = subjects().into_values().flatten().collect();
    assert!(patches.len() > 100, "{} patches", patches.len());
    let requirements = requirements();
    let mut faults = Vec::new();
    for patch in &patches {
        let Patch { ids, file, test, old, new } = patch;
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
            if !requirements.contains(id) {
                faults.push(format!("{id}: no requirement that code obeys"));
            }
            let table = ["ROWS", "GOOD", "BAD", "rows()"].iter().any(|table| body.contains(table));
            if !(cites(&body, id) || (table && cites(&rows, id))) {
                faults.push(format!("{id}: {test} does not cite it"));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

/// Shows promise P2.
#[test]
fn each_patch_was_noticed() {
    for (subject, patches) in subjects() {
        let results = fs::read_to_string(root().join(format!("tests/mutations/results/{subject}.tsv"))).unwrap();
        let rows: Vec<&str> = results.lines().filter(|line| !line.starts_with('#')).collect();
        for (patch, row) in patches.iter().zip(&rows) {
            let (ids, test) = (patch.ids.join(" "), &patch.test);
            let expected = ["fails", "hangs"].map(|verdict| format!("{ids}\t{test}\t{verdict}"));
            assert!(
                expected.iter().any(|expected| expected == row),
                "{ids}: run tests/mutations/run, which wrote {row}"
            );
        }
        assert_eq!(patches.len(), rows.len(), "{subject}: run tests/mutations/run NEW");
    }
}
