//! What must come in answer to the frames of a case. A text that is returned is a note: it breaks no requirement.

use std::time::Duration;

use super::case::{self, fail, ping, Step, Stop, Verdict};
use super::peer::{code, Event, Peer, Side};

/// Time without an event after which a Ping asks whether a connection that should have failed still works.
const PROBE_AFTER: Duration = Duration::from_millis(500);

/// The payload of that Ping.
const PROBE: &[u8] = b"still there?";

/// Carries out steps. The text is a note.
pub(super) fn steps(steps: &[Step], peer: &mut Peer) -> Result<String, Stop> {
    let mut note = String::new();
    for step in steps {
        let said = match step {
            Step::Send(frames) => {
                peer.send(frames, false);
                String::new()
            }
            Step::Slowly(frames) => {
                peer.send(frames, true);
                String::new()
            }
            Step::Echo(opcode, payload) => expect_echo(peer, *opcode, payload, false)?,
            Step::EchoOrLimit(opcode, payload) => expect_echo(peer, *opcode, payload, true)?,
            Step::Pong(payload) => expect_pong(peer, payload)?,
            Step::Fails(codes) => expect_failure(peer, codes)?,
            Step::FailsOrWaits => expect_failure_or_silence(peer)?,
            Step::Closes(code) => expect_close(peer, *code)?,
            Step::Ends => expect_end(peer)?,
            Step::Check(_, check) => check(peer).map(|()| String::new())?,
        };
        note = if said.is_empty() { note } else { said };
    }
    Ok(note)
}

pub(super) fn expect_echo(peer: &mut Peer, opcode: u8, payload: &[u8], limited: bool) -> Result<String, Stop> {
    loop {
        return match peer.next() {
            Event::Message(kind, echoed) if kind == opcode && echoed == payload => Ok(String::new()),
            Event::Message(kind, _) if kind != opcode => fail(format!("a message with opcode {kind} came instead")),
            Event::Message(_, echoed) => {
                let differs = echoed.iter().zip(payload).position(|(one, other)| one != other);
                let at = differs.unwrap_or_else(|| echoed.len().min(payload.len()));
                fail(format!("a message of {} bytes came, which differs from byte {at} on", echoed.len()))
            }
            Event::Pong(_) => continue,
            Event::Close(body) if limited && matches!(code(&body), Some(1008 | 1009)) => {
                Err(Stop(Verdict::NotApplicable, "the peer limits messages, and says so".into()))
            }
            Event::Close(body) => fail(format!("{} came instead of the message", close_text(&body))),
            Event::End { .. } if limited => {
                Err(Stop(Verdict::NotApplicable, "the peer ended the connection, perhaps because of a limit".into()))
            }
            Event::End { .. } => fail("the connection ended instead"),
            Event::Quiet => fail(format!("nothing came within {} s", peer.wait.as_secs_f32())),
            Event::Broken(text) => fail(text),
        };
    }
}

fn expect_pong(peer: &mut Peer, payload: &[u8]) -> Result<String, Stop> {
    loop {
        return match peer.next() {
            Event::Pong(body) if body == payload => Ok(String::new()),
            Event::Pong(_) => continue,
            Event::Message(..) => fail("a message came before the Pong"),
            Event::Close(body) => fail(format!("{} came instead of a Pong", close_text(&body))),
            Event::End { .. } => fail("the connection ended instead"),
            Event::Quiet => fail(format!("no such Pong came within {} s", peer.wait.as_secs_f32())),
            Event::Broken(text) => fail(text),
        };
    }
}

/// 6455-7.1.7-7: after a violation the peer processes nothing more, and ends the connection.
fn expect_failure(peer: &mut Peer, codes: &[u16]) -> Result<String, Stop> {
    let mut probed = false;
    loop {
        let wait = if probed { peer.wait } else { PROBE_AFTER.min(peer.wait) };
        match peer.next_within(wait) {
            Event::Message(..) => return fail("the peer processed it, and sent a message"),
            Event::Pong(body) if !body.is_empty() && (probed || body != PROBE) => {
                return fail(if probed { "the connection still works: a Ping was answered" } else { "a Pong came" })
            }
            Event::Pong(_) => {}
            Event::Close(body) => {
                // Without a body, or with another code, no requirement is broken.
                let fits = code(&body).is_some_and(|code| codes.contains(&code));
                let note = if fits { String::new() } else { format!("{} (6455-7.1.7-5)", close_text(&body)) };
                return ends_after_close(peer).map(|()| note);
            }
            Event::End { reset: false } => return Ok("the connection ended without a Close (6455-7.1.7-5)".into()),
            // A Close may have been lost in it.
            Event::End { reset: true } => return Ok(String::new()),
            Event::Quiet if probed => {
                return Err(Stop(Verdict::Unseen, "the peer neither ended the connection nor used it".into()))
            }
            Event::Quiet => {
                peer.send(&[ping(PROBE)], false);
                probed = true;
            }
            Event::Broken(text) => return fail(text),
        }
    }
}

fn expect_failure_or_silence(peer: &mut Peer) -> Result<String, Stop> {
    match peer.next() {
        Event::Message(..) => fail("the peer processed it, and sent a message"),
        Event::Quiet => Err(Stop(Verdict::Unseen, "the peer waits for the rest".into())),
        Event::Broken(text) => fail(text),
        _ => Ok(String::new()),
    }
}

fn expect_close(peer: &mut Peer, usual: u16) -> Result<String, Stop> {
    loop {
        return match peer.next() {
            Event::Close(body) => {
                let found = code(&body).unwrap_or(1005);
                let note = match found == usual {
                    true => String::new(),
                    false => format!("{} came where {usual} is usual (6455-5.5.1-s2)", close_text(&body)),
                };
                ends_after_close(peer).map(|()| note)
            }
            Event::End { reset: true } => {
                Err(Stop(Verdict::Unseen, "the connection was reset, in which a Close may have been lost".into()))
            }
            Event::End { reset: false } => fail("the connection ended without a Close in answer"),
            Event::Quiet => fail(format!("no Close came within {} s", peer.wait.as_secs_f32())),
            Event::Broken(text) => fail(text),
            // What was sent before the Close arrived.
            Event::Message(..) | Event::Pong(_) => continue,
        };
    }
}

fn expect_end(peer: &mut Peer) -> Result<String, Stop> {
    loop {
        return match peer.next() {
            Event::Close(_) => ends_after_close(peer).map(|()| String::new()),
            Event::End { .. } => Ok(String::new()),
            Event::Quiet => fail(format!("the connection was still open after {} s", peer.wait.as_secs_f32())),
            Event::Broken(text) => fail(text),
            Event::Message(..) | Event::Pong(_) => continue,
        };
    }
}

/// The end of the TCP connection after a Close of the peer, which is answered unless it is the answer. A server ends it
/// (6455-5.5.1-11); a client may wait until this side has.
fn ends_after_close(peer: &mut Peer) -> Result<(), Stop> {
    if !peer.close_sent {
        peer.send(&[case::frame(case::FIN | case::CLOSE, [])], false);
    }
    if peer.side == Side::Client {
        peer.shutdown();
        return Ok(());
    }
    loop {
        match peer.next() {
            Event::End { .. } => return Ok(()),
            Event::Quiet => {
                let text = "both sides have sent a Close, and the server has not ended the TCP connection after";
                return fail(format!("{text} {} s", peer.wait.as_secs_f32()));
            }
            Event::Broken(text) => return fail(text),
            _ => {}
        }
    }
}

fn close_text(body: &[u8]) -> String {
    code(body).map_or("a Close without a code".into(), |code| format!("Close {code}"))
}
