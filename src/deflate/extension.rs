//! permessage-deflate (RFC 7692): what a user may ask of compression. What two sides agree on is worked out in
//! `negotiation`.
//!
//! Knows the parameters; must not know heads, frames or messages. Both directions of a connection are named after their
//! sender, `server` and `client`, as in the RFC, until the negotiation turns them into `send` and `receive`.

pub(crate) mod codec;
pub(crate) mod negotiation;

pub(crate) use codec::{codec, CompressionParams, Deflater, Inflater};
pub(crate) use negotiation::{accept, check, offer};

use crate::deflate::{Level, WindowBits};

/// How one side of a connection compresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Direction {
    /// How far back matches reach, at most.
    pub(crate) bits: WindowBits,
    /// Whether a message may refer to those before it. If not, each begins with an empty window.
    pub(crate) takeover: bool,
}

impl Direction {
    /// What holds where nothing was agreed.
    const FREE: Direction = Direction { bits: WindowBits::MAX, takeover: true };
}

/// Compression of messages (permessage-deflate, RFC 7692), for a client or a server. Off unless given to one.
///
/// ```
/// use stdws::deflate::{Level, WindowBits};
/// use stdws::Deflate;
///
/// let usual = Deflate::default();
/// // For a server with many connections: smaller windows, and less work.
/// let frugal = Deflate::default()
///     .level(Level::Fast)
///     .server_max_window_bits(WindowBits::new(11).unwrap())
///     .client_max_window_bits(WindowBits::new(11).unwrap())
///     .threshold(256);
/// assert_ne!(usual, frugal);
/// ```
///
/// The peer has to agree; if it does not, messages go as they are. Limits on the size of a message hold for what comes
/// out of decompression.
///
/// # Secrets
///
/// **Compression tells by its length what is in a message**, through TLS too. If a message, or a window, has both a
/// secret and something that an attacker chose, the message gets shorter whenever the attacker guesses right; who can
/// watch lengths finds the secret piece by piece. Done to requests this is called CRIME, to responses BREACH.
///
/// So do not compress where tokens, session ids or private data travel next to what others supply: chat that quotes
/// them, searches that echo the query. [`server_no_context_takeover`](Deflate::server_no_context_takeover) and
/// [`client_no_context_takeover`](Deflate::client_no_context_takeover) keep messages apart from each other, but not a
/// secret from what stands in the same message.
///
/// # Memory
///
/// Per connection at most 64 KiB more for receiving and 192 KiB for sending, allocated when the first compressed
/// message comes or goes, not before. [`Level::Fast`] sends with 128 KiB. Smaller windows need less: with 8 bits it is
/// about 20 KiB and 32 KiB. No peer can make it more. A message that is sent whole has twice its compressed size besides,
/// until it is written; [`send_stream`](crate::WebSocket::send_stream) goes without that.
///
/// # Which side says what
///
/// | | given to a client | given to a server |
/// |---|---|---|
/// | `server_max_window_bits` | asks the server for smaller windows | limits what this server sends with |
/// | `client_max_window_bits` | limits what this client sends with | asks the client for smaller windows |
/// | `server_no_context_takeover` | demands it of the server | this server does so |
/// | `client_no_context_takeover` | this client does so | demands it of the client |
///
/// Windows a peer is asked for are a wish: one that does not know the parameter is received with 32,768 bytes, which is
/// better than no compression. What is demanded is done, or nothing is compressed; a server that compresses without doing
/// it is refused ([`HandshakeErrorKind::InvalidHeader`](crate::HandshakeErrorKind::InvalidHeader)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deflate {
    pub(crate) level: Level,
    /// Shorter messages go uncompressed.
    pub(crate) threshold: usize,
    server: Direction,
    client: Direction,
}

impl Default for Deflate {
    /// [`Level::Default`], a threshold of 64 bytes, windows of 32,768 bytes and context takeover in both directions.
    // 7692-7.3-1: far above the 1,024 bytes that a useful window has at least.
    fn default() -> Deflate {
        Deflate { level: Level::Default, threshold: 64, server: Direction::FREE, client: Direction::FREE }
    }
}

impl Deflate {
    /// How hard to look for repetitions in what is sent. The peer does not notice.
    pub fn level(mut self, level: Level) -> Deflate {
        self.level = level;
        self
    }

    /// Messages of fewer bytes than this are sent as they are. Default 64; 0 compresses all.
    ///
    /// A message of up to 64 bytes gets no shorter by itself. After others like it, it may lose some 45 bytes, but it
    /// takes a packet with headers of about that size as before, and microseconds of work.
    pub fn threshold(mut self, bytes: usize) -> Deflate {
        self.threshold = bytes;
        self
    }

    /// The server compresses with a window of at most this (RFC 7692 section 7.1.2.1). Below 10 bits there is little to gain.
    pub fn server_max_window_bits(mut self, bits: WindowBits) -> Deflate {
        self.server.bits = bits;
        self
    }

    /// The client compresses with a window of at most this (RFC 7692 section 7.1.2.2). Below 10 bits there is little to gain.
    pub fn client_max_window_bits(mut self, bits: WindowBits) -> Deflate {
        self.client.bits = bits;
        self
    }

    /// The server compresses each message by itself, without reference to those before it (RFC 7692 section 7.1.1.1).
    pub fn server_no_context_takeover(mut self) -> Deflate {
        self.server.takeover = false;
        self
    }

    /// The client compresses each message by itself, without reference to those before it (RFC 7692 section 7.1.1.2).
    pub fn client_no_context_takeover(mut self) -> Deflate {
        self.client.takeover = false;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_sets_what_it_is_named_after() {
        let usual = Deflate::default();
        // 7692-7.3-1
        assert_eq!(
            (usual.level, usual.threshold, usual.server, usual.client),
            (Level::Default, 64, Direction::FREE, Direction::FREE)
        );
        assert_eq!((Direction::FREE.bits.size(), Direction::FREE.takeover), (32_768, true));
        let (small, alone) =
            (Direction { bits: WindowBits::MIN, takeover: true }, Direction { bits: WindowBits::MAX, takeover: false });
        let rows = [
            (usual.clone().level(Level::Best), Deflate { level: Level::Best, ..usual.clone() }),
            (usual.clone().threshold(0), Deflate { threshold: 0, ..usual.clone() }),
            (usual.clone().server_max_window_bits(WindowBits::MIN), Deflate { server: small, ..usual.clone() }),
            (usual.clone().client_max_window_bits(WindowBits::MIN), Deflate { client: small, ..usual.clone() }),
            (usual.clone().server_no_context_takeover(), Deflate { server: alone, ..usual.clone() }),
            (usual.clone().client_no_context_takeover(), Deflate { client: alone, ..usual.clone() }),
        ];
        for (got, want) in rows {
            assert_eq!(got, want);
            assert_ne!(got, usual);
        }
    }
}
