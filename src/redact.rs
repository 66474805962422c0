//! Decides what is shown of text that may hold a secret: in `Debug`, in errors, in events and in explanations of bytes.
//! All other files use these functions. They are pure functions on text.
//!
//! | text | shown |
//! |---|---|
//! | a header | its name; its value as in the next rows |
//! | `Host` | host and port, without user name and password |
//! | a URL: the request target, `Origin`, `Location`, and the fields of the drafts for them | scheme, host, port and path |
//! | names: subprotocols, extensions, `Upgrade`, `Connection` | each one that reads as a name, see [`is_name`] |
//! | values of the handshake that are public: keys, accept, versions, `Content-Length`, `Date`, `Server` | all |
//! | a method, the reason after a status | if each word reads as a name |
//! | `WWW-Authenticate`, `Proxy-Authenticate` | the scheme |
//! | every other value | nothing |
//!
//! What a peer wrote and is shown is escaped by [`escape`], so that it cannot control a terminal or reorder a line of a log.
//!
//! Tokens travel in subprotocols, because pages in a browser can set no header. [`is_name`] is a heuristic: a token that
//! looks like a word is taken for a name.

use std::borrow::Cow;
use std::fmt;

/// Replaces what is not shown.
pub(crate) const NOT_SHOWN: &str = "(not shown)";

/// Maximum length of a name. Longer ones are taken for tokens.
const MAX_NAME: usize = 40;
/// Maximum length of one word of a name.
const MAX_WORD: usize = 14;
/// Maximum number of characters shown of text that the caller mistook for a name.
const MAX_SHOWN: usize = 64;

/// Where the text of a peer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
    /// As text of its own: line ends and tabs stay.
    Lines,
    /// Between quotes in a line.
    Quotes,
}

/// Writes the text of a peer. Control characters (C0, DEL, C1), separators of lines and the characters that change the direction
/// of text are escaped; between quotes also quotes, backslashes and line ends.
pub(crate) fn escape(to: &mut impl fmt::Write, text: &str, within: Within) -> fmt::Result {
    for character in text.chars() {
        let kept = match (within, character) {
            (Within::Lines, '\n' | '\t') => true,
            (Within::Quotes, '"' | '\\') => false,
            (Within::Lines | Within::Quotes, _) => !character.is_control() && !is_layout(character),
        };
        match kept {
            true => to.write_char(character)?,
            false => write!(to, "{}", character.escape_default())?,
        }
    }
    Ok(())
}

/// Invisible characters that move or hide what stands beside them: Bidi_Control of Unicode, its deprecated relatives, separators
/// of lines, and the byte order mark. Joiners stay, because writing systems need them.
fn is_layout(character: char) -> bool {
    matches!(
        character,
        '\u{61C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
    )
}

/// What is shown of a value.
enum Rule {
    All,
    Names,
    Host,
    Url,
    Scheme,
    Nothing,
}

fn rule(name: &str) -> Rule {
    match name.to_ascii_lowercase().as_str() {
        "sec-websocket-key"
        | "sec-websocket-accept"
        | "sec-websocket-version"
        | "content-length"
        | "date"
        | "server" => Rule::All,
        "sec-websocket-key1" | "sec-websocket-key2" | "sec-websocket-nonce" | "sec-websocket-draft" => Rule::All,
        "upgrade" | "connection" | "transfer-encoding" => Rule::Names,
        "sec-websocket-protocol" | "websocket-protocol" | "sec-websocket-extensions" => Rule::Names,
        "host" => Rule::Host,
        "origin" | "sec-websocket-origin" | "websocket-origin" | "location" => Rule::Url,
        "sec-websocket-location" | "websocket-location" => Rule::Url,
        "www-authenticate" | "proxy-authenticate" => Rule::Scheme,
        _ => Rule::Nothing,
    }
}

