//! Stands in for `tls` in builds without it: nothing can be connected or accepted, so there is no such stream, and what
//! would use one is never run.

use std::io;
use std::time::Duration;

use super::plain::Plain;

/// Never exists.
pub(crate) struct Tls {
    pub(super) plain: Plain,
    never: Never,
}

enum Never {}

impl Tls {
    pub(super) fn read(&self, _to: &mut [u8], _wait: Duration) -> io::Result<usize> {
        match self.never {}
    }

    pub(super) fn write(&self, _first: &[u8], _second: &[u8]) -> io::Result<usize> {
        match self.never {}
    }

    pub(super) fn write_now(&self, _bytes: &[u8]) -> io::Result<usize> {
        match self.never {}
    }

    pub(super) fn has_answers(&self) -> bool {
        match self.never {}
    }

    pub(super) fn finish(&self, _wait: Duration) {
        match self.never {}
    }

    pub(super) fn shrink(&self) {
        match self.never {}
    }
}
