//! The challenges of a 401 or 407 response: WWW-Authenticate and Proxy-Authenticate (RFC 9110 section 11.6.1).
//!
//! ```text
//! WWW-Authenticate = 1#challenge
//! challenge        = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
//! auth-param       = token BWS "=" BWS ( token / quoted-string )
//! ```
//!
//! Commas separate challenges, and also the parameters of a challenge. A token with `=` after it begins a parameter, any
//! other token a challenge. The parser reads a field once, from left to right. At the first error in the grammar it ignores
//! the rest of the field and keeps what it has read. At most [`MAX_ELEMENTS`] challenges and parameters are kept.

use std::fmt;

use crate::error::{HandshakeError, ProxyError};
use crate::handshake::header::{is_space, Cursor, Malformed, MAX_ELEMENTS};
use crate::redact;

/// An authentication scheme that a server or a proxy accepts, with its parameters. See
/// [`HandshakeError::challenges`](crate::HandshakeError::challenges). Feature `client`.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    scheme: String,
    token: Option<String>,
    params: Vec<(String, String)>,
}

impl Challenge {
    /// The scheme as it was sent, such as `Basic` or `Bearer`. Its case does not matter; compare it with
    /// [`has_scheme`](Challenge::has_scheme).
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether the scheme is this one, compared without regard to case.
    pub fn has_scheme(&self, scheme: &str) -> bool {
        // 7617-2-s1
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The parameter `realm`: the area that the credentials are for.
    pub fn realm(&self) -> Option<&str> {
        self.param("realm")
    }

    /// The first parameter of this name, compared without regard to case.
    pub fn param(&self, name: &str) -> Option<&str> {
        // 7617-2-3: unknown parameters are ignored.
        self.params.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The token that some schemes, such as `Negotiate`, have in place of parameters.
    pub fn token68(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

/// Shows the scheme, the realm, and the names of the parameters: nonces and tokens are credentials of some schemes.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let params: Vec<_> = self.params.iter().map(|(name, _)| name).collect();
        f.debug_struct("Challenge")
            .field("scheme", &self.scheme)
            .field("realm", &self.realm())
            .field("params", &params)
            .field("token68", &self.token.as_ref().map(|_| redact::NOT_SHOWN))
            .finish()
    }
}

impl HandshakeError {
    /// The challenges of a 401: its `WWW-Authenticate` fields (RFC 9110 section 11.6.1) in order, as far as they follow the
    /// grammar. They hold nothing that this side sent. At most 64 challenges and parameters are returned.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.basic_auth("the feed", |credentials| credentials.matches("ann", "secret"))?;
    /// # let server = server.start(|_| Ok(()))?;
    /// # let client = stdws::Client::new(&server.url())?;
    /// match client.connect() {
    ///     Err(stdws::Error::Handshake(rejection)) if rejection.status() == Some(401) => {
    ///         let basic = rejection.challenges().into_iter().find(|challenge| challenge.has_scheme("Basic"));
    ///         assert_eq!(basic.unwrap().realm(), Some("the feed"));
    ///     }
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn challenges(&self) -> Vec<Challenge> {
        let fields = self.headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case("WWW-Authenticate"));
        parse(fields.map(|(_, value)| value.as_bytes()))
    }
}

impl ProxyError {
    /// The challenges of a 407 of an HTTP proxy: its `Proxy-Authenticate` fields (RFC 9110 section 11.7.1) in order.
    ///
    /// ```
    /// # fn f(error: stdws::ProxyError) {
    /// for challenge in error.challenges().iter().filter(|challenge| challenge.has_scheme("Basic")) {
    ///     println!("credentials needed for {}", challenge.realm().unwrap_or_default());
    /// }
    /// # }
    /// ```
    pub fn challenges(&self) -> Vec<Challenge> {
        let fields = self.headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case("Proxy-Authenticate"));
        parse(fields.map(|(_, value)| value.as_bytes()))
    }
}

