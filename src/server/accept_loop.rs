//! Who waits at the door, and who serves: one thread for each connection, which then takes the next one.
//!
//! Knows visitors and threads; must not know what is done with a visitor.
//!
//! Threads wait for visitors in `accept` itself, several at a time. The system gives each visitor to one of them, which
//! serves it: nothing is handed from thread to thread, so nothing can be lost on the way, and no thread has to be woken
//! but the one that serves. The invariant, from [`AcceptLoop::start`] until [`AcceptLoop::stop_listening`]:
//!
//! > There is always a thread at the door.
//!
//! A thread counts as being there from before it is started. What keeps the invariant true:
//!
//! | step | at the door | let in |
//! |---|---|---|
//! | a visitor is let in, and more than a few are at the door | −1 | +1 |
//! | a visitor is let in by one of a few, which first starts another | −1 + 1 | +1 |
//! | ... by one of fewer, which first starts two: a crowd is coming | −1 + 2 | +1 |
//! | none can be started, and others are still at the door: the visitor is let in | −1 | +1 |
//! | none can be started by the last one: the visitor is turned away by the thread, which stays | | |
//! | the door is closed, or the maximum number of connections is reached: the visitor is turned away by the thread, which stays | | |
//! | a visitor has been served | | −1 |
//! | ... by a thread that then comes back to the door | +1 | |
//! | ... or ends, because enough are there, or the door is closed | | |
//! | the door is closed, and a thread notices it | −1 | |

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar};
use std::thread;
use std::time::Duration;

use super::listener::{AcceptWaker, AcceptedSocket, Listener};
use super::registry::{Capacity, ConnectionRegistry, EntryId};
use super::shutdown_report::Once;
use super::system_limits;
use super::system_limits::SystemLimits;
use super::threads::WorkerThreads;
use crate::error::{Error, HandshakeErrorKind, Step};
use crate::events::event::EventKind;
use crate::events::sink::EventCallback;
use crate::handshake::rejection;
use crate::net::deadline::Deadline;
use crate::net::socket::Socket;
use crate::primitives::lock::{Lock, Locked};

/// Maximum number of threads that wait at the door for good. They cost some 20 KiB each, and spare a burst of visitors the
/// starting of threads.
const MAX_ACCEPTING: usize = system_limits::WAITING;
/// So many are to be at the door while visitors come faster than threads can be started one after the other: a thread that
/// was started has to wait for a processor before it can let anybody in.
const TARGET_ACCEPTING: usize = 8;
/// How long a thread waits after the system could not accept: it is out of descriptors or memory.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(10);
/// So many that were turned away are kept until their answer has surely arrived.
const MAX_LINGERING: usize = 64;
/// How long a thread at the door may take to notice that it has been closed, before someone knocks to wake it.
const WAKE_TIMEOUT: Duration = Duration::from_millis(100);

/// What is done with a visitor, under the number it was entered with.
type ConnectionHandler = Box<dyn Fn(&AcceptLoop, EntryId, AcceptedSocket) + Send + Sync>;

/// By whose address a visitor counts when it is let in; nobody's, if it speaks for others.
type LimitKey = Box<dyn Fn(Option<SocketAddr>) -> Option<SocketAddr> + Send + Sync>;

/// What those are told who are not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RejectMode {
    Respond,
    /// Nothing: they speak TLS.
    Silent,
}

pub(super) struct AcceptLoop {
    serve_connection: ConnectionHandler,
    limit_key: LimitKey,
    /// The stack of each thread, if it is not what `std` takes.
    stack_size: Option<usize>,
    system: SystemLimits,
    waker: AcceptWaker,
    events: EventCallback,
    state: Lock<AcceptState>,
    /// Told when a thread has left the door for good, when one has ended, and when a visitor has been served.
    changed: Condvar,
    pub(super) shutdown: Once,
}

pub(super) struct AcceptState {
    /// `None`: the door is closed. The threads at the door hold it too, and the last of them closes the socket.
    listener: Option<Arc<Listener>>,
    accepting: usize,
    pub(super) registry: ConnectionRegistry,
    pub(super) threads: WorkerThreads,
    reject_mode: RejectMode,
    /// Sockets with an answer on its way. Closing one at once would reset it when the request comes in, and the answer
    /// could be lost by that; so the last few stay open until others take their place.
    rejected: VecDeque<Socket>,
    /// The last `accept` failed.
    accept_failing: bool,
    accept_error: Option<io::Error>,
}

