//! [`Server::basic_auth`]: a user name and a password for all requests of a server.

use super::credentials::Credentials;
use crate::error::Result;
use crate::http::response::Response;
use crate::server::builder::Server;
use crate::server::handshake_config::BasicAuth;

impl Server {
    /// Requires a user name and a password that `check` accepts (RFC 7617). Other requests are answered with 401. It applies to
    /// all requests, those of [`http`](Server::http) too, and runs before [`on_request`](Server::on_request).
    ///
    /// The `realm` names what the password is for. `check` runs in the thread of the connection, and its time counts towards
    /// [`Timeouts::handshake`](crate::Timeouts::handshake). If it panics, the response is 500. A handler reads the user name with
    /// [`Request::basic_auth`](crate::Request::basic_auth).
    ///
    /// Compare with [`Credentials::matches`], whose time does not show how much of a guess is right. User names and passwords are
    /// sent almost as plain text: use TLS on a network that you do not control. There is no limit on the rate of guesses.
    ///
    /// To require credentials for some requests only, or tokens, decide in [`on_request`](Server::on_request), with
    /// [`Request::basic_auth`](crate::Request::basic_auth), [`Request::bearer_token`](crate::Request::bearer_token),
    /// [`constant_time_eq`](crate::constant_time_eq) and [`Response::unauthorized`].
    ///
    /// # Errors
    /// [`UsageError::HeaderValue`](crate::UsageError::HeaderValue) if the realm has a control character or a character outside ASCII.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Client, Server};
    /// let server = Server::bind("127.0.0.1:0")?.basic_auth("the feed", |credentials| credentials.matches("ann", "correct horse"))?;
    /// let server = server.start(|mut ws| {
    ///     let credentials = ws.request().and_then(|request| request.basic_auth());
    ///     let greeting = format!("hello, {}", credentials.map_or(String::new(), |c| c.user().unwrap_or_default().to_owned()));
    ///     ws.send(&greeting)
    /// })?;
    /// let client = Client::new(&server.url())?;
    /// assert!(client.connect().is_err());
    /// let mut ws = client.basic_auth("ann", "correct horse")?.connect()?;
    /// assert_eq!(ws.recv()?.unwrap().as_text(), Some("hello, ann"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn basic_auth(
        mut self,
        realm: &str,
        check: impl Fn(&Credentials) -> bool + Send + Sync + 'static,
    ) -> Result<Server> {
        let challenge = Response::unauthorized(realm);
        if let Some(error) = challenge.error() {
            return Err(error.clone().into());
        }
        self.config.hooks.basic_auth = Some(BasicAuth { challenge, check: Box::new(check) });
        Ok(self)
    }
}
