//! The last steps of a connection after its final message: the Close is written, and the stream is ended.
//!
//! The receiving side has three states. The result is known when the first one ends, and does not change.
//!
//! | state | a receive call | next state |
//! |---|---|---|
//! | open | waits for a message | ending: the peer's Close, or a failure |
//! | ending | returns the result | ended: all steps are done, or [`Timeouts::close`](crate::Timeouts::close) has passed |
//! | ended | returns the result | |
//!
//! | reason | steps, in order |
//! |---|---|
//! | a failure that is reported to the peer | write, finish, drain |
//! | a failure that is not | |
//! | the drop of an open connection whose stream has not passed on all bytes | finish, discard |
//! | both Closes, and this side is the client | write, drain, finish |
//! | both Closes, and this side is the server, or the draft has no such rule | write, finish, discard |
//!
//! | step | is done when |
//! |---|---|
//! | write | the kernel has all queued frames and the Close |
//! | finish | this side's direction of the stream is shut down |
//! | drain | the peer has ended its stream (6455-7.1.1-1, 6455-7.1.7-7); input before that is dropped |
//! | discard | input that has arrived is dropped |
//!
//! Draining matters: a socket that is closed with unread bytes resets the connection, and the Close can be lost. After the last
//! step the stream is shut down, and the end is emitted as an event.
//!
//! | caller of the steps | waits |
//! |---|---|
//! | the call that meets a failure, and each later one | no: the error is returned at once |
//! | a receive call after the peer's Close | up to its own limit |
//! | [`WebSocket::close`](crate::WebSocket::close) | up to [`Timeouts::close`](crate::Timeouts::close) |
//! | the drop of a `WebSocket` | no: `background` runs the remaining steps, and waits up to [`Timeouts::close`](crate::Timeouts::close) |
//!
//! A server's handler that continues after it has dropped its connection delays the remaining steps. The Close and the end of
//! this side's stream are usually sent by then, but the socket stays open until the handler returns.
//!
//! A step that does not wait takes at most one [`WRITE_QUANTUM`](crate::net::deadline::WRITE_QUANTUM). The deadline of all steps
//! is that of the closing handshake.

use std::io::ErrorKind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::background;
use super::shared::Connection;
use crate::codec::frame::Role;
use crate::net::deadline::Deadline;

/// The wait before bytes that the network did not take are tried again.
pub(super) const CONGESTION_RETRY: Duration = Duration::from_millis(20);
/// Maximum number of reads in one step: a peer can send without end.
pub(super) const MAX_DRAIN_READS: u32 = 16;

/// One of the steps above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Write,
    Finish,
    Drain,
    Discard,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Both Closes were exchanged.
    Clean,
    Failed,
}

/// The remaining steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    tasks: &'static [Task],
    by: Deadline,
    outcome: Outcome,
    /// The peer has ended its stream.
    peer_ended: bool,
}

impl Ending {
    /// 6455-7.1.7-1: the steps after a failure that is reported to the peer.
    pub(super) fn failed(by: Deadline) -> Ending {
        let tasks = &[Task::Write, Task::Finish, Task::Drain];
        Ending { tasks, by, outcome: Outcome::Failed, peer_ended: false }
    }

    /// The steps after a failure that is not reported to the peer.
    pub(super) fn silent_since(by: Deadline) -> Ending {
        Ending { tasks: &[], by, outcome: Outcome::Failed, peer_ended: false }
    }

    /// The steps after a drop, if the writer's thread of a supplied stream still has bytes. Only then is the stream ended.
    pub(super) fn passing_on(by: Deadline) -> Ending {
        let tasks = &[Task::Finish, Task::Discard];
        Ending { tasks, by, outcome: Outcome::Failed, peer_ended: false }
    }

