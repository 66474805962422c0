//! Timeouts and limits of a connection: each setting, its default, and the reason for the default.
//!
//! This table, which is also at [`Timeouts`], has the values that each number may have.

#[cfg(any(feature = "client", feature = "server"))]
use std::ops::RangeInclusive;
use std::time::Duration;

#[cfg(any(feature = "client", feature = "server"))]
use crate::error::UsageError;

/// The timeouts of a connection. Each wait of this crate is limited by one of them, or by a timeout of the call. Only `recv`
/// without a timeout waits for as long as the peer stays responsive.
///
/// # Values of all settings
///
/// A value below the least one is a usage error ([`UsageError::SettingTooSmall`], [`UsageError::SettingTooLarge`]) of the call that
/// connects, starts or accepts. Nothing has been sent then. The largest value of each type is allowed unless the table says
/// otherwise.
///
/// | setting | least value | the largest value means |
/// |---|---|---|
/// | all durations here except the next one, and [`Client::connect_timeout`](crate::Client::connect_timeout) | 1 ms | no limit |
/// | [`ping_interval`](Timeouts::ping_interval) | 10 ms | no keepalive |
/// | the fields of [`Limits`] for messages | 1 | no limit |
/// | [`Limits::max_head_size`] | 256 bytes | at most 1 MiB |
/// | [`Limits::max_head_fields`] | 8 | at most 10,000 |
/// | [`Server::max_connections`](crate::Server::max_connections), [`max_handshakes`](crate::Server::max_handshakes), [`max_per_address`](crate::Server::max_per_address) | 1 | as many as fit the system |
/// | [`Server::stack_size`](crate::Server::stack_size) | 64 KiB | at most 1 GiB |
/// | `HubLimits`: `max_queue_bytes`, `max_topic_length` | 1 | no limit |
/// | `HubLimits`: `max_topics` | 0: no topics | no limit |
/// | `Backoff`: `initial_delay`, `max_delay` | 1 ms | no further attempt in practice |
/// | `Backoff`: `reset_after` | 0: after each connection | never |
/// | `Backoff`: `max_attempts` | 1 | |
/// | `Client::max_redirects` | 0: off | |
/// | `Deflate::threshold` | 0: every message | no message is compressed |
/// | durations of calls: `recv_timeout`, `shutdown`, `shutdown_spread`, `Hub::flush` | 0: do not wait | no limit |
///
/// The timeouts of large messages restart with each 64 KiB sent or received. A slow network can carry a large message, and a
/// peer that sends byte by byte cannot occupy a thread.
///
/// ```
/// use std::time::Duration;
/// use stdws::{Server, Timeouts};
/// let server = Server::without_listener()
///     .timeouts(Timeouts { ping_interval: Duration::from_secs(45), ..Timeouts::default() });
/// ```
///
/// Later versions can add fields, so a literal ends in `..Timeouts::default()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Client: the time from the URL to the open connection: name resolution, TCP, proxy, opening handshake and all redirects.
    /// Default 30 s.
    pub connect: Duration,
    /// Server: the time from the accepted TCP connection to the response. Default 10 s, because a request is one packet.
    pub handshake: Duration,
    /// The time to write a message, or each 64 KiB of a larger one. Default 20 s. When it passes, the connection is failed for all
    /// threads.
    pub write: Duration,
    /// The time from the first byte of a message to its end, or for each further 64 KiB. Default 60 s.
    ///
    /// It does not run between the fragments of a message that is read with `recv_stream`.
    pub message: Duration,
    /// The time without a byte from the peer, or without one to it, after which a receive call sends a Ping. Default 20 s, shorter
    /// than the idle timeouts of common proxies and NATs (60 s and more), which may count each direction. If nothing was sent, it
    /// can be an eighth later.
    ///
    /// The drafts before hybi-01 (feature `legacy`) have no Ping. On such a connection only a failed write detects a peer that
    /// vanished. Receive with a timeout there.
    #[doc(alias = "keepalive")]
    #[doc(alias = "heartbeat")]
    pub ping_interval: Duration,
    /// The time after the Ping of a silent peer within which any byte must arrive from it. Default 20 s. Also the timeout of `ping`.
    pub pong_timeout: Duration,
    /// The time of the closing handshake, from the first Close to the end of the TCP connection. Default 5 s.
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

