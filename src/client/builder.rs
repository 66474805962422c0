//! Connecting: [`connect`] for a URL alone, [`Client`] for everything that can be asked for besides.
//!
//! ```text
//! Client::new, and what is set: checked at once       nothing has been sent up to here
//! credentials      saying who one is
//! connecting       the two ways from there to a WebSocket
//! reaching         from a URL to an open stream, perhaps through a proxy
//! opening          the opening handshake over that stream
//! reconnect        all of it again, after it failed or ended: when, says `backoff`, and whether, `lost`
//! redirects        the same again, where the answer led
//! ```
//!
//! Whatever is wrong on our side shows before the network is touched.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::config::{Limits, Timeouts};
use crate::connection::websocket::WebSocket;
use crate::deflate::extension::Deflate;
use crate::error::{Result, UsageError};
use crate::events::event::Event;
use crate::events::sink::EventCallback;
use crate::handshake::client as handshake;
use crate::handshake::uri::Uri;
use crate::proxy::Proxy;
use crate::tls::config::Connector;
#[cfg(feature = "native-tls")]
use crate::tls::config::TlsConnect;

/// Opens a connection to a `ws://` URL (RFC 6455 section 4.1), with everything else as [`Client`] has it by default.
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
pub fn connect(url: &str) -> Result<WebSocket> {
    Client::new(url)?.connect()
}

/// Opens connections to one URL (RFC 6455 section 4.1). It can be cloned, kept, and used again.
///
/// A user name and password in the URL are sent as Basic credentials (RFC 7617), unless an `Authorization` header is given.
/// Neither they nor header values nor the query are ever shown by `Debug` or an error.
///
/// Redirects are not followed unless [`max_redirects`](Client::max_redirects) asks for it: like every status but 101 they come back as
/// [`Error::Handshake`](crate::Error::Handshake), with headers and body.
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
    pub(crate) origin: Option<String>,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) deflate: Option<Deflate>,
    pub(crate) proxy: Option<Proxy>,
    /// The most that are followed.
    pub(crate) max_redirects: u8,
    #[cfg(feature = "legacy")]
    pub(crate) legacy_options: crate::legacy::connect::LegacyOptions,
    /// `None`: as the system has it.
    pub(crate) tls: Option<Connector>,
    /// `None`: the system's. One source serves all connections of this client and its clones.
    pub(crate) random_source: Option<Arc<Mutex<RandomFn>>>,
    pub(crate) events: EventCallback,
}

type RandomFn = dyn FnMut(&mut [u8]) -> io::Result<()> + Send;

impl Client {
    /// For a `ws://` or `wss://` URL. Sends nothing.
    ///
    /// # Errors
    /// [`UsageError::Url`] for a URL that RFC 6455 section 3 does not allow, and for one longer than 8 KiB;
    /// [`UsageError::Credentials`] for a user name or password that HTTP cannot carry.
    pub fn new(url: &str) -> Result<Client> {
        // 6455-4.1-3, 6455-4.1-4
        let uri = Uri::parse(url).map_err(UsageError::Url)?;
        uri.basic_credentials()?;
        Ok(Client {
            uri,
            headers: Vec::new(),
            origin: None,
            subprotocols: Vec::new(),
            limits: Limits::client(),
            timeouts: Timeouts::default(),
            deflate: None,
            proxy: None,
            max_redirects: 0,
            #[cfg(feature = "legacy")]
            legacy_options: crate::legacy::connect::LegacyOptions::default(),
            tls: None,
            random_source: None,
            events: EventCallback::default(),
        })
    }

