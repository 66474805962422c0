//! The accept loop: worker threads that accept a connection, serve it, and accept the next one.
//!
//! Knows sockets, threads and counts. It does not know how a connection is served.
//!
//! Several threads block in `accept` at a time. The thread that accepts a connection also serves it, so no connection
//! passes between threads and no further thread has to wake. The invariant from [`AcceptLoop::start`] to
//! [`AcceptLoop::stop_listening`]:
//!
//! > At least one thread accepts.
//!
//! `accepting` counts a thread from before it starts. `active` is the number of connections. What keeps the invariant:
//!
//! | step | `accepting` | `active` |
//! |---|---|---|
//! | a connection is admitted, and more than [`TARGET_ACCEPTING`] threads accept | −1 | +1 |
//! | ... [`TARGET_ACCEPTING`] threads accept: the thread first starts another | −1 + 1 | +1 |
//! | ... fewer accept: connections arrive quickly, so the thread first starts two | −1 + 2 | +1 |
//! | no thread can be started, and others accept: the connection is admitted | −1 | +1 |
//! | no thread can be started by the last one: it rejects the connection and accepts the next one | | |
//! | a limit is reached: the thread rejects the connection and accepts the next one | | |
//! | the listener is closed, and the connection has ended at once: it has woken the thread, which continues | | |
//! | the listener is closed, and a client has connected before: no other thread is started | −1 | +1 |
//! | a connection has been served | | −1 |
//! | ... and its thread accepts again | +1 | |
//! | ... or its thread ends: [`MAX_ACCEPTING`] threads accept, or the listener is closed | | |
//! | the listener is closed, and a thread notices it | −1 | |
//!
//! A thread that waits for the end of the server must not wake for each connection. So the second invariant is:
//!
//! > While the listener is open, no condition for which a thread waits becomes true, and `changed` is not signalled.
//!
//! | a thread waits until | by the first invariant or by the order of steps |
//! |---|---|
//! | no thread accepts | false while the listener is open; the thread that leaves last signals after it was closed |
//! | all threads have ended, or all requests are read | only a shutdown waits for these, and it closes the listener first |

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::admission::Capacity;
use super::listener::{AcceptWaker, AcceptedSocket, Listener};
use super::registry::{ConnectionRegistry, EntryId};
use super::shutdown_report::Once;
use super::system_limits;
use super::system_limits::SystemLimits;
use super::threads::WorkerThreads;
use crate::error::{Error, OverloadKind, Step};
#[cfg(feature = "trace")]
use crate::events::event::EventKind;
use crate::events::sink::EventCallback;
use crate::handshake::rejection;
use crate::net::deadline::Deadline;
use crate::net::socket::Socket;
use crate::net::threads;
use crate::primitives::lock::{Condition, Lock, Locked, UserDrop};
use crate::primitives::panics;

/// Maximum number of threads that go back to `accept` after a connection. Each costs about 20 KiB, and saves a burst of
/// connections the start of a thread.
const MAX_ACCEPTING: usize = system_limits::WAITING;
/// Number of threads below which each admission starts two. One would not keep up with a burst, because a new thread
/// waits for a processor before it can accept.
const TARGET_ACCEPTING: usize = 8;
/// Delay after a failed `accept`, which means that descriptors or memory have run out.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(10);
/// Maximum number of rejected sockets that stay open, so that their response can arrive.
const MAX_LINGERING: usize = 64;
/// Maximum time for threads to leave a listener that was shut down, before connections wake them too, and maximum time for
/// one of these connections.
const WAKE_TIMEOUT: Duration = Duration::from_millis(100);
/// Time for threads to leave `accept` after connections, before there are further ones.
const WAKE_INTERVAL: Duration = Duration::from_millis(10);

/// Serves a connection under its number in the registry.
type ConnectionHandler = Box<dyn Fn(&AcceptLoop, EntryId, AcceptedSocket) + Send + Sync>;

/// The address under which a peer counts. `None`: a trusted proxy, or a peer without an address.
type LimitKey = Box<dyn Fn(Option<SocketAddr>) -> Option<SocketAddr> + Send + Sync>;

/// How a connection is rejected before its handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RejectMode {
    /// With an HTTP response.
    Respond,
    /// By ending the stream, because the peer expects TLS.
    Silent,
}

pub(super) struct AcceptLoop {
    serve_connection: ConnectionHandler,
    limit_key: LimitKey,
    /// `None`: the default of `std`.
    stack_size: Option<usize>,
    system: SystemLimits,
    waker: AcceptWaker,
    #[cfg(feature = "trace")]
    events: EventCallback,
    state: Lock<AcceptState>,
    /// Signalled when a thread has stopped accepting, when a thread has ended, and when a connection has been served. Only
    /// while the listener is closed.
    changed: Condition,
    pub(super) shutdown: Once,
}

