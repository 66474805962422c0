//! The rules of the house that a compiler does not hold: a floor names only itself, the floors below it, and the vocabulary; the
//! lower floors do no I/O and read no clock; no file outgrows its reader; `unsafe` is forbidden.
//!
//! The sources are read as Rust: comments, strings and characters are blanked, then every path that starts at `crate`,
//! `super`, `self` or `std` is followed, through groups and through inline modules, to the place it means. Tests inside
//! the floors obey too. The checker is checked at the end: each planted fault has to be noticed.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules that every floor may name.
const VOCABULARY: [&str; 4] = ["close", "config", "error", "message"];

/// The floors, and what each may name beside itself and the vocabulary. Everything else in `src` is the top floor and may name anything.
const FLOORS: [(&str, &[&str]); 5] = [
    ("primitives", &[]),
    ("wire", &["primitives"]),
    ("protocol", &["primitives", "wire"]),
    ("legacy", &["primitives", "wire", "protocol"]),
    ("transport", &[]),
];

/// Floors without I/O, clock, threads or environment, and the modules of `std` they must not name for that reason.
const QUIET: [&str; 4] = ["primitives", "wire", "protocol", "legacy"];
const LOUD: [&str; 7] = ["env", "fs", "io", "net", "process", "thread", "time"];

/// What of those modules is a value and does nothing.
const VALUES: [&[&str]; 3] = [&["io", "Error"], &["io", "ErrorKind"], &["io", "Result"]];

/// The one exception: randomness comes from a file of the operating system.
const EXCEPTIONS: [(&str, &str); 2] = [("primitives/entropy.rs", "fs"), ("primitives/entropy.rs", "io")];

/// The most lines a file may have above its tests.
const LONGEST: usize = 400;

#[test]
fn the_sources_keep_the_rules() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&src);
    for floor in ["primitives", "wire", "protocol", "legacy", "transport"] {
        assert!(files.iter().any(|f| f.starts_with(src.join(floor))), "no floor {floor}: has it been renamed?");
    }
    let mut faults = Vec::new();
    for file in &files {
        let name = file.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
        faults.extend(check(&name, &fs::read_to_string(file).unwrap()));
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

/// Everything wrong with one file; `name` is its path below `src`.
fn check(name: &str, text: &str) -> Vec<String> {
    let code = blank(text);
    let mut faults = Vec::new();
    if name == "lib.rs" && !code.split_whitespace().collect::<String>().contains("#![forbid(unsafe_code)]") {
        faults.push("src/lib.rs: no #![forbid(unsafe_code)]".to_string());
    }
    let above_tests = code.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
    if above_tests > LONGEST {
        faults.push(format!("src/{name}: {above_tests} lines without tests, {LONGEST} are the most"));
    }
    let floor = name.split('/').next().unwrap_or_default();
    let Some((_, lower)) = FLOORS.iter().find(|(known, _)| *known == floor) else { return faults };
    for path in paths(&module_of(name), &tokens(&code)) {
        let start = path.parts.first().map_or("", String::as_str);
        let fault = match start {
            "std" => QUIET.contains(&floor) && is_loud(name, &path.parts[1..]),
            _ => start != floor && !VOCABULARY.contains(&start) && !lower.contains(&start),
        };
        if fault {
            let root = if start == "std" { "" } else { "crate::" };
            faults.push(format!("src/{name}:{}: {floor} names {root}{}", path.line, path.parts.join("::")));
        }
    }
    faults
}

/// Whether a path below `std` leads to I/O, a clock or a thread. A module alone does not, for its name shows again wherever
/// something is taken of it; under another name it does.
fn is_loud(file: &str, path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        [] | ["*" | "self" | "as"] => true,
        [_] | [_, "self"] => false,
        [module, ..] if EXCEPTIONS.contains(&(file, module)) => false,
        ["net", name, ..] => !name.starts_with("Ip"),
        [module, ..] => LOUD.contains(module) && !VALUES.iter().any(|value| path.starts_with(value)),
    }
}

