//! The sink that writes a capture: the plaintext of both directions, as TCP segments made for it.

use std::time::Duration;

use super::event::{Event, Sink, What};
use crate::args::Failure;
use crate::pcapng::capture::{self, Capture, Output};
use crate::session::Side;

pub(super) struct File(Capture<Output>);

impl File {
    pub(super) fn create(path: &std::ffi::OsStr) -> Result<File, Failure> {
        Ok(File(capture::create(path)?))
    }
}

impl Sink for File {
    fn bytes(&mut self, at: Duration, connection: u64, from: Side, bytes: &[u8]) -> Result<(), Failure> {
        self.0.bytes(at, connection, from, bytes).map_err(|error| capture::failure(&error))
    }

    fn event(&mut self, event: &Event) -> Result<(), Failure> {
        let (at, number) = (event.at, event.connection);
        let result = match event.what {
            What::Opened { client, server } => self.0.open(at, number, client, server),
            What::HalfClosed { from } => self.0.half_close(at, number, from),
            What::Ended { .. } => self.0.close(at, number),
            What::Head(_) | What::Frame(_) | What::Bytes { .. } | What::Fault { .. } => Ok(()),
        };
        result.map_err(|error| capture::failure(&error))
    }
}
