//! Connecting: [`connect`] for a URL alone, [`Client`] for everything that can be asked for besides.
//!
//! ```text
//! Client::new      the URL, checked                   nothing has been sent up to here
//! connect          key -> name -> gate -> TCP -\
//! connect_over     key -> a stream made elsewhere -> opening handshake -> WebSocket
//! ```
//!
//! One deadline covers all of a line. Whatever is wrong on our side shows before the network is touched. The opening
//! handshake itself is in `opening`.

mod opening;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::config::{Limits, Timeouts};
use crate::error::{Error, Misuse, Result, Step};
use crate::primitives::entropy::Entropy;
use crate::protocol::deflate::{self, Deflate};
use crate::protocol::encoder::Encoder;
use crate::protocol::handshake::client::{self as handshake, Request};
use crate::transport::connect as tcp;
use crate::transport::deadline::Deadline;
use crate::transport::stream::{Halves, Stream};
use crate::websocket::{About, WebSocket};
use crate::wire::frame::Role;
use crate::wire::uri::Uri;

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
/// # let url = format!("ws://{}", server.local_addr());
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
/// Redirects are not followed: like every status but 101 they come back as [`Error::Handshake`], with headers and body.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
/// #     while let Some(message) = ws.recv()? { ws.send(&message)?; }
/// #     Ok(())
/// # })?;
/// # let url = format!("ws://{}", server.local_addr());
/// use std::time::Duration;
/// let mut ws = stdws::Client::new(&url)?
///     .header("Authorization", "Bearer 2YotnFZFEjr1zCsicMWpAA")?
///     .max_message(1 << 20)
///     .connect_timeout(Duration::from_secs(10))
///     .connect()?;
/// ws.send("hello")?;
/// assert_eq!(ws.recv()?.unwrap().as_text(), Some("hello"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    uri: Uri,
    headers: Vec<(String, String)>,
    origin: Option<String>,
    subprotocols: Vec<String>,
    limits: Limits,
    timeouts: Timeouts,
    deflate: Option<Deflate>,
    /// `None`: the system's. One source serves all connections of this client and its clones.
    source: Option<Arc<Mutex<Source>>>,
}

type Source = dyn FnMut(&mut [u8]) -> io::Result<()> + Send;

impl Client {
    /// For a `ws://` or `wss://` URL. Sends nothing.
    ///
    /// # Errors
    /// [`Misuse::Url`] for a URL that RFC 6455 section 3 does not allow, and for one longer than 8 KiB;
    /// [`Misuse::Credentials`] for a user name or password that HTTP cannot carry.
    pub fn new(url: &str) -> Result<Client> {
        // 6455-4.1-3, 6455-4.1-4
        let uri = Uri::parse(url).map_err(Misuse::Url)?;
        uri.basic_credentials()?;
        Ok(Client {
            uri,
            headers: Vec::new(),
            origin: None,
            subprotocols: Vec::new(),
            limits: Limits::client(),
            timeouts: Timeouts::default(),
            deflate: None,
            source: None,
        })
    }