#[cfg(any(feature = "client", feature = "server"))]
impl Timeouts {
    /// Checks the values against the table.
    pub(crate) fn check(&self) -> Result<(), UsageError> {
        let least = Duration::from_millis(1);
        let Timeouts { connect, handshake, write, message, ping_interval, pong_timeout, close } = *self;
        at_least("Timeouts::connect", connect, least)?;
        at_least("Timeouts::handshake", handshake, least)?;
        at_least("Timeouts::write", write, least)?;
        at_least("Timeouts::message", message, least)?;
        check_ping_interval(ping_interval)?;
        at_least("Timeouts::pong_timeout", pong_timeout, least)?;
        at_least("Timeouts::close", close, least)
    }
}

/// More Pings than this are a flood.
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) fn check_ping_interval(interval: Duration) -> Result<(), UsageError> {
    at_least("Timeouts::ping_interval", interval, Duration::from_millis(10))
}

/// Checks a setting that is a duration.
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) fn at_least(name: &'static str, value: Duration, least: Duration) -> Result<(), UsageError> {
    if value >= least {
        return Ok(());
    }
    Err(UsageError::SettingTooSmall { name, least: format!("{least:?}") })
}

/// Checks a setting that is a number.
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) fn count_at_least(name: &'static str, value: u64, least: u64) -> Result<(), UsageError> {
    if value >= least {
        return Ok(());
    }
    Err(UsageError::SettingTooSmall { name, least: least.to_string() })
}

/// Checks a setting that has a largest value.
#[cfg(any(feature = "client", feature = "server"))]
fn count_within(name: &'static str, value: u32, range: RangeInclusive<u32>) -> Result<(), UsageError> {
    count_at_least(name, u64::from(value), u64::from(*range.start()))?;
    if value <= *range.end() {
        return Ok(());
    }
    Err(UsageError::SettingTooLarge { name, most: range.end().to_string() })
}

/// Maximum of [`Limits::max_head_size`]. Positions in a head have 32 bits.
pub(crate) const MAX_HEAD_SIZE: u32 = 1 << 20;
/// Minimum of [`Limits::max_head_size`]. The shortest request of RFC 6455 has about 150 bytes.
#[cfg(any(feature = "client", feature = "server"))]
const MIN_HEAD_SIZE: u32 = 256;
/// Maximum of [`Limits::max_head_fields`]. A field of four bytes takes eight more, and 48 in the headers of an error.
#[cfg(any(feature = "client", feature = "server"))]
const MAX_HEAD_FIELDS: u32 = 10_000;
/// Minimum of [`Limits::max_head_fields`]. The shortest request has five fields.
#[cfg(any(feature = "client", feature = "server"))]
const MIN_HEAD_FIELDS: u32 = 8;

