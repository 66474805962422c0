//! When and how a connection ended, for the code that made the connection and passed it on (`reconnect`).
//!
//! The record is written when the connection ends, and outlives it. It refers to the connection weakly, so it keeps no socket
//! open.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::shared::Connection;
use super::state::EndCell;
use crate::close::CloseCode;
use crate::error::Error;

pub(crate) struct EndRecord {
    connection: Weak<Connection>,
    opened: Instant,
    end: Arc<EndCell>,
}

impl EndRecord {
    /// The record of this connection. Of two records, only the later one is written.
    pub(super) fn new(connection: &Arc<Connection>) -> EndRecord {
        let end = Arc::default();
        let record = EndRecord { connection: Arc::downgrade(connection), opened: Instant::now(), end };
        connection.lock_state().copy_end_to(Arc::clone(&record.end));
        record
    }

    /// How long the connection lasted, and how it ended. An open connection has lasted until now.
    pub(crate) fn read(&self) -> (Duration, Option<Error>) {
        match &*self.end.lock() {
            Some((at, error)) => (at.saturating_duration_since(self.opened), Some(error.clone())),
            None => (self.opened.elapsed(), None),
        }
    }

    /// Sends Close 1001 if the connection exists and is open, and does not wait.
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
    use crate::connection::websocket::WebSocket;
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
                "the peer broke the protocol: a Close body of one byte (6455-5.5.1-2)",
            ),
            // A drop, without a Close of the peer.
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
                    // A later read has the same result.
                    assert!(at_once == "none" || end(&end_record) == at_once);
                    end(&end_record)
                });
                assert_eq!(shown, want, "{role:?}");
            }
        }
    }

    #[test]
    fn the_uptime_ends_with_the_connection() {
        let (mut ws, _peer) = websocket(ROLES[0], long_timeouts());
        let end_record = ws.end_record();
        ws.abort();
        let lasted = end_record.read().0;
        wait_until(|| end_record.opened.elapsed() > lasted + Duration::from_millis(20));
        assert_eq!(end_record.read().0, lasted);
        // An open connection has lasted until now.
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
    fn a_record_keeps_no_connection_open() {
        for role in ROLES {
            under_watchdog(move || {
                let (ws, mut peer) = websocket(role, long_timeouts());
                let end_record = ws.end_record();
                drop(ws);
                // A Close 1001 and the end of the stream, although the record exists.
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
        let connection = ws.shared_connection();
        connection.fail_write(Step::Write, std::io::ErrorKind::BrokenPipe.into());
        assert!(end(&end_record).starts_with("failed writing"));
        connection.mark_closed();
        assert_eq!(end(&end_record), "the connection is closed: 1006");
    }
}
