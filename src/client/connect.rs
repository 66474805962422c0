//! From a [`Client`] to a [`WebSocket`], by either way:
//!
//! ```text
//! connect          key -> reaching: the URL's host -\
//! connect_over     key -> a stream made elsewhere  -> opening handshake -> WebSocket
//! ```
//!
//! One deadline covers all of a line.

use std::borrow::Cow;
use std::io;

use super::builder::Client;
use super::dial;
use super::dial::{DialOptions, DialedStream};
use super::handshake;
use crate::codec::encoder::Encoder;
use crate::codec::frame::Role;
use crate::connection::framing::Codec;
use crate::connection::websocket::{ConnectionInfo, WebSocket};
use crate::deflate::extension;
use crate::error::{Error, Result, Step};
use crate::events::event::EventKind;
use crate::handshake::client::{self as request, HandshakeRequest};
use crate::net::deadline::Deadline;
use crate::net::split_stream::SplitStream;
use crate::net::stream::Stream;
use crate::primitives::random::RandomSource;
use crate::redirect::follow;
use crate::redirect::follow::{is_redirect, Target};

impl Client {
    /// Opens a connection: resolves the name, tries each of its addresses until one answers, has a proxy open the way if there
    /// is one, does the handshake of TLS for `wss://`, and makes the opening handshake. All of it takes at most
    /// [`Timeouts::connect`](crate::Timeouts::connect).
    ///
    /// While another attempt of this process to the same IP address and port is under way, this one waits for it
    /// (RFC 6455 section 4.1).
    ///
    /// # Errors
    /// [`Connect`](Error::Connect) if no address could be reached, with the cause of each;
    /// [`Proxy`](Error::Proxy) if a proxy was reached and did not open the way;
    /// [`Handshake`](Error::Handshake) if the server refused, with its status, headers and body, or if its response must
    /// not be accepted; [`Tls`](Error::Tls) if there is no TLS with a server of `wss://`, or none with the right one;
    /// [`Redirect`](Error::Redirect) with any of these, if redirects were followed before;
    /// [`Timeout`](Error::Timeout) with the step that was too slow; [`Io`](Error::Io);
    /// [`UsageError::TlsNotEnabled`](crate::UsageError::TlsNotEnabled) for `wss://` in a build without TLS. Of none of these a connection is left.
    pub fn connect(&self) -> Result<WebSocket> {
        let deadline = Deadline::after(self.timeouts.connect);
        let target = Target { uri: Cow::Borrowed(&self.uri), headers: Cow::Borrowed(&self.headers) };
        follow::follow(self.max_redirects, target, |target| {
            #[cfg(feature = "legacy")]
            return crate::legacy::connect::connect_with_fallback(self, |client| client.attempt(target, deadline));
            #[cfg(not(feature = "legacy"))]
            self.attempt(target, deadline)
        })
    }

    fn attempt(&self, target: &Target<'_>, deadline: Deadline) -> Result<WebSocket> {
        let (random_source, key) = self.handshake_key()?;
        // 6455-4.1-2. The guard lives until the handshake is over: 6455-4.1-5, 6455-4.1-6.
        let options = DialOptions { proxy: self.proxy.as_ref(), tls: self.tls.as_ref() };
        let events = self.events.for_connection();
        let dialed = dial::dial(&target.uri, options, deadline);
        let DialedStream { stream, info, guard: _guard } =
            dialed.inspect_err(|error| events.emit_failed_handshake(error))?;
        let info = ConnectionInfo { events, ..info };
        let skip_body = if self.max_redirects > 0 { is_redirect } else { |_| false };
        self.handshake(target, stream, info, (random_source, &key), skip_body, deadline)
    }

