//! Credentials and cookies of a [`Client`]. Basic credentials and cookies are stored as fields of the request; Digest credentials
//! are computed for each request.

use super::basic;
use super::digest_session::{DigestAuth, Verdict, MAX_ATTEMPTS};
use crate::client::builder::Client;
use crate::client::handshake::Target;
use crate::connection::websocket::WebSocket;
use crate::error::{Error, Result, Step, UsageError};
use crate::http::cookie;

impl Client {
    /// Sends a user name and a password with each request (RFC 7617), in UTF-8, without a challenge. They replace those of the
    /// URL and an earlier `Authorization` header.
    ///
    /// Without TLS the network can read them.
    ///
    /// # Errors
    /// [`UsageError::Credentials`] for a user name with a colon, and for control characters in the name or the password.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// let client = stdws::Client::new("ws://127.0.0.1:9001/feed")?.basic_auth("ann", "correct horse")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn basic_auth(mut self, user: &str, password: &str) -> Result<Client> {
        // 7617-2.2-2: with the first request, before a challenge.
        let value = basic::credentials(user, password)?;
        self.replace_authorization(value);
        Ok(self)
    }

    /// Like [`basic_auth`](Client::basic_auth), with any bytes. OCPP, for example, sends a key of raw bytes as the password.
    /// RFC 7617 allows no control characters; here they are sent as given.
    ///
    /// # Errors
    /// [`UsageError::Credentials`] for a user name with a colon.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// let key = [0x00, 0xC7, 0x3A, 0xFF];
    /// let client = stdws::Client::new("ws://127.0.0.1:9001/ocpp/CP-7")?.basic_auth_bytes(b"CP-7", &key)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn basic_auth_bytes(mut self, user: &[u8], password: &[u8]) -> Result<Client> {
        let value = basic::byte_credentials(user, password)?;
        self.replace_authorization(value);
        Ok(self)
    }

    fn replace_authorization(&mut self, value: String) {
        self.digest = None;
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("Authorization"));
        self.headers.push(("Authorization".to_owned(), value));
    }

    /// Answers the Digest challenges of the server (RFC 7616) with this user name and password, in UTF-8. They replace those of the
    /// URL and an earlier `Authorization` header.
    ///
    /// The password is not sent, and Basic credentials never are, also if the server offers them. The algorithms are SHA-256,
    /// and MD5 in builds with the feature `legacy`. Without TLS, an attacker on the network can still guess a weak password, and
    /// change what follows the handshake.
    ///
    /// [`connect`](Client::connect) sends a request without credentials, and repeats it over another connection with the answer to
    /// the challenge. The client and its clones keep the challenge and answer it at once the next time. One call makes at most
    /// three requests, within one [`Timeouts::connect`](crate::Timeouts::connect). [`connect_over`](Client::connect_over) and
    /// `connect_unix` make one request: if it is rejected with a challenge, the next call answers it.
    ///
    /// Nothing is sent to another host after a redirect. A challenge without `qop=auth`, or whose realm is not ASCII, is not
    /// answered: the error is that of the 401.
    ///
    /// # Errors
    /// [`UsageError::Credentials`] for a user name with a colon, and for control characters in the name or the password.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// let client = stdws::Client::new("ws://127.0.0.1:9001/feed")?.digest_auth("ann", "correct horse")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn digest_auth(mut self, user: &str, password: &str) -> Result<Client> {
        self.digest = Some(DigestAuth::new(user, password)?);
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("Authorization"));
        Ok(self)
    }

    /// Runs attempts to a target with Digest credentials, if there are any for it.
    pub(crate) fn with_digest(
        &self,
        target: &Target<'_>,
        mut attempt: impl FnMut(&Target<'_>) -> Result<WebSocket>,
    ) -> Result<WebSocket> {
        let mut attempts: u8 = 0;
        loop {
            attempts = attempts.saturating_add(1);
            let target = target.with_answer(self.digest_answer(target));
            let result = attempt(&target);
            if self.learn_digest(&target, &result)? == Verdict::Rejected || attempts == MAX_ATTEMPTS {
                return result;
            }
        }
    }

    /// The Digest credentials for this target. None are sent to another server, nor beside a header of the caller.
    fn digest_for(&self, target: &Target<'_>) -> Option<&DigestAuth> {
        let (own, uri) = (&self.uri, &*target.uri);
        let same = (own.secure, &own.host, own.port) == (uri.secure, &uri.host, uri.port);
        let given = target.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Authorization"));
        self.digest.as_ref().filter(|_| same && !given)
    }

    /// The answer to the challenge that is known.
    pub(crate) fn digest_answer(&self, target: &Target<'_>) -> Option<String> {
        self.digest_for(target)?.answer("GET", target.uri.resource())
    }

    /// Takes the challenge of a rejection. `Rejected`: the result stands.
    pub(crate) fn learn_digest(&self, target: &Target<'_>, result: &Result<WebSocket>) -> Result<Verdict> {
        match (self.digest_for(target), result) {
            (Some(digest), Err(Error::Handshake(rejection))) if rejection.status() == Some(401) => {
                digest.learn(&rejection.challenges(), target.answer.is_some(), || self.draw_nonce())
            }
            _ => Ok(Verdict::Rejected),
        }
    }

    /// The value of the field Authorization, if it is not one of the caller's headers.
    pub(crate) fn authorization(&self, target: &Target<'_>) -> Result<Option<String>> {
        match (&self.digest, &target.answer) {
            (Some(_), answer) => Ok(answer.clone()),
            (None, _) => Ok(basic::authorization(&target.headers, &target.uri)?),
        }
    }

    /// Random bytes of the source of this client.
    pub(crate) fn draw_nonce(&self) -> Result<[u8; 16]> {
        let mut nonce = [0; 16];
        self.new_random_source().fill(&mut nonce).map_err(|error| Error::io(Step::RandomSource, error))?;
        Ok(nonce)
    }

    /// Sends a cookie with each request (RFC 6265 section 4.2), in one field with the cookies set before. It replaces a cookie of
    /// the same name. Cookies that a server sets are not stored:
    /// [`Response::set_cookies`](crate::Response::set_cookies) returns them.
    ///
    /// # Errors
    /// [`UsageError::Cookie`] if the name is not a token, or the value has a space, a comma, a semicolon, a backslash, a quote
    /// inside, a control character, or a character outside ASCII.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// let client = stdws::Client::new("ws://127.0.0.1:9001/feed")?.cookie("session", "31d4d96e")?.cookie("lang", "en")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn cookie(mut self, name: &str, value: &str) -> Result<Client> {
        if !cookie::is_sendable(name, value) {
            return Err(UsageError::Cookie(name.to_owned()).into());
        }
        let pair = format!("{name}={value}");
        // RFC 6265 section 5.4: a request has one Cookie field.
        match self.headers.iter_mut().find(|(field, _)| field.eq_ignore_ascii_case("Cookie")) {
            Some((_, cookies)) => {
                let others = cookies.split("; ").filter(|other| other.split('=').next() != Some(name));
                *cookies = others.chain([pair.as_str()]).collect::<Vec<_>>().join("; ");
            }
            None => self.headers.push(("Cookie".to_owned(), pair)),
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(client: &Client) -> Vec<(&str, &str)> {
        client.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn credentials_replace_earlier_ones() {
        let given = || {
            let client = Client::new("ws://h").unwrap().header("authorization", "Bearer x").unwrap();
            client.header("X-Other", "y").unwrap()
        };
        let other = ("X-Other", "y");
        let basic = given().basic_auth("ann", "a").unwrap().basic_auth_bytes(b"bob", b"\0").unwrap();
        assert_eq!(fields(&basic), [other, ("Authorization", "Basic Ym9iOgA=")]);
        let digest = given().digest_auth("ann", "secret").unwrap();
        assert_eq!((fields(&digest), digest.digest.is_some()), (vec![other], true));
        let basic = digest.basic_auth("ann", "a").unwrap();
        assert_eq!((fields(&basic), basic.digest.is_none()), (vec![other, ("Authorization", "Basic YW5uOmE=")], true));
    }

    #[test]
    fn a_cookie_replaces_one_of_its_name() {
        let client = Client::new("ws://h").unwrap().header("X-Other", "y").unwrap();
        let client = client.cookie("a", "1").unwrap().cookie("b", "2").unwrap().cookie("a", "3").unwrap();
        assert_eq!(fields(&client), [("X-Other", "y"), ("Cookie", "b=2; a=3")]);
        let refused = client.cookie("a", "1; c=4").err();
        assert!(matches!(refused, Some(Error::Usage(UsageError::Cookie(name))) if name == "a"));
    }

    #[test]
    fn a_nonce_is_drawn_from_the_source_of_the_client() {
        let client = Client::new("ws://h").unwrap().random_source(|bytes| {
            bytes.fill(7);
            Ok(())
        });
        assert_eq!(client.draw_nonce().unwrap(), [7; 16]);
        let client = client.random_source(|_| Err(std::io::ErrorKind::Other.into()));
        assert!(matches!(client.draw_nonce(), Err(Error::Io(error)) if error.step() == Step::RandomSource));
    }
}
