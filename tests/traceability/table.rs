//! The table of requirement or promise, code, test, mutation and result: as a page of the manual, and as TSV with the lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::patches::{results, subjects};
use super::promises::Promise;
use super::{Citation, Kind, Requirement};

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

/// A patch that breaks requirements or promises, and what the test does then.
pub(crate) struct Mutation {
    /// File and line of the patch.
    place: String,
    /// File and line of the code that it changes.
    code: String,
    test: String,
    result: String,
}

/// The patches of each requirement and promise. A result belongs to the patch with the same number in the file of the same name.
pub(crate) fn mutations(root: &Path) -> BTreeMap<String, Vec<Mutation>> {
    let mut found: BTreeMap<String, Vec<Mutation>> = BTreeMap::new();
    for (subject, patches) in subjects(root) {
        // Without a result, the patch is new: tests/mutations.rs reports it.
        for (patch, [of, test, result]) in patches.iter().zip(results(root, &subject)) {
            let changed = format!("\n{}", fs::read_to_string(root.join(&patch.file)).unwrap_or_default());
            let before = changed.split(&format!("\n{}", patch.old)).next().unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            for id in patch.ids.iter().filter(|_| of == patch.ids.join(" ")) {
                let place = format!("tests/mutations/patches/{subject}.txt:{}", patch.line);
                let code = format!("{}:{line}", patch.file);
                let (test, result) = (test.clone(), result.clone());
                found.entry(id.to_owned()).or_default().push(Mutation { place, code, test, result });
            }
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
        let cells = [list, id, level, side, what, how, reason].map(String::as_str);
        let [_, patches, tests, results] = parts(row.mutations);
        let found = [row.code.join("; "), row.tests.join("; "), patches, tests, results];
        writeln!(out, "{}\t{}", cells.join("\t"), found.join("\t")).unwrap();
    }
    for promise in promises {
        let Promise { id, what, checks, .. } = promise;
        let [code, patches, tests, results] = parts(of_promise(promise, mutations));
        let reason = if checks.is_empty() { String::new() } else { format!(".ci/run: {}", checks.join("; ")) };
        let found = [code, promise.tests.replace('`', ""), patches, tests, results];
        writeln!(out, "promises\t{id}\tPROMISE\tboth\t{what}\tpromise\t{reason}\t{}", found.join("\t")).unwrap();
    }
    out
}

/// The code, the patches, the tests and the results of these patches.
fn parts(mutations: &[Mutation]) -> [String; 4] {
    let of = |part: fn(&Mutation) -> &str| mutations.iter().map(part).collect::<Vec<_>>().join("; ");
    [of(|m| &m.code), of(|m| &m.place), of(|m| &m.test), of(|m| &m.result)]
}

fn of_promise<'a>(promise: &Promise, mutations: &'a BTreeMap<String, Vec<Mutation>>) -> &'a [Mutation] {
    mutations.get(&promise.id).map_or(&[], Vec::as_slice)
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
        out += "\n# The promises of the README\n\n\
            | id | promise | code | tests that show it | patch | test of the patch | result | part of `.ci/run` |\n\
            |---|---|---|---|---|---|---|---|\n";
    }
    for promise in promises {
        let Promise { id, what, tests, checks } = promise;
        let mutations = of_promise(promise, mutations);
        let of = |part: fn(&Mutation) -> &str| unique(mutations.iter().map(part));
        let (code, patches) = (of(|m| file(&m.code)), of(Mutation::subject));
        let (of_patch, results) = (of(|m| &m.test), of(|m| &m.result));
        let cells = [id, &what.replace('|', "\\|"), &code, tests, &patches, &of_patch, &results, &checks.join("; ")];
        writeln!(out, "| {} |", cells.map(String::as_str).join(" | ")).unwrap();
    }
    out
}

impl Mutation {
    fn noticed(&self) -> bool {
        ["fails", "hangs"].contains(&self.result.as_str())
    }

    /// The name of the file of the patch.
    fn subject(&self) -> &str {
        file(&self.place).rsplit('/').next().unwrap().trim_end_matches(".txt")
    }
}