/// The limits of what a peer may send. All of them apply by default, before a peer is authenticated.
///
/// The memory of a connection that a peer controls: the head of its request or response, which is kept as long as the connection
/// ([`WebSocket::request`](crate::WebSocket::request), at most [`max_head_size`](Limits::max_head_size) bytes and 8 for each of
/// [`max_head_fields`](Limits::max_head_fields); at most twice that while its buffers grow); one message (at most twice
/// [`max_message_size`](Limits::max_message_size) while its buffer grows), a read buffer of at most 68 KiB, and the responses to
/// its control frames (about 8 KiB). While a call waits for a Pong, received messages are kept, up to
/// [`max_message_size`](Limits::max_message_size) bytes more.
///
/// ```
/// use stdws::{Limits, Server};
/// let server = Server::without_listener()
///     .limits(Limits { max_fragments: 100, ..Limits::with_max_message_size(64 << 10) });
/// ```
///
/// Kerberos tokens and cookies can be long. A client with a head of more than 64 KiB needs a server with a higher limit:
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// use stdws::{Client, Error, Limits, Server};
/// let token = format!("Negotiate {}", "x".repeat(64_000));
/// let roomy = Limits { max_head_size: 128 << 10, ..Limits::server() };
/// let server = Server::bind("127.0.0.1:0")?.limits(roomy).start(|mut ws| ws.recv().map(drop))?;
/// let client = |url: &str| Client::new(url)?.header("Authorization", &token)?.header("X-Groups", &"staff,".repeat(500));
/// client(&server.url())?.connect()?.close(1000, "")?;
///
/// let server = Server::bind("127.0.0.1:0")?.start(|_| Ok(()))?;
/// let Err(Error::Handshake(refused)) = client(&server.url())?.connect() else { panic!("64 KiB are the default") };
/// assert_eq!(refused.status(), Some(431));
/// # Ok(())
/// # }
/// ```
///
/// Later versions can add fields, so a literal ends in `..Limits::client()` or `..Limits::server()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum payload of a frame in bytes. Default: `max_message_size`. A larger frame is answered with Close 1009. A compressed
    /// message may have an eighth and 1 KiB more, because compression can add that.
    pub max_frame_size: u64,
    /// Maximum length of a message in bytes, with all its fragments, after decompression. Default 16 MiB for a client, which
    /// chooses its server, and 1 MiB for a server, which accepts any client. A larger message is answered with Close 1009.
    pub max_message_size: u64,
    /// Maximum number of fragments in a message, empty ones included. Default 131,072, twice the 65,536 that the Autobahn
    /// TestSuite sends. More fragments are answered with Close 1009.
    pub max_fragments: u32,
    /// Maximum number of bytes in the head of a request or a response, from the first line to the empty line. Default 64 KiB,
    /// least 256 bytes, at most 1 MiB. One line may take all of it.
    ///
    /// A server answers 414 if the request line is longer, and 431 if the head is. A client fails with the status of the response,
    /// if that was read, or with [`HeadErrorKind`](crate::HeadErrorKind). The limit applies to each head by itself: those of interim
    /// responses, of redirects, and of a proxy. In [`Accept::limits`](crate::Accept::limits) it has no effect, because the head was
    /// read before.
    pub max_head_size: u32,
    /// Maximum number of fields (lines after the first) in such a head. Default 100, least 8, at most 10,000. Browsers send about
    /// 15, and proxies add a few. A server answers 431 if there are more. A client ignores further fields of a rejection, and fails
    /// if an accepted response has more.
    pub max_head_fields: u32,
}

impl Limits {
    /// The default limits of a client: messages of up to 16 MiB.
    pub const fn client() -> Limits {
        Limits::with_max_message_size(16 << 20)
    }

    /// The default limits of a server: messages of up to 1 MiB.
    pub const fn server() -> Limits {
        Limits::with_max_message_size(1 << 20)
    }

    /// The default limits with messages and frames of up to `bytes`.
    pub const fn with_max_message_size(bytes: u64) -> Limits {
        Limits {
            max_frame_size: bytes,
            max_message_size: bytes,
            max_fragments: 131_072,
            max_head_size: 64 << 10,
            max_head_fields: 100,
        }
    }

    /// Checks the values against the table at [`Timeouts`].
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn check(&self) -> Result<(), UsageError> {
        count_at_least("Limits::max_frame_size", self.max_frame_size, 1)?;
        count_at_least("Limits::max_message_size", self.max_message_size, 1)?;
        count_at_least("Limits::max_fragments", u64::from(self.max_fragments), 1)?;
        count_within("Limits::max_head_size", self.max_head_size, MIN_HEAD_SIZE..=MAX_HEAD_SIZE)?;
        count_within("Limits::max_head_fields", self.max_head_fields, MIN_HEAD_FIELDS..=MAX_HEAD_FIELDS)
    }
}