impl AcceptLoop {
    /// Starts the first thread. The number of connections is capped to what fits the system.
    pub(super) fn start(
        listener: Listener,
        (capacity, reject_mode, limit_key): (Capacity, RejectMode, LimitKey),
        (stack_size, system): (Option<usize>, SystemLimits),
        events: EventCallback,
        serve_connection: impl Fn(&AcceptLoop, EntryId, AcceptedSocket) + Send + Sync + 'static,
    ) -> Result<Arc<AcceptLoop>, Error> {
        let waker = listener.waker().map_err(|error| Error::io(Step::Listen, error))?;
        let capacity = Capacity { connections: capacity.connections.min(system.connections), ..capacity };
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
        let (state, changed, shutdown) = (Lock::new(state), Condvar::new(), Once::default());
        let accept_loop = Arc::new(AcceptLoop {
            serve_connection: Box::new(serve_connection),
            limit_key,
            stack_size,
            system,
            waker,
            events,
            state,
            changed,
            shutdown,
        });
        accept_loop.spawn_worker().map_err(|error| Error::io(Step::Thread, error))?;
        Ok(accept_loop)
    }

    /// One more thread, which counts as being at the door already. An error if the system limits forbid it: `std` survives
    /// only some of them.
    fn spawn_worker(self: &Arc<AcceptLoop>) -> io::Result<()> {
        if !self.system.allow_thread() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let number = self.lock().threads.reserve();
        let mut builder = thread::Builder::new().name("stdws-server".into());
        if let Some(stack_size) = self.stack_size {
            builder = builder.stack_size(stack_size);
        }
        let accept_loop = self.clone();
        let started = builder.spawn(move || {
            accept_loop.worker_loop();
            accept_loop.lock().threads.set_ended(number);
            accept_loop.changed.notify_all();
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

    /// The life of a thread.
    fn worker_loop(self: &Arc<AcceptLoop>) {
        while let Some((id, accepted)) = self.accept_next() {
            // What panics is a handler; nothing of it is used afterwards. The panic was reported by the hook.
            let served = panic::catch_unwind(AssertUnwindSafe(|| (self.serve_connection)(self, id, accepted)));
            if let Err(payload) = served {
                // Clearing it away may panic too, and then once is enough.
                if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                    std::mem::forget(payload);
                }
            }
            let mut state = self.lock();
            state.registry.remove(id);
            self.changed.notify_all();
            if state.accepting >= MAX_ACCEPTING || state.listener.is_none() {
                return;
            }
            state.accepting = state.accepting.saturating_add(1);
        }
    }

    /// Stands at the door until a visitor is let in; `None` once it is closed.
    fn accept_next(self: &Arc<AcceptLoop>) -> Option<(EntryId, AcceptedSocket)> {
        loop {
            let Some(listener) = self.lock().listener.clone() else {
                self.exit_accept();
                return None;
            };
            let result = listener.accept();
            drop(listener);
            match result {
                Ok(accepted) => {
                    if let Some(admitted) = self.admit(accepted) {
                        return Some(admitted);
                    }
                }
                // The peer was quicker to leave than we to let it in.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                // The socket does not listen any more.
                Err(error) if error.kind() == ErrorKind::InvalidInput => self.stop_with_error(error),
                Err(error) => self.pause_after_accept_error(error),
            }
        }
    }

    /// Lets a visitor in. Otherwise it has been turned away, and the thread is still at the door.
    fn admit(self: &Arc<AcceptLoop>, accepted: AcceptedSocket) -> Option<(EntryId, AcceptedSocket)> {
        let limit_key = (self.limit_key)(accepted.peer);
        let mut state = self.lock();
        state.accept_failing = false;
        let admission = match &state.listener {
            Some(_) => state.registry.try_insert(limit_key),
            None => Err(HandshakeErrorKind::TooManyConnections),
        };
        let id = match admission {
            Ok(id) => id,
            Err(kind) => {
                state.reject(accepted.socket, &kind);
                drop(state);
                self.events.emit(|| EventKind::ConnectionRejected(kind, accepted.peer));
                return None;
            }
        };
        let wanted = match state.accepting {
            0..TARGET_ACCEPTING => 2,
            TARGET_ACCEPTING => 1,
            _ => 0,
        };
        state.accepting = state.accepting.saturating_sub(1).saturating_add(wanted);
        drop(state);
        for started in 0..wanted {
            if let Err(error) = self.spawn_worker() {
                self.events.emit(|| EventKind::ThreadSpawnFailed(error.kind()));
                return self.admit_after_failed_spawn(wanted.saturating_sub(started), id, accepted);
            }
        }
        Some((id, accepted))
    }

    /// So many threads that count already could not be started. Whoever finds that nobody else is at the door stays: all
    /// who counted on threads that did not come are in here or on their way, so the last of them does find it.
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
        state.reject(accepted.socket, &HandshakeErrorKind::TooManyConnections);
        drop(state);
        self.events.emit(|| EventKind::ConnectionRejected(HandshakeErrorKind::TooManyConnections, accepted.peer));
        None
    }

    /// The system is out of descriptors or memory: waits a little, because others may give some back.
    fn pause_after_accept_error(&self, error: io::Error) {
        let first = {
            let mut state = self.lock();
            // These descriptors are not needed most.
            state.rejected.clear();
            !std::mem::replace(&mut state.accept_failing, true)
        };
        if first {
            self.events.emit(|| EventKind::AcceptFailed(error.kind()));
        }
        thread::sleep(ACCEPT_RETRY_DELAY);
    }

    fn exit_accept(&self) {
        let mut state = self.lock();
        state.accepting = state.accepting.saturating_sub(1);
        self.changed.notify_all();
    }

    fn stop_with_error(&self, error: io::Error) {
        let mut state = self.lock();
        if state.listener.take().is_some() {
            state.accept_error = Some(error);
        }
    }

    /// Closes the door: lets nobody in any more, and wakes the threads that wait at it. When none is left there, the address
    /// is free.
    pub(super) fn stop_listening(&self, deadline: Deadline) {
        self.lock().listener = None;
        self.waker.shutdown_listener();
        let mut wake_timeout = WAKE_TIMEOUT;
        loop {
            let waiting = self.lock().accepting;
            // Whoever waits behind a bell that is not heard is woken by a visitor from here. One that fails may have come
            // after a visitor who did as well.
            self.wait_until(wake_timeout.min(deadline.remaining()), |state| state.accepting < waiting.max(1));
            if self.lock().accepting == 0 || deadline.is_expired() {
                return;
            }
            self.waker.wake_by_connecting(WAKE_TIMEOUT);
            wake_timeout = Duration::from_millis(1);
        }
    }

    /// Waits until the door is closed. Gives what closed it, if it was a failure.
    pub(super) fn wait_stopped(&self) -> io::Result<()> {
        let mut state = self.lock();
        while state.accepting > 0 {
            state = state.wait(&self.changed, Duration::MAX);
        }
        state.accept_error.take().map_or(Ok(()), Err)
    }

    /// Waits until this is so, or something has changed for so long that it is worth a look.
    pub(super) fn wait_until(&self, limit: Duration, mut done: impl FnMut(&mut AcceptState) -> bool) {
        drop(self.lock().wait_while(&self.changed, limit, |state| !done(state)));
    }

    pub(super) fn lock(&self) -> Locked<'_, AcceptState> {
        self.state.lock()
    }
}

