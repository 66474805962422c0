//! The settings of builds without TLS: types without values, and the error for `wss` URLs.

use crate::error::{Result, UsageError};
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::net::tcp::TimedSocket;

/// Has no value in this build.
#[derive(Debug, Clone)]
pub(crate) enum TlsAccept {}

impl TlsAccept {
    pub(crate) fn accept(&self, _socket: TimedSocket, _deadline: Deadline) -> Result<Stream> {
        match *self {}
    }
}

/// Has no value in this build.
#[derive(Debug, Clone)]
pub(crate) enum Connector {}

impl Connector {
    pub(crate) fn or_default(_connector: Option<&Connector>) -> Result<Connector> {
        Err(UsageError::TlsNotEnabled.into())
    }

    pub(crate) fn connect(&self, _host: &str, _stream: Stream, _deadline: Deadline) -> Result<Stream> {
        match *self {}
    }
}
