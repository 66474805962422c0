//! Connections that fail after the opening handshake: a broken rule, invalid UTF-8, a message that is too long.

use std::io::Write;
use std::sync::mpsc::channel;

use stdws::{Client, CloseCode, Server};

use super::output::{Failure, Output};
use super::relay::{connect, local_server, read_head, read_to_end, start_echo, Relay, LIMIT};

/// A client that does not mask.
pub(super) fn violation(out: Output) -> Result<(), Failure> {
    out.print(VIOLATION)?;
    failing(out, b"\x81\x05Hello", CloseCode::PROTOCOL_ERROR)?;
    out.behind(
        "RFC 6455 sections 5.1 and 7.1.7. 6455-5.1-1: a client masks every frame; 6455-5.1-2 and 6455-5.1-3: the server closes \
         the connection, with 1002; 6455-7.1.7-5 and 6455-7.1.7-7: a Close, and nothing is read after it.",
    )
}

const VIOLATION: &str = "
A client sends a frame without a mask. Masks keep a web page from choosing the bytes on the wire, so
the server does not take the text. It sends a Close with the code 1002, and ends the connection.
";

/// A text that is not UTF-8.
pub(super) fn utf_8(out: Output) -> Result<(), Failure> {
    out.print(UTF_8)?;
    // "caf", and an e with an accent in Latin-1.
    failing(out, &[0x81, 0x84, 0, 0, 0, 0, b'c', b'a', b'f', 0xE9], CloseCode::INVALID_PAYLOAD)?;
    out.behind(
        "RFC 6455 sections 5.6 and 8.1. 6455-5.6-1: a text is UTF-8; 6455-8.1-1: anything else fails the connection; \
         6455-7.4.1-s1: the code 1007.",
    )
}

const UTF_8: &str = "
A client sends a text in Latin-1. Its mask is zero, so that the bytes stay readable; a real client
draws it at random. In UTF-8 the byte e9 begins a character of three bytes, which is not complete
here. The drafts replaced such bytes, which is the chapter draft-utf-8; RFC 6455 ends the connection
with the code 1007.
";

/// Opens a connection by hand, sends these bytes, and shows how the server fails the connection.
fn failing(out: Output, bytes: &[u8], code: CloseCode) -> Result<(), Failure> {
    let (sender, results) = channel();
    let server = local_server()?.start(move |mut ws| {
        let result = ws.recv().map(drop);
        let error = result.as_ref().err().map(ToString::to_string);
        // Nobody waits if the client has failed.
        let _ = sender.send((error, ws.close_info().map(|info| info.code())));
        result
    })?;
    let relay = Relay::start(server.local_addr().ok_or("the server has no address")?)?;
    let request = format!(
        "GET /tour HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        relay.address
    );
    let mut stream = connect(relay.address)?;
    stream.write_all(request.as_bytes())?;
    read_head(&mut stream)?;
    stream.write_all(bytes)?;
    let answer = read_to_end(&mut stream);
    drop(stream);
    relay.wire(out)?.show_end()?;
    // The code follows the two bytes of the header.
    if answer.get(2..4) != Some(&u16::from(code).to_be_bytes()[..]) {
        return Err(format!("the server did not send Close {code}").into());
    }
    match results.recv_timeout(LIMIT) {
        Ok((Some(error), _)) => out.outcome(&format!("recv() of the server fails: {error}")),
        Ok((None, _)) | Err(_) => Err("the server received a message".into()),
    }
}

/// A message over the limit of the receiver.
pub(super) fn too_big(out: Output) -> Result<(), Failure> {
    out.print(TOO_BIG)?;
    let (_server, address) = start_echo(limited(local_server()?))?;
    let relay = Relay::start(address)?;
    let mut ws = Client::new(format!("ws://{}/tour", relay.address))?.connect_timeout(LIMIT).connect()?;
    ws.send(&[7; 200])?;
    let received = ws.recv_timeout(LIMIT)?;
    let info = ws.close_info();
    drop(ws);
    relay.wire(out)?.show_end()?;
    match (received, info) {
        (None, Some(info)) if info.code() == CloseCode::TOO_BIG => {
            out.outcome(&format!("recv() of the client returns None, and close_info() has the code {}.", info.code()))?;
        }
        _ => return Err("the server did not send Close 1009".into()),
    }
    out.behind(
        "RFC 6455 sections 7.4.1 and 10.4. 6455-10.4-1 and 6455-10.4-2: limits on frames and messages; 6455-7.4.1-s1: the code \
         1009.",
    )
}

/// With a small limit, so that its excess fits a page.
fn limited(server: Server) -> Server {
    server.max_message_size(100)
}

const TOO_BIG: &str = "
The length of a frame may be any number of 63 bits, so a receiver needs a limit. That of this server
is 100 bytes, and the client sends 200. The server reads the length, keeps nothing of the payload,
and closes with the code 1009.
";
