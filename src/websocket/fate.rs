//! What became of a connection, for the one who made it and gave it away (`client::reconnect`).
//!
//! The cell is written when the connection ends, under the gate, and outlives it. It keeps nothing open: it knows the
//! connection only as long as someone else has it.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::link::Link;
use super::WebSocket;
use crate::close::CloseCode;
use crate::error::Error;
use crate::lock::Lock;

pub(crate) struct Fate {
    link: Weak<Link>,
    opened: Instant,
    end: Lock<Option<(Instant, Error)>>,
}

impl WebSocket {
    /// The cell in which the end of this connection will be written down. Of two, only the younger is.
    pub(crate) fn fate(&self) -> Arc<Fate> {
        let link = &self.receiver.link;
        let fate = Fate { link: Arc::downgrade(link), opened: Instant::now(), end: Lock::new(None) };
        let fate = Arc::new(fate);
        let mut gate = link.gate();
        if let Some(end) = &gate.end {
            fate.ended(end);
        }
        gate.fate = Some(Arc::clone(&fate));
        fate
    }
}

impl Fate {
    pub(super) fn ended(&self, error: &Error) {
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
    pub(crate) fn leave(&self) {
        if let Some(link) = self.link.upgrade() {
            link.leave(CloseCode::GOING_AWAY);
        }
    }
}

impl fmt::Debug for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fate").field("end", &self.read().1).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ends, pair, patient, until, websocket, Peer, ROLES};
    use super::*;
    use crate::error::Step;
    use crate::wire::frame::Opcode;
    use std::net::Shutdown;
    use std::time::Duration;

    fn end(fate: &Fate) -> String {
        fate.read().1.map_or("none".to_owned(), |error| error.to_string())
    }

    #[test]
    fn every_end_is_written_down() {
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
            // Dropped without a word from the peer.
            (|_, _| (), "the connection is closed: 1006"),
        ];
        for role in ROLES {
            for (ending, want) in rows {
                let shown = ends(move || {
                    let (mut ws, mut peer) = websocket(role, patient());
                    let fate = ws.fate();
                    assert_eq!(end(&fate), "none");
                    ending(&mut ws, &mut peer);
                    let at_once = end(&fate);
                    drop(ws);
                    // Who looks later sees the same.
                    assert!(at_once == "none" || end(&fate) == at_once);
                    end(&fate)
                });
                assert_eq!(shown, want, "{role:?}");
            }
        }
    }

    #[test]
    fn the_time_is_that_of_the_end() {
        let (mut ws, _peer) = websocket(ROLES[0], patient());
        let fate = ws.fate();
        ws.abort();
        let lasted = fate.read().0;
        until(|| fate.opened.elapsed() > lasted + Duration::from_millis(20));
        assert_eq!(fate.read().0, lasted);
        // And of one without an end, the time until now.
        let (ws, _peer) = websocket(ROLES[0], patient());
        let fate = ws.fate();
        let lasted = fate.read().0;
        until(|| fate.read().0 > lasted);
    }

    #[test]
    fn one_that_is_over_already_is_noted_too() {
        let (mut ws, _peer) = websocket(ROLES[0], patient());
        ws.abort();
        assert!(matches!(ws.fate().read().1, Some(Error::Closed(None))));
    }

    #[test]
    fn it_keeps_nothing_open() {
        for role in ROLES {
            ends(move || {
                let (ws, mut peer) = websocket(role, patient());
                let fate = ws.fate();
                drop(ws);
                // A Close 1001 and the end of the stream, although the cell is here.
                assert_eq!(peer.frames().len(), 1);
                fate.leave();
                assert!(fate.link.upgrade().is_none());
            });
        }
    }

    #[test]
    fn leaving_says_goodbye_once() {
        ends(|| {
            let (mut near, mut far) = pair(patient());
            let fate = near.fate();
            fate.leave();
            fate.leave();
            assert!(far.recv().unwrap().is_none());
            assert_eq!(far.close_info().map(|info| info.code()), Some(CloseCode::GOING_AWAY));
            assert!(near.recv().unwrap().is_none());
            assert_eq!(end(&fate), "the connection is closed: 1001");
        });
    }

    #[test]
    fn a_good_end_has_the_last_word() {
        let (ws, _peer) = websocket(ROLES[0], patient());
        let fate = ws.fate();
        let link = &ws.receiver.link;
        link.write_failed(Step::Write, std::io::ErrorKind::BrokenPipe.into());
        assert!(end(&fate).starts_with("failed writing"));
        link.closed();
        assert_eq!(end(&fate), "the connection is closed: 1006");
    }
}
