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

use super::door::Door;
use super::guests::Id;
use crate::close::CloseCode;
use crate::error::{Error, Step};
use crate::lock::Lock;
use crate::transport::deadline::Deadline;
use crate::upgrade::Visit;
use crate::websocket::share::Found;
use crate::websocket::Link;

/// How long the threads of connections that were cut off may take to end.
const GRACE: Duration = Duration::from_millis(400);
/// How often those are looked at whose end nobody announces.
const LOOK: Duration = Duration::from_millis(10);

/// How a server came to its end, see [`Running::shutdown`](crate::Running::shutdown).
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
    Started(Arc<Door>),
    Cancelled,
}

impl ShutdownHandle {
    /// As [`Running::shutdown`](crate::Running::shutdown). If the server has not been started yet, it never will be. Called
    /// again, or by several, it waits for the first, and gives the same report.
    ///
    /// In a handler, it is the caller's own connection that cannot end before this returns: call it from another thread. In an
    /// event handler that the shutdown itself calls, this returns at once, with a report that counts nothing.
    pub fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        self.shutdown_spread(Duration::ZERO, deadline)
    }

    /// As [`Running::shutdown_spread`](crate::Running::shutdown_spread).
    pub fn shutdown_spread(&self, window: Duration, deadline: Duration) -> ShutdownReport {
        let door = {
            let mut stage = self.0.lock();
            match &*stage {
                Stage::Started(door) => door.clone(),
                Stage::NotStarted | Stage::Cancelled => {
                    *stage = Stage::Cancelled;
                    return ShutdownReport::default();
                }
            }
        };
        shut_down(&door, window, deadline)
    }

    /// Starts the server. One that was cancelled is shut down at once.
    pub(super) fn start(&self, open: impl FnOnce() -> Result<Arc<Door>, Error>) -> Result<Arc<Door>, Error> {
        // Not under the lock: if it fails, it drops closures of the user.
        let door = open()?;
        let before = std::mem::replace(&mut *self.0.lock(), Stage::Started(door.clone()));
        match before {
            Stage::Cancelled => drop(shut_down(&door, Duration::ZERO, Duration::ZERO)),
            Stage::NotStarted | Stage::Started(_) => {}
        }
        Ok(door)
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
pub(super) fn shut_down(door: &Door, window: Duration, limit: Duration) -> ShutdownReport {
    let report = door.shutdown.call(|| {
        let deadline = Deadline::after(limit);
        let mut farewell = Farewell::begin(door, window.min(limit));
        loop {
            let next = farewell.tell_those_whose_turn_it_is();
            farewell.look();
            if farewell.is_over() || deadline.passed() {
                break;
            }
            door.wait(next.min(LOOK).min(deadline.left()), |state| state.threads.alive() == 0);
            door.close(Deadline::after(Duration::ZERO));
        }
        farewell.cut_off();
        let threads_left = join(door);
        ShutdownReport { threads_left, ..farewell.report }
    });
    report.unwrap_or_default()
}

/// Joins the threads that end in time. Gives how many do not.
fn join(door: &Door) -> usize {
    let deadline = Deadline::after(GRACE);
    door.close(deadline);
    door.wait(deadline.left(), |state| state.threads.alive() == 0);
    let (ended, left) = {
        let mut state = door.lock();
        (state.threads.take_ended(), state.threads.alive())
    };
    for thread in ended {
        // It has done the last thing it does; a panic in it is nothing new.
        let _ = thread.join();
    }
    left
}

/// Those who still have to leave.
struct Farewell<'a> {
    door: &'a Door,
    begun: Instant,
    window: Duration,
    /// So many had to be told at the beginning.
    total: usize,
    /// Not yet told, the next one last.
    untold: Vec<Arc<Link>>,
    told: Vec<Told>,
    arriving: Vec<(Id, Arc<Visit>)>,
    report: ShutdownReport,
}

struct Told {
    link: Arc<Link>,
    /// The network has all of the Close.
    fully: bool,
}

impl<'a> Farewell<'a> {
    fn begin(door: &'a Door, window: Duration) -> Farewell<'a> {
        let present = {
            let mut state = door.lock();
            state.threads.keep();
            state.guests.close()
        };
        door.close(Deadline::after(LOOK));
        let mut report = ShutdownReport { aborted: present.at_door, ..ShutdownReport::default() };
        let mut arriving = present.arriving;
        arriving.retain(|(_, visit)| {
            let heard = visit.heard.load(Ordering::Relaxed);
            if !heard {
                visit.stream.shut();
                report.aborted = report.aborted.saturating_add(1);
            }
            heard
        });
        let (untold, told) = (present.open, Vec::new());
        Farewell { door, begun: Instant::now(), window, total: untold.len(), untold, told, arriving, report }
    }

    fn is_over(&self) -> bool {
        self.untold.is_empty()
            && self.told.is_empty()
            && self.arriving.is_empty()
            && self.door.lock().threads.alive() == 0
    }

    /// Sends Close 1001 to as many as should have it by now. Gives when the next one should.
    fn tell_those_whose_turn_it_is(&mut self) -> Duration {
        while let Some(link) = self.untold.pop() {
            let before =
                u32::try_from(self.total.saturating_sub(self.untold.len()).saturating_sub(1)).unwrap_or(u32::MAX);
            let all = u32::try_from(self.total).unwrap_or(u32::MAX).max(1);
            let due = self.window.saturating_mul(before) / all;
            let passed = self.begun.elapsed();
            if due > passed {
                self.untold.push(link);
                return due.saturating_sub(passed);
            }
            link.close_beside(CloseCode::GOING_AWAY, "");
            self.told.push(Told { link, fully: false });
        }
        Duration::MAX
    }

    /// Goes on telling those whose network was full, and lets go of those who have left, and of those whose time is over.
    fn look(&mut self) {
        // Those who opened since then are told by their own threads.
        let late = self.door.lock().guests.late();
        self.told.extend(late.into_iter().map(|link| Told { link, fully: true }));
        let report = &mut self.report;
        self.untold.retain(|link| link.end().is_none() || report.count(link));
        self.told.retain_mut(|Told { link, fully }| {
            *fully = *fully || link.see_off() == Found::Ready;
            if link.end().is_none() && link.close_is_late() {
                link.abort_with(Error::Timeout(Step::Close));
            }
            link.end().is_none() || report.count(link)
        });
        // Streams are not dropped under the lock.
        let (arriving, _gone): (Vec<_>, Vec<_>) = {
            let state = self.door.lock();
            self.arriving.drain(..).partition(|(id, _)| state.guests.is_arriving(*id))
        };
        self.arriving = arriving;
    }

    /// The time is over for everybody.
    fn cut_off(&mut self) {
        self.look();
        let told = self.told.drain(..).map(|told| told.link);
        for link in self.untold.drain(..).chain(told) {
            link.abort_with(Error::Timeout(Step::Close));
            self.report.count(&link);
        }
        // Threads that stay for a connection which is over: see `websocket::linger`.
        let connected = self.door.lock().guests.connected();
        for link in connected {
            link.abort();
        }
        for (_, visit) in self.arriving.drain(..) {
            visit.stream.shut();
            self.report.aborted = self.report.aborted.saturating_add(1);
        }
    }
}

impl ShutdownReport {
    /// Counts a connection that is over. Gives false: it is not to be kept.
    fn count(&mut self, link: &Link) -> bool {
        let kind = match link.end() {
            _ if link.closed_by_both() => &mut self.clean,
            Some(Error::Timeout(_)) => &mut self.timed_out,
            Some(_) | None => &mut self.aborted,
        };
        *kind = kind.saturating_add(1);
        false
    }
}