/// The challenges of all these fields. What follows the first [`MAX_ELEMENTS`] elements is ignored, so that a peer cannot turn a
/// head of 64 KiB into many times as much memory.
pub(crate) fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Vec<Challenge> {
    let (mut list, mut elements) = (Vec::new(), 0_usize);
    for value in values {
        let mut cursor = Cursor { rest: value };
        while elements < MAX_ELEMENTS && element(&mut cursor, &mut list).is_ok() {
            elements = elements.saturating_add(1);
        }
    }
    list
}

/// Reads a challenge, or another parameter of the last one. The end of the field is an error too.
fn element(cursor: &mut Cursor<'_>, list: &mut Vec<Challenge>) -> Result<(), Malformed> {
    while cursor.consume(b',') {}
    let before = cursor.rest;
    let word = cursor.token()?;
    if cursor.rest.first() == Some(&b'=') {
        cursor.rest = before;
        let last = list.last_mut().filter(|last| last.token.is_none()).ok_or(Malformed)?;
        last.params.push(param(cursor)?);
    } else {
        let spaced = before.get(word.len()).is_some_and(|&byte| is_space(byte));
        let mut challenge = Challenge { scheme: word.to_owned(), token: None, params: Vec::new() };
        match cursor.rest.first() {
            None | Some(b',') => {}
            Some(_) if !spaced => return Err(Malformed),
            Some(_) => match token68(cursor.rest) {
                Some((token, rest)) => {
                    challenge.token = Some(token);
                    cursor.rest = rest;
                }
                None => challenge.params.push(param(cursor)?),
            },
        }
        list.push(challenge);
    }
    match cursor.rest.first() {
        None | Some(b',') => Ok(()),
        Some(_) => Err(Malformed),
    }
}

/// Reads a parameter.
fn param(cursor: &mut Cursor<'_>) -> Result<(String, String), Malformed> {
    let name = cursor.token()?.to_owned();
    if !cursor.consume(b'=') {
        return Err(Malformed);
    }
    Ok((name, cursor.text()?))
}

