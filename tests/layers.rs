//! The rules of the source that a compiler does not hold: a layer names only the vocabulary and the layers that its row in
//! `layers/layout.rs` allows; no circle of imports crosses folders or has more than three files; the lower layers do no I/O,
//! read no clock and draw no randomness; files and functions stay short; `unsafe` is forbidden.
//!
//! The sources are read as Rust, without comments and strings, and without items that are compiled only for tests. The
//! checks are checked in `layers/planted.rs`: each planted fault has to be noticed.

#[path = "layers/graph.rs"]
mod graph;
#[path = "layers/imports.rs"]
mod imports;
#[path = "layers/layout.rs"]
mod layout;
#[path = "layers/planted.rs"]
mod planted;
#[path = "layers/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;

use graph::Import;
use layout::{Layout, CIRCLE, FILE, FUNCTION, LAYOUT, PANICS, VALUES};
use source::{blank, group_end, rust_files, test_files, test_lines, text, tokens, without_tests};

#[test]
fn the_sources_keep_the_rules() {
    let files = rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let faults = check(LAYOUT, &files);
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    assert_eq!(not_denied(&files["lib.rs"]), [""; 0], "src/lib.rs does not deny them");
}

/// Everything wrong with the files, which are known by their path below `src`.
fn check(layout: &Layout, files: &BTreeMap<String, String>) -> Vec<String> {
    let imports = graph::imports(files);
    let mut faults = table(layout, files);
    faults.extend(upward(layout, &imports));
    faults.extend(circles(layout, &imports));
    faults.extend(noise(layout, &imports));
    faults.extend(sizes(layout, files));
    faults.extend(panic_exceptions(files));
    if let Some(lib) = files.get("lib.rs") {
        if !blank(lib).split_whitespace().collect::<String>().contains("#![forbid(unsafe_code)]") {
            faults.push("lib.rs: no #![forbid(unsafe_code)]".to_string());
        }
    }
    faults
}

