//! The state machine that reads one direction of a connection and describes what it reads.
//!
//! Decides which part of the protocol a byte belongs to; the rows of text are built in `head` and `frame`.

#[cfg(not(feature = "deflate"))]
use std::convert::Infallible as Inflate;
use std::fmt;
use std::mem;

use super::head::{HeadProgress, HeadRenderer, Secrets};
#[cfg(feature = "deflate")]
use super::inflate::inflate;
use super::state::{Inflated, MessageProgress, PayloadProgress};
#[cfg(feature = "proxy")]
use super::tunnel::{ProxyKind, Tunnel, TunnelProgress};
use super::{frame as render, head};
use crate::codec::close;
use crate::codec::frame::{parse, Context, Header, Opcode, Role};
use crate::codec::mask;
use crate::codec::utf8::Validator;
use crate::config::Limits;
#[cfg(feature = "deflate")]
use crate::deflate::{Inflate, WindowBits};
use crate::error::ProtocolError;
#[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
use crate::legacy::explain::context::DraftContext;
#[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
use crate::legacy::explain::frame::DraftFrameRenderer;
use crate::message::MessageKind;

/// Number of payload bytes processed in one step.
const CHUNK: usize = 1024;

/// Explains the bytes of one direction of a connection, for a terminal of 100 columns.
///
/// [`feed`](Explainer::feed) takes the bytes in pieces of any size. The first bytes are the head of the opening
/// handshake (RFC 6455 section 4), then frames follow (section 5). At the first violation the explainer names the rule
/// and ignores the rest.
///
/// The output is ASCII, except for text that the peers sent. That text is escaped.
///
/// What could be a secret in a head is not shown: queries, passwords in URIs, subprotocols that may be tokens, and the
/// values of all headers that the handshake does not define. [`with_secrets`](Explainer::with_secrets) shows all. The
/// payloads of frames are always shown.
///
/// Compressed messages (RFC 7692) are shown compressed and decompressed. The server's response shows whether
/// compression was negotiated. The client's explainer does not see that response and uses the offer of the client.
///
/// Memory is bounded: about 130 KiB during the handshake, twice the limit of a head, and 1 KiB after it, or 54 KiB with compression. The first 32
/// bytes of a payload are shown and the rest is counted. The text for one byte can take 300 bytes, so feed the pieces
/// that a socket returns instead of a whole recording.
///
/// ```
/// use stdws::explain::Explainer;
///
/// let mut client = Explainer::client().after_handshake();
/// let frame = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// assert_eq!(client.feed(&frame), r#"
/// client -> server  Text frame with 5 bytes, a complete message
///     81                       1... ....  FIN       1: the message ends with this frame
///                              .000 ....  RSV1-3    0: no extension is in use
///                              .... 0001  opcode    1: text, in UTF-8
///     85                       1... ....  MASK      1: a client masks every frame
///                              .000 0101  length    5 bytes, which fits in these 7 bits
///     37 fa 21 3d                         key       random, different for every frame
///     7f 9f 4d 51 58                      masked    the payload on the wire
///     37 fa 21 3d 37                      XOR key   the key, repeated
///     48 65 6c 6c 6f                      payload   unmasked
///                                         text      "Hello"
/// "#);
/// ```
pub struct Explainer {
    from: Role,
    pub(super) state: State,
    /// The message of which not all frames have arrived.
    pub(super) message: Option<MessageProgress>,
    /// Present if compression is negotiated.
    pub(super) inflater: Option<Inflate>,
    pub(super) secrets: Secrets,
    /// Those of heads.
    pub(super) limits: Limits,
    /// The proxy whose exchange is at the beginning.
    #[cfg(feature = "proxy")]
    pub(super) proxy: Option<ProxyKind>,
    #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
    draft: Option<DraftContext>,
}

/// | state | input | next state |
/// |---|---|---|
/// | `Tunnel` | a byte of the exchange with a proxy | `Tunnel`; `Head` after its end; `Stopped` after a refusal |
/// | `Head` | a byte of the HTTP head | `Head`, also after an interim response; `Header` after a request or a 101; `Stopped` after any other response |
/// | `Header` | a byte of a frame header | `Header`; `Payload` |
/// | `Payload` | bytes of a payload | `Payload`; `Header`; `Closed` after a Close |
/// | `Closed` | the first byte after a Close | `Stopped` |
/// | `Draft` | all bytes after the head of a draft | `Draft` |
/// | `Stopped` | all further bytes | `Stopped` |
///
/// A violation leads from every state to `Stopped`.
pub(super) enum State {
    #[cfg(feature = "proxy")]
    Tunnel(Box<Tunnel>),
    Head(Box<HeadRenderer>),
    Header(Vec<u8>),
    Payload(PayloadProgress),
    Closed,
    #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
    Draft(Box<DraftFrameRenderer>),
    Stopped,
}

