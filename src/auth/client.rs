//! Basic credentials and cookies of a [`Client`]. Both are stored as fields of the request.

use super::basic;
use crate::client::builder::Client;
use crate::error::{Result, UsageError};
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
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("Authorization"));
        self.headers.push(("Authorization".to_owned(), value));
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
