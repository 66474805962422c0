//! Programs that were built with the tests, as child processes.
//!
//! `tests/platforms/run` runs tests of other processors in an emulator. The system cannot start such a program, so the variable
//! has the command of the emulator.
#![allow(dead_code)] // Each test program uses a part of it.

use std::ffi::OsStr;
use std::process::Command;

/// What stands before the program in a command of a shell.
pub(crate) const EMULATOR: &str = "$STDWS_TEST_EMULATOR";

/// A call of this program.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let emulator = std::env::var(&EMULATOR[1..]).unwrap_or_default();
    let mut words = emulator.split_whitespace();
    let Some(first) = words.next() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(words).arg(program);
    command
}
