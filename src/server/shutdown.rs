//! Shutting a server down: everybody is told, waited for, and cut off when the time is over. Bounded whatever peers do.
//!
//! | who is in the house | is told | ends as |
//! |---|---|---|
//! | an open connection | Close 1001, in its turn if the Closes are spread | clean, when the peer has answered |
//! | ... whose peer has not answered within [`Timeouts::close`](crate::Timeouts::close), or by the deadline | | timed out |
//! | ... that ends in any other way | | aborted |
//! | a request that has not been read | nothing: it is cut off at once | aborted |
//! | a request that is being answered | nothing, and a connection that opens late is told at once | its answer, or aborted by the deadline |
//!
//! Nobody is told by a write that could wait. Who takes part: the one who calls, and the threads of the connections, which
//! receive the Closes that answer ours. Handlers see an ordinary end: `recv` gives `None`, sending gives `Closed`.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::accept_loop::AcceptLoop;
use super::handshake_config::PendingHandshake;
use super::registry::EntryId;
use crate::close::CloseCode;
use crate::connection::nonblocking::ConnectionStatus;
use crate::connection::shared::Connection;
use crate::error::{Error, Step};
use crate::net::deadline::Deadline;
use crate::primitives::lock::Lock;

/// How long the threads of connections that were cut off may take to end.
const JOIN_TIMEOUT: Duration = Duration::from_millis(400);
/// How often those are looked at whose end nobody announces.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How a server came to its end, see [`ServerHandle::shutdown`](crate::ServerHandle::shutdown).
///
/// Counted is everybody who was in the house when it was closed: open connections, and requests that were cut off.
/// Requests that were answered meanwhile are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShutdownReport {
    clean: usize,
    timed_out: usize,
    aborted: usize,
    threads_left: usize,
}

impl ShutdownReport {
    /// Connections closed in good order: the peer answered our Close.
    pub fn clean(&self) -> usize {
        self.clean
    }

    /// Connections whose peer did not answer in time. They were cut off.
    pub fn timed_out(&self) -> usize {
        self.timed_out
    }

    /// Connections that ended in any other way without the peer's Close, and requests that were cut off.
    pub fn aborted(&self) -> usize {
        self.aborted
    }

    /// Threads that did not end although their connection did: handlers that wait for something else. All others were joined.
    pub fn threads_left(&self) -> usize {
        self.threads_left
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ShutdownReport { clean, timed_out, aborted, threads_left } = self;
        write!(f, "{clean} closed, {timed_out} timed out, {aborted} aborted, {threads_left} threads left")
    }
}

/// Shuts a server down from anywhere: another thread, a handler, a hook. See
/// [`Server::shutdown_handle`](crate::Server::shutdown_handle).
///
/// `std` has no signals. What works without them: a thread that waits for the end of the standard input, a request on a
/// path that only administrators reach, or a handler of another library that calls this from a thread of its own.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// use std::time::Duration;
/// let server = stdws::Server::bind("127.0.0.1:0")?;
/// let handle = server.shutdown_handle();
/// std::thread::spawn(move || {
///     // Waits until the standard input ends, or has a line.
///     let _ = std::io::stdin().read_line(&mut String::new());
///     println!("{}", handle.shutdown(Duration::from_secs(5)));
/// });
/// server.run(|mut ws| ws.send("welcome")) // Gives Ok when the server has been shut down.
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ShutdownHandle(Arc<Lock<Stage>>);

#[derive(Default)]
enum Stage {
    #[default]
    NotStarted,
    Started(Arc<AcceptLoop>),
    Cancelled,
}

impl ShutdownHandle {
    /// As [`ServerHandle::shutdown`](crate::ServerHandle::shutdown). If the server has not been started yet, it never will be. Called
    /// again, or by several, it waits for the first, and gives the same report.
    ///
    /// In a handler, it is the caller's own connection that cannot end before this returns: call it from another thread. In an
    /// event handler that the shutdown itself calls, this returns at once, with a report that counts nothing.
    pub fn shutdown(&self, timeout: Duration) -> ShutdownReport {
        self.shutdown_spread(Duration::ZERO, timeout)
    }