/// What is shown of the value of a header.
pub(crate) fn header_value<'a>(name: &str, value: &'a [u8]) -> Cow<'a, [u8]> {
    let text = || std::str::from_utf8(value).unwrap_or("\u{FFFD}");
    let shown = match rule(name) {
        Rule::All => return Cow::Borrowed(value),
        Rule::Names => names(text()),
        Rule::Host => host(text()).to_owned(),
        Rule::Url => url(text()),
        Rule::Scheme => format!("{} {NOT_SHOWN}", auth_scheme(text())),
        Rule::Nothing => NOT_SHOWN.to_owned(),
    };
    // Unchanged text keeps its spaces.
    if shown.as_bytes() == value {
        return Cow::Borrowed(value);
    }
    Cow::Owned(shown.into_bytes())
}

/// What is shown of a list of names with parameters, such as `chat, permessage-deflate; x=9`.
fn names(list: &str) -> String {
    let is_shown =
        |element: &str| element.split([';', '=', '"', ' ', '\t']).all(|part| part.is_empty() || is_name(part));
    if list.split(',').all(is_shown) {
        return list.to_owned();
    }
    let shown = |element: &str| if is_shown(element) { element.trim().to_owned() } else { NOT_SHOWN.to_owned() };
    list.split(',').map(shown).collect::<Vec<_>>().join(", ")
}

/// What is shown of a subprotocol.
pub(crate) fn subprotocol(name: &str) -> Cow<'_, str> {
    if is_name(name) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("(not shown, {} bytes)", name.len()))
}

/// Whether text reads as a name and not as a token: at most 40 bytes, in words of at most 14 characters, each of letters
/// or digits, or of letters and then digits. Words of up to three characters may mix both. Between words stand `.`, `-`,
/// `_`, `+` or `/`.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME && text.split(['.', '-', '_', '+', '/']).all(is_word)
}

fn is_word(word: &str) -> bool {
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let one_case = |text: &str| {
        // `WebSocket` is a word, `aBcDeF` is not.
        let capitals = text.chars().filter(char::is_ascii_uppercase).count();
        capitals <= 2 || capitals == text.len()
    };
    let plain = letters.chars().all(|c| c.is_ascii_alphabetic()) && one_case(letters);
    let short = word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    !word.is_empty() && word.len() <= MAX_WORD && (plain || short)
}

/// Maximum length of a host that is shown: a name has at most 255 bytes (RFC 1035 section 2.3.4), and a port six.
const MAX_HOST: usize = 255 + ":65535".len();

/// What is shown of a host with or without a port: not the user name and the password before an `@`.
pub(crate) fn host(text: &str) -> &str {
    let host = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]~%*/".contains(&byte);
    if !host.bytes().all(is_host) || host.len() > MAX_HOST {
        return NOT_SHOWN;
    }
    host
}

/// What is shown of a URL, a path, or the name of an origin.
pub(crate) fn url(text: &str) -> String {
    let (start, rest) = match text.find("://") {
        Some(at) => text.split_at(at.saturating_add("://".len())),
        None => ("", text),
    };
    let (authority, rest) = match start {
        "" => ("", rest),
        _ => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
    };
    let (path, query) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let is_path = path.starts_with('/') && !path.starts_with("//");
    let is_scheme =
        start.trim_end_matches("://").bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme || !path.bytes().all(|byte| byte.is_ascii_graphic()) || !(path.is_empty() || is_path) {
        // An opaque origin is `null`.
        return if text == "null" { text.to_owned() } else { NOT_SHOWN.to_owned() };
    }
    let query = if query.is_empty() { String::new() } else { format!("?{NOT_SHOWN}") };
    format!("{start}{}{path}{query}", host(authority))
}

/// What is shown of a method, or of the reason after a status.
pub(crate) fn words(text: &str) -> &str {
    match text.split(' ').all(|word| word.is_empty() || is_name(word)) {
        true => text,
        false => NOT_SHOWN,
    }
}

