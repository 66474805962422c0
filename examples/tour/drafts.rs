//! The same tour in a draft of the protocol, or in all of them: what each can do is shown, what it cannot is said.

use std::io::Write;

use stdws::explain::Explainer;
use stdws::{Capability, Client, CloseCode, MessageKind, Version, WebSocket};

use super::connection::expect;
use super::output::{Failure, Output};
use super::relay::{local_server, start_echo, Relay, Wire, LIMIT};

/// Each of these versions, one after the other.
pub(super) fn tour(out: Output, names: &[String], all: bool) -> Result<(), Failure> {
    let named = names.iter().map(|name| Version::from_name(name).ok_or(format!("there is no version {name:?}")));
    let mut versions = named.collect::<Result<Vec<_>, _>>()?;
    if all {
        versions = Version::ALL.to_vec();
    }
    versions.into_iter().try_for_each(|version| one(out, version))
}

fn one(out: Output, version: Version) -> Result<(), Failure> {
    let (_server, address) = start_echo(local_server()?.legacy_versions([version]))?;
    let relay = Relay::start(address)?;
    out.heading(&format!("{version}: the opening handshake"), OPENING)?;
    let mut ws =
        Client::new(format!("ws://{}/tour", relay.address))?.version(version).connect_timeout(LIMIT).connect()?;
    let (client, server) = Explainer::pair(version);
    let mut wire = relay.explained(out, client, server)?;
    wire.show()?;
    messages(out, &mut wire, &mut ws, version)?;
    out.heading(&format!("{version}: closing"), closing(version))?;
    // A reason only where there is one.
    let reason = if version.supports(Capability::CloseCodes) { "bye" } else { "" };
    ws.close(CloseCode::NORMAL, reason)?;
    drop(ws);
    wire.show_end()
}

fn messages(out: Output, wire: &mut Wire, ws: &mut WebSocket, version: Version) -> Result<(), Failure> {
    out.heading(&format!("{version}: a text, and its echo"), TEXT)?;
    ws.send("Hello!")?;
    expect(ws, "Hello!".into())?;
    wire.show()?;
    if !version.supports(Capability::BinaryMessages) {
        return out.print(&format!("\n{version} has text, and nothing else: no binary, no fragments, no Ping.\n"));
    }
    out.heading(&format!("{version}: binary, a Ping, and a message in fragments"), MORE)?;
    let bytes: Vec<u8> = (0..200).collect();
    ws.send(&bytes)?;
    expect(ws, bytes.into())?;
    ws.ping()?;
    let mut stream = ws.send_stream(MessageKind::Text)?;
    stream.write_all(b"One, ")?;
    stream.flush()?;
    stream.write_all(b"two.")?;
    stream.finish()?;
    expect(ws, "One, two.".into())?;
    wire.show()
}

const OPENING: &str = "\
The purpose of each line, and the differences from RFC 6455. A chapter of the manual compares all
versions.";

const TEXT: &str = "\
Each side may send at any time. The versions differ most in the format of their frames.";

const MORE: &str = "\
Frames with a length can carry any bytes, a part of a message, or a Ping. Not every text states
whether a Ping may stand between fragments; here none does.";

fn closing(version: Version) -> &'static str {
    match (version.supports(Capability::ClosingHandshake), version.supports(Capability::CloseCodes)) {
        (false, _) => "There is no closing handshake: TCP ends, and neither side knows what arrived.",
        (true, false) => "Each side states that it sends nothing more, but not why.",
        (true, true) => "Each side states that it sends nothing more, and why.",
    }
}
