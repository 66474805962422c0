//! The graceful shutdown of a server: sends Close 1001 to all connections, waits, aborts the rest at the deadline.
//!
//! Its duration is bounded whatever peers do. It does not know how a connection sends or receives.
//!
//! | at the beginning | is sent | ends as |
//! |---|---|---|
//! | an open connection | Close 1001, at its time if the Closes are spread | clean, when the peer has answered |
//! | ... without an answer within [`Timeouts::close`](crate::Timeouts::close) or by the deadline | | timed out |
//! | ... that ends in any other way | | aborted |
//! | a request that has not been read after [`REQUEST_GRACE`] | nothing: its stream is ended | aborted |
//! | a request that is being answered | its response, and Close 1001 if it opens a connection | answered, or aborted at the deadline |
//!
//! No write of a shutdown blocks. The threads of the connections receive the Closes of the peers. For handlers the
//! connection ends as usual: `recv` returns `None`, sending returns `Closed`.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::accept_loop::AcceptLoop;
use super::handshake_config::PendingHandshake;
use super::registry::EntryId;
use super::shutdown_report::ShutdownReport;
use crate::close::CloseCode;
use crate::connection::nonblocking::ConnectionStatus;
use crate::connection::shared::Connection;
use crate::error::{Error, Step};
use crate::net::deadline::Deadline;
use crate::primitives::lock::{Condition, Lock, UserDrop};

/// Maximum time for threads to end after their connections were aborted.
const JOIN_TIMEOUT: Duration = Duration::from_millis(400);
/// Maximum time for requests of clients that have connected to arrive.
const REQUEST_GRACE: Duration = Duration::from_millis(250);
/// Interval at which connections are polled, because their end does not wake the shutdown.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A handle that shuts a server down from anywhere: another thread, a handler, a hook. See
/// [`Server::shutdown_handle`](crate::Server::shutdown_handle). Feature `server`.
///
/// `std` has no signals. Alternatives are a thread that waits for the end of the standard input, a request on a path
/// for administrators, or a signal handler of another crate that calls this on a thread.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// use std::time::Duration;
/// let server = stdws::Server::bind("127.0.0.1:0")?;
/// let handle = server.shutdown_handle();
/// std::thread::spawn(move || {
///     // Waits for a line, or the end, of the standard input.
///     let _ = std::io::stdin().read_line(&mut String::new());
///     println!("{}", handle.shutdown(Duration::from_secs(5)));
/// });
/// server.run(|mut ws| ws.send("welcome")) // Returns Ok when the server has been shut down.
/// # }
/// ```
#[derive(Clone, Default)]
#[doc(alias = "graceful shutdown")]
pub struct ShutdownHandle(Arc<Startup>);

/// How far the server has started.
#[derive(Default)]
struct Startup {
    stage: Lock<Stage>,
    /// Signalled at the end of a start.
    changed: Condition,
}

#[derive(Default)]
enum Stage {
    #[default]
    NotStarted,
    /// This thread is starting it. Connections are served already.
    Starting(ThreadId),
    Started(UserDrop<Arc<AcceptLoop>>),
    /// It has been shut down before it was started, or could not be started.
    Cancelled,
}

impl ShutdownHandle {
    /// Shuts the server down like [`ServerHandle::shutdown`](crate::ServerHandle::shutdown). A server that has not
    /// started yet then stops as soon as it starts. Further calls, on any thread, wait for the first and return the
    /// same report. The earliest deadline of all calls applies, so that a second call can have a shorter timeout.
    ///
    /// In a handler, the shutdown waits for the handler's own connection until the deadline: call it on another thread.
    /// In an event handler that the shutdown itself calls, it returns an empty report at once.
    pub fn shutdown(&self, timeout: Duration) -> ShutdownReport {
        self.shutdown_spread(Duration::ZERO, timeout)
    }

    /// Shuts the server down like [`ServerHandle::shutdown_spread`](crate::ServerHandle::shutdown_spread).
    pub fn shutdown_spread(&self, window: Duration, timeout: Duration) -> ShutdownReport {
        let deadline = Deadline::after(timeout);
        let mut stage = self.0.stage.lock();
        let accept_loop = loop {
            match &*stage {
                Stage::Started(accept_loop) => break Arc::clone(accept_loop),
                Stage::Starting(by) if *by != thread::current().id() && !deadline.is_expired() => {
                    stage = stage.wait(&self.0.changed, deadline.remaining());
                }
                Stage::NotStarted | Stage::Starting(_) | Stage::Cancelled => {
                    *stage = Stage::Cancelled;
                    return ShutdownReport::default();
                }
            }
        };
        drop(stage);
        run_shutdown(&accept_loop, window, deadline.remaining())
    }

