//! permessage-deflate (RFC 7692): the settings of compression. `negotiation` has the negotiation, `codec` the compression.
//!
//! Must not know HTTP heads or frames. Both directions of a connection are named after their sender, `server` and `client`,
//! as in the RFC, until the negotiation turns them into `send` and `receive`.

pub(crate) mod codec;
pub(crate) mod negotiation;

#[cfg(feature = "hub")]
pub(crate) use codec::CompressionParams;
pub(crate) use codec::{codec, Deflater, Inflater};
#[cfg(feature = "server")]
pub(crate) use negotiation::accept;
#[cfg(feature = "client")]
pub(crate) use negotiation::{check, offer};

use crate::deflate::{Level, WindowBits};

/// How one side of a connection compresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Direction {
    /// The window, which is the maximum distance of matches.
    pub(crate) bits: WindowBits,
    /// Whether a message may refer to earlier ones. If not, each begins with an empty window.
    pub(crate) takeover: bool,
}

impl Direction {
    /// The default without negotiated parameters.
    const FREE: Direction = Direction { bits: WindowBits::MAX, takeover: true };
}

/// Compression of messages (permessage-deflate, RFC 7692), for a client or a server. Off by default. Feature `deflate`.
///
/// ```
/// use stdws::deflate::{Level, WindowBits};
/// use stdws::Deflate;
///
/// let usual = Deflate::default();
/// // For a server with many connections: smaller windows, and less processor time.
/// let frugal = Deflate::default()
///     .level(Level::Fast)
///     .server_max_window_bits(WindowBits::new(11).unwrap())
///     .client_max_window_bits(WindowBits::new(11).unwrap())
///     .threshold(256);
/// assert_ne!(usual, frugal);
/// ```
///
/// Messages are compressed only if the peer accepts. Limits on the size of a message apply after decompression.
///
/// # Secrets
///
/// **The length of a compressed message reveals its contents**, through TLS too. If a message or a window has both a secret
/// and data that an attacker chose, the message is shorter whenever the attacker guesses right. An attacker that observes
/// lengths finds the secret piece by piece. This attack is called CRIME on requests, BREACH on responses.
///
/// So do not compress messages that carry access tokens, session ids or private data next to data of others, such as quoted
/// chat or echoed search queries. [`server_no_context_takeover`](Deflate::server_no_context_takeover) and
/// [`client_no_context_takeover`](Deflate::client_no_context_takeover) separate messages from each other, but not a
/// secret from other data in the same message.
///
/// # Memory
///
/// Per connection at most 64 KiB more for receiving and 192 KiB for sending, allocated when the first compressed
/// message is received or sent. [`Level::Fast`] sends with 128 KiB. Smaller windows need less: with 8 bits it is
/// about 20 KiB and 32 KiB. A peer cannot raise these figures. A message that is sent whole takes twice its compressed size
/// besides, until it is written; [`send_stream`](crate::WebSocket::send_stream) avoids that.
///
/// # Effect of the parameters on each side
///
/// | | set on a client | set on a server |
/// |---|---|---|
/// | `server_max_window_bits` | asks the server for smaller windows | limits what this server sends with |
/// | `client_max_window_bits` | limits what this client sends with | asks the client for smaller windows |
/// | `server_no_context_takeover` | required of the server | this server does so |
/// | `client_no_context_takeover` | this client does so | required of the client |
///
/// A window size asked of a peer is a request. Messages of a peer that does not support the parameter are received with a
/// window of 32,768 bytes. A requirement is met, or nothing is compressed; a server that compresses without meeting it is
/// refused ([`HandshakeErrorKind::InvalidHeader`](crate::HandshakeErrorKind::InvalidHeader)).
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(alias = "permessage-deflate")]
#[doc(alias = "compression")]
pub struct Deflate {
    pub(crate) level: Level,
    /// Minimum length of a message that is compressed.
    pub(crate) threshold: usize,
    server: Direction,
    client: Direction,
}

impl Default for Deflate {
    /// [`Level::Default`], a threshold of 64 bytes, windows of 32,768 bytes and context takeover in both directions.
    // 7692-7.3-1: far above 1,024 bytes, the minimum of a useful window.
    fn default() -> Deflate {
        Deflate { level: Level::Default, threshold: 64, server: Direction::FREE, client: Direction::FREE }
    }
}

impl Deflate {
    /// The effort of compression. The peer need not know it.
    pub fn level(mut self, level: Level) -> Deflate {
        self.level = level;
        self
    }

    /// Minimum length of a message that is compressed. Default 64; 0 compresses all.
    ///
    /// Compressing a single message of up to 64 bytes saves nothing. After similar messages it may save some 45 bytes, but it
    /// still needs a packet with headers of about that size, and takes microseconds.
    pub fn threshold(mut self, bytes: usize) -> Deflate {
        self.threshold = bytes;
        self
    }

    /// Maximum window that the server compresses with (RFC 7692 section 7.1.2.1). Below 10 bits compression saves little.
    pub fn server_max_window_bits(mut self, bits: WindowBits) -> Deflate {
        self.server.bits = bits;
        self
    }

    /// Maximum window that the client compresses with (RFC 7692 section 7.1.2.2). Below 10 bits compression saves little.
    pub fn client_max_window_bits(mut self, bits: WindowBits) -> Deflate {
        self.client.bits = bits;
        self
    }

    /// The server compresses each message without reference to earlier ones (RFC 7692 section 7.1.1.1).
    pub fn server_no_context_takeover(mut self) -> Deflate {
        self.server.takeover = false;
        self
    }

    /// The client compresses each message without reference to earlier ones (RFC 7692 section 7.1.1.2).
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
