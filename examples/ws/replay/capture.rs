//! The entries of a capture: the messages that its frames carry.

use std::ffi::OsStr;

use stdws::{CloseCode, Message};

use crate::args::Failure;
use crate::explain::capture::each_event;
use crate::inspect::event::{Frame, What as Seen};
use crate::session::{Entry, Side, What};

/// Maximum number of bytes in a message.
const MAX_MESSAGE: usize = 16 << 20;

/// The message of one direction, of which not all frames have come.
#[derive(Default)]
struct Begun {
    is_text: bool,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Connection {
    client: Begun,
    server: Begun,
    /// The first side that has ended its direction.
    ended: Option<Side>,
    is_closed: bool,
}

/// The entries of one connection: of this one, or of the first.
pub(super) fn read(path: &OsStr, connection: Option<u64>) -> Result<Vec<Entry>, Failure> {
    let wanted = connection.unwrap_or(1);
    let (mut entries, mut state) = (Vec::new(), Connection::default());
    each_event(path, false, MAX_MESSAGE, |event| {
        if event.connection != wanted || state.is_closed {
            return Ok(());
        }
        let what = state.take(event.what);
        let what = what.map_err(|problem| Failure::new(format!("{}: {problem}", path.to_string_lossy())))?;
        entries.extend(what.map(|(side, what)| Entry { at: event.at, connection: wanted, side, what }));
        Ok(())
    })?;
    Ok(entries)
}

impl Connection {
    /// The message that this event completes, or the end.
    fn take(&mut self, seen: Seen) -> Result<Option<(Side, What)>, String> {
        match seen {
            Seen::Frame(frame) => self.frame(*frame),
            Seen::HalfClosed { from } => {
                self.ended.get_or_insert(from);
                Ok(None)
            }
            Seen::Ended { reason } if reason.contains("missing") => Err(reason),
            // A file that ends says nothing about the connection.
            Seen::Ended { reason } if self.ended.is_some() || reason.contains("reset") => {
                self.is_closed = true;
                Ok(Some((self.ended.unwrap_or(Side::Server), What::Lost)))
            }
            Seen::Bytes { from, length, text } if length > 0 && !text.contains("INCOMPLETE") => {
                let from = if from == Side::Client { "client" } else { "server" };
                Err(format!("what the {from} sends is not RFC 6455, and cannot be played"))
            }
            _ => Ok(None),
        }
    }

    fn frame(&mut self, frame: Frame) -> Result<Option<(Side, What)>, String> {
        let from = frame.from;
        if let Some(broken) = frame.broken {
            return Err(format!("frame {} breaks a rule, and cannot be played: {}", frame.number, broken.text));
        }
        if frame.received < frame.length {
            return Ok(None);
        }
        let begun = if from == Side::Client { &mut self.client } else { &mut self.server };
        match frame.opcode {
            1 | 2 => *begun = Begun { is_text: frame.opcode == 1, bytes: Vec::new() },
            0 => {}
            8 => {
                self.is_closed = true;
                let code = frame.payload.get(..2).and_then(|code| code.try_into().ok()).map(u16::from_be_bytes);
                let reason = String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default()).into_owned();
                return Ok(Some((from, What::Closed(code.unwrap_or(CloseCode::NO_STATUS.as_u16()), reason))));
            }
            _ => return Ok(None),
        }
        let (bytes, length) = match &frame.inflated {
            Some(inflated) => (&inflated.bytes, inflated.length),
            None => (&frame.payload, frame.length),
        };
        begun.bytes.extend_from_slice(bytes);
        if bytes.len() as u64 != length || begun.bytes.len() > MAX_MESSAGE {
            return Err(format!("a message has more than {MAX_MESSAGE} bytes"));
        }
        if !frame.fin {
            return Ok(None);
        }
        let begun = std::mem::take(begun);
        let message = match begun.is_text {
            true => String::from_utf8(begun.bytes).map(Message::Text).map_err(|_| "a text is not UTF-8".to_owned())?,
            false => Message::Binary(begun.bytes),
        };
        Ok(Some((from, What::Message(message))))
    }
}
