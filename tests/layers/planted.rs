//! Faults planted in small source trees, which the checks have to detect, and code that they must not report.

use std::collections::BTreeMap;

use crate::layout::{Layout, CYCLE, FILE, FUNCTION, LAYOUT, PANICS};
use crate::{check, not_denied, order};

const SMALL: Layout = Layout {
    vocabulary: &["error", "close"],
    layers: &[("low", &[]), ("beside", &[]), ("mid", &["low"]), ("high", &["low", "mid"])],
    sans_io: &[("low", LAYOUT.sans_io[0].1), ("mid", LAYOUT.sans_io[0].1)],
    extends: &[],
    io_exceptions: &[("low/random.rs", "fs"), ("low/random.rs", "io")],
    thread_file: "high/mod.rs",
    lock_file: "low/b.rs",
};

/// A tree without faults, after these files were added or replaced.
fn tree(changed: &[(&str, &str)]) -> BTreeMap<String, String> {
    let good = [
        ("lib.rs", "#![forbid(unsafe_code)]\nmod high;\nmod low;\npub use high::High;"),
        ("error.rs", "mod violation;\npub use violation::Violation;"),
        ("error/violation.rs", "pub struct Violation;"),
        ("close.rs", "use crate::error::Violation;"),
        ("low/mod.rs", "mod a;\nmod b;\nuse crate::error::Violation;"),
        ("low/a.rs", "use super::b::B;"),
        ("low/b.rs", "pub struct B;"),
        ("beside.rs", ""),
        ("mid.rs", "mod deep;\nuse crate::low::A;\nuse self::deep::D;"),
        ("mid/deep.rs", "mod er;\nuse crate::{close::Code, error::{self, Violation}, low::b::*};"),
        ("mid/deep/er.rs", "use super::super::super::low;\nfn f() { low::a::f() }"),
        ("high/mod.rs", "use crate::mid;\nuse std::net::TcpStream;"),
    ];
    good.iter().chain(changed).map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

fn faults(changed: &[(&str, &str)]) -> Vec<String> {
    check(&SMALL, &tree(changed))
}

#[test]
fn the_tables_are_in_order() {
    for layout in [LAYOUT, &SMALL] {
        assert_eq!(order(layout), Vec::<String>::new());
    }
    let layout = Layout { layers: &[("low", &["high"]), ("low", &[]), ("high", &["low"])], ..SMALL };
    assert_eq!(order(&layout), ["low: its row names high, which is not below it", "low: two rows"]);
    assert_eq!(faults(&[]), Vec::<String>::new());
    assert_eq!(faults(&[("new/mod.rs", "")]), ["new: not in the table of layers"]);
    let mut files = tree(&[]);
    files.remove("beside.rs");
    assert_eq!(check(&SMALL, &files), ["beside: in the table of layers, but not in src"]);
}

#[test]
fn imports_against_the_table_are_noticed() {
    let breaches = [
        // Up a layer, in every way it can be written.
        ("low/a.rs", "use crate::mid::deep;", "mid::deep"),
        ("low/a.rs", "fn f() { crate::high::connect::<u8>() }", "high::connect"),
        ("low/a.rs", "use crate::{error::Violation, mid};", "mid"),
        ("low/a.rs", "use crate::{error::{Misuse, self as e}, {{high as h}}};", "high"),
        ("low/a.rs", "use super::super::mid;", "mid"),
        ("low/a.rs", "use super::{super::{mid}, b};", "mid"),
        ("low/a.rs", "use self::super::super::mid;", "mid"),
        ("low/mod.rs", "use super::mid::*;", "mid::*"),
        ("low/deep/er.rs", "use super::super::super::high;", "high"),
        ("low/a.rs", "mod inner { use super::super::super::mid; }", "mid"),
        ("low/a.rs", "mod x { mod y {} }\nmod z { fn f() { if x {} }\n use super::super::super::mid; }", "mid"),
        ("low/a.rs", "fn f() -> crate::error::Result<crate::high::High> {}", "high::High"),
        ("low/a.rs", "fn f<'a>(x: &'a str) { crate::mid::f::<'a>(x) }", "mid::f"),
        ("low/a.rs", "use crate as all; fn f() { all::error::f(); all::mid::f() }", "mid::f"),
        ("low/a.rs", "use super::super as all; fn f() { all::mid::f() }", "mid::f"),
        // After code that only seems to continue.
        ("low/a.rs", "let c = '\"'; use crate::mid; // \"", "mid"),
        ("low/a.rs", "let c = '\\''; use crate::mid; let d = '\\'';", "mid"),
        ("low/a.rs", "let s = r#\"\"\"#; use crate::mid; let t = \"\\\"\";", "mid"),
        ("low/a.rs", "/* /* */ */ use crate::mid;", "mid"),
        // Layers beside each other, and the vocabulary.
        ("beside.rs", "use crate::low::a;", "low::a"),
        ("error.rs", "use crate::low::a;", "low::a"),
        ("error/violation.rs", "use super::super::low::a::A;", "low::a::A"),
    ];
    for (file, code, named) in breaches {
        let faults = faults(&[(file, code)]);
        let from = file.split('/').next().unwrap().trim_end_matches(".rs");
        let wanted = format!(": {from} names crate::{named}");
        assert!(faults.iter().any(|kind| kind.ends_with(&wanted)), "{code}: {faults:?}");
    }
    // The root as a whole hides what is taken from it.
    for code in
        ["use crate::*;", "use crate as all;", "use crate::{self as all};", "use super::super::*;", "use crate::High;"]
    {
        assert!(faults(&[("low/a.rs", code)])[0].starts_with("low/a.rs:1: low names crate::"), "{code}");
    }
    assert_eq!(faults(&[("low/b.rs", "/*\n*/ \"\n\"\nuse crate::mid;")])[0], "low/b.rs:4: low names crate::mid");
}

#[test]
fn code_behind_a_test_is_not_a_test() {
    for test in [
        "mod tests { use crate::high; }",
        "pub(super) fn f<A, B>(a: [A; 2]) -> Vec<B> where A: Fn(u8), B: Copy { crate::high::f(a) }",
        "use crate::{high, error::{self}};",
        "use crate::high::{a, b};",
        "#[derive(Debug)]\n#[allow(dead_code)] struct S(crate::high::A);",
        "const F: [crate::high::A; 1] = [crate::high::A { a: 1 }];",
        "static F: crate::high::A = crate::high::A { a: 1 };",
        "impl crate::high::A { fn f() {} }",
        "const fn f() { crate::high::f() }",
        "mod tests;",
    ] {
        for attribute in [
            "#[cfg(test)]",
            "#[ cfg ( test ) ]",
            "#[cfg(all(test, unix))]",
            "#[cfg(any(test, doctest))]",
            "#[allow(x)]\n#[cfg(test)]",
        ] {
            let code = format!("{attribute}\n{test}\n");
            assert_eq!(faults(&[("low/b.rs", &code)]), Vec::<String>::new(), "{code}");
            let code = format!("{code}use crate::mid::a;");
            let line = code.lines().count();
            let wanted = format!("low/b.rs:{line}: low names crate::mid::a");
            assert!(faults(&[("low/b.rs", &code)]).contains(&wanted), "{code}");
        }
    }
    // Fields, variants, arms and statements end as well.
    for code in [
        "struct S { #[cfg(test)] a: Map<crate::high::A, crate::high::B>, b: crate::mid::B }",
        "enum E { #[cfg(test)] A(crate::high::A, u8), B(crate::mid::B) }",
        "struct S { #[cfg(test)] a: fn(crate::high::A) -> crate::high::B, b: crate::mid::B }",
        "fn f() { S { #[cfg(test)] a: a < crate::high::A, b: crate::mid::B } }",
        "fn f() { match x { #[cfg(test)] A { a } => crate::high::a(), _ => crate::mid::B } }",
        "fn f() { match x { #[cfg(test)] A { a } if a => crate::high::a(), _ => crate::mid::B } }",
        "fn f() { match x { #[cfg(test)] A { a } | C => crate::high::a(), _ => crate::mid::B } }",
        "fn f() { #[cfg(test)] { crate::high::f() } if a { crate::mid::B } }",
        "fn f() { #[cfg(test)] return A { a: crate::high::f() }; crate::mid::B }",
        "fn f() { #[cfg(test)] crate::high::f(|a| { a }); crate::mid::B }",
        "fn f() { #[cfg(test)] if a { crate::high::f() } else { crate::high::f() } crate::mid::B }",
        "fn f() { #[cfg(test)] let a = A { a: crate::high::f() }; crate::mid::B }",
        "fn f() { g(#[cfg(test)] crate::high::f()); crate::mid::B }",
    ] {
        let found = faults(&[("low/b.rs", code)]);
        assert_eq!(found[0], "low/b.rs:1: low names crate::mid::B", "{code}: {found:?}");
        assert!(!found.iter().any(|kind| kind.contains("names crate::high")), "{code}: {found:?}");
    }
    // Not only for tests.
    for attribute in ["#[cfg(any(test, unix))]", "#[cfg(not(test))]", "#[cfg(unix)]", "#[cfg_attr(test, allow(x))]"] {
        let code = format!("{attribute} mod x {{ use crate::mid::a; }}");
        assert!(!faults(&[("low/b.rs", &code)]).is_empty(), "{code}");
    }
    // Files that are only for tests, with their folders.
    for (parent, code, file) in [
        ("low/b.rs", "#[cfg(test)] mod tests;", "low/b/tests.rs"),
        ("low/b.rs", "#[cfg(test)] mod tests;", "low/b/tests/deep.rs"),
        ("low/mod.rs", "mod a; mod b; #[cfg(test)] mod tests;", "low/tests/mod.rs"),
        ("low/b.rs", "#[cfg(test)]\n#[path = \"../low/other.rs\"]\nmod tests;", "low/other.rs"),
        ("low/c.rs", "#![cfg(test)]\nuse crate::high;", "low/d.rs"),
    ] {
        let found = faults(&[(parent, code), (file, if parent == "low/c.rs" { "" } else { "use crate::high;" })]);
        assert_eq!(found, Vec::<String>::new(), "{file}");
    }
    assert!(!faults(&[("low/b.rs", "mod tests;"), ("low/b/tests.rs", "use crate::high;")]).is_empty());
}

#[test]
fn cycles_of_imports_are_noticed() {
    let cycle = |found: &[String]| -> Vec<String> {
        let cycles = found.iter().filter_map(|kind| kind.strip_prefix("files that import each other in a cycle: "));
        cycles.map(str::to_string).collect()
    };
    // Across folders: two files, and by way of a third.
    let found = faults(&[("error.rs", "use crate::close::Code;")]);
    assert_eq!(cycle(&found), [r#"["close.rs", "error.rs"]"#]);
    let found =
        faults(&[("low/b.rs", "use crate::high;"), ("low/a.rs", "use super::b;"), ("mid.rs", "use crate::low::a;")]);
    assert_eq!(cycle(&found), [r#"["high/mod.rs", "low/a.rs", "low/b.rs", "mid.rs"]"#]);
    // By the root.
    let found = faults(&[("high/mod.rs", "use crate::High;")]);
    assert_eq!(cycle(&found), [r#"["high/mod.rs", "lib.rs"]"#]);
    // Inside a folder: three files may, four may not.
    let in_cycle = |files: &[&str]| {
        let next = files.iter().cycle().skip(1);
        let named = |(file, next): (&&str, &&str)| (format!("beside/{file}.rs"), format!("use super::{next}::X;"));
        let files: Vec<(String, String)> = files.iter().zip(next).map(named).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(file, code)| (file.as_str(), code.as_str())).collect();
        cycle(&faults(&files))
    };
    assert_eq!(CYCLE, 3);
    assert_eq!(in_cycle(&["a", "b", "c"]), Vec::<String>::new());
    assert_eq!(in_cycle(&["a", "b", "c", "d"]), [r#"["beside/a.rs", "beside/b.rs", "beside/c.rs", "beside/d.rs"]"#]);
    // A parent that takes from its children, and children that take from the parent, by every kind of path.
    for (name, code) in [
        ("from super", "use super::X;"),
        ("a glob", "use super::*;"),
        ("in code", "fn f() { super::f() }"),
        ("in a group", "use super::{self as parent};"),
        ("from crate", "use crate::beside::X;"),
        ("renamed", "use crate::beside as b; fn f() { b::f() }"),
    ] {
        for parent in ["pub use a::A; use b::{B}; use self::c::C;", "fn f() { a::f(); b::f::<u8>(c::f()) }"] {
            let parent = format!("mod a; mod b; mod c; {parent}");
            let found =
                faults(&[("beside.rs", &parent), ("beside/a.rs", code), ("beside/b.rs", code), ("beside/c.rs", code)]);
            let wanted = r#"["beside.rs", "beside/a.rs", "beside/b.rs", "beside/c.rs"]"#;
            assert_eq!(cycle(&found), [wanted], "{name}: {parent}");
        }
        // Declaring a module imports nothing.
        let found = faults(&[
            ("beside.rs", "mod a; pub(crate) mod b; mod c;"),
            ("beside/a.rs", code),
            ("beside/b.rs", code),
            ("beside/c.rs", code),
        ]);
        assert_eq!(found, Vec::<String>::new(), "{name}");
    }
    // A module whose file is named by a path.
    let found = faults(&[
        ("lib.rs", "#![forbid(unsafe_code)]\n#[cfg(not(feature = \"x\"))]\n#[path = \"no_mid.rs\"]\nmod mid;"),
        ("no_mid.rs", "use crate::high::H;"),
    ]);
    assert_eq!(cycle(&found), [r#"["high/mod.rs", "no_mid.rs"]"#]);
    // Imports of tests do not count.
    assert_eq!(faults(&[("error.rs", "#[cfg(test)] mod tests { use crate::close::Code; }")]), Vec::<String>::new());
}

#[test]
fn threads_of_other_files_are_noticed() {
    for code in [
        "fn f() { std::thread::spawn(f); }",
        "use std::thread; fn f() { thread::Builder::new(); }",
        "use std::thread::{self, Builder};",
        "use std::thread as t; fn f() { t::scope(f) }",
        "use std::thread::*;",
    ] {
        assert_eq!(faults(&[("beside.rs", code)]), ["beside.rs:1: starts a thread"], "{code}");
        assert_eq!(faults(&[("high/mod.rs", &format!("pub struct High; {code}"))]), Vec::<String>::new(), "{code}");
    }
    for code in
        ["use std::thread; fn f() { thread::sleep(g) }", "#[cfg(test)] mod tests { fn f() { std::thread::spawn(f); } }"]
    {
        assert_eq!(faults(&[("beside.rs", code)]), Vec::<String>::new(), "{code}");
    }
}

#[test]
fn io_in_sans_io_layers_is_noticed() {
    let breaches = [
        ("low/a.rs", "use std::net::TcpStream;", "net::TcpStream"),
        ("low/a.rs", "use std::{fmt, net::{Ipv6Addr, SocketAddr}};", "net::SocketAddr"),
        ("low/a.rs", "use std::net::*;", "net::*"),
        ("low/a.rs", "use std::net; fn f(x: net::TcpStream) {}", "net::TcpStream"),
        ("low/a.rs", "use std::net as n; fn f(x: n::TcpStream) {}", "net::TcpStream"),
        ("low/a.rs", "use std as s; fn f(x: s::net::TcpStream) {}", "net::TcpStream"),
        ("low/a.rs", "use std::io::{Error, Read};", "io::Read"),
        ("low/a.rs", "use std::io::{self, Result}; fn f(x: impl io::Read) {}", "io::Read"),
        ("low/a.rs", "use std::io::{self as i}; fn f(x: impl i::Read) {}", "io::Read"),
        ("low/a.rs", "use std::*;", "*"),
        ("mid/deep.rs", "let t = ::std::time::Instant::now();", "time::Instant::now"),
        ("mid/deep.rs", "use core::time::Duration;", "time::Duration"),
        ("mid/deep.rs", "std::thread::sleep(x);", "thread::sleep"),
        ("mid/deep.rs", "use std::collections::hash_map::RandomState;", "collections::hash_map::RandomState"),
        ("mid/deep.rs", "std::hash::RandomState::new()", "hash::RandomState::new"),
        ("mid/deep.rs", "#[cfg(test)] mod tests; std::env::var(x)", "env::var"),
        ("low/a.rs", "use std::fs::File;", "fs::File"),
        ("low/a.rs", "use std::process::abort;", "process::abort"),
        ("low/random.rs", "use std::time::SystemTime;", "time::SystemTime"),
    ];
    for (file, code, named) in breaches {
        let layer = file.split('/').next().unwrap();
        assert_eq!(faults(&[(file, code)]), [format!("{file}:1: {layer} names std::{named}")], "{code}");
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    let fine = [
        ("low/a.rs", "//! [x](crate::high)\n/// crate::high\n/* crate::high */ let s = \"crate::high\";"),
        ("low/a.rs", "let s = br##\"\"# crate::high\"##; let t = b\"crate::high\"; let u = c\"std::net::TcpStream\";"),
        ("low/a.rs", "let s = \"é \\\" crate::high\"; let c = 'é';"),
        (
            "low/a.rs",
            "pub(super) fn f() {} pub(in crate::low) fn g() {} pub(crate) fn h() {} pub(in super::super) fn i() {}",
        ),
        (
            "low/a.rs",
            "use std::net::{IpAddr, Ipv4Addr}; fn f() -> std::io::Result<()> { Err(std::io::ErrorKind::Other.into()) }",
        ),
        ("low/a.rs", "fn f(&self, std: u8) { self.io; self.core.time; let r#crate_ = std; }"),
        ("low/a.rs", "use std::io; use std::fmt::{self, Write}; fn f() -> io::Result<()> {}"),
        ("low/a.rs", "mod high { pub fn f() {} } fn f() { high::f(); self::high::f() }"),
        ("low/random.rs", "use std::fs::File; use std::io::{self, Read};"),
        ("beside.rs", "use std::net::TcpStream; use std::time::Instant;"),
        ("high/mod.rs", "use crate::{mid, low, error, close};"),
    ];
    for (file, code) in fine {
        assert_eq!(faults(&[(file, code)]), Vec::<String>::new(), "{code}");
    }
}

#[test]
fn long_files_and_functions_are_noticed() {
    let most = "//\n".repeat(FILE);
    let kind = |lines: usize| format!("too long: (\"beside.rs\", {lines})");
    assert_eq!(faults(&[("beside.rs", &format!("{most}#[cfg(test)]\nmod tests {{\n{most}}}"))]), Vec::<String>::new());
    assert_eq!(
        faults(&[("beside.rs", &format!("#[cfg(test)]\nmod tests {{\n{most}}}\n{most}"))]),
        Vec::<String>::new()
    );
    assert_eq!(
        faults(&[("beside.rs", &format!("#[cfg(test)]\nmod tests {{\n{most}}}\n{most}//\n"))]),
        [kind(FILE + 1)]
    );
    assert_eq!(faults(&[("beside.rs", &format!("{most}//\n"))]), [kind(FILE + 1)]);

    let function =
        |name: &str, lines: usize| format!("fn {name}(a: [u8; 2], f: fn(u8)) {{\n{}}}\n", "//\n".repeat(lines - 2));
    let code = format!("{}{}trait T {{ fn c(); }}", function("a", FUNCTION), function("b", FUNCTION + 1));
    assert_eq!(faults(&[("beside.rs", &code)]), ["too long: (\"beside.rs\", \"b\", 61)"]);
    let code = format!("#[cfg(test)] {}", function("a", FUNCTION + 1));
    assert_eq!(faults(&[("beside.rs", &code)]), Vec::<String>::new());
}

#[test]
fn a_missing_forbid_is_noticed() {
    assert_eq!(faults(&[("lib.rs", "#![ forbid (unsafe_code) ]")]), Vec::<String>::new());
    for without in ["", "//! #![forbid(unsafe_code)]", "#![deny(unsafe_code)]", "\"#![forbid(unsafe_code)]\""] {
        assert_eq!(faults(&[("lib.rs", without)]), ["lib.rs: no #![forbid(unsafe_code)]"], "{without}");
    }
}

#[test]
fn exceptions_from_the_lints_against_panics_are_single_and_have_a_reason() {
    let item = "#[allow(clippy::indexing_slicing)]\nfn f() {}\n";
    let fault = |line| vec![format!("low/a.rs:{line}: an exception for one item says why in the line before it")];
    let with = |text: &str| faults(&[("low/a.rs", text)]);
    assert_eq!(with(&format!("// Three elements.\n{item}")), Vec::<String>::new());
    assert_eq!(with(item), fault(1));
    assert_eq!(with(&format!("/// What it does.\n{item}")), fault(2));
    assert_eq!(with("// All of it.\n#![allow(clippy::unwrap_used)]"), fault(2));
    assert_eq!(with("// Why.\n#![cfg_attr(all(), allow(clippy::panic))]"), fault(2));
    assert_eq!(with(&format!("#[cfg(test)]\nmod tests {{\n{item}}}")), Vec::<String>::new());
    assert_eq!(with("#[allow(clippy::type_complexity)]\nfn f() {}"), Vec::<String>::new());
    let denied = format!("#![cfg_attr(not(test), deny({}))]", PANICS.join(", "));
    assert_eq!(not_denied(&denied), [""; 0]);
    assert_eq!(not_denied(&denied.replace("clippy::panic, ", "")), ["clippy::panic"]);
    assert_eq!(not_denied(&format!("// {denied}")), PANICS);
}

#[test]
fn locks_of_other_files_are_noticed() {
    for code in [
        "struct S(std::sync::Mutex<u8>);",
        "use std::sync::{Arc, Mutex};",
        "use std::sync; fn f() { sync::RwLock::new(1); }",
        "use std::sync::Mutex as M;",
        "use std::sync::Condvar;",
        "use std::sync::*;",
    ] {
        assert_eq!(faults(&[("beside.rs", code)]), ["beside.rs:1: names a lock of std"], "{code}");
        assert_eq!(faults(&[("low/b.rs", &format!("pub struct B; {code}"))]), Vec::<String>::new(), "{code}");
    }
    for code in ["use std::sync::{Arc, OnceLock, Weak};", "#[cfg(test)] mod tests { use std::sync::Mutex; }"] {
        assert_eq!(faults(&[("beside.rs", code)]), Vec::<String>::new(), "{code}");
    }
}
