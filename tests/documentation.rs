//! The documentation of the types that are used most: each of their public methods has an example. The front page names every
//! item of the root.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const NAMES: [&str; 20] = [
    "backpressure",
    "bind_to",
    "compression",
    "CORS",
    "disconnect",
    "epoll",
    "graceful shutdown",
    "Happy Eyeballs",
    "join",
    "keepalive",
    "permessage-deflate",
    "ping_interval",
    "read limit",
    "rng",
    "room",
    "set_read_timeout",
    "SNI",
    "socket activation",
    "split",
    "wss",
];
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

/// Names of other libraries, of systems and of specifications, and a search that finds an item here.
#[test]
fn other_names_lead_to_an_item() {
    let mut aliases = BTreeSet::new();
    visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut |source| {
        let after = source.split("#[doc(alias = \"").skip(1);
        aliases.extend(after.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    });
    let missing: Vec<_> = NAMES.into_iter().filter(|name| !aliases.contains(*name)).collect();
    assert!(missing.is_empty(), "no doc(alias): {missing:?}");
}

#[test]
fn the_front_page_names_every_item() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let (exported, listed) = (exported(&lib), listed(&lib));
    // If the file were read wrongly, there would be fewer.
    assert!(exported.len() > 70 && exported.contains("ByteStream") && exported.contains("manual"), "{exported:?}");
    assert_eq!(&exported - &listed, BTreeSet::new(), "not in the table of all items");
    assert_eq!(&listed - &exported, BTreeSet::new(), "no item of the root");
}

#[test]
fn the_front_page_is_read() {
    let lib = "//! [`Elsewhere`]\n//! # All items by subject\n//! | a | [`A`], `B` |\n//! # Next\n//! [`Other`]\n\n\
               pub mod c;\nmod d;\npub use d::{\n    A, B,\n    e,\n};\npub use d::F;\npub(crate) use d::G;\n";
    assert_eq!(listed(lib), BTreeSet::from(["A", "B"]));
    assert_eq!(exported(lib), BTreeSet::from(["A", "B", "F", "c", "e"]));
}

/// The names in the table of all items.
fn listed(lib: &str) -> BTreeSet<&str> {
    let table = lib.split_once("# All items by subject").map_or("", |(_, after)| after);
    let rows = table.lines().take_while(|line| !line.starts_with("//! # ")).filter(|line| line.starts_with("//! |"));
    rows.flat_map(|row| row.split('`').skip(1).step_by(2)).collect()
}

/// The public names of the root: modules, and what `pub use` exports.
fn exported(lib: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for item in lib.split("\npub ").skip(1) {
        let item = item.split(';').next().unwrap_or_default();
        if let Some(path) = item.strip_prefix("use ") {
            let exports = path.rsplit(['{', ':']).next().unwrap_or_default();
            names.extend(exports.split([',', '}', '\n']).map(str::trim).filter(|name| !name.is_empty()));
        }
        names.extend(item.strip_prefix("mod "));
    }
    names
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
