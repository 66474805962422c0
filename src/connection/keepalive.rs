//! Keepalive: when the receiver sends a Ping, and when a silent peer is given up.
//!
//! | silence | Ping | the connection fails |
//! |---|---|---|
//! | no byte came for [`Timeouts::ping_interval`](crate::Timeouts::ping_interval) | one | without a byte for [`Timeouts::pong_timeout`](crate::Timeouts::pong_timeout) more |
//! | no byte was sent for that time, also while data arrives | one, unless the first kind is unanswered | no |
//!
//! A Ping of the second kind counts as that of the first, if the peer becomes silent after it. No other follows it before a byte
//! has come. It can be late by an eighth of the interval: equal waits need no system call.
//!
//! **The clock.** A write reads the clock after the network has taken bytes, and the receiver compares that time before it
//! waits. An empty write does not count. A receiver that has just written everything needs no comparison. Two cheaper times for
//! a write are not exact enough, here with an interval of 30 s:
//!
//! | the time of a write | the Ping can be | example |
//! |---|---|---|
//! | the receiver's last reading of the clock | an interval early | requests come each 29 s and are answered: each answer is followed by a Ping |
//! | the receiver's next reading | an interval late | a hub writes at 1 s, the peer at 29 s: the Ping is sent at 59 s |
//!
//! Knows the shared connection; must not know the receiver.

use std::time::{Duration, Instant};

use super::ending::CONGESTION_RETRY;
use super::framing::Decoder;
use super::send::WriteStatus;
use super::shared::Connection;

#[derive(Debug, Default)]
pub(super) struct Keepalive {
    /// The start of the current silence of the peer.
    silent_since: Option<Instant>,
    /// The unanswered Ping of that silence.
    unanswered: Option<SilencePing>,
    /// Since the last byte received, a Ping was sent because nothing was written.
    pinged: bool,
}

#[derive(Debug, Clone, Copy)]
struct SilencePing {
    at: Instant,
    /// The progress of writing at that time. A Ping waits for the end of a message that another thread is sending. While the
    /// peer reads that message, it is alive.
    progress: u64,
}

impl Keepalive {
    /// Whether no wait has ended without a byte since the last one.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.silent_since.is_none()
    }

    /// Any byte shows that the peer is alive.
    #[inline]
    pub(super) fn on_bytes(&mut self) {
        *self = Keepalive::default();
    }

    /// A wait of this time has ended without a byte.
    pub(super) fn on_silence(&mut self, waited: Duration) {
        if self.silent_since.is_none() {
            let now = Instant::now();
            self.silent_since = Some(now.checked_sub(waited).unwrap_or(now));
        }
    }

    /// Writes what is queued and pending, and a Ping if nothing was written for the interval.
    #[inline]
    pub(super) fn flush(&mut self, connection: &Connection) -> WriteStatus {
        let status = connection.flush_before_read();
        match status.ping_wait.is_zero() {
            true => self.flush_ping(connection, status),
            false => status,
        }
    }

    #[cold]
    fn flush_ping(&mut self, connection: &Connection, status: WriteStatus) -> WriteStatus {
        let due = !status.closing && !self.pinged && self.unanswered.is_none();
        if due && connection.schedule_ping() {
            self.pinged = true;
            return connection.flush_before_read();
        }
        status
    }

    /// The time until a Ping is due, or its answer, because nothing came. Schedules the Ping. Zero: the answer is overdue.
    pub(super) fn time_left(
        &mut self,
        now: Instant,
        (connection, decoder): (&Connection, &mut Decoder),
        ping_interval: Duration,
    ) -> Duration {
        let pong_timeout = connection.timeouts.pong_timeout;
        let progress = connection.stream.progress();
        if let Some(ping) = &mut self.unanswered {
            if ping.progress != progress {
                *ping = SilencePing { at: now, progress };
            }
            return pong_timeout.saturating_sub(now.saturating_duration_since(ping.at));
        }
        let Some(silent_since) = self.silent_since else { return ping_interval };
        let left = ping_interval.saturating_sub(now.saturating_duration_since(silent_since));
        if !left.is_zero() {
            return left;
        }
        if !self.pinged && !connection.schedule_ping() {
            self.silent_since = Some(now);
            return ping_interval;
        }
        self.await_answer(now, progress);
        let status = connection.flush_before_read();
        // An idle connection does not need its buffers.
        connection.shrink();
        decoder.shrink();
        match status.congested {
            true => pong_timeout.min(CONGESTION_RETRY),
            false => pong_timeout,
        }
    }

    pub(super) fn await_answer(&mut self, at: Instant, progress: u64) {
        self.unanswered = Some(SilencePing { at, progress });
    }
}

