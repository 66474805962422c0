//! Carries out the steps of a case, and judges what comes.

use std::time::Duration;

use stdws::handshake::server::accept_key;
use stdws::handshake::uri::Uri;

use super::case::{self, fail, Case, Edit, Finding, Step, Stop, Verdict, Wanted, What};
use super::expect::{expect_echo, steps};
use super::head::{self, Head, NoHead};
use super::peer::{Event, Peer, Side};
use super::watch::Watch;
use crate::bridge::tcp::{Connector, Stream};

/// Time in which a connection ends when its case has been judged.
const FAREWELL: Duration = Duration::from_secs(1);

/// The server under test.
pub(super) struct Target {
    pub(super) uri: Uri,
    /// Host and port, as the connector needs them.
    pub(super) address: String,
    pub(super) connector: Connector,
    pub(super) headers: Vec<(String, String)>,
    pub(super) wait: Duration,
}

impl Target {
    fn connect(&self) -> Result<Stream, Stop> {
        let connected = self.connector.connect(&self.address, self.wait, self.wait);
        connected.map_err(|error| Stop(Verdict::Unseen, format!("no connection: {error}")))
    }

    fn request(&self, edits: &[Edit]) -> Head {
        let key = head::key();
        let host = self.uri.host_header();
        let fields = [
            ("Host", &*host),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", &*key),
            ("Sec-WebSocket-Version", "13"),
        ];
        let mut head = Head::new(format!("GET {} HTTP/1.1", self.uri.resource()), &fields);
        head.fields.extend(self.headers.iter().cloned());
        head.edit(edits);
        head
    }
}

/// What one case has shown.
pub(super) struct Judged {
    pub(super) finding: Finding,
    pub(super) watch: Watch,
}

/// Runs a case against a server.
pub(super) fn server(case: &Case, target: &Target) -> Judged {
    let stream = match target.connect() {
        Ok(stream) => stream,
        Err(stop) => return Judged { finding: unjudged(stop), watch: Watch::default() },
    };
    let mut peer = Peer::new(stream, Side::Server, target.wait, Vec::new());
    let (result, expected) = match &case.what {
        What::Frames(list) => (open(&mut peer, target, &[]).and_then(|_| steps(list, &mut peer)), summary(list)),
        What::Deflate(offer, list) => {
            let edits = [Edit::Set("Sec-WebSocket-Extensions", offer)];
            let opened = open(&mut peer, target, &edits).and_then(|head| agree(&head, &mut peer));
            (opened.and_then(|()| steps(list, &mut peer)), summary(list))
        }
        What::Request(edits, wanted) => (request(&mut peer, target, edits, wanted), wanted.expected()),
        What::Response(..) => (Err(Stop(Verdict::NotApplicable, "for clients".into())), String::new()),
    };
    judged(result, expected, peer)
}

/// An open connection to a server.
pub(super) fn connect(target: &Target) -> Result<Peer, Stop> {
    let mut peer = Peer::new(target.connect()?, Side::Server, target.wait, Vec::new());
    open(&mut peer, target, &[]).map(|_| peer)
}

/// Runs a case against a client that has sent this request.
pub(super) fn client(case: &Case, request: &Head, mut peer: Peer) -> Judged {
    let (result, expected) = match &case.what {
        What::Frames(list) => {
            peer.raw(&response(request, &[]));
            (steps(list, &mut peer), summary(list))
        }
        _ if case.needs_deflate() && request.deflate().is_none() => {
            peer.raw(&response(request, &[]));
            (Err(Stop(Verdict::NotApplicable, "the client does not offer permessage-deflate".into())), String::new())
        }
        What::Deflate(agreed, list) => {
            respond(&mut peer, request, &[Edit::Set("Sec-WebSocket-Extensions", agreed)]);
            (steps(list, &mut peer), summary(list))
        }
        What::Response(edits, wanted) => {
            respond(&mut peer, request, edits);
            peer.send(&[case::text("after the response")], false);
            let result = match wanted {
                Wanted::Refused => refused_by_client(&mut peer),
                _ => expect_echo(&mut peer, case::TEXT, b"after the response", false),
            };
            (result, wanted.expected())
        }
        What::Request(..) => (Err(Stop(Verdict::NotApplicable, "for servers".into())), String::new()),
    };
    judged(result, expected, peer)
}

