//! One connection: turns the bytes of both directions into events. Knows no sockets.
//!
//! | state of a direction | bytes | next state |
//! |---|---|---|
//! | `Head` | a head, from the first byte to the empty line | the next row |
//! | of the client | a request | `Frames`; `Opaque` for the drafts whose frames have another form |
//! | of the server | a response 101 | `Frames` or `Opaque`, as the client |
//! | of the server | an interim response | `Head` |
//! | of the server | any other response | `Opaque`; the client begins again with `Head` |
//! | `Frames` | frames | `Frames` |
//! | `Opaque` | the rest, which is counted | `Opaque`; `Head` when the client begins another request |

use stdws::explain::Explainer;

use super::event::{Head, Opens, What};
use super::lane::Lane;
use crate::session::Side;

/// Maximum number of bytes of a head. A longer one is not explained.
const MAX_HEAD: usize = 64 << 10;

pub(crate) struct Track {
    client: Direction,
    server: Direction,
    shows_secrets: bool,
    shown: usize,
    form: Form,
}

/// The frames of a version.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Rfc6455,
    /// Those of hybi-07 and later drafts, which have the same form and some other rules.
    Draft,
    /// Those of earlier drafts, which have another form.
    Old,
}

struct Direction {
    state: State,
    lane: Lane,
}

enum State {
    Head(Vec<u8>),
    Frames,
    Opaque,
}

impl Track {
    /// Events hold up to `shown` bytes of a payload.
    pub(crate) fn new(shows_secrets: bool, shown: usize) -> Track {
        let (client, server) = pair(&[]);
        let mut track = Track {
            client: Direction::new(Side::Client, client, shown),
            server: Direction::new(Side::Server, server, shown),
            shows_secrets,
            shown,
            form: Form::Rfc6455,
        };
        track.begin(&[]);
        track
    }

    /// Bytes of this side, and the events that they complete.
    pub(crate) fn feed(&mut self, from: Side, mut bytes: &[u8], events: &mut Vec<What>) {
        while !bytes.is_empty() {
            let direction = self.direction(from);
            bytes = match &mut direction.state {
                State::Head(_) => self.head(from, bytes, events),
                State::Frames => {
                    direction.lane.feed(bytes, events);
                    &[]
                }
                State::Opaque => {
                    let text = direction.lane.explainer.feed(bytes);
                    events.push(What::Bytes { from, length: bytes.len() as u64, text });
                    &[]
                }
            };
        }
    }

    /// This side has ended its direction.
    pub(crate) fn finish(&mut self, from: Side, events: &mut Vec<What>) {
        self.finish_direction(from, events);
        events.push(What::HalfClosed { from });
    }

    /// Both directions have ended, without an end that could be seen.
    pub(crate) fn end(&mut self, events: &mut Vec<What>) {
        self.finish_direction(Side::Client, events);
        self.finish_direction(Side::Server, events);
    }

    fn finish_direction(&mut self, from: Side, events: &mut Vec<What>) {
        let direction = self.direction(from);
        match &mut direction.state {
            State::Head(head) if !head.is_empty() => {
                let head = std::mem::take(head);
                let text = direction.lane.explainer.feed(&head) + &direction.lane.explainer.finish();
                events.push(What::Bytes { from, length: head.len() as u64, text });
            }
            State::Head(_) => {}
            State::Frames => direction.lane.finish(events),
            State::Opaque => {
                let text = direction.lane.explainer.finish();
                if !text.is_empty() {
                    events.push(What::Bytes { from, length: 0, text });
                }
            }
        }
        direction.state = State::Opaque;
    }