pub(super) struct AcceptState {
    /// `None`: closed. Threads in `accept` hold references, and the last one closes the socket.
    listener: Option<Arc<Listener>>,
    accepting: usize,
    pub(super) registry: ConnectionRegistry,
    pub(super) threads: WorkerThreads,
    reject_mode: RejectMode,
    /// The latest rejected sockets. Closing one at once could reset it when the request arrives, and the response would
    /// be lost.
    rejected: VecDeque<Socket>,
    /// The last `accept` failed.
    accept_failing: bool,
    accept_error: Option<UserDrop<io::Error>>,
}

impl AcceptLoop {
    /// Starts the first thread. `system` caps the maximum number of connections.
    #[cfg_attr(not(feature = "trace"), allow(unused_variables))]
    pub(super) fn start(
        listener: Listener,
        (capacity, reject_mode, limit_key): (Capacity, RejectMode, LimitKey),
        (stack_size, system): (Option<usize>, SystemLimits),
        events: EventCallback,
        serve_connection: impl Fn(&AcceptLoop, EntryId, AcceptedSocket) + Send + Sync + 'static,
    ) -> Result<Arc<AcceptLoop>, Error> {
        let waker = listener.waker().map_err(|error| Error::io(Step::Listen, error))?;
        let capacity = capacity.fitting(system.connections);
        let state = AcceptState {
            listener: Some(Arc::new(listener)),
            accepting: 1,
            registry: ConnectionRegistry::new(capacity),
            threads: WorkerThreads::default(),
            reject_mode,
            rejected: VecDeque::new(),
            accept_failing: false,
            accept_error: None,
        };
        let (state, changed, shutdown) = (Lock::new(state), Condition::new(), Once::default());
        let accept_loop = Arc::new(AcceptLoop {
            serve_connection: Box::new(serve_connection),
            limit_key,
            stack_size,
            system,
            waker,
            #[cfg(feature = "trace")]
            events,
            state,
            changed,
            shutdown,
        });
        accept_loop.spawn_worker().map_err(|error| Error::io(Step::Thread, error))?;
        Ok(accept_loop)
    }

    /// Starts a thread, which `accepting` counts already. Fails if the system limits forbid it: beyond some of them,
    /// `std` panics.
    fn spawn_worker(self: &Arc<AcceptLoop>) -> io::Result<()> {
        if !self.system.allow_thread() {
            return Err(threads::no_room());
        }
        let number = self.lock().threads.reserve();
        let accept_loop = self.clone();
        let started = threads::spawn("stdws-server", self.stack_size, move || {
            accept_loop.worker_loop();
            let mut state = accept_loop.lock();
            state.threads.set_ended(number);
            accept_loop.notify(&state);
        });
        let mut state = self.lock();
        match started {
            Ok(handle) => {
                state.threads.set_started(number, handle);
                Ok(())
            }
            Err(error) => {
                state.threads.cancel();
                Err(error)
            }
        }
    }

    /// Accepts and serves connections until enough other threads accept, or the listener is closed.
    fn worker_loop(self: &Arc<AcceptLoop>) {
        let mut listener = self.lock().listener.clone();
        while let Some((id, accepted)) = self.accept_next(listener) {
            // Only a handler panics, and none of its state is used afterwards. The panic hook has reported it.
            let _ = panics::catch(|| (self.serve_connection)(self, id, accepted));
            let mut state = self.lock();
            state.registry.remove(id);
            self.notify(&state);
            if state.accepting >= MAX_ACCEPTING || state.listener.is_none() {
                return;
            }
            state.accepting = state.accepting.saturating_add(1);
            listener = state.listener.clone();
        }
    }

    /// Accepts until a connection is admitted. `None`: the listener is closed.
    fn accept_next(self: &Arc<AcceptLoop>, mut open: Option<Arc<Listener>>) -> Option<(EntryId, AcceptedSocket)> {
        while let Some(listener) = open {
            let result = listener.accept();
            drop(listener);
            match result {
                Ok(accepted) => {
                    if let Some(admitted) = self.admit(accepted) {
                        return Some(admitted);
                    }
                }
                Err(error) => self.on_accept_error(error),
            }
            open = self.lock().listener.clone();
        }
        let mut state = self.lock();
        state.accepting = state.accepting.saturating_sub(1);
        self.notify(&state);
        None
    }