impl Row<'_> {
    fn cells(&self) -> [String; 7] {
        let Requirement { id, level, what, how, reason, .. } = self.requirement;
        let code = if how == "code" {
            unique(self.code.iter().map(|place| file(place)))
        } else {
            format!("{how}: {}", with_code(reason))
        };
        // The test of the patch is the one that was seen failing; else the files that cite the requirement.
        let test = match self.mutations {
            [] => unique(self.tests.iter().map(|place| file(place))),
            patches => unique(patches.iter().map(|mutation| mutation.test.as_str())),
        };
        let patches = unique(self.mutations.iter().map(Mutation::subject));
        let results = unique(self.mutations.iter().map(|mutation| mutation.result.as_str()));
        [id.clone(), level.clone(), escaped(what), code, test, patches, results]
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

/// The same for text with code between backticks.
fn with_code(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(n, part)| if n % 2 == 0 { escaped(part) } else { format!("`{part}`") }).collect()
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
    let list = [requirement("1-1-1", "code", ""), requirement("1-1-2", "app", "its_duty `a_b`")];
    let citation = |kind, place: &str| Citation { id: "1-1-1".into(), place: place.into(), kind };
    let citations = [
        citation(Kind::Code, "src/b.rs:7"),
        citation(Kind::Code, "src/b.rs:9"),
        citation(Kind::String, "src/c.rs:9"),
        citation(Kind::Test, "tests/d.rs:3"),
    ];
    let mutation = |result: &str| Mutation {
        place: "tests/mutations/patches/first.txt:12".into(),
        code: "src/b.rs:8".into(),
        test: "lib a::b".into(),
        result: result.into(),
    };
    let none = BTreeMap::new();
    let without = page(&list, &citations, &none, &[]);
    assert!(without.contains("\n| rfc6455 | 2 | 1 | 0 | 1 | 0 | 0 | 0 |\n"), "{without}");
    assert!(without.contains("\n| 1-1-1 | MUST | a &lt; b \\| c | `src/b.rs` | `tests/d.rs` |  |  |\n"), "{without}");
    assert!(without.contains("\n| 1-1-2 | MUST | a &lt; b \\| c | app: its\\_duty `a_b` |  |  |  |\n"), "{without}");
    let mutations = BTreeMap::from(["1-1-1", "P1"].map(|id| (id.to_owned(), vec![mutation("fails")])));
    let chapter = "//! **P1. no `a|b`**\n//!\n//! * If not: *x*\n//! * Detected by: `X`. The parts *Y, z* and *W* of `.ci/run`.\n\
        //! * Shown by: `c.rs: d`, `e.rs: f`\n//!\n//! **P2. c**\n//! * Detected by: *Nothing*\n//! * Shown by: `g.rs: h`\n";
    let promises = super::promises::promises(chapter);
    let with = page(&list, &citations, &mutations, &promises);
    assert!(
        with.ends_with(
            "\n| P1 | no `a\\|b` | `src/b.rs` | `c.rs: d`, `e.rs: f` | `first` | `lib a::b` | `fails` | Y, z; W |\n\
             | P2 | c |  | `g.rs: h` |  |  |  |  |\n"
        ),
        "{with}"
    );
    assert!(with.contains("\n| rfc6455 | 2 | 1 | 0 | 1 | 0 | 1 | 1 |\n"), "{with}");
    assert!(with.contains(" | `src/b.rs` | `lib a::b` | `first` | `fails` |\n"), "{with}");
    let unnoticed = BTreeMap::from([("1-1-1".to_owned(), vec![mutation("fails"), mutation("PASSES")])]);
    assert!(page(&list, &citations, &unnoticed, &[]).contains("| 1 | 0 |\n"));
    let lines = tsv(&list, &citations, &mutations, &promises);
    let expected = "rfc6455\t1-1-1\tMUST\tboth\ta < b | c\tcode\t\tsrc/b.rs:7; src/b.rs:9\ttests/d.rs:3\t\
                    tests/mutations/patches/first.txt:12\tlib a::b\tfails";
    assert_eq!(lines.lines().nth(1), Some(expected));
    let expected = "promises\tP1\tPROMISE\tboth\tno `a|b`\tpromise\t.ci/run: Y, z; W\tsrc/b.rs:8\tc.rs: d, e.rs: f\t\
                    tests/mutations/patches/first.txt:12\tlib a::b\tfails";
    assert_eq!(lines.lines().nth(3), Some(expected));
}
