//! The patches of `tests/mutations/patches`, and their results. `tests/mutations/run` explains the format.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[derive(Default)]
pub(crate) struct Patch {
    /// Of requirements and promises.
    pub(crate) ids: Vec<String>,
    /// The line on which the patch begins.
    pub(crate) line: usize,
    /// The file that it changes.
    pub(crate) file: String,
    /// The test program, or `lib`, and the path of the test in it.
    pub(crate) test: String,
    pub(crate) old: String,
    pub(crate) new: String,
}

fn parse(text: &str) -> Vec<Patch> {
    let mut patches: Vec<Patch> = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        if let Some(ids) = line.strip_prefix("== ") {
            patches.push(Patch { ids: ids.split(' ').map(str::to_owned).collect(), line: n + 1, ..Patch::default() });
            continue;
        }
        let patch = patches.last_mut().expect("a patch begins with its ids");
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

/// The patches of a subject, by the names of the subjects.
pub(crate) fn subjects(root: &Path) -> BTreeMap<String, Vec<Patch>> {
    let files = fs::read_dir(root.join("tests/mutations/patches")).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files.map(|path| (name(&path), parse(&fs::read_to_string(&path).unwrap()))).collect()
}

/// The results of a subject, in the order of its patches: the ids, the test, and what the test did.
pub(crate) fn results(root: &Path, subject: &str) -> Vec<[String; 3]> {
    let text = fs::read_to_string(root.join(format!("tests/mutations/results/{subject}.tsv"))).unwrap_or_default();
    let rows = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').map(str::to_owned));
    rows.map(|row| row.collect::<Vec<_>>().try_into().expect("three columns")).collect()
}
