//! [`Client`] and its settings, and [`connect`] for a URL alone. Settings are checked when they are given; nothing here
//! does I/O.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::route::Route;
use crate::auth::basic;
use crate::auth::digest_session::DigestAuth;
use crate::config::{Limits, Timeouts};
use crate::connection::websocket::WebSocket;
use crate::deflate::extension::Deflate;
use crate::error::{Result, UsageError};
#[cfg(feature = "trace")]
use crate::events::event::Event;
use crate::events::sink::EventCallback;
use crate::handshake::client as handshake;
use crate::handshake::header;
use crate::handshake::uri::Uri;
use crate::primitives::random::CallerSource;
#[cfg(feature = "proxy")]
use crate::proxy::Proxy;
use crate::redact;
#[cfg(feature = "native-tls")]
use crate::tls::connect::{Connector, TlsConnect};

/// Opens a connection to a `ws://` or `wss://` URL (RFC 6455 section 4.1) with the default settings of [`Client`].
/// Feature `client`.
///
/// Takes at most [`Timeouts::connect`], 30 s.
///
/// # Errors
/// Those of [`Client::new`] and [`Client::connect`].
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
/// #     while let Some(message) = ws.recv()? { ws.send(&message)?; }
/// #     Ok(())
/// # })?;
/// # let url = server.url();
/// let mut ws = stdws::connect(&url)?;
/// ws.send("hello")?;
/// assert_eq!(ws.recv()?.unwrap().as_text(), Some("hello"));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "wss")]
pub fn connect(url: impl AsRef<str>) -> Result<WebSocket> {
    Client::new(url)?.connect()
}

/// Settings for connections to one URL (RFC 6455 section 4.1). A client can be cloned and can connect any number of
/// times. Feature `client`.
///
/// A user name and password in the URL are sent as Basic credentials (RFC 7617), unless there is an `Authorization`
/// header. `Debug` and errors never show them, nor header values, nor the query, nor subprotocols that may be tokens.
///
/// A setter that can reject its argument does so at once and returns a `Result`. Limits and timeouts depend on each other, so
/// they are checked when the client connects.
///
/// Redirects are followed only after [`max_redirects`](Client::max_redirects). Otherwise a redirect is an
/// [`Error::Handshake`](crate::Error::Handshake) with headers and body, like every status other than 101.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
/// #     while let Some(message) = ws.recv()? { ws.send(&message)?; }
/// #     Ok(())
/// # })?;
/// # let url = server.url();
/// use std::time::Duration;
/// let mut ws = stdws::Client::new(&url)?
///     .header("Authorization", "Bearer 2YotnFZFEjr1zCsicMWpAA")?
///     .max_message_size(1 << 20)
///     .connect_timeout(Duration::from_secs(10))
///     .connect()?;
/// ws.send("hello")?;
/// assert_eq!(ws.recv()?.unwrap().as_text(), Some("hello"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    pub(crate) uri: Uri,
    pub(crate) headers: Vec<(String, String)>,
    /// Takes the place of the credentials of the URL.
    pub(crate) digest: Option<DigestAuth>,
    pub(crate) origin: Option<String>,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) deflate: Option<Deflate>,
    #[cfg(feature = "proxy")]
    pub(crate) proxy: Option<Proxy>,
    #[cfg(feature = "proxy")]
    pub(crate) max_redirects: u8,
    #[cfg(feature = "legacy")]
    pub(crate) legacy_options: crate::legacy::options::LegacyOptions,
    /// `None`: the defaults of the system.
    #[cfg(feature = "native-tls")]
    pub(crate) tls: Option<Connector>,
    /// `None`: the source of the system. All connections of this client and its clones share one source.
    pub(crate) random_source: Option<Arc<CallerSource>>,
    pub(crate) events: EventCallback,
    pub(super) route: Route,
}

