//! Chapters about the drafts: what a subprotocol, a cookie, an extension, invalid text and unknown frames were, and a client that
//! falls back to a draft.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use stdws::explain::Explainer;
use stdws::{Accept, Client, Server, Version, WebSocket};

use super::chapters::Context;
use super::connection::expect;
use super::output::Failure;
use super::relay::{connect, join, listen, local_server, read_head, read_to_end, start_echo, Relay, LIMIT};

/// A server of version 8 alone, and a client that falls back to it.
pub(super) fn fallback(context: &Context) -> Result<(), Failure> {
    let out = context.out;
    out.print(FALLBACK)?;
    let (_server, server) = start_echo(local_server()?.legacy_versions([Version::Hybi08]))?;
    let relay = Relay::start(outdated(server)?)?;
    let client = Client::new(format!("ws://{}/tour", relay.address))?.connect_timeout(LIMIT);
    let mut ws = client.fallback_versions([Version::Hybi08, Version::Hybi07]).connect()?;
    relay.wire(out)?.show()?;
    out.outcome("The list has 8, which is among the fallback_versions() of the client. It connects again.")?;
    exchange(&mut ws)?;
    let (client, server) = Explainer::pair(Version::Hybi08);
    relay.explained(out, client, server)?.show()?;
    if ws.version() != Version::Hybi08 {
        return Err("the client did not fall back to version 8".into());
    }
    ws.close(1000, "")?;
    out.outcome("version() of the connection is hybi-08.")?;
    out.behind(
        "RFC 6455 section 4.4. 6455-4.4-1: the refusal lists all versions of the server; 6455-4.4-s1: the client may repeat the \
         handshake with one of them.",
    )
}

/// Refuses RFC 6455, which a server of this library always speaks, and forwards the rest.
fn outdated(server: SocketAddr) -> io::Result<SocketAddr> {
    listen(move |mut client| {
        let head = read_head(&mut client)?;
        if String::from_utf8_lossy(&head).contains("\r\nSec-WebSocket-Version: 13\r\n") {
            return client.write_all(
                b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8\r\nConnection: close\r\n\
                  Content-Length: 0\r\n\r\n",
            );
        }
        let mut server = connect(server)?;
        server.write_all(&head)?;
        join(client, server, |_| (), |_| ())
    })
}

const FALLBACK: &str = "
The server was never updated: it supports version 8, the draft of Chrome 14 and Firefox 7. It
refuses version 13 with status 426 and a list. The client has version 8 among its fallback versions,
so it opens another connection in that version. The frames of version 8 are those of RFC 6455.
";

/// Subprotocols before there were lists.
pub(super) fn subprotocol(context: &Context) -> Result<(), Failure> {
    let out = context.out;
    out.print(SUBPROTOCOL)?;
    let version = Version::Hixie75;
    let server = local_server()?.legacy_versions([version]).subprotocols(["chat/2"]);
    let (_server, relay, client) = drafted(server, version)?;
    let ws = client.subprotocol("chat/2")?.connect()?;
    let (client, server) = Explainer::pair(version);
    relay.explained(out, client, server)?.show()?;
    if ws.subprotocol() != Some("chat/2") {
        return Err("the server did not select the subprotocol".into());
    }
    out.outcome("subprotocol() of the client is chat/2.")?;
    out.behind(
        "hixie-75 sections 3.1 and 4.1. hixie55-4.1-13: one subprotocol; hixie55-3.1-3: any visible characters; hixie75-3.1-4: \
         the response has the same one.",
    )
}

const SUBPROTOCOL: &str = "
In hixie-75 a client asks for one subprotocol, in a header without Sec- before its name, and the
server repeats it or ends the connection. The name may have characters that RFC 6455 does not allow,
such as a slash. Lists of subprotocols came with hybi-03.
";

/// Cookies, which the drafts define in the handshake.
pub(super) fn cookie(context: &Context) -> Result<(), Failure> {
    let out = context.out;
    out.print(COOKIE)?;
    let version = Version::HIXIE76;
    let server = local_server()?.legacy_versions([version]);
    let server = server.on_request(|_| Accept::new().with_header("Set-Cookie", "visits=2").into());
    let (_server, relay, client) = drafted(server, version)?;
    let ws = client.header("Cookie", "visits=1")?.connect()?;
    let (client, server) = Explainer::pair(version);
    relay.explained(out, client.with_secrets(), server.with_secrets())?.show()?;
    let cookie = ws.response().and_then(|response| response.header("Set-Cookie"));
    if cookie != Some("visits=2") {
        return Err("the response has no cookie".into());
    }
    out.outcome(
        "response() of the client has the header Set-Cookie: visits=2. The application keeps it, or does not.",
    )?;
    out.behind(
        "hybi-00 (hixie-76) section 4.1. hixie55-4.1-10: cookies are sent; hixie55-4.1-11: each in one line; hixie55-4.1-12: \
         those of the response are processed as in HTTP.",
    )
}

const COOKIE: &str = "
The drafts have the client send the cookies for the URL and keep those of the response, as a browser
does. In this library both are left to the application, with headers. Values are shown here because
they are no secrets; without Explainer::with_secrets they are not.
";

