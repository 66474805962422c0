//! Every requirement of the specifications is accounted for: by a line of code that says so and a test that fails without
//! it, or by a reason why no line is needed.
//!
//! The requirements are the rows of `tests/requirements/*.tsv`: id, level, side, what is required (paraphrased), how it is
//! met, and the reason. How it is met is one of
//!
//! - `code`: a comment in the code cites the id beside the line that obeys it, and a test cites it too;
//! - `type`: it cannot be broken; the reason names the type or the shape that ensures it;
//! - `app`: the duty of the application that uses this library; the reason says why;
//! - `declined`: not done; the reason says why. Neither code nor a test may cite it.
//!
//! `tests/mutations/run` breaks the code of each row that code obeys, and of the promises of the README, and sees the tests fail.
//! The table of requirement, code, test, patch and result is a page of the manual, which `tests/dossier/traceability` writes.
//!
//! A reason names code and files between backticks. They have to be in `src`.
//!
//! A citation is the bare id. In `src`, items under `#[cfg(test)]` are test, wherever they stand, and so are files that only
//! such items bring in; elsewhere only comments count, because a string that names a rule does not obey it. Every Rust file in
//! `tests` but this one is test.

// Half of it is for tests/layers.rs.
#[path = "support/patches.rs"]
mod patches;
#[path = "support/promises.rs"]
mod promises;
#[path = "traceability/reasons.rs"]
mod reasons;
#[allow(dead_code)]
#[path = "layers/source.rs"]
mod source;
#[path = "traceability/table.rs"]
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LEVELS: [&str; 10] = [
    "MUST",
    "MUST NOT",
    "SHOULD",
    "SHOULD NOT",
    "MAY",
    "OPTIONAL",
    "REQUIRED",
    "RECOMMENDED",
    "NOT RECOMMENDED",
    "RULE",
];
const SIDES: [&str; 5] = ["both", "client", "server", "ext", "intermediary"];

/// The page that shows the lists with the code, the tests and the patches: see `traceability/table.rs`.
const PAGE: &str = "src/manual/traceability.md";

/// Documents whose ids are recognized without a list of their requirements.
const DOCUMENTS: [&str; 2] = ["6455", "7692"];

struct Requirement {
    /// The name of the list, without its extension.
    list: String,
    id: String,
    level: String,
    side: String,
    what: String,
    how: String,
    reason: String,
}

/// An id, where it stands, and what that place is.
struct Citation {
    id: String,
    place: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Test,
    /// Code, but not in a comment.
    String,
}

/// Shows the answers to opera-1, opera-11, farrell-c10, resnick-1, resnick-4.
/// Shows promise P2.
#[test]
fn every_requirement_is_accounted_for() {
    let mut faults = Vec::new();
    let (list, citations) = everything(&mut faults);
    faults.extend(check(&list, &citations));
    faults.extend(reasons::stale_names(&list, &source::rust_files(&root().join("src"))));
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    assert!(list.iter().any(|row| row.how == "code"), "tests/requirements has nothing to hold the code to");
}

#[test]
fn the_page_of_the_manual_is_current() {
    let (list, citations) = everything(&mut Vec::new());
    let page = table::page(&list, &citations, &table::mutations(root()), &promises());
    let found = fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    let differs = page.lines().zip(found.lines().chain(std::iter::repeat("nothing"))).find(|(now, then)| now != then);
    assert_eq!(differs, None, "{PAGE} is stale: run tests/dossier/traceability, which writes it");
    assert_eq!(page.lines().count(), found.lines().count(), "{PAGE} is stale: run tests/dossier/traceability");
}