    /// 6455-5.5.1-10: the steps after both Closes. They end the TCP connection.
    pub(super) fn clean(connection: &Connection, by: Deadline) -> Ending {
        let tasks: &[Task] = match connection.role == Role::Client && connection.protocol.server_closes_tcp_first() {
            // 6455-5.5.1-12, 6455-7.1.1-6, 6455-5.5.1-13, 6455-7.1.1-4: the client waits for the server, within its time.
            // The side that ends first has TIME_WAIT, so the client does not even end its own direction before.
            true => &[Task::Write, Task::Drain, Task::Finish],
            // 6455-5.5.1-11, 6455-7.1.1-3, 6455-7.1.1-5: the server ends it at once.
            false => &[Task::Write, Task::Finish, Task::Discard],
        };
        Ending { tasks, by, outcome: Outcome::Clean, peer_ended: false }
    }

    /// Continues until all steps are done or the limit has passed. `true`: all are done, and this is not called again.
    pub(super) fn go_on(&mut self, connection: &Connection, discard_space: &mut [u8], limit: Deadline) -> bool {
        while let [task, rest @ ..] = self.tasks {
            let done = match task {
                Task::Write => self.write(connection, discard_space, limit.earlier(self.by)),
                Task::Finish => connection.stream.shutdown_write(limit.earlier(self.by).remaining()),
                Task::Drain => self.drain_until_eof(connection, discard_space, limit.earlier(self.by)),
                Task::Discard => {
                    self.drain_until_eof(connection, discard_space, Deadline::now());
                    true
                }
            };
            if done || self.by.is_expired() {
                self.tasks = rest;
                if *task == Task::Write && self.outcome == Outcome::Clean {
                    connection.mark_closed();
                }
            } else if limit.is_expired() {
                return false;
            }
        }
        connection.stream.shutdown();
        connection.emit_end();
        true
    }

    /// 6455-7.1.7-6: a peer that no longer reads does not receive the Close.
    fn write(&mut self, connection: &Connection, discard_space: &mut [u8], by: Deadline) -> bool {
        let by = by.earlier(Deadline::after(CONGESTION_RETRY));
        let written = connection.flush_and_close(by).unwrap_or(true);
        // The peer may read only after its own bytes have been read.
        if !written && self.drain_until_eof(connection, discard_space, by) {
            thread::sleep(by.remaining());
        }
        written
    }

    /// Reads and drops input until the deadline. `true`: the peer has ended its stream.
    fn drain_until_eof(&mut self, connection: &Connection, discard_space: &mut [u8], by: Deadline) -> bool {
        for _ in 0..MAX_DRAIN_READS {
            if self.peer_ended {
                break;
            }
            match connection.stream.read(discard_space, whole_millis(by.remaining())) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if by.is_expired() {
                        break;
                    }
                }
                Ok(0) | Err(_) => self.peer_ended = true,
            }
        }
        self.peer_ended
    }

    /// Continues without waiting, and leaves the rest to another thread. Without one, the connection ends here.
    pub(super) fn leave_behind(self, connection: &Arc<Connection>, discard_space: &mut [u8]) {
        self.leave_to(background::spawn, connection, discard_space);
    }

    fn leave_to(mut self, spawn: fn(background::Work) -> bool, connection: &Arc<Connection>, discard_space: &mut [u8]) {
        if self.go_on(connection, discard_space, Deadline::now()) {
            return;
        }
        #[cfg(feature = "server")]
        if connection.host().is_some_and(|host| host.hand_over(self.into_work(connection)).is_ok()) {
            return;
        }
        if spawn(self.into_work(connection)) {
            return;
        }
        self.by = Deadline::now();
        self.go_on(connection, discard_space, Deadline::now());
    }

    fn into_work(self, connection: &Arc<Connection>) -> background::Work {
        let connection = connection.clone();
        Box::new(move || self.run(&connection))
    }

    /// Waits until all steps are done.
    #[inline(never)]
    fn run(mut self, connection: &Connection) {
        self.go_on(connection, &mut vec![0; 16 << 10], Deadline::never());
    }
}

