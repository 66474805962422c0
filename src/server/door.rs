//! Who waits at the door, and who serves: one thread for each connection, which then takes the next one.
//!
//! Knows visitors and threads; must not know what is done with a visitor.
//!
//! Threads wait for visitors in `accept` itself, several at a time. The system gives each visitor to one of them, which
//! serves it: nothing is handed from thread to thread, so nothing can be lost on the way, and no thread has to be woken
//! but the one that serves. The invariant, from [`Door::open`] until [`Door::close`]:
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

use super::guests::{Capacity, Guests, Id};
use super::listener::{Bell, Listener, Visitor};
use super::shutdown::Once;
use super::system_limits::{self, SystemLimits};
use super::threads::Threads;
use crate::error::{Error, HandshakeFault, Step};
use crate::lock::{Lock, Locked};
use crate::protocol::handshake::denial;
use crate::trace::{Events, What};
use crate::transport::deadline::Deadline;
use crate::transport::socket::Socket;

/// Maximum number of threads that wait at the door for good. They cost some 20 KiB each, and spare a burst of visitors the
/// starting of threads.
const ENOUGH: usize = system_limits::WAITING;
/// So many are to be at the door while visitors come faster than threads can be started one after the other: a thread that
/// was started has to wait for a processor before it can let anybody in.
const FEW: usize = 8;
/// How long a thread waits after the system could not accept: it is out of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(10);
/// So many that were turned away are kept until their answer has surely arrived.
const LINGERING: usize = 64;
/// How long a thread at the door may take to notice that it has been closed, before someone knocks to wake it.
const NOTICE: Duration = Duration::from_millis(100);

/// What is done with a visitor, under the number it was entered with.
type Host = Box<dyn Fn(&Door, Id, Visitor) + Send + Sync>;

/// By whose address a visitor counts when it is let in; nobody's, if it speaks for others.
type Counts = Box<dyn Fn(Option<SocketAddr>) -> Option<SocketAddr> + Send + Sync>;

/// What those are told who are not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turning {
    Answered,
    /// Nothing: they speak TLS.
    Silent,
}

pub(super) struct Door {
    host: Host,
    counts: Counts,
    /// The stack of each thread, if it is not what `std` takes.
    stack: Option<usize>,
    system: SystemLimits,
    bell: Bell,
    events: Events,
    state: Lock<State>,
    /// Told when a thread has left the door for good, when one has ended, and when a visitor has been served.
    changed: Condvar,
    pub(super) shutdown: Once,
}

pub(super) struct State {
    /// `None`: the door is closed. The threads at the door hold it too, and the last of them closes the socket.
    listener: Option<Arc<Listener>>,
    at_door: usize,
    pub(super) guests: Guests,
    pub(super) threads: Threads,
    turning: Turning,
    /// Sockets with an answer on its way. Closing one at once would reset it when the request comes in, and the answer
    /// could be lost by that; so the last few stay open until others take their place.
    turned_away: VecDeque<Socket>,
    /// The last `accept` failed.
    failing: bool,
    failure: Option<io::Error>,
}

impl Door {
    /// Starts the first thread. The number of connections is capped to what fits the system.
    pub(super) fn open(
        listener: Listener,
        (capacity, turning, counts): (Capacity, Turning, Counts),
        (stack, system): (Option<usize>, SystemLimits),
        events: Events,
        host: impl Fn(&Door, Id, Visitor) + Send + Sync + 'static,
    ) -> Result<Arc<Door>, Error> {
        let bell = listener.bell().map_err(|error| Error::io(Step::Listen, error))?;
        let capacity = Capacity { connections: capacity.connections.min(system.connections), ..capacity };
        let state = State {
            listener: Some(Arc::new(listener)),
            at_door: 1,
            guests: Guests::new(capacity),
            threads: Threads::default(),
            turning,
            turned_away: VecDeque::new(),
            failing: false,
            failure: None,
        };
        let (state, changed, shutdown) = (Lock::new(state), Condvar::new(), Once::default());
        let door =
            Arc::new(Door { host: Box::new(host), counts, stack, system, bell, events, state, changed, shutdown });
        door.start_thread().map_err(|error| Error::io(Step::Thread, error))?;
        Ok(door)
    }