/// The scheme of a challenge or of credentials.
pub(crate) fn auth_scheme(value: &str) -> &str {
    value.split([' ', '\t', ',']).next().filter(|scheme| is_name(scheme)).unwrap_or(NOT_SHOWN)
}

/// What is shown of text in place of a name: up to its first character that no token has (RFC 9110 section 5.6.2).
pub(crate) fn name(text: &str) -> String {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let shown: String = text.chars().take_while(|&c| is_token(c)).take(MAX_SHOWN).collect();
    if shown.len() == text.len() {
        return shown;
    }
    format!("{shown}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_tokens() {
        let shown = [
            "chat",
            "superchat",
            "graphql-transport-ws",
            "v12.stomp",
            "wamp.2.json",
            "ocpp2.0.1",
            "ocpp1.6",
            "mqtt",
            "actioncable-v1-json",
            "v4.channel.k8s.io",
            "permessage-deflate",
            "client_max_window_bits",
            "WebSocket",
            "h2c/1",
            "13",
        ];
        for name in shown {
            assert!(is_name(name), "{name}");
            assert_eq!(subprotocol(name), name);
        }
        let hidden = [
            "",
            "S3CRET",
            "2YotnFZFEjr1zCsicMWpAA",
            "31d4d96e",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
            "base64url.bearer.authorization.k8s.io.c2VjcmV0",
            "abcdefghijklmnopq",
            "aBcDeFgH",
            "pass word",
            "caf\u{e9}",
            "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u",
        ];
        for name in hidden {
            assert!(!is_name(name), "{name}");
            assert_eq!(subprotocol(name), format!("(not shown, {} bytes)", name.len()));
        }
    }

    #[test]
    fn values_of_headers() {
        let rows = [
            ("Authorization", "Bearer S3CRET", "(not shown)"),
            ("Cookie", "a=S3CRET", "(not shown)"),
            ("User-Agent", "S3CRET", "(not shown)"),
            ("X-Anything", "S3CRET", "(not shown)"),
            ("HOST", "me:S3CRET@h:80", "h:80"),
            ("Host", "[::1]:80", "[::1]:80"),
            ("Host", "S3CRET word", "(not shown)"),
            ("Upgrade", "websocket", "websocket"),
            ("Connection", "keep-alive,  Upgrade", "keep-alive,  Upgrade"),
            ("Connection", "Upgrade, S3CRET", "Upgrade, (not shown)"),
            ("Sec-WebSocket-Protocol", "chat, S3CRET, mqtt", "chat, (not shown), mqtt"),
            (
                "Sec-WebSocket-Extensions",
                "permessage-deflate; client_max_window_bits=10",
                "permessage-deflate; client_max_window_bits=10",
            ),
            ("Sec-WebSocket-Extensions", "foo; key=\"S3CRET\"", "(not shown)"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Origin", "https://me:S3CRET@app.example:8443", "https://app.example:8443"),
            ("Origin", "null", "null"),
            ("Origin", "S3CRET", "(not shown)"),
            ("Location", "/a/b?token=S3CRET", "/a/b?(not shown)"),
            ("Location", "https://me:S3CRET@h/a#S3CRET", "https://h/a?(not shown)"),
            ("Location", "//me:S3CRET@h/", "(not shown)"),
            ("Location", "S3CRET", "(not shown)"),
            ("Sec-WebSocket-Location", "ws://h/a?S3CRET", "ws://h/a?(not shown)"),
            ("WWW-Authenticate", "Digest realm=\"a\", nonce=\"S3CRET\"", "Digest (not shown)"),
            ("Proxy-Authenticate", "S3CRET", "(not shown) (not shown)"),
            ("Set-Cookie", "S3CRET", "(not shown)"),
        ];
        for (name, value, shown) in rows {
            assert_eq!(String::from_utf8_lossy(&header_value(name, value.as_bytes())), shown, "{name}: {value}");
        }
        assert_eq!(&*header_value("Upgrade", b"\xFF"), b"(not shown)");
    }

    #[test]
    fn what_controls_a_terminal_or_moves_text_is_escaped() {
        let shown = |text: &str, within| {
            let mut shown = String::new();
            escape(&mut shown, text, within).unwrap();
            shown
        };
        let bidi = "\u{61C}\u{200E}\u{200F}\u{202A}\u{202B}\u{202C}\u{202D}\u{202E}\u{2066}\u{2067}\u{2068}\u{2069}";
        let controls: String =
            (0..0xA0_u8).map(char::from).filter(|c| c.is_control() && !"\n\t".contains(*c)).collect();
        for character in bidi.chars().chain(controls.chars()).chain("\u{2028}\u{2029}\u{FEFF}".chars()) {
            for within in [Within::Lines, Within::Quotes] {
                let shown = shown(&character.to_string(), within);
                assert!(shown.starts_with('\\') && shown.is_ascii(), "{character:?} {shown}");
            }
        }
        let text = "it's \"é\" e\u{301} 👩\u{200D}🚀 \\\n\t";
        assert_eq!(shown(text, Within::Lines), text);
        assert_eq!(shown(text, Within::Quotes), "it's \\\"é\\\" e\u{301} 👩\u{200D}🚀 \\\\\\n\\t");
    }

    /// The manual says that this is the task of the viewer.
    #[test]
    fn what_a_viewer_may_execute_is_not_escaped() {
        let text = "<script>alert('a')</script>'; DROP TABLE logs; -- $(reboot) `reboot` &amp; %0d";
        let mut shown = String::new();
        escape(&mut shown, text, Within::Lines).unwrap();
        assert_eq!(shown, text);
    }

    #[test]
    fn text_in_place_of_a_name_is_cut() {
        assert_eq!(name("X-Name"), "X-Name");
        assert_eq!(name("Cookie: a=S3CRET"), "Cookie...");
        assert_eq!(name("session=S3CRET"), "session...");
        assert_eq!(name(&"x".repeat(80)), "x".repeat(64) + "...");
    }

    #[test]
    fn what_is_no_url_and_no_name_is_not_shown() {
        let shown = format!("x.{}", "y".repeat(MAX_HOST - 2));
        assert_eq!(host(&shown), shown);
        assert_eq!(host(&format!("{shown}y")), NOT_SHOWN);
        assert_eq!(url("se(ret://a.example/"), NOT_SHOWN);
        assert_eq!(url("web+app://a.example/x"), "web+app://a.example/x");
        // A reason may have two spaces.
        assert_eq!(words("Not  Found"), "Not  Found");
    }

    #[test]
    fn names_and_hosts_have_maximum_lengths() {
        let word = "abcdefghijklmnopqrstuvwxyz";
        let name_of = |lengths: &[usize]| lengths.iter().map(|&length| &word[..length]).collect::<Vec<_>>().join(".");
        let rows = [
            (name_of(&[14]), true),
            (name_of(&[15]), false),
            (name_of(&[14, 14, 10]), true),
            (name_of(&[14, 14, 11]), false),
            ("a1b".to_owned(), true),
            ("a1bc".to_owned(), false),
            ("ABcdefg".to_owned(), true),
            ("ABCdefg".to_owned(), false),
            ("ABCDEFG".to_owned(), true),
            ("abc-".to_owned(), false),
        ];
        for (text, is_shown) in rows {
            assert_eq!(is_name(&text), is_shown, "{text}");
        }
        for (length, is_cut) in [(63, false), (64, false), (65, true)] {
            let text = "x".repeat(length);
            assert_eq!(name(&text), if is_cut { "x".repeat(64) + "..." } else { text });
        }
        let (longest, too_long) = (format!("{}:65535", "x".repeat(255)), format!("{}:65535", "x".repeat(256)));
        assert_eq!((host(&longest), host(&too_long)), (&*longest, NOT_SHOWN));
    }

    /// Each row of the table at the top, for each header of it.
    #[test]
    fn what_is_shown_of_each_header() {
        let (value, hidden) = ("Chat https://a.example/b 31d4d96e", "(not shown)");
        let rows = [
            ("Sec-WebSocket-Key Sec-WebSocket-Accept Sec-WebSocket-Version Content-Length Date Server", value),
            ("Sec-WebSocket-Key1 Sec-WebSocket-Key2 Sec-WebSocket-Nonce Sec-WebSocket-Draft", value),
            ("WWW-Authenticate Proxy-Authenticate", "Chat (not shown)"),
            ("Authorization Cookie Sec-WebSocket-Protocols", hidden),
        ];
        for (names, shown) in rows {
            for name in names.split(' ') {
                assert_eq!(String::from_utf8_lossy(&header_value(name, value.as_bytes())), shown, "{name}");
            }
        }
        let rows = [
            ("Upgrade Connection Transfer-Encoding", "chat, 31d4d96e", "chat, (not shown)"),
            ("Sec-WebSocket-Protocol WebSocket-Protocol", "chat, 31d4d96e", "chat, (not shown)"),
            ("Sec-WebSocket-Extensions", "a; b=1, a; b=31d4d96e", "a; b=1, (not shown)"),
            ("Host", "me@a.example", "a.example"),
            (
                "Origin Sec-WebSocket-Origin WebSocket-Origin Location",
                "https://a.example/b?c",
                "https://a.example/b?(not shown)",
            ),
            ("Sec-WebSocket-Location WebSocket-Location", "https://a.example/b?c", "https://a.example/b?(not shown)"),
        ];
        for (names, value, shown) in rows {
            for name in names.split(' ') {
                assert_eq!(String::from_utf8_lossy(&header_value(name, value.as_bytes())), shown, "{name}");
            }
        }
    }

    #[test]
    fn what_is_shown_of_a_url() {
        let rows = [
            ("", ""),
            ("null", "null"),
            ("nullx", NOT_SHOWN),
            ("/", "/"),
            ("/a b", NOT_SHOWN),
            ("//a", NOT_SHOWN),
            ("/a?b", "/a?(not shown)"),
            ("/a#b", "/a?(not shown)"),
            ("?a", "?(not shown)"),
            ("ws://h", "ws://h"),
            ("ws://me@h", "ws://h"),
            ("ws://h?a/b", "ws://h?(not shown)"),
            ("ws://h#a/b", "ws://h?(not shown)"),
            ("ws://h/a//b", "ws://h/a//b"),
            ("ws://h//b", NOT_SHOWN),
            ("w s://h/", NOT_SHOWN),
            ("ws://h h/a", "ws://(not shown)/a"),
        ];
        for (text, shown) in rows {
            assert_eq!(url(text), shown, "{text}");
        }
        for (text, shown) in [("Basic abc", "Basic"), ("Basic,b", "Basic"), ("Basic\tb", "Basic"), ("", NOT_SHOWN)] {
            assert_eq!(auth_scheme(text), shown, "{text}");
        }
    }

    /// Unicode's Bidi_Control, its deprecated relatives, separators of lines, and the byte order mark; and their neighbours.
    #[test]
    fn invisible_characters() {
        let ranges = [
            (0x61C, 0x61C),
            (0x200B, 0x200B),
            (0x200E, 0x200F),
            (0x2028, 0x202E),
            (0x2060, 0x2060),
            (0x2066, 0x206F),
            (0xFEFF, 0xFEFF),
            (0xFFF9, 0xFFFB),
            (0xE0000, 0xE007F),
        ];
        let found: Vec<u32> = ('\0'..=char::MAX).filter(|&c| is_layout(c)).map(u32::from).collect();
        assert_eq!(found, ranges.into_iter().flat_map(|(first, last)| first..=last).collect::<Vec<u32>>());
    }
}