    fn direction(&mut self, from: Side) -> &mut Direction {
        match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Takes bytes up to the end of a head, and returns the rest.
    fn head<'a>(&mut self, from: Side, bytes: &'a [u8], events: &mut Vec<What>) -> &'a [u8] {
        let direction = self.direction(from);
        let State::Head(head) = &mut direction.state else { return bytes };
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            head.push(byte);
            if head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n") {
                let head = std::mem::take(head);
                match from {
                    Side::Client => self.request(&head, events),
                    Side::Server => self.response(&head, events),
                }
                return rest;
            }
            if head.len() >= MAX_HEAD {
                let head = std::mem::take(head);
                let text = direction.lane.explainer.feed(&head);
                direction.state = State::Opaque;
                events.push(What::Bytes { from, length: head.len() as u64, text });
                return rest;
            }
        }
        rest
    }

    /// Begins an exchange, whose request decides the version of the protocol.
    fn begin(&mut self, request: &[u8]) {
        let (client, server) = pair(request);
        let secrets = |explainer: Explainer| if self.shows_secrets { explainer.with_secrets() } else { explainer };
        self.client.lane = Lane::new(Side::Client, secrets(client), self.shown);
        self.server.lane = Lane::new(Side::Server, secrets(server), self.shown);
        self.server.state = State::Head(Vec::new());
        self.form = form(request);
        if self.form != Form::Rfc6455 {
            self.client.lane.do_not_judge();
            self.server.lane.do_not_judge();
        }
    }

    fn request(&mut self, head: &[u8], events: &mut Vec<What>) {
        self.begin(head);
        let text = self.client.lane.explainer.feed(head);
        self.client.state = self.after_head();
        events.push(self.event(Side::Client, head, Opens::Pending, text));
    }

    fn response(&mut self, head: &[u8], events: &mut Vec<What>) {
        let text = self.server.lane.explainer.feed(head);
        let is_compressed =
            field(head, "sec-websocket-extensions").is_some_and(|value| value.contains("permessage-deflate"));
        let opens = match status(head) {
            Some(101) if is_compressed => Opens::Compressed,
            Some(101) => Opens::WebSocket,
            Some(100..=199) => Opens::Pending,
            _ => Opens::Nothing,
        };
        match opens {
            Opens::Pending => {}
            Opens::Nothing => {
                self.server.state = State::Opaque;
                self.client.state = State::Head(Vec::new());
            }
            Opens::WebSocket | Opens::Compressed => {
                self.server.state = self.after_head();
                if opens == Opens::Compressed {
                    self.client.lane.set_compressed();
                    self.server.lane.set_compressed();
                }
                if self.form == Form::Rfc6455 && !self.client.lane.has_frames() {
                    // The explainer of the client has seen an offer only.
                    let explainer = Explainer::client().after_handshake();
                    let is_compressed = opens == Opens::Compressed;
                    self.client.lane.explainer = if is_compressed { explainer.compressed() } else { explainer };
                }
            }
        }
        events.push(self.event(Side::Server, head, opens, text));
    }

    fn after_head(&self) -> State {
        match self.form {
            Form::Old => State::Opaque,
            Form::Rfc6455 | Form::Draft => State::Frames,
        }
    }

    fn event(&self, from: Side, head: &[u8], opens: Opens, text: String) -> What {
        let line = lines(head).next().unwrap_or_default();
        let line = match line.split_once('?') {
            Some((before, after)) if from == Side::Client && !self.shows_secrets => {
                let version = after.rsplit_once(' ').map_or("", |(_, version)| version);
                format!("{before}?(not shown) {version}")
            }
            _ => line,
        };
        What::Head(Head { from, length: head.len() as u64, line, opens, text })
    }
}

impl Direction {
    fn new(from: Side, explainer: Explainer, shown: usize) -> Direction {
        Direction { state: State::Head(Vec::new()), lane: Lane::new(from, explainer, shown) }
    }
}

fn lines(head: &[u8]) -> impl Iterator<Item = String> + '_ {
    head.split(|byte| *byte == b'\n').map(|line| String::from_utf8_lossy(line).trim_end().to_owned())
}

/// The value of the first field of this name, which is in lower case.
fn field(head: &[u8], name: &str) -> Option<String> {
    lines(head).skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

fn status(head: &[u8]) -> Option<u16> {
    lines(head).next()?.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok()
}

/// The number of the version that a request names. Before hybi-04 there was none.
fn number(request: &[u8]) -> Option<u8> {
    field(request, "sec-websocket-version")?.parse().ok()
}

/// Requests without Upgrade are those of HTTP.
fn form(request: &[u8]) -> Form {
    match number(request) {
        Some(0..=6) => Form::Old,
        Some(7..=12) => Form::Draft,
        None if field(request, "upgrade").is_some() && field(request, "sec-websocket-key").is_none() => Form::Old,
        _ => Form::Rfc6455,
    }
}

#[cfg(feature = "legacy")]
fn pair(request: &[u8]) -> (Explainer, Explainer) {
    use stdws::Version;
    let numbered = |number: u8| Version::ALL.into_iter().find(|version| version.number() == Some(number));
    let draft = field(request, "sec-websocket-draft").and_then(|draft| draft.parse::<u8>().ok());
    let version = match (number(request), draft) {
        _ if form(request) == Form::Rfc6455 => None,
        (Some(number), _) => numbered(number),
        (None, Some(draft)) => Version::from_name(&format!("hybi-{draft:02}")),
        (None, None) if field(request, "sec-websocket-key1").is_some() => Some(Version::HIXIE76),
        (None, None) => Version::from_name("hixie-75"),
    };
    Explainer::pair(version.unwrap_or(Version::Rfc6455))
}

#[cfg(not(feature = "legacy"))]
fn pair(_: &[u8]) -> (Explainer, Explainer) {
    (Explainer::client(), Explainer::server())
}