impl Explainer {
    /// Explains the bytes that the client sends.
    pub fn client() -> Explainer {
        Explainer::new(Role::Client)
    }

    /// Explains the bytes that the server sends.
    pub fn server() -> Explainer {
        Explainer::new(Role::Server)
    }

    fn new(from: Role) -> Explainer {
        let limits = Limits::client();
        Explainer {
            from,
            state: State::Head(Box::new(HeadRenderer::new(from, Secrets::Hidden, limits))),
            message: None,
            inflater: None,
            secrets: Secrets::Hidden,
            limits,
            #[cfg(feature = "proxy")]
            proxy: None,
            #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
            draft: None,
        }
    }

    /// Processes the next bytes and returns the lines that they complete, each with its line feed. Often there are
    /// none.
    ///
    /// All lines together do not depend on how the bytes were split. A frame begins with an empty line and a title
    /// line.
    pub fn feed(&mut self, bytes: &[u8]) -> String {
        let mut out = String::new();
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            // A violation leaves the state at `Stopped`.
            rest = match mem::replace(&mut self.state, State::Stopped) {
                #[cfg(feature = "proxy")]
                State::Tunnel(tunnel) => {
                    self.tunnel(tunnel, byte, &mut out);
                    after
                }
                State::Head(renderer) => {
                    self.head(renderer, byte, &mut out);
                    after
                }
                State::Header(bytes) => {
                    self.header(bytes, byte, &mut out);
                    after
                }
                State::Payload(payload) => self.payload(payload, rest, &mut out),
                State::Closed => {
                    out.push_str(&format!("\n{}  Bytes after the Close are ignored.\n", render::arrow(self.from)));
                    &[]
                }
                #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
                State::Draft(mut renderer) => {
                    renderer.feed(byte, &mut out);
                    self.state = State::Draft(renderer);
                    after
                }
                State::Stopped => &[],
            };
        }
        out
    }

    #[cfg(feature = "proxy")]
    fn tunnel(&mut self, mut tunnel: Box<Tunnel>, byte: u8, out: &mut String) {
        self.state = match tunnel.feed(byte, self.from, out) {
            TunnelProgress::More => State::Tunnel(tunnel),
            TunnelProgress::Open => self.head_state(),
            TunnelProgress::Ended => State::Stopped,
        };
    }

    fn head(&mut self, mut renderer: Box<HeadRenderer>, byte: u8, out: &mut String) {
        self.state = match renderer.feed(byte, self.from, out) {
            Ok(HeadProgress::More) => State::Head(renderer),
            // 6455-4.1-s2: only 101 opens a connection. A request has no status, which is 0 here.
            #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
            Ok(HeadProgress::Done { status: 0 | 101, .. }) if self.draft.is_some() => self.frame_state(),
            Ok(HeadProgress::Done { status: 0 | 101, compression }) => {
                self.inflater = compression.then(new_inflater).flatten();
                State::Header(Vec::new())
            }
            Ok(HeadProgress::Done { status: 100 | 102..=199, .. }) => self.head_state(),
            Ok(HeadProgress::Done { .. }) => {
                out.push_str("    What follows is HTTP, and is not parsed.\n");
                State::Stopped
            }
            Err(kind) => {
                head::broken_rule(out, self.from, renderer.line_number(), kind);
                State::Stopped
            }
        };
    }

    /// Explains the handshake and the frames of a draft.
    #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
    pub(crate) fn with_draft(mut self, draft: DraftContext) -> Explainer {
        self.draft = Some(draft);
        self.state = self.initial_state();
        self
    }

    /// The state before the first byte.
    pub(super) fn initial_state(&self) -> State {
        #[cfg(feature = "proxy")]
        if let Some(proxy) = self.proxy {
            return State::Tunnel(Box::new(Tunnel::new(proxy, self.from, self.secrets, self.limits)));
        }
        self.head_state()
    }

    fn head_state(&self) -> State {
        let renderer = HeadRenderer::new(self.from, self.secrets, self.limits);
        #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
        let renderer = renderer.with_draft(self.draft.clone());
        State::Head(Box::new(renderer))
    }

    pub(super) fn frame_state(&self) -> State {
        #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
        if let Some(draft) = &self.draft {
            return State::Draft(Box::new(DraftFrameRenderer::new(draft.clone(), self.from)));
        }
        State::Header(Vec::new())
    }

    fn header(&mut self, mut bytes: Vec<u8>, byte: u8, out: &mut String) {
        bytes.push(byte);
        let to = match self.from {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        let compression = self.inflater.is_some();
        match parse(&bytes, Context { role: to, open: self.message.is_some(), compression }) {
            Ok(None) => self.state = State::Header(bytes),
            Ok(Some(header)) => {
                render::title(out, self.from, &header, self.message.as_ref());
                render::header(out, &bytes, self.from, self.message.as_ref(), compression);
                self.begin(header, out);
            }
            Err(violation) => {
                out.push_str(&format!("\n{}  Invalid frame\n", render::arrow(self.from)));
                render::header(out, &bytes, self.from, self.message.as_ref(), compression);
                render::broken_rule(out, violation);
            }
        }
    }

    fn begin(&mut self, header: Header, out: &mut String) {
        let is_data = match header.opcode {
            Opcode::Data(kind) => {
                let (text, compressed) = (Validator::default(), header.rsv1);
                self.message = Some(MessageProgress { kind, text, frames: 0, bytes: 0, compressed, inflated: 0 });
                true
            }
            Opcode::Continuation => true,
            Opcode::Close | Opcode::Ping | Opcode::Pong => false,
        };
        let (mut is_text, mut compressed) = (false, false);
        if let Some(message) = self.message.as_mut().filter(|_| is_data) {
            message.frames = message.frames.saturating_add(1);
            message.bytes = message.bytes.saturating_add(header.length);
            is_text = message.kind == MessageKind::Text;
            compressed = message.compressed;
        }
        let payload =
            PayloadProgress { header, plain: Vec::new(), done: 0, is_text, compressed, inflated: Inflated::default() };
        if header.length == 0 {
            self.frame_end(payload, out);
        } else {
            self.state = State::Payload(payload);
        }
    }

    /// Processes a part of `bytes` and returns the rest.
    fn payload<'a>(&mut self, mut payload: PayloadProgress, bytes: &'a [u8], out: &mut String) -> &'a [u8] {
        let left = usize::try_from(payload.header.length.saturating_sub(payload.done)).unwrap_or(usize::MAX);
        let step = if payload.compressed { 1 } else { CHUNK };
        let (piece, rest) = bytes.split_at(left.min(step).min(bytes.len()));
        let mut plain = piece.to_vec();
        if let Some(key) = payload.header.key {
            mask::apply(&mut plain, mask::rotate_key(key, (payload.done % 4) as usize));
        }
        let inflated = match (plain.as_slice(), &mut self.inflater, &mut self.message) {
            #[cfg(feature = "deflate")]
            ([byte], Some(inflater), Some(message)) if payload.compressed => {
                inflate(inflater, message, &mut payload, *byte)
            }
            _ => Ok(()),
        };
        let invalid_at = match &mut self.message {
            Some(message) if payload.is_text && !payload.compressed => message.text.feed(&plain).err(),
            Some(_) | None => None,
        };
        if let Some(at) = invalid_at {
            plain.truncate(at.saturating_add(1));
        }
        payload.push(&plain);
        if let Err(violation) = inflated {
            render::payload(out, &payload);
            render::broken_rule(out, violation);
        } else if invalid_at.is_some() {
            self.not_utf8(&payload, 1, out);
        } else if payload.done == payload.header.length {
            self.frame_end(payload, out);
        } else {
            self.state = State::Payload(payload);
        }
        rest
    }

    fn frame_end(&mut self, payload: PayloadProgress, out: &mut String) {
        self.state = State::Header(Vec::new());
        match payload.header.opcode {
            Opcode::Data(_) | Opcode::Continuation => self.data_end(&payload, out),
            Opcode::Ping | Opcode::Pong => render::payload(out, &payload),
            Opcode::Close => {
                render::payload(out, &payload);
                render::close(out, &payload);
                self.state = State::Closed;
                if let Err(violation) = close::parse(&payload.plain) {
                    render::broken_rule(out, violation);
                    self.state = State::Stopped;
                }
            }
        }
    }

    fn data_end(&mut self, payload: &PayloadProgress, out: &mut String) {
        if !payload.header.fin {
            return render::payload(out, payload);
        }
        let ended = match &mut self.inflater {
            #[cfg(feature = "deflate")]
            Some(inflater) if payload.compressed => inflater.end_message().map_err(|_| ProtocolError::InvalidDeflate),
            Some(_) | None => Ok(()),
        };
        if let Err(violation) = ended {
            self.state = State::Stopped;
            render::payload(out, payload);
            return render::broken_rule(out, violation);
        }
        if payload.is_text && self.message.as_ref().is_some_and(|message| !message.text.is_complete()) {
            self.state = State::Stopped;
            return self.not_utf8(payload, 0, out);
        }
        render::payload(out, payload);
        if let Some(message) = self.message.take().filter(|message| message.frames > 1) {
            render::message_end(out, &message);
        }
    }

    /// `invalid` is 1 if the last byte is invalid, and 0 if the text ends inside a character.
    fn not_utf8(&self, payload: &PayloadProgress, invalid: u64, out: &mut String) {
        render::payload(out, payload);
        let before = |message: &MessageProgress| message.bytes.saturating_sub(payload.header.length);
        let offset = match &self.message {
            Some(message) if message.compressed => message.inflated,
            message => message.as_ref().map_or(0, before).saturating_add(payload.done.saturating_sub(invalid)),
        };
        render::broken_rule(out, ProtocolError::TextNotUtf8 { offset });
    }
}

