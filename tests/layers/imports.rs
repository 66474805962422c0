//! The paths that a file of `src` names, as they are meant: from the root of the crate, or from `std`.
//!
//! Read are paths from `crate`, `super`, `self`, `std` and `core`, from a module that the file declares, and from a module
//! that the file imports under its own or another name; groups, globs and inline modules are followed. `mod x;` and the
//! `pub(in …)` of a visibility name nothing. What a glob brings in is not known: the glob itself is the import.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{text, Token};

/// A path and the line where it is written. Below the root of the crate `parts` are modules and items, else `std` is first.
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) parts: Vec<String>,
}

/// The module a file is: `wire/uri.rs` and `wire/uri/mod.rs` are both `wire::uri`, and `lib.rs` is the root.
pub(crate) fn module_of(name: &str) -> Vec<String> {
    let mut module: Vec<String> = name.trim_end_matches(".rs").split('/').map(str::to_string).collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] {
        module.pop();
    }
    module
}

/// All paths in the code of a module.
pub(crate) fn paths(module: &[String], tokens: &[Token]) -> Vec<Named> {
    let mut reader =
        Reader { tokens, declared: BTreeSet::new(), imported: BTreeMap::new(), found: Vec::new(), in_use: false };
    // What is declared and imported is known only at the end of the file.
    for _ in 0..2 {
        reader.found.clear();
        reader.read(module);
    }
    reader.found
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    /// The modules that the file declares, from the root.
    declared: BTreeSet<Vec<String>>,
    /// The names that `use` gives to something, by the module where they stand.
    imported: BTreeMap<(Vec<String>, String), Vec<String>>,
    found: Vec<Named>,
    in_use: bool,
}

impl Reader<'_> {
    fn text(&self, at: usize) -> &str {
        text(self.tokens, at)
    }

    fn read(&mut self, module: &[String]) {
        let mut here = module.to_vec();
        let mut opened = Vec::new(); // the depth of the braces of each inline module that is open
        let mut depth = 0;
        let mut at = 0;
        while at < self.tokens.len() {
            match self.text(at) {
                "{" => depth += 1,
                "}" => {
                    if opened.last() == Some(&depth) {
                        opened.pop();
                        here.pop();
                    }
                    depth -= 1;
                }
                "mod" if [";", "{"].contains(&self.text(at + 2)) => {
                    let inline = self.text(at + 2) == "{";
                    here.push(self.text(at + 1).to_string());
                    self.declared.insert(here.clone());
                    if inline {
                        opened.push(depth + 1);
                    } else {
                        here.pop();
                    }
                }
                "use" => {
                    self.in_use = true;
                    at += usize::from(self.text(at + 1) == "::");
                    at = self.tree(&here, at + 1, &mut Vec::new());
                    self.in_use = false;
                    continue;
                }
                _ if self.begins_a_path(&here, at) => {
                    at = self.tree(&here, at, &mut Vec::new());
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn begins_a_path(&self, here: &[String], at: usize) -> bool {
        let before = if at == 0 { "" } else { self.text(at - 1) };
        let goes_on = self.text(at + 1) == "::";
        match self.text(at) {
            // `pub(super)`, `pub(in crate::x)`, and the `crate` in the middle of a path.
            _ if before == "in" && at > 2 && self.text(at - 3) == "pub" => false,
            "std" | "core" => goes_on,
            name => goes_on && !["::", "."].contains(&before) && self.known(here, name).is_some(),
        }
    }

    /// What the first name of a path means.
    fn known(&self, here: &[String], name: &str) -> Option<Vec<String>> {
        let child = [here, &[name.to_string()]].concat();
        match name {
            "std" | "core" => Some(vec!["std".to_string()]),
            "crate" => Some(Vec::new()),
            "self" => Some(here.to_vec()),
            "super" => here.split_last().map(|(_, parent)| parent.to_vec()),
            _ if self.declared.contains(&child) => Some(child),
            // A type or a function was reported where it was imported; only from a module a path goes on to more.
            _ if name.starts_with(char::is_uppercase) => None,
            _ => self.imported.get(&(here.to_vec(), name.to_string())).cloned(),
        }
    }

    /// Follows a path, or a group of paths in braces. Returns where it ends.
    fn tree(&mut self, here: &[String], mut at: usize, path: &mut Vec<String>) -> usize {
        if self.text(at) == "{" {
            at += 1;
            while !["}", ""].contains(&self.text(at)) {
                at = if self.text(at) == "," { at + 1 } else { self.tree(here, at, path) };
            }
            return at + 1;
        }
        path.push(self.text(at).to_string());
        let next = self.text(at + 2);
        if self.text(at + 1) == "::" && (["{", "*"].contains(&next) || next.starts_with(crate::source::is_name)) {
            at = self.tree(here, at + 2, path);
        } else {
            let renamed = self.in_use && self.text(at + 1) == "as";
            let name = if renamed { self.text(at + 2) } else { path.iter().rfind(|p| *p != "self").map_or("", |p| p) };
            self.leaf(here, path, name.to_string(), at);
            at += if renamed { 3 } else { 1 };
        }
        path.pop();
        at
    }

    fn leaf(&mut self, here: &[String], path: &[String], name: String, at: usize) {
        let Some((first, mut rest)) = path.split_first() else { return };
        let Some(mut parts) = self.known(here, first) else { return };
        while let Some((next, others)) = rest.split_first() {
            match next.as_str() {
                "super" => drop(parts.pop()),
                "self" => {}
                _ => break,
            }
            rest = others;
        }
        parts.extend(rest.iter().filter(|part| *part != "self").cloned());
        if self.in_use && name != "*" {
            self.imported.insert((here.to_vec(), name), parts.clone());
        }
        self.found.push(Named { line: self.tokens[at].line, parts });
    }
}