/// The layer of a file: `client` for `client.rs` and `client/builder.rs`.
fn layer_of(file: &str) -> &str {
    file.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// The layer that a file counts for: that of its folder, or the one that it extends.
fn placed<'a>(layout: &'a Layout, file: &'a str) -> &'a str {
    layout.extends.iter().find(|(name, _)| *name == file).map_or(layer_of(file), |(_, layer)| layer)
}

/// Every file has a row, every row has a file, and a row names only rows above it in the table.
fn table(layout: &Layout, files: &BTreeMap<String, String>) -> Vec<String> {
    let mut faults = order(layout);
    let known: BTreeSet<&str> =
        layout.layers.iter().map(|(layer, _)| *layer).chain(layout.vocabulary.iter().copied()).collect();
    let there: BTreeSet<&str> = files.keys().map(|file| layer_of(file)).filter(|layer| *layer != "lib").collect();
    faults.extend(there.difference(&known).map(|layer| format!("{layer}: not in the table of layers")));
    let absent = layout.extends.iter().filter(|(file, layer)| !files.contains_key(*file) || !known.contains(layer));
    faults.extend(absent.map(|(file, layer)| format!("{file} extends {layer}: one of them is not there")));
    faults.extend(known.difference(&there).map(|layer| format!("{layer}: in the table of layers, but not in src")));
    faults
}

fn order(layout: &Layout) -> Vec<String> {
    let mut faults = Vec::new();
    let mut lower = BTreeSet::new();
    for (layer, named) in layout.layers {
        let above = named.iter().filter(|name| !lower.contains(*name));
        faults.extend(above.map(|name| format!("{layer}: its row names {name}, which is not below it")));
        if !lower.insert(layer) {
            faults.push(format!("{layer}: two rows"));
        }
    }
    faults
}

/// Imports against the table, the first of each pair of layers.
fn upward(layout: &Layout, imports: &[Import]) -> Vec<String> {
    let mut found = BTreeMap::new();
    for import in imports {
        let Some(to) = import.to.as_deref().map(|file| placed(layout, file)) else { continue };
        let from = placed(layout, &import.file);
        let row = layout.layers.iter().find(|(layer, _)| *layer == from).map_or(&[][..], |(_, row)| row);
        if from != "lib" && from != to && !layout.vocabulary.contains(&to) && !row.contains(&to) {
            let place = format!("{}:{}: {from} names crate::{}", import.file, import.line, import.parts.join("::"));
            found.entry((from, to)).or_insert(place);
        }
    }
    let faults = found.iter().filter(|(pair, _)| !layout.owed.imports.contains(pair)).map(|(_, fault)| fault.clone());
    let stale = layout.owed.imports.iter().filter(|pair| !found.contains_key(*pair)).map(|pair| stale("imports", pair));
    faults.chain(stale).collect()
}

/// Circles of imports that cross folders, or have too many files.
fn circles(layout: &Layout, imports: &[Import]) -> Vec<String> {
    let circles = graph::circles(imports);
    let crosses = |circle: &BTreeSet<&str>| circle.iter().map(|file| layer_of(file)).collect::<BTreeSet<_>>().len() > 1;
    let found: Vec<Vec<&str>> = circles
        .into_iter()
        .filter(|circle| circle.len() > CIRCLE || crosses(circle))
        .map(|circle| circle.into_iter().collect())
        .collect();
    let owed = layout.owed.circles;
    let new = found.iter().filter(|circle| !owed.contains(&circle.as_slice()));
    let gone = owed.iter().filter(|circle| !found.iter().any(|other| other == *circle));
    new.map(|circle| format!("files that import each other in a circle: {circle:?}"))
        .chain(gone.map(|circle| stale("circles", circle)))
        .collect()
}

/// What the quiet layers name of `std` that they must not.
fn noise(layout: &Layout, imports: &[Import]) -> Vec<String> {
    let mut faults = Vec::new();
    for import in imports.iter().filter(|import| import.to.is_none()) {
        let layer = layer_of(&import.file);
        let Some((_, forbidden)) = layout.quiet.iter().find(|(quiet, _)| *quiet == layer) else { continue };
        let path = import.parts[1..].join("::");
        let leads_to = |name: &str| path == name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"));
        // A module alone does nothing; its name shows again where something is taken from it.
        let acts = |name: &&str| leads_to(name) && (path != **name || name.contains(char::is_uppercase));
        let Some(name) = forbidden.iter().find(|name| acts(name) || path == "*") else { continue };
        let value = VALUES.iter().any(|value| leads_to(value));
        if !value && !layout.loud_files.contains(&(&import.file, name)) {
            faults.push(format!("{}:{}: {layer} names std::{path}", import.file, import.line));
        }
    }
    faults.dedup();
    faults
}

/// Files and functions that are too long.
fn sizes(layout: &Layout, files: &BTreeMap<String, String>) -> Vec<String> {
    let for_tests = test_files(files);
    let (mut long_files, mut long_functions) = (Vec::new(), Vec::new());
    for (file, source) in files.iter().filter(|(file, _)| !for_tests.contains(*file)) {
        let lines = source.lines().count() - test_lines(source).len();
        if lines > FILE {
            long_files.push((file.as_str(), lines));
        }
        let code = blank(source);
        let tokens = without_tests(tokens(&code));
        for at in (0..tokens.len()).filter(|&at| text(&tokens, at) == "fn" && text(&tokens, at + 1) != "(") {
            let mut end = at;
            while !["{", ";", ""].contains(&text(&tokens, end)) {
                end = if ["(", "["].contains(&text(&tokens, end)) { group_end(&tokens, end) } else { end + 1 };
            }
            let lines = tokens.get(group_end(&tokens, end) - 1).map_or(0, |last| last.line - tokens[at].line + 1);
            if text(&tokens, end) == "{" && lines > FUNCTION {
                let name = &tokens[at + 1];
                long_functions.push((file.as_str(), &source[name.at..name.at + name.text.len()], lines));
            }
        }
    }
    let mut faults = against("long_files", &long_files, layout.owed.long_files);
    faults.extend(against("long_functions", &long_functions, layout.owed.long_functions));
    faults
}

/// Exceptions from the lints against panics that hold for more than one item, or that do not say why.
fn panic_exceptions(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut faults = Vec::new();
    for (file, source) in files {
        let tests = test_lines(source);
        let lines: Vec<&str> = source.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate().filter(|(at, _)| !tests.contains(&(at + 1))) {
            let is_exception =
                line.starts_with("#") && line.contains("allow(") && PANICS.iter().any(|lint| line.contains(lint));
            let has_reason = at > 0 && lines[at - 1].starts_with("// ");
            if is_exception && (line.starts_with("#![") || !has_reason) {
                faults.push(format!("{file}:{}: an exception for one item says why in the line before it", at + 1));
            }
        }
    }
    faults
}

/// The lints against panics that the crate's first lines do not deny.
fn not_denied(lib: &str) -> Vec<&'static str> {
    let code = blank(lib);
    let denied: String = code.split("deny(").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    PANICS.into_iter().filter(|lint| !denied.contains(lint)).collect()
}

/// What was found but is not owed, and what is owed but was not found.
fn against<T: Debug + PartialEq>(list: &str, found: &[T], owed: &[T]) -> Vec<String> {
    let new = found.iter().filter(|one| !owed.contains(one)).map(|one| format!("too long: {one:?}"));
    new.chain(owed.iter().filter(|one| !found.contains(one)).map(|one| stale(list, one))).collect()
}

fn stale(list: &str, entry: impl Debug) -> String {
    format!("owed.{list} is stale: {entry:?} is not there")
}
