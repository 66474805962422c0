//! Heads of HTTP as text, so that they can be wrong in every way.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use stdws::handshake::client::key_from_nonce;
use stdws::handshake::header;
use stdws::handshake::server::accept_key;

use super::case::Edit;
use super::watch::Watch;

/// Maximum number of bytes in a head of a peer.
const MAX_HEAD: usize = 64 << 10;

/// The first line and the fields of a head.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) start: String,
    pub(super) fields: Vec<(String, String)>,
    slowly: bool,
}

impl Head {
    pub(super) fn new(start: String, fields: &[(&str, &str)]) -> Head {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Head { start, fields, slowly: false }
    }

    fn parse(text: &str) -> Head {
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines.filter_map(|line| line.split_once(':'));
        let fields = fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        Head { start, fields, slowly: false }
    }

    /// The values of all fields with this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value.as_str())
    }

    pub(super) fn first(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.as_str())
    }

    /// Whether a list has this element, without regard to case.
    pub(super) fn has(&self, name: &str, token: &str) -> bool {
        header::list_has(self.all(name).map(str::as_bytes), token)
    }

    pub(super) fn status(&self) -> Option<u16> {
        self.start.split(' ').nth(1)?.parse().ok()
    }

    /// The offered or agreed elements that are permessage-deflate, with their parameters.
    pub(super) fn deflate(&self) -> Option<String> {
        let elements = self.all("Sec-WebSocket-Extensions").flat_map(|value| value.split(','));
        elements
            .map(str::trim)
            .find(|one| one.split(';').next().unwrap_or_default().trim() == "permessage-deflate")
            .map(str::to_owned)
    }

    pub(super) fn edit(&mut self, edits: &[Edit]) {
        for edit in edits {
            match edit {
                Edit::Start(line) => {
                    let target = self.start.split(' ').nth(1).unwrap_or("/").to_owned();
                    self.start = line.replace("{}", &target);
                }
                Edit::Without(name) => self.fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name)),
                Edit::Set(name, value) => {
                    self.fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                    self.fields.push(((*name).to_owned(), (*value).to_owned()));
                }
                Edit::Add(name, value) => self.fields.push(((*name).to_owned(), (*value).to_owned())),
                Edit::Pad(name) => {
                    for (_, value) in self.fields.iter_mut().filter(|(known, _)| known.eq_ignore_ascii_case(name)) {
                        *value = format!(" \t {value} \t ");
                    }
                }
                Edit::Reverse => self.fields.reverse(),
                Edit::Slowly => self.slowly = true,
            }
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text + "\r\n"
    }

    /// The head in one line, for the report.
    pub(super) fn line(&self) -> String {
        self.text().trim_end().replace("\r\n", " | ")
    }

    pub(super) fn write(&self, tcp: &mut TcpStream) -> std::io::Result<()> {
        let text = self.text();
        match self.slowly {
            true => text.as_bytes().iter().try_for_each(|byte| tcp.write_all(&[*byte])),
            false => tcp.write_all(text.as_bytes()),
        }
    }

    /// Reads a head. The bytes behind it are returned too. The error says why there is none.
    pub(super) fn read(tcp: &mut TcpStream, wait: Duration) -> Result<(Head, Vec<u8>), NoHead> {
        let (mut bytes, mut block, deadline) = (Vec::new(), [0; 4096], Instant::now() + wait);
        loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = bytes.split_off(end + 4);
                bytes.truncate(end);
                return Ok((Head::parse(&String::from_utf8_lossy(&bytes)), rest));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || bytes.len() > MAX_HEAD {
                return Err(NoHead::Quiet);
            }
            let _ = tcp.set_read_timeout(Some(left));
            match tcp.read(&mut block) {
                Ok(0) => return Err(NoHead::End),
                Ok(count) => bytes.extend_from_slice(block.get(..count).unwrap_or_default()),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(NoHead::Quiet)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(NoHead::End),
            }
        }
    }
}

/// Why no head came.
pub(super) enum NoHead {
    End,
    Quiet,
}

/// A key of the library's form. `RandomState` is seeded at random.
pub(super) fn key() -> String {
    let half = || random().to_le_bytes();
    let mut nonce = [0; 16];
    nonce.iter_mut().zip(half().into_iter().chain(half())).for_each(|(to, from)| *to = from);
    key_from_nonce(nonce)
}

