//! Stage 6: a server that sends each message to all of its connections, that of the sender included.

use super::super::case::{self, fail, text, Finding, Stop, Verdict, TEXT};
use super::super::expect::expect_echo;
use super::super::judge::{self, Target};
use super::super::peer::{Event, Peer};
use super::super::report::Row;
use crate::args::Failure;

/// A check: its name, what it is about, and what it does with three connections.
struct Check(&'static str, &'static str, &'static str, fn(&mut Vec<Peer>) -> Result<(), Stop>);

const CHECKS: &[Check] = &[
    Check("6455-6.1-9", "to-all", "one message, to three connections", |peers| say(peers, 0, "to all")),
    Check("6455-5.4-3", "in-order", "ten messages of one connection, in this order", |peers| {
        let said: Vec<String> = (0..10).map(|n| format!("number {n}")).collect();
        let frames: Vec<_> = said.iter().map(text).collect();
        peers.iter_mut().take(1).for_each(|peer| peer.send(&frames, false));
        said.iter().try_for_each(|said| hear(peers, said))
    }),
    Check("6455-6.1-9", "from-each", "a message of each connection", |peers| {
        (0..3).try_for_each(|from| say(peers, from, &format!("from {from}")))
    }),
    Check("6455-5.4-7", "fragments", "a message in fragments is sent on as a whole", |peers| {
        let frames = [case::frame(TEXT, "in "), case::frame(case::FIN, "parts")];
        peers.iter_mut().take(1).for_each(|peer| peer.send(&frames, false));
        hear(peers, "in parts")
    }),
    Check("6455-5.5.1-6", "one-leaves", "one connection closes, and the others go on", |peers| {
        let Some(mut leaver) = peers.pop() else { return Ok(()) };
        leaver.send(&[case::close(1000, "")], false);
        closed(&mut leaver)?;
        say(peers, 0, "two are left")
    }),
    Check("6455-7.2.1-2", "one-is-lost", "one connection ends without a Close, and the others go on", |peers| {
        drop(peers.pop());
        say(peers, 0, "first")?;
        say(peers, 1, "second")
    }),
];

pub(super) fn run(target: &Target) -> Result<Vec<Row>, Failure> {
    super::super::probe(target)?;
    Ok(CHECKS.iter().map(|check| row(check, target)).collect())
}

fn row(Check(id, name, title, check): &Check, target: &Target) -> Row {
    let opened: Result<Vec<Peer>, Stop> = (0..3).map(|_| judge::connect(target)).collect();
    let (result, sent) = match opened {
        Ok(mut peers) => {
            let result = ready(&mut peers);
            let result = result.and_then(|()| check(&mut peers));
            (result, peers.iter().flat_map(|peer| peer.sent.clone()).collect::<Vec<_>>().join("; "))
        }
        Err(stop) => (Err(stop), String::new()),
    };
    let (verdict, seen) = match result {
        Ok(()) => (Verdict::Pass, "each message at each connection".to_owned()),
        Err(Stop(verdict, text)) => (verdict, text),
    };
    let expected = "each message, once, at each open connection, in the order in which it was sent".to_owned();
    let finding = Finding { verdict, sent, expected, seen, note: String::new() };
    Row { area: "stage", id, name: (*name).to_owned(), title: (*title).to_owned(), finding }
}

/// Waits until the server knows all connections: each receives a message of its own, and then the same one as all others.
/// A server may open a connection before it knows it, so the messages before that may be missing.
fn ready(peers: &mut [Peer]) -> Result<(), Stop> {
    for (number, peer) in peers.iter_mut().enumerate() {
        let hello = format!("hello {number}");
        peer.send(&[text(&hello)], false);
        until(peer, &hello)?;
    }
    peers.iter_mut().take(1).for_each(|peer| peer.send(&[text("ready")], false));
    peers.iter_mut().try_for_each(|peer| until(peer, "ready"))
}

/// Receives until this message.
fn until(peer: &mut Peer, said: &str) -> Result<(), Stop> {
    loop {
        match peer.next() {
            Event::Message(TEXT, heard) if heard == said.as_bytes() => return Ok(()),
            Event::Message(..) | Event::Pong(_) => {}
            Event::Broken(why) => return fail(why),
            _ => return fail(format!("the connection did not get {said:?}, which was sent to all")),
        }
    }
}

/// Sends a message by one connection, and receives it by all.
fn say(peers: &mut [Peer], from: usize, said: &str) -> Result<(), Stop> {
    match peers.get_mut(from) {
        Some(peer) => peer.send(&[text(said)], false),
        None => return fail("a connection is missing"),
    }
    hear(peers, said)
}

fn hear(peers: &mut [Peer], said: &str) -> Result<(), Stop> {
    peers.iter_mut().enumerate().try_for_each(|(number, peer)| {
        let heard = expect_echo(peer, TEXT, said.as_bytes(), false);
        heard.map(drop).map_err(|Stop(verdict, why)| Stop(verdict, format!("connection {number}, {said:?}: {why}")))
    })
}

fn closed(peer: &mut Peer) -> Result<(), Stop> {
    loop {
        match peer.next() {
            Event::Close(_) | Event::End { .. } => return Ok(()),
            Event::Quiet => return fail("the Close was not answered"),
            Event::Broken(text) => return fail(text),
            Event::Message(..) | Event::Pong(_) => {}
        }
    }
}