    /// Admits a connection. `None`: it has been rejected, and the thread accepts the next one.
    #[cfg_attr(not(feature = "trace"), allow(unused_variables))]
    fn admit(self: &Arc<AcceptLoop>, accepted: AcceptedSocket) -> Option<(EntryId, AcceptedSocket)> {
        let limit_key = (self.limit_key)(accepted.peer);
        let mut state = self.lock();
        if state.listener.is_none() {
            drop(state);
            if accepted.has_ended() {
                return None;
            }
            state = self.lock();
        }
        state.accept_failing = false;
        // A client that connected before the stop is served, until a shutdown closes the connections.
        let admission = match state.registry.is_closed() {
            false => state.registry.try_insert(limit_key),
            true => Err(OverloadKind::Connections),
        };
        let id = match admission {
            Ok(id) => id,
            Err(kind) => {
                state.reject(accepted.socket, kind);
                drop(state);
                #[cfg(feature = "trace")]
                self.events.emit(|| EventKind::ConnectionRejected(kind, accepted.peer));
                return None;
            }
        };
        let wanted = match state.accepting {
            _ if state.listener.is_none() => 0,
            0..TARGET_ACCEPTING => 2,
            TARGET_ACCEPTING => 1,
            _ => 0,
        };
        state.accepting = state.accepting.saturating_sub(1).saturating_add(wanted);
        self.notify(&state);
        drop(state);
        for started in 0..wanted {
            if let Err(error) = self.spawn_worker() {
                #[cfg(feature = "trace")]
                self.events.emit(|| EventKind::ThreadSpawnFailed(error.kind()));
                return self.admit_after_failed_spawn(wanted.saturating_sub(started), id, accepted);
            }
        }
        Some((id, accepted))
    }

    /// Admits a connection after `missing` threads could not be started, unless no other thread accepts. Every thread
    /// that relied on a failed start calls this, so the last of them sees `accepting == 0` and accepts again.
    fn admit_after_failed_spawn(
        &self,
        missing: usize,
        id: EntryId,
        accepted: AcceptedSocket,
    ) -> Option<(EntryId, AcceptedSocket)> {
        let mut state = self.lock();
        state.accepting = state.accepting.saturating_sub(missing);
        if state.accepting > 0 {
            return Some((id, accepted));
        }
        state.accepting = 1;
        state.registry.remove(id);
        state.reject(accepted.socket, OverloadKind::Connections);
        drop(state);
        #[cfg(feature = "trace")]
        self.events.emit(|| EventKind::ConnectionRejected(OverloadKind::Connections, accepted.peer));
        None
    }

    fn on_accept_error(&self, error: io::Error) {
        match error.kind() {
            // The peer closed its connection before it was accepted.
            ErrorKind::ConnectionAborted | ErrorKind::Interrupted => {}
            // The socket no longer listens.
            ErrorKind::InvalidInput => self.stop_with_error(error),
            _ => self.pause_after_accept_error(error),
        }
    }

    /// Waits for a moment, because descriptors or memory have run out and others may release some.
    #[cfg_attr(not(feature = "trace"), allow(unused_variables))]
    fn pause_after_accept_error(&self, error: io::Error) {
        let first = {
            let mut state = self.lock();
            // Their descriptors are the least needed.
            state.rejected.clear();
            !std::mem::replace(&mut state.accept_failing, true)
        };
        if first {
            #[cfg(feature = "trace")]
            self.events.emit(|| EventKind::AcceptFailed(error.kind()));
        }
        thread::sleep(ACCEPT_RETRY_DELAY);
    }

    /// Wakes the threads that wait for the end of the server, once that can come; see the second invariant.
    fn notify(&self, state: &AcceptState) {
        if state.listener.is_none() {
            self.changed.notify_all();
        }
    }

    fn stop_with_error(&self, error: io::Error) {
        let mut state = self.lock();
        if state.listener.take().is_some() {
            state.accept_error = Some(UserDrop::new(error));
        }
    }

    /// Closes the listener and wakes the threads in `accept`, also if the deadline has passed already. The address is free
    /// when the last of them has returned. Takes little more than [`WAKE_TIMEOUT`] beyond the deadline.
    pub(super) fn stop_listening(&self, deadline: Deadline) {
        self.lock().listener = None;
        let nobody_accepts = |state: &mut AcceptState| state.accepting == 0;
        if self.waker.shutdown_listener() {
            self.wait_until(WAKE_TIMEOUT.min(deadline.remaining()), nobody_accepts);
            if deadline.is_expired() {
                return;
            }
        }
        loop {
            let waiting = self.lock().accepting;
            if waiting == 0 {
                return;
            }
            self.waker.wake_by_connecting(waiting, deadline.remaining().clamp(WAKE_INTERVAL, WAKE_TIMEOUT));
            self.wait_until(WAKE_INTERVAL.min(deadline.remaining()), nobody_accepts);
            if deadline.is_expired() {
                return;
            }
        }
    }

    /// Waits until no thread accepts. Returns the error that closed the listener, if there was one.
    pub(super) fn wait_stopped(&self) -> io::Result<()> {
        let mut state = self.lock();
        while state.accepting > 0 {
            state = state.wait(&self.changed, Duration::MAX);
        }
        state.accept_error.take().map_or(Ok(()), |error| Err(error.into_inner()))
    }

