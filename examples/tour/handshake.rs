//! Opening handshakes that fail: a version that the server refuses, a wrong proof, a foreign origin.

use std::io::Write;

use stdws::Client;

use super::output::{Failure, Output};
use super::relay::{connect, listen, local_server, read_head, read_to_end, start_echo, Relay, LIMIT};

/// A server refuses a version, and the client falls back.
pub(super) fn version(out: Output) -> Result<(), Failure> {
    out.print(VERSION)?;
    let (_server, address) = start_echo(local_server()?)?;
    let relay = Relay::start(address)?;
    let request = format!(
        "GET /tour HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 14\r\n\r\n"
    );
    let mut stream = connect(relay.address)?;
    stream.write_all(request.as_bytes())?;
    let response = String::from_utf8_lossy(&read_to_end(&mut stream)).into_owned();
    drop(stream);
    relay.wire(out)?.show_end()?;
    let listed = response.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Version: "));
    match listed {
        Some("13") if response.starts_with("HTTP/1.1 426 ") => {}
        Some(_) | None => return Err("the server did not refuse the version with 426 and a list".into()),
    }
    out.outcome("The list has 13, which the client supports as well. It connects again with that version.")?;
    let mut ws = Client::new(format!("ws://{}/tour", relay.address))?.connect_timeout(LIMIT).connect()?;
    relay.wire(out)?.show()?;
    ws.close(1000, "")?;
    out.outcome("The connection is open, in version 13.")?;
    out.behind(
        "RFC 6455 sections 4.2.2 and 4.4. 6455-4.2.2-6 and 6455-4.4-1: the refusal lists all versions of the server; \
         6455-4.4-s1: the client may repeat the handshake with one of them.",
    )
}

const VERSION: &str = "
A client asks for version 14, which does not exist. The server refuses it with status 426 and lists
the versions that it supports, so that a client of several versions can choose another one. A draft
that replaces a refused version is the chapter draft-fallback.
";

/// The proof in the response belongs to another key.
pub(super) fn accept(out: Output) -> Result<(), Failure> {
    out.print(ACCEPT)?;
    let address = listen(|mut stream| {
        read_head(&mut stream)?;
        stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        )?;
        read_to_end(&mut stream);
        Ok(())
    })?;
    let relay = Relay::start(address)?;
    let client = Client::new(format!("ws://{}/tour", relay.address))?.connect_timeout(LIMIT);
    let Err(error) = client.connect() else { return Err("the client accepted a wrong proof".into()) };
    relay.wire(out)?.show_end()?;
    out.outcome(&format!("connect() of the client fails: {error}"))?;
    out.behind(
        "RFC 6455 section 4.1, item 4 of the list for the response. 6455-4.1-44: a wrong Sec-WebSocket-Accept fails the \
         connection; 6455-4.2.2-s6: how it is computed.",
    )
}

const ACCEPT: &str = "
A server, or a cache before it, answers with the Sec-WebSocket-Accept of another key: that of the
example in RFC 6455. The rest of the response is valid. The client compares the value with its own
key, and ends the connection before it sends a frame.
";

/// A page of another site.
pub(super) fn origin(out: Output) -> Result<(), Failure> {
    out.print(ORIGIN)?;
    let (_server, address) = start_echo(local_server()?)?;
    let relay = Relay::start(address)?;
    let client = Client::new(format!("ws://{}/tour", relay.address))?.connect_timeout(LIMIT);
    let Err(error) = client.origin("http://evil.example")?.connect() else {
        return Err("the server accepted a foreign origin".into());
    };
    relay.wire(out)?.show_end()?;
    out.outcome(&format!("connect() of the client fails: {error}"))?;
    out.outcome("Server::allow_origin would accept the pages of that site.")?;
    out.behind(
        "RFC 6455 sections 4.2.2 and 10.2. 6455-4.2.2-4 and 6455-10.2-1: a server may check the origin; 6455-4.2.2-5 and \
         6455-10.2-2: it refuses with 403.",
    )
}

const ORIGIN: &str = "
A browser may send the cookies of a site also when a page of another site opens the connection.
Therefore it states the origin of that page. By default a server of this library accepts pages of
its own host only. It refuses all others with status 403.
";
