//! The attempts at the addresses of one host (RFC 8305 sections 4 and 5). Makes no system call for the network.
//!
//! The families take turns, IPv6 first; inside a family the order is that of the resolver.
//!
//! | event | then |
//! |---|---|
//! | begin | the first address is attempted |
//! | [`STAGGER`] without a result | the next one too, up to [`MAX_PARALLEL`] at a time |
//! | an attempt fails | the next one at once |
//! | an attempt succeeds | it is the result; attempts that wait for a guard end at once, the others close their socket |
//! | the deadline | the error, with the cause of each address |
//!
//! Each attempt has an equal share of the time and of the places that are left, so that each address is attempted before
//! the deadline. `std` cannot interrupt an attempt. An attempt that has lost therefore ends on its own thread, at the
//! latest with its share, and its guard is held until then.
//!
//! Threads are bounded: [`MAX_PARALLEL`] for one call, and [`MAX_THREADS`] for the process, including attempts that have
//! lost. A host with one address needs none. A call for which no threads are left makes its attempts one after another
//! on its own thread.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use super::{host_port, Connected, Endpoint};
use crate::error::{ConnectAttempt, ConnectError, Error, Step};
use crate::net::connect_guard::AttemptState;
use crate::net::deadline::Deadline;
use crate::net::mailbox::Mailbox;
use crate::net::threads;
use crate::primitives::panics;

/// Time after which the next address is attempted beside those that have not answered (RFC 8305 section 8).
const STAGGER: Duration = Duration::from_millis(250);
/// Maximum number of attempts at a time for one call.
const MAX_PARALLEL: usize = 4;
/// Maximum number of threads of attempts in this process. A thread of an attempt that has lost counts until it ends.
const MAX_THREADS: usize = 128;

/// The places of this process.
static PLACES: Places = Places::new();

/// The number of places for threads that are reserved.
struct Places(AtomicUsize);

impl Places {
    const fn new() -> Places {
        Places(AtomicUsize::new(0))
    }

    /// Reserves this number of places. `None` if one is enough, or if there are not as many.
    fn reserve(&'static self, number: usize) -> Option<Arc<Reservation>> {
        let add = |reserved: usize| reserved.checked_add(number).filter(|&sum| sum <= MAX_THREADS);
        if number < 2 || self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add).is_err() {
            return None;
        }
        Some(Arc::new(Reservation { places: self, number }))
    }
}

/// The host of the attempts, for their error.
pub(super) struct DialTarget {
    host_port: String,
    is_proxy: bool,
}

impl DialTarget {
    pub(super) fn server(endpoint: Endpoint<'_>) -> DialTarget {
        DialTarget { host_port: host_port(endpoint.host, endpoint.port), is_proxy: false }
    }

    #[cfg(feature = "proxy")]
    pub(super) fn proxy(endpoint: Endpoint<'_>) -> DialTarget {
        DialTarget { is_proxy: true, ..DialTarget::server(endpoint) }
    }
}

/// Attempts the addresses. `attempt` makes the system calls of one attempt.
pub(super) fn connect_any(
    target: DialTarget,
    addresses: Vec<SocketAddr>,
    deadline: Deadline,
    attempt: impl Fn(SocketAddr, Deadline, &AttemptState) -> io::Result<Connected> + Send + Sync + 'static,
) -> Result<Connected, Error> {
    connect_any_in(&PLACES, target, addresses, deadline, attempt)
}

fn connect_any_in(
    places: &'static Places,
    target: DialTarget,
    addresses: Vec<SocketAddr>,
    deadline: Deadline,
    attempt: impl Fn(SocketAddr, Deadline, &AttemptState) -> io::Result<Connected> + Send + Sync + 'static,
) -> Result<Connected, Error> {
    let addresses = in_turn_of_families(&addresses);
    let mut record = Record::default();
    let connected = match places.reserve(addresses.len().min(MAX_PARALLEL)) {
        Some(places) => connect_in_parallel(addresses, deadline, places, Arc::new(attempt), &mut record),
        None => connect_in_turn(addresses, deadline, attempt, &mut record),
    };
    match connected {
        Some(connected) => Ok(connected),
        None if !record.began && !record.attempts.is_empty() => Err(Error::Timeout(Step::ConnectQueue)),
        None => Err(Error::Connect(ConnectError {
            host: target.host_port,
            is_proxy: target.is_proxy,
            attempts: record.attempts,
        })),
    }
}

/// RFC 8305 section 4: IPv6 and IPv4 alternate, so that a family without a route costs one [`STAGGER`].
fn in_turn_of_families(addresses: &[SocketAddr]) -> VecDeque<SocketAddr> {
    let mut six = addresses.iter().filter(|address| address.is_ipv6());
    let mut four = addresses.iter().filter(|address| address.is_ipv4());
    let mut mixed = VecDeque::with_capacity(addresses.len());
    while mixed.len() < addresses.len() {
        mixed.extend(six.next());
        mixed.extend(four.next());
    }
    mixed
}

/// The attempts that failed, in the order of their beginning.
#[derive(Default)]
struct Record {
    attempts: Vec<ConnectAttempt>,
    /// Whether any attempt was more than a wait for the guard.
    began: bool,
}

