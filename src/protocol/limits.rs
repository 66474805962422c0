//! What a connection takes from its peer, in numbers. Worst-case memory is a formula over these.

/// How much a peer may send. All are on by default, before anyone is authenticated.
///
/// Memory a peer can make a connection hold: one message (at most twice [`message`](Limits::message) while its buffer
/// grows), a read buffer of at most 68 KiB, and answers to its control frames, some 8 KiB. While a call waits for a Pong,
/// messages that come are kept, up to [`message`](Limits::message) bytes more.
///
/// ```
/// let mut limits = stdws::Limits::message(64 << 10);
/// limits.fragments = 100;
/// let server = stdws::Server::unbound().limits(limits);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Payload bytes in one frame. Default: as `message`. More is answered with Close 1009. In a compressed message they
    /// may be an eighth and 1 KiB more, which is what compression can add.
    pub frame: u64,
    /// Bytes in one message, all its fragments together, after decompression. Default 16 MiB for a client, which chose its
    /// server, and 1 MiB for a server, which takes whoever comes. More is answered with Close 1009.
    pub message: u64,
    /// Fragments in one message, empty ones included. Default 131,072: twice the 65,536 that the Autobahn TestSuite sends.
    /// More is answered with Close 1009.
    pub fragments: u32,
}

impl Limits {
    /// What a client takes by default: messages of 16 MiB.
    pub fn client() -> Limits {
        Limits::message(16 << 20)
    }

    /// What a server takes by default: messages of 1 MiB.
    pub fn server() -> Limits {
        Limits::message(1 << 20)
    }

    /// The default limits, but messages, and frames, of up to `bytes`.
    pub fn message(bytes: u64) -> Limits {
        Limits { frame: bytes, message: bytes, fragments: 131_072 }
    }
}
