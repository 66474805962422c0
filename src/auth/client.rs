//! Saying who one is: Basic credentials and cookies of a [`Client`]. Both are fields of the request, and go where those go.

use super::basic;
use crate::client::builder::Client;
use crate::error::{Result, UsageError};
use crate::http::cookie;

impl Client {
    /// Sends a user name and a password with the request (RFC 7617), in UTF-8, without waiting to be asked. They go before those of
    /// the URL, and in place of an `Authorization` header given before.
    ///
    /// The network can read them unless there is TLS.
    ///
    /// # Errors
    /// [`UsageError::Credentials`] for a user name with a colon, and for control characters in either.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// let client = stdws::Client::new("ws://127.0.0.1:9001/feed")?.basic_auth("ann", "correct horse")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn basic_auth(mut self, user: &str, password: &str) -> Result<Client> {
        // 7617-2.2-2: at once, not after a challenge.
        let value = basic::credentials(user, password)?;
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("Authorization"));
        self.headers.push(("Authorization".to_owned(), value));
        Ok(self)
    }

    /// Sends a cookie with the request (RFC 6265 section 4.2), in one field with those set before; one of the same name is
    /// replaced. Cookies that servers set are not kept by themselves:
    /// [`Response::set_cookies`](crate::Response::set_cookies) tells them.
    ///
    /// # Errors
    /// [`UsageError::Cookie`] if the name is not a token, or the value has a space, a comma, a semicolon, a backslash, a quote that
    /// does not surround it, a control character, or one outside ASCII.
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
        // RFC 6265 section 5.4: there is one Cookie field.
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
