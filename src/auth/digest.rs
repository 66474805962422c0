//! Digest credentials (RFC 7616): a challenge, and the answer to it. Does no I/O, and draws no random bytes.
//!
//! ```text
//! challenge    Digest realm="...", nonce="...", qop="auth", algorithm=SHA-256, opaque="...", stale=false
//! credentials  Digest username="...", realm="...", uri="...", algorithm=SHA-256, nonce="...", nc=00000001, cnonce="...",
//!              qop=auth, response="...", opaque="..."
//!
//! response     H( H(A1) ":" nonce ":" nc ":" cnonce ":" qop ":" H(A2) )
//! A1           user ":" realm ":" password            with -sess: H( that ) ":" nonce ":" cnonce
//! A2           method ":" uri
//! ```
//!
//! | of the RFC | here |
//! |---|---|
//! | algorithms | SHA-256 and SHA-256-sess; MD5 and MD5-sess in builds with `legacy`. A challenge without one means MD5 |
//! | several challenges | the strongest algorithm; the first of equals |
//! | `qop` | `auth`. A challenge without `qop`, or with `auth-int` alone, is not answered |
//! | `userhash` | not used: the user name is sent |
//! | text | UTF-8, not normalized; a name outside ASCII is sent as `username*` |

use crate::auth::challenge::Challenge;
#[cfg(feature = "legacy")]
use crate::primitives::md5;
use crate::primitives::sha256;

/// Maximum number of bytes of realm, nonce and opaque together. They are sent back.
const MAX_PARAMS: usize = 4 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    #[cfg(feature = "legacy")]
    Md5,
    Sha256,
}

impl Hash {
    /// The digest in hexadecimal.
    fn hex(self, text: &[u8]) -> String {
        match self {
            #[cfg(feature = "legacy")]
            Hash::Md5 => hex(&md5::digest(text)),
            Hash::Sha256 => hex(&sha256::digest(text)),
        }
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A challenge that can be answered. Has no `Debug`, because a nonce is a part of credentials.
#[derive(Clone)]
pub(super) struct DigestChallenge {
    hash: Hash,
    /// The name of the algorithm as it is sent back; empty if the challenge has none.
    algorithm: String,
    /// The algorithm ends in `-sess`.
    session: bool,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// The last answer was right, but its nonce is too old.
    pub(super) stale: bool,
}

/// The parts of a request that an answer covers.
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    /// The request target, as it is sent.
    pub(super) uri: &'a str,
    pub(super) cnonce: &'a str,
    /// The number of this request with this nonce, from 1.
    pub(super) count: u32,
}

impl DigestChallenge {
    /// The challenge to answer.
    pub(super) fn select(challenges: &[Challenge]) -> Option<DigestChallenge> {
        let mut best: Option<DigestChallenge> = None;
        for challenge in challenges.iter().filter_map(DigestChallenge::parse) {
            if best.as_ref().map_or(true, |best| best.hash < challenge.hash) {
                best = Some(challenge);
            }
        }
        best
    }

