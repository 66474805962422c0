//! What became of a connection, for the one who made it and gave it away (`client::reconnect`).
//!
//! The cell is written when the connection ends, under the gate, and outlives it. It keeps nothing open: it knows the
//! connection only as long as someone else has it.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::shared::Connection;
use super::websocket::WebSocket;
use crate::close::CloseCode;
use crate::error::Error;
use crate::primitives::lock::Lock;

pub(crate) struct EndRecord {
    connection: Weak<Connection>,
    opened: Instant,
    end: Lock<Option<(Instant, Error)>>,
}

impl WebSocket {
    /// The cell in which the end of this connection will be written down. Of two, only the younger is.
    pub(crate) fn end_record(&self) -> Arc<EndRecord> {
        let connection = &self.receiver.connection;
        let end_record =
            EndRecord { connection: Arc::downgrade(connection), opened: Instant::now(), end: Lock::new(None) };
        let end_record = Arc::new(end_record);
        let mut state = connection.lock_state();
        if let Some(end) = &state.end {
            end_record.record(end);
        }
        state.end_record = Some(Arc::clone(&end_record));
        end_record
    }
}

impl EndRecord {
    pub(crate) fn record(&self, error: &Error) {
        // The last word counts: a good end may come after a write that failed.
        *self.end.lock() = Some((Instant::now(), error.clone()));
    }

    /// How long the connection lasted, and how it ended. One that is open still has lasted until now.
    pub(crate) fn read(&self) -> (Duration, Option<Error>) {
        match &*self.end.lock() {
            Some((at, error)) => (at.saturating_duration_since(self.opened), Some(error.clone())),
            None => (self.opened.elapsed(), None),
        }
    }

    /// Sends a Close 1001 if the connection is still there and open, and does not wait.
    pub(crate) fn close_nonblocking(&self) {
        if let Some(connection) = self.connection.upgrade() {
            connection.close_nonblocking(CloseCode::GOING_AWAY);
        }
    }
}

impl fmt::Debug for EndRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndRecord").field("end", &self.read().1).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Opcode;
    use crate::connection::testing::{long_timeouts, pair, under_watchdog, wait_until, websocket, Peer, ROLES};
    use crate::error::Step;
    use std::net::Shutdown;
    use std::time::Duration;

    fn end(end_record: &EndRecord) -> String {
        end_record.read().1.map_or("none".to_owned(), |error| error.to_string())
    }

    #[test]
    fn every_end_is_recorded() {
        type Ending = fn(&mut WebSocket, &mut Peer);
        let rows: [(Ending, &str); 5] = [
            (
                |ws, peer| {
                    peer.send(true, Opcode::Close, b"\x03\xE9bye");
                    peer.socket.shutdown(Shutdown::Write).unwrap();
                    assert!(ws.recv().unwrap().is_none());
                },
                "the connection is closed: 1001 \"bye\"",
            ),
            (|ws, _| ws.abort(), "the connection ended without a closing handshake (1006)"),
            (
                |ws, peer| {
                    peer.socket.shutdown(Shutdown::Both).unwrap();
                    assert!(ws.recv().is_err());
                },
                "the connection ended without a closing handshake (1006)",
            ),
            (
                |ws, peer| {
                    peer.send(true, Opcode::Close, b"\x03");
                    peer.socket.shutdown(Shutdown::Write).unwrap();
                    assert!(ws.recv().is_err());
                },
                "the peer broke the protocol: the body of a Close is one byte (6455-5.5.1-2)",
            ),
            // Dropped without a word from the peer.
            (|_, _| (), "the connection is closed: 1006"),
        ];
        for role in ROLES {
            for (ending, want) in rows {
                let shown = under_watchdog(move || {
                    let (mut ws, mut peer) = websocket(role, long_timeouts());
                    let end_record = ws.end_record();
                    assert_eq!(end(&end_record), "none");
                    ending(&mut ws, &mut peer);
                    let at_once = end(&end_record);
                    drop(ws);
                    // Who looks later sees the same.
                    assert!(at_once == "none" || end(&end_record) == at_once);
                    end(&end_record)
                });
                assert_eq!(shown, want, "{role:?}");
            }
        }
    }

    #[test]
    fn the_time_is_that_of_the_end() {
        let (mut ws, _peer) = websocket(ROLES[0], long_timeouts());
        let end_record = ws.end_record();
        ws.abort();
        let lasted = end_record.read().0;
        wait_until(|| end_record.opened.elapsed() > lasted + Duration::from_millis(20));
        assert_eq!(end_record.read().0, lasted);
        // And of one without an end, the time until now.
        let (ws, _peer) = websocket(ROLES[0], long_timeouts());
        let end_record = ws.end_record();
        let lasted = end_record.read().0;
        wait_until(|| end_record.read().0 > lasted);
    }

    #[test]
    fn an_earlier_end_is_recorded_too() {
        let (mut ws, _peer) = websocket(ROLES[0], long_timeouts());
        ws.abort();
        assert!(matches!(ws.end_record().read().1, Some(Error::Closed(None))));
    }

    #[test]
    fn it_keeps_nothing_open() {
        for role in ROLES {
            under_watchdog(move || {
                let (ws, mut peer) = websocket(role, long_timeouts());
                let end_record = ws.end_record();
                drop(ws);
                // A Close 1001 and the end of the stream, although the cell is here.
                assert_eq!(peer.frames().len(), 1);
                end_record.close_nonblocking();
                assert!(end_record.connection.upgrade().is_none());
            });
        }
    }

    #[test]
    fn close_nonblocking_sends_one_close() {
        under_watchdog(|| {
            let (mut near, mut far) = pair(long_timeouts());
            let end_record = near.end_record();
            end_record.close_nonblocking();
            end_record.close_nonblocking();
            assert!(far.recv().unwrap().is_none());
            assert_eq!(far.close_info().map(|info| info.code()), Some(CloseCode::GOING_AWAY));
            assert!(near.recv().unwrap().is_none());
            assert_eq!(end(&end_record), "the connection is closed: 1001");
        });
    }

    #[test]
    fn a_clean_end_replaces_a_failed_write() {
        let (ws, _peer) = websocket(ROLES[0], long_timeouts());
        let end_record = ws.end_record();
        let connection = &ws.receiver.connection;
        connection.fail_write(Step::Write, std::io::ErrorKind::BrokenPipe.into());
        assert!(end(&end_record).starts_with("failed writing"));
        connection.mark_closed();
        assert_eq!(end(&end_record), "the connection is closed: 1006");
    }
}