/// A number that differs each time. Nothing secret depends on it.
pub(super) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// The rules of a response with status 101.
pub(super) fn watch_response(head: &Head, request: &Head, watch: &mut Watch) {
    let shown = |name: &str| format!("{name}: {}", head.all(name).collect::<Vec<_>>().join(" | "));
    watch.check("status-101", head.start.starts_with("HTTP/1.1 101"), || head.start.clone());
    let upgrade = head.first("Upgrade");
    watch.check("upgrade-websocket", upgrade.eq_ignore_ascii_case("websocket"), || shown("Upgrade"));
    watch.check("connection-upgrade", head.has("Connection", "upgrade"), || shown("Connection"));
    let expected = accept_key(request.first("Sec-WebSocket-Key").trim());
    let accept = head.first("Sec-WebSocket-Accept");
    watch.check("accept-key", accept == expected, || format!("{accept:?} instead of {expected:?}"));
    let rows =
        [("no-subprotocol-unasked", "Sec-WebSocket-Protocol"), ("no-extension-unasked", "Sec-WebSocket-Extensions")];
    for (rule, name) in rows {
        let chosen = head.all(name).flat_map(|value| value.split(',')).map(name_of);
        let strange: Vec<_> = chosen.filter(|chosen| !offered(request, name, chosen)).collect();
        watch.check(rule, strange.is_empty(), || shown(name));
    }
    let rows = [
        ("extensions-once", "Sec-WebSocket-Extensions", 0..=1),
        ("accept-once", "Sec-WebSocket-Accept", 1..=1),
        ("protocol-once", "Sec-WebSocket-Protocol", 0..=1),
    ];
    for (rule, name, count) in rows {
        watch.check(rule, count.contains(&head.all(name).count()), || shown(name));
    }
}

fn name_of(element: &str) -> &str {
    element.split(';').next().unwrap_or_default().trim()
}

fn offered(request: &Head, field: &str, name: &str) -> bool {
    request.all(field).flat_map(|value| value.split(',')).any(|offer| name_of(offer) == name)
}

/// The rules of a request.
pub(super) fn watch_request(head: &Head, early: &[u8], watch: &mut Watch) {
    let shown = |name: &str| format!("{name}: {}", head.all(name).collect::<Vec<_>>().join(" | "));
    let mut words = head.start.split(' ');
    let (method, target, version) = (words.next(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let start = || head.start.clone();
    watch.check("method-get", method == Some("GET"), start);
    let is_target = target.starts_with('/') || target.starts_with("http://") || target.starts_with("https://");
    watch.check("target", is_target, start);
    let version = version.strip_prefix("HTTP/").and_then(|version| version.parse::<f32>().ok());
    watch.check("http-1.1", version.is_some_and(|version| version > 1.05), start);
    // The port is never the default one here.
    watch.check("host", head.all("Host").count() == 1 && head.first("Host").contains(':'), || shown("Host"));
    watch.check("asks-to-upgrade", head.has("Upgrade", "websocket"), || shown("Upgrade"));
    watch.check("asks-connection-upgrade", head.has("Connection", "upgrade"), || shown("Connection"));
    let key = head.first("Sec-WebSocket-Key");
    watch.check("key-of-16-bytes", is_key(key), || shown("Sec-WebSocket-Key"));
    watch.check("key-once", head.all("Sec-WebSocket-Key").count() == 1, || shown("Sec-WebSocket-Key"));
    watch.check("version-13", head.first("Sec-WebSocket-Version") == "13", || shown("Sec-WebSocket-Version"));
    watch.check("version-once", head.all("Sec-WebSocket-Version").count() == 1, || shown("Sec-WebSocket-Version"));
    watch.check("waits-for-the-response", early.is_empty(), || format!("{} bytes", early.len()));
    if head.all("Sec-WebSocket-Protocol").next().is_some() {
        let names = head.all("Sec-WebSocket-Protocol").flat_map(|value| value.split(',')).map(str::trim);
        let mut names: Vec<_> = names.collect();
        let valid = names.iter().all(|name| header::is_token(name.as_bytes()));
        watch.check("subprotocols-are-tokens", valid, || shown("Sec-WebSocket-Protocol"));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        watch.check("subprotocols-differ", names.len() == count, || shown("Sec-WebSocket-Protocol"));
    }
    if head.all("Sec-WebSocket-Extensions").next().is_some() {
        let parsed = header::extensions(head.all("Sec-WebSocket-Extensions").map(str::as_bytes)).is_ok();
        watch.check("extensions-well-formed", parsed, || shown("Sec-WebSocket-Extensions"));
    }
}

/// 16 bytes are 22 characters of base64, of which the last has four bits that are 0, and two of padding.
fn is_key(key: &str) -> bool {
    let Some(digits) = key.strip_suffix("==") else { return false };
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    digits.len() == 22 && digits.bytes().all(is_digit)
}