    /// `None`: another scheme, not supported, or not in the form of RFC 7616 section 3.3.
    fn parse(challenge: &Challenge) -> Option<DigestChallenge> {
        if !challenge.has_scheme("Digest") {
            return None;
        }
        let algorithm = challenge.param("algorithm").unwrap_or_default();
        let (hash, session) = match algorithm.to_ascii_lowercase().as_str() {
            "sha-256" => (Hash::Sha256, false),
            "sha-256-sess" => (Hash::Sha256, true),
            #[cfg(feature = "legacy")]
            "" | "md5" => (Hash::Md5, false),
            #[cfg(feature = "legacy")]
            "md5-sess" => (Hash::Md5, true),
            _ => return None,
        };
        let qop = challenge.param("qop")?;
        qop.split(',').find(|qop| qop.trim().eq_ignore_ascii_case("auth"))?;
        let (realm, nonce, opaque) = (challenge.realm()?, challenge.param("nonce")?, challenge.param("opaque"));
        let parts = [realm, nonce, opaque.unwrap_or_default()];
        let length: usize = parts.iter().map(|part| part.len()).sum();
        // A byte outside ASCII is not known any more: it was replaced when the field was parsed.
        if length > MAX_PARAMS || !parts.iter().all(|part| part.bytes().all(|byte| matches!(byte, b' '..=b'~'))) {
            return None;
        }
        Some(DigestChallenge {
            hash,
            algorithm: algorithm.to_owned(),
            session,
            realm: realm.to_owned(),
            nonce: nonce.to_owned(),
            opaque: opaque.map(str::to_owned),
            stale: challenge.param("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of the Authorization or Proxy-Authorization field.
    pub(super) fn answer(&self, user: &str, password: &str, signed: &Signed<'_>) -> String {
        let Signed { method, uri, cnonce, count } = signed;
        let hash = |text: &str| self.hash.hex(text.as_bytes());
        let nonce = &self.nonce;
        let mut a1 = hash(&format!("{user}:{}:{password}", self.realm));
        if self.session {
            a1 = hash(&format!("{a1}:{nonce}:{cnonce}"));
        }
        let a2 = hash(&format!("{method}:{uri}"));
        let nc = format!("{count:08x}");
        let response = hash(&format!("{a1}:{nonce}:{nc}:{cnonce}:auth:{a2}"));
        let user = match user.is_ascii() {
            true => format!("username={}", quoted(user)),
            false => format!("username*=UTF-8''{}", percent_encoded(user)),
        };
        let mut answer = format!("Digest {user}, realm={}, uri={}", quoted(&self.realm), quoted(uri));
        if !self.algorithm.is_empty() {
            answer += &format!(", algorithm={}", self.algorithm);
        }
        answer += &format!(
            ", nonce={}, nc={nc}, cnonce={}, qop=auth, response=\"{response}\"",
            quoted(nonce),
            quoted(cnonce)
        );
        if let Some(opaque) = &self.opaque {
            answer += &format!(", opaque={}", quoted(opaque));
        }
        answer
    }
}

/// A quoted-string of RFC 9110 section 5.6.4.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The value of an extended parameter (RFC 8187 section 3.2).
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::challenge;

    fn select(values: &[&str]) -> Option<DigestChallenge> {
        DigestChallenge::select(&challenge::parse(values.iter().map(|value| value.as_bytes())))
    }

    /// The example of RFC 7616 section 3.9.1.
    const SHA256: &str = "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, \
        nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
    const MD5: &str = "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, \
        nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";

    fn signed() -> Signed<'static> {
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        Signed { method: "GET", uri: "/dir/index.html", cnonce, count: 1 }
    }

    #[test]
    fn the_example_of_section_3_9_1() {
        let answer = select(&[SHA256]).unwrap().answer("Mufasa", "Circle of Life", &signed());
        assert_eq!(
            answer,
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm=SHA-256, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
             response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        #[cfg(feature = "legacy")]
        {
            let answer = select(&[MD5]).unwrap().answer("Mufasa", "Circle of Life", &signed());
            assert!(
                answer.contains("algorithm=MD5, ") && answer.contains("response=\"8ca523f5e9506fed4657c9700eebdbec\"")
            );
        }
        assert_eq!(select(&[MD5]).is_some(), cfg!(feature = "legacy"));
    }

    #[cfg(feature = "legacy")]
    #[test]
    fn the_example_of_rfc_2617() {
        // Section 3.5: no algorithm means MD5, and none is sent back.
        let challenge = select(&["Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
            nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""])
        .unwrap();
        let signed = Signed { cnonce: "0a4f113b", ..signed() };
        let answer = challenge.answer("Mufasa", "Circle Of Life", &signed);
        assert!(answer.contains("response=\"6629fae49393a05397450978507c4ef1\"") && !answer.contains("algorithm"));
    }

    #[test]
    fn a_session_key_has_both_nonces() {
        let challenge = select(&[&SHA256.replace("SHA-256", "sha-256-SESS")]).unwrap();
        let answer = challenge.answer("Mufasa", "Circle of Life", &Signed { count: 0x1F, ..signed() });
        // Computed with Python's hashlib.
        let expected = "b05c01b5fb9c0f8b808007d76e0cb667bb32f645272c47bd99b03d9af7e1d7d3";
        assert!(answer.contains("nc=0000001f, ") && answer.contains("algorithm=sha-256-SESS, "), "{answer}");
        assert!(answer.contains(&format!("response=\"{expected}\"")), "{answer}");
    }

    #[cfg(feature = "legacy")]
    #[test]
    fn a_session_key_of_md5_has_both_nonces() {
        let challenge = select(&[&MD5.replace("MD5", "MD5-sess")]).unwrap();
        let answer = challenge.answer("Mufasa", "Circle of Life", &signed());
        // Computed with Python's hashlib.
        assert!(answer.contains("algorithm=MD5-sess, "), "{answer}");
        assert!(answer.contains("response=\"e783283f46242139c486a698fec7211d\""), "{answer}");
    }

    #[test]
    fn names_and_quotes_are_escaped() {
        let challenge = select(&["Digest realm=\"a \\\"b\\\\\", nonce=n, qop=auth, algorithm=SHA-256"]).unwrap();
        let answer = challenge.answer("J\u{e4}s\u{f8}n Doe", "p", &signed());
        // The form of RFC 7616 section 3.4.4.
        assert!(
            answer.starts_with("Digest username*=UTF-8''J%C3%A4s%C3%B8n%20Doe, realm=\"a \\\"b\\\\\", "),
            "{answer}"
        );
        assert!(challenge.answer("a\"b", "p", &signed()).starts_with("Digest username=\"a\\\"b\", "));
        assert!(!answer.contains("opaque"));
    }

    #[test]
    fn the_strongest_supported_challenge_is_selected() {
        for list in
            [&[MD5, SHA256][..], &[SHA256, MD5], &["Basic realm=x", SHA256], &[&format!("Basic realm=x, {SHA256}")]]
        {
            assert_eq!(select(list).unwrap().algorithm, "SHA-256");
        }
        let first = SHA256.replace("7ypf", "first");
        assert!(select(&[&first, SHA256]).unwrap().nonce.starts_with("first"));
        assert!(select(&[&SHA256.replace("qop=", "stale=TRUE, qop=")]).unwrap().stale);
        assert!(!select(&[SHA256]).unwrap().stale);
        // Realm, nonce and opaque of 4 KiB are sent back, and of one byte more are not.
        let room =
            MAX_PARAMS - select(&[SHA256]).map(|c| c.realm.len() + c.nonce.len() + c.opaque.unwrap().len()).unwrap();
        assert!(select(&[&SHA256.replace("7ypf", &format!("7ypf{}", "x".repeat(room)))]).is_some());
        let long = format!("7ypf{}", "x".repeat(room + 1));
        for wrong in [
            "Basic realm=x",
            "Digest",
            &SHA256.replace("Digest", "Basic"),
            &SHA256.replace("SHA-256", "SHA-512-256"),
            &SHA256.replace("\"auth, auth-int\"", "\"auth-int\""),
            &SHA256.replace("qop=", "other="),
            &SHA256.replace("nonce=", "other="),
            &SHA256.replace("realm=", "other="),
            &SHA256.replace("http-auth", "caf\u{e9}"),
            &SHA256.replace("7ypf", &long),
        ] {
            assert!(select(&[wrong]).is_none(), "{wrong}");
        }
    }

    /// RFC 7616 section 3.4: the characters of `attr-char` in RFC 5987 stay.
    #[test]
    fn names_in_the_extended_form() {
        assert_eq!(percent_encoded("aZ9!#$&+-.^_`|~"), "aZ9!#$&+-.^_`|~");
        assert_eq!(percent_encoded("\u{e9} %*'"), "%C3%A9%20%25%2A%27");
    }
}