    /// Waits until the condition holds, at most for this time.
    pub(super) fn wait_until(&self, limit: Duration, mut done: impl FnMut(&mut AcceptState) -> bool) {
        drop(self.lock().wait_while(&self.changed, limit, |state| !done(state)));
    }

    pub(super) fn lock(&self) -> Locked<'_, AcceptState> {
        self.state.lock()
    }
}

impl AcceptState {
    /// Responds without blocking: the response fits the empty buffer of a new socket.
    fn reject(&mut self, socket: Socket, kind: OverloadKind) {
        if self.reject_mode == RejectMode::Silent {
            return;
        }
        let answered =
            socket.set_nonblocking(true).and_then(|()| (&socket).write_all(&rejection::response(&kind.into(), "")));
        if answered.and_then(|()| socket.shutdown(Shutdown::Write)).is_err() {
            return;
        }
        if self.rejected.len() >= MAX_LINGERING {
            if let Some(oldest) = self.rejected.pop_front() {
                // Closing a socket without unread bytes does not reset it.
                let _ = (&oldest).read(&mut [0; 4 << 10]);
            }
        }
        self.rejected.push_back(socket);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::connection::testing::under_watchdog;
    use crate::server::shutdown::run_shutdown;
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{OnceLock, Weak};
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(120);

    fn listen() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        (listener, addr)
    }

    /// An accept loop that sends `in` and waits for the end of the connection.
    fn start_on(listener: Listener, system: SystemLimits) -> Result<Arc<AcceptLoop>, Error> {
        let capacity = Capacity { connections: usize::MAX, ..Capacity::default() };
        let serve_connection = |_: &AcceptLoop, _, accepted: AcceptedSocket| {
            let _ = (&accepted.socket).write_all(b"in").and_then(|()| (&accepted.socket).read(&mut [0]).map(drop));
        };
        let limit_key: LimitKey = Box::new(|peer| peer);
        let capacity = (capacity, RejectMode::Respond, limit_key);
        AcceptLoop::start(listener, capacity, (None, system), EventCallback::default(), serve_connection)
    }

    pub(in crate::server) fn start(system: SystemLimits) -> Result<(Arc<AcceptLoop>, SocketAddr), Error> {
        let (listener, addr) = listen();
        start_on(Listener::bound(listener), system).map(|accept_loop| (accept_loop, addr))
    }

    pub(in crate::server) const UNLIMITED: SystemLimits = SystemLimits { connections: usize::MAX, threads: usize::MAX };

    fn connect(addr: SocketAddr) -> (TcpStream, Vec<u8>) {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut answer = vec![0; 64];
        let count = stream.read(&mut answer).unwrap();
        answer.truncate(count);
        (stream, answer)
    }

    #[test]
    fn the_system_limits_cap_the_number_of_connections() {
        let (accept_loop, addr) = start(SystemLimits { connections: 2, threads: usize::MAX }).unwrap();
        let clients = [connect(addr), connect(addr)];
        assert!(clients.iter().all(|(_, answer)| answer == b"in"));
        assert!(connect(addr).1.starts_with(b"HTTP/1.1 503 "));
        drop(clients);
        accept_loop.stop_listening(Deadline::after(LONG));
    }

