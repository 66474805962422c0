//! Every number a user can set, its default, and why that default.

use std::time::Duration;

/// How long anything may take. Every wait of this crate is bounded by one of these, or by a limit given in the call.
/// Only waiting for a message begins anew with every sign of life.
///
/// Sending and receiving large messages is bounded by progress, not by size: each further 64 KiB gets the time anew, so
/// that a slow line can carry a large message, and a peer that trickles cannot hold a thread.
///
/// ```
/// let mut timeouts = stdws::Timeouts::default();
/// timeouts.ping_interval = std::time::Duration::from_secs(45);
/// let server = stdws::Server::without_listener().timeouts(timeouts);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// For a client, everything from the URL to the open connection: name, TCP, proxy, opening handshake, and that
    /// again for each redirect. Default 30 s.
    pub connect: Duration,
    /// For a server, from the accepted TCP connection to the answered request. Default 10 s: a request is one packet.
    pub handshake: Duration,
    /// For writing a message, or each 64 KiB of a larger one. Default 20 s. A connection that misses it is failed for everybody.
    pub write: Duration,
    /// From the first byte of a message to its end, or to each further 64 KiB of it. Default 60 s.
    ///
    /// Not counted between the fragments of a message that is read with `recv_stream`.
    pub message: Duration,
    /// Silence after which a Ping is sent while receiving. Default 20 s, shorter than the idle limits of common proxies
    /// and NATs (60 s and up). `Duration::MAX` turns keepalive off.
    ///
    /// The drafts before hybi-01 (feature `legacy`) have no Ping: on such a connection silence is not probed, and a peer that
    /// vanished is noticed only when something is sent to it. Receive with a limit there.
    pub ping_interval: Duration,
    /// How long after that Ping any byte from the peer must come. Default 20 s. Also the wait for a Pong in `ping`.
    pub pong_timeout: Duration,
    /// For the closing handshake, from the Close that starts it to the end of the TCP connection. Default 5 s.
    pub close: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(30),
            handshake: Duration::from_secs(10),
            write: Duration::from_secs(20),
            message: Duration::from_secs(60),
            ping_interval: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(20),
            close: Duration::from_secs(5),
        }
    }
}

/// How much a peer may send. All are on by default, before anyone is authenticated.
///
/// Memory a peer can make a connection hold: one message (at most twice [`max_message_size`](Limits::max_message_size) while its buffer
/// grows), a read buffer of at most 68 KiB, and answers to its control frames, some 8 KiB. While a call waits for a Pong,
/// messages that come are kept, up to [`max_message_size`](Limits::max_message_size) bytes more.
///
/// ```
/// let mut limits = stdws::Limits::with_max_message_size(64 << 10);
/// limits.max_fragments = 100;
/// let server = stdws::Server::without_listener().limits(limits);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Payload bytes in one frame. Default: as `max_message_size`. More is answered with Close 1009. In a compressed message they
    /// may be an eighth and 1 KiB more, which is what compression can add.
    pub max_frame_size: u64,
    /// Bytes in one message, all its fragments together, after decompression. Default 16 MiB for a client, which chose its
    /// server, and 1 MiB for a server, which takes whoever comes. More is answered with Close 1009.
    pub max_message_size: u64,
    /// Fragments in one message, empty ones included. Default 131,072: twice the 65,536 that the Autobahn TestSuite sends.
    /// More is answered with Close 1009.
    pub max_fragments: u32,
}

impl Limits {
    /// What a client takes by default: messages of 16 MiB.
    pub fn client() -> Limits {
        Limits::with_max_message_size(16 << 20)
    }

    /// What a server takes by default: messages of 1 MiB.
    pub fn server() -> Limits {
        Limits::with_max_message_size(1 << 20)
    }

    /// The default limits, but messages, and frames, of up to `bytes`.
    pub fn with_max_message_size(bytes: u64) -> Limits {
        Limits { max_frame_size: bytes, max_message_size: bytes, max_fragments: 131_072 }
    }
}
