//! `ws conform --stage N`: judges the exercises of those who build their own, and says which bytes are wrong and where to
//! read. The chapter `exercises` of the manual has the tasks.
//!
//! | stage | task | how the program is run |
//! |---|---|---|
//! | 1 | the accept key | answers lines |
//! | 2 | the header of a frame | answers lines |
//! | 3 | the mask | answers lines |
//! | 4 | fragments | a server at a URL that returns messages |
//! | 5 | closing | a server at a URL that returns messages |
//! | 6 | broadcast | a server at a URL that sends each message to all |
//! | 7 | inflate | answers lines |
//!
//! A program that answers lines reads one question in a line of its standard input, and writes one answer in a line of its
//! standard output, before the next question comes. It must flush its output. At the end of its input it ends.

mod broadcast;
mod lines;
mod questions;

use std::process::ExitCode;

use super::case::Verdict;
use super::peer::Side;
use super::report::{self, Row};
use crate::args::{Args, Failure, Outcome};
use crate::terminal;

pub(super) fn run(args: &Args, number: u8) -> Outcome {
    let program = matches!(number, 1..=3 | 7);
    if !(1..=7).contains(&number) {
        return Err(Failure::usage("--stage takes 1 to 7"));
    }
    if program && (args.rest.is_empty() || !args.operands.is_empty()) {
        return Err(Failure::usage(format!("stage {number} needs a program: ws conform --stage {number} -- PROGRAM")));
    }
    if !program && !args.rest.is_empty() {
        return Err(Failure::usage(format!(
            "stage {number} needs a server that runs: ws conform --stage {number} URL"
        )));
    }
    let rows = match number {
        4 => server(args, &["fragmentation"])?,
        5 => server(args, &["closing"])?,
        6 => broadcast::run(&super::target(args)?)?,
        _ => lines::run(&args.rest, questions::of(number), super::wait(args)?)?,
    };
    report::print(&rows, args)?;
    let failed = report::count(&rows, Verdict::Fail);
    if !args.has("--json") {
        let after = if number < 7 { format!("; next: --stage {}", number + 1) } else { String::new() };
        let text = match failed {
            0 => format!("stage {number} is done{after}\n"),
            _ => format!("stage {number} is not done yet: begin with the first failure above\n"),
        };
        terminal::print(text)?;
    }
    Ok(ExitCode::from(if failed > 0 { 3 } else { 0 }))
}

/// Stages that are areas of the suite.
fn server(args: &Args, areas: &[&str]) -> Result<Vec<Row>, Failure> {
    let mut cases = super::chosen(args, Side::Server)?;
    cases.retain(|listed| areas.contains(&listed.area));
    let (mut rows, watch) = super::server(&super::target(args)?, &cases, args)?;
    // Of the rules for all cases, those that are broken. How a connection ends is the subject of stage 5.
    let ending = |row: &Row| ["6455-5.5.1-", "6455-7", "6455-8.1"].iter().any(|begin| row.id.starts_with(begin));
    let mut rules = report::rules(&watch, Side::Server);
    rules.retain(|row| row.finding.verdict == Verdict::Fail && (areas.contains(&"closing") || !ending(row)));
    rows.extend(rules);
    Ok(rows)
}