    /// As [`ServerHandle::shutdown_spread`](crate::ServerHandle::shutdown_spread).
    pub fn shutdown_spread(&self, window: Duration, timeout: Duration) -> ShutdownReport {
        let accept_loop = {
            let mut stage = self.0.lock();
            match &*stage {
                Stage::Started(accept_loop) => accept_loop.clone(),
                Stage::NotStarted | Stage::Cancelled => {
                    *stage = Stage::Cancelled;
                    return ShutdownReport::default();
                }
            }
        };
        run_shutdown(&accept_loop, window, timeout)
    }

    /// Starts the server. One that was cancelled is shut down at once.
    pub(super) fn start(
        &self,
        start_loop: impl FnOnce() -> Result<Arc<AcceptLoop>, Error>,
    ) -> Result<Arc<AcceptLoop>, Error> {
        // Not under the lock: if it fails, it drops closures of the user.
        let accept_loop = start_loop()?;
        let before = std::mem::replace(&mut *self.0.lock(), Stage::Started(accept_loop.clone()));
        match before {
            Stage::Cancelled => drop(run_shutdown(&accept_loop, Duration::ZERO, Duration::ZERO)),
            Stage::NotStarted | Stage::Started(_) => {}
        }
        Ok(accept_loop)
    }
}

impl fmt::Debug for ShutdownHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShutdownHandle")
    }
}

/// A shutdown that is done once. No lock is held while it is done, because it tells of events.
#[derive(Default)]
pub(super) struct Once {
    state: Lock<Progress>,
    changed: Condvar,
}

#[derive(Default, Clone, Copy)]
enum Progress {
    #[default]
    NotBegun,
    /// By this thread.
    Begun(ThreadId),
    Done(ShutdownReport),
}

impl Once {
    /// Does `work` if nobody has begun it; otherwise waits for whoever has. `None`: that is the thread that calls, from an
    /// event handler.
    fn call(&self, work: impl FnOnce() -> ShutdownReport) -> Option<ShutdownReport> {
        let me = thread::current().id();
        let mut state = self.state.lock();
        loop {
            match *state {
                Progress::NotBegun => break,
                Progress::Begun(by) if by == me => return None,
                Progress::Begun(_) => state = state.wait(&self.changed, Duration::MAX),
                Progress::Done(report) => return Some(report),
            }
        }
        *state = Progress::Begun(me);
        drop(state);
        let mut ends = Ends { once: self, report: ShutdownReport::default() };
        ends.report = work();
        Some(ends.report)
    }

    /// Waits until it is done, if it has begun.
    pub(super) fn wait(&self) {
        let mut state = self.state.lock();
        while matches!(*state, Progress::Begun(_)) {
            state = state.wait(&self.changed, Duration::MAX);
        }
    }
}

/// Lets those go who wait, also if the work panicked.
struct Ends<'a> {
    once: &'a Once,
    report: ShutdownReport,
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        *self.once.state.lock() = Progress::Done(self.report);
        self.once.changed.notify_all();
    }
}

/// Does all of it. Whoever comes second waits for the first.
pub(super) fn run_shutdown(accept_loop: &AcceptLoop, window: Duration, limit: Duration) -> ShutdownReport {
    let report = accept_loop.shutdown.call(|| {
        let deadline = Deadline::after(limit);
        let mut progress = ShutdownProgress::begin(accept_loop, window.min(limit));
        loop {
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
        let threads_left = join_threads(accept_loop);
        ShutdownReport { threads_left, ..progress.report }
    });
    report.unwrap_or_default()
}

/// Joins the threads that end in time. Gives how many do not.
fn join_threads(accept_loop: &AcceptLoop) -> usize {
    let deadline = Deadline::after(JOIN_TIMEOUT);
    accept_loop.stop_listening(deadline);
    accept_loop.wait_until(deadline.remaining(), |state| state.threads.alive_count() == 0);
    let (ended, left) = {
        let mut state = accept_loop.lock();
        (state.threads.take_ended(), state.threads.alive_count())
    };
    for thread in ended {
        // It has done the last thing it does; a panic in it is nothing new.
        let _ = thread.join();
    }
    left
}

/// Those who still have to leave.
struct ShutdownProgress<'a> {
    accept_loop: &'a AcceptLoop,
    started_at: Instant,
    window: Duration,
    /// So many had to be told at the beginning.
    total: usize,
    /// Not yet told, the next one last.
    unsent: Vec<Arc<Connection>>,
    closing: Vec<ClosingConnection>,
    handshaking: Vec<(EntryId, Arc<PendingHandshake>)>,
    report: ShutdownReport,
}