#[test]
#[ignore = "writes the page of the manual, for tests/dossier/traceability"]
fn write_the_table() {
    let (list, citations) = everything(&mut Vec::new());
    let mutations = table::mutations(root());
    fs::write(root().join(PAGE), table::page(&list, &citations, &mutations, &promises())).unwrap();
    let lines = Path::new(env!("CARGO_TARGET_TMPDIR")).join("traceability.tsv");
    fs::write(lines, table::tsv(&list, &citations, &mutations, &promises())).unwrap();
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The promises of the README.
fn promises() -> Vec<promises::Promise> {
    promises::promises(&fs::read_to_string(root().join("src/manual/hazards.rs")).unwrap_or_default())
}

/// All lists, and all citations of the tree.
fn everything(faults: &mut Vec<String>) -> (Vec<Requirement>, Vec<Citation>) {
    let mut list = Vec::new();
    for file in files(&root().join("tests/requirements"), "tsv") {
        list.extend(parse(&file.file_name().unwrap().to_string_lossy(), &fs::read_to_string(&file).unwrap(), faults));
    }
    let documents = documents(&list);
    let mut citations = in_sources(&source::rust_files(&root().join("src")), &documents);
    for (file, text) in source::rust_files(&root().join("tests")) {
        if !file.starts_with("traceability") {
            citations.extend(cited(&format!("tests/{file}"), &text, true, &documents));
        }
    }
    (list, citations)
}

/// The rows of one list; what is wrong with them goes to `faults`.
fn parse(file: &str, text: &str, faults: &mut Vec<String>) -> Vec<Requirement> {
    let mut list = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let at = format!("{file}:{}", n + 1);
        let columns: Vec<&str> = line.split('\t').collect();
        // The reason may be missing, because some editors remove the tab before it.
        let (&[id, level, side, what, how], reason) = match columns.split_first_chunk::<5>() {
            Some((columns, [])) => (columns, ""),
            Some((columns, [reason])) => (columns, *reason),
            _ => {
                faults.push(format!("{at}: {} columns, 5 or 6 are needed", columns.len()));
                continue;
            }
        };
        if !is_id(id) {
            faults.push(format!("{at}: '{id}' is not an id"));
        }
        if !LEVELS.contains(&level) {
            faults.push(format!("{at}: unknown level '{level}'"));
        }
        if !SIDES.contains(&side) {
            faults.push(format!("{at}: unknown side '{side}'"));
        }
        if what.trim().is_empty() {
            faults.push(format!("{at}: {id} requires nothing"));
        }
        let list_name = file.trim_end_matches(".tsv").to_string();
        let [id, level, side, what, how, reason] = [id, level, side, what, how, reason.trim()].map(str::to_string);
        list.push(Requirement { list: list_name, id, level, side, what, how, reason });
    }
    list
}

/// Document, section, number: `6455-5.1-4`. A number with an `s` is a statement that the RFC makes without a capital word.
fn is_id(id: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = id.split('-').collect();
    let [document, section, ordinal] = parts.as_slice() else { return false };
    !document.is_empty()
        && document.bytes().all(|b| b.is_ascii_alphanumeric())
        && section.split('.').all(|part| number(part.trim_end_matches(|c: char| c.is_ascii_lowercase())))
        && number(ordinal.strip_prefix('s').unwrap_or(ordinal))
}

fn documents(list: &[Requirement]) -> BTreeSet<&str> {
    list.iter().filter_map(|row| row.id.split('-').next()).chain(DOCUMENTS).collect()
}

/// All ids in the files of `src`.
fn in_sources(files: &BTreeMap<String, String>, documents: &BTreeSet<&str>) -> Vec<Citation> {
    let for_tests = source::test_files(files);
    let all =
        |(file, text): (&String, &String)| cited(&format!("src/{file}"), text, for_tests.contains(file), documents);
    files.iter().flat_map(all).collect()
}

/// All ids in a source file. Text that begins like an id counts as one, so that typing errors are found.
fn cited(place: &str, text: &str, for_tests: bool, documents: &BTreeSet<&str>) -> Vec<Citation> {
    let mut found = Vec::new();
    let tests = source::test_lines(text);
    for (n, line) in text.lines().enumerate() {
        let test = for_tests || tests.contains(&(n + 1));
        let comment = line.find("//").unwrap_or(line.len());
        let kind = |start: usize| {
            if test {
                Kind::Test
            } else if start > comment {
                Kind::Code
            } else {
                Kind::String
            }
        };
        for word in line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.')) {
            let id = word.trim_end_matches(['.', '-']);
            let Some((document, rest)) = id.split_once('-') else { continue };
            if documents.contains(document) && rest.starts_with(|c: char| c.is_ascii_digit()) {
                let start = word.as_ptr() as usize - line.as_ptr() as usize;
                found.push(Citation { id: id.to_string(), place: format!("{place}:{}", n + 1), kind: kind(start) });
            }
        }
    }
    found
}

