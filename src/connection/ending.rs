//! What is left to do when nothing more is received: the Close on its way out, and the end of the stream.
//!
//! The receiving side has three states. The result is known when the first one ends, and does not change.
//!
//! | state | a call that receives | next state |
//! |---|---|---|
//! | open | waits for a message | ending: the peer's Close, or a failure |
//! | ending | gives the result | over: all steps are done, or [`Timeouts::close`](crate::Timeouts::close) has passed |
//! | over | gives the result | |
//!
//! | why it ends | the steps, in order |
//! |---|---|
//! | a failure of which the peer is told | write, finish, drain |
//! | ... is not told | |
//! | both Closes, and this side is the client | write, drain, finish |
//! | ... is the server, or the draft has no such rule | write, finish, discard |
//!
//! *Write*: all that is queued, and the Close, is with the kernel. *Finish*: the peer is told that nothing more comes.
//! *Drain*: the peer has ended its stream (6455-7.1.1-1, 6455-7.1.7-7); what comes before that is dropped. A socket that is
//! closed with unread bytes resets the connection, and the Close could be lost on its way. *Discard*: what has come already
//! is dropped. After the last step the stream is shut down, and the end is told.
//!
//! | who does the steps | waits |
//! |---|---|
//! | the call that meets a failure, and each later one | no: the failure is due at once |
//! | a call that receives, after the peer's Close | up to its own limit |
//! | [`WebSocket::close`](crate::WebSocket::close) | up to [`Timeouts::close`](crate::Timeouts::close) |
//! | a `WebSocket` that is dropped | no: what is left is taken over by another thread |
//! | the thread of a server whose handler has returned | up to [`Timeouts::close`](crate::Timeouts::close) |
//! | a thread of its own, where there is no such thread, or it serves another connection: at most [`MAX_THREADS`] | the same |
//!
//! A handler that works on after it has dropped its connection delays what is left by that: the Close and the end of this
//! side's stream are mostly out by then, and the socket stays open until the handler returns.
//!
//! A step that does not wait takes at most one [`WRITE_QUANTUM`](crate::net::deadline::WRITE_QUANTUM). The deadline of all of them is that
//! of the closing handshake, which is in the gate.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::receive::{whole_millis, CONGESTION_RETRY};
use super::shared::Connection;
use crate::codec::frame::Role;
use crate::net::deadline::Deadline;

/// Maximum number of threads of this process that end connections which were dropped. They exist for
/// [`Timeouts::close`](crate::Timeouts::close) at most. A connection beyond them ends without waiting.
const MAX_THREADS: usize = 64;
/// Maximum number of reads in one step: a flood has no end.
const READS: u32 = 16;

/// The threads that end connections which were dropped.
static THREADS: Threads = Threads(AtomicUsize::new(0));

/// One of the steps above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Write,
    Finish,
    Drain,
    Discard,
}

/// Whether the closing handshake was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Clean,
    Failed,
}

/// What is left to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    tasks: &'static [Task],
    by: Deadline,
    outcome: Outcome,
    /// Nothing more comes from the peer.
    peer_ended: bool,
}

impl Ending {
    /// 6455-7.1.7-1: the connection has failed, and the peer is told. All has to be over by the deadline.
    pub(crate) fn failed(by: Deadline) -> Ending {
        let tasks = &[Task::Write, Task::Finish, Task::Drain];
        Ending { tasks, by, outcome: Outcome::Failed, peer_ended: false }
    }

    /// The connection has failed, and there is nothing to say.
    pub(crate) fn silent_since(by: Deadline) -> Ending {
        Ending { tasks: &[], by, outcome: Outcome::Failed, peer_ended: false }
    }

    /// 6455-5.5.1-10: both Closes are through, so the TCP connection ends.
    pub(crate) fn clean(connection: &Connection, by: Deadline) -> Ending {
        let tasks: &[Task] = match connection.role == Role::Client && connection.protocol.server_closes_tcp_first() {
            // 6455-5.5.1-12, 6455-7.1.1-6, 6455-5.5.1-13, 6455-7.1.1-4: the client waits for the server, within its time.
            // Whoever ends first is left with TIME_WAIT, so not even the direction of the client ends before.
            true => &[Task::Write, Task::Drain, Task::Finish],
            // 6455-5.5.1-11, 6455-7.1.1-3, 6455-7.1.1-5: the server at once.
            false => &[Task::Write, Task::Finish, Task::Discard],
        };
        Ending { tasks, by, outcome: Outcome::Clean, peer_ended: false }
    }

