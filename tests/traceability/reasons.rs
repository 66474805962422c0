//! The reasons of requirements that no line of code obeys: the code that they name is there.

use std::collections::{BTreeMap, BTreeSet};

use super::{requirement, source, Requirement};

/// The names and paths between backticks in the reasons that are not in the sources.
pub(crate) fn stale_names(list: &[Requirement], sources: &BTreeMap<String, String>) -> Vec<String> {
    let blanked: Vec<String> = sources.values().map(|text| source::blank(text)).collect();
    let names: Vec<BTreeSet<&str>> = blanked
        .iter()
        .map(|code| source::without_tests(source::tokens(code)).iter().map(|token| token.text).collect())
        .collect();
    // All parts of a path stand in one file; an event has its name in a string.
    let is_known = |name: &str| match name.strip_prefix("src/") {
        Some(file) => sources.contains_key(file),
        None => {
            let quoted = format!("\"{name}\"");
            names.iter().any(|names| name.split("::").all(|part| names.contains(part)))
                || sources.values().any(|text| text.contains(&quoted))
        }
    };
    let is_bare = |word: &str| word.contains("::") || word.contains(".rs") || word.contains('_');
    let mut faults = Vec::new();
    for Requirement { id, reason, .. } in list {
        for (n, part) in reason.split('`').enumerate() {
            match n % 2 {
                0 => faults.extend(
                    part.split(' ').filter(|word| is_bare(word)).map(|word| format!("{id}: '{word}' needs backticks")),
                ),
                _ if is_known(part) => {}
                _ => faults.push(format!("{id}: nothing in src is `{part}`")),
            }
        }
    }
    faults
}

#[test]
fn stale_names_in_reasons_are_noticed() {
    let text = "struct A; impl A { fn b() {} } // old\nconst E: &str = \"an-event\";\n#[cfg(test)]\nfn tested() {}\n";
    let sources = BTreeMap::from([("c/d.rs".to_owned(), text.to_owned())]);
    let faults = |reason: &str| stale_names(&[requirement("1-1-1", "app", reason)], &sources);
    for good in ["`A::b` and `src/c/d.rs`, `b`", "`an-event`", "of RFC 6455"] {
        assert_eq!(faults(good), [""; 0], "{good}");
    }
    for bad in ["A::x", "old", "tested", "src/c/e.rs", "other-event"] {
        assert_eq!(faults(&format!("see `{bad}`.")), [format!("1-1-1: nothing in src is `{bad}`")]);
    }
    assert_eq!(faults("A::b does it"), ["1-1-1: 'A::b' needs backticks"]);
}
