//! The table of requirement, code, test, mutation and result: as a page of the manual, and as TSV with the lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::{files, Citation, Kind, Requirement};

/// The lists in the order of the page, with their titles.
const DOCUMENTS: [(&str, &str); 9] = [
    ("rfc6455", "RFC 6455, the protocol"),
    ("rfc7692", "RFC 7692, compression"),
    ("rfc1951", "RFC 1951, DEFLATE"),
    ("drafts", "The drafts before RFC 6455"),
    ("rfc7617", "RFC 7617, Basic authentication"),
    ("rfc1928", "RFC 1928, SOCKS5"),
    ("rfc1929", "RFC 1929, user name and password for SOCKS5"),
    ("rfc9110", "RFC 9110, HTTP"),
    ("rfc9112", "RFC 9112, HTTP/1.1"),
];

/// A patch that breaks requirements, and what the test does then.
pub(crate) struct Mutation {
    /// File and line of the patch.
    place: String,
    test: String,
    result: String,
}

/// The patches of each requirement. A result belongs to the patch with the same number in the file of the same name.
pub(crate) fn mutations(root: &Path) -> BTreeMap<String, Vec<Mutation>> {
    let mut found: BTreeMap<String, Vec<Mutation>> = BTreeMap::new();
    for path in files(&root.join("tests/mutations/patches"), "txt") {
        let subject = path.file_stem().unwrap().to_str().unwrap();
        let results =
            fs::read_to_string(root.join(format!("tests/mutations/results/{subject}.tsv"))).unwrap_or_default();
        let results: Vec<Vec<&str>> =
            results.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect()).collect();
        let patches = fs::read_to_string(&path).unwrap();
        let heads = patches.lines().enumerate().filter_map(|(n, line)| Some((n + 1, line.strip_prefix("== ")?)));
        for (number, (line, ids)) in heads.enumerate() {
            // Without a result, the patch is new: tests/mutations.rs reports it.
            let Some(&[of, test, result]) = results.get(number).map(Vec::as_slice) else { continue };
            for id in ids.split(' ').filter(|_| of == ids) {
                let place = format!("tests/mutations/patches/{subject}.txt:{line}");
                found.entry(id.to_owned()).or_default().push(Mutation {
                    place,
                    test: test.to_owned(),
                    result: result.to_owned(),
                });
            }
        }
    }
    found
}

/// A promise of the README, and the tests that show it.
pub(crate) struct Promise {
    id: String,
    what: String,
    tests: String,
}

/// The promises, from the manual's chapter of hazards: `**P1. what**`, and an entry `Shown by` for each.
pub(crate) fn promises(chapter: &str) -> Vec<Promise> {
    let mut found: Vec<Promise> = Vec::new();
    for line in chapter.lines().filter_map(|line| line.strip_prefix("//! ")) {
        let head = line.strip_prefix("**P").and_then(|line| line.strip_suffix("**")?.split_once(". "));
        if let Some((number, what)) = head {
            found.push(Promise { id: format!("P{number}"), what: what.to_owned(), tests: String::new() });
        } else if let (Some(tests), Some(promise)) = (line.strip_prefix("* Shown by: "), found.last_mut()) {
            promise.tests = tests.to_owned();
        }
    }
    found
}

/// A requirement with everything that belongs to it.
struct Row<'a> {
    requirement: &'a Requirement,
    code: Vec<&'a str>,
    tests: Vec<&'a str>,
    mutations: &'a [Mutation],
}

fn rows<'a>(
    list: &'a [Requirement],
    citations: &'a [Citation],
    mutations: &'a BTreeMap<String, Vec<Mutation>>,
) -> Vec<Row<'a>> {
    let mut places: BTreeMap<&str, [Vec<&str>; 2]> = BTreeMap::new();
    for citation in citations.iter().filter(|citation| citation.kind != Kind::String) {
        let [code, tests] = places.entry(&citation.id).or_default();
        if citation.kind == Kind::Code { code } else { tests }.push(&citation.place);
    }
    let row = |requirement: &'a Requirement| {
        let [code, tests] = places.remove(requirement.id.as_str()).unwrap_or_default();
        Row { requirement, code, tests, mutations: mutations.get(&requirement.id).map_or(&[], Vec::as_slice) }
    };
    list.iter().map(row).collect()
}

