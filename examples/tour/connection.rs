//! One connection from the opening handshake to the end of TCP, with or without compression.

use std::io::Write;

use stdws::{Client, CloseCode, Message, MessageKind, Server, WebSocket};

use super::output::{Failure, Output};
use super::relay::{local_server, start_echo, Relay, Wire, LIMIT};

/// Whether messages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Off,
    On,
}

pub(super) fn tour(out: Output, compression: Compression) -> Result<(), Failure> {
    let (mut server, mut frames) = (local_server()?, [6, 5]);
    if compression == Compression::On {
        server = server_with_deflate(server)?;
    }
    let (_server, address) = start_echo(server)?;
    let relay = Relay::start(address)?;
    let url = format!("ws://{}/tour", relay.address);
    out.print(&format!(
        "A WebSocket server and a client, both on this machine, and every byte that passes between them.\n\
         The client connects to {url}. The server sends back every message it gets.\n"
    ))?;
    out.heading("1. The opening handshake (RFC 6455 section 4)", OPENING)?;
    let mut client = Client::new(&url)?.connect_timeout(LIMIT);
    if compression == Compression::On {
        client = client_with_deflate(client)?;
    }
    let mut ws = client.connect()?;
    let mut wire = relay.wire(out)?;
    wire.show()?;
    out.behind("6455-4.1-28, 6455-4.1-44, 6455-4.2.2-s6: the key, and the proof that the server read it.")?;
    messages(out, &mut wire, &mut ws)?;
    if compression == Compression::On {
        compressed(out, &mut wire, &mut ws)?;
        frames = frames.map(|count| count + 1);
    }
    out.heading("5. The closing handshake (sections 5.5.1 and 7)", CLOSING)?;
    let info = ws.close(CloseCode::NORMAL, "bye")?;
    if info.code() != CloseCode::NORMAL {
        return Err("the connection was not closed cleanly".into());
    }
    drop(ws);
    wire.show_end()?;
    out.behind("6455-5.5.1-6, 6455-5.5.1-10: a Close is answered, and then TCP is closed.")?;
    summary(out, &wire, frames)
}

fn messages(out: Output, wire: &mut Wire, ws: &mut WebSocket) -> Result<(), Failure> {
    out.heading("2. A text, and its echo (sections 5.2, 5.3 and 5.6)", TEXT)?;
    ws.send("Hello!")?;
    expect(ws, "Hello!".into())?;
    wire.show()?;
    out.behind("6455-5.1-1, 6455-5.1-4: a client masks every frame, a server none.")?;

    out.heading("3. A binary message (sections 5.2 and 5.6)", BINARY)?;
    let bytes: Vec<u8> = (0..200).collect();
    ws.send(&bytes)?;
    expect(ws, bytes.into())?;
    wire.show()?;
    out.behind("6455-5.2-6: a length is sent in the fewest bytes.")?;

    out.heading("4. A message in fragments, with a Ping between them (sections 5.4 and 5.5)", FRAGMENTS)?;
    let mut stream = ws.send_stream(MessageKind::Text)?;
    stream.write_all(b"One, ")?;
    stream.flush()?;
    ws.ping()?;
    stream.write_all(b"two.")?;
    stream.finish()?;
    expect(ws, "One, two.".into())?;
    wire.show()?;
    out.behind("6455-5.4-5, 6455-5.5.2-2: control frames come between fragments, and a Ping is answered.")
}

fn compressed(out: Output, wire: &mut Wire, ws: &mut WebSocket) -> Result<(), Failure> {
    out.heading("4 1/2. The first text again, compressed (RFC 7692)", COMPRESSED)?;
    ws.send("Hello!")?;
    expect(ws, "Hello!".into())?;
    wire.show()?;
    out.behind("7692-6.1-1: RSV1 of the first frame says that the message is compressed.")
}

/// Compresses short messages too, to show compression.
#[cfg(feature = "deflate")]
fn server_with_deflate(server: Server) -> Result<Server, Failure> {
    Ok(server.deflate(stdws::Deflate::default().threshold(0)))
}

#[cfg(feature = "deflate")]
fn client_with_deflate(client: Client) -> Result<Client, Failure> {
    Ok(client.deflate(stdws::Deflate::default().threshold(0)))
}

#[cfg(not(feature = "deflate"))]
fn server_with_deflate(_: Server) -> Result<Server, Failure> {
    Err("--deflate needs the feature deflate, which this build leaves out".into())
}

#[cfg(not(feature = "deflate"))]
fn client_with_deflate(_: Client) -> Result<Client, Failure> {
    Err("--deflate needs the feature deflate, which this build leaves out".into())
}

/// Waits for the echo.
pub(super) fn expect(ws: &mut WebSocket, message: Message) -> Result<(), Failure> {
    match ws.recv_timeout(LIMIT)? {
        Some(echo) if echo == message => Ok(()),
        Some(_) => Err("the echo is not what was sent".into()),
        None => Err("the server closed the connection".into()),
    }
}

fn summary(out: Output, wire: &Wire, frames: [u8; 2]) -> Result<(), Failure> {
    let ([client, server], [there, back]) = (wire.sent, frames);
    let text = format!(
        "Two HTTP heads, {there} frames from the client and {back} from the server: {client} bytes there and {server} back.\n\
         \n{SUMMARY}"
    );
    out.heading("That was all of it", &text)
}

const OPENING: &str = "\
A WebSocket begins as an HTTP request. The client asks to upgrade the connection; the server agrees
with status 101, and proves that it understood. After that the connection is no longer HTTP.";

const TEXT: &str = "\
Now each side may send frames at any time. A frame is a header of 2 to 14 bytes and a payload. The
columns are the bytes in hexadecimal, their bits, and their meaning. A client masks its payloads, so
that no web page can choose the bytes on the wire.";

const BINARY: &str = "\
Another opcode, and a payload that only the application understands. It has 200 bytes, but the 7
bits for the length count up to 125: 126 means that the length is in the 2 bytes that follow, and
127 that it is in 8 bytes. Only the beginning of a long payload is shown.";

const FRAGMENTS: &str = "\
A sender need not know the length of a message: it can begin with one frame and continue with more.
Control frames may stand between them. A Ping has to be answered by a Pong with the same payload,
which shows that the peer is alive. The echo is one frame: the fragments have no meaning.";

const COMPRESSED: &str = "\
Both sides keep a window: the last 32,768 bytes of their compressed messages. A text that was sent
before, such as this one, is sent as a reference to it: a length and a distance back.";

const CLOSING: &str = "\
A side that ends the connection sends a Close, and the peer answers with a Close. Nothing is sent
after that, and both sides know that nothing was lost. Then the server closes TCP.";

const SUMMARY: &str = "\
Read on in RFC 6455, https://www.rfc-editor.org/rfc/rfc6455
    section 1.2   the protocol at a glance         section 5.5   Close, Ping and Pong
    section 4     the opening handshake            section 7     closing, and the codes in 7.4
    section 5.2   the frame, bit by bit            section 8     errors in text
    section 5.4   fragments                        section 10    security; 10.3 on why clients mask
and in the sources: src/codec/frame.rs is section 5.2, src/handshake is section 4.
To see connections that fail, through proxies, and in drafts: cargo run --example tour -- --list
To use a server of your own, one command in each terminal:
    cargo run --example echo_server
    cargo run --example client -- ws://127.0.0.1:9001 --trace
";
