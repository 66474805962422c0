//! The rules of the source that a compiler does not check: a layer names only the vocabulary and the layers that its row in
//! `layers/layout.rs` allows; no cycle of imports crosses folders or has more than three files; the lower layers do no I/O,
//! read no clock and draw no randomness; one file starts threads; one file has the lock; files and functions stay short; `unsafe` is forbidden.
//!
//! The sources are read as Rust, without comments and strings, and without items that are compiled only for tests.
//! `layers/planted.rs` tests the checks: they have to detect each planted fault.

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
use std::path::Path;

use graph::Import;
use layout::{Layout, CYCLE, FILE, FUNCTION, LAYOUT, LOCKS, PANICS, VALUES};
use source::{blank, group_end, rust_files, test_files, test_lines, text, tokens, without_tests};

/// Shows promises P1, P4.
#[test]
fn the_sources_keep_the_rules() {
    let files = rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let faults = check(LAYOUT, &files);
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    assert_eq!(not_denied(&files["lib.rs"]), [""; 0], "src/lib.rs does not deny them");
}

/// All faults of the files, by their path below `src`.
fn check(layout: &Layout, files: &BTreeMap<String, String>) -> Vec<String> {
    let imports = graph::imports(files);
    let mut faults = table(layout, files);
    faults.extend(upward(layout, &imports));
    faults.extend(cycles(&imports));
    faults.extend(io_in_sans_io(layout, &imports));
    faults.extend(threads(layout, &imports));
    faults.extend(locks(layout, &imports));
    faults.extend(sizes(files));
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
    found.into_values().collect()
}

/// Cycles of imports that cross folders, or have too many files.
fn cycles(imports: &[Import]) -> Vec<String> {
    let crosses = |cycle: &BTreeSet<&str>| cycle.iter().map(|file| layer_of(file)).collect::<BTreeSet<_>>().len() > 1;
    let cycles = graph::cycles(imports).into_iter().filter(|cycle| cycle.len() > CYCLE || crosses(cycle));
    cycles
        .map(|cycle| format!("files that import each other in a cycle: {:?}", cycle.into_iter().collect::<Vec<_>>()))
        .collect()
}

/// Names of `std` that a layer without I/O must not use.
fn io_in_sans_io(layout: &Layout, imports: &[Import]) -> Vec<String> {
    let mut faults = Vec::new();
    for import in imports.iter().filter(|import| import.to.is_none()) {
        let layer = layer_of(&import.file);
        let Some((_, forbidden)) = layout.sans_io.iter().find(|(name, _)| *name == layer) else { continue };
        let path = import.parts[1..].join("::");
        let leads_to = |name: &str| path == name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"));
        // A module alone does no I/O. Its name appears again where an item of it is used.
        let does_io = |name: &&str| leads_to(name) && (path != **name || name.contains(char::is_uppercase));
        let Some(name) = forbidden.iter().find(|name| does_io(name) || path == "*") else { continue };
        let value = VALUES.iter().any(|value| leads_to(value));
        if !value && !layout.io_exceptions.contains(&(&import.file, name)) {
            faults.push(format!("{}:{}: {layer} names std::{path}", import.file, import.line));
        }
    }
    faults.dedup();
    faults
}

/// Files that start threads, except for the one that does it for all.
fn threads(layout: &Layout, imports: &[Import]) -> Vec<String> {
    let starts = |parts: &[String]| match parts {
        [_, module, name, ..] => module == "thread" && ["Builder", "spawn", "scope", "*"].contains(&name.as_str()),
        _ => false,
    };
    let starting = imports.iter().filter(|import| import.to.is_none() && starts(&import.parts));
    let elsewhere = starting.filter(|import| import.file != layout.thread_file);
    elsewhere.map(|import| format!("{}:{}: starts a thread", import.file, import.line)).collect()
}

/// Files with a lock of their own, except for the one that has it for all.
fn locks(layout: &Layout, imports: &[Import]) -> Vec<String> {
    let is_lock = |parts: &[String]| match parts {
        [_, module, name, ..] => module == "sync" && LOCKS.contains(&name.as_str()),
        _ => false,
    };
    let naming = imports.iter().filter(|import| import.to.is_none() && is_lock(&import.parts));
    let elsewhere = naming.filter(|import| import.file != layout.lock_file);
    elsewhere.map(|import| format!("{}:{}: names a lock of std", import.file, import.line)).collect()
}

/// Files and functions that are too long.
fn sizes(files: &BTreeMap<String, String>) -> Vec<String> {
    let for_tests = test_files(files);
    let mut faults = Vec::new();
    for (file, source) in files.iter().filter(|(file, _)| !for_tests.contains(*file)) {
        let lines = source.lines().count() - test_lines(source).len();
        if lines > FILE {
            faults.push(format!("too long: {:?}", (file, lines)));
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
                let name = &source[name.at..name.at + name.text.len()];
                faults.push(format!("too long: {:?}", (file, name, lines)));
            }
        }
    }
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
