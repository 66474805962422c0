//! The settings about the way to the server: proxies and redirects.

use super::builder::Client;
use crate::proxy::Proxy;
use crate::redirect::follow;

impl Client {
    /// Goes through a proxy. Without this, none is used, whatever the environment says; [`Proxy::from_env`] asks it.
    ///
    /// [`peer_addr`](crate::WebSocket::peer_addr) is the proxy's then.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Client, Proxy};
    /// let client = Client::new("ws://example.com/feed")?.proxy(Proxy::new("socks5://127.0.0.1:9050")?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn proxy(mut self, proxy: Proxy) -> Client {
        self.proxy = Some(proxy);
        self
    }

    /// Follows up to `limit` redirects, but never more than 10. Default 0: a redirect is a rejection.
    ///
    /// Never from `wss` to a URL without TLS. When scheme, host or port changes, the headers `Authorization`, `Cookie` and
    /// `Proxy-Authorization` and the credentials of the URL are left behind; other headers go along, so put no secret into them.
    /// The chapter [`proxies`](crate::manual::proxies) of the manual has the rules.
    ///
    /// [`connect_over`](Client::connect_over) follows none: its stream leads to one place.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// let client = stdws::Client::new("ws://example.com/feed")?.max_redirects(3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_redirects(mut self, limit: u8) -> Client {
        self.max_redirects = limit.min(follow::MAX_REDIRECTS);
        self
    }
}
