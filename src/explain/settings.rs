//! Settings of an [`Explainer`], made before the first byte.

#[cfg(feature = "deflate")]
use super::explainer::new_inflater;
use super::explainer::{Explainer, State};
use super::head::Secrets;
#[cfg(feature = "proxy")]
use super::tunnel::ProxyKind;
use crate::config::Limits;

impl Explainer {
    /// Expects a frame first, because the opening handshake is not part of the input.
    pub fn after_handshake(mut self) -> Explainer {
        self.state = self.frame_state();
        #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
        if let State::Draft(frames) = &mut self.state {
            frames.skip_trailer();
        }
        self
    }

    /// Shows the heads as they are sent, with credentials, cookies and tokens. Do not publish this output. Must precede the
    /// first [`feed`](Explainer::feed).
    ///
    /// ```
    /// use stdws::explain::Explainer;
    ///
    /// let head = b"GET /feed?key=1234 HTTP/1.1\r\nAuthorization: Bearer 1234\r\n";
    /// assert!(!Explainer::client().feed(head).contains("1234"));
    /// assert!(Explainer::client().with_secrets().feed(head).contains("Authorization: Bearer 1234"));
    /// ```
    pub fn with_secrets(mut self) -> Explainer {
        self.secrets = Secrets::Shown;
        self.restart_head();
        self
    }

    /// Sets the limits of heads: [`Limits::max_head_size`] and [`Limits::max_head_fields`]. The other limits do not concern an
    /// explainer. Needed only for a connection with other limits than the default ones. Must precede the first
    /// [`feed`](Explainer::feed).
    ///
    /// ```
    /// use stdws::{explain::Explainer, Limits};
    ///
    /// let head = format!("GET / HTTP/1.1\r\nCookie: {}\r\n\r\n", "x".repeat(100_000));
    /// assert!(Explainer::client().feed(head.as_bytes()).contains("Limits::max_head_size is 65536"));
    /// let mut roomy = Explainer::client().limits(Limits { max_head_size: 128 << 10, ..Limits::server() });
    /// assert!(roomy.feed(head.as_bytes()).contains("end of the head"));
    /// ```
    pub fn limits(mut self, limits: Limits) -> Explainer {
        self.limits = limits;
        self.restart_head();
        self
    }

    /// Expects the exchange with an HTTP proxy first: the request CONNECT and its response (RFC 9110 section 9.3.6). Then the
    /// opening handshake follows on the same connection. Feature `proxy`.
    ///
    /// Must precede the first [`feed`](Explainer::feed). TLS, which follows for a `wss` server, is not parsed.
    ///
    /// ```
    /// use stdws::explain::Explainer;
    ///
    /// let mut client = Explainer::client().through_http_proxy();
    /// let text = client.feed(b"CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n");
    /// assert!(text.contains("client -> proxy  The request for a tunnel"));
    /// let text = client.feed(b"GET /chat HTTP/1.1\r\n");
    /// assert!(text.contains("client -> server  Opening handshake: the request"));
    /// ```
    #[cfg(feature = "proxy")]
    pub fn through_http_proxy(mut self) -> Explainer {
        self.proxy = Some(ProxyKind::Http);
        self.restart_head();
        self
    }

    /// Expects the exchange with a SOCKS5 proxy first (RFC 1928, RFC 1929). Then the opening handshake follows on the same
    /// connection. Feature `proxy`.
    ///
    /// Must precede the first [`feed`](Explainer::feed). User name and password are shown
    /// [`with_secrets`](Explainer::with_secrets) only.
    ///
    /// ```
    /// use stdws::explain::Explainer;
    ///
    /// let mut proxy = Explainer::server().through_socks5();
    /// let text = proxy.feed(&[5, 0, 5, 0, 0, 1, 127, 0, 0, 1, 0x1F, 0x90]);
    /// assert!(text.contains("address   127.0.0.1"));
    /// assert!(text.contains("port      8080"));
    /// ```
    #[cfg(feature = "proxy")]
    pub fn through_socks5(mut self) -> Explainer {
        self.proxy = Some(ProxyKind::Socks5);
        self.restart_head();
        self
    }

    /// Applies the settings, unless the handshake is not part of the input.
    fn restart_head(&mut self) {
        match self.state {
            State::Head(_) => self.state = self.initial_state(),
            #[cfg(feature = "proxy")]
            State::Tunnel(_) => self.state = self.initial_state(),
            _ => {}
        }
    }

    /// Expects compressed messages (permessage-deflate, RFC 7692). Needed only with
    /// [`after_handshake`](Explainer::after_handshake), because otherwise the handshake shows it.
    ///
    /// ```
    /// use stdws::explain::Explainer;
    ///
    /// let mut server = Explainer::server().after_handshake().compressed();
    /// let text = server.feed(&[0xC1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    /// assert!(text.contains("RSV1 is 1: the message is compressed"));
    /// assert!(text.contains(r#""Hello""#));
    /// ```
    #[cfg(feature = "deflate")]
    pub fn compressed(mut self) -> Explainer {
        self.inflater = new_inflater();
        self
    }
}
