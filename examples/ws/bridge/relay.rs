//! The bytes of one connection, both ways. Each direction waits for its receiver, so memory stays bounded.
//!
//! A WebSocket has no half-close: after a Close its sender sends nothing. Two bridges agree on the subprotocol
//! [`HALF_CLOSE`], in which an empty binary message is the end of its direction. With any other peer:
//!
//! | event | subprotocol [`HALF_CLOSE`] | otherwise |
//! |---|---|---|
//! | the TCP side ends its direction | an empty message; a Close when both directions have ended | a Close; what the peer sends before its own Close still passes |
//! | an empty message | ends the direction to the TCP side; a Close when both have ended | nothing |
//! | a Close | ends the direction to the TCP side | the same |
//! | the TCP side fails, or takes nothing | a Close 1011 | the same |
//! | the WebSocket fails | both directions of the TCP side end | the same |

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use stdws::{CloseCode, Sender, WebSocket};

use super::tcp::Stream;

/// The subprotocol of two bridges.
pub(super) const HALF_CLOSE: &str = "bytes.half-close";

/// Number of bytes in a message.
const BLOCK: usize = 64 << 10;

/// Maximum time in which the TCP side may end after the end of its input.
const LAST: Duration = Duration::from_secs(5);

/// What both directions know.
struct Ends {
    has_half_close: bool,
    /// The directions that have ended. Whichever is second closes the connection.
    one_ended: AtomicBool,
}

impl Ends {
    /// Notes the end of a direction. Returns whether it is the last one.
    fn end_one(&self) -> bool {
        self.one_ended.swap(true, Ordering::AcqRel)
    }
}

/// Relays until both sides have ended.
pub(super) fn run(mut ws: WebSocket, stream: Stream) -> stdws::Result<()> {
    let has_half_close = ws.subprotocol() == Some(HALF_CLOSE);
    let ends = Arc::new(Ends { has_half_close, one_ended: AtomicBool::new(false) });
    let stream = Arc::new(stream);
    let (from_tcp, sender, shared) = (stream.clone(), ws.sender(), ends.clone());
    let (ended, has_ended) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        to_websocket(&from_tcp, &sender, &shared);
        // Nobody waits if the connection has failed.
        let _ = ended.send(());
    })?;
    let result = to_tcp(&mut ws, &stream, &ends);
    if result.is_ok() {
        // The TCP side gets all bytes before the socket is closed, which can destroy them.
        let _ = has_ended.recv_timeout(LAST);
    }
    stream.shutdown();
    result
}

fn to_tcp(ws: &mut WebSocket, stream: &Stream, ends: &Ends) -> stdws::Result<()> {
    let mut is_open = true;
    while let Some(message) = ws.recv_ref()? {
        let bytes = message.as_bytes();
        if !is_open {
            continue;
        }
        if bytes.is_empty() && ends.has_half_close {
            is_open = false;
            stream.end();
            if ends.end_one() {
                return ws.close(CloseCode::NORMAL, "").map(drop);
            }
        } else if let Err(error) = stream.write(bytes) {
            // The Close first: the other thread takes the end of the socket for that of the TCP side.
            ws.start_close(CloseCode::INTERNAL, &format!("the TCP side takes nothing: {error}"))?;
            stream.shutdown();
            return ws.close(CloseCode::INTERNAL, "").map(drop);
        }
    }
    if is_open {
        stream.end();
    }
    Ok(())
}

fn to_websocket(stream: &Stream, sender: &Sender, ends: &Ends) {
    let mut block = vec![0; BLOCK];
    let mut is_open = true;
    loop {
        let bytes = match stream.read(&mut block) {
            Ok(0) => break,
            Ok(count) => block.get(..count).unwrap_or_default(),
            Err(_) => {
                let _ = sender.close(CloseCode::INTERNAL, "the TCP side failed");
                return;
            }
        };
        // What comes after the Close of the peer is read and dropped: an unread rest would reset the TCP connection.
        is_open = is_open && sender.send(bytes).is_ok();
    }
    let close = !ends.has_half_close || sender.send(&[][..]).is_err() || ends.end_one();
    if close {
        // An error ends the other thread too.
        let _ = sender.close(CloseCode::NORMAL, "");
    }
}