struct ClosingConnection {
    connection: Arc<Connection>,
    /// The network has all of the Close.
    close_flushed: bool,
}

impl<'a> ShutdownProgress<'a> {
    fn begin(accept_loop: &'a AcceptLoop, window: Duration) -> ShutdownProgress<'a> {
        let snapshot = {
            let mut state = accept_loop.lock();
            state.threads.keep_ended();
            state.registry.close()
        };
        accept_loop.stop_listening(Deadline::after(POLL_INTERVAL));
        let mut report = ShutdownReport { aborted: snapshot.accepted, ..ShutdownReport::default() };
        let mut handshaking = snapshot.handshaking;
        handshaking.retain(|(_, pending)| {
            let request_read = pending.request_read.load(Ordering::Relaxed);
            if !request_read {
                pending.stream.shutdown();
                report.aborted = report.aborted.saturating_add(1);
            }
            request_read
        });
        let (unsent, closing) = (snapshot.open, Vec::new());
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

    /// Sends Close 1001 to as many as should have it by now. Gives when the next one should.
    fn send_due_closes(&mut self) -> Duration {
        while let Some(connection) = self.unsent.pop() {
            let before =
                u32::try_from(self.total.saturating_sub(self.unsent.len()).saturating_sub(1)).unwrap_or(u32::MAX);
            let all = u32::try_from(self.total).unwrap_or(u32::MAX).max(1);
            let due = self.window.saturating_mul(before) / all;
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

    /// Goes on telling those whose network was full, and lets go of those who have left, and of those whose time is over.
    fn poll(&mut self) {
        // Those who opened since then are told by their own threads.
        let late = self.accept_loop.lock().registry.take_opened_after_close();
        self.closing.extend(late.into_iter().map(|connection| ClosingConnection { connection, close_flushed: true }));
        let report = &mut self.report;
        self.unsent.retain(|connection| connection.end().is_none() || report.record(connection));
        self.closing.retain_mut(|ClosingConnection { connection, close_flushed }| {
            *close_flushed = *close_flushed || connection.poll_close() == ConnectionStatus::Ready;
            if connection.end().is_none() && connection.is_close_overdue() {
                connection.abort_with(Error::Timeout(Step::Close));
            }
            connection.end().is_none() || report.record(connection)
        });
        // Streams are not dropped under the lock.
        let (handshaking, _gone): (Vec<_>, Vec<_>) = {
            let state = self.accept_loop.lock();
            self.handshaking.drain(..).partition(|(id, _)| state.registry.is_handshaking(*id))
        };
        self.handshaking = handshaking;
    }

    /// The time is over for everybody.
    fn abort_remaining(&mut self) {
        self.poll();
        let closing = self.closing.drain(..).map(|closing| closing.connection);
        for connection in self.unsent.drain(..).chain(closing) {
            connection.abort_with(Error::Timeout(Step::Close));
            self.report.record(&connection);
        }
        // Threads that stay for a connection which is over: see `websocket::linger`.
        let connected = self.accept_loop.lock().registry.connected();
        for connection in connected {
            connection.abort();
        }
        for (_, pending) in self.handshaking.drain(..) {
            pending.stream.shutdown();
            self.report.aborted = self.report.aborted.saturating_add(1);
        }
    }
}

impl ShutdownReport {
    /// Counts a connection that is over. Gives false: it is not to be kept.
    fn record(&mut self, connection: &Connection) -> bool {
        let kind = match connection.end() {
            _ if connection.both_closes_exchanged() => &mut self.clean,
            Some(Error::Timeout(_)) => &mut self.timed_out,
            Some(_) | None => &mut self.aborted,
        };
        *kind = kind.saturating_add(1);
        false
    }
}
