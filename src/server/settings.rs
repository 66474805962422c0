//! The settings of a server: how much, how long, and with whom.

use super::builder::Server;
use crate::config::{Limits, Timeouts};
#[cfg(feature = "deflate")]
use crate::deflate::extension::Deflate;
use crate::events::event::Event;
use crate::events::sink::EventCallback;
#[cfg(feature = "native-tls")]
use crate::tls::config::TlsAccept;

impl Server {
    /// How much each peer may send. Default: [`Limits::server`].
    pub fn limits(mut self, limits: Limits) -> Server {
        self.config.limits = limits;
        self
    }

    /// Limits each message and each frame that a client sends to this number of bytes. Default 1 MiB.
    ///
    /// Sets [`Limits::max_message_size`] and [`Limits::max_frame_size`]; the other limits keep their values.
    pub fn max_message_size(mut self, bytes: u64) -> Server {
        self.config.limits.max_message_size = bytes;
        self.config.limits.max_frame_size = bytes;
        self
    }

    /// Agrees to compress messages (RFC 7692) with clients that offer it. Off unless given; see [`Deflate`] for what it
    /// costs and what it gives away.
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, deflate: Deflate) -> Server {
        self.config.deflate = Some(deflate);
        self
    }

    /// How long anything may take. Default: [`Timeouts::default`].
    pub fn timeouts(mut self, timeouts: Timeouts) -> Server {
        self.config.timeouts = timeouts;
        self
    }

    /// Tells this closure what happens on this server's connections and at its door: for logs and counters. See [`Event`]
    /// for what it is told. A second closure takes the place of the first.
    ///
    /// It is called on the thread on which something happens, which waits for it; nothing of ours is locked meanwhile. If it
    /// panics, that event is lost and nothing else: the panic ends there. If it uses connections itself, the
    /// frames that it sends are not told, also those that a [`Hub`](crate::Hub) delivers later. What peers do then is told.
    pub fn on_event(mut self, closure: impl Fn(&Event) + Send + Sync + 'static) -> Server {
        self.config.events = EventCallback::new(closure);
        self
    }

    /// Also lets in pages from this origin, written as browsers write it: `https://app.example.com`, with the port if it
    /// is not the usual one, and without a slash at the end. Can be called several times.
    ///
    /// Pages from the host that is asked are always let in, and so are clients that send no `Origin`, because those are no
    /// browsers (RFC 6455 section 10.2). All others are answered 403.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Server {
        if let Some(origins) = &mut self.config.origins {
            origins.push(origin.into());
        }
        self
    }

    /// Speaks TLS with everyone who connects: the URL is `wss://`. Who does not speak TLS gets no answer. The handshake
    /// counts against [`Timeouts::handshake`]. [`accept_over`](Server::accept_over) is not concerned: its stream is the
    /// caller's.
    #[cfg(feature = "native-tls")]
    pub fn tls(mut self, tls: TlsAccept) -> Server {
        self.config.tls = Some(tls);
        self
    }

    /// Lets in pages from everywhere.
    ///
    /// **Danger**: any page that a user visits can then open a connection with that user's cookies, and read and write
    /// as that user. Fit only for servers that do not look at cookies, nor at the address a connection comes from.
    pub fn danger_allow_any_origin(mut self) -> Server {
        self.config.origins = None;
        self
    }

    /// The subprotocols spoken here (RFC 6455 section 1.9). Of those that a client offers, the first that is among them is
    /// agreed on; if there is none, the connection is open without one, see [`WebSocket::subprotocol`](crate::WebSocket::subprotocol).
    pub fn subprotocols<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Server {
        self.config.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }
}