/// The whole table, a line for each requirement, with the lines of the sources.
pub(crate) fn tsv(
    list: &[Requirement],
    citations: &[Citation],
    mutations: &BTreeMap<String, Vec<Mutation>>,
    promises: &[Promise],
) -> String {
    let mut out =
        "list\tid\tlevel\tside\trequirement\thow\treason\tcode\ttests\tpatch\ttest of the patch\tresult\n".to_owned();
    for row in rows(list, citations, mutations) {
        let Requirement { list, id, level, side, what, how, reason } = row.requirement;
        let of = |part: fn(&Mutation) -> &str| row.mutations.iter().map(part).collect::<Vec<_>>().join("; ");
        let cells = [list, id, level, side, what, how, reason].map(String::as_str);
        let (patches, tests, results) = (of(|m| &m.place), of(|m| &m.test), of(|m| &m.result));
        let found = [row.code.join("; "), row.tests.join("; "), patches, tests, results];
        writeln!(out, "{}\t{}", cells.join("\t"), found.join("\t")).unwrap();
    }
    for Promise { id, what, tests } in promises {
        writeln!(out, "promises\t{id}\tPROMISE\tboth\t{what}\tpromise\t\t\t{}\t\t\t", tests.replace('`', "")).unwrap();
    }
    out
}

/// The page of the manual. It names files and tests and no lines, so that it changes only with what it says.
pub(crate) fn page(
    list: &[Requirement],
    citations: &[Citation],
    mutations: &BTreeMap<String, Vec<Mutation>>,
    promises: &[Promise],
) -> String {
    let rows = rows(list, citations, mutations);
    let mut out = "<!-- Written by tests/dossier/traceability. -->\n\n# Summary\n\n".to_owned();
    out += "| list | rows | code | type | application | declined | with a patch | patch noticed |\n";
    out += "|---|--:|--:|--:|--:|--:|--:|--:|\n";
    let documents: Vec<(&str, &str, Vec<&Row>)> = DOCUMENTS
        .into_iter()
        .map(|(file, title)| (file, title, rows.iter().filter(|row| row.requirement.list == file).collect::<Vec<_>>()))
        .filter(|(_, _, rows)| !rows.is_empty())
        .collect();
    for (file, _, rows) in &documents {
        let how = |how: &str| rows.iter().filter(|row| row.requirement.how == how).count();
        let patched: Vec<_> = rows.iter().filter(|row| !row.mutations.is_empty()).collect();
        let noticed = patched.iter().filter(|row| row.mutations.iter().all(Mutation::noticed)).count();
        let counts = [rows.len(), how("code"), how("type"), how("app"), how("declined"), patched.len(), noticed];
        writeln!(out, "| {file} | {} |", counts.map(|count| count.to_string()).join(" | ")).unwrap();
    }
    for (_, title, rows) in documents {
        write!(out, "\n# {title}\n\n| id | level | requirement | code, or the reason | test | patch | result |\n")
            .unwrap();
        out += "|---|---|---|---|---|---|---|\n";
        for row in rows {
            writeln!(out, "| {} |", row.cells().join(" | ")).unwrap();
        }
    }
    if !promises.is_empty() {
        out += "\n# The promises of the README\n\n| id | promise | tests that show it |\n|---|---|---|\n";
    }
    for Promise { id, what, tests } in promises {
        writeln!(out, "| {id} | {} | {tests} |", what.replace('|', "\\|")).unwrap();
    }
    out
}

impl Mutation {
    fn noticed(&self) -> bool {
        ["fails", "hangs"].contains(&self.result.as_str())
    }
}