/// The extension that compresses the whole stream.
pub(super) fn extension(context: &Context) -> Result<(), Failure> {
    let out = context.out;
    out.print(EXTENSION)?;
    let version = Version::Hybi08;
    let server = local_server()?.legacy_versions([version]).deflate_stream();
    let (_server, relay, client) = drafted(server, version)?;
    let mut ws = client.deflate_stream().connect()?;
    exchange(&mut ws)?;
    let (client, server) = Explainer::pair(version);
    let mut wire = relay.explained(out, client, server)?;
    wire.show()?;
    let [there, back] = wire.sent;
    ws.close(1000, "")?;
    out.outcome(&format!(
        "The text arrived. With both heads, {there} bytes passed to the server and {back} back; masks make bytes random, so \
         those of a client hardly shrink. permessage-deflate, which compresses before it masks, replaced this extension."
    ))?;
    out.behind(
        "hybi-09 (version 8) section 9.2.1. hybi09-9.2.1-1: all bytes after the handshake are one stream of DEFLATE; \
         hybi09-5.1-1: only an extension that was offered is accepted; 6455-9.1-4: names of extensions are registered.",
    )
}

const EXTENSION: &str = "
Up to version 8 the drafts defined one extension: deflate-stream, which compresses all bytes after
the handshake, frame headers and masks included. The client offers it and the server accepts it.
What follows has no frames that could be explained without decompressing the whole stream.
";

/// Frames that a receiver of hixie-76 skips.
pub(super) fn skipped(context: &Context) -> Result<(), Failure> {
    let out = context.out;
    out.print(SKIPPED)?;
    let (_server, address) = start_echo(local_server()?.legacy_versions([Version::HIXIE76]))?;
    let relay = Relay::start(address)?;
    // Keys and body are those of the example in the draft.
    let request = format!(
        "GET /demo HTTP/1.1\r\nHost: {0}\r\nConnection: Upgrade\r\nSec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\
         Upgrade: WebSocket\r\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nOrigin: http://{0}\r\n\r\n^n:ds[4U",
        relay.address
    );
    let mut stream = connect(relay.address)?;
    stream.write_all(request.as_bytes())?;
    read_head(&mut stream)?;
    stream.read_exact(&mut [0; 16])?;
    stream.write_all(b"\x81\x03abc\x01abc\xFF\x00Hello!\xFF\xFF\x00")?;
    let answer = read_to_end(&mut stream);
    drop(stream);
    let (client, server) = Explainer::pair(Version::HIXIE76);
    relay.explained(out, client, server)?.show_end()?;
    if answer != b"\x00Hello!\xFF\xFF\x00" {
        return Err("the server did not send back the text alone".into());
    }
    out.outcome("The server sent back one text: the two other frames were skipped.")?;
    out.behind(
        "hybi-00 (hixie-76) section 4.2. hixie76-4.2-1: a frame with the top bit of its type has a length and is discarded; \
         hixie76-4.2-4: one without goes up to ff, and only type 00 is text; hixie76-4.2-3: ff 00 is the closing frame.",
    )
}

const SKIPPED: &str = "
In hixie-76 a frame of an unknown type is no violation: its end can be found, so it is skipped. The
client sends a frame with a length, one that goes up to ff, a text, and the closing frame. In RFC
6455 an unknown opcode ends the connection, because nothing says what it means.
";

/// Text that is not UTF-8, in a draft.
pub(super) fn utf_8(context: &Context) -> Result<(), Failure> {
    let out = context.out;
    out.print(UTF_8)?;
    let address = listen(|mut stream| {
        let head = String::from_utf8_lossy(&read_head(&mut stream)?).into_owned();
        let host = head.lines().find_map(|line| line.strip_prefix("Host: ")).unwrap_or_default();
        let response = format!(
            "HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
             WebSocket-Origin: http://{host}\r\nWebSocket-Location: ws://{host}/tour\r\n\r\n"
        );
        stream.write_all(&[response.as_bytes(), b"\x00caf\xE9!\xFF"].concat())?;
        read_to_end(&mut stream);
        Ok(())
    })?;
    let relay = Relay::start(address)?;
    let version = Version::Hixie75;
    let client = Client::new(format!("ws://{}/tour", relay.address))?.version(version).connect_timeout(LIMIT);
    let mut ws = client.connect()?;
    expect(&mut ws, "caf\u{FFFD}!".into())?;
    drop(ws);
    let (client, server) = Explainer::pair(version);
    relay.explained(out, client, server)?.show_end()?;
    out.outcome("recv() of the client returns the text \"caf\\u{fffd}!\".")?;
    out.behind(
        "hixie-75 section 4.2, hybi-00 (hixie-76) section 4.3. hixie76-4.3-1: what is not UTF-8 is taken as U+FFFD; \
         6455-8.1-1: in RFC 6455 it fails the connection.",
    )
}

const UTF_8: &str = "
A server of hixie-75 sends a text in Latin-1. In UTF-8 the byte e9 begins a character of three
bytes, which the exclamation mark is not a part of. Up to hybi-07 a receiver replaces such bytes by
U+FFFD; RFC 6455 ends the connection, which is the chapter utf-8.
";

/// This server, a relay to it, and a client in this version.
fn drafted(server: Server, version: Version) -> Result<(stdws::ServerHandle, Relay, Client), Failure> {
    let (server, address) = start_echo(server)?;
    let relay = Relay::start(address)?;
    let client = Client::new(format!("ws://{}/tour", relay.address))?.version(version).connect_timeout(LIMIT);
    Ok((server, relay, client))
}

fn exchange(ws: &mut WebSocket) -> Result<(), Failure> {
    ws.send("Hello!")?;
    expect(ws, "Hello!".into())
}