/// Everything wrong, in the order of the list.
fn check(list: &[Requirement], citations: &[Citation]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut by_id: BTreeMap<&str, Vec<&Citation>> = BTreeMap::new();
    for citation in citations {
        by_id.entry(&citation.id).or_default().push(citation);
    }
    let mut seen = BTreeSet::new();
    for row in list {
        let Requirement { id, how, reason, .. } = row;
        if !seen.insert(id.as_str()) {
            faults.push(format!("{id}: listed twice"));
        }
        let of = |kind: Kind| by_id.get(id.as_str()).into_iter().flatten().find(move |c| c.kind == kind);
        match how.as_str() {
            "code" => {
                if of(Kind::Code).is_none() {
                    faults.push(format!("{id}: no code cites it"));
                }
                if of(Kind::Test).is_none() {
                    faults.push(format!("{id}: no test cites it"));
                }
            }
            "type" | "app" | "declined" => {
                if reason.is_empty() {
                    faults.push(format!("{id}: '{how}' without a reason"));
                }
                if let (Some(citation), "declined") = (of(Kind::Code).or(of(Kind::Test)), how.as_str()) {
                    faults.push(format!("{id}: declined, but cited in {}", citation.place));
                }
            }
            other => faults.push(format!("{id}: unknown status '{other}'")),
        }
    }
    for (id, citations) in by_id.iter().filter(|(id, _)| !seen.contains(*id)) {
        faults.extend(citations.iter().map(|c| format!("{id}: cited in {}, but not in tests/requirements", c.place)));
    }
    faults
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found
}

fn requirement(id: &str, how: &str, reason: &str) -> Requirement {
    let [list, id, level, side, what] = ["a", id, "MUST", "both", "x"].map(str::to_string);
    Requirement { list, id, level, side, what, how: how.to_string(), reason: reason.to_string() }
}

#[test]
fn planted_errors_in_a_list_are_noticed() {
    let rows = [
        ("1-1-1\tMUST\tboth\tx", "a.tsv:1: 4 columns, 5 or 6 are needed"),
        ("1-1-1\tMUST\tboth\tx\tapp\tr\tr", "a.tsv:1: 7 columns, 5 or 6 are needed"),
        ("1-1-1 MUST both x code", "a.tsv:1: 1 columns, 5 or 6 are needed"),
        ("1-1\tMUST\tboth\tx\tcode", "a.tsv:1: '1-1' is not an id"),
        ("1-1.-1\tMUST\tboth\tx\tcode", "a.tsv:1: '1-1.-1' is not an id"),
        ("1-1-t1\tMUST\tboth\tx\tcode", "a.tsv:1: '1-1-t1' is not an id"),
        ("1-1-1\tmust\tboth\tx\tcode", "a.tsv:1: unknown level 'must'"),
        ("1-1-1\tMUST\tall\tx\tcode", "a.tsv:1: unknown side 'all'"),
        ("1-1-1\tMUST\tboth\t \tcode", "a.tsv:1: 1-1-1 requires nothing"),
    ];
    for (row, fault) in rows {
        let mut faults = Vec::new();
        parse("a.tsv", row, &mut faults);
        assert_eq!(faults, [fault]);
    }
    let mut faults = Vec::new();
    let list =
        parse("a.tsv", "# id\n\n6455-4.1-s3\tRULE\tboth\tx\tcode\nh00-1.2-1\tMUST NOT\text\ty\tapp\tr\n", &mut faults);
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(list.len(), 2);
}

#[test]
fn tests_are_distinguished_from_code() {
    let list = [requirement("1-1-1", "code", "")];
    let judge = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        check(&list, &in_sources(&files, &documents(&list)))
    };
    let (no_code, no_test) = ("1-1-1: no code cites it", "1-1-1: no test cites it");
    let code = "// 1-1-1\nfn f() {}\n";
    for test in [
        "#[cfg(test)]\nmod tests {\n    // 1-1-1\n}\n",
        "/// 1-1-1\n#[cfg(test)]\nimpl A {}\n",
        "impl A {\n    #[cfg(test)]\n    #[allow(x)]\n    fn g(&self) -> [u8; 1] {\n        // 1-1-1\n    }\n}\n",
        "#[cfg(all(test, unix))]\nconst A: &str = \"1-1-1\";\n",
    ] {
        // Code before and behind the test, and not at all.
        for both in [format!("{code}{test}"), format!("{test}{code}"), format!("{test}{code}{test}")] {
            assert_eq!(judge(&[("a.rs", &both)]), Vec::<String>::new(), "{both}");
        }
        assert_eq!(judge(&[("a.rs", test)]), [no_code], "{test}");
        let not_cited = test.replace("1-1-1", "nothing");
        assert_eq!(judge(&[("a.rs", &format!("{not_cited}{code}"))]), [no_test], "{test}");
    }
    assert_eq!(judge(&[("a.rs", "#[cfg(any(test, unix))]\nmod a {\n    // 1-1-1\n}\n")]), [no_test]);
    // Files of their own.
    assert_eq!(
        judge(&[("a.rs", "// 1-1-1\n#[cfg(test)]\nmod tests;"), ("a/tests.rs", "// 1-1-1")]),
        Vec::<String>::new()
    );
    assert_eq!(judge(&[("a.rs", "#[cfg(test)]\nmod tests;"), ("a/tests/b.rs", "// 1-1-1")]), [no_code]);
    assert_eq!(judge(&[("a.rs", "// 1-1-1\nmod tests;"), ("a/tests.rs", "// 1-1-1")]), [no_test]);
}

