//! Rust source as tokens, without comments, strings and characters, and the parts of it that are compiled only for tests.
//!
//! An item is for tests if one of its attributes is a `cfg` that is false wherever `test` is false: `cfg(test)`,
//! `cfg(all(test, unix))`, but not `cfg(any(test, unix))`. It ends where its braces, its `;` or its `,` ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::Path;

/// A name, `::`, or one other character; `at` is its byte in the text, and lines count from 1.
pub(crate) struct Token<'a> {
    pub(crate) line: usize,
    pub(crate) at: usize,
    pub(crate) text: &'a str,
}

/// The tokens of a text that [`blank`] returned.
pub(crate) fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut line, mut at) = (1, 0);
    while let Some(first) = code[at..].chars().next() {
        let rest = &code[at..];
        let length = match first {
            _ if is_name(first) => rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        if !first.is_whitespace() {
            tokens.push(Token { line, at, text: &rest[..length] });
        }
        line += usize::from(first == '\n');
        at += length;
    }
    tokens
}

/// The text of one token, empty behind the last.
pub(crate) fn text<'a>(tokens: &[Token<'a>], at: usize) -> &'a str {
    tokens.get(at).map_or("", |token| token.text)
}

/// The index behind the bracket that closes the one at `at`.
pub(crate) fn group_end(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0;
    for (n, token) in tokens.iter().enumerate().skip(at) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 1 => return n + 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The items for tests, with their attributes, as ranges of tokens.
pub(crate) fn test_items(tokens: &[Token]) -> Vec<Range<usize>> {
    let mut items = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        let mut for_tests = false;
        while text(tokens, at) == "#" && text(tokens, at + 1) == "[" {
            for_tests |= is_test_attribute(&tokens[at + 2..]);
            at = group_end(tokens, at + 1);
        }
        if for_tests {
            at = item_end(tokens, at);
            items.push(start..at);
        } else if text(tokens, at) == "#"
            && text(tokens, at + 1) == "!"
            && is_test_attribute(tokens.get(at + 3..).unwrap_or_default())
        {
            return std::iter::once(0..tokens.len()).collect();
        } else if at == start {
            at += 1;
        }
    }
    items
}

/// The tokens outside of items for tests.
pub(crate) fn without_tests<'a>(tokens: Vec<Token<'a>>) -> Vec<Token<'a>> {
    let items = test_items(&tokens);
    let kept = |(n, _): &(usize, Token)| !items.iter().any(|item| item.contains(n));
    tokens.into_iter().enumerate().filter(kept).map(|(_, token)| token).collect()
}

/// The lines of items for tests, and of the documentation directly above them.
pub(crate) fn test_lines(source: &str) -> BTreeSet<usize> {
    let code = blank(source);
    let tokens = tokens(&code);
    let lines: Vec<&str> = source.lines().collect();
    let mut found = BTreeSet::new();
    for item in test_items(&tokens) {
        let (mut first, last) = (tokens[item.start].line, tokens[item.end - 1].line);
        while first > 1 && lines[first - 2].trim_start().starts_with("///") {
            first -= 1;
        }
        found.extend(first..=last);
    }
    found
}

/// The files that only `mod` items for tests bring in, of files by their path below `src`.
pub(crate) fn test_files(files: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, source) in files {
        let code = blank(source);
        let tokens = tokens(&code);
        for item in test_items(&tokens) {
            if text(&tokens, item.start + 1) == "!" {
                found.insert(name.clone());
            }
            let Some(module) = (item.start..item.end).find(|&at| text(&tokens, at) == "mod") else { continue };
            if text(&tokens, module + 2) != ";" {
                continue;
            }
            let attributes = &source[tokens[item.start].at..tokens[module].at];
            let module = match written_path(attributes) {
                Some(path) => beside(name, path).trim_end_matches(".rs").to_string(),
                None => format!("{}{}", folder_of_children(name), text(&tokens, module + 1)),
            };
            let (file, folder) = (format!("{module}.rs"), format!("{module}/"));
            found.extend(files.keys().filter(|other| **other == file || other.starts_with(&folder)).cloned());
        }
    }
    found
}

/// The value of a `#[path = "..."]` among attributes.
pub(crate) fn written_path(attributes: &str) -> Option<&str> {
    let (_, value) = attributes.split_once("#[path")?;
    value.split('"').nth(1)
}