    /// Starts the server. A cancelled server is shut down at once.
    pub(super) fn start(
        &self,
        start_loop: impl FnOnce() -> Result<Arc<AcceptLoop>, Error>,
    ) -> Result<Arc<AcceptLoop>, Error> {
        let cancelled = matches!(self.set_stage(Stage::Starting(thread::current().id())), Stage::Cancelled);
        // Not under the lock: a failure drops closures of the user.
        let accept_loop = start_loop().inspect_err(|_| drop(self.set_stage(Stage::Cancelled)))?;
        let before = self.set_stage(Stage::Started(UserDrop::new(accept_loop.clone())));
        if cancelled || matches!(before, Stage::Cancelled) {
            run_shutdown(&accept_loop, Duration::ZERO, Duration::ZERO);
        }
        Ok(accept_loop)
    }

    /// Changes the stage, and returns the one before.
    fn set_stage(&self, stage: Stage) -> Stage {
        let before = std::mem::replace(&mut *self.0.stage.lock(), stage);
        self.0.changed.notify_all();
        before
    }
}

impl fmt::Debug for ShutdownHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShutdownHandle")
    }
}

/// Shuts the server down, or waits for a shutdown that has begun.
pub(super) fn run_shutdown(accept_loop: &AcceptLoop, window: Duration, limit: Duration) -> ShutdownReport {
    let report = accept_loop.shutdown.call(Deadline::after(limit), || {
        await_requests(accept_loop, Deadline::after(limit.min(REQUEST_GRACE)));
        let mut progress = ShutdownProgress::begin(accept_loop, window);
        loop {
            // Another call can make it earlier.
            let deadline = accept_loop.shutdown.deadline();
            progress.limit_window(deadline);
            let next = progress.send_due_closes();
            progress.poll();
            if progress.is_done() || deadline.is_expired() {
                break;
            }
            accept_loop.wait_until(next.min(POLL_INTERVAL).min(deadline.remaining()), |state| {
                state.threads.alive_count() == 0
            });
            accept_loop.stop_listening(Deadline::after(Duration::ZERO));
        }
        progress.abort_remaining();
        let mut report = progress.report;
        report.threads_left = join_threads(accept_loop);
        report
    });
    report.unwrap_or_default()
}

/// Stops listening, and waits until the requests of clients that have connected are read. A client that connects just before
/// the shutdown is so answered, and the others get little more time than that takes.
fn await_requests(accept_loop: &AcceptLoop, deadline: Deadline) {
    // Threads end from now on, and are to be joined.
    accept_loop.lock().threads.keep_ended();
    accept_loop.stop_listening(deadline);
    let is_over = || deadline.is_expired() || accept_loop.shutdown.deadline().is_expired();
    while !is_over() && accept_loop.lock().registry.awaits_request() {
        accept_loop.wait_until(POLL_INTERVAL.min(deadline.remaining()), |state| !state.registry.awaits_request());
    }
}

/// Joins the threads that end within [`JOIN_TIMEOUT`]. Returns the number of the others.
fn join_threads(accept_loop: &AcceptLoop) -> usize {
    let deadline = Deadline::after(JOIN_TIMEOUT);
    accept_loop.stop_listening(deadline);
    accept_loop.wait_until(deadline.remaining(), |state| state.threads.alive_count() == 0);
    let (ended, left) = {
        let mut state = accept_loop.lock();
        (state.threads.take_ended(), state.threads.alive_count())
    };
    for thread in ended {
        // It has executed its last step, so this does not block. The panic hook has reported a panic.
        let _ = thread.join();
    }
    left
}

/// The connections and handshakes that have not ended yet.
struct ShutdownProgress<'a> {
    accept_loop: &'a AcceptLoop,
    started_at: Instant,
    window: Duration,
    /// Number of open connections at the beginning.
    total: usize,
    /// Connections without a Close from here, the next one last.
    unsent: Vec<UserDrop<Arc<Connection>>>,
    closing: Vec<ClosingConnection>,
    handshaking: Vec<(EntryId, Arc<PendingHandshake>)>,
    report: ShutdownReport,
}

struct ClosingConnection {
    connection: UserDrop<Arc<Connection>>,
    /// The system has accepted all bytes of the Close.
    close_flushed: bool,
}

