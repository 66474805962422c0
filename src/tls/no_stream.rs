//! Stands in for `tls` in builds without it: nothing can be connected or accepted, so there is no such stream, and what
//! would use one is never run.

use std::io;
use std::time::Duration;

use crate::net::tcp::TimedSocket;

/// Never exists.
pub(crate) struct Tls {
    pub(crate) plain: TimedSocket,
    never: Never,
}

enum Never {}

impl Tls {
    pub(crate) fn read(&self, _to: &mut [u8], _wait: Duration) -> io::Result<usize> {
        match self.never {}
    }

    pub(crate) fn write(&self, _first: &[u8], _second: &[u8]) -> io::Result<usize> {
        match self.never {}
    }

    pub(crate) fn try_write(&self, _bytes: &[u8]) -> io::Result<usize> {
        match self.never {}
    }

    pub(crate) fn has_unsolicited_output(&self) -> bool {
        match self.never {}
    }

    pub(crate) fn shutdown_write(&self, _wait: Duration) {
        match self.never {}
    }

    pub(crate) fn shrink(&self) {
        match self.never {}
    }
}