/// Maximum number of successive reads after a limit has passed.
const MAX_OVERDUE_READS: u32 = 16;
/// Maximum time for those reads and what is done with their input.
const MAX_OVERDUE_TIME: Duration = Duration::from_millis(250);

/// Counts the reads after a limit has passed: a connection fails only after the socket has no more input.
#[derive(Debug, Default)]
pub(super) struct OverdueReads {
    /// The time since which a limit is exceeded.
    since: Option<Instant>,
    count: u32,
}

impl OverdueReads {
    /// Counts a read. `true`: it would be one more than the maximum.
    #[cold]
    pub(super) fn is_last(&mut self) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.count = self.count.saturating_add(1);
        self.count > MAX_OVERDUE_READS || since.elapsed() >= MAX_OVERDUE_TIME
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Role;
    use crate::connection::testing::{encoder, long_timeouts, websocket, LONG, ROLES, TEXT};

    #[test]
    fn the_ping_to_a_silent_peer_frees_the_buffers() {
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, long_timeouts());
            ws.send("one").unwrap();
            let (decoder, mut bytes) = (&mut ws.receiver.decoder, Vec::new());
            let mut encoder = encoder(if role == Role::Client { Role::Server } else { Role::Client });
            (0..2000).for_each(|_| encoder.encode_frame(&mut bytes, true, TEXT, &[b'm'; 60]).unwrap());
            while !bytes.is_empty() {
                let space = decoder.space();
                let count = space.len().min(bytes.len());
                space[..count].copy_from_slice(&bytes[..count]);
                decoder.filled(count);
                bytes.drain(..count);
                while decoder.next().unwrap().is_some() {}
            }
            let connection = ws.shared_connection().clone();
            let written =
                || connection.lock_state().writer.as_mut().map_or(0, |writer| writer.buffer.bytes().capacity());
            let (read, decoder) = (ws.receiver.decoder.space().len(), &mut ws.receiver.decoder);
            assert!(written() > 0);
            let mut keepalive = Keepalive { silent_since: Some(Instant::now()), ..Keepalive::default() };
            let left = keepalive.time_left(Instant::now(), (&connection, decoder), Duration::ZERO);
            assert_eq!(left, LONG);
            assert_eq!((peer.frame().map(|frame| frame.2), written()), (Some(b"one".to_vec()), 0));
            assert!(decoder.space().len() < read, "{read} {}", decoder.space().len());
        }
    }

    #[test]
    fn reads_after_a_limit_end_at_their_number_or_at_their_time() {
        // A time to come, so that only the number counts.
        let mut reads = OverdueReads { since: Instant::now().checked_add(LONG), count: 0 };
        assert_eq!((1..=18).find(|_| reads.is_last()), Some(17));
        let since = Instant::now().checked_sub(MAX_OVERDUE_TIME);
        assert!(since.is_none() || OverdueReads { since, count: 0 }.is_last());
    }

    /// That of the compressor, too.
    #[cfg(feature = "deflate")]
    #[test]
    fn the_ping_to_a_silent_peer_frees_the_compressor() {
        use crate::codec::encoder;
        use crate::connection::framing::Encoder;
        use crate::deflate::extension::negotiation::Agreed;
        use crate::deflate::extension::{codec, Deflate, Direction};
        use crate::deflate::WindowBits;
        let (ws, _peer) = websocket(Role::Server, long_timeouts());
        let connection = ws.shared_connection();
        let free = Direction { bits: WindowBits::MAX, takeover: true };
        let (_, deflater) = codec(&Agreed { send: free, receive: free }, &Deflate::default());
        let encoder = Encoder::Rfc6455(encoder::Encoder::server().with_compression(Some(deflater)));
        connection.lock_state().writer.as_mut().unwrap().encoder = encoder;
        connection.send(TEXT, &[b'a'; 5000]).unwrap();
        let held = || match &connection.lock_state().writer.as_ref().unwrap().encoder {
            Encoder::Rfc6455(encoder::Encoder { deflater: Some(deflater), .. }) => deflater.held(),
            encoder => panic!("{encoder:?}"),
        };
        assert!(held() > 0);
        connection.shrink();
        assert_eq!(held(), 0);
    }

    #[cfg(all(target_os = "linux", feature = "native-tls", feature = "client", feature = "server"))]
    #[test]
    fn the_ping_to_a_silent_peer_frees_the_buffers_of_tls() {
        use crate::connection::testing::websocket_over;
        use crate::net::stream::Stream;
        let (stream, _far) = crate::tls::tests::pair();
        let ws = websocket_over(stream, Role::Client, long_timeouts());
        let connection = ws.shared_connection();
        connection.send(TEXT, &[b'a'; 5000]).unwrap();
        let Stream::Tls(tls) = &*connection.stream else { panic!("no TLS") };
        assert!(tls.held() > 0);
        connection.shrink();
        assert_eq!(tls.held(), 0);
    }
}
