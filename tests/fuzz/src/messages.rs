//! Everything that a connection receives, in one of the ways to receive, with some sending in between.

use std::io::Read;
use std::time::Duration;

use stdws::{Error, Message, MessageKind, Version, WebSocket};

/// What a connection received.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    Message(Message),
    /// The end of the connection, by a closing handshake.
    End,
    Error(String),
}

/// The bits of `how` that stand for sending. The two lower ones select the call that receives.
const QUEUE_FIRST: u8 = 4;
const SEND_BACK: u8 = 8;
/// Maximum number of messages to receive.
const MAX_MESSAGES: usize = 2000;

/// Receives until the end. `how` selects the way to receive, and whether messages are sent.
pub fn receive_all(mut ws: WebSocket, how: u8) -> Vec<Received> {
    let mut all = Vec::new();
    if how & QUEUE_FIRST != 0 {
        let _ = ws.queue("queued");
    }
    for _ in 0..MAX_MESSAGES {
        match receive(&mut ws, how) {
            Ok(Some(message)) => {
                if how & SEND_BACK != 0 {
                    let _ = ws.send(&message);
                }
                all.push(Received::Message(message));
            }
            Ok(None) => {
                all.push(Received::End);
                break;
            }
            Err(error) => {
                assert_remains_failed(&mut ws, &error);
                all.push(Received::Error(error.to_string()));
                break;
            }
        }
    }
    let _ = (ws.close_info(), format!("{ws:?}"));
    all
}

fn receive(ws: &mut WebSocket, how: u8) -> stdws::Result<Option<Message>> {
    match how & 3 {
        0 => ws.recv(),
        1 => ws.recv_ref().map(|message| message.map(|message| message.to_message())),
        2 => receive_stream(ws),
        _ => ws.recv_timeout(Duration::from_secs(3600)),
    }
}

fn receive_stream(ws: &mut WebSocket) -> stdws::Result<Option<Message>> {
    let Some(mut stream) = ws.recv_stream()? else { return Ok(None) };
    let mut bytes = Vec::new();
    let mut buffer = [0; 37];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            Err(error) => return Err(Error::other(error)),
        }
    }
    Ok(Some(match stream.kind() {
        MessageKind::Text => Message::Text(String::from_utf8(bytes).expect("text that a stream has read is UTF-8")),
        MessageKind::Binary => Message::Binary(bytes),
    }))
}

/// After an error, no call panics and no message is received.
fn assert_remains_failed(ws: &mut WebSocket, error: &Error) {
    let again = ws.recv();
    assert!(!matches!(again, Ok(Some(_))), "a message after {error}");
    let _ = ws.send("more");
}

/// What must be the same however the bytes were cut. In drafts, bytes can have two faults, and the cut decides which is found.
pub fn comparable(version: Version, mut all: Vec<Received>) -> Vec<Received> {
    if let (true, Some(Received::Error(text))) = (version != Version::Rfc6455, all.last_mut()) {
        text.clear();
    }
    all
}