/// Rounds up. The same limit in the next call then needs no new timeout of the socket.
pub(super) fn whole_millis(wait: Duration) -> Duration {
    Duration::from_millis(u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::CloseCode;
    use crate::codec::frame::Opcode;
    use crate::connection::testing::{
        encoder, long_timeouts, under_watchdog, wait_until, websocket, websocket_over, BINARY, LARGE, LONG, ROLES,
    };
    use crate::error::{Error, ProtocolError};
    use crate::net::split_stream::SplitStream;
    use crate::net::stream::{tests::sockets, Stream};
    use std::io::{self, Read, Write};
    use std::net::Shutdown;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    #[cfg(feature = "server")]
    #[test]
    fn a_host_accepts_one_connection_before_it_has_finished() {
        for role in ROLES {
            under_watchdog(move || {
                let (ws, mut peer) = websocket(role, long_timeouts());
                let connection = ws.shared_connection().clone();
                let ending = Ending::failed(Deadline::after(LONG));
                let hand_over = || connection.host().unwrap().hand_over(ending.into_work(&connection)).is_ok();
                let host = connection.host_thread();
                assert!(hand_over());
                assert!(!hand_over());
                connection.fail(Error::Closed(None), Some(CloseCode::POLICY));
                let staying = thread::spawn(move || drop(host));
                assert_eq!(peer.frame().map(|frame| frame.1), Some(Opcode::Close));
                assert!(peer.frame().is_none() && !staying.is_finished());
                drop(peer);
                staying.join().unwrap();
                assert!(!hand_over());
            });
        }
    }

    #[test]
    fn a_wait_is_rounded_up_to_milliseconds() {
        let seconds = Duration::from_secs(2000);
        for (wait, rounded) in [
            (Duration::ZERO, Duration::ZERO),
            (Duration::from_nanos(1), Duration::from_millis(1)),
            (seconds, seconds),
            (seconds + Duration::from_nanos(1), seconds + Duration::from_millis(1)),
            (Duration::MAX, Duration::from_millis(u64::MAX)),
        ] {
            assert_eq!(whole_millis(wait), rounded);
        }
    }

    #[test]
    fn the_deadline_ends_every_step() {
        for role in ROLES {
            let (ws, _peer) = websocket(role, long_timeouts());
            let connection = ws.shared_connection();
            let limit = Duration::from_millis(50);
            for new in [Ending::failed, |by| Ending {
                tasks: &[Task::Write, Task::Drain, Task::Finish],
                ..Ending::silent_since(by)
            }] {
                let _writer = connection.lock_state().writer.take();
                let start = Instant::now();
                let mut ending = new(Deadline::after(limit));
                assert!(!ending.go_on(connection, &mut [0; 64], Deadline::now()));
                assert!(start.elapsed() < LONG / 4);
                assert!(ending.go_on(connection, &mut [0; 64], Deadline::never()));
                assert!(start.elapsed() >= limit && start.elapsed() < LONG / 4);
            }
        }
    }

    /// 6455-7.1.2-2, 6455-7.1.1-3, 6455-7.1.1-5: after both Closes the server ends the stream without waiting.
    /// 6455-7.1.1-6, 6455-7.1.1-4: the client waits for the server to do so, but not longer than its time.
    /// 6455-7.1.4-s1: this is a clean close.
    #[test]
    fn after_both_closes_the_server_ends_the_stream() {
        for (role, time) in [(Role::Server, LONG), (Role::Client, LONG), (Role::Client, Duration::ZERO)] {
            let (ws, mut peer) = websocket(role, long_timeouts());
            let connection = ws.shared_connection();
            connection.start_close(CloseCode::NORMAL, "").unwrap();
            let answer = connection.protocol.close(CloseCode::NORMAL, "");
            connection.on_close_received(Some(CloseCode::GOING_AWAY), String::new(), answer);
            let mut ending = Ending::clean(connection, Deadline::after(time));
            let done = ending.go_on(connection, &mut [0; 64], Deadline::now());
            assert!(
                matches!(connection.end(), Some(Error::Closed(Some(info))) if info.code() == CloseCode::GOING_AWAY)
            );
            assert_eq!(done, role == Role::Server || time.is_zero(), "{role:?}");
            if !done {
                peer.socket.shutdown(Shutdown::Write).unwrap();
                assert!(ending.go_on(connection, &mut [0; 64], Deadline::after(LONG)));
            }
            assert_eq!(peer.frame().map(|frame| frame.1), Some(Opcode::Close));
            assert_eq!(peer.frame(), None);
        }
    }

    /// 6455-7.1.7-1, 6455-7.1.7-3, 6455-7.1.7-5, 6455-10.7-3: a failure sends a Close and ends the stream, although the
    /// peer has not ended it. 6455-7.1.4-s1: this is no clean close.
    #[test]
    fn a_failure_ends_the_stream() {
        for role in ROLES {
            let (ws, mut peer) = websocket(role, long_timeouts());
            let connection = ws.shared_connection();
            let violation = ProtocolError::UnknownOpcode(3);
            let (_, by) = connection.fail(Error::Protocol(violation), Some(violation.close_code()));
            let mut ending = Ending::failed(by);
            assert!(!ending.go_on(connection, &mut [0; 64], Deadline::now()));
            assert!(connection.stream.try_write(b"more").is_err(), "{role:?}");
            assert!(matches!(connection.end(), Some(Error::Protocol(_))));
            assert_eq!(peer.frame().map(|frame| frame.1), Some(Opcode::Close));
            assert_eq!(peer.frame(), None);
            drop(peer);
            assert!(ending.go_on(connection, &mut [0; 64], Deadline::after(LONG)));
        }
    }

    /// A peer may read only after its own bytes have been read.
    #[test]
    fn a_peer_that_is_writing_receives_the_close() {
        for role in ROLES {
            under_watchdog(move || {
                let (ws, mut peer) = websocket(role, long_timeouts());
                let connection = ws.shared_connection();
                let (mut frames, mut encoder) = (Vec::new(), encoder(role));
                (0..LARGE >> 16).for_each(|_| encoder.encode_frame(&mut frames, true, BINARY, &[0; 1 << 16]).unwrap());
                connection.lock_state().writer.as_mut().unwrap().buffer.bytes().extend(frames);
                let (_, by) = connection.fail(Error::Closed(None), Some(CloseCode::POLICY));
                let peer = thread::spawn(move || {
                    peer.socket.write_all(&vec![0; LARGE]).unwrap();
                    std::iter::from_fn(|| peer.frame()).find(|frame| frame.1 == Opcode::Close).is_some()
                });
                assert!(Ending::failed(by).go_on(connection, &mut vec![0; 1 << 16], Deadline::never()));
                assert!(peer.join().unwrap());
            });
        }
    }

    /// A failed write does not become a good one later.
    #[test]
    fn a_close_that_cannot_be_written_is_not_waited_for() {
        for role in ROLES {
            under_watchdog(move || {
                let (ws, peer) = websocket(role, long_timeouts());
                let connection = ws.shared_connection();
                connection.fail(Error::Closed(None), Some(CloseCode::POLICY));
                connection.stream.shutdown_write(LONG);
                drop(peer);
                assert!(Ending::failed(Deadline::never()).go_on(connection, &mut [0; 64], Deadline::never()));
            });
        }
    }

    /// A socket that is closed with unread bytes resets the connection, and the Close can be lost.
    #[test]
    fn input_that_has_arrived_is_dropped_before_the_end() {
        for ending in [Ending::clean, |_: &Connection, by| Ending::passing_on(by)] {
            let (mut ws, mut peer) = websocket(Role::Server, long_timeouts());
            let connection = ws.shared_connection().clone();
            connection.fail(Error::Closed(None), None);
            ws.receiver.outcome = Some(Outcome::Failed);
            peer.send(true, BINARY, &[0; 500]);
            let socket = connection.stream.socket().unwrap();
            wait_until(|| socket.peek(&mut [0; 1000]).is_ok_and(|count| count == 508));
            let mut ending = ending(&connection, Deadline::after(LONG));
            assert!(ending.go_on(&connection, &mut [0; 64], Deadline::now()));
            drop((ws, connection));
            assert_eq!(peer.socket.read(&mut [0; 8]).map_err(|error| error.kind()), Ok(0));
            assert!(peer.socket.take_error().unwrap().is_none(), "no reset");
        }
    }

    /// Another error than the end of a wait is the end of the stream.
    #[test]
    fn a_stream_that_fails_is_not_waited_for() {
        for role in ROLES {
            under_watchdog(move || {
                struct Broken;
                impl Read for Broken {
                    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                        Err(ErrorKind::ConnectionReset.into())
                    }
                }
                let stream = Stream::from_split(SplitStream::new(Broken, io::sink())).unwrap();
                let ws = websocket_over(stream, role, long_timeouts());
                let connection = ws.shared_connection();
                assert!(Ending::failed(Deadline::never()).go_on(connection, &mut [0; 64], Deadline::never()));
            });
        }
    }

    /// Such a write can interrupt a read.
    #[test]
    fn a_write_of_another_thread_is_not_the_end_of_the_stream() {
        under_watchdog(|| {
            let (ws, _peer) = websocket(Role::Server, long_timeouts());
            let connection = ws.shared_connection().clone();
            let (writing, stop) = (connection.clone(), Arc::new(AtomicBool::new(false)));
            let stopped = stop.clone();
            let writer = thread::spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    let _ = writing.stream.try_write_shared(&[0; 1 << 16]);
                }
            });
            let mut ending = Ending::failed(Deadline::never());
            for _ in 0..50 {
                let by = Deadline::after(Duration::from_millis(2));
                assert!(!ending.drain_until_eof(&connection, &mut [0; 64], by));
            }
            stop.store(true, Ordering::Relaxed);
            writer.join().unwrap();
        });
    }

    /// As at each read that begins during such a write, which makes the socket non-blocking.
    #[test]
    fn an_interrupted_read_is_not_the_end_of_the_stream() {
        under_watchdog(|| {
            let (near, _far) = sockets();
            let same = near.try_clone().unwrap();
            let ws = websocket_over(Stream::from_socket(near).unwrap(), Role::Server, long_timeouts());
            let connection = ws.shared_connection();
            connection.stream.try_write_shared(b"x").unwrap();
            same.set_nonblocking(true).unwrap();
            let by = Deadline::after(Duration::from_millis(500));
            assert!(!Ending::failed(Deadline::never()).drain_until_eof(connection, &mut [0; 64], by));
            same.set_nonblocking(false).unwrap();
        });
    }

    #[cfg(feature = "server")]
    #[test]
    fn the_rest_is_left_to_one_thread() {
        under_watchdog(|| {
            let (ws, peer) = websocket(Role::Server, long_timeouts());
            let connection = ws.shared_connection().clone();
            let host = connection.host_thread();
            connection.fail(Error::Closed(None), Some(CloseCode::POLICY));
            let before = Arc::strong_count(&connection);
            Ending::failed(Deadline::never()).leave_behind(&connection, &mut [0; 64]);
            assert_eq!(Arc::strong_count(&connection), before + 1, "the host alone has the rest");
            drop(peer);
            drop(host);
            assert_eq!(Arc::strong_count(&connection), before);
            // Nothing is left of an ending without steps.
            let (ws, _peer) = websocket(Role::Server, long_timeouts());
            let connection = ws.shared_connection().clone();
            let _host = connection.host_thread();
            Ending::silent_since(Deadline::never()).leave_behind(&connection, &mut [0; 64]);
            assert!(connection.host().unwrap().hand_over(Box::new(|| ())).is_ok());
        });
    }

    #[test]
    fn without_a_thread_the_connection_ends_at_once() {
        for role in ROLES {
            let (ws, _peer) = websocket(role, long_timeouts());
            let connection = ws.shared_connection();
            connection.fail(Error::Closed(None), Some(CloseCode::POLICY));
            Ending::failed(Deadline::never()).leave_to(|_| false, connection, &mut [0; 64]);
            assert_eq!(connection.stream.read(&mut [0; 64], LONG).map_err(|error| error.kind()), Ok(0));
        }
    }
}