impl Client {
    /// A client for a `ws://` or `wss://` URL. Does no I/O.
    ///
    /// Characters that a URL must not have are converted: a host name such as `bücher.example` to Punycode, a path or query
    /// such as `/café?q=a b` to percent-encoded UTF-8. A percent-encoding stays as it is. The limits of this conversion
    /// are at [`UriErrorKind::UnsupportedHost`](crate::UriErrorKind::UnsupportedHost) and
    /// [`UriErrorKind::InvalidPathCharacter`](crate::UriErrorKind::InvalidPathCharacter). An IPv6 address may have a zone,
    /// `ws://[fe80::1%25eth0]/` (RFC 6874): the name or the number of a network interface, which the resolver of the system
    /// looks up. The zone is never sent.
    ///
    /// # Errors
    /// - [`UsageError::Url`] if the URL is invalid by RFC 6455 section 3 or longer than 8 KiB;
    /// - [`UsageError::Credentials`] if HTTP cannot carry its user name or password.
    pub fn new(url: impl AsRef<str>) -> Result<Client> {
        // 6455-4.1-3, 6455-4.1-4
        let uri = Uri::parse(url.as_ref()).map_err(UsageError::Url)?;
        basic::authorization(&[], &uri)?;
        Ok(Client {
            uri,
            headers: Vec::new(),
            digest: None,
            origin: None,
            subprotocols: Vec::new(),
            limits: Limits::client(),
            timeouts: Timeouts::default(),
            deflate: None,
            #[cfg(feature = "proxy")]
            proxy: None,
            #[cfg(feature = "proxy")]
            max_redirects: 0,
            #[cfg(feature = "legacy")]
            legacy_options: crate::legacy::options::LegacyOptions::default(),
            #[cfg(feature = "native-tls")]
            tls: None,
            random_source: None,
            events: EventCallback::default(),
            route: Route::default(),
        })
    }

    /// Adds a header to the request. A name can be added more than once.
    ///
    /// # Errors
    /// - [`UsageError::HeaderName`] if the name is not a token;
    /// - [`UsageError::HeaderValue`] if the value has control characters or anything outside ASCII;
    /// - [`UsageError::ReservedHeader`] for the headers that the handshake writes: `Host`, `Upgrade`, `Connection`,
    ///   `Origin`, `Content-Length`, `Transfer-Encoding`, and names that begin with `Sec-WebSocket-`.
    pub fn header(mut self, name: &str, value: &str) -> Result<Client> {
        header::check_field(name, value)?;
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Sends an `Origin` header, such as `https://app.example.com`. Servers for browsers check it (RFC 6455 section
    /// 10.2).
    ///
    /// # Errors
    /// [`UsageError::Origin`] if it is empty or has a character that is not visible ASCII.
    pub fn origin(mut self, origin: &str) -> Result<Client> {
        handshake::check_origin(origin)?;
        self.origin = Some(origin.to_owned());
        Ok(self)
    }

    /// Offers a subprotocol (RFC 6455 section 1.9), after those offered before, in order of preference.
    ///
    /// The server selects one or none; [`WebSocket::subprotocol`] returns its selection.
    ///
    /// # Errors
    /// [`UsageError::Subprotocol`] if the name is not a token or is already offered. Drafts up to hybi-07 allow any visible
    /// characters, if the version is set before; [`connect`](Client::connect) checks the names again.
    pub fn subprotocol(mut self, name: &str) -> Result<Client> {
        #[cfg(feature = "legacy")]
        let is_allowed = self.draft_spec().is_some_and(|spec| spec.subprotocols.allows(name));
        #[cfg(not(feature = "legacy"))]
        let is_allowed = false;
        if !is_allowed || self.subprotocols.iter().any(|other| other == name) {
            handshake::check_subprotocol(name, &self.subprotocols)?;
        }
        self.subprotocols.push(name.to_owned());
        Ok(self)
    }

    /// Sets all limits on what the server may send. Default [`Limits::client`].
    pub fn limits(mut self, limits: Limits) -> Client {
        self.limits = limits;
        self
    }

    /// Limits each message and each frame that the server sends to this number of bytes. Default 16 MiB.
    ///
    /// Sets [`Limits::max_message_size`] and [`Limits::max_frame_size`]; the other limits keep their values.
    #[doc(alias = "max_payload_size")]
    #[doc(alias = "read limit")]
    pub fn max_message_size(mut self, bytes: u64) -> Client {
        self.limits.max_message_size = bytes;
        self.limits.max_frame_size = bytes;
        self
    }

    /// Offers message compression, permessage-deflate (RFC 7692). Off by default; [`Deflate`] describes its cost and
    /// its risk. Feature `deflate`.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Client, Deflate, Server};
    /// let server = Server::bind("127.0.0.1:0")?.deflate(Deflate::default()).start(|mut ws| {
    ///     while let Some(message) = ws.recv()? { ws.send(&message)?; }
    ///     Ok(())
    /// })?;
    /// let client = Client::new(&server.url())?.deflate(Deflate::default());
    /// let mut ws = client.connect()?;
    /// let text = "the same again and again, ".repeat(100);
    /// ws.send(&text)?;
    /// assert_eq!(ws.recv()?.unwrap().as_text(), Some(text.as_str()));
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "deflate")]
    #[doc(alias = "permessage-deflate")]
    #[doc(alias = "compression")]
    pub fn deflate(mut self, deflate: Deflate) -> Client {
        self.deflate = Some(deflate);
        self
    }