    /// Adds a header to the request, such as `Authorization` or `Cookie`. The same name may be added again.
    ///
    /// # Errors
    /// [`Misuse::HeaderName`] and [`Misuse::HeaderValue`] for what cannot stand in a header (control characters, anything
    /// outside ASCII); [`Misuse::HeaderOwned`] for those that the handshake writes: `Host`, `Upgrade`, `Connection`,
    /// `Origin`, `Content-Length`, `Transfer-Encoding`, and all that begin with `Sec-WebSocket-`.
    pub fn header(mut self, name: &str, value: &str) -> Result<Client> {
        handshake::check_header(name, value)?;
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Sends an Origin, which servers meant for browsers look at (RFC 6455 section 10.2): `https://app.example.com`.
    ///
    /// # Errors
    /// [`Misuse::Origin`] if it is empty or has a character that is not visible ASCII.
    pub fn origin(mut self, origin: &str) -> Result<Client> {
        handshake::check_origin(origin)?;
        self.origin = Some(origin.to_owned());
        Ok(self)
    }

    /// Offers a subprotocol (RFC 6455 section 1.9). The first one offered is preferred, but the server chooses;
    /// [`WebSocket::subprotocol`] tells what it chose, which may be none.
    ///
    /// # Errors
    /// [`Misuse::Subprotocol`] if it is not a token or was offered before.
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
    pub fn max_message(mut self, bytes: u64) -> Client {
        self.limits.message = bytes;
        self.limits.frame = bytes;
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
    /// let client = Client::new(&format!("ws://{}", server.local_addr()))?.deflate(Deflate::default());
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

    /// Takes random bytes from here instead of from the operating system: for the key of the handshake and for masking keys
    /// (RFC 6455 sections 4.1 and 5.3). They must not be predictable, or an attacker can choose what is on the wire (section 10.3).
    ///
    /// Without this they come from `/dev/urandom` on Unix. Elsewhere `std` has no such source, and they are made from the secret
    /// key that its [`RandomState`](std::collections::hash_map::RandomState) takes from the system.
    ///
    /// The source fills all of the slice it is given. When it fails, nothing is sent, and the call gives
    /// [`Error::Io`] of [`Step::Entropy`]. It is asked for one connection at a time; the others wait, and no deadline
    /// ends that, so it must not block.
    pub fn entropy(mut self, source: impl FnMut(&mut [u8]) -> io::Result<()> + Send + 'static) -> Client {
        self.source = Some(Arc::new(Mutex::new(source)));
        self
    }

    /// Opens a connection: resolves the name, tries each of its addresses until one answers, and makes the opening handshake.
    /// All of it takes at most [`Timeouts::connect`].
    ///
    /// While another attempt of this process to the same IP address and port is under way, this one waits for it
    /// (RFC 6455 section 4.1).
    ///
    /// # Errors
    /// [`Connect`](Error::Connect) if no address could be reached, with the cause of each;
    /// [`Handshake`](Error::Handshake) if the server refused, with its status, headers and body, or if its response must
    /// not be accepted; [`Timeout`](Error::Timeout) with the step that was too slow; [`Io`](Error::Io);
    /// [`Misuse::TlsNotBuilt`] for `wss://` in a build without TLS. Of none of these a connection is left.
    pub fn connect(&self) -> Result<WebSocket> {
        if self.uri.secure() {
            // Without TLS there is no connection, and nobody learns of the host, DNS neither.
            return Err(Misuse::TlsNotBuilt.into());
        }
        let deadline = Deadline::after(self.timeouts.connect);
        let (entropy, key) = self.key()?;
        // 6455-4.1-2, 6455-4.1-11, 6455-4.1-13. The guard lives until the handshake is over: 6455-4.1-5, 6455-4.1-6.
        let (socket, _pending) = tcp::connect(self.uri.host(), self.uri.port(), deadline)?;
        let about = About { peer: socket.peer_addr().ok(), local: socket.local_addr().ok(), ..About::default() };
        let stream = Stream::tcp(socket, self.timeouts.write).map_err(|error| Error::io(Step::Connect, error))?;
        self.open(stream, about, entropy, &key, deadline)
    }

    /// Makes the opening handshake over a stream made elsewhere: TLS by another library, a tunnel, a pipe.
    ///
    /// The URL says what the request asks for; nothing is resolved. A `wss://` URL may be used in every build, since TLS is
    /// the caller's here, and so is "one attempt at a time" (RFC 6455 section 4.1). Takes at most [`Timeouts::connect`].
    ///
    /// # Errors
    /// Those of [`connect`](Client::connect), from the handshake on.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
    /// #     while let Some(message) = ws.recv()? { ws.send(&message)?; }
    /// #     Ok(())
    /// # })?;
    /// # let (address, url) = (server.local_addr(), format!("ws://{}", server.local_addr()));
    /// let tcp = std::net::TcpStream::connect(address)?;
    /// let (writer, ended) = (tcp.try_clone()?, tcp.try_clone()?);
    /// let halves = stdws::Halves::new(tcp, writer).on_end(move || drop(ended.shutdown(std::net::Shutdown::Both)));
    /// let mut ws = stdws::Client::new(&url)?.connect_over(halves)?;
    /// ws.send("hello")?;
    /// assert_eq!(ws.recv()?.unwrap().as_text(), Some("hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_over(&self, halves: Halves) -> Result<WebSocket> {
        let deadline = Deadline::after(self.timeouts.connect);
        let (entropy, key) = self.key()?;
        let stream = Stream::over(halves).map_err(|error| Error::io(Step::Thread, error))?;
        self.open(stream, About::default(), entropy, &key, deadline)
    }

    /// Random bytes for one connection, and the key made of the first of them.
    fn key(&self) -> Result<(Entropy, String)> {
        let mut entropy = match &self.source {
            None => Entropy::system(),
            Some(source) => {
                let source = Arc::clone(source);
                // A source that panicked is not asked again: who knows what it would give.
                Entropy::from_source(Box::new(move |out: &mut [u8]| match source.lock() {
                    Ok(mut source) => (*source)(out),
                    Err(_) => Err(io::Error::other("the source of entropy panicked")),
                }))
            }
        };
        let mut nonce = [0; 16];
        // 6455-4.1-30: drawn for this connection alone, and before the network is touched.
        entropy.fill(&mut nonce).map_err(|error| Error::io(Step::Entropy, error))?;
        Ok((entropy, handshake::key(nonce)))
    }

    fn open(&self, stream: Stream, about: About, entropy: Entropy, key: &str, deadline: Deadline) -> Result<WebSocket> {
        // 6455-9-1
        let offer = self.deflate.as_ref().map(deflate::offer);
        let request = Request {
            uri: &self.uri,
            key,
            headers: &self.headers,
            origin: self.origin.as_deref(),
            subprotocols: &self.subprotocols,
            extensions: offer.as_deref(),
        };
        let opened = opening::open(&stream, &request, self.deflate.as_ref(), deadline)?;
        let about = About { subprotocol: opened.subprotocol, response: Some(opened.response), ..about };
        let (inflater, deflater) = opened.codec.unzip();
        let encoder = Encoder::client(entropy).with_compression(deflater);
        // 6455-4.1-s3: open.
        Ok(WebSocket::new(
            stream,
            Role::Client,
            (encoder, inflater),
            (self.limits, self.timeouts),
            &opened.early,
            about,
        ))
    }
}

/// Shows no secrets: header values, user name, password and query are left out.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.uri.secure() { "wss" } else { "ws" };
        let path = self.uri.resource().split('?').next().unwrap_or_default();
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Client")
            .field("url", &format_args!("{scheme}://{}{path}", self.uri.host_header()))
            .field("headers", &headers)
            .field("origin", &self.origin)
            .field("subprotocols", &self.subprotocols)
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}
