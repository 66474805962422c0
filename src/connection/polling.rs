//! Waiting for input outside of a receive call: with `poll`, `epoll` or `select`, for several connections or other things.
//!
//! The system reports bytes in the socket. It cannot report what is on this side of it, nor what is due at a time:
//!
//! | what a poll of the socket does not report | [`WebSocket::poll_timeout`] |
//! |---|---|
//! | bytes that were read and not decoded, also inside the TLS engine | zero, until a read has found the stream empty |
//! | messages received during [`WebSocket::ping`] | zero |
//! | the result of a connection that has ended | zero |
//! | queued messages | zero, until a write was tried |
//! | bytes that the network did not take | 20 ms at most |
//! | a Ping that is due, a Pong or the rest of a message that is overdue | the time until then |
//! | the end of the closing handshake | the time until then |
//!
//! The invariant: a thread that polls with this timeout, and makes a receive call after each poll, does what a blocked receive
//! call does. So the receiver stores the wait of its last read (`idle_until`) only if that read has found nothing.
//!
//! Knows the public handle and the receiver.

#[cfg(unix)]
use std::os::fd::BorrowedFd;
#[cfg(windows)]
use std::os::windows::io::BorrowedSocket;
use std::time::Duration;

use super::ending::whole_millis;
use super::websocket::WebSocket;