/// The module a file is: `wire/uri.rs` and `wire/uri/mod.rs` are both `wire::uri`.
fn module_of(name: &str) -> Vec<String> {
    let mut module: Vec<String> = name.trim_end_matches(".rs").split('/').map(str::to_string).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

/// A path as it is meant: below the crate's root, or beginning with `std`.
struct Named {
    line: usize,
    parts: Vec<String>,
}

/// All paths in the code of a module, with `self`, `super` and groups worked out.
fn paths(module: &[String], tokens: &[Token]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut here = module.to_vec();
    let mut opened = Vec::new(); // the depth of the braces of each inline module that is open
    let mut depth = 0;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let text = |n: usize| tokens.get(n).map_or("", |t| t.text.as_str());
        let before = if at == 0 { "" } else { text(at - 1) };
        let goes_on = text(at + 1) == "::";
        let starts_here = match token.text.as_str() {
            "{" => {
                depth += 1;
                false
            }
            "}" => {
                if opened.last() == Some(&depth) {
                    opened.pop();
                    here.pop();
                }
                depth -= 1;
                false
            }
            "mod" if text(at + 2) == "{" => {
                here.push(text(at + 1).to_string());
                opened.push(depth + 1);
                false
            }
            // In `pub(crate)`, `pub(super)` and `pub(in crate)` nothing is used.
            "crate" | "super" => before != "::" && (goes_on || (before != "(" && before != "in")),
            // Alone, these are a value, or a name of something else.
            "self" => before != "::" && goes_on,
            "std" | "core" => goes_on || before == "use",
            // A module of `std` that was imported by its name.
            module if LOUD.contains(&module) => before != "::" && goes_on,
            _ => false,
        };
        if starts_here {
            let mut leaves = Vec::new();
            at = tree(tokens, at, &mut Vec::new(), &mut leaves);
            found.extend(leaves.iter().map(|leaf| Named { line: token.line, parts: meant(&here, leaf) }));
        } else {
            at += 1;
        }
    }
    found
}

/// Follows a path, or a group of paths in braces, into `leaves`. Returns where it ends.
fn tree(tokens: &[Token], mut at: usize, prefix: &mut Vec<String>, leaves: &mut Vec<Vec<String>>) -> usize {
    let text = |n: usize| tokens.get(n).map_or("", |t| t.text.as_str());
    if text(at) == "{" {
        at += 1;
        while !["}", ""].contains(&text(at)) {
            at = if text(at) == "," { at + 1 } else { tree(tokens, at, prefix, leaves) };
        }
        return at + 1;
    }
    prefix.push(text(at).to_string());
    let next = text(at + 2);
    if text(at + 1) == "::" && (["{", "*"].contains(&next) || next.starts_with(is_name)) {
        at = tree(tokens, at + 2, prefix, leaves);
    } else {
        let renamed = text(at + 1) == "as";
        let mut leaf = prefix.clone();
        leaf.extend(renamed.then(|| "as".to_string()));
        leaves.push(leaf);
        at += if renamed { 3 } else { 1 };
    }
    prefix.pop();
    at
}

/// Where a path leads that is written in the module `here`.
fn meant(here: &[String], path: &[String]) -> Vec<String> {
    let mut rest = path;
    let mut parts = here.to_vec();
    if LOUD.contains(&path[0].as_str()) {
        parts = vec!["std".to_string()];
    }
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "std" | "core" => parts = vec!["std".to_string()],
            "crate" => parts.clear(),
            "super" => drop(parts.pop()),
            "self" => {}
            _ => break,
        }
        rest = others;
    }
    parts.extend_from_slice(rest);
    parts
}

struct Token {
    line: usize,
    text: String,
}