impl AcceptState {
    /// Answers without waiting: the answer fits the empty buffer of a new socket.
    fn reject(&mut self, socket: Socket, kind: &HandshakeErrorKind) {
        if self.reject_mode == RejectMode::Silent {
            return;
        }
        let answered = socket.set_nonblocking(true).and_then(|()| (&socket).write_all(&rejection::response(kind, "")));
        if answered.and_then(|()| socket.shutdown(Shutdown::Write)).is_err() {
            return;
        }
        if self.rejected.len() >= MAX_LINGERING {
            if let Some(oldest) = self.rejected.pop_front() {
                // A socket of which all has been read is closed without a reset.
                let _ = (&oldest).read(&mut [0; 4 << 10]);
            }
        }
        self.rejected.push_back(socket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    /// A door whose visitors stay until they leave, and its address.
    fn start(system: SystemLimits) -> Result<(Arc<AcceptLoop>, SocketAddr), Error> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let capacity = Capacity { connections: usize::MAX, ..Capacity::default() };
        let serve_connection = |_: &AcceptLoop, _, accepted: AcceptedSocket| {
            let _ = (&accepted.socket).write_all(b"in").and_then(|()| (&accepted.socket).read(&mut [0]).map(drop));
        };
        let limit_key: LimitKey = Box::new(|peer| peer);
        let (listener, capacity) = (Listener::Tcp(listener), (capacity, RejectMode::Respond, limit_key));
        let accept_loop =
            AcceptLoop::start(listener, capacity, (None, system), EventCallback::default(), serve_connection)?;
        Ok((accept_loop, addr))
    }

    fn pending(addr: SocketAddr) -> (TcpStream, Vec<u8>) {
        let mut accepted = TcpStream::connect(addr).unwrap();
        accepted.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut answer = vec![0; 64];
        let count = accepted.read(&mut answer).unwrap();
        answer.truncate(count);
        (accepted, answer)
    }

    #[test]
    fn an_explicit_number_of_connections_is_capped_to_what_fits() {
        let (accept_loop, addr) = start(SystemLimits { connections: 2, threads: usize::MAX }).unwrap();
        let registry = [pending(addr), pending(addr)];
        assert!(registry.iter().all(|(_, answer)| answer == b"in"));
        assert!(pending(addr).1.starts_with(b"HTTP/1.1 503 "));
        drop(registry);
        accept_loop.stop_listening(Deadline::after(Duration::from_secs(10)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn no_thread_starts_that_does_not_fit() {
        let system = SystemLimits { connections: usize::MAX, threads: 0 };
        assert!(matches!(start(system), Err(Error::Io(_))));
    }
}
