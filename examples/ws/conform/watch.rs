//! Rules that every frame and every head of the peer must keep, in whichever case they come.

use std::collections::BTreeMap;

use super::peer::Side;

/// A rule: its id, its name, the side that it binds (`None`: both), and what it says.
pub(super) struct Rule(
    pub(super) &'static str,
    pub(super) &'static str,
    pub(super) Option<Side>,
    pub(super) &'static str,
);

const SERVER: Option<Side> = Some(Side::Server);
const CLIENT: Option<Side> = Some(Side::Client);

// One a line.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    Rule("6455-5.1-1", "always-masked", CLIENT, "every frame of a client is masked"),
    Rule("6455-5.1-4", "never-masked", SERVER, "no frame of a server is masked"),
    Rule("6455-5.2-2", "reserved-bits-are-zero", None, "reserved bits without an extension are 0"),
    Rule("6455-5.2-s2", "known-opcodes", None, "every opcode is one of those defined"),
    Rule("6455-5.2-6", "shortest-length", None, "lengths have the shortest form"),
    Rule("6455-5.3-2", "fresh-key", CLIENT, "every frame has a masking key of its own"),
    Rule("6455-5.4-2", "whole-control-frames", None, "control frames are not fragmented"),
    Rule("6455-5.4-s2", "fragments-in-sequence", None, "fragments follow each other, and messages do not interleave"),
    Rule("6455-5.5-1", "short-control-frames", None, "control frames have at most 125 bytes"),
    Rule("6455-5.5.1-2", "close-begins-with-a-code", None, "the body of a Close is empty, or begins with a code"),
    Rule("6455-5.5.1-5", "nothing-after-close", None, "no data frame comes after a Close"),
    Rule("6455-5.6-1", "sends-utf8", None, "text is UTF-8"),
    Rule("6455-7.4.1-3", "no-1005", None, "no Close has code 1005"),
    Rule("6455-7.4.1-4", "no-1006", None, "no Close has code 1006"),
    Rule("6455-7.4.1-6", "no-1015", None, "no Close has code 1015"),
    Rule("6455-7.4.2-s1", "no-code-below-1000", None, "no Close has a code below 1000"),
    Rule("6455-8.1-1", "reason-is-utf8", None, "the reason of a Close is UTF-8"),
    Rule("7692-6.1-3", "rsv1-on-first-fragments-only", None, "RSV1 is set only on the first frame of a message"),
    Rule("7692-6.1-1", "compressed-data-can-be-read", None, "compressed messages can be decompressed as agreed"),
    Rule("6455-4.2.2-s3", "status-101", SERVER, "the status line is HTTP/1.1 101"),
    Rule("6455-4.2.2-s4", "upgrade-websocket", SERVER, "the response has Upgrade: websocket"),
    Rule("6455-4.2.2-s5", "connection-upgrade", SERVER, "the response has Connection: Upgrade"),
    Rule("6455-4.2.2-s6", "accept-key", SERVER, "Sec-WebSocket-Accept is computed from the key"),
    Rule("6455-4.2.2-9", "no-subprotocol-unasked", SERVER, "no subprotocol is chosen that was not offered"),
    Rule("6455-4.2.2-11", "no-extension-unasked", SERVER, "no extension is used that was not offered"),
    Rule("6455-11.3.2-2", "extensions-once", SERVER, "a response has Sec-WebSocket-Extensions at most once"),
    Rule("6455-11.3.3-1", "accept-once", SERVER, "a response has Sec-WebSocket-Accept once"),
    Rule("6455-11.3.4-2", "protocol-once", SERVER, "a response has Sec-WebSocket-Protocol at most once"),
    Rule("6455-4.1-20", "method-get", CLIENT, "the method is GET"),
    Rule("6455-4.1-21", "http-1.1", CLIENT, "the version of HTTP is at least 1.1"),
    Rule("6455-4.1-22", "target", CLIENT, "the target is a resource name, or a URI"),
    Rule("6455-4.1-23", "host", CLIENT, "the request has Host, with the port"),
    Rule("6455-4.1-25", "asks-to-upgrade", CLIENT, "the request has Upgrade: websocket"),
    Rule("6455-4.1-27", "asks-connection-upgrade", CLIENT, "Connection has the token Upgrade"),
    Rule("6455-4.1-29", "key-of-16-bytes", CLIENT, "the key is base64 of 16 bytes"),
    Rule("6455-4.1-30", "fresh-nonce", CLIENT, "every connection has a key of its own"),
    Rule("6455-4.1-34", "version-13", CLIENT, "the version is 13"),
    Rule("6455-4.1-36", "subprotocols-are-tokens", CLIENT, "offered subprotocols are tokens"),
    Rule("6455-4.1-37", "subprotocols-differ", CLIENT, "offered subprotocols are all different"),
    Rule("6455-4.1-40", "waits-for-the-response", CLIENT, "nothing is sent before the response"),
    Rule("6455-9.1-1", "extensions-well-formed", CLIENT, "Sec-WebSocket-Extensions has its grammar"),
    Rule("6455-11.3.1-1", "key-once", CLIENT, "a request has Sec-WebSocket-Key once"),
    Rule("6455-11.3.5-2", "version-once", CLIENT, "a request has Sec-WebSocket-Version once"),
];

/// How often each rule was looked at, and what broke it.
#[derive(Default)]
pub(super) struct Watch(BTreeMap<&'static str, Seen>);

#[derive(Default, Clone)]
pub(super) struct Seen {
    pub(super) checked: u64,
    pub(super) broken: Vec<String>,
}

/// Maximum number of violations of a rule that are kept.
const KEPT: usize = 3;

impl Watch {
    /// Counts one look at a rule, by its name.
    pub(super) fn check(&mut self, rule: &'static str, holds: bool, detail: impl FnOnce() -> String) {
        debug_assert!(RULES.iter().any(|known| known.1 == rule), "{rule}");
        let seen = self.0.entry(rule).or_default();
        seen.checked += 1;
        if !holds && seen.broken.len() < KEPT {
            seen.broken.push(detail());
        }
    }

    /// Adds what was seen in a case.
    pub(super) fn merge(&mut self, case: &str, other: Watch) {
        for (rule, seen) in other.0 {
            let all = self.0.entry(rule).or_default();
            all.checked += seen.checked;
            let room = KEPT.saturating_sub(all.broken.len());
            all.broken.extend(seen.broken.into_iter().take(room).map(|detail| format!("{detail} (in {case})")));
        }
    }

    pub(super) fn of(&self, rule: &str) -> Seen {
        self.0.get(rule).cloned().unwrap_or_default()
    }
}
