//! The chapter *What reviewers asked* names tests for the answer to each question. The tests have to cite the question.

// Half of it is for tests/layers.rs.
#[allow(dead_code)]
#[path = "layers/source.rs"]
mod source;

#[path = "support/named_tests.rs"]
mod named_tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What stands in the last column of a row about the wording of a document.
const TEXT_ONLY: &str = "text only";

/// What the ids of the questions begin with.
const REVIEWERS: [&str; 9] = ["opera", "farrell", "housley", "turner", "eddy", "sparks", "resnick", "bonica", "iana"];

/// A row of a table: the id of a question, and the file and function of each test that shows the answer.
struct Question {
    id: String,
    shown_by: Vec<(String, String)>,
}

#[test]
fn each_answer_is_shown_by_tests_that_cite_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chapter = fs::read_to_string(root.join("src/manual/reviews.rs")).unwrap();
    let mut files = BTreeMap::new();
    for folder in ["src", "tests"] {
        for (file, text) in source::rust_files(&root.join(folder)) {
            if file != "manual/reviews.rs" && file != "history.rs" {
                files.insert(format!("{folder}/{file}"), text);
            }
        }
    }
    let (questions, mut faults) = parse(&chapter);
    faults.extend(check(&questions, &files));
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    let count = |reviewer: &str| questions.iter().filter(|question| question.id.starts_with(reviewer)).count();
    let counts = REVIEWERS.map(count);
    assert_eq!(counts, [37, 21, 2, 7, 3, 3, 7, 2, 4], "has the chapter another shape?");
}

/// The rows of all tables of the chapter, and what is wrong with them.
fn parse(chapter: &str) -> (Vec<Question>, Vec<String>) {
    let (mut questions, mut faults) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for row in chapter.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let columns: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
        let &[id, _, _, shown] = columns.as_slice() else {
            faults.push(format!("4 columns are needed in {row}"));
            continue;
        };
        if id == "id" {
            continue;
        }
        if !is_id(id) {
            faults.push(format!("'{id}' is not an id"));
        }
        if !seen.insert(id) {
            faults.push(format!("{id}: listed twice"));
        }
        let mut shown_by = Vec::new();
        if shown != TEXT_ONLY {
            for named in shown.split(", ") {
                match named.trim_matches('`').split_once(": ") {
                    Some((file, name)) => shown_by.push((file.to_owned(), name.to_owned())),
                    None => faults.push(format!("{id}: {named} is no test")),
                }
            }
        }
        questions.push(Question { id: id.to_owned(), shown_by });
    }
    (questions, faults)
}

/// A reviewer, and a number: `farrell-6` or, for a comment, `farrell-c6`.
fn is_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(reviewer, number)| {
        let digits = number.strip_prefix('c').unwrap_or(number);
        REVIEWERS.contains(&reviewer) && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The ids in the comments of some lines.
fn ids<'a>(lines: &[&'a str]) -> BTreeSet<&'a str> {
    let comments = lines.iter().filter_map(|line| line.find("//").map(|start| &line[start..]));
    comments
        .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-'))
        .filter(|w| is_id(w))
        .collect()
}

/// The tests that do not cite their question, and the citations that belong to no question.
fn check(questions: &[Question], files: &BTreeMap<String, String>) -> Vec<String> {
    let mut faults = Vec::new();
    // Each citation of a file has to stand in a test that the chapter names for it.
    let mut expected: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for Question { id, shown_by } in questions {
        for (file, name) in shown_by {
            let Some(test) = files.get(file).and_then(|text| named_tests::test_and_comments(text, name)) else {
                faults.push(format!("{id}: {file} has no test {name}"));
                continue;
            };
            if !ids(&test).contains(id.as_str()) {
                faults.push(format!("{id}: {name} in {file} does not cite it"));
            }
            *expected.entry((id, file)).or_default() += 1;
        }
    }
    for (file, text) in files {
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        for line in text.lines() {
            ids(&[line]).into_iter().for_each(|id| *found.entry(id).or_default() += 1);
        }
        for (id, count) in found {
            if expected.get(&(id, file)).copied().unwrap_or_default() != count {
                faults.push(format!("{id}: cited in {file} by a test that the chapter does not name for it"));
            }
        }
    }
    faults
}

#[test]
fn planted_errors_are_found() {
    let chapter = "//! | id | asked | answer | shown by |\n//! |---|---|---|---|\n\
        //! | opera-1 | a | b | `src/a.rs: one`, `src/a.rs: two` |\n//! | farrell-c2 | a | b | text only |\n";
    let tests = "    /// Shows the answers to opera-1.\n    #[test]\n    #[cfg(x)]\n    fn one() {\n    }\n\n    \
        #[test]\n    fn two() {\n        // opera-1\n    }\n    fn three() {\n    }\n";
    let judge = |chapter: &str, tests: &str| {
        let (questions, mut faults) = parse(chapter);
        faults.extend(check(&questions, &BTreeMap::from([("src/a.rs".to_owned(), tests.to_owned())])));
        faults
    };
    assert_eq!(judge(chapter, tests), Vec::<String>::new());
    let (one, two) = ("opera-1: one in src/a.rs does not cite it", "opera-1: two in src/a.rs does not cite it");
    let elsewhere = |id: &str| format!("{id}: cited in src/a.rs by a test that the chapter does not name for it");
    let rows: [(String, String, &[&str]); 11] = [
        (
            chapter.into(),
            tests.replace("to opera-1", "to opera-10"),
            &[one, &elsewhere("opera-1"), &elsewhere("opera-10")],
        ),
        (chapter.into(), tests.replace("to opera-1", "to all"), &[one, &elsewhere("opera-1")]),
        (chapter.into(), tests.replace("// opera-1", "(\"opera-1\")"), &[two, &elsewhere("opera-1")]),
        (chapter.into(), tests.replace("fn three() {", "fn three() { // opera-1"), &[&elsewhere("opera-1")]),
        (chapter.into(), tests.replace("fn three() {", "fn three() { // eddy-1"), &[&elsewhere("eddy-1")]),
        (
            chapter.into(),
            tests.replace("fn two", "fn four"),
            &["opera-1: src/a.rs has no test two", &elsewhere("opera-1")],
        ),
        (
            chapter.replace("`src/a.rs: two`", "`src/a.rs: three`"),
            tests.into(),
            &["opera-1: src/a.rs has no test three", &elsewhere("opera-1")],
        ),
        (chapter.replace("`src/a.rs: two`", "two"), tests.into(), &["opera-1: two is no test", &elsewhere("opera-1")]),
        (chapter.replace("text only", ""), tests.into(), &["farrell-c2:  is no test"]),
        (chapter.replace("farrell-c2", "farrell-x2"), tests.into(), &["'farrell-x2' is not an id"]),
        (
            chapter.replace("a | b | text", "a | text"),
            tests.into(),
            &["4 columns are needed in farrell-c2 | a | text only |"],
        ),
    ];
    for (chapter, tests, faults) in rows {
        assert_eq!(judge(&chapter, &tests), faults, "{chapter}\n{tests}");
    }
}
