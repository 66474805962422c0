//! The steps from a [`Client`] to a [`WebSocket`]:
//!
//! ```text
//! connect          key -> dial the host of the URL    -\
//! connect_unix     key -> connect the socket at a path -> opening handshake -> WebSocket
//! connect_tcp      key -> the socket of the caller    -/
//! connect_over     key -> the stream of the caller    -/
//! ```
//!
//! One deadline covers each line. Must not know how redirects are followed, nor the bytes of a handshake.

use std::net::SocketAddr;

use super::builder::Client;
use super::dial::DialedStream;
use super::handshake::{self, Target};
use crate::codec::encoder::Encoder;
use crate::codec::frame::Role;
use crate::connection::framing::Codec;
use crate::connection::websocket::{ConnectionInfo, WebSocket};
#[cfg(feature = "deflate")]
use crate::deflate::extension;
use crate::error::{Error, Result, Step};
#[cfg(feature = "trace")]
use crate::events::event::EventKind;
use crate::handshake::client::{self as request, HandshakeRequest};
use crate::net::deadline::Deadline;
use crate::net::split_stream::SplitStream;
use crate::net::stream::Stream;
use crate::primitives::random::RandomSource;
#[cfg(feature = "proxy")]
use crate::redirect::follow::follow;

impl Client {
    /// Opens a connection: resolves the host name, attempts its addresses, performs the TLS handshake for `wss://`, and
    /// performs the opening handshake. Takes at most [`Timeouts::connect`](crate::Timeouts::connect) in all.
    ///
    /// The first address that answers is used (RFC 8305): IPv6 and IPv4 alternate, IPv6 first. The next address is
    /// attempted as soon as one fails, and also 250 ms after the last began. At most four attempts run at a time, each on
    /// a thread of its own. Attempts that lose close their socket when they end.
    ///
    /// Waits while this process has another attempt to the same IP address and port under way (RFC 6455 section 4.1); in
    /// versions up to hybi-06, one to the same IP address. The wait is part of the timeout. [`dangerously_connect_in_parallel`](Client::dangerously_connect_in_parallel) is
    /// for load tests.
    ///
    /// # Errors
    /// After an error no connection is left open.
    ///
    /// - [`Connect`](Error::Connect) if no address can be reached, with the cause for each;
    /// - [`Proxy`](Error::Proxy) if the proxy refuses to connect to the server;
    /// - [`Tls`](Error::Tls) if the TLS handshake fails or the certificate is not trusted;
    /// - [`Handshake`](Error::Handshake) if the server rejects the handshake, with its status, headers and body, or if
    ///   its response is invalid;
    /// - [`Redirect`](Error::Redirect) with any of these, after redirects that were followed;
    /// - [`Timeout`](Error::Timeout) with the step that took too long;
    /// - [`Io`](Error::Io) with the step that failed;
    /// - [`UsageError::TlsNotEnabled`](crate::UsageError::TlsNotEnabled) for `wss://` in a build without TLS.
    #[doc(alias = "Happy Eyeballs")]
    pub fn connect(&self) -> Result<WebSocket> {
        self.check_settings()?;
        let deadline = Deadline::after(self.timeouts.connect);
        let attempt = |target: &Target<'_>| self.attempt(target, deadline);
        let target = Target::new(self);
        #[cfg(feature = "proxy")]
        return follow(self.max_redirects, target, attempt);
        #[cfg(not(feature = "proxy"))]
        attempt(&target)
    }

    /// Connects to one URL. With the drafts, in one version after another until the server accepts one.
    fn attempt(&self, target: &Target<'_>, deadline: Deadline) -> Result<WebSocket> {
        #[cfg(feature = "legacy")]
        return crate::legacy::connect::connect_with_fallback(self, |client| {
            client.with_digest(target, |target| client.attempt_version(target, deadline))
        });
        #[cfg(not(feature = "legacy"))]
        self.with_digest(target, |target| self.attempt_version(target, deadline))
    }

    /// Connects to one URL in the version that is set.
    fn attempt_version(&self, target: &Target<'_>, deadline: Deadline) -> Result<WebSocket> {
        let key = self.handshake_key()?;
        let events = self.events.for_connection();
        // 6455-4.1-2. The guard is held until the handshake has ended: 6455-4.1-5, 6455-4.1-6.
        let DialedStream { stream, info, guard: _guard } =
            self.dial(&target.uri, deadline).inspect_err(|error| events.emit_failed_handshake(error))?;
        self.handshake(target, stream, ConnectionInfo { events, ..info }, key, deadline)
    }

