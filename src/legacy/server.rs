//! The settings of a server that are about drafts (feature `legacy`).

use crate::legacy::Version;
use crate::server::builder::Server;

impl Server {
    /// Also speaks these versions of the protocol; RFC 6455 always is. Default: none. Feature `legacy`.
    ///
    /// Each request says which version it wants, and [`WebSocket::version`](crate::WebSocket::version) tells. A version that is not
    /// spoken is answered 426 with the list of those that are. Where requests of two versions look the same
    /// (hixie-75 and -55, hybi-00 and -01, hybi-03 and -02), the first of each pair is spoken if both are named.
    ///
    /// Drafts before hybi-04 do not mask what clients send, so a page can deceive a proxy on the way to this server
    /// (RFC 6455 section 10.3), and hixie-75 proves nothing. Their requests have to state an origin, and are refused by ending the
    /// stream, as they have it; so are those of hybi-04 to -06.
    ///
    /// Up to hybi-03 a server tells the client its own URL, and the client compares. It is `wss` where the server speaks TLS
    /// itself, or a proxy in front of it says so in `X-Forwarded-Proto`.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Server, Version};
    /// let server = Server::bind("127.0.0.1:0")?.legacy_versions([Version::Hybi08, Version::Hybi07, Version::HIXIE76]);
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn legacy_versions(mut self, versions: impl IntoIterator<Item = Version>) -> Server {
        self.config.drafts.versions = versions.into_iter().collect();
        self
    }

    /// Agrees to `deflate-stream` with clients of hybi-04 to version 8 that offer it: all that is sent is compressed. Off
    /// unless called. Feature `legacy`.
    ///
    /// Compressing secrets beside what somebody else chose gives the secrets away by the size of what is sent.
    pub fn deflate_stream(mut self) -> Server {
        self.config.drafts.deflate_stream = true;
        self
    }
}