/// Sends a response. A client that is told of compression may use it, also if it should have refused the answer.
fn respond(peer: &mut Peer, request: &Head, edits: &[Edit]) {
    let mut head = response(request, edits);
    if let (Some(agreed), Some(offer)) = (head.deflate(), request.deflate()) {
        let agreed = answer(&agreed, &offer);
        head.edit(&[Edit::Without("Sec-WebSocket-Extensions")]);
        head.fields.push(("Sec-WebSocket-Extensions".into(), agreed.clone()));
        peer.compress(&agreed);
    }
    peer.raw(&head);
}

/// An answer to an offer of permessage-deflate. What the offer asks of the server has to be in it (7692-7.1.1.1-s1,
/// 7692-7.1.2.1-3), and what it says of the client may be.
fn answer(agreed: &str, offer: &str) -> String {
    let name = |parameter: &str| parameter.split('=').next().unwrap_or_default().trim().to_owned();
    let mut answer = agreed.to_owned();
    for parameter in offer.split(';').skip(1).map(str::trim) {
        let asked = ["server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits"];
        let is_there = answer.split(';').skip(1).any(|known| name(known) == name(parameter));
        if asked.contains(&&*name(parameter)) && !is_there {
            answer.push_str("; ");
            answer.push_str(parameter);
        }
    }
    answer
}

/// The response that opens a connection, changed.
pub(super) fn response(request: &Head, edits: &[Edit]) -> Head {
    let accept = accept_key(request.first("Sec-WebSocket-Key"));
    let fields = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", &*accept)];
    let mut head = Head::new("HTTP/1.1 101 Switching Protocols".into(), &fields);
    head.edit(edits);
    head
}

fn unjudged(Stop(verdict, seen): Stop) -> Finding {
    Finding { verdict, sent: String::new(), expected: String::new(), seen, note: String::new() }
}

fn judged(result: Result<String, Stop>, expected: String, mut peer: Peer) -> Judged {
    farewell(&mut peer);
    let mut seen = peer.seen.join("; ");
    let (verdict, note) = match result {
        Ok(note) => (Verdict::Pass, note),
        Err(Stop(verdict, text)) => {
            seen = if seen.is_empty() { text } else { format!("{text} -- {seen}") };
            (verdict, String::new())
        }
    };
    let finding = Finding { verdict, sent: peer.sent.join("; "), expected, seen, note };
    Judged { finding, watch: peer.watch }
}

/// Closes the connection, so that the peer need not take it for lost. What comes is not judged.
fn farewell(peer: &mut Peer) {
    if !peer.opened {
        return;
    }
    let (sent, seen) = (peer.sent.len(), peer.seen.len());
    if !peer.close_sent {
        peer.send(&[case::close(1000, "")], false);
    }
    if peer.side == Side::Client {
        peer.shutdown();
    }
    let deadline = std::time::Instant::now() + FAREWELL;
    while std::time::Instant::now() < deadline {
        match peer.next_within(FAREWELL) {
            Event::End { .. } | Event::Quiet | Event::Broken(_) => break,
            Event::Close(_) if peer.side == Side::Server => break,
            _ => {}
        }
    }
    peer.sent.truncate(sent);
    peer.seen.truncate(seen);
}

/// What the steps expect, in one line.
fn summary(steps: &[Step]) -> String {
    steps.iter().map(Step::expected).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; then ")
}

/// Opens a connection to a server.
fn open(peer: &mut Peer, target: &Target, edits: &[Edit]) -> Result<Head, Stop> {
    let (sent, seen) = (peer.sent.len(), peer.seen.len());
    let request = target.request(edits);
    let (head, rest) = exchange(peer, &request)?;
    if head.status() != Some(101) {
        return Err(Stop(Verdict::Unseen, format!("the opening handshake was answered {:?}", head.start)));
    }
    head::watch_response(&head, &request, &mut peer.watch);
    peer.received(rest);
    // Of a connection that opened, the frames are of interest.
    if edits.is_empty() {
        peer.sent.truncate(sent);
        peer.seen.truncate(seen);
    }
    Ok(head)
}

