//! What a case is: the requirement, what is sent, what must come.

use super::peer::{Peer, Side};

/// One case of the suite. Each runs on a connection of its own.
pub(super) struct Case {
    /// The id of the requirement: the RFC, its section, and the number of the statement in that section.
    pub(super) id: &'static str,
    /// A name that no other case has.
    pub(super) name: String,
    /// The side under test. `None`: both.
    pub(super) side: Option<Side>,
    pub(super) title: String,
    pub(super) what: What,
}

pub(super) enum What {
    /// Steps on an open connection without extensions.
    Frames(Vec<Step>),
    /// Steps on a connection with compression. The text is what this side offers as a client, or agrees to as a server.
    Deflate(&'static str, Vec<Step>),
    /// A changed request to a server.
    Request(Vec<Edit>, Wanted),
    /// A changed response to a client.
    Response(Vec<Edit>, Wanted),
}

/// One step of a case.
pub(super) enum Step {
    /// These frames, in one write.
    Send(Vec<Frame>),
    /// These frames, one byte in a write.
    Slowly(Vec<Frame>),
    /// A message with this opcode and payload comes.
    Echo(u8, Vec<u8>),
    /// The same, or a Close that says that the message is too big.
    EchoOrLimit(u8, Vec<u8>),
    /// A Pong with this payload comes. Others may come before it.
    Pong(Vec<u8>),
    /// The connection fails. These codes fit a Close; others are noted.
    Fails(&'static [u16]),
    /// The connection fails, or the peer waits for more bytes, which cannot be told from a slow peer.
    FailsOrWaits,
    /// A Close comes in answer, and the connection ends. This code is the usual one.
    Closes(u16),
    /// The connection ends, with a Close or without.
    Ends,
    /// What no other step says.
    Check(&'static str, fn(&mut Peer) -> Result<(), Stop>),
}

/// Why a case ends before its last step.
pub(super) struct Stop(pub(super) Verdict, pub(super) String);

pub(super) fn fail<T>(text: impl Into<String>) -> Result<T, Stop> {
    Err(Stop(Verdict::Fail, text.into()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Fail,
    /// What the case needs was not negotiated, or the peer limits it.
    NotApplicable,
    /// What came shows neither that the rule holds nor that it is broken.
    Unseen,
}

impl Verdict {
    pub(super) const ALL: [Verdict; 4] = [Verdict::Pass, Verdict::Fail, Verdict::NotApplicable, Verdict::Unseen];

    pub(super) fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::NotApplicable => "not applicable",
            Verdict::Unseen => "not seen",
        }
    }
}

/// The result of a case.
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) sent: String,
    pub(super) expected: String,
    pub(super) seen: String,
    /// What breaks no requirement, and is worth knowing.
    pub(super) note: String,
}

/// A change of a request or a response.
pub(super) enum Edit {
    /// Another first line. In a request, `{}` stands for the resource name.
    Start(&'static str),
    Without(&'static str),
    /// Replaces a field with this name in any case, or adds it.
    Set(&'static str, &'static str),
    /// Adds a field even if there is one with this name.
    Add(&'static str, &'static str),
    /// White space around the value.
    Pad(&'static str),
    /// The fields in the opposite order.
    Reverse,
    /// The bytes one by one.
    Slowly,
}

/// What a changed head must lead to.
pub(super) enum Wanted {
    /// An open connection that works.
    Accepted,
    /// No connection.
    Refused,
    /// No connection, and a response that names version 13.
    RefusedWithVersion,
    /// A connection without this extension or subprotocol, or none.
    Without(&'static str),
    /// An open connection whose Sec-WebSocket-Extensions has these properties.
    Extensions(fn(&str) -> Result<(), Stop>),
}

/// A frame, right or wrong.
#[derive(Clone)]
pub(super) struct Frame {
    /// FIN, the reserved bits and the opcode.
    pub(super) first: u8,
    pub(super) payload: Vec<u8>,
    pub(super) form: Form,
}

#[derive(Clone, Copy)]
pub(super) enum Form {
    /// As the role requires.
    Right,
    /// Masked by a server, or not masked by a client.
    WrongMask,
    /// Masked with this key, if the role masks.
    Key([u8; 4]),
    /// With a length in 64 bits that is not that of the payload.
    Announced(u64),
}

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;
pub(super) const FIN: u8 = 0x80;
pub(super) const RSV1: u8 = 0x40;

/// A frame of this first byte.
pub(super) fn frame(first: u8, payload: impl AsRef<[u8]>) -> Frame {
    Frame { first, payload: payload.as_ref().to_vec(), form: Form::Right }
}

pub(super) fn formed(form: Form, first: u8, payload: impl AsRef<[u8]>) -> Frame {
    Frame { form, ..frame(first, payload) }
}

pub(super) fn text(payload: impl AsRef<[u8]>) -> Frame {
    frame(FIN | TEXT, payload)
}

pub(super) fn ping(payload: impl AsRef<[u8]>) -> Frame {
    frame(FIN | PING, payload)
}

/// A Close with this code and reason.
pub(super) fn close(code: u16, reason: &str) -> Frame {
    frame(FIN | CLOSE, [&code.to_be_bytes()[..], reason.as_bytes()].concat())
}

/// Sends one frame.
pub(super) fn send(frame: Frame) -> Step {
    Step::Send(vec![frame])
}

/// The text comes back.
pub(super) fn echo(payload: impl AsRef<[u8]>) -> Step {
    Step::Echo(TEXT, payload.as_ref().to_vec())
}

/// A case for both sides.
pub(super) fn case(id: &'static str, name: impl Into<String>, title: impl Into<String>, steps: Vec<Step>) -> Case {
    Case { id, name: name.into(), side: None, title: title.into(), what: What::Frames(steps) }
}

impl Case {
    /// Whether a client has an open connection in this case.
    pub(super) fn opens(&self) -> bool {
        !matches!(self.what, What::Response(_, Wanted::Refused))
    }

    /// For one side only.
    pub(super) fn only(mut self, side: Side) -> Case {
        self.side = Some(side);
        self
    }
}

/// The section that has a requirement, such as "RFC 6455 section 5.2".
pub(super) fn section(id: &str) -> String {
    let mut parts = id.split('-');
    format!("RFC {} section {}", parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

impl Step {
    /// What must come. Empty for steps that send.
    pub(super) fn expected(&self) -> String {
        let kind = |opcode: u8| if opcode == TEXT { "text" } else { "binary" };
        match self {
            Step::Send(_) | Step::Slowly(_) => String::new(),
            Step::Echo(opcode, payload) => format!("the same {} message of {} bytes", kind(*opcode), payload.len()),
            Step::EchoOrLimit(opcode, payload) => {
                format!("the same {} message of {} bytes, or Close 1009", kind(*opcode), payload.len())
            }
            Step::Pong(payload) => format!("a Pong with the {} bytes of the Ping", payload.len()),
            Step::Fails(codes) => {
                let codes: Vec<String> = codes.iter().map(u16::to_string).collect();
                format!("the end of the connection, best after Close {}", codes.join(" or "))
            }
            Step::FailsOrWaits => "no message; best the end of the connection".to_owned(),
            Step::Closes(code) => format!("a Close in answer, usually {code}, and the end of the connection"),
            Step::Ends => "the end of the connection".to_owned(),
            Step::Check(what, _) => (*what).to_owned(),
        }
    }
}