    /// Makes the opening handshake over a stream made elsewhere: TLS by another library, a tunnel, a pipe.
    ///
    /// The URL says what the request asks for; nothing is resolved. A `wss://` URL may be used in every build, since TLS is
    /// the caller's here, and so is "one attempt at a time" (RFC 6455 section 4.1). Takes at most [`Timeouts::connect`](crate::Timeouts::connect).
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
    /// let split = stdws::SplitStream::new(tcp, writer).on_end(move || drop(ended.shutdown(std::net::Shutdown::Both)));
    /// let mut ws = stdws::Client::new(&url)?.connect_over(split)?;
    /// ws.send("hello")?;
    /// assert_eq!(ws.recv()?.unwrap().as_text(), Some("hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_over(&self, split: SplitStream) -> Result<WebSocket> {
        let deadline = Deadline::after(self.timeouts.connect);
        let (random_source, key) = self.handshake_key()?;
        let stream = Stream::from_split(split).map_err(|error| Error::io(Step::Thread, error))?;
        self.handshake_over(stream, (random_source, &key), deadline)
    }

    /// Makes the opening handshake over a stream that is no way to the URL's host, or not by our doing.
    pub(super) fn handshake_over(
        &self,
        stream: Stream,
        key: (RandomSource, &str),
        deadline: Deadline,
    ) -> Result<WebSocket> {
        let target = Target { uri: Cow::Borrowed(&self.uri), headers: Cow::Borrowed(&self.headers) };
        let info = ConnectionInfo { events: self.events.for_connection(), ..ConnectionInfo::default() };
        self.handshake(&target, stream, info, key, |_| false, deadline)
    }

    /// Random bytes for one connection, and the key made of the first of them.
    pub(super) fn handshake_key(&self) -> Result<(RandomSource, String)> {
        let mut random_source = self.new_random_source();
        let mut nonce = [0; 16];
        // 6455-4.1-30: drawn for this connection alone, and before the network is touched.
        random_source.fill(&mut nonce).map_err(|error| Error::io(Step::RandomSource, error))?;
        Ok((random_source, request::key_from_nonce(nonce)))
    }

    /// The source of random bytes of this client.
    pub(crate) fn new_random_source(&self) -> RandomSource {
        let Some(source) = self.random_source.clone() else { return RandomSource::system() };
        // A source that panicked is not asked again: who knows what it would give.
        RandomSource::from_fn(Box::new(move |out: &mut [u8]| match source.lock() {
            Ok(mut source) => (*source)(out),
            Err(_) => Err(io::Error::other("the source of entropy panicked")),
        }))
    }

    fn handshake(
        &self,
        target: &Target<'_>,
        stream: Stream,
        info: ConnectionInfo,
        (random_source, key): (RandomSource, &str),
        skip_body: fn(u16) -> bool,
        deadline: Deadline,
    ) -> Result<WebSocket> {
        info.events.emit(|| EventKind::Connected(info.peer));
        #[cfg(feature = "legacy")]
        if let Some(spec) = self.draft_spec() {
            let events = info.events.clone();
            let opened = crate::legacy::connect::open(
                self,
                target,
                spec,
                (stream, info),
                (random_source, key),
                skip_body,
                deadline,
            );
            return opened.inspect_err(|error| events.emit_failed_handshake(error));
        }
        // 6455-9-1
        let offer = self.deflate.as_ref().map(extension::offer);
        let request = HandshakeRequest {
            uri: &target.uri,
            key,
            headers: &target.headers,
            origin: self.origin.as_deref(),
            subprotocols: &self.subprotocols,
            extensions: offer.as_deref(),
        };
        let opened = handshake::open(&stream, &request, self.deflate.as_ref(), skip_body, deadline);
        let opened = opened.inspect_err(|error| info.events.emit_failed_handshake(error))?;
        let info = ConnectionInfo { subprotocol: opened.subprotocol, response: Some(opened.response), ..info };
        let (inflater, deflater) = opened.compression.unzip();
        let encoder = Encoder::client(random_source).with_compression(deflater);
        // 6455-4.1-s3: open.
        let codec = Codec::rfc6455(Role::Client, self.limits, &opened.leftover, (encoder, inflater));
        Ok(WebSocket::new(stream, codec, (self.limits, self.timeouts), info))
    }
}