    /// As on a system where no call ends an `accept` under way, and with connections that stay open.
    #[test]
    fn threads_that_only_connections_wake_leave_at_once_and_free_the_address() {
        let (listener, addr) = listen();
        let accept_loop = start_on(Listener::given(listener).unwrap(), UNLIMITED).unwrap();
        let clients: Vec<_> = (0..5).map(|_| connect(addr)).collect();
        let start = Instant::now();
        // As a shutdown does. With an expired deadline nothing waits, and threads are woken nevertheless.
        accept_loop.stop_listening(Deadline::after(Duration::ZERO));
        accept_loop.stop_listening(Deadline::after(LONG));
        assert_eq!(accept_loop.lock().accepting, 0);
        assert!(start.elapsed() < LONG / 4, "{:?}", start.elapsed());
        assert_eq!(accept_loop.lock().registry.active_count(), 5, "no connection that wakes is served");
        // Elsewhere the open connections could make another server fail with "address in use".
        TcpListener::bind(addr).unwrap();
        // The last thread signals its end, and is there to be joined.
        accept_loop.lock().threads.keep_ended();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| accept_loop.wait_until(LONG, |state| state.threads.alive_count() == 0));
            thread::sleep(WAKE_INTERVAL * 5);
            drop(clients);
            waiting.join().unwrap();
        });
        assert!(start.elapsed() < LONG / 2, "{:?}", start.elapsed());
        let mut state = accept_loop.lock();
        assert!(state.threads.alive_count() == 0 && state.threads.take_ended().len() >= 5);
    }

    #[test]
    fn a_client_that_comes_between_the_stop_and_the_wakeup_is_served_until_the_shutdown() {
        for shut in [false, true] {
            let (listener, addr) = listen();
            let accept_loop = start_on(Listener::given(listener).unwrap(), UNLIMITED).unwrap();
            // The thread has looked whether the listener is there, and accepts.
            while accept_loop.lock().listener.as_ref().map(Arc::strong_count) != Some(2) {
                thread::yield_now();
            }
            accept_loop.lock().listener = None;
            if shut {
                accept_loop.lock().registry.close();
            }
            let (client, answer) = thread::scope(|scope| {
                let waiting = scope.spawn(|| accept_loop.wait_stopped());
                thread::sleep(WAKE_INTERVAL * 5);
                assert!(!waiting.is_finished(), "a thread accepts");
                let (client, answer) = connect(addr);
                if !shut {
                    // The thread serves the client, and does not accept any more.
                    waiting.join().unwrap().unwrap();
                }
                (client, answer)
            });
            match shut {
                true => assert!(answer.starts_with(b"HTTP/1.1 503 "), "{answer:?}"),
                false => assert_eq!(answer, b"in"),
            }
            let start = Instant::now();
            accept_loop.stop_listening(Deadline::after(LONG));
            assert!(start.elapsed() < LONG / 4 && accept_loop.lock().accepting == 0);
            // The thread ends with its client, and this waits before that.
            let state = accept_loop.lock();
            drop(client);
            let state = state.wait_while(&accept_loop.changed, LONG, |state| state.threads.alive_count() > 0);
            assert_eq!(state.threads.alive_count(), 0);
        }
    }

    /// Whether the listener is open.
    pub(in crate::server) fn is_listening(accept_loop: &AcceptLoop) -> bool {
        accept_loop.lock().listener.is_some()
    }

    /// A thread that has left stands for one that has not been woken, because another process took the connections for that.
    /// The listener is that of the other process.
    fn stuck() -> (Arc<AcceptLoop>, TcpListener) {
        let (shared, _) = listen();
        let accept_loop = start_on(Listener::given(shared.try_clone().unwrap()).unwrap(), UNLIMITED).unwrap();
        accept_loop.stop_listening(Deadline::after(LONG));
        accept_loop.wait_until(LONG, |state| state.threads.alive_count() == 0);
        shared.set_nonblocking(true).unwrap();
        while shared.accept().is_ok() {}
        let mut state = accept_loop.lock();
        state.accepting = 1;
        state.threads.reserve();
        drop(state);
        (accept_loop, shared)
    }

    /// Accepts this number of connections, or those of a long time.
    fn accept_some(listener: &TcpListener, number: usize) -> usize {
        let (start, mut count) = (Instant::now(), 0);
        while count < number && start.elapsed() < LONG {
            match listener.accept() {
                Ok(_) => count += 1,
                Err(_) => thread::yield_now(),
            }
        }
        count
    }

    #[test]
    fn a_shutdown_wakes_the_thread_that_accepts_until_it_leaves() {
        under_watchdog(|| {
            let (accept_loop, shared) = stuck();
            let begin = Instant::now();
            thread::scope(|scope| {
                let shutdown = scope.spawn(|| run_shutdown(&accept_loop, Duration::ZERO, LONG * 2));
                // More than fit into the time for requests, with 10 ms for each.
                let connections = accept_some(&shared, 40);
                let took = begin.elapsed();
                let mut state = accept_loop.lock();
                state.accepting = 0;
                state.threads.cancel();
                drop(state);
                assert_eq!((connections, shutdown.join().unwrap().threads_left()), (40, 0));
                assert!(took >= WAKE_INTERVAL * 36, "{took:?}");
            });
            // A listener that was shut down, too, is not left to a thread that stays.
            let (accept_loop, _) = start(UNLIMITED).unwrap();
            accept_loop.stop_listening(Deadline::after(LONG));
            accept_loop.lock().accepting = 1;
            thread::scope(|scope| {
                let stopping = scope.spawn(|| accept_loop.stop_listening(Deadline::after(LONG)));
                thread::sleep(WAKE_TIMEOUT * 2);
                assert!(!stopping.is_finished());
                accept_loop.lock().accepting = 0;
            });
            // After the deadline: at the beginning, and again before the threads are joined.
            let (accept_loop, shared) = stuck();
            assert_eq!(run_shutdown(&accept_loop, Duration::ZERO, Duration::ZERO).threads_left(), 1);
            assert_eq!(accept_some(&shared, 2), 2);
        });
    }

    #[test]
    fn each_admission_starts_the_threads_that_are_missing() {
        let (accept_loop, _) = start(UNLIMITED).unwrap();
        for (accepting, started) in [(1, 2), (2, 2), (7, 2), (8, 1), (9, 0), (16, 0)] {
            let threads = accept_loop.lock().threads.alive_count();
            let real = std::mem::replace(&mut accept_loop.lock().accepting, accepting);
            let (near, _far) = crate::net::stream::tests::sockets();
            let accepted = AcceptedSocket { socket: near.into(), peer: None, has_options: false };
            let (id, _socket) = accept_loop.admit(accepted).unwrap();
            let mut state = accept_loop.lock();
            state.registry.remove(id);
            assert_eq!(state.accepting, accepting - 1 + started, "{accepting}");
            assert_eq!(state.threads.alive_count(), threads + started, "{accepting}");
            state.accepting = real + started;
        }
        accept_loop.stop_listening(Deadline::after(LONG));
        assert_eq!(accept_loop.lock().accepting, 0);
    }

    #[test]
    fn after_a_burst_the_threads_that_the_limits_of_the_system_count_remain() {
        under_watchdog(|| {
            let (accept_loop, addr) = start(UNLIMITED).unwrap();
            let clients: Vec<_> = (0..40).map(|_| connect(addr)).collect();
            drop(clients);
            let is_idle = |state: &AcceptState| {
                state.registry.active_count() == 0 && state.threads.alive_count() == state.accepting
            };
            while !is_idle(&accept_loop.lock()) {
                thread::yield_now();
            }
            assert_eq!(accept_loop.lock().accepting, MAX_ACCEPTING);
            accept_loop.stop_listening(Deadline::after(LONG));
            accept_loop.wait_until(LONG, |state| state.threads.alive_count() == 0);
            let state = accept_loop.lock();
            assert_eq!((state.accepting, state.threads.alive_count()), (0, 0));
        });
    }

    /// Each of these would cost a connection two switches of threads.
    #[test]
    fn a_thread_that_waits_for_the_end_does_not_wake_for_a_connection() {
        under_watchdog(|| {
            let (accept_loop, addr) = start(UNLIMITED).unwrap();
            let (checks, waiting) = (AtomicUsize::new(0), AtomicBool::new(false));
            thread::scope(|scope| {
                let waiter = scope.spawn(|| {
                    accept_loop.wait_until(LONG * 2, |state| {
                        checks.fetch_add(1, Ordering::SeqCst);
                        waiting.store(true, Ordering::SeqCst);
                        state.accepting == 0
                    })
                });
                while !waiting.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                for _ in 0..20 {
                    assert_eq!(connect(addr).1, b"in");
                }
                while accept_loop.lock().registry.active_count() > 0 {
                    thread::yield_now();
                }
                let checked = checks.load(Ordering::SeqCst);
                accept_loop.stop_listening(Deadline::after(LONG));
                waiter.join().unwrap();
                assert_eq!(checked, 1);
            });
            assert_eq!(accept_loop.lock().accepting, 0);
        });
    }

    /// An accept loop whose thread has ended, and the errors of `accept` that it reports.
    #[cfg(all(unix, feature = "trace"))]
    fn stopped() -> (Arc<AcceptLoop>, std::sync::mpsc::Receiver<EventKind>) {
        let (log, events) = std::sync::mpsc::channel();
        let log = std::sync::Mutex::new(log);
        let events_to = EventCallback::new(move |event| log.lock().unwrap().send(event.kind().clone()).unwrap());
        let capacity = Capacity { connections: usize::MAX, ..Capacity::default() };
        let limit_key: LimitKey = Box::new(|peer| peer);
        let (capacity, system) = ((capacity, RejectMode::Respond, limit_key), (None, UNLIMITED));
        let accept_loop =
            AcceptLoop::start(Listener::bound(listen().0), capacity, system, events_to, |_, _, _| ()).unwrap();
        accept_loop.stop_listening(Deadline::after(LONG));
        (accept_loop, events)
    }

    /// A datagram socket stands for a system without descriptors: its `accept` fails each time.
    #[test]
    #[cfg(all(unix, feature = "trace"))]
    fn after_a_failed_accept_the_thread_accepts_again() {
        let (accept_loop, events) = stopped();
        accept_loop.lock().rejected.push_back(crate::net::stream::tests::sockets().0.into());
        for failures in 0..3 {
            let datagrams = std::os::fd::OwnedFd::from(std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
            let failing = Listener::given(TcpListener::from(datagrams)).unwrap();
            accept_loop.lock().accepting = 1;
            let start = Instant::now();
            // The next listener is that of the loop, which is closed.
            assert!(accept_loop.accept_next(Some(Arc::new(failing))).is_none());
            assert!(start.elapsed() >= ACCEPT_RETRY_DELAY, "a system without descriptors gets time");
            let state = accept_loop.lock();
            assert!(state.accept_failing && state.accept_error.is_none(), "{failures}");
            assert!(state.rejected.is_empty(), "their descriptors are released");
            drop(state);
            let reported: Vec<_> = events.try_iter().collect();
            match failures {
                1 => assert!(reported.is_empty(), "only the first of a series: {reported:?}"),
                _ => assert!(matches!(reported[..], [EventKind::AcceptFailed(_)]), "{reported:?}"),
            }
            if failures == 1 {
                // A connection ends the series.
                let (near, _far) = crate::net::stream::tests::sockets();
                accept_loop.lock().accepting = 1;
                let accepted = AcceptedSocket { socket: near.into(), peer: None, has_options: false };
                assert!(accept_loop.admit(accepted).is_some());
            }
        }
        // The peer ended its connection, which is no failure.
        accept_loop.lock().accept_failing = false;
        for kind in [ErrorKind::ConnectionAborted, ErrorKind::Interrupted] {
            accept_loop.on_accept_error(kind.into());
            assert!(!accept_loop.lock().accept_failing && events.try_recv().is_err());
        }
        // The socket does not listen. Only the first of such errors is that of `run`, and none after a stop.
        for (open, has_error) in [(true, true), (false, false)] {
            let listener = Arc::new(Listener::bound(listen().0));
            accept_loop.lock().listener = open.then_some(listener);
            accept_loop.on_accept_error(ErrorKind::InvalidInput.into());
            assert!(accept_loop.lock().listener.is_none());
            assert_eq!(accept_loop.wait_stopped().is_err(), has_error);
        }
    }

    #[test]
    #[cfg(all(unix, feature = "trace"))]
    fn without_a_thread_the_last_one_that_accepts_rejects() {
        let (accept_loop, events) = stopped();
        for (accepting, admits) in [(3, true), (2, false)] {
            let (near, mut far) = crate::net::stream::tests::sockets();
            let id = accept_loop.lock().registry.try_insert(None).unwrap();
            accept_loop.lock().accepting = accepting;
            let accepted = AcceptedSocket { socket: near.into(), peer: None, has_options: false };
            let admitted = accept_loop.admit_after_failed_spawn(2, id, accepted);
            assert_eq!((admitted.is_some(), accept_loop.lock().accepting), (admits, 1));
            assert_eq!(accept_loop.lock().registry.active_count(), usize::from(admits));
            match admits {
                true => accept_loop.lock().registry.remove(id),
                false => {
                    let mut answer = [0; 13];
                    far.set_read_timeout(Some(LONG)).unwrap();
                    far.read_exact(&mut answer).unwrap();
                    assert_eq!(&answer, b"HTTP/1.1 503 ");
                }
            }
        }
        let reported: Vec<_> = events.try_iter().collect();
        assert!(
            matches!(reported[..], [EventKind::ConnectionRejected(OverloadKind::Connections, None)]),
            "{reported:?}"
        );
        accept_loop.lock().accepting = 0;
    }

    /// The address is free when no thread accepts, also if one handles a connection.
    #[test]
    fn a_thread_that_has_accepted_does_not_keep_the_listener() {
        under_watchdog(|| {
            let (listener, addr) = listen();
            let (count, counts) = std::sync::mpsc::channel();
            let (count, started) = (std::sync::Mutex::new(count), Arc::new(OnceLock::<Weak<AcceptLoop>>::new()));
            let known = started.clone();
            let limit_key: LimitKey = Box::new(move |peer| {
                while known.get().is_none() {
                    thread::yield_now();
                }
                let accept_loop = known.get().and_then(Weak::upgrade).unwrap();
                let users = accept_loop.lock().listener.as_ref().map(Arc::strong_count);
                count.lock().unwrap().send(users).unwrap();
                peer
            });
            let (capacity, events) = (Capacity { connections: 9, ..Capacity::default() }, EventCallback::default());
            let capacity = (capacity, RejectMode::Respond, limit_key);
            let accept_loop =
                AcceptLoop::start(Listener::bound(listener), capacity, (None, UNLIMITED), events, |_, _, _| ())
                    .unwrap();
            started.set(Arc::downgrade(&accept_loop)).unwrap();
            let _client = TcpStream::connect(addr).unwrap();
            assert_eq!(counts.recv_timeout(LONG), Ok(Some(1)), "that of the loop alone");
            accept_loop.stop_listening(Deadline::after(LONG));
        });
    }

    /// No system has addresses for such a stack.
    #[test]
    #[cfg(all(target_os = "linux", target_pointer_width = "64", feature = "trace"))]
    fn a_thread_that_cannot_be_started_is_reported_and_does_not_count() {
        let (mut accept_loop, events) = stopped();
        while Arc::get_mut(&mut accept_loop).map(|accept_loop| accept_loop.stack_size = Some(1 << 47)).is_none() {
            thread::yield_now();
        }
        let mut state = accept_loop.lock();
        (state.listener, state.accepting) = (Some(Arc::new(Listener::bound(listen().0))), 3);
        drop(state);
        let (near, _far) = crate::net::stream::tests::sockets();
        let accepted = AcceptedSocket { socket: near.into(), peer: None, has_options: false };
        assert!(accept_loop.admit(accepted).is_some());
        assert!(matches!(events.try_recv(), Ok(EventKind::ThreadSpawnFailed(_))) && events.try_recv().is_err());
        let mut state = accept_loop.lock();
        assert_eq!((state.accepting, state.threads.alive_count()), (2, 0));
        // For a client that connected before the stop, none is started.
        (state.listener, state.accepting) = (None, 1);
        drop(state);
        let (near, _far) = crate::net::stream::tests::sockets();
        let accepted = AcceptedSocket { socket: near.into(), peer: None, has_options: false };
        assert!(accept_loop.admit(accepted).is_some());
        assert!(events.try_recv().is_err() && accept_loop.lock().accepting == 0);
    }

    #[test]
    #[cfg(all(unix, feature = "trace"))]
    fn a_thread_that_finds_the_listener_closed_leaves() {
        let (accept_loop, events) = stopped();
        let accepted = || {
            let (near, far) = crate::net::stream::tests::sockets();
            (AcceptedSocket { socket: near.into(), peer: None, has_options: false }, far)
        };
        for accepting in [5, 1] {
            accept_loop.lock().accepting = accepting;
            // A connection that has woken it is not served.
            let (waking, far) = accepted();
            drop(far);
            assert!(accept_loop.admit(waking).is_none() && events.try_recv().is_err());
            thread::scope(|scope| {
                let waiting = scope.spawn(|| accept_loop.wait_stopped());
                thread::sleep(WAKE_INTERVAL * 5);
                assert!(!waiting.is_finished());
                assert!(accept_loop.accept_next(None).is_none());
                assert_eq!(accept_loop.lock().accepting, accepting - 1);
                if accepting == 5 {
                    accept_loop.lock().accepting = 1;
                    assert!(accept_loop.accept_next(None).is_none());
                }
                waiting.join().unwrap().unwrap();
            });
        }
        // One with a client that has connected before leaves as well.
        accept_loop.lock().accepting = 1;
        thread::scope(|scope| {
            let waiting = scope.spawn(|| accept_loop.wait_stopped());
            thread::sleep(WAKE_INTERVAL * 5);
            let (client, _far) = accepted();
            let (id, _socket) = accept_loop.admit(client).unwrap();
            waiting.join().unwrap().unwrap();
            accept_loop.lock().registry.remove(id);
        });
        accept_loop.lock().registry.close();
        let (late, _far) = accepted();
        assert!(accept_loop.admit(late).is_none());
        assert!(matches!(events.try_recv(), Ok(EventKind::ConnectionRejected(OverloadKind::Connections, None))));
        assert_eq!(accept_loop.lock().registry.active_count(), 0);
    }

    #[test]
    fn a_limited_number_of_rejected_sockets_stays_open() {
        let (accept_loop, _) = start(UNLIMITED).unwrap();
        accept_loop.stop_listening(Deadline::after(LONG));
        let mut state = accept_loop.lock();
        let reject = |state: &mut AcceptState, before: fn(&TcpStream)| {
            let (near, far) = crate::net::stream::tests::sockets();
            before(&near);
            state.reject(near.into(), OverloadKind::Connections);
            far
        };
        // Not those whose peer is gone, and none where the peer expects TLS.
        let _gone = reject(&mut state, |near| near.shutdown(Shutdown::Write).unwrap());
        state.reject_mode = RejectMode::Silent;
        let mut far = reject(&mut state, |_| ());
        assert_eq!((far.read(&mut [0]).unwrap(), state.rejected.len()), (0, 0));
        state.reject_mode = RejectMode::Respond;
        // The first two are closed. One of them has sent a request, which would reset it, and the other nothing.
        let peers: Vec<_> = (0..MAX_LINGERING + 2)
            .map(|number| {
                let (near, mut far) = crate::net::stream::tests::sockets();
                let mut request = vec![b'x'; if number == 0 { 4 << 10 } else { 0 }];
                far.write_all(&request).unwrap();
                while !request.is_empty() && near.peek(&mut request).unwrap() < request.len() {}
                state.reject(near.into(), OverloadKind::Connections);
                far
            })
            .collect();
        assert_eq!(state.rejected.len(), MAX_LINGERING);
        for mut far in peers {
            let mut answer = String::new();
            far.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer:?}");
            assert!(far.take_error().unwrap().is_none(), "it is reset");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn no_thread_starts_beyond_the_system_limits() {
        let system = SystemLimits { connections: usize::MAX, threads: 0 };
        assert!(matches!(start(system), Err(Error::Io(_))));
    }
}
