//! The connection that [`Reconnect`](super::attempts::Reconnect) returned last. Keeps nothing open: it can reach the
//! connection only while the application has it.

use std::sync::Arc;
use std::time::Duration;

use crate::close::CloseCode;
use crate::connection::end_record::EndRecord;
use crate::connection::shared::Connection;
use crate::connection::websocket::WebSocket;
use crate::error::Error;
use crate::primitives::lock::UserDropWeak;

#[derive(Debug, Clone)]
pub(super) struct TrackedConnection {
    connection: UserDropWeak<Connection>,
    end: Arc<EndRecord>,
}

impl TrackedConnection {
    pub(super) fn new(ws: &WebSocket) -> TrackedConnection {
        let connection = ws.shared_connection();
        let end = Arc::clone(&connection.lock_state().end);
        TrackedConnection { connection: UserDropWeak::new(connection), end }
    }

    /// How long the connection was open, and how it ended. Without an end, the time until now.
    pub(super) fn end(&self) -> (Duration, Option<Error>) {
        (self.end.uptime(), self.end.get().cloned())
    }

    /// Sends a Close 1001 if the connection is still there and open. Does not wait.
    pub(super) fn close_nonblocking(&self) {
        if let Some(connection) = self.connection.upgrade() {
            connection.close_nonblocking(CloseCode::GOING_AWAY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Opcode;
    use crate::connection::testing::{long_timeouts, pair, under_watchdog, websocket, Peer, ROLES};
    use crate::error::Step;
    use std::net::Shutdown;

    fn end(tracked: &TrackedConnection) -> String {
        tracked.end().1.map_or("none".to_owned(), |error| error.to_string())
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
            // Dropped before anything came from the peer.
            (|_, _| (), "the connection is closed: 1006"),
        ];
        for role in ROLES {
            for (ending, want) in rows {
                let shown = under_watchdog(move || {
                    let (mut ws, mut peer) = websocket(role, long_timeouts());
                    let tracked = TrackedConnection::new(&ws);
                    assert_eq!(end(&tracked), "none");
                    ending(&mut ws, &mut peer);
                    let at_once = end(&tracked);
                    drop(ws);
                    // A later look has the same result.
                    assert!(at_once == "none" || end(&tracked) == at_once);
                    end(&tracked)
                });
                assert_eq!(shown, want, "{role:?}");
            }
        }
    }

    #[test]
    fn an_earlier_end_is_recorded_too() {
        let (mut ws, _peer) = websocket(ROLES[0], long_timeouts());
        ws.abort();
        assert!(matches!(TrackedConnection::new(&ws).end().1, Some(Error::Closed(None))));
    }

    #[test]
    fn tracking_keeps_nothing_open() {
        for role in ROLES {
            under_watchdog(move || {
                let (ws, mut peer) = websocket(role, long_timeouts());
                let tracked = TrackedConnection::new(&ws);
                drop(ws);
                // A Close 1001 and the end of the stream, although it is tracked.
                assert_eq!(peer.frames().len(), 1);
                tracked.close_nonblocking();
                assert!(tracked.connection.upgrade().is_none());
            });
        }
    }

    #[test]
    fn close_nonblocking_sends_one_close() {
        under_watchdog(|| {
            let (mut near, mut far) = pair(long_timeouts());
            let tracked = TrackedConnection::new(&near);
            tracked.close_nonblocking();
            tracked.close_nonblocking();
            assert!(far.recv().unwrap().is_none());
            assert_eq!(far.close_info().map(|info| info.code()), Some(CloseCode::GOING_AWAY));
            assert!(near.recv().unwrap().is_none());
            assert_eq!(end(&tracked), "the connection is closed: 1001");
        });
    }

    #[test]
    fn a_clean_end_replaces_a_failed_write() {
        let (ws, _peer) = websocket(ROLES[0], long_timeouts());
        let tracked = TrackedConnection::new(&ws);
        let connection = ws.shared_connection();
        connection.fail_write(Step::Write, std::io::ErrorKind::BrokenPipe.into());
        assert!(end(&tracked).starts_with("failed writing"));
        connection.mark_closed();
        assert_eq!(end(&tracked), "the connection is closed: 1006");
    }
}
