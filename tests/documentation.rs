//! The documentation of the types that are used most: each of their public methods has an example.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const TYPES: [&str; 5] = ["WebSocket", "Sender", "RawStream", "SplitStream", "Member"];

#[test]
fn every_method_has_an_example() {
    let mut methods: BTreeMap<&str, usize> = BTreeMap::new();
    let mut without = Vec::new();
    visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut |source| {
        for (of, method, documentation) in public_methods(source) {
            *methods.entry(of).or_default() += 1;
            if !documentation.contains("/// ```") {
                without.push(format!("{of}::{method}"));
            }
        }
    });
    assert!(without.is_empty(), "no example: {without:?}");
    // If the sources were read wrongly, there would be fewer.
    for (of, least) in TYPES.into_iter().zip([25, 10, 5, 3, 9]) {
        assert!(methods.get(of).is_some_and(|count| *count >= least), "{methods:?}");
    }
}

#[test]
fn a_method_without_an_example_is_found() {
    let source = "impl Sender {\n    /// Sends.\n    ///\n    /// ```\n    /// ```\n    #[inline]\n    pub fn send(&self) {}\n\n    \
                  /// Ends.\n    pub fn abort(&self) {}\n\n    pub(crate) fn hidden(&self) {}\n}\n\n\
                  impl fmt::Debug for Sender {\n    pub fn fmt(&self) {}\n}\n";
    let found = public_methods(source);
    let names: Vec<_> = found.iter().map(|(of, method, docs)| (*of, method.as_str(), docs.contains("```"))).collect();
    assert_eq!(names, [("Sender", "send", true), ("Sender", "abort", false)]);
}

/// The type, the name and the documentation of each public method of [`TYPES`] in a formatted file.
fn public_methods(source: &str) -> Vec<(&'static str, String, String)> {
    let (mut methods, mut current, mut documentation) = (Vec::new(), None, String::new());
    for line in source.lines() {
        if line.starts_with("impl") {
            current = TYPES.into_iter().find(|of| line == format!("impl {of} {{"));
        }
        let code = line.trim_start();
        match current {
            Some(of) if line.starts_with("    pub fn ") => {
                let name = code["pub fn ".len()..].split(['(', '<']).next().unwrap_or_default();
                methods.push((of, name.to_owned(), std::mem::take(&mut documentation)));
            }
            _ if code.starts_with("///") => documentation.extend([line, "\n"]),
            _ if code.starts_with("#[") => {}
            _ => documentation.clear(),
        }
    }
    methods
}

fn visit(folder: &Path, read: &mut impl FnMut(&str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, read);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            read(&fs::read_to_string(&path).unwrap());
        }
    }
}