impl<'a> ShutdownProgress<'a> {
    fn begin(accept_loop: &'a AcceptLoop, window: Duration) -> ShutdownProgress<'a> {
        let snapshot = accept_loop.lock().registry.close();
        let mut report = ShutdownReport::default();
        report.record_aborted(snapshot.accepted);
        let mut handshaking = snapshot.handshaking;
        handshaking.retain(|(_, pending)| {
            let request_read = pending.request_read.load(Ordering::Relaxed);
            if !request_read {
                pending.stream.shutdown();
                report.record_aborted(1);
            }
            request_read
        });
        // Not under the lock: a reference may be the last one by now.
        let (mut unsent, closing) = (snapshot.open, Vec::new());
        unsent.retain(|connection| connection.end().is_none());
        ShutdownProgress {
            accept_loop,
            started_at: Instant::now(),
            window,
            total: unsent.len(),
            unsent,
            closing,
            handshaking,
            report,
        }
    }

    fn is_done(&self) -> bool {
        self.unsent.is_empty()
            && self.closing.is_empty()
            && self.handshaking.is_empty()
            && self.accept_loop.lock().threads.alive_count() == 0
    }

    /// All Closes are sent before the deadline.
    fn limit_window(&mut self, deadline: Deadline) {
        self.window = self.window.min(self.started_at.elapsed().saturating_add(deadline.remaining()));
    }

    /// Sends the Closes that are due. Returns the time until the next one.
    fn send_due_closes(&mut self) -> Duration {
        while let Some(connection) = self.unsent.pop() {
            let before =
                u32::try_from(self.total.saturating_sub(self.unsent.len()).saturating_sub(1)).unwrap_or(u32::MAX);
            let all = u32::try_from(self.total).unwrap_or(u32::MAX);
            let due = self.window.saturating_mul(before).checked_div(all).unwrap_or_default();
            let elapsed = self.started_at.elapsed();
            if due > elapsed {
                self.unsent.push(connection);
                return due.saturating_sub(elapsed);
            }
            connection.begin_close(CloseCode::GOING_AWAY, "");
            self.closing.push(ClosingConnection { connection, close_flushed: false });
        }
        Duration::MAX
    }

    /// Goes on with partly written Closes, aborts overdue connections, and counts and removes those that have ended.
    fn poll(&mut self) {
        // The thread of a connection that has opened meanwhile sends its Close.
        let late = self.accept_loop.lock().registry.take_opened_after_close();
        self.closing.extend(late.into_iter().map(|connection| ClosingConnection { connection, close_flushed: true }));
        for ClosingConnection { connection, close_flushed } in &mut self.closing {
            *close_flushed = *close_flushed || connection.poll_close() == ConnectionStatus::Ready;
            if connection.end().is_none() && connection.is_close_overdue() {
                connection.abort_with(Error::Timeout(Step::Close));
            }
        }
        let report = &mut self.report;
        let mut still_open = |connection: &Connection| {
            let open = connection.end().is_none();
            if !open {
                report.record(connection);
            }
            open
        };
        self.unsent.retain(|connection| still_open(connection));
        self.closing.retain(|closing| still_open(&closing.connection));
        // Streams are not dropped under the lock.
        let (handshaking, _ended): (Vec<_>, Vec<_>) = {
            let state = self.accept_loop.lock();
            self.handshaking.drain(..).partition(|(id, _)| state.registry.is_handshaking(*id))
        };
        self.handshaking = handshaking;
    }

    /// Aborts everything that has not ended by the deadline. Follows a [`poll`](ShutdownProgress::poll).
    fn abort_remaining(&mut self) {
        let closing = self.closing.drain(..).map(|closing| closing.connection);
        for connection in self.unsent.drain(..).chain(closing) {
            connection.abort_with(Error::Timeout(Step::Close));
            self.report.record(&connection);
        }
        // Includes ended connections whose thread still lingers for the peer to read the Close.
        let connected = self.accept_loop.lock().registry.connected();
        for connection in connected {
            connection.abort();
        }
        for (_, pending) in self.handshaking.drain(..) {
            pending.stream.shutdown();
            self.report.record_aborted(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Role;
    use crate::connection::testing::{long_timeouts, under_watchdog, websocket_over, LONG};
    use crate::net::stream::{tests::sockets, Stream};
    use crate::server::accept_loop::tests::{is_listening, start, UNLIMITED};
    use std::io::{ErrorKind, Read, Write};
    use std::sync::mpsc;

    /// A shutdown waits for a start of another thread, for its own time at most. The server is not started then.
    #[test]
    fn a_start_that_takes_longer_than_a_shutdown_is_cancelled() {
        let handle = ShutdownHandle::default();
        assert_eq!(format!("{handle:?}"), "ShutdownHandle");
        let (begun, begins) = mpsc::channel();
        let (go_on, may_end) = mpsc::channel::<()>();
        let starting = handle.clone();
        let starting = thread::spawn(move || {
            let ended = starting.start(|| {
                begun.send(()).unwrap();
                may_end.recv().unwrap();
                Err(Error::Closed(None))
            });
            ended.map(drop)
        });
        begins.recv().unwrap();
        let start = Instant::now();
        assert_eq!(handle.shutdown(POLL_INTERVAL), ShutdownReport::default());
        assert!(start.elapsed() >= POLL_INTERVAL);
        assert!(matches!(*handle.0.stage.lock(), Stage::Cancelled));
        go_on.send(()).unwrap();
        assert!(starting.join().unwrap().is_err());
        // The thread that starts the server does not wait for itself.
        let handle = ShutdownHandle::default();
        let started = handle.start(|| {
            assert_eq!(handle.shutdown(Duration::MAX), ShutdownReport::default());
            Err(Error::Closed(None))
        });
        assert!(started.is_err());
    }

    #[test]
    fn a_shutdown_goes_on_when_the_start_has_ended() {
        let handle = ShutdownHandle::default();
        let (begun, begins) = mpsc::channel();
        let (go_on, may_end) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let (starter, stopping) = (&handle, &handle);
            let starting = scope.spawn(move || {
                let ended = starter.start(|| {
                    begun.send(()).unwrap();
                    may_end.recv().unwrap();
                    start(UNLIMITED).map(|(accept_loop, _)| accept_loop)
                });
                ended.unwrap()
            });
            begins.recv().unwrap();
            let (done, result) = mpsc::channel();
            scope.spawn(move || done.send(stopping.shutdown(Duration::MAX)));
            assert!(result.recv_timeout(POLL_INTERVAL * 5).is_err(), "it waits for the start");
            go_on.send(()).unwrap();
            assert_eq!(result.recv_timeout(LONG), Ok(ShutdownReport::default()));
            assert!(!is_listening(&starting.join().unwrap()));
        });
    }

    /// A client that connects meanwhile is refused, and does not prolong it.
    #[test]
    fn a_shutdown_stops_listening_before_it_waits_for_requests() {
        under_watchdog(|| {
            let (accept_loop, _) = start(UNLIMITED).unwrap();
            let id = accept_loop.lock().registry.try_insert(None).unwrap();
            thread::scope(|scope| {
                let (done, result) = mpsc::channel();
                let accept_loop = &accept_loop;
                scope.spawn(move || {
                    accept_loop.shutdown.call(Deadline::never(), || {
                        await_requests(accept_loop, Deadline::never());
                        done.send(()).unwrap();
                        ShutdownReport::default()
                    })
                });
                while is_listening(accept_loop) {
                    assert!(result.try_recv().is_err(), "it still listens");
                    thread::yield_now();
                }
                assert!(result.recv_timeout(POLL_INTERVAL * 5).is_err(), "a request is awaited");
                accept_loop.lock().registry.remove(id);
                assert_eq!(result.recv_timeout(LONG), Ok(()));
            });
        });
    }

    #[test]
    fn a_connection_that_has_not_begun_its_handshake_counts_as_aborted() {
        let (accept_loop, _) = start(UNLIMITED).unwrap();
        let _id = accept_loop.lock().registry.try_insert(None).unwrap();
        assert_eq!(run_shutdown(&accept_loop, Duration::ZERO, Duration::ZERO).aborted(), 1);
    }

    /// No other thread uses this connection, and the network is full when the Close is to be sent.
    #[test]
    fn a_close_that_the_network_does_not_take_is_sent_later() {
        under_watchdog(|| {
            let (accept_loop, _) = start(UNLIMITED).unwrap();
            let (mut near, mut far) = sockets();
            near.set_nonblocking(true).unwrap();
            while !matches!(near.write(&[0; 64 << 10]), Err(error) if error.kind() == ErrorKind::WouldBlock) {}
            near.set_nonblocking(false).unwrap();
            let ws = websocket_over(Stream::from_socket(near).unwrap(), Role::Server, long_timeouts());
            let id = accept_loop.lock().registry.try_insert(None).unwrap();
            accept_loop.lock().registry.mark_open(id, ws.shared_connection());
            thread::scope(|scope| {
                let shutdown = scope.spawn(|| run_shutdown(&accept_loop, Duration::ZERO, LONG));
                while ws.shared_connection().is_open() {
                    thread::yield_now();
                }
                // The shutdown tries it meanwhile.
                thread::sleep(POLL_INTERVAL * 5);
                far.set_read_timeout(Some(LONG)).unwrap();
                let (mut last, mut part) = (Vec::new(), vec![0; 64 << 10]);
                while last != b"\x88\x02\x03\xE9" {
                    let count = far.read(&mut part).expect("the Close");
                    last.extend_from_slice(&part[..count]);
                    last.drain(..last.len().saturating_sub(4));
                }
                assert!(ws.shared_connection().end().is_none());
                assert_eq!(run_shutdown(&accept_loop, Duration::ZERO, Duration::ZERO).timed_out(), 1);
                assert_eq!(shutdown.join().unwrap().timed_out(), 1);
            });
        });
    }
}