#[cfg(all(test, any(feature = "client", feature = "server")))]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);
    const NANOSECOND: Duration = Duration::from_nanos(1);

    /// The rows of the table at [`Timeouts`] for its own fields.
    #[test]
    fn least_values_of_timeouts() {
        type Field = fn(&mut Timeouts) -> &mut Duration;
        let rows: [(&str, Field, Duration); 7] = [
            ("Timeouts::connect", |timeouts| &mut timeouts.connect, MILLISECOND),
            ("Timeouts::handshake", |timeouts| &mut timeouts.handshake, MILLISECOND),
            ("Timeouts::write", |timeouts| &mut timeouts.write, MILLISECOND),
            ("Timeouts::message", |timeouts| &mut timeouts.message, MILLISECOND),
            ("Timeouts::ping_interval", |timeouts| &mut timeouts.ping_interval, 10 * MILLISECOND),
            ("Timeouts::pong_timeout", |timeouts| &mut timeouts.pong_timeout, MILLISECOND),
            ("Timeouts::close", |timeouts| &mut timeouts.close, MILLISECOND),
        ];
        for (name, field, least) in rows {
            let mut timeouts = Timeouts::default();
            for valid in [least, Duration::MAX] {
                *field(&mut timeouts) = valid;
                assert_eq!(timeouts.check().map_err(|error| error.to_string()), Ok(()), "{name}");
            }
            *field(&mut timeouts) = least - NANOSECOND;
            let error = timeouts.check().unwrap_err();
            assert!(matches!(&error, UsageError::SettingTooSmall { name: shown, least: text }
                if *shown == name && *text == format!("{least:?}")));
        }
    }

    /// The rows of the table at [`Timeouts`] for [`Limits`].
    #[test]
    fn ranges_of_limits() {
        type Set = fn(&mut Limits, u64);
        let rows: [(&str, Set, u64, u64); 5] = [
            ("Limits::max_frame_size", |limits, value| limits.max_frame_size = value, 1, u64::MAX),
            ("Limits::max_message_size", |limits, value| limits.max_message_size = value, 1, u64::MAX),
            ("Limits::max_fragments", |limits, value| limits.max_fragments = value as u32, 1, u32::MAX.into()),
            ("Limits::max_head_size", |limits, value| limits.max_head_size = value as u32, 256, 1 << 20),
            ("Limits::max_head_fields", |limits, value| limits.max_head_fields = value as u32, 8, 10_000),
        ];
        for (name, set, least, most) in rows {
            let mut limits = Limits::server();
            for valid in [least, least + 1, most - 1, most] {
                set(&mut limits, valid);
                assert_eq!(limits.check().map_err(|error| error.to_string()), Ok(()), "{name}");
            }
            set(&mut limits, least - 1);
            assert!(matches!(limits.check(), Err(UsageError::SettingTooSmall { name: shown, least: text })
                if shown == name && text == least.to_string()));
            if most < u32::MAX.into() {
                set(&mut limits, most + 1);
                assert!(matches!(limits.check(), Err(UsageError::SettingTooLarge { name: shown, most: text })
                    if shown == name && text == most.to_string()));
            }
        }
    }

    /// The defaults in the comments of the fields.
    #[test]
    fn defaults() {
        let seconds = Duration::from_secs;
        let timeouts = Timeouts {
            connect: seconds(30),
            handshake: seconds(10),
            write: seconds(20),
            message: seconds(60),
            ping_interval: seconds(20),
            pong_timeout: seconds(20),
            close: seconds(5),
        };
        assert_eq!(Timeouts::default(), timeouts);
        for (limits, size) in [(Limits::client(), 16_777_216), (Limits::server(), 1_048_576)] {
            let expected = Limits {
                max_frame_size: size,
                max_message_size: size,
                max_fragments: 131_072,
                max_head_size: 65_536,
                max_head_fields: 100,
            };
            assert_eq!(limits, expected);
        }
    }
}