/// token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=", if nothing else stands before the next comma.
fn token68(text: &[u8]) -> Option<(String, &[u8])> {
    let word = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte)).count();
    let (word, rest) = text.split_at_checked(word)?;
    let padding = rest.iter().take_while(|&&byte| byte == b'=').count();
    let (padding, rest) = rest.split_at_checked(padding)?;
    let rest = rest.trim_ascii_start();
    let ends = !word.is_empty() && matches!(rest.first(), None | Some(b','));
    ends.then(|| (String::from_utf8_lossy(&[word, padding].concat()).into_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(values: &[&str]) -> Vec<String> {
        let show = |c: &Challenge| {
            let token = c.token68().map(|token| format!(" <{token}>")).unwrap_or_default();
            c.scheme().to_owned() + &token + &c.params.iter().map(|(n, v)| format!(" {n}=[{v}]")).collect::<String>()
        };
        parse(values.iter().map(|value| value.as_bytes())).iter().map(show).collect()
    }

    #[test]
    fn all_forms_of_challenges_are_parsed() {
        let rows: [(&[&str], &[&str]); 17] = [
            (&[], &[]),
            (&[""], &[]),
            (&["Basic realm=\"foo\""], &["Basic realm=[foo]"]),
            (&["Basic realm=\"foo\", charset=\"UTF-8\""], &["Basic realm=[foo] charset=[UTF-8]"]),
            (&["basic REALM = foo , x=y"], &["basic REALM=[foo] x=[y]"]),
            (&["Basic realm=\"a, \\\"b\\\\\""], &["Basic realm=[a, \"b\\]"]),
            (&["Basic realm=\"\""], &["Basic realm=[]"]),
            (&["Negotiate"], &["Negotiate"]),
            (&["Negotiate YWJj/+=="], &["Negotiate <YWJj/+==>"]),
            (&["Negotiate, Basic realm=x"], &["Negotiate", "Basic realm=[x]"]),
            (&["Negotiate abc=, NTLM"], &["Negotiate <abc=>", "NTLM"]),
            // The example of RFC 9110 section 11.6.1.
            (
                &["Basic realm=\"simple\", Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\""],
                &["Basic realm=[simple]", "Newauth realm=[apps] type=[1] title=[Login to \"apps\"]"],
            ),
            (&["Bearer", "Basic realm=x"], &["Bearer", "Basic realm=[x]"]),
            (&[" , ,Basic\trealm=x,,y=z, "], &["Basic realm=[x] y=[z]"]),
            (&["Basic   realm=x"], &["Basic realm=[x]"]),
            (&["Basic realm=\"caf\u{e9}\""], &["Basic realm=[caf\u{e9}]"]),
            (&["A b=c, D", "e=f"], &["A b=[c]", "D e=[f]"]),
        ];
        for (values, want) in rows {
            assert_eq!(show(values), want, "{values:?}");
        }
    }

    #[test]
    fn an_error_in_the_grammar_ends_the_field() {
        let rows: [(&[&str], &[&str]); 13] = [
            (&["\"Basic\""], &[]),
            (&["Basic x y"], &[]),
            (&["realm=x"], &[]),
            (&["Basic realm=\"x"], &[]),
            (&["Basic realm=\"x\\"], &[]),
            (&["Basic realm=\"x\" y"], &["Basic realm=[x]"]),
            (&["Basic realm=x y=z"], &["Basic realm=[x]"]),
            (&["Basic realm=x, =y, A"], &["Basic realm=[x]"]),
            (&["Basic@realm=x"], &[]),
            (&["Basic/x"], &[]),
            (&["A x==, b=c, D"], &["A <x==>"]),
            (&["Basic realm=@"], &[]),
            // The next field is parsed.
            (&["A, @", "B"], &["A", "B"]),
        ];
        for (values, want) in rows {
            assert_eq!(show(values), want, "{values:?}");
        }
    }

    #[test]
    fn schemes_and_parameters_are_found_without_regard_to_case() {
        // 7617-2-s1, 7617-2-3
        let list = parse([b"bASIC Realm=\"foo\", unknown=1, realm=second".as_slice()]);
        assert!(list[0].has_scheme("Basic") && !list[0].has_scheme("Bearer"));
        assert_eq!((list[0].realm(), list[0].param("REALM")), (Some("foo"), Some("foo")));
        assert_eq!((list[0].param("charset"), list[0].token68()), (None, None));
    }

    #[test]
    fn challenges_of_the_errors() {
        let fields = ["X", "www-authenticate", "PROXY-AUTHENTICATE", "WWW-Authenticate", "Proxy-Authenticate"];
        let fields = fields.map(|name| (name.to_owned(), format!("{name} realm=x")));
        let schemes = |list: Vec<Challenge>| list.iter().map(|c| c.scheme().to_owned()).collect::<Vec<_>>();
        let rejected = HandshakeError::new(crate::error::HandshakeErrorKind::UnexpectedEof);
        let rejected = rejected.with_response(401, fields.to_vec(), Vec::new());
        assert_eq!(schemes(rejected.challenges()), ["www-authenticate", "WWW-Authenticate"]);
        #[cfg(feature = "proxy")]
        {
            let refused = ProxyError::new(crate::error::ProxyErrorKind::Status(407), "p:1".into(), "h:2".into());
            let refused = refused.with_response(fields.to_vec(), Vec::new());
            assert_eq!(schemes(refused.challenges()), ["PROXY-AUTHENTICATE", "Proxy-Authenticate"]);
        }
    }

    #[test]
    fn elements_are_capped_over_all_fields() {
        let many = "A,".repeat(300);
        assert_eq!(parse([many.as_bytes(), many.as_bytes()]).len(), MAX_ELEMENTS);
        let params = "A b=c,".to_owned() + &"d=e,".repeat(300);
        let list = parse([params.as_bytes(), b"Last"]);
        assert_eq!(list.len(), 1);
        assert!(list[0].params.len() <= MAX_ELEMENTS);
        // A usual list is far below.
        let usual =
            ["Basic realm=a", "Negotiate", "Digest realm=a, nonce=b, qop=auth, opaque=c, stale=false, algorithm=MD5"];
        assert_eq!(parse(usual.iter().map(|value| value.as_bytes())).len(), 3);
    }

    #[test]
    fn long_values_are_read_once() {
        for part in ["\"", "\\\"", "a=", ",", " ", "a b=\"", "a,"] {
            let value = "Basic ".to_owned() + &part.repeat(300_000);
            parse([value.as_bytes()]);
        }
    }
}
