//! The TLS stream of builds without TLS: a type without values, so code that uses one never runs.

use std::io;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Has no value in this build.
pub(crate) struct Tls {
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

    pub(crate) fn enable_shared_writes(&self) {
        match self.never {}
    }

    pub(crate) fn progress(&self) -> &AtomicU64 {
        match self.never {}
    }

    pub(crate) fn shutdown(&self) {
        match self.never {}
    }

    pub(crate) fn shutdown_write(&self, _wait: Duration) {
        match self.never {}
    }

    pub(crate) fn shrink(&self) {
        match self.never {}
    }
}
