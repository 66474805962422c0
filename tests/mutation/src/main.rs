//! Writes the sources of stdws with all their mutants: `stdws-mutation SOURCES COPY LIST DROPPED`.
//!
//! `SOURCES` and `COPY` are folders with `lib.rs`. `LIST` becomes a JSON array of the mutants: what each of them changes, and
//! which bytes of the copy belong to it. `DROPPED` has the numbers of mutants to leave out, because they do not compile.
//!
//! The copy behaves like the sources until the environment variable `STDWS_MUTANT` has the number of a mutant. With
//! `STDWS_MUTANT=trace`, the file named by `STDWS_MUTANT_TRACE` gets the numbers of the mutants that are reached.

mod constants;
mod mutants;
mod weave;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use constants::Constants;
use mutants::{compiled_here, Mutant, Mutants};

/// What decides at run time, appended to `lib.rs` as the module `mutation`.
const SWITCH: &str = include_str!("switch.rs");

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let [_, sources, copy, list, dropped] = &arguments[..] else { panic!("SOURCES COPY LIST DROPPED") };
    let (sources, copy) = (Path::new(sources), Path::new(copy));
    let dropped: HashSet<u32> =
        fs::read_to_string(dropped).unwrap_or_default().split_whitespace().map(|id| id.parse().unwrap()).collect();
    let mut files = Vec::new();
    read_files(sources, &mut files);
    files.sort();
    let (rust, others): (Vec<_>, Vec<_>) =
        files.iter().partition(|path| path.extension().is_some_and(|kind| kind == "rs"));
    for path in others {
        write(&copy.join(path.strip_prefix(sources).unwrap()), &fs::read_to_string(path).unwrap());
    }
    let parsed: Vec<(String, String, syn::File)> = rust
        .iter()
        .map(|path| {
            let name = path.strip_prefix(sources).unwrap().to_str().unwrap().replace('\\', "/");
            let text = fs::read_to_string(path).unwrap();
            let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, text, file)
        })
        .collect();
    let excluded: HashSet<String> = parsed.iter().flat_map(|(name, _, file)| excluded_by(name, file)).collect();
    let constants = Constants::of(&parsed);
    let mut all: Vec<Mutant> = Vec::new();
    for (name, text, file) in &parsed {
        let is_left_out = name == "lib.rs" || name.starts_with("manual") || is_excluded(&excluded, name);
        let woven = if is_left_out {
            text.clone()
        } else {
            Mutants::new(name, text, &constants, &dropped, &mut all).weave(file)
        };
        let woven = if name == "lib.rs" { format!("{woven}\n{SWITCH}") } else { woven };
        write(&copy.join(name), &woven);
    }
    let rows: Vec<serde_json::Value> = all.iter().map(Mutant::json).collect();
    fs::write(list, serde_json::to_string(&rows).unwrap()).unwrap();
    println!("{} mutants, {} of them dropped", all.len(), dropped.len());
}

/// Files that stay the same keep their time, so that nothing is compiled again.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).ok().as_deref() != Some(text) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn read_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The files, and the folders of the same name, that this file declares for tests or for other systems.
fn excluded_by(name: &str, file: &syn::File) -> Vec<String> {
    let folder = match name.rsplit_once('/') {
        Some((folder, "mod.rs")) => folder.to_string(),
        _ if name == "lib.rs" => String::new(),
        _ => name.trim_end_matches(".rs").to_string(),
    };
    let modules = file.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) if module.content.is_none() && !compiled_here(&module.attrs) => Some(&module.ident),
        _ => None,
    });
    modules.map(|ident| if folder.is_empty() { ident.to_string() } else { format!("{folder}/{ident}") }).collect()
}

fn is_excluded(excluded: &HashSet<String>, name: &str) -> bool {
    let module = name.trim_end_matches(".rs");
    // Declared with a path, and only without the feature `trace`.
    name == "events/disabled.rs"
        || excluded
            .iter()
            .any(|one| module == one || module.strip_prefix(&**one).is_some_and(|rest| rest.starts_with('/')))
}
