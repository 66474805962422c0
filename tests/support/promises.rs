//! The promises of the README, from the chapter `hazards` of the manual.

/// A promise, the tests that show it, and the parts of `.ci/run` that check it.
pub(crate) struct Promise {
    pub(crate) id: String,
    pub(crate) what: String,
    pub(crate) tests: String,
    pub(crate) checks: Vec<String>,
}

/// The promises of the chapter: `**P1. what**`, and the entries `Shown by` and `Detected by` of each. The latter names parts of
/// `.ci/run`: *One*.
pub(crate) fn promises(chapter: &str) -> Vec<Promise> {
    let mut found: Vec<Promise> = Vec::new();
    for line in chapter.lines().filter_map(|line| line.strip_prefix("//! ")) {
        let head = line.strip_prefix("**P").and_then(|line| line.strip_suffix("**")?.split_once(". "));
        if let Some((number, what)) = head {
            let (tests, checks) = (String::new(), Vec::new());
            found.push(Promise { id: format!("P{number}"), what: what.to_owned(), tests, checks });
            continue;
        }
        let Some(promise) = found.last_mut() else { continue };
        if let Some(tests) = line.strip_prefix("* Shown by: ") {
            promise.tests = tests.to_owned();
        }
        if let Some(text) = line.strip_prefix("* Detected by: ").filter(|text| text.contains("`.ci/run`")) {
            promise.checks = text.split('*').skip(1).step_by(2).map(str::to_owned).collect();
        }
    }
    found
}
