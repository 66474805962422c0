//! The setting of a [`Client`] that selects a proxy.

use crate::client::builder::Client;
use crate::proxy::Proxy;

impl Client {
    /// Connects through a proxy. By default none is used, and the environment is not read; [`Proxy::from_env`] reads
    /// it. Feature `proxy`.
    ///
    /// [`peer_addr`](crate::WebSocket::peer_addr) then returns the address of the proxy.
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
