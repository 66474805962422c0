//! The setting of a [`Client`] that selects a proxy.

use crate::client::builder::Client;
use crate::proxy::Proxy;

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
}