    /// Adds a header to the request, such as `Authorization` or `Cookie`. The same name may be added again.
    ///
    /// # Errors
    /// [`UsageError::HeaderName`] and [`UsageError::HeaderValue`] for what cannot stand in a header (control characters, anything
    /// outside ASCII); [`UsageError::ReservedHeader`] for those that the handshake writes: `Host`, `Upgrade`, `Connection`,
    /// `Origin`, `Content-Length`, `Transfer-Encoding`, and all that begin with `Sec-WebSocket-`.
    pub fn header(mut self, name: &str, value: &str) -> Result<Client> {
        handshake::check_header(name, value)?;
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Sends an Origin, which servers meant for browsers look at (RFC 6455 section 10.2): `https://app.example.com`.
    ///
    /// # Errors
    /// [`UsageError::Origin`] if it is empty or has a character that is not visible ASCII.
    pub fn origin(mut self, origin: &str) -> Result<Client> {
        handshake::check_origin(origin)?;
        self.origin = Some(origin.to_owned());
        Ok(self)
    }

    /// Offers a subprotocol (RFC 6455 section 1.9). The first one offered is preferred, but the server chooses;
    /// [`WebSocket::subprotocol`] tells what it chose, which may be none.
    ///
    /// # Errors
    /// [`UsageError::Subprotocol`] if it is not a token or was offered before.
    pub fn subprotocol(mut self, name: &str) -> Result<Client> {
        handshake::check_subprotocol(name, &self.subprotocols)?;
        self.subprotocols.push(name.to_owned());
        Ok(self)
    }

    /// How much the server may send. Default: [`Limits::client`].
    pub fn limits(mut self, limits: Limits) -> Client {
        self.limits = limits;
        self
    }

    /// The largest message, and the largest frame, the server may send, in bytes. Default 16 MiB.
    pub fn max_message_size(mut self, bytes: u64) -> Client {
        self.limits.max_message_size = bytes;
        self.limits.max_frame_size = bytes;
        self
    }

    /// Offers compression of messages (RFC 7692). Off unless given; see [`Deflate`] for what it costs and what it gives away.
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
    pub fn deflate(mut self, deflate: Deflate) -> Client {
        self.deflate = Some(deflate);
        self
    }

    /// How TLS is spoken with a `wss://` server. Without this, [`TlsConnect::new`].
    ///
    /// # Errors
    /// [`Error::Tls`](crate::Error::Tls) with [`TlsErrorKind::InvalidSettings`](crate::TlsErrorKind::InvalidSettings) if the system's TLS does
    /// not take these settings.
    #[cfg(feature = "native-tls")]
    pub fn tls(mut self, tls: TlsConnect) -> Result<Client> {
        self.tls = Some(tls.build()?);
        Ok(self)
    }

    /// How long anything may take. Default: [`Timeouts::default`].
    pub fn timeouts(mut self, timeouts: Timeouts) -> Client {
        self.timeouts = timeouts;
        self
    }

    /// How long connecting may take, everything included: [`Timeouts::connect`]. Default 30 s.
    pub fn connect_timeout(mut self, limit: Duration) -> Client {
        self.timeouts.connect = limit;
        self
    }

    /// Tells this closure what happens on the connections of this client and its clones: for logs and counters. See
    /// [`Event`] for what it is told. A second closure takes the place of the first.
    ///
    /// It is called on the thread on which something happens, which waits for it; nothing of ours is locked meanwhile. If it
    /// panics, that event is lost and nothing else: the panic ends there. If it uses connections itself, the
    /// frames that it sends are not told, also those that a [`Hub`](crate::Hub) delivers later. What peers do then is told.
    pub fn on_event(mut self, closure: impl Fn(&Event) + Send + Sync + 'static) -> Client {
        self.events = EventCallback::new(closure);
        self
    }

    /// Takes random bytes from here instead of from the operating system: for the key of the handshake and for masking keys
    /// (RFC 6455 sections 4.1 and 5.3). They must not be predictable, or an attacker can choose what is on the wire (section 10.3).
    ///
    /// Without this they come from `/dev/urandom` on Unix. Elsewhere `std` has no such source, and they are made from the secret
    /// key that its [`RandomState`](std::collections::hash_map::RandomState) takes from the system.
    ///
    /// The source fills all of the slice it is given. When it fails, nothing is sent, and the call gives
    /// [`Error::Io`](crate::Error::Io) of [`Step::RandomSource`](crate::Step::RandomSource). It is asked for one connection at a time; the others wait, and no deadline
    /// ends that, so it must not block.
    pub fn random_source(mut self, source: impl FnMut(&mut [u8]) -> io::Result<()> + Send + 'static) -> Client {
        self.random_source = Some(Arc::new(Mutex::new(source)));
        self
    }
}

/// Shows no secrets: header values, user name, password and query are left out.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Client")
            .field("url", &format_args!("{}", self.uri.redacted()))
            .field("headers", &headers)
            .field("origin", &self.origin)
            .field("subprotocols", &self.subprotocols)
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts)
            .field("proxy", &self.proxy)
            .field("redirects", &self.max_redirects)
            .finish_non_exhaustive()
    }
}