impl Record {
    fn push(&mut self, address: SocketAddr, error: io::Error) {
        self.attempts.push(ConnectAttempt { address, error: Arc::new(error) });
    }
}

/// Places for the threads of one call. They are released when the call and all its threads have ended.
struct Reservation {
    places: &'static Places,
    number: usize,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.places.0.fetch_sub(self.number, Ordering::SeqCst);
    }
}

/// The share of an attempt: of `places` that work at a time, on `left` addresses that were not attempted yet.
fn share(deadline: Deadline, places: usize, left: usize) -> Deadline {
    let [places, left] = [places, left.max(places).max(1)].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    let remaining = deadline.remaining();
    Deadline::after(remaining.checked_div(left).unwrap_or_default().saturating_mul(places).min(remaining))
}

/// Makes one attempt after another on this thread.
fn connect_in_turn(
    mut addresses: VecDeque<SocketAddr>,
    deadline: Deadline,
    attempt: impl Fn(SocketAddr, Deadline, &AttemptState) -> io::Result<Connected>,
    record: &mut Record,
) -> Option<Connected> {
    while let Some(address) = addresses.pop_front() {
        let state = AttemptState::default();
        let result = attempt(address, share(deadline, 1, addresses.len().saturating_add(1)), &state);
        record.began |= state.has_begun();
        match result {
            Ok(connected) => return Some(connected),
            Err(error) => record.push(address, error),
        }
    }
    None
}

/// The result of a thread: the index of its attempt, and its outcome.
type Report = (usize, io::Result<Connected>);

/// The attempts under way in parallel. Dropping it cancels those that have not ended.
struct Race<F> {
    attempt: Arc<F>,
    state: Arc<AttemptState>,
    places: Arc<Reservation>,
    reports: Arc<Mailbox<Report>>,
    /// The addresses that were attempted, and the error of each that has failed.
    started: Vec<(SocketAddr, Option<io::Error>)>,
    running: usize,
}

impl<F> Drop for Race<F> {
    fn drop(&mut self) {
        self.state.cancel();
        // The connections of attempts that end later are closed by their threads.
        self.reports.close();
    }
}

impl<F: Fn(SocketAddr, Deadline, &AttemptState) -> io::Result<Connected> + Send + Sync + 'static> Race<F> {
    /// Starts an attempt on a thread. Without a thread, the attempt has failed.
    fn start(&mut self, address: SocketAddr, deadline: Deadline) {
        let (attempt, state, places) = (Arc::clone(&self.attempt), Arc::clone(&self.state), Arc::clone(&self.places));
        let (reports, index) = (Arc::clone(&self.reports), self.started.len());
        let work = move || {
            let result = panics::catch(|| attempt(address, deadline, &state))
                .unwrap_or_else(|| Err(io::Error::other("this attempt panicked")));
            reports.put((index, result));
            drop(places);
        };
        let spawned = threads::spawn("stdws-connect", None, work);
        self.running = self.running.saturating_add(usize::from(spawned.is_ok()));
        self.started.push((address, spawned.err()));
    }

    /// Waits until an attempt has ended. `Some` is the connection of one that succeeded.
    fn wait(&mut self, limit: Deadline) -> Option<Result<Connected, ()>> {
        let (index, result) = self.reports.take(limit)?;
        self.running = self.running.saturating_sub(1);
        let error = match result {
            Ok(connected) => return Some(Ok(connected)),
            Err(error) => error,
        };
        if let Some((_, slot)) = self.started.get_mut(index) {
            *slot = Some(error);
        }
        Some(Err(()))
    }
}

/// Makes the attempts on threads, each [`STAGGER`] after the one before it, or as soon as that one has failed.
fn connect_in_parallel<F: Fn(SocketAddr, Deadline, &AttemptState) -> io::Result<Connected> + Send + Sync + 'static>(
    mut addresses: VecDeque<SocketAddr>,
    deadline: Deadline,
    places: Arc<Reservation>,
    attempt: Arc<F>,
    record: &mut Record,
) -> Option<Connected> {
    let parallel = places.number;
    let (state, reports) = (Arc::new(AttemptState::default()), Arc::new(Mailbox::new()));
    let mut race = Race { attempt, state, places, reports, started: Vec::new(), running: 0 };
    let mut next = Deadline::now();
    let connected = loop {
        let more = race.running < parallel && !addresses.is_empty();
        if more && next.is_expired() {
            if let Some(address) = addresses.pop_front() {
                race.start(address, share(deadline, parallel, addresses.len().saturating_add(1)));
                next = Deadline::after(STAGGER);
            }
        }
        if race.running == 0 && addresses.is_empty() {
            break None;
        }
        match race.wait(if more { next.earlier(deadline) } else { deadline }) {
            Some(Ok(connected)) => break Some(connected),
            Some(Err(())) => next = Deadline::now(),
            None => {}
        }
        if deadline.is_expired() {
            break None;
        }
    };
    record.began = race.state.has_begun();
    let unanswered = || io::Error::new(ErrorKind::TimedOut, "no time was left for this address");
    for (address, error) in std::mem::take(&mut race.started) {
        record.push(address, error.unwrap_or_else(unanswered));
    }
    addresses.into_iter().for_each(|address| record.push(address, unanswered()));
    connected
}

#[cfg(test)]
mod tests;