    /// Goes on until all is done, or until the limit. Whether all is done; then it is not to be called again.
    pub(crate) fn go_on(&mut self, connection: &Connection, discard_space: &mut [u8], limit: Deadline) -> bool {
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

    /// 6455-7.1.7-6: a peer that takes nothing any more does not get the Close.
    fn write(&mut self, connection: &Connection, discard_space: &mut [u8], by: Deadline) -> bool {
        let by = by.earlier(Deadline::after(CONGESTION_RETRY));
        let written = connection.flush_and_close(by).unwrap_or(true);
        // The peer may read only when it has been read from.
        if !written && self.drain_until_eof(connection, discard_space, by) {
            thread::sleep(by.remaining());
        }
        written
    }

    /// Reads and drops, until nothing comes any more. Whether the peer has ended its stream.
    fn drain_until_eof(&mut self, connection: &Connection, discard_space: &mut [u8], by: Deadline) -> bool {
        for _ in 0..READS {
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

    /// For a connection that is dropped: another thread goes on, if there is one.
    pub(crate) fn leave_behind(mut self, connection: &Arc<Connection>, discard_space: &mut [u8]) {
        if self.go_on(connection, discard_space, Deadline::now())
            || connection.host.get().is_some_and(|host| host.take_over(connection, self))
        {
            return;
        }
        let own = THREADS.one_more().is_some_and(|place| {
            let connection = connection.clone();
            let thread = thread::Builder::new().name("stdws-close".into()).stack_size(128 << 10);
            let run = move || {
                let _place = place;
                self.run(&connection);
            };
            thread.spawn(run).is_ok()
        });
        if !own {
            self.by = Deadline::now();
            self.go_on(connection, discard_space, Deadline::now());
        }
    }

    /// Waits until all is done.
    #[inline(never)]
    fn run(mut self, connection: &Connection) {
        let mut discard_space = vec![0; 16 << 10];
        while !self.go_on(connection, &mut discard_space, Deadline::never()) {}
    }
}

/// The number of threads.
struct Threads(AtomicUsize);

impl Threads {
    fn one_more(&self) -> Option<Place<'_>> {
        let more = |count: usize| (count < MAX_THREADS).then(|| count.saturating_add(1));
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Place(self))
    }
}

/// The right to one thread.
struct Place<'a>(&'a Threads);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0 .0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The thread of a server in which a handler runs. Dropped when the handler has returned, it ends the connection if that was
/// dropped before its end.
pub(crate) struct HostThread(Arc<Host>);

/// What that thread and the connection share.
#[derive(Default)]
pub(crate) struct Host(Mutex<Left>);

#[derive(Default)]
enum Left {
    /// The handler runs, and nothing was left.
    #[default]
    Nothing,
    Ending(Arc<Connection>, Ending),
    /// The thread does something else now.
    Gone,
}

impl HostThread {
    /// This thread will stay for that connection.
    pub(crate) fn of(connection: &Connection) -> HostThread {
        HostThread(connection.host.get_or_init(Arc::default).clone())
    }
}

impl Drop for HostThread {
    fn drop(&mut self) {
        let left = std::mem::replace(&mut *self.0.lock(), Left::Gone);
        if let Left::Ending(connection, ending) = left {
            ending.run(&connection);
        }
    }
}

impl Host {
    /// False: the thread is gone.
    fn take_over(&self, connection: &Arc<Connection>, ending: Ending) -> bool {
        let mut left = self.lock();
        match *left {
            Left::Nothing => {
                *left = Left::Ending(connection.clone(), ending);
                true
            }
            Left::Ending(..) | Left::Gone => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Opcode;
    use crate::connection::testing::{long_timeouts, under_watchdog, websocket, LONG, ROLES};
    use crate::error::Error;
    use std::time::{Duration, Instant};

    #[test]
    fn the_number_of_threads_is_limited() {
        let threads = Threads(AtomicUsize::new(0));
        let mut places: Vec<_> = (0..MAX_THREADS).map(|_| threads.one_more().unwrap()).collect();
        assert!(threads.one_more().is_none());
        places.pop();
        places.push(threads.one_more().unwrap());
        assert!(threads.one_more().is_none());
    }

    #[test]
    fn a_host_takes_one_connection_over_and_only_before_it_is_gone() {
        for role in ROLES {
            under_watchdog(move || {
                let (ws, mut peer) = websocket(role, long_timeouts());
                let connection = ws.shared_connection().clone();
                let ending = Ending::failed(Deadline::after(LONG));
                let host = HostThread::of(&connection);
                assert!(connection.host.get().unwrap().take_over(&connection, ending));
                assert!(!connection.host.get().unwrap().take_over(&connection, ending));
                connection.fail(Error::Closed(None), Some(crate::close::CloseCode::POLICY));
                let staying = thread::spawn(move || drop(host));
                assert_eq!(peer.frame().map(|frame| frame.1), Some(Opcode::Close));
                assert!(peer.frame().is_none() && !staying.is_finished());
                drop(peer);
                staying.join().unwrap();
                assert!(!connection.host.get().unwrap().take_over(&connection, ending));
            });
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
}