/// The path below `src` that a `#[path]` in this file means.
pub(crate) fn beside(name: &str, path: &str) -> String {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// Where the files of a file's modules lie: `wire/` for `wire.rs` and for `wire/mod.rs`.
fn folder_of_children(name: &str) -> String {
    let module = name.trim_end_matches(".rs").trim_end_matches("mod").trim_end_matches('/');
    if module == "lib" || module.is_empty() {
        String::new()
    } else {
        format!("{module}/")
    }
}

/// Whether the attribute whose content begins here is a `cfg` that is false outside of tests.
fn is_test_attribute(tokens: &[Token]) -> bool {
    text(tokens, 0) == "cfg" && text(tokens, 1) == "(" && predicate(tokens, &mut 2) == Some(false)
}

/// A predicate of `cfg` with `test` and `doctest` false; `None` where the answer depends on anything else.
fn predicate(tokens: &[Token], at: &mut usize) -> Option<bool> {
    let name = text(tokens, *at);
    *at += 1;
    if text(tokens, *at) == "(" {
        *at += 1;
        let mut parts = Vec::new();
        while ![")", ""].contains(&text(tokens, *at)) {
            if text(tokens, *at) == "," {
                *at += 1;
            } else {
                parts.push(predicate(tokens, at));
            }
        }
        *at += 1;
        let (all, any) = (|value| parts.iter().all(|part| *part == value), |value| parts.contains(&value));
        return match name {
            "all" if any(Some(false)) => Some(false),
            "all" if all(Some(true)) => Some(true),
            "any" if any(Some(true)) => Some(true),
            "any" if all(Some(false)) => Some(false),
            "not" => parts.first().copied().flatten().map(|value| !value),
            _ => None,
        };
    }
    if text(tokens, *at) == "=" {
        *at += 1; // The string behind it is blank.
    }
    ["test", "doctest"].contains(&name).then_some(false)
}

/// The index behind an item, a field, a variant, an arm of a `match` or a statement that begins at `at`.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    const ITEMS: [&str; 8] = ["fn", "mod", "struct", "enum", "trait", "impl", "unsafe", "async"];
    if text(tokens, at) == "pub" {
        at += 1;
        if text(tokens, at) == "(" {
            at = group_end(tokens, at);
        }
    }
    let word = text(tokens, at);
    let function = word == "const" && ["fn", "unsafe", "async"].contains(&text(tokens, at + 1));
    let by_semicolon = ["use", "let", "static", "type", "const"].contains(&word) && !function;
    let by_comma = !by_semicolon && !function && !ITEMS.contains(&word);
    let field = text(tokens, at + 1) == ":";
    // Behind a block a statement begins; behind a pattern that begins otherwise, its guard or another pattern.
    let block = ["{", "if", "for", "while", "loop", "match"].contains(&word);
    let mut angles = 0;
    while at < tokens.len() {
        match tokens[at].text {
            "(" | "[" | "{" => {
                let body = tokens[at].text == "{";
                at = group_end(tokens, at);
                let next = text(tokens, at);
                let goes_on = ["=", "else", ".", "?"].contains(&next) || (!block && ["if", "|"].contains(&next));
                if body && !by_semicolon && !(by_comma && goes_on) {
                    return at + usize::from(by_comma && [",", ";"].contains(&next));
                }
                continue;
            }
            ")" | "]" | "}" => return at,
            ";" => return at + 1,
            "," if by_comma && angles == 0 => return at + 1,
            // `Map<A, B>`, and not `a < b`.
            "<" if field && tokens[at - 1].at + tokens[at - 1].text.len() == tokens[at].at => angles += 1,
            ">" if angles > 0 && !["-", "="].contains(&text(tokens, at - 1)) => angles -= 1,
            _ => {}
        }
        at += 1;
    }
    at
}

pub(crate) fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The text with spaces in place of comments, strings and characters; every byte and line stays where it is.
pub(crate) fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let inside_a_name = at > 0 && is_name(chars[at - 1]);
        let length = not_code(&chars[at..], inside_a_name);
        if length == 0 {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        let end = (at + length).min(chars.len());
        for &c in &chars[at..end] {
            let spaces = if c == '\n' { "\n" } else { &"    "[..c.len_utf8()] };
            out.push_str(spaces);
        }
        at = end;
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
        ['b' | 'c', 'r', more @ ..] if !inside_a_name => raw_string(more).map_or(0, |length| length + 2),
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

/// The Rust files of a folder and its folders, by their path below it, without what builds leave in `target`.
pub(crate) fn rust_files(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        if path.is_dir() && name != "target" {
            files.extend(rust_files(&path).into_iter().map(|(below, text)| (format!("{name}/{below}"), text)));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    files
}
