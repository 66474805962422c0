//! The same tour in a draft of the protocol, or in all of them: what each can do is shown, what it cannot is said.

use std::io::Write;
use std::net::Ipv4Addr;

use stdws::explain::Explainer;
use stdws::{Capability, Client, CloseCode, MessageKind, Server, Version, WebSocket};

use super::{expect, relay, Failure, Presenter, LIMIT};

/// Each of these versions, one after the other.
pub(super) fn tour(names: &[String], all: bool) -> Result<(), Failure> {
    let named = names.iter().map(|name| Version::from_name(name).ok_or(format!("there is no version {name:?}")));
    let mut versions = named.collect::<Result<Vec<_>, _>>()?;
    if all {
        versions = Version::ALL.to_vec();
    }
    versions.into_iter().try_for_each(one)
}

fn one(version: Version) -> Result<(), Failure> {
    let server = Server::bind((Ipv4Addr::LOCALHOST, 0))?.legacy_versions([version]).start(|mut ws| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    })?;
    let (address, relayed) = relay(server.local_addr().ok_or("the server has no address")?)?;
    let (client, server_side) = Explainer::pair(version);
    let mut presenter = Presenter { relayed, client, server: server_side, sent: [0, 0], ends: 0, frames: 0 };
    presenter.heading(&format!("{version}: the opening handshake"), OPENING)?;
    let mut ws = Client::new(format!("ws://{address}/tour"))?.version(version).connect_timeout(LIMIT).connect()?;
    presenter.show()?;
    messages(&mut presenter, &mut ws, version)?;
    presenter.heading(&format!("{version}: closing"), closing(version))?;
    // A reason only where there is one.
    let reason = if version.supports(Capability::CloseCodes) { "bye" } else { "" };
    ws.close(CloseCode::NORMAL, reason)?;
    drop(ws);
    presenter.show_end()
}

fn messages(presenter: &mut Presenter, ws: &mut WebSocket, version: Version) -> Result<(), Failure> {
    presenter.heading(&format!("{version}: a text, and its echo"), TEXT)?;
    ws.send("Hello!")?;
    expect(ws, "Hello!".into())?;
    presenter.show()?;
    if !version.supports(Capability::BinaryMessages) {
        return presenter
            .print(&format!("\n{version} has text, and nothing else: no binary, no fragments, no Ping.\n"));
    }
    presenter.heading(&format!("{version}: binary, a Ping, and a message in fragments"), MORE)?;
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
    presenter.show()
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