    /// Performs the opening handshake over a stream of the caller: TLS by another library, a tunnel, a pipe.
    ///
    /// The URL is used for the request only; no name is resolved. The caller provides TLS, so a `wss://` URL works in
    /// every build. The caller also ensures one attempt at a time to an address (RFC 6455 section 4.1). Takes at most
    /// [`Timeouts::connect`](crate::Timeouts::connect).
    ///
    /// # Errors
    /// Those of the opening handshake in [`connect`](Client::connect).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
    /// #     while let Some(message) = ws.recv()? { ws.send(&message)?; }
    /// #     Ok(())
    /// # })?;
    /// # let (address, url) = (server.local_addr().unwrap(), server.url());
    /// let tcp = std::net::TcpStream::connect(address)?;
    /// let (writer, ended) = (tcp.try_clone()?, tcp.try_clone()?);
    /// let split = stdws::SplitStream::new(tcp, writer).on_end(move || drop(ended.shutdown(std::net::Shutdown::Both)));
    /// let mut ws = stdws::Client::new(&url)?.connect_over(split)?;
    /// ws.send("hello")?;
    /// assert_eq!(ws.recv()?.unwrap().as_text(), Some("hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_over(&self, split: SplitStream) -> Result<WebSocket> {
        self.check_settings()?;
        let deadline = Deadline::after(self.timeouts.connect);
        let key = self.handshake_key()?;
        let (peer, local) = split.addresses();
        let stream = Stream::from_split(split).map_err(|error| Error::io(Step::Thread, error))?;
        self.handshake_over(stream, (peer, local), key, deadline)
    }

    /// Checks the settings whose setters return no error.
    pub(super) fn check_settings(&self) -> Result<()> {
        self.timeouts.check()?;
        Ok(self.limits.check()?)
    }

    /// Performs the opening handshake over a stream that was not dialed from the URL.
    pub(super) fn handshake_over(
        &self,
        stream: Stream,
        (peer, local): (Option<SocketAddr>, Option<SocketAddr>),
        key: (RandomSource, String),
        deadline: Deadline,
    ) -> Result<WebSocket> {
        let info = ConnectionInfo { peer, local, events: self.events.for_connection(), ..ConnectionInfo::default() };
        self.handshake_once(stream, info, key, deadline)
    }

    /// Performs the opening handshake over the only stream of a call. What a rejection teaches serves the next call.
    pub(super) fn handshake_once(
        &self,
        stream: Stream,
        info: ConnectionInfo,
        key: (RandomSource, String),
        deadline: Deadline,
    ) -> Result<WebSocket> {
        let target = Target::new(self);
        let target = target.with_answer(self.digest_answer(&target));
        let result = self.handshake(&target, stream, info, key, deadline);
        self.learn_digest(&target, &result)?;
        result
    }

    /// The source of random bytes for one connection, and the handshake key from its first bytes.
    pub(super) fn handshake_key(&self) -> Result<(RandomSource, String)> {
        let mut random_source = self.new_random_source();
        let mut nonce = [0; 16];
        // 6455-4.1-30: a new key for each connection. If the source fails, nothing has been sent.
        random_source.fill(&mut nonce).map_err(|error| Error::io(Step::RandomSource, error))?;
        Ok((random_source, request::key_from_nonce(nonce)))
    }

    /// The source set by the caller, or that of the system.
    pub(crate) fn new_random_source(&self) -> RandomSource {
        let Some(source) = self.random_source.clone() else { return RandomSource::system() };
        RandomSource::from_fn(Box::new(move |out: &mut [u8]| source.fill(out)))
    }

    fn handshake(
        &self,
        target: &Target<'_>,
        stream: Stream,
        info: ConnectionInfo,
        (random_source, key): (RandomSource, String),
        deadline: Deadline,
    ) -> Result<WebSocket> {
        #[cfg(feature = "trace")]
        info.events.emit(|| EventKind::Connected(info.peer));
        #[cfg(feature = "legacy")]
        if let Some(spec) = self.draft_spec() {
            let events = info.events.clone();
            let random = (random_source, &*key);
            let opened = crate::legacy::connect::open(self, target, spec, (stream, info), random, deadline);
            return opened.inspect_err(|error| events.emit_failed_handshake(error));
        }
        // 6455-9-1
        #[cfg(feature = "deflate")]
        let offer = self.deflate.as_ref().map(extension::offer);
        #[cfg(not(feature = "deflate"))]
        let offer: Option<String> = None;
        let authorization = self.authorization(target)?;
        let request = HandshakeRequest {
            uri: &target.uri,
            key: &key,
            headers: &target.headers,
            origin: self.origin.as_deref(),
            subprotocols: target.subprotocols,
            extensions: offer.as_deref(),
            authorization: authorization.as_deref(),
        };
        let bounds = (deadline, self.limits);
        let opened = handshake::open(&stream, &request, self.deflate.as_ref(), target.skip_body, bounds);
        let opened = opened.inspect_err(|error| info.events.emit_failed_handshake(error))?;
        let info = ConnectionInfo { subprotocol: opened.subprotocol, response: Some(opened.response), ..info };
        let (inflater, deflater) = opened.compression.unzip();
        let encoder = Encoder::client(random_source).with_compression(deflater);
        // 6455-4.1-s3: the connection is open.
        let codec = Codec::rfc6455(Role::Client, self.limits, &opened.leftover, (encoder, inflater));
        Ok(WebSocket::new(stream, codec, (self.limits, self.timeouts), info))
    }
}
