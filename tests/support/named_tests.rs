//! A test that a chapter of the manual names, in the text of its file.

/// The comments and attributes above a test without arguments, and the test itself. The source is formatted.
pub(crate) fn test_and_comments<'a>(text: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.trim_start().starts_with(&format!("fn {name}()")))?;
    let indent = lines[at].len() - lines[at].trim_start().len();
    let belongs = |line: &&&str| line.trim_start().starts_with("//") || line.trim_start().starts_with("#[");
    let above = lines[..at].iter().rev().take_while(belongs).count();
    let end = lines[at..].iter().position(|line| *line == format!("{:indent$}}}", ""))?;
    let whole = &lines[at - above..=at + end];
    whole.iter().any(|line| line.trim() == "#[test]").then(|| whole.to_vec())
}
