"""A small crate for tests/coverage/run, measured like the library: what has to be noticed, and what must not be."""

import collections
import os
import shutil
import subprocess

SOURCE = """//! A crate with gaps.

/// Its last line is planted: the test has no number above 9.
pub fn size(n: u32) -> &'static str {
    if n < 10 {
        return "small";
    }
    "large"
}

pub fn sign(n: i32) -> i32 {
    if n < 0 && n > -100 { -1 } else { 1 }
}

pub struct Unused;

impl Unused {
    pub fn call(&self) -> Option<u8> {
        None
    }
}

pub fn both<T: PartialOrd>(a: T, b: T) -> bool {
    if a < b {
        return true;
    }
    false
}

#[cfg(test)]
mod tests {
    #[test]
    fn covers() {
        assert_eq!((super::size(1), super::sign(-1), super::sign(1)), ("small", -1, 1));
        // One side with each type.
        assert!(super::both(1, 2) && !super::both("b", "a"));
        if std::env::args().count() == 77 {
            helper();
        }
    }

    fn helper() {
        println!("not for coverage");
    }
}
"""

# What the test leaves open: function, kind, text.
OPEN = [
    ("size", "false", "n < 10"),
    # Where it would go on if the condition were false.
    ("size", "line", "}"),
    ("size", "line", '"large"'),
    ("sign", "false", "n > -100"),
    ("call", "line", "pub fn call(&self) -> Option<u8> {"),
    ("call", "line", "None"),
]


def measured(run, folder):
    """The file of the crate after its test."""
    shutil.rmtree(folder, ignore_errors=True)
    sources, profiles, program = (os.path.join(folder, name) for name in ("src", "profiles", "program"))
    os.makedirs(sources)
    os.makedirs(profiles)
    path = os.path.join(sources, "lib.rs")
    with open(path, "w", encoding="utf-8") as file:
        file.write(SOURCE)
    subprocess.run(["rustc", "--test", "--edition", "2021", *run.COUNTERS, "-o", program, path], check=True,
                   env=dict(os.environ, RUSTC_BOOTSTRAP="1"))
    subprocess.run([program, "--quiet"], check=True, stdout=subprocess.DEVNULL,
                   env=dict(os.environ, LLVM_PROFILE_FILE=os.path.join(profiles, "%p.profraw")))
    return run.measure(run.export([program], profiles, sources), {"lib.rs": SOURCE}.get, frozenset(), sources)


def run(run):
    files = measured(run, os.path.join(run.TARGET, "planted"))
    gaps = [run.Gap("lib.rs", *gap) for gap in OPEN]
    done = 0

    def expect(what, found, wanted):
        nonlocal done
        if found != wanted:
            run.fail(f"self-test: {what}: {found}, not {wanted}")
        done += 1

    def faults(rows):
        _, stale = run.compare(run.gaps_of(files), rows)
        return len(run.check(files, rows, stale, {"lib.rs": SOURCE}.get))

    expect("the gaps", sorted(run.gaps_of(files)), sorted(gaps))
    listed = [(gap, "never", "a reason") for gap in gaps]
    expect("the whole list", faults(listed), 0)
    for at, gap in enumerate(gaps):
        expect(f"{gap.text} not in the list", faults(listed[:at] + listed[at + 1:]), 1)
    covered = run.Gap("lib.rs", "size", "line", 'return "small";')
    expect("a row of a covered line", faults([*listed, (covered, "never", "a reason")]), 1)
    expect("a row of a line that is covered sometimes", faults([*listed, (covered, "sometimes", "a reason")]), 0)
    expect("a row too many", faults([*listed, listed[-1]]), 1)
    edited = [(gap._replace(text=gap.text.replace("large", "huge")), when, reason) for gap, when, reason in listed]
    expect("a line that was edited", faults(edited), 2)

    def faults_by_chance(rows, timed):
        _, stale = run.compare(run.gaps_of(files), rows)
        chance = run.by_chance(files, rows, stale, lambda name: timed)
        return len(run.check(files, rows, stale, {"lib.rs": SOURCE}.get, chance))

    expect("a gap without a row where time decides", faults_by_chance(listed[1:], True), 0)
    expect("a gap without a row where it does not", faults_by_chance(listed[1:], False), 1)
    expect("a covered row where time decides", faults_by_chance([*listed, (covered, "never", "a reason")], True), 0)
    most, run.MOMENTS = run.MOMENTS, 1
    expect("too many gaps where time decides", faults_by_chance(listed[2:], True), 2)
    run.MOMENTS = most

    figures = collections.defaultdict(lambda: [0, 0, 0, 0], {run.BELOW: [1000, 999, 100, 98], run.ELSEWHERE: [200, 199, 10, 9]})
    rows = [(gap._replace(file="codec/a.rs"), when, reason) for gap, when, reason in listed]
    chapter = run.chapter(figures, rows)
    expect("the chapter", run.check_chapter(chapter, figures, rows), [])
    expect("another number of rows", len(run.check_chapter(chapter, figures, rows[1:])), 1)
    lower = {**figures, run.BELOW: [1000, 980, 100, 98]}
    expect("a share that is not reached", len(run.check_chapter(chapter, lower, rows)), 1)
    short = {run.BELOW: [1000, 999 - run.MOMENTS, 100, 98], run.ELSEWHERE: [200, 197, 10, 9]}
    expect("shares below the goals", len(list(run.short_of_goals(short))), 2)
    reached = {run.BELOW: [1000, 1000 - run.MOMENTS, 100, 98], run.ELSEWHERE: [200, 198, 10, 0]}
    expect("shares that are the goals", list(run.short_of_goals(reached)), [])
    print(f"coverage: self-test: {done} cases")
    return 0
