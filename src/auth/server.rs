//! [`Server::basic_auth`]: a door with a name and a password.

use super::credentials::Credentials;
use crate::error::Result;
use crate::http::response::Response;
use crate::server::builder::Server;
use crate::server::handshake_config::BasicAuth;

impl Server {
    /// Lets in only those whose user name and password `check` knows (RFC 7617); all others are answered 401. It holds for every
    /// request, those of [`http`](Server::http) too, and comes before [`on_request`](Server::on_request).
    ///
    /// The `realm` tells people what the password is for. `check` is called in the thread of the connection, and its time
    /// counts towards [`Timeouts::handshake`](crate::Timeouts::handshake); if it panics, the request is answered 500. Who it was,
    /// the handler learns from [`Request::basic_auth`](crate::Request::basic_auth).
    ///
    /// Compare with [`Credentials::matches`], whose time does not tell how much of a guess was right. Names and passwords travel as good as
    /// readable: use TLS where the network is not yours. Guessing is not slowed down here.
    ///
    /// To ask for credentials for some requests only, or for tokens, decide in [`on_request`](Server::on_request), with
    /// [`Request::basic_auth`](crate::Request::basic_auth), [`Request::bearer_token`](crate::Request::bearer_token),
    /// [`constant_time_eq`](crate::constant_time_eq) and [`Response::unauthorized`].
    ///
    /// # Errors
    /// [`UsageError::HeaderValue`](crate::UsageError::HeaderValue) if the realm has a control character or one outside ASCII.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Client, Server};
    /// let server = Server::bind("127.0.0.1:0")?.basic_auth("the feed", |who| who.matches("ann", "correct horse"))?;
    /// let server = server.start(|mut ws| {
    ///     let who = ws.request().and_then(|request| request.basic_auth());
    ///     let greeting = format!("hello, {}", who.map_or(String::new(), |who| who.user().to_owned()));
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