/// Names, `::`, and every other character by itself.
fn tokens(code: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (n, mut rest) in code.lines().enumerate() {
        while let Some(first) = rest.chars().next() {
            let length = match first {
                _ if is_name(first) => rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            let (text, others) = rest.split_at(length);
            if !text.trim().is_empty() {
                tokens.push(Token { line: n + 1, text: text.to_string() });
            }
            rest = others;
        }
    }
    tokens
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The text with spaces in place of comments, strings and characters; lines stay where they are.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let inside_a_name = at > 0 && is_name(chars[at - 1]);
        let length = not_code(&chars[at..], inside_a_name);
        if length == 0 {
            out.push(chars[at]);
            at += 1;
        } else {
            let end = (at + length).min(chars.len());
            out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// How many characters at the start are a comment, a string or a character; 0 if code stands there.
fn not_code(rest: &[char], inside_a_name: bool) -> usize {
    match rest {
        ['/', '/', ..] => rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => string(rest),
        // A character, unless it is a lifetime.
        ['\'', '\\', _, more @ ..] => 4 + more.iter().position(|&c| c == '\'').unwrap_or(more.len()),
        ['\'', _, '\'', ..] => 3,
        ['b', 'r', more @ ..] if !inside_a_name => raw_string(more).map_or(0, |length| length + 2),
        ['r', more @ ..] if !inside_a_name => raw_string(more).map_or(0, |length| length + 1),
        _ => 0,
    }
}

/// Block comments nest.
fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    loop {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            [_, ..] => at += 1,
            [] => return at,
        }
    }
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    loop {
        match &rest[at.min(rest.len())..] {
            ['\\', ..] => at += 2,
            ['"', ..] | [] => return at + 1,
            _ => at += 1,
        }
    }
}

/// From the hashes after `r` to the hashes after the closing quote. `None`: it is not a raw string, but, say, `r#type`.
fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest.iter().take_while(|&&c| c == '#').count();
    if rest.get(hashes) != Some(&'"') {
        return None;
    }
    let mut end = vec!['"'];
    end.resize(hashes + 1, '#');
    let inside = &rest[hashes + 1..];
    let length = inside.windows(end.len()).position(|window| window == end).unwrap_or(inside.len());
    Some(hashes + 1 + length + end.len())
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn planted_breaches_are_noticed() {
    let breaches = [
        // Up a floor, in every way it can be written.
        ("wire/uri.rs", "use crate::protocol::decoder;", "crate::protocol::decoder"),
        ("wire/uri.rs", "let a = crate::client::connect();", "crate::client::connect"),
        ("wire/uri.rs", "use crate::{error::Violation, protocol};", "crate::protocol"),
        ("wire/uri.rs", "use crate::{error::{Misuse, self as e}, {{server as s}}};", "crate::server::as"),
        ("wire/uri.rs", "use super::super::client;", "crate::client"),
        ("wire/uri.rs", "use super::{super::{client}, frame};", "crate::client"),
        ("wire/uri.rs", "use self::super::super::client;", "crate::client"),
        ("wire/mod.rs", "use super::client::*;", "crate::client::*"),
        ("wire/deep/er.rs", "use super::super::super::hub;", "crate::hub"),
        ("wire/uri.rs", "mod tests { use super::super::super::client; }", "crate::client"),
        (
            "wire/uri.rs",
            "mod a { mod b {} }\nmod tests { fn f() { if x {} }\n use super::super::super::client; }",
            "crate::client",
        ),
        ("wire/uri.rs", "#[cfg(test)]\nmod tests { use crate::hub::Hub; }", "crate::hub::Hub"),
        ("wire/uri.rs", "fn f() -> crate::error::Result<crate::Message> {}", "crate::Message"),
        ("wire/uri.rs", "let c = '\"'; use crate::client; // \"", "crate::client"),
        ("wire/uri.rs", "let c = '\\''; use crate::client; let d = '\\'';", "crate::client"),
        ("wire/uri.rs", "let s = r#\"\"\"#; use crate::client; let t = \"\\\"\";", "crate::client"),
        ("wire/uri.rs", "/* /* */ */ use crate::client;", "crate::client"),
        ("wire/uri.rs", "fn f<'a>(x: &'a str) { crate::client::f::<'a>(x) }", "crate::client::f"),
        // The root as a whole, which would hide what is taken from it.
        ("wire/uri.rs", "use crate::*;", "crate::*"),
        ("wire/uri.rs", "use crate as all;", "crate::as"),
        ("wire/uri.rs", "use crate::{self as all};", "crate::as"),
        ("wire/uri.rs", "use super::super::*;", "crate::*"),
        // Floors beside each other, and above.
        ("transport/tcp.rs", "use crate::wire::mask;", "crate::wire::mask"),
        ("transport/tcp.rs", "use crate::server::Server;", "crate::server::Server"),
        ("protocol/decoder.rs", "use crate::legacy::hixie;", "crate::legacy::hixie"),
        ("primitives/utf8.rs", "use crate::wire::mask;", "crate::wire::mask"),
        // I/O, clocks and threads.
        ("wire/uri.rs", "use std::net::TcpStream;", "std::net::TcpStream"),
        ("wire/uri.rs", "use std::{fmt, net::{Ipv6Addr, SocketAddr}};", "std::net::SocketAddr"),
        ("wire/uri.rs", "use std::net::*;", "std::net::*"),
        ("wire/uri.rs", "use std::net; fn f(x: net::TcpStream) {}", "std::net::TcpStream"),
        ("wire/uri.rs", "use std::net as n;", "std::net::as"),
        ("wire/http.rs", "use std::io::{Error, Read};", "std::io::Read"),
        ("wire/http.rs", "use std::io::{self, Result}; fn f(x: impl io::Read) {}", "std::io::Read"),
        ("wire/http.rs", "use std::io::{self as i};", "std::io::self::as"),
        ("wire/http.rs", "use std::*;", "std::*"),
        ("wire/http.rs", "use std as s;", "std::as"),
        ("protocol/decoder.rs", "let t = ::std::time::Instant::now();", "std::time::Instant::now"),
        ("protocol/decoder.rs", "use core::time::Duration;", "std::time::Duration"),
        ("protocol/handshake/client.rs", "std::thread::sleep(x);", "std::thread::sleep"),
        ("primitives/sha1.rs", "use std::fs::File;", "std::fs::File"),
        ("primitives/entropy.rs", "use std::time::SystemTime;", "std::time::SystemTime"),
    ];
    for (file, code, named) in breaches {
        let floor = file.split('/').next().unwrap();
        let faults = check(file, code);
        assert_eq!(faults.len(), 1, "{code}: {faults:?}");
        assert!(faults[0].ends_with(&format!(": {floor} names {named}")), "{code}: {faults:?}");
    }
    assert_eq!(check("wire/uri.rs", "/*\n*/ \"\n\"\nuse crate::hub;"), ["src/wire/uri.rs:4: wire names crate::hub"]);
}

#[test]
fn what_is_allowed_is_not_reported() {
    let fine = [
        ("wire/uri.rs", "use crate::error::Violation; use crate::primitives::utf8; use super::frame; use crate::wire::mask;"),
        ("wire/mod.rs", "pub(crate) mod uri; use super::error; pub(super) fn f() {} pub(in crate::wire) fn g() {} pub(in crate) fn h() {}"),
        ("wire/uri.rs", "//! [x](crate::client)\n/// crate::client\n/* crate::client */ let s = \"crate::client\";"),
        ("wire/uri.rs", "let s = br##\"\"# crate::client\"##; let t = b\"crate::client\"; let u = c\"std::net::TcpStream\";"),
        ("wire/uri.rs", "#[cfg(test)]\nmod tests { use super::*; use super::super::frame; mod deeper { use super::super::super::mask; } }"),
        ("wire/uri.rs", "use std::net::{IpAddr, Ipv4Addr, Ipv6Addr}; fn f() -> std::io::Result<()> { Err(std::io::ErrorKind::Other.into()) }"),
        ("wire/uri.rs", "fn f(&self, std: u8) { self.io; self.core.time; let r#crate_ = std; }"),
        ("protocol/encoder.rs", "use std::io; fn f() -> io::Result<()> {}"),
        ("primitives/entropy.rs", "use std::fs::File; use std::io::{self, Read};"),
        ("protocol/decoder.rs", "use crate::{error::{self, Violation}, primitives::utf8, wire::{frame::*, mask}};"),
        ("transport/tcp.rs", "use std::net::TcpStream; use std::time::Instant; use super::deadline::Deadline; use crate::error::Step;"),
        ("legacy/hybi.rs", "use crate::{protocol, wire, primitives, error};"),
        ("client/builder.rs", "use crate::protocol; use std::net::TcpStream;"),
        ("error.rs", "use crate::close::CloseInfo;"),
    ];
    for (file, code) in fine {
        assert_eq!(check(file, code), Vec::<String>::new(), "{code}");
    }
}

#[test]
fn long_files_and_a_missing_forbid_are_noticed() {
    let most = "//\n".repeat(LONGEST);
    assert_eq!(check("hub.rs", &format!("{most}#[cfg(test)]\nmod tests {{\n{most}}}")), Vec::<String>::new());
    assert_eq!(check("hub.rs", &format!("{most}//\n")), ["src/hub.rs: 401 lines without tests, 400 are the most"]);
    assert_eq!(check("lib.rs", "#![ forbid (unsafe_code) ]"), Vec::<String>::new());
    for without in ["", "//! #![forbid(unsafe_code)]", "#![deny(unsafe_code)]", "\"#![forbid(unsafe_code)]\""] {
        assert_eq!(check("lib.rs", without), ["src/lib.rs: no #![forbid(unsafe_code)]"], "{without}");
    }
}