impl WebSocket {
    /// The descriptor of the socket, to wait for input with `poll` or `epoll`. `None` for a
    /// [`SplitStream`](crate::SplitStream), which has none. Only on Unix; Windows has `as_socket`.
    ///
    /// It is readable when a receive call may return something. Before each wait, call [`try_recv`](WebSocket::try_recv) until
    /// nothing is left, and wait no longer than [`poll_timeout`](WebSocket::poll_timeout): the chapter
    /// [`receiving`](crate::manual::receiving) has the loop. Do not read or write the descriptor, and do not change its
    /// settings.
    ///
    /// This is no implementation of [`AsFd`](std::os::fd::AsFd), because that cannot be `None`. The returned descriptor
    /// implements it. It is the same one until the `WebSocket` is dropped, also after the end of the connection.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// let ws = stdws::connect(server.url())?;
    /// assert!(ws.as_fd().is_some());
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[cfg(unix)]
    #[doc(alias = "AsRawFd")]
    #[doc(alias = "epoll")]
    #[doc(alias = "select")]
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.connection().stream.socket()?.as_fd())
    }

    /// The socket, to wait for input with `WSAPoll`. `None` for a [`SplitStream`](crate::SplitStream), which has none. Only on
    /// Windows; Unix has `as_fd`.
    ///
    /// It is readable when a receive call may return something. Before each wait, call [`try_recv`](WebSocket::try_recv) until
    /// nothing is left, and wait no longer than [`poll_timeout`](WebSocket::poll_timeout): the chapter
    /// [`receiving`](crate::manual::receiving) has the loop. Do not read or write the socket, and do not change its settings.
    ///
    /// This is no implementation of [`AsSocket`](std::os::windows::io::AsSocket), because that cannot be `None`. The returned
    /// socket implements it.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// let ws = stdws::connect(server.url())?;
    /// assert!(ws.as_socket().is_some());
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[cfg(windows)]
    #[doc(alias = "AsRawSocket")]
    #[doc(alias = "WSAPoll")]
    #[doc(alias = "select")]
    pub fn as_socket(&self) -> Option<BorrowedSocket<'_>> {
        Some(self.connection().stream.socket()?.as_socket())
    }

    /// The maximum time to wait for the socket before the next receive call, in whole milliseconds. No other thread keeps the
    /// connection alive: a receive call after this time sends the Ping that is due, writes what the network did not take, and
    /// notices every timeout of [`Timeouts`](crate::Timeouts).
    ///
    /// Zero means that a receive call has something to do now, whether the socket is readable or not: bytes were read and not
    /// decoded yet, messages are queued, or the connection has ended. So it is zero until a receive call has returned
    /// [`Timeout`](crate::Error::Timeout)`(`[`Step::Receive`](crate::Step::Receive)`)`, and can be zero after that one too.
    ///
    /// With keepalive it is at most [`Timeouts::ping_interval`](crate::Timeouts::ping_interval) while the connection is idle. Ask
    /// for it immediately before each wait. The chapter [`receiving`](crate::manual::receiving) has the loop.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// # use std::time::Duration;
    /// let mut ws = stdws::connect(server.url())?;
    /// assert_eq!(ws.poll_timeout(), Duration::ZERO); // nobody has looked yet
    /// while ws.poll_timeout().is_zero() {
    ///     assert!(matches!(ws.try_recv(), Err(stdws::Error::Timeout(stdws::Step::Receive))));
    /// }
    /// assert!(ws.poll_timeout() <= stdws::Timeouts::default().ping_interval);
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn poll_timeout(&self) -> Duration {
        let receiver = &self.receiver;
        match receiver.idle_until {
            Some(due) if receiver.outcome.is_none() && self.buffered_messages.is_empty() => {
                whole_millis(due.remaining().min(self.connection().time_to_flush()))
            }
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::CloseCode;
    use crate::codec::frame::{Opcode, Role};
    use crate::config::Timeouts;
    use crate::connection::testing::{long_timeouts, pair, under_watchdog, websocket, LARGE, LONG, ROLES, TEXT};
    use crate::error::{Error, Result, Step};
    use crate::message::Message;
    use std::io::Write;
    use std::net::TcpStream;

    /// Waits as a program with `poll` does: until the socket is readable, for that time at most. `std` can wait for one socket.
    fn poll(ws: &WebSocket, wait: Duration) {
        if wait.is_zero() {
            return;
        }
        #[cfg(unix)]
        let socket = TcpStream::from(ws.as_fd().unwrap().try_clone_to_owned().unwrap());
        #[cfg(windows)]
        let socket = TcpStream::from(ws.as_socket().unwrap().try_clone_to_owned().unwrap());
        socket.set_read_timeout(Some(wait.min(LONG))).unwrap();
        let _ = socket.peek(&mut [0]);
    }

    /// The next result, and the number of waits that it took.
    fn polled(ws: &mut WebSocket) -> (Result<Option<Message>>, u32) {
        let mut waits = 0;
        loop {
            match ws.try_recv() {
                Err(Error::Timeout(Step::Receive)) => {}
                result => return (result, waits),
            }
            let wait = ws.poll_timeout();
            waits += u32::from(!wait.is_zero());
            poll(ws, wait);
        }
    }

    #[test]
    fn a_connection_that_has_ended_needs_no_poll() {
        let (mut ws, _peer) = websocket(Role::Server, long_timeouts());
        polled_until_idle(&mut ws);
        assert!(!ws.poll_timeout().is_zero());
        ws.receiver.close_nonblocking(CloseCode::GOING_AWAY);
        assert_eq!(ws.poll_timeout(), Duration::ZERO);
    }

    fn polled_until_idle(ws: &mut WebSocket) {
        while ws.poll_timeout().is_zero() {
            assert!(matches!(ws.try_recv(), Err(Error::Timeout(Step::Receive))));
        }
    }

    fn text(result: Result<Option<Message>>) -> String {
        result.unwrap().unwrap().into_text().unwrap()
    }

    #[test]
    fn nothing_waits_while_there_is_something_to_do() {
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, long_timeouts());
            let drained = |ws: &mut WebSocket| {
                while ws.poll_timeout().is_zero() {
                    assert!(matches!(ws.try_recv(), Err(Error::Timeout(Step::Receive))));
                }
            };
            assert!(ws.poll_timeout().is_zero(), "no call has looked yet");
            drained(&mut ws);
            assert!(ws.poll_timeout() <= LONG);
            // Two messages in one read: the second is in memory only.
            loop {
                peer.send(true, TEXT, b"one");
                peer.send(true, TEXT, b"two");
                assert_eq!(text(polled(&mut ws).0), "one");
                if ws.receiver.decoder.unread() > 0 {
                    break;
                }
                // They came one after the other.
                assert_eq!(text(polled(&mut ws).0), "two");
            }
            assert!(ws.poll_timeout().is_zero(), "a message is in memory");
            assert_eq!(text(polled(&mut ws).0), "two");
            drained(&mut ws);
            ws.queue("queued").unwrap();
            assert!(ws.poll_timeout().is_zero(), "a message is queued");
            drained(&mut ws);
            assert_eq!(peer.frame().unwrap().2, b"queued");
            ws.start_close(1000, "").unwrap();
            assert!(!ws.poll_timeout().is_zero() && ws.poll_timeout() <= ws.connection().timeouts.close);
            ws.abort();
            let (end, _) = polled(&mut ws);
            assert!(end.unwrap_err().is_closed() && ws.poll_timeout().is_zero(), "it has ended");
        }
    }

    #[test]
    fn a_message_received_during_a_ping_is_not_waited_for() {
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, long_timeouts());
            let answering = std::thread::spawn(move || {
                let (_, _, payload) = peer.frame().unwrap();
                peer.send(true, TEXT, b"before the Pong");
                peer.send(true, Opcode::Pong, &payload);
                peer
            });
            ws.ping().unwrap();
            ws.receiver.idle_until = Some(crate::net::deadline::Deadline::after(LONG));
            assert!(ws.poll_timeout().is_zero());
            assert_eq!(text(ws.try_recv()), "before the Pong");
            drop(answering.join().unwrap());
        }
    }

    #[test]
    fn a_thread_that_polls_pings_and_notices_a_silent_peer() {
        for role in ROLES {
            let (result, waits) = under_watchdog(move || {
                let ms = Duration::from_millis;
                let timeouts = Timeouts { ping_interval: ms(80), pong_timeout: ms(80), ..long_timeouts() };
                let (mut ws, mut peer) = websocket(role, timeouts);
                let (result, waits) = polled(&mut ws);
                assert_eq!(peer.frame().map(|frame| frame.1), Some(Opcode::Ping));
                (result.map(drop), waits)
            });
            assert!(matches!(result, Err(Error::Timeout(Step::Keepalive))), "{result:?}");
            // One for the Ping and one for its Pong, and another for each that ends a moment early.
            assert!(waits < 20, "{waits} waits");
        }
    }

    #[test]
    fn a_message_that_stops_and_a_close_without_an_answer_are_noticed() {
        for role in ROLES {
            under_watchdog(move || {
                let short = Duration::from_millis(80);
                let (mut ws, mut peer) = websocket(role, Timeouts { message: short, ..long_timeouts() });
                peer.socket.write_all(&[0x81]).unwrap();
                let (result, _) = polled(&mut ws);
                assert!(matches!(result, Err(Error::Timeout(Step::Message))), "{result:?}");
                let (mut ws, _peer) = websocket(role, Timeouts { close: short, ..long_timeouts() });
                assert!(matches!(ws.try_recv(), Err(Error::Timeout(Step::Receive))));
                ws.start_close(1000, "").unwrap();
                let (result, _) = polled(&mut ws);
                assert!(matches!(result, Err(Error::Timeout(Step::Close))), "{result:?}");
            });
        }
    }

    /// Bytes that the network does not take are tried again without the peer's bytes.
    #[test]
    fn what_the_network_did_not_take_is_written_later() {
        under_watchdog(|| {
            let (mut ws, mut other) = pair(long_timeouts());
            let part = vec![7; 60 << 10];
            let mut queued = 0;
            while queued < LARGE && !ws.connection().lock_state().writer.as_ref().unwrap().buffer.is_congested() {
                ws.queue(&part).unwrap();
                queued += part.len();
                assert!(matches!(ws.try_recv(), Err(Error::Timeout(Step::Receive))));
            }
            assert!(ws.poll_timeout() <= Duration::from_millis(20));
            let reading = std::thread::spawn(move || {
                let mut received = 0;
                while received < queued {
                    received += other.recv().unwrap().unwrap().len();
                }
                other.send("all").unwrap();
            });
            assert_eq!(text(polled(&mut ws).0), "all");
            reading.join().unwrap();
        });
    }

    /// The whole message has arrived, and no byte follows it that would wake a poll.
    #[test]
    fn a_message_longer_than_a_read_needs_no_further_byte() {
        under_watchdog(|| {
            let (mut ws, mut other) = pair(long_timeouts());
            for size in [10, 2_000, 20_000, 70_000, 200_000] {
                other.send(vec![1; size]).unwrap();
                assert_eq!(polled(&mut ws).0.unwrap().unwrap().len(), size);
            }
        });
    }

    #[test]
    fn a_stream_of_the_caller_has_no_socket() {
        let (one, _other) = crate::net::split_stream::SplitStream::pair();
        let stream = crate::net::stream::Stream::from_split(one).unwrap();
        assert!(stream.socket().is_none());
    }
}
