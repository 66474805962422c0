//! Which file imports which, and the groups of files that import each other in a cycle.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::{module_of, paths};
use crate::source::{beside, blank, test_files, text, tokens, without_tests, written_path};

/// One import: the file and line where it stands, and the path from the root of the crate, or from `std`.
pub(crate) struct Import {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) parts: Vec<String>,
    /// The file that has the path's module, or none below `std`.
    pub(crate) to: Option<String>,
}

/// The imports of all files, by their path below `src`, without tests.
pub(crate) fn imports(files: &BTreeMap<String, String>) -> Vec<Import> {
    let for_tests = test_files(files);
    let modules = modules(files);
    let mut imports = Vec::new();
    for (file, source) in files.iter().filter(|(file, _)| !for_tests.contains(*file)) {
        let code = blank(source);
        for path in paths(&module_of(file), &without_tests(tokens(&code))) {
            let mut import = Import { file: file.clone(), line: path.line, parts: path.parts, to: None };
            if import.parts.first().is_some_and(|first| first == "std") {
                imports.push(import);
                continue;
            }
            // The longest beginning that is a module with a file of its own; a module may have one file for each feature.
            let targets = (0..=import.parts.len()).rev().find_map(|length| modules.get(&import.parts[..length]));
            for target in targets.into_iter().flatten() {
                import.to = Some(target.clone());
                imports.push(Import {
                    parts: import.parts.clone(),
                    file: file.clone(),
                    to: Some(target.clone()),
                    ..import
                });
            }
        }
    }
    imports
}

/// The files of each module: those at the usual place, and those that a `#[path]` names.
fn modules(files: &BTreeMap<String, String>) -> BTreeMap<Vec<String>, BTreeSet<String>> {
    let mut modules: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
    for (file, source) in files {
        modules.entry(module_of(file)).or_default().insert(file.clone());
        let code = blank(source);
        let tokens = tokens(&code);
        for at in (0..tokens.len()).filter(|&at| text(&tokens, at) == "path" && text(&tokens, at + 1) == "=") {
            let Some(module) = (at..tokens.len()).find(|&at| text(&tokens, at) == "mod") else { continue };
            let Some(path) = written_path(&source[tokens[at - 2].at..tokens[module].at]) else { continue };
            let name = [module_of(file), vec![text(&tokens, module + 1).to_string()]].concat();
            modules.entry(name).or_default().insert(beside(file, path));
        }
    }
    modules
}

/// The cycles of imports, each with all its files. A file that imports itself is none.
pub(crate) fn cycles(imports: &[Import]) -> Vec<BTreeSet<&str>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in imports {
        if let Some(to) = import.to.as_deref().filter(|to| *to != import.file) {
            next.entry(&import.file).or_default().insert(to);
        }
    }
    let reach: BTreeMap<&str, BTreeSet<&str>> = next.keys().map(|&file| (file, reached(file, &next))).collect();
    let mut cycles: Vec<BTreeSet<&str>> = Vec::new();
    for (file, files) in &reach {
        if files.contains(file) && !cycles.iter().any(|cycle| cycle.contains(file)) {
            let returns = |other: &&&str| reach.get(**other).is_some_and(|back| back.contains(file));
            cycles.push(files.iter().filter(returns).copied().collect());
        }
    }
    cycles
}

fn reached<'a>(from: &'a str, next: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(file) = waiting.pop() {
        for &other in next.get(file).into_iter().flatten() {
            if seen.insert(other) {
                waiting.push(other);
            }
        }
    }
    seen
}