impl Row<'_> {
    fn cells(&self) -> [String; 7] {
        let Requirement { id, level, what, how, reason, .. } = self.requirement;
        let code = if how == "code" {
            unique(self.code.iter().map(|place| file(place)))
        } else {
            format!("{how}: {}", escaped(reason))
        };
        // The test of the patch is the one that was seen failing; else the files that cite the requirement.
        let test = match self.mutations {
            [] => unique(self.tests.iter().map(|place| file(place))),
            patches => unique(patches.iter().map(|mutation| mutation.test.as_str())),
        };
        let patch =
            |mutation: &Mutation| file(&mutation.place).rsplit('/').next().unwrap().trim_end_matches(".txt").to_owned();
        let patches: Vec<String> = self.mutations.iter().map(patch).collect();
        let results = unique(self.mutations.iter().map(|mutation| mutation.result.as_str()));
        [id.clone(), level.clone(), escaped(what), code, test, unique(patches.iter().map(String::as_str)), results]
    }
}

/// The file of a place, without its line.
fn file(place: &str) -> &str {
    place.split_once(':').map_or(place, |(file, _)| file)
}

/// Each name once, as code.
fn unique<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<BTreeSet<_>>().into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Text that Markdown shows as it is in the cell of a table.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out += "&lt;",
            '&' => out += "&amp;",
            '|' | '[' | ']' | '*' | '_' | '`' | '\\' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    // A scheme would make a link.
    out.replace("://", "&#58;//")
}

#[test]
fn a_row_shows_what_belongs_to_it() {
    let requirement = |id: &str, how: &str, reason: &str| Requirement {
        list: "rfc6455".into(),
        id: id.into(),
        level: "MUST".into(),
        side: "both".into(),
        what: "a < b | c".into(),
        how: how.into(),
        reason: reason.into(),
    };
    let list = [requirement("1-1-1", "code", ""), requirement("1-1-2", "app", "its duty")];
    let citation = |kind, place: &str| Citation { id: "1-1-1".into(), place: place.into(), kind };
    let citations = [
        citation(Kind::Code, "src/b.rs:7"),
        citation(Kind::Code, "src/b.rs:9"),
        citation(Kind::String, "src/c.rs:9"),
        citation(Kind::Test, "tests/d.rs:3"),
    ];
    let mutation = |result: &str| Mutation {
        place: "tests/mutations/patches/first.txt:12".into(),
        test: "lib a::b".into(),
        result: result.into(),
    };
    let none = BTreeMap::new();
    let without = page(&list, &citations, &none, &[]);
    assert!(without.contains("\n| rfc6455 | 2 | 1 | 0 | 1 | 0 | 0 | 0 |\n"), "{without}");
    assert!(without.contains("\n| 1-1-1 | MUST | a &lt; b \\| c | `src/b.rs` | `tests/d.rs` |  |  |\n"), "{without}");
    assert!(without.contains("\n| 1-1-2 | MUST | a &lt; b \\| c | app: its duty |  |  |  |\n"), "{without}");
    let mutations = BTreeMap::from([("1-1-1".to_owned(), vec![mutation("fails")])]);
    let promises = promises("//! **P1. no `a|b`**\n//!\n//! * If not: x\n//! * Shown by: `c.rs: d`, `e.rs: f`\n");
    let with = page(&list, &citations, &mutations, &promises);
    assert!(with.ends_with("\n| P1 | no `a\\|b` | `c.rs: d`, `e.rs: f` |\n"), "{with}");
    assert!(with.contains("\n| rfc6455 | 2 | 1 | 0 | 1 | 0 | 1 | 1 |\n"), "{with}");
    assert!(with.contains(" | `src/b.rs` | `lib a::b` | `first` | `fails` |\n"), "{with}");
    let unnoticed = BTreeMap::from([("1-1-1".to_owned(), vec![mutation("fails"), mutation("PASSES")])]);
    assert!(page(&list, &citations, &unnoticed, &[]).contains("| 1 | 0 |\n"));
    let lines = tsv(&list, &citations, &mutations, &promises);
    let expected = "rfc6455\t1-1-1\tMUST\tboth\ta < b | c\tcode\t\tsrc/b.rs:7; src/b.rs:9\ttests/d.rs:3\t\
                    tests/mutations/patches/first.txt:12\tlib a::b\tfails";
    assert_eq!(lines.lines().nth(1), Some(expected));
}
