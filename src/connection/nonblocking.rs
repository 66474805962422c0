//! Writing and closing without waiting: for the threads of a hub and for a server's shutdown, which serve many connections.
//!
//! Knows one connection; must not know the hub or the server.

use super::shared::Connection;
use super::write_permit::WritePermit;
use crate::close::CloseCode;
use crate::error::{Error, Step};
use crate::net::deadline::Deadline;
use crate::net::write_buffer::WriteMode;

/// The result of [`Connection::write_shared`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WriteReport {
    pub(crate) status: ConnectionStatus,
    /// Number of bytes written, of shared frames and of others.
    pub(crate) bytes_written: usize,
    /// At some point in this call, the kernel had all frames that had been taken until then.
    pub(crate) drained: bool,
    /// Number of frames taken after that point, or else in this call. They are not completely written yet.
    pub(crate) in_flight: usize,
}

/// Whether a connection can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionStatus {
    /// More can be sent at once.
    Ready,
    /// The network is full.
    Full,
    /// Another thread writes, or sends a stream.
    Busy,
    /// Nothing more can be sent.
    Closed,
}

impl WriteReport {
    /// Nothing was written.
    pub(crate) fn empty() -> WriteReport {
        WriteReport { status: ConnectionStatus::Ready, bytes_written: 0, drained: false, in_flight: 0 }
    }
}

impl Connection {
    /// Writes what needs no waiting, and releases the permit. `true`: other threads have scheduled frames meanwhile.
    pub(super) fn write_and_release(
        &self,
        mut permit: WritePermit<'_>,
        report: &mut WriteReport,
    ) -> Result<bool, ConnectionStatus> {
        let Some(writer) = permit.writer() else { return Err(ConnectionStatus::Busy) };
        let before = writer.buffer.len();
        let written = writer.buffer.write(&self.stream, &[], WriteMode::Never);
        let count = before.saturating_sub(writer.buffer.len());
        report.bytes_written = report.bytes_written.saturating_add(count);
        let congested = writer.buffer.is_congested();
        permit.release(|state| {
            if let Err(error) = written {
                // What the peer sent before can still be received.
                state.record_end(Error::io(Step::Write, error));
                return Err(ConnectionStatus::Closed);
            }
            if congested {
                return Err(ConnectionStatus::Full);
            }
            #[cfg(feature = "hub")]
            let drained = state.pending_shared_frame().is_none();
            #[cfg(not(feature = "hub"))]
            let drained = true;
            if drained {
                (report.drained, report.in_flight) = (true, 0);
            }
            Ok(state.has_pending())
        })
    }

    /// Schedules a Close and returns the deadline of the closing handshake; `None`: the connection has ended. The caller then
    /// calls [`Connection::poll_close`] repeatedly.
    pub(crate) fn begin_close(&self, code: CloseCode, reason: &str) -> Option<Deadline> {
        let mut state = self.lock_state();
        if state.end.is_set() {
            return None;
        }
        #[cfg(feature = "hub")]
        state.drop_shared_frame();
        state.schedule_close(self.protocol.close(code, reason));
        Some(state.start_close_deadline(self.timeouts.close))
    }

    /// Writes pending frames as far as that needs no waiting.
    pub(crate) fn poll_close(&self) -> ConnectionStatus {
        let Ok(mut state) = self.lock_state_with_keys() else { return ConnectionStatus::Closed };
        if state.end.is_set() {
            return ConnectionStatus::Closed;
        }
        let encoded = state.encode_pending().map_err(|_| ConnectionStatus::Closed);
        let permit = WritePermit::new(self, state.writer.take());
        drop(state);
        match encoded.and_then(|()| self.write_and_release(permit, &mut WriteReport::empty())) {
            Ok(_) => {
                self.finish_if_closed_by_eof();
                ConnectionStatus::Ready
            }
            Err(status) => status,
        }
    }
}