    /// Sets the TLS settings for `wss://` URLs. Default [`TlsConnect::new`]. Feature `native-tls`.
    ///
    /// # Errors
    /// [`Error::Tls`](crate::Error::Tls) of kind
    /// [`TlsErrorKind::InvalidSettings`](crate::TlsErrorKind::InvalidSettings) if the TLS of the system rejects these
    /// settings.
    #[cfg(feature = "native-tls")]
    pub fn tls(mut self, tls: TlsConnect) -> Result<Client> {
        self.tls = Some(tls.build()?);
        Ok(self)
    }

    /// Sets all timeouts. Default [`Timeouts::default`].
    pub fn timeouts(mut self, timeouts: Timeouts) -> Client {
        self.timeouts = timeouts;
        self
    }

    /// Sets the timeout of a call that connects, from name resolution to the open connection: [`Timeouts::connect`].
    /// Default 30 s.
    pub fn connect_timeout(mut self, limit: Duration) -> Client {
        self.timeouts.connect = limit;
        self
    }

    /// Calls this closure with each [`Event`] on the connections of this client and its clones, for logs and counters.
    /// A second closure replaces the first. Feature `trace`.
    ///
    /// The closure runs on the thread that causes the event, and no lock of this crate is held meanwhile. If it panics,
    /// only that event is lost: the panic is caught. If it sends frames, there are no events about these frames, even
    /// if a [`Hub`](crate::Hub) delivers them later.
    ///
    /// A closure that connects to the same peer during an opening handshake waits for that handshake, which waits for the
    /// closure: the attempt fails at its deadline. Connect on another thread, or with
    /// [`dangerously_connect_in_parallel`](Client::dangerously_connect_in_parallel).
    #[cfg(feature = "trace")]
    pub fn on_event(mut self, closure: impl Fn(&Event) + Send + Sync + 'static) -> Client {
        self.events = EventCallback::new(closure);
        self
    }

    /// Replaces the source of random bytes for handshake keys and masking keys (RFC 6455 sections 4.1 and 5.3). The
    /// bytes must be unpredictable: otherwise an attacker can choose the bytes on the wire (section 10.3).
    ///
    /// By default they come from `/dev/urandom` on Unix. On other systems `std` has no such source, and they are
    /// derived from the secret keys that [`RandomState`](std::collections::hash_map::RandomState) takes from the
    /// system.
    ///
    /// The source has to fill the whole slice. If it fails, nothing is sent, and the call returns
    /// [`Error::Io`](crate::Error::Io) of [`Step::RandomSource`](crate::Step::RandomSource). A source that
    /// has panicked is not called again: later calls fail in the same way.
    ///
    /// Several threads call it at the same time, and no lock of this crate is held meanwhile. No deadline limits it, so it must
    /// not block. For a source with a state, use a [`Mutex`](std::sync::Mutex) or an atomic counter. A source that connects to
    /// the peer of its own attempt may wait for that attempt, as with [`on_event`](Client::on_event).
    #[doc(alias = "rng")]
    #[doc(alias = "masking key")]
    pub fn random_source(mut self, source: impl Fn(&mut [u8]) -> io::Result<()> + Send + Sync + 'static) -> Client {
        self.random_source = Some(Arc::new(CallerSource::new(source)));
        self
    }
}

/// Without secrets: header values, user name, password, query, and subprotocols that may be tokens are left out.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        let subprotocols: Vec<_> = self.subprotocols.iter().map(|name| redact::subprotocol(name)).collect();
        let mut shown = f.debug_struct("Client");
        shown
            .field("url", &format_args!("{}", self.uri.redacted()))
            .field("headers", &headers)
            .field("origin", &self.origin.as_deref().map(redact::url))
            .field("subprotocols", &subprotocols)
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts);
        #[cfg(feature = "proxy")]
        shown.field("proxy", &self.proxy).field("max_redirects", &self.max_redirects);
        shown.finish_non_exhaustive()
    }
}