    /// One more thread, which counts as being at the door already. An error if the system limits forbid it: `std` survives
    /// only some of them.
    fn start_thread(self: &Arc<Door>) -> io::Result<()> {
        if !self.system.allow_thread() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let number = self.lock().threads.announce();
        let mut builder = thread::Builder::new().name("stdws-server".into());
        if let Some(stack) = self.stack {
            builder = builder.stack_size(stack);
        }
        let door = self.clone();
        let started = builder.spawn(move || {
            door.live();
            door.lock().threads.ends(number);
            door.changed.notify_all();
        });
        let mut state = self.lock();
        match started {
            Ok(handle) => {
                state.threads.starts(number, handle);
                Ok(())
            }
            Err(error) => {
                state.threads.withdraw();
                Err(error)
            }
        }
    }

    /// The life of a thread.
    fn live(self: &Arc<Door>) {
        while let Some((id, visitor)) = self.wait_for_visitor() {
            // What panics is a handler; nothing of it is used afterwards. The panic was reported by the hook.
            let served = panic::catch_unwind(AssertUnwindSafe(|| (self.host)(self, id, visitor)));
            if let Err(payload) = served {
                // Clearing it away may panic too, and then once is enough.
                if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                    std::mem::forget(payload);
                }
            }
            let mut state = self.lock();
            state.guests.leaves(id);
            self.changed.notify_all();
            if state.at_door >= ENOUGH || state.listener.is_none() {
                return;
            }
            state.at_door = state.at_door.saturating_add(1);
        }
    }

    /// Stands at the door until a visitor is let in; `None` once it is closed.
    fn wait_for_visitor(self: &Arc<Door>) -> Option<(Id, Visitor)> {
        loop {
            let Some(listener) = self.lock().listener.clone() else {
                self.leave();
                return None;
            };
            let accepted = listener.accept();
            drop(listener);
            match accepted {
                Ok(visitor) => {
                    if let Some(let_in) = self.admit(visitor) {
                        return Some(let_in);
                    }
                }
                // The peer was quicker to leave than we to let it in.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                // The socket does not listen any more.
                Err(error) if error.kind() == ErrorKind::InvalidInput => self.fail(error),
                Err(error) => self.cannot_accept(error),
            }
        }
    }

    /// Lets a visitor in. Otherwise it has been turned away, and the thread is still at the door.
    fn admit(self: &Arc<Door>, visitor: Visitor) -> Option<(Id, Visitor)> {
        let counts = (self.counts)(visitor.peer);
        let mut state = self.lock();
        state.failing = false;
        let verdict = match &state.listener {
            Some(_) => state.guests.let_in(counts),
            None => Err(HandshakeFault::Full),
        };
        let id = match verdict {
            Ok(id) => id,
            Err(fault) => {
                state.turn_away(visitor.socket, &fault);
                drop(state);
                self.events.tell(|| What::TurnedAway(fault, visitor.peer));
                return None;
            }
        };
        let wanted = match state.at_door {
            0..FEW => 2,
            FEW => 1,
            _ => 0,
        };
        state.at_door = state.at_door.saturating_sub(1).saturating_add(wanted);
        drop(state);
        for started in 0..wanted {
            if let Err(error) = self.start_thread() {
                self.events.tell(|| What::NoThread(error.kind()));
                return self.admit_without(wanted.saturating_sub(started), id, visitor);
            }
        }
        Some((id, visitor))
    }

    /// So many threads that count already could not be started. Whoever finds that nobody else is at the door stays: all
    /// who counted on threads that did not come are in here or on their way, so the last of them does find it.
    fn admit_without(&self, missing: usize, id: Id, visitor: Visitor) -> Option<(Id, Visitor)> {
        let mut state = self.lock();
        state.at_door = state.at_door.saturating_sub(missing);
        if state.at_door > 0 {
            return Some((id, visitor));
        }
        state.at_door = 1;
        state.guests.leaves(id);
        state.turn_away(visitor.socket, &HandshakeFault::Full);
        drop(state);
        self.events.tell(|| What::TurnedAway(HandshakeFault::Full, visitor.peer));
        None
    }

    /// The system is out of descriptors or memory: waits a little, because others may give some back.
    fn cannot_accept(&self, error: io::Error) {
        let first = {
            let mut state = self.lock();
            // These descriptors are not needed most.
            state.turned_away.clear();
            !std::mem::replace(&mut state.failing, true)
        };
        if first {
            self.events.tell(|| What::AcceptFailed(error.kind()));
        }
        thread::sleep(PAUSE);
    }

    fn leave(&self) {
        let mut state = self.lock();
        state.at_door = state.at_door.saturating_sub(1);
        self.changed.notify_all();
    }

    fn fail(&self, error: io::Error) {
        let mut state = self.lock();
        if state.listener.take().is_some() {
            state.failure = Some(error);
        }
    }

    /// Closes the door: lets nobody in any more, and wakes the threads that wait at it. When none is left there, the address
    /// is free.
    pub(super) fn close(&self, deadline: Deadline) {
        self.lock().listener = None;
        self.bell.ring();
        let mut notice = NOTICE;
        loop {
            let waiting = self.lock().at_door;
            // Whoever waits behind a bell that is not heard is woken by a visitor from here. One that fails may have come
            // after a visitor who did as well.
            self.wait(notice.min(deadline.left()), |state| state.at_door < waiting.max(1));
            if self.lock().at_door == 0 || deadline.passed() {
                return;
            }
            self.bell.knock(NOTICE);
            notice = Duration::from_millis(1);
        }
    }

    /// Waits until the door is closed. Gives what closed it, if it was a failure.
    pub(super) fn wait_closed(&self) -> io::Result<()> {
        let mut state = self.lock();
        while state.at_door > 0 {
            state = state.wait(&self.changed, Duration::MAX);
        }
        state.failure.take().map_or(Ok(()), Err)
    }

    /// Waits until this is so, or something has changed for so long that it is worth a look.
    pub(super) fn wait(&self, limit: Duration, mut done: impl FnMut(&mut State) -> bool) {
        drop(self.lock().wait_while(&self.changed, limit, |state| !done(state)));
    }

    pub(super) fn lock(&self) -> Locked<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// Answers without waiting: the answer fits the empty buffer of a new socket.
    fn turn_away(&mut self, socket: Socket, fault: &HandshakeFault) {
        if self.turning == Turning::Silent {
            return;
        }
        let answered = socket.set_nonblocking(true).and_then(|()| (&socket).write_all(&denial::response(fault, "")));
        if answered.and_then(|()| socket.shutdown(Shutdown::Write)).is_err() {
            return;
        }
        if self.turned_away.len() >= LINGERING {
            if let Some(oldest) = self.turned_away.pop_front() {
                // A socket of which all has been read is closed without a reset.
                let _ = (&oldest).read(&mut [0; 4 << 10]);
            }
        }
        self.turned_away.push_back(socket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    /// A door whose visitors stay until they leave, and its address.
    fn open(system: SystemLimits) -> Result<(Arc<Door>, SocketAddr), Error> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let capacity = Capacity { connections: usize::MAX, ..Capacity::default() };
        let host = |_: &Door, _, visitor: Visitor| {
            let _ = (&visitor.socket).write_all(b"in").and_then(|()| (&visitor.socket).read(&mut [0]).map(drop));
        };
        let counts: Counts = Box::new(|peer| peer);
        let (listener, capacity) = (Listener::Tcp(listener), (capacity, Turning::Answered, counts));
        let door = Door::open(listener, capacity, (None, system), Events::default(), host)?;
        Ok((door, addr))
    }

    fn visit(addr: SocketAddr) -> (TcpStream, Vec<u8>) {
        let mut visitor = TcpStream::connect(addr).unwrap();
        visitor.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut answer = vec![0; 64];
        let count = visitor.read(&mut answer).unwrap();
        answer.truncate(count);
        (visitor, answer)
    }

    #[test]
    fn an_explicit_number_of_connections_is_capped_to_what_fits() {
        let (door, addr) = open(SystemLimits { connections: 2, threads: usize::MAX }).unwrap();
        let guests = [visit(addr), visit(addr)];
        assert!(guests.iter().all(|(_, answer)| answer == b"in"));
        assert!(visit(addr).1.starts_with(b"HTTP/1.1 503 "));
        drop(guests);
        door.close(Deadline::after(Duration::from_secs(10)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn no_thread_starts_that_does_not_fit() {
        let system = SystemLimits { connections: usize::MAX, threads: 0 };
        assert!(matches!(open(system), Err(Error::Io(_))));
    }
}