#[test]
fn planted_errors_in_the_sources_are_noticed() {
    let good =
        "//! Obeys 1-1-1.\nfn f() {} // 1-1-s2: and 7692-7.1.1.1-1.\n#[cfg(test)]\nmod t {} // 1-1-1, 1-1-s2, 7692-7.1.1.1-1\n";
    let how = ["code", "code", "type", "app", "declined", "code"];
    let judge = |source: &str, how: [&str; 6], reason: &str| {
        let ids = ["1-1-1", "1-1-s2", "1-2-1", "1-2-2", "1-2-3", "7692-7.1.1.1-1"];
        let row = |(id, how): (&str, &str)| requirement(id, how, reason);
        let list: Vec<Requirement> = ids.into_iter().zip(how).map(row).collect();
        check(&list, &cited("src/a.rs", source, false, &documents(&list)))
    };
    assert_eq!(judge(good, how, "because"), Vec::<String>::new());

    let sources = [
        (good.replace("Obeys 1-1-1", "Obeys"), "1-1-1: no code cites it"),
        (good.replace("//! Obeys 1-1-1", "const A: &str = \"1-1-1\";"), "1-1-1: no code cites it"),
        (good.replace("{} // 1-1-1, ", "{} // "), "1-1-1: no test cites it"),
        (good.replace("// 1-1-s2: and", "//"), "1-1-s2: no code cites it"),
        (good.replace(", 1-1-s2,", ","), "1-1-s2: no test cites it"),
        (good.replace("fn f", "// 1-2-3\nfn f"), "1-2-3: declined, but cited in src/a.rs:2"),
        (good.replace("mod t {} // 1", "mod t {} // 1-2-3, 1"), "1-2-3: declined, but cited in src/a.rs:4"),
        (good.replace("fn f", "// 1-1-9\nfn f"), "1-1-9: cited in src/a.rs:2, but not in tests/requirements"),
        (good.replace("fn f", "(\"1-1-9\")\nfn f"), "1-1-9: cited in src/a.rs:2, but not in tests/requirements"),
        (format!("{good}// 1-1-1-1"), "1-1-1-1: cited in src/a.rs:5, but not in tests/requirements"),
        (format!("{good}// 1-1.-2"), "1-1.-2: cited in src/a.rs:5, but not in tests/requirements"),
        (format!("{good}// 6455-5.1-4"), "6455-5.1-4: cited in src/a.rs:5, but not in tests/requirements"),
    ];
    for (source, fault) in sources {
        assert_eq!(judge(&source, how, "because"), [fault], "{source}");
    }
    assert_eq!(
        judge(good, how, ""),
        ["1-2-1: 'type' without a reason", "1-2-2: 'app' without a reason", "1-2-3: 'declined' without a reason"]
    );
    assert_eq!(
        judge(good, ["code", "code", "type", "app", "kode", "code"], "because"),
        ["1-2-3: unknown status 'kode'"]
    );

    // A test file obeys nothing, and its strings count.
    let list: Vec<Requirement> = vec![requirement("1-1-1", "code", "")];
    let citations = cited("tests/a.rs", "assert_eq!(rule, \"1-1-1\");", true, &documents(&list));
    assert_eq!(check(&list, &citations), ["1-1-1: no code cites it"]);
    let twice: Vec<Requirement> = ["app", "app"].map(|how| requirement("1-1-1", how, "because")).into();
    assert_eq!(check(&twice, &[]), ["1-1-1: listed twice"]);
    // Words that only look like ids.
    for text in ["// 2011-12-18", "// RFC 6455-compliant", "// 258EAFA5-E914-47DA", "// 0.1-1"] {
        assert!(cited("src/a.rs", text, false, &documents(&list)).is_empty(), "{text}");
    }
}
