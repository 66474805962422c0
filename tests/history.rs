//! The chapter *How the protocol grew* names a test for each answer to a reviewer's question. They have to be there.

use std::fs;
use std::path::Path;

#[test]
fn the_tests_that_the_chapter_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chapter = fs::read_to_string(root.join("src/manual/history.rs")).unwrap();
    let asked = chapter.lines().skip_while(|line| !line.contains("| asked |"));
    let mut questions = 0;
    for row in asked.filter(|line| line.starts_with("//! | ") && !line.contains("| asked |")) {
        let named = row.trim_end_matches(" |").rsplit("| ").next().unwrap().trim_matches('`');
        let (file, name) = named.split_once(": ").unwrap_or_else(|| panic!("no test in {row}"));
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(&format!("fn {name}()")), "{file} has no {name}");
        questions += 1;
    }
    assert!(questions > 40, "{questions} questions: has the chapter another shape?");
}
