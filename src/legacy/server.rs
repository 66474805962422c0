//! Settings of a server for the drafts: which versions it accepts, and `deflate-stream`.

use crate::legacy::Version;
use crate::server::builder::Server;

impl Server {
    /// Accepts these versions in addition to RFC 6455. Default: none. Feature `legacy`.
    ///
    /// The request determines the version, which [`WebSocket::version`](crate::WebSocket::version) returns. A request
    /// for another version is answered with status 426 and the list of supported versions. Requests of hixie-75 and
    /// -55, of hybi-00 and -01, and of hybi-03 and -02 look the same: the first of each pair is used if both are named.
    ///
    /// Drafts before hybi-04 do not mask client frames. A web page can therefore attack a proxy on the way to this
    /// server (RFC 6455 section 10.3). The handshake of hixie-75 has no proof. Requests before hybi-05 require an
    /// origin. Requests up to hybi-06 are rejected by ending the stream, as those drafts define.
    ///
    /// Up to hybi-03, the response contains the URL, which the client compares with its own. The scheme is `wss` if the
    /// server uses TLS, or if a proxy reports that in `X-Forwarded-Proto`.
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

    /// Accepts `deflate-stream` from clients of hybi-04 to version 8, which compresses the whole stream. Off by
    /// default. Feature `legacy`.
    ///
    /// Do not compress secrets together with data that an attacker can choose: the compressed size reveals the secrets.
    pub fn deflate_stream(mut self) -> Server {
        self.config.drafts.deflate_stream = true;
        self
    }
}
