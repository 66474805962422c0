//! The table of the worst-case blocking in the manual's chapter `bounds`: each public method of the types below has a row, and
//! each row is a method. The methods are those of the list of the public API, which `tests/api/run` compares with the crate.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const TYPES: [&str; 17] = [
    "ByteStream",
    "ByteWriter",
    "Client",
    "Hub",
    "Member",
    "Messages",
    "RawStream",
    "Reconnect",
    "ReconnectHandle",
    "RecvStream",
    "SendStream",
    "Sender",
    "Server",
    "ServerHandle",
    "ShutdownHandle",
    "SplitStream",
    "WebSocket",
];
/// What a trait of `std` adds.
const TRAITS: [(&str, &[&str]); 4] =
    [("Read", &["read"]), ("Write", &["write", "flush"]), ("Iterator", &["next"]), ("Drop", &["drop"])];

#[test]
fn every_call_has_a_bound() {
    let read = |file: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let (api, page) = (read("tests/api/linux.txt"), read("src/manual/bounds.rs"));
    let (methods, rows) = (methods(&api), rows(&page));
    assert!(methods.len() > 120, "{methods:?}");
    let listed: BTreeSet<String> = rows.iter().cloned().collect();
    assert_eq!(&methods - &listed, BTreeSet::new(), "no row in src/manual/bounds.rs");
    assert_eq!(&listed - &methods, BTreeSet::new(), "no public method");
    assert_eq!(listed.len(), rows.len(), "a method has two rows");
}

/// The public methods, without the setters: those take `self` and return it.
fn methods(api: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in api.lines() {
        if let Some(rest) = line.strip_prefix("pub fn stdws::") {
            let path = rest.split(['(', '<']).next().unwrap();
            let of = path.split("::").next().unwrap();
            let returned = rest.rsplit(" -> ").next().unwrap();
            let own = [format!("stdws::{of}"), format!("stdws::Result<stdws::{of}>")];
            let setter = rest.contains("(self") && own.contains(&returned.to_owned());
            let root = ["connect", "serve"].contains(&path);
            if root || (TYPES.contains(&of) && path.matches("::").count() == 1 && !setter) {
                found.insert(path.to_owned());
            }
        }
        let Some((implemented, of)) = line.strip_prefix("impl ").and_then(|rest| rest.split_once(" for stdws::"))
        else {
            continue;
        };
        let of = of.split('<').next().unwrap();
        let methods = TRAITS.iter().find(|(name, _)| *name == implemented).map_or(&[][..], |(_, methods)| methods);
        found.extend(methods.iter().filter(|_| TYPES.contains(&of)).map(|method| format!("{of}::{method}")));
    }
    found
}

/// The methods of both tables: paths in the first cells of one, names beside a type in the other.
fn rows(page: &str) -> Vec<String> {
    let table = |begin: &str| {
        let rest = page.split_once(begin).unwrap().1.split_once("<!-- end -->").unwrap().0;
        rest.lines()
            .filter_map(|line| line.strip_prefix("//! | "))
            .filter(|line| line.starts_with('`'))
            .collect::<Vec<_>>()
    };
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut rows: Vec<String> = Vec::new();
    for row in table("<!-- blocking -->") {
        rows.extend(names(row.split('|').next().unwrap()));
    }
    for row in table("<!-- not blocking -->") {
        let (of, calls) = row.split_once('|').unwrap();
        rows.extend(names(calls).into_iter().map(|call| format!("{}::{call}", of.trim().trim_matches('`'))));
    }
    rows
}

#[test]
fn a_missing_row_is_found() {
    let api = "impl Drop for stdws::Sender\nimpl Clone for stdws::Sender\nimpl Read for stdws::RecvStream<'_>\n\
               pub fn stdws::Sender::send<'a>(self: &Self) -> stdws::Result<()>\npub fn stdws::Other::wait(self: &Self)\n\
               pub fn stdws::Client::limits(self, stdws::Limits) -> stdws::Client\n\
               pub fn stdws::Client::new(&str) -> stdws::Result<stdws::Client>\npub fn stdws::connect(&str)\n";
    let expected = ["Client::new", "RecvStream::read", "Sender::drop", "Sender::send", "connect"].map(str::to_owned);
    assert_eq!(methods(api), BTreeSet::from(expected));
    let page = "//! <!-- blocking -->\n//! | call | bound |\n//! | `connect`, `A::b` | `write` |\n//! <!-- end -->\n\
                //! <!-- not blocking -->\n//! | `A` | `c`, `d` |\n//! <!-- end -->\n";
    assert_eq!(rows(page), ["connect", "A::b", "A::c", "A::d"]);
}