/// Shows the direction, and no bytes of the connection.
impl fmt::Debug for Explainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explainer").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Accepts the output of any negotiated parameters, because its window is the largest one and is never reset.
pub(super) fn new_inflater() -> Option<Inflate> {
    #[cfg(feature = "deflate")]
    return Some(Inflate::new(WindowBits::MAX));
    #[cfg(not(feature = "deflate"))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::MAX_CONTROL;

    const REQUEST: &[u8] = b"GET /chat?token=hidden HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\nOrigin: http://example.com\r\nCookie: id=hidden\r\n\
        authorization:Basic hidden\r\nProxy-Authorization: hidden\r\nX-Odd: caf\xE9\t\"\r\n\r\n";

    const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\
        SET-COOKIE: hidden\r\n\r\n";

    const CLIENT: fn() -> Explainer = || Explainer::client().after_handshake();
    const SERVER: fn() -> Explainer = || Explainer::server().after_handshake();

    /// The output. Checks that it does not depend on how the bytes are split, that it fits the width, and that it
    /// contains no control characters.
    fn explain(explainer: fn() -> Explainer, bytes: &[u8]) -> String {
        let whole = explainer().feed(bytes);
        for cut in 0..bytes.len() {
            let mut explainer = explainer();
            let mut text = explainer.feed(&bytes[..cut]);
            assert!(text.is_empty() || text.ends_with('\n'), "only whole lines");
            text += &explainer.feed(&bytes[cut..]);
            assert_eq!(text, whole, "cut at {cut}");
        }
        let mut bytewise = explainer();
        assert_eq!(bytes.chunks(1).map(|byte| bytewise.feed(byte)).collect::<String>(), whole);
        for line in whole.lines() {
            assert!(line.chars().count() <= 100, "{line}");
            assert!(!line.chars().any(char::is_control) && line.trim_end() == line, "{line:?}");
        }
        whole
    }

    fn has(text: &str, lines: &[&str]) {
        let mut rest = text;
        for line in lines {
            let at = rest.find(line).unwrap_or_else(|| panic!("no {line:?} in order in {text}"));
            rest = &rest[at + line.len()..];
        }
    }

    /// A frame of a server, with any first byte.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..=125 => bytes.push(short as u8),
            long => {
                bytes.push(126);
                bytes.extend((long as u16).to_be_bytes());
            }
        }
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn the_opening_handshake() {
        let text = explain(Explainer::client, REQUEST);
        has(
            &text,
            &[
                "\nclient -> server  Opening handshake: the request\n    GET /chat?(not shown) HTTP/1.1  ",
                "    Host: example.com   ",
                "    Upgrade: websocket   ",
                "16 random bytes",
                "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                "the protocol of RFC 6455",
                "    Cookie: (not shown)  ",
                "    authorization: (not shown)  ",
                "    Proxy-Authorization: (not shown)  ",
                "    X-Odd: (not shown)  ",
                "may be a secret\n    (empty line)",
            ],
        );
        let answer = explain(Explainer::server, RESPONSE);
        has(
            &answer,
            &[
                "\nserver -> client  Opening handshake: the response\n    HTTP/1.1 101 Switching Protocols  ",
                "    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=  ",
                "258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
                "    SET-COOKIE: (not shown)",
                "    (empty line)",
            ],
        );
        assert!(!(text + &answer).contains("hidden"));
        let text = explain(|| Explainer::client().with_secrets(), REQUEST);
        has(
            &text,
            &[
                "    GET /chat?token=hidden HTTP/1.1  ",
                "    Cookie: id=hidden\n    authorization:Basic hidden\n",
                "    X-Odd: caf\\xe9\\x09\"\n    (empty line)",
            ],
        );
        has(&explain(|| Explainer::server().with_secrets(), RESPONSE), &["    SET-COOKIE: hidden\n"]);
        let rejected = explain(Explainer::server, b"HTTP/1.1 401 No\r\nA: b\r\n\r\n\x81\x00hidden");
        has(
            &rejected,
            &["401 No", "no WebSocket connection", "A: (not shown)", "What follows is HTTP, and is not parsed.\n"],
        );
        assert!(!rejected.contains("hidden") && !rejected.contains("Text"));
    }

    #[test]
    fn the_handshake_key_is_checked() {
        for (key, want) in
            [("dGhlIHNhbXBsZSBub25jZQ==", "16 random bytes in base64"), ("aGlkZGVu", "invalid"), ("?", "invalid")]
        {
            let head = format!("GET / HTTP/1.1\r\nSec-WebSocket-Key: {key}\r\n\r\n");
            has(&explain(Explainer::client, head.as_bytes()), &[want]);
        }
    }

    #[test]
    fn secrets_are_not_shown_when_a_head_is_invalid() {
        for head in [
            "GET /hidden\0 HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\nAuthorization hidden\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\nAuthorization : hidden\r\n\r\n",
            "GET / HTTP/1.1\r\nCookie: a\r\n hidden\r\n\r\n",
            "GET / HTTP/1.1\nCookie: hidden\r\n\r\n",
        ] {
            let text = explain(Explainer::client, head.as_bytes());
            has(&text, &["BROKEN RULE  Line ", "is not parsed.\n"]);
            assert!(!text.contains("hidden") && text.ends_with("parsed.\n"), "{text}");
        }
        // A rejection continues after an invalid line, which is not shown.
        let rejection = "HTTP/1.1 503 Busy\r\nSet-Cookie: a\r\n hidden\r\nSet-Cookie : hidden\r\n hidden\r\nhidden\r\n\
            A: hidden\rhidden\r\nRetry-After: 7\n\r\nbody";
        for explainer in [Explainer::server, || Explainer::server().with_secrets()] {
            let text = explain(explainer, rejection.as_bytes());
            has(
                &text,
                &["503 Busy", "    ...  ", "(a line that is not shown)", "    Retry-After: ", "What follows is HTTP"],
            );
            assert!(!text.contains("hidden") && text.matches("(a line that is not shown)").count() == 4, "{text}");
        }
        let text = explain(Explainer::client, b"GET http://user:hidden@host/ HTTP/1.1\r\n\r\n");
        has(&text, &["    GET http://host/ HTTP/1.1  "]);
        assert!(!text.contains("hidden"));
    }

    #[test]
    fn debug_shows_no_bytes_of_the_connection() {
        let mut explainer = Explainer::client();
        explainer.feed(b"GET / HTTP/1.1\r\nCookie: x");
        assert_eq!(format!("{explainer:?}"), "Explainer { from: Client, .. }");
    }

    #[test]
    fn the_examples_of_section_5_7() {
        let text = explain(SERVER, &[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        assert_eq!(
            text,
            r#"
server -> client  Text frame with 5 bytes, a complete message
    81                       1... ....  FIN       1: the message ends with this frame
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 0001  opcode    1: text, in UTF-8
    05                       0... ....  MASK      0: a server masks no frame
                             .000 0101  length    5 bytes, which fits in these 7 bits
    48 65 6c 6c 6f                      payload
                                        text      "Hello"
"#
        );
        let text = explain(SERVER, &[0x01, 0x03, 0x48, 0x65, 0x6c, 0x89, 0x00, 0x80, 0x02, 0x6c, 0x6f]);
        has(
            &text,
            &[
                "Text frame with 3 bytes, the first frame of a message\n    01 ",
                "0: more frames of this message follow",
                "\"Hel\"",
                "Ping frame with 0 bytes, between the frames of a message\n    89 ",
                "Continuation frame with 2 bytes, the last frame of the message\n    80 ",
                "0: continues the text message",
                "\"lo\"",
                "complete: text, 5 bytes in 2 frames\n",
            ],
        );
        let ping = [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
        assert!(!explain(SERVER, &ping).contains("Hello"), "what a Ping carries is no text");
        has(&explain(SERVER, &ping), &["Ping frame with 5 bytes\n    89 ", "48 65 6c 6c 6f ", "payload\n"]);
        let pong = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        has(&explain(CLIENT, &pong), &["Pong frame with 5 bytes\n    8a ", "48 65 6c 6c 6f "]);
        let text = explain(SERVER, &frame(0x82, &[7; 256]));
        has(
            &text,
            &[
                "Binary frame with 256 bytes",
                "126: the next 2 bytes are the length\n    01 00  ",
                "256 bytes, most significant",
                "224 bytes more\n",
            ],
        );
        let long: Vec<u8> = [&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0][..], &[7; 65536]].concat();
        let text = SERVER().feed(&long);
        has(
            &text,
            &[
                "127: the next 8 bytes are the length\n    00 00 00 00 00 01 00 00  ",
                "65536 bytes, most significant",
                "65504 bytes more\n",
            ],
        );
        assert!(text.len() < 2000, "a payload is not kept");
    }

    /// Shows the answer to housley-2.
    #[test]
    fn a_close_has_code_and_reason() {
        let text = explain(SERVER, &[&frame(0x88, b"\x03\xe8bye"), &b"\x81hidden"[..]].concat());
        has(
            &text,
            &[
                "Close frame with 5 bytes\n",
                "    03 e8  ",
                "code      1000: normal closure\n    62 79 65  ",
                "reason    \"bye\"",
            ],
        );
        assert_eq!(text.matches("62 79 65").count(), 1, "no byte is shown twice: {text}");
        assert!(text.ends_with("\nserver -> client  Bytes after the Close are ignored.\n"), "{text}");
        has(&explain(SERVER, &frame(0x88, b"")), &["Close frame with 0 bytes\n", "no code and no reason\n"]);
        let reason = [b"\x0f\xa0".as_slice(), &[b'r'; 123]].concat();
        has(&explain(SERVER, &frame(0x88, &reason)), &["4000: private", "\"rrr", "91 bytes more\n"]);
        let masked = [0x88, 0x83, 1, 2, 3, 4, 0x03 ^ 1, 0xe9 ^ 2, b'x' ^ 3];
        has(&explain(CLIENT, &masked), &["02 eb 7b ", "masked", "    03 e9 78  ", "1001: going away", "\"x\""]);
    }

    /// RFC 9112 section 2.2: they belong to no request.
    #[test]
    fn empty_lines_before_a_request_are_not_shown() {
        assert_eq!(explain(Explainer::client, &[b"\r\n\r\n", REQUEST].concat()), explain(Explainer::client, REQUEST));
    }

    #[test]
    fn interim_responses_precede_the_final_response() {
        let text = explain(
            Explainer::server,
            &[b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", RESPONSE, b"\x81\x00"].concat(),
        );
        has(
            &text,
            &[
                "103 Early Hints",
                "an interim response",
                "the response\n    HTTP/1.1 101 Switching",
                "Text frame with 0 bytes",
            ],
        );
        assert!(!text.contains("not parsed"), "{text}");
    }

    #[cfg(feature = "deflate")]
    const PACKED: fn() -> Explainer = || SERVER().compressed();

    #[cfg(feature = "deflate")]
    #[test]
    fn a_compressed_message_is_shown_compressed_and_decompressed() {
        // RFC 7692 section 7.2.3.1 and 7.2.3.2: a message, and the same again with the window kept.
        let text = explain(PACKED, &frame(0xC1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]));
        assert_eq!(
            text,
            r#"
server -> client  Text frame with 7 bytes, a complete message, compressed
    c1                       1... ....  FIN       1: the message ends with this frame
                             .100 ....  RSV1-3    RSV1 is 1: the message is compressed
                             .... 0001  opcode    1: text, in UTF-8
    07                       0... ....  MASK      0: a server masks no frame
                             .000 0111  length    7 bytes, which fits in these 7 bits
    f2 48 cd c9 c9 07 00                payload   compressed
                                        inflated  5 bytes
                                        text      "Hello"
"#
        );
        let twice =
            [frame(0xC1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]), frame(0xC1, &[0xf2, 0x00, 0x11, 0x00, 0x00])];
        has(&explain(PACKED, &twice.concat()), &["\"Hello\"", "f2 00 11 00 00  ", "5 bytes\n", "\"Hello\""]);
        // In fragments with a Ping between them, then a message as it is.
        let parts = [
            frame(0x41, &[0xf2, 0x48, 0xcd]),
            frame(0x89, b""),
            frame(0x80, &[0xc9, 0xc9, 0x07, 0x00]),
            frame(0x82, b"\x07"),
        ];
        has(
            &explain(PACKED, &parts.concat()),
            &[
                "the first frame of a message, compressed\n",
                "inflated  2 bytes\n",
                "\"He\"",
                "0: a control frame is never compressed",
                "0: only the first frame has RSV1",
                "inflated  3 bytes\n",
                "\"llo\"",
                "complete: text, 7 bytes in 2 frames, 5 inflated\n",
                "0: this message is not compressed",
            ],
        );
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let mut masked = vec![0xC2, 0x80 | 7, 0x37, 0xfa, 0x21, 0x3d];
        masked.extend([0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00].iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
        let text = explain(|| CLIENT().compressed(), &masked);
        has(&text, &["payload   unmasked, compressed", "48 65 6c 6c 6f  ", "inflated  5 bytes\n"]);
        assert!(!text.contains("Hello"), "{text}");
    }

    #[cfg(feature = "deflate")]
    #[test]
    fn compression_is_detected_from_the_handshake() {
        let offer = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
        let agreed = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
        let (request, response) = (&REQUEST[..REQUEST.len() - 2], &RESPONSE[..RESPONSE.len() - 2]);
        let hello = frame(0xC1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        let text = explain(Explainer::server, &[response, agreed, &hello].concat());
        has(&text, &["may be compressed", "RSV1 is 1", "\"Hello\""]);
        let text = explain(Explainer::server, &[response, b"\r\n", hello.as_slice()].concat());
        has(&text, &["BROKEN RULE"]);
        let mut masked = vec![0xC1, 0x87, 0, 0, 0, 0];
        masked.extend(&hello[2..]);
        let text = explain(Explainer::client, &[request, offer, masked.as_slice()].concat());
        has(&text, &["RSV1 is 1", "\"Hello\""]);
    }

    #[cfg(feature = "deflate")]
    #[test]
    fn errors_in_a_compressed_message_stop_the_explainer() {
        let latin = [0x4a, 0x4e, 0x4c, 0x7b, 0x09, 0x00]; // "caf\xe9"
        for (frames, violation) in [
            (frame(0xC1, &latin), ProtocolError::TextNotUtf8 { offset: 4 }),
            (frame(0xC2, &[0xFF, 0xFF]), ProtocolError::InvalidDeflate),
            (frame(0xC2, &[0xf2, 0x48]), ProtocolError::InvalidDeflate),
            (frame(0xC9, b""), ProtocolError::ReservedBits(4)),
        ] {
            let text = explain(PACKED, &[frames, frame(0x81, b"hidden")].concat());
            has(&text, &[&violation.to_string(), "is not parsed.\n"]);
            assert!(text.ends_with("is not parsed.\n") && !text.contains("68"), "{text}");
        }
    }

    #[test]
    fn a_violation_is_named_and_stops_the_explainer() {
        type Row = (fn() -> Explainer, &'static [u8], ProtocolError, u16);
        let rows: [Row; 12] = [
            (CLIENT, &[0x81, 0x05], ProtocolError::UnmaskedFrame, 1002),
            (SERVER, &[0x81, 0x85], ProtocolError::MaskedFrame, 1002),
            (SERVER, &[0xC1], ProtocolError::ReservedBits(4), 1002),
            (SERVER, &[0x83], ProtocolError::UnknownOpcode(3), 1002),
            (SERVER, &[0x80], ProtocolError::UnexpectedContinuation, 1002),
            (SERVER, &[0x01, 0x00, 0x01], ProtocolError::ExpectedContinuation, 1002),
            (SERVER, &[0x82, 0x7E, 0x00, 0x05], ProtocolError::LengthNotMinimal, 1002),
            (SERVER, &[0x82, 0x7F, 0x80], ProtocolError::LengthMostSignificantBit, 1002),
            (SERVER, &[0x88, 0x01, 0x03], ProtocolError::CloseBodyTooShort, 1002),
            (SERVER, &[0x88, 0x02, 0x03, 0xED], ProtocolError::InvalidCloseCode(1005), 1002),
            (SERVER, &[0x01, 0x02, b'a', 0xC3, 0x80, 0x02, b'b', b'c'], ProtocolError::TextNotUtf8 { offset: 2 }, 1007),
            (SERVER, &[0x81, 0x02, b'a', 0xC3], ProtocolError::TextNotUtf8 { offset: 2 }, 1007),
        ];
        has(&explain(SERVER, &[0xC1]), &["    c1  ", ".100 ....  RSV1-3    not 0\n", ".... 0001  opcode    1: text"]);
        for (explainer, bytes, violation, code) in rows {
            let text = explain(explainer, &[bytes, b"\x81\x01hidden"].concat());
            has(&text, &[&violation.to_string(), &format!("Close {code}. What follows is not parsed.")]);
            assert!(text.ends_with("is not parsed.\n") && !text.contains("68"), "{text}");
        }
    }

    #[test]
    fn text_is_escaped_and_characters_may_be_split() {
        let text = explain(SERVER, &frame(0x81, b"\x1b[2J\r\n\"\xe2\x80\xae"));
        has(&text, &[r#""\u{1b}[2J\r\n\"\u{202e}""#]);
        has(
            &explain(SERVER, &[0x01, 0x01, 0xC3, 0x80, 0x01, 0xA9]),
            &[r#""\xc3""#, r#""\xa9""#, "2 bytes in 2 frames"],
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut explainer = SERVER();
        explainer.feed(&[0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        for _ in 0..1000 {
            assert!(explainer.feed(&[0; 4096]).is_empty());
        }
        let State::Payload(payload) = &explainer.state else { panic!("in a payload") };
        assert_eq!((payload.done, payload.plain.len()), (4_096_000, MAX_CONTROL));
        let mut explainer = Explainer::client();
        for _ in 0..1000 {
            explainer.feed(&[b'a'; 4096]);
        }
        assert!(matches!(explainer.state, State::Stopped));
    }

    #[test]
    fn random_bytes_do_not_panic() {
        // A generator of our own, with a fixed seed: the same bytes in every run.
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random as u8
        };
        let start = [0x81, 0x82, 0x88, 0x89, 0x01, 0x80, 0x00, 0xC1, 0x42];
        for round in 0..3000 {
            #[cfg(feature = "deflate")]
            let explainer = [CLIENT, SERVER, Explainer::client, Explainer::server, PACKED][round % 5];
            #[cfg(not(feature = "deflate"))]
            let explainer = [CLIENT, SERVER, Explainer::client, Explainer::server][round % 4];
            let mut bytes: Vec<u8> = (0..next() % 24).map(|_| next()).collect();
            if let Some(first) = bytes.first_mut() {
                *first = start[usize::from(*first) % start.len()];
            }
            explain(explainer, &bytes);
        }
    }

    /// The meanings of RFC 6455 section 7.4 and of the registry.
    #[test]
    fn each_close_code_has_its_meaning() {
        let rows = [
            (1000, "normal closure"),
            (1001, "going away"),
            (1002, "protocol error"),
            (1003, "message type not supported"),
            (1004, "not defined"),
            (1005, "no code received; never sent"),
            (1006, "no Close received; never sent"),
            (1007, "invalid payload, for example text that is not UTF-8"),
            (1008, "policy violation"),
            (1009, "message too big"),
            (1010, "the client requires an extension"),
            (1011, "internal error"),
            (1012, "service restart"),
            (1013, "try again later"),
            (1014, "bad gateway"),
            (1015, "TLS handshake failed; never sent"),
            (3000, "registered by a library or an application"),
            (4999, "private to the application"),
            (5000, "not defined"),
        ];
        for (code, text) in rows {
            assert_eq!(crate::explain::frame::meaning(crate::close::CloseCode::new(code)), text, "{code}");
        }
    }

    #[test]
    fn a_binary_message_in_three_frames() {
        let text = explain(SERVER, b"\x02\x01a\x00\x01b\x80\x01c");
        has(
            &text,
            &[
                "Binary frame with 1 byte, the first frame of a message",
                "Continuation frame with 1 byte, more frames follow",
                "0: continues the binary message",
                "Continuation frame with 1 byte, the last frame of the message",
                "complete: binary, 3 bytes in 3 frames",
            ],
        );
    }

    #[test]
    fn a_long_masked_close_says_how_much_is_not_shown() {
        let close: Vec<u8> = [&[0x88, 0xFD, 0, 0, 0, 0, 0x03, 0xE8][..], &[b'r'; 123]].concat();
        let text = explain(CLIENT, &close);
        has(&text, &["Close frame with 125 bytes", "bytes more", "1000: normal closure"]);
    }

    #[test]
    fn limits_apply_to_the_heads_and_change_nothing_after_them() {
        let small = || Explainer::client().limits(Limits { max_head_fields: 3, ..Limits::server() });
        has(&explain(small, REQUEST), &["Connection: Upgrade", "BROKEN RULE", "Limits::max_head_fields is 3"]);
        let after = || CLIENT().limits(Limits { max_head_fields: 3, ..Limits::server() });
        has(&explain(after, b"\x81\x80\0\0\0\0"), &["Text frame with 0 bytes"]);
    }
}
