//! The results: for people, as JSON, and as JUnit.

use std::fmt::Write as _;
use std::io;

use super::case::{section, Case, Finding, Verdict};
use super::peer::Side;
use super::watch::{Watch, RULES};
use crate::args::{Args, Failure};
use crate::terminal::{self, Colour, Paint};

/// Maximum number of cases that are named for what they share.
const NAMED: usize = 3;

/// One row of the report.
pub(super) struct Row {
    pub(super) area: &'static str,
    pub(super) id: &'static str,
    pub(super) name: String,
    pub(super) title: String,
    pub(super) finding: Finding,
}

impl Row {
    pub(super) fn new(area: &'static str, case: &Case, finding: Finding) -> Row {
        Row { area, id: case.id, name: case.name.clone(), title: case.title.clone(), finding }
    }
}

/// The rows of the rules that hold in all cases.
pub(super) fn rules(watch: &Watch, side: Side) -> Vec<Row> {
    let mine = RULES.iter().filter(|rule| rule.2.unwrap_or(side) == side);
    let row = |rule: &super::watch::Rule| {
        let seen = watch.of(rule.1);
        let (verdict, text) = match (seen.checked, seen.broken.is_empty()) {
            (0, _) => (Verdict::Unseen, "nothing that this rule is about".to_owned()),
            (count, true) => (Verdict::Pass, format!("kept {count} times")),
            (_, false) => (Verdict::Fail, seen.broken.join("; ")),
        };
        let (sent, note) = ("all cases".to_owned(), String::new());
        let finding = Finding { verdict, sent, expected: rule.3.to_owned(), seen: text, note };
        Row { area: "always", id: rule.0, name: rule.1.to_owned(), title: rule.3.to_owned(), finding }
    };
    mine.map(row).collect()
}

pub(super) fn count(rows: &[Row], verdict: Verdict) -> usize {
    rows.iter().filter(|row| row.finding.verdict == verdict).count()
}

/// Prints the rows, and writes the file of `--junit`.
pub(super) fn print(rows: &[Row], args: &Args) -> Result<(), Failure> {
    if let Some(file) = args.path("--junit") {
        let written = std::fs::write(file, junit(rows));
        written.map_err(|error| Failure::new(format!("{}: {error}", file.to_string_lossy())))?;
    }
    match args.has("--json") {
        true => terminal::print(json(rows)),
        false => terminal::print(text(rows, args)),
    }
}

fn text(rows: &[Row], args: &Args) -> String {
    let paint = Paint::new(&io::stdout(), args.has("--plain"));
    let verbose = args.has("--verbose");
    let mut text = String::new();
    for row in rows.iter().filter(|row| verbose || row.finding.verdict == Verdict::Fail) {
        let finding = &row.finding;
        let word = paint.paint(colour(finding.verdict), &format!("{:<14}", finding.verdict.word()));
        let _ = writeln!(text, "{word} {:<17} {:<28} {}", row.id, row.name, row.title);
        let _ = writeln!(text, "    read      {}", section(row.id));
        let fields = [("sent", &finding.sent), ("expected", &finding.expected), ("seen", &finding.seen)];
        for (name, value) in fields.into_iter().chain([("note", &finding.note)]).filter(|(_, value)| !value.is_empty())
        {
            let _ = writeln!(text, "    {name:<9} {}", terminal::escaped(value));
        }
    }
    if !verbose {
        groups(rows, paint, &mut text);
    }
    let _ = writeln!(text, "{}", totals(rows));
    text
}

/// The cases that did not fail, and of which something is worth saying, by what that is.
fn groups(rows: &[Row], paint: Paint, text: &mut String) {
    let mut groups: Vec<(Verdict, &str, Vec<&str>)> = Vec::new();
    for row in rows {
        let said = match row.finding.verdict {
            Verdict::Fail => continue,
            Verdict::Pass => &*row.finding.note,
            _ => row.finding.seen.split(" -- ").next().unwrap_or_default(),
        };
        match groups.iter_mut().find(|group| group.0 == row.finding.verdict && group.1 == said) {
            _ if said.is_empty() => {}
            Some(group) => group.2.push(&row.name),
            None => groups.push((row.finding.verdict, said, vec![&row.name])),
        }
    }
    for (verdict, said, names) in groups {
        let word = if verdict == Verdict::Pass { "note" } else { verdict.word() };
        let word = paint.paint(colour(verdict), &format!("{word:<14}"));
        let more = if names.len() > NAMED { ", ..." } else { "" };
        let (count, named) = (names.len(), names.get(..NAMED).unwrap_or(&names).join(", "));
        let _ = writeln!(text, "{word} {} (cases: {count}: {named}{more})", terminal::escaped(said));
    }
}

fn colour(verdict: Verdict) -> Colour {
    match verdict {
        Verdict::Pass => Colour::Received,
        Verdict::NotApplicable => Colour::Dim,
        Verdict::Unseen => Colour::Control,
        Verdict::Fail => Colour::Failed,
    }
}

/// One line with the number of each verdict.
fn totals(rows: &[Row]) -> String {
    let counts = Verdict::ALL.map(|verdict| format!("{} {}", count(rows, verdict), verdict.word()));
    format!("{} cases: {}", rows.len(), counts.join(", "))
}

fn json(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let (area, id, word) = (row.area, row.id, row.finding.verdict.word());
        let _ = write!(text, "{{\"area\":\"{area}\",\"id\":\"{id}\",\"name\":\"{}\",\"verdict\":\"{word}\"", row.name);
        let finding = &row.finding;
        let fields = [
            ("title", &row.title),
            ("sent", &finding.sent),
            ("expected", &finding.expected),
            ("seen", &finding.seen),
            ("note", &finding.note),
        ];
        for (name, value) in fields {
            let _ = write!(text, ",\"{name}\":{}", terminal::json(value));
        }
        text.push_str("}\n");
    }
    text
}

fn junit(rows: &[Row]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (failed, skipped) =
        (count(rows, Verdict::Fail), rows.len() - count(rows, Verdict::Fail) - count(rows, Verdict::Pass));
    let counts = format!("tests=\"{}\" failures=\"{failed}\" skipped=\"{skipped}\"", rows.len());
    let _ = writeln!(text, "<testsuites>\n<testsuite name=\"ws conform\" {counts}>");
    for row in rows {
        let finding = &row.finding;
        let name = xml(&format!("{} {}: {}", row.id, row.name, row.title));
        let _ = write!(text, "<testcase classname=\"{}\" name=\"{name}\"", row.area);
        let details = format!("sent: {}\nexpected: {}\nseen: {}", finding.sent, finding.expected, finding.seen);
        let _ = match finding.verdict {
            Verdict::Pass => writeln!(text, "/>"),
            Verdict::Fail => {
                writeln!(
                    text,
                    "><failure message=\"{}\">{}</failure></testcase>",
                    xml(&finding.expected),
                    xml(&details)
                )
            }
            verdict => {
                writeln!(text, "><skipped message=\"{}: {}\"/></testcase>", verdict.word(), xml(&finding.seen))
            }
        };
    }
    text + "</testsuite>\n</testsuites>\n"
}

/// Text for XML 1.0, which has no place for most control characters.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' | ' '..='\u{7e}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}' => {
                out.push(character);
            }
            _ => out.push('?'),
        }
    }
    out
}