/// Sends a request, and reads the head of the response.
fn exchange(peer: &mut Peer, request: &Head) -> Result<(Head, Vec<u8>), Stop> {
    peer.raw(request);
    match peer.read_head() {
        Ok((head, rest)) => {
            // Behind another status comes a body.
            peer.opened = head.status() == Some(101);
            peer.seen.push(head.line());
            Ok((head, rest))
        }
        Err(why) => {
            peer.opened = false;
            let text = match why {
                NoHead::End => "the connection ended without a response",
                NoHead::Quiet => "no response came",
            };
            Err(Stop(Verdict::Unseen, text.into()))
        }
    }
}

/// Uses the compression that the response agrees to.
fn agree(head: &Head, peer: &mut Peer) -> Result<(), Stop> {
    match head.deflate() {
        Some(agreed) => {
            peer.compress(&agreed);
            Ok(())
        }
        None => {
            Err(Stop(Verdict::NotApplicable, "the server does not agree to this offer of permessage-deflate".into()))
        }
    }
}

fn request(peer: &mut Peer, target: &Target, edits: &[Edit], wanted: &Wanted) -> Result<String, Stop> {
    let request = target.request(edits);
    let exchanged = exchange(peer, &request);
    let refused = matches!(wanted, Wanted::Refused | Wanted::RefusedWithVersion);
    let (head, rest) = match exchanged {
        // 6455-7.2.2-1: a server may end the connection instead of answering.
        Err(Stop(_, _)) if peer.ended && matches!(wanted, Wanted::Refused) => {
            return Ok("the server ended the connection without a response (6455-4.2.1-1)".into())
        }
        other => other?,
    };
    let opened = head.status() == Some(101);
    if opened && !refused {
        head::watch_response(&head, &request, &mut peer.watch);
    }
    peer.received(rest);
    match wanted {
        Wanted::Refused | Wanted::RefusedWithVersion if opened => fail("the server opened the connection"),
        Wanted::Refused => Ok(String::new()),
        Wanted::RefusedWithVersion if head.has("Sec-WebSocket-Version", "13") => Ok(String::new()),
        // An offer that is declined by declining the connection is declined.
        Wanted::Without(_) if !opened => Ok(format!("the server answered {:?}", head.start)),
        Wanted::RefusedWithVersion => fail("the response does not name version 13 in Sec-WebSocket-Version"),
        Wanted::Extensions(_) if !opened => {
            Err(Stop(Verdict::NotApplicable, format!("the server answered {:?}", head.start)))
        }
        _ if !opened => fail(format!("the server answered {:?}", head.start)),
        Wanted::Accepted => {
            peer.send(&[case::text("after the response")], false);
            expect_echo(peer, case::TEXT, b"after the response", false)
        }
        Wanted::Without(name) => {
            let chosen = [head.first("Sec-WebSocket-Extensions"), head.first("Sec-WebSocket-Protocol")].join(" ");
            match chosen.contains(name) {
                true => fail(format!("the response has {name:?}")),
                false => Ok(String::new()),
            }
        }
        Wanted::Extensions(check) => check(&head.deflate().unwrap_or_default()).map(|()| String::new()),
    }
}

/// The client must not use the connection.
fn refused_by_client(peer: &mut Peer) -> Result<String, Stop> {
    loop {
        match peer.next() {
            Event::Message(..) => return fail("the client uses the connection"),
            Event::Close(_) | Event::End { .. } => return Ok(String::new()),
            Event::Quiet => {
                return Err(Stop(Verdict::Unseen, "the client neither ended the connection nor used it".into()))
            }
            Event::Broken(text) => return fail(text),
            Event::Pong(_) => {}
        }
    }
}

impl Wanted {
    fn expected(&self) -> String {
        match self {
            Wanted::Accepted => "an open connection that works".into(),
            Wanted::Refused => "no connection; of a server, a response other than 101".into(),
            Wanted::RefusedWithVersion => "a response other than 101, with Sec-WebSocket-Version: 13".into(),
            Wanted::Without(name) => format!("a response without {name:?}"),
            Wanted::Extensions(_) => "an answer that keeps to the offer".into(),
        }
    }
}
