//! Who waits at the door, and who serves: one thread for each connection, which then takes the next one.
//!
//! Knows sockets and threads; must not know what is done with a socket.
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
//! | a visitor is let in, and others are still at the door | −1 | +1 |
//! | a visitor is let in by the last one, which first starts another | −1 + 1 | +1 |
//! | that one cannot be started: the visitor is turned away by the thread, which stays | | |
//! | the door is closed, or as many are let in as may be: the visitor is turned away by the thread, which stays | | |
//! | a visitor has been served | | −1 |
//! | ... by a thread that then comes back to the door | +1 | |
//! | ... or ends, because enough are there | | |
//! | the door is closed, and a thread notices it | −1 | |

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::HandshakeFault;
use crate::protocol::handshake::denial;

/// So many threads may wait at the door for good. They cost some 20 KiB each, and spare a burst of visitors the starting of
/// threads.
const ENOUGH: usize = 16;
/// How long a thread waits after the system could not accept: it is out of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(10);
/// So many that were turned away are kept until their answer has surely arrived.
const LINGERING: usize = 64;

pub(super) type Visitor = (TcpStream, SocketAddr);

pub(super) struct Door {
    /// What is done with a visitor.
    host: Box<dyn Fn(Visitor) + Send + Sync>,
    max: usize,
    state: Mutex<State>,
    /// A thread has left the door for good.
    left: Condvar,
}

struct State {
    /// `None`: the door is closed. The threads at the door hold it too, and the last of them closes the socket.
    listener: Option<Arc<TcpListener>>,
    at_door: usize,
    let_in: usize,
    /// Sockets with an answer on its way. Closing one at once would reset it when the request comes in, and the answer
    /// could be lost by that; so the last few stay open until others take their place.
    turned_away: VecDeque<TcpStream>,
    failure: Option<io::Error>,
}

impl Door {
    /// Starts the first thread.
    pub(super) fn open(
        listener: TcpListener,
        max: usize,
        host: impl Fn(Visitor) + Send + Sync + 'static,
    ) -> io::Result<Arc<Door>> {
        let listener = Some(Arc::new(listener));
        let state = State { listener, at_door: 1, let_in: 0, turned_away: VecDeque::new(), failure: None };
        let door = Door { host: Box::new(host), max, state: Mutex::new(state), left: Condvar::new() };
        let door = Arc::new(door);
        door.start_thread()?;
        Ok(door)
    }

    /// One more thread, which is counted already.
    fn start_thread(self: &Arc<Door>) -> io::Result<()> {
        let door = self.clone();
        thread::Builder::new().name("stdws-server".into()).spawn(move || door.live()).map(drop)
    }

    /// The life of a thread.
    fn live(self: Arc<Door>) {
        while let Some(visitor) = self.wait_for_visitor() {
            {
                let _let_in = LetIn(&self);
                // What panics is a handler; nothing of it is used afterwards. The panic was reported by the hook.
                drop(panic::catch_unwind(AssertUnwindSafe(|| (self.host)(visitor))));
            }
            let mut state = self.lock();
            if state.at_door >= ENOUGH {
                return;
            }
            state.at_door = state.at_door.saturating_add(1);
        }
    }

    /// Stands at the door until a visitor is let in; `None` once it is closed.
    fn wait_for_visitor(self: &Arc<Door>) -> Option<Visitor> {
        loop {
            let Some(listener) = self.lock().listener.clone() else {
                self.leave();
                return None;
            };
            let accepted = listener.accept();
            drop(listener);
            match accepted {
                Ok(visitor) => {
                    if let Some(visitor) = self.admit(visitor) {
                        return Some(visitor);
                    }
                }
                // The peer was quicker to leave than we to let it in.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                // The socket does not listen any more.
                Err(error) if error.kind() == ErrorKind::InvalidInput => self.fail(error),
                Err(_) => {
                    // These descriptors are not needed most.
                    self.lock().turned_away.clear();
                    thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Lets a visitor in. Otherwise it has been turned away, and the thread is still at the door.
    fn admit(self: &Arc<Door>, visitor: Visitor) -> Option<Visitor> {
        let mut state = self.lock();
        if state.listener.is_none() || state.let_in >= self.max {
            state.turn_away(visitor.0);
            return None;
        }
        state.let_in = state.let_in.saturating_add(1);
        if state.at_door > 1 {
            state.at_door = state.at_door.saturating_sub(1);
            return Some(visitor);
        }
        drop(state);
        if self.start_thread().is_ok() {
            return Some(visitor);
        }
        let mut state = self.lock();
        state.let_in = state.let_in.saturating_sub(1);
        state.turn_away(visitor.0);
        None
    }

    fn leave(&self) {
        let mut state = self.lock();
        state.at_door = state.at_door.saturating_sub(1);
        self.left.notify_all();
    }

    fn fail(&self, error: io::Error) {
        let mut state = self.lock();
        state.listener = None;
        state.failure.get_or_insert(error);
    }

    /// Lets nobody in any more. Threads that are at the door notice it with the next visitor.
    pub(super) fn close(&self) {
        self.lock().listener = None;
    }

    /// How many threads are at the door. None: the door is closed, and the address is free.
    pub(super) fn at_door(&self) -> usize {
        self.lock().at_door
    }

    /// Waits until fewer threads than this are at the door.
    pub(super) fn wait_fewer(&self, than: usize, limit: Duration) {
        drop(self.left.wait_timeout_while(self.lock(), limit, |state| state.at_door >= than));
    }

    /// Waits until the door is closed. Gives what closed it, if it was a failure.
    pub(super) fn wait_closed(&self) -> io::Result<()> {
        let state = self.left.wait_while(self.lock(), |state| state.at_door > 0);
        state.unwrap_or_else(PoisonError::into_inner).failure.take().map_or(Ok(()), Err)
    }

    /// No code panics while it holds the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Answers 503, without waiting: the answer fits the empty buffer of a new socket.
    fn turn_away(&mut self, mut socket: TcpStream) {
        let answer = denial::response(&HandshakeFault::Full);
        let answered = socket.set_nonblocking(true).and_then(|()| socket.write_all(&answer));
        if answered.and_then(|()| socket.shutdown(Shutdown::Write)).is_err() {
            return;
        }
        if self.turned_away.len() >= LINGERING {
            if let Some(mut oldest) = self.turned_away.pop_front() {
                // A socket of which all has been read is closed without a reset.
                let _ = oldest.read(&mut [0; 4 << 10]);
            }
        }
        self.turned_away.push_back(socket);
    }
}

/// A visitor that has been let in. However it ends, it is no longer counted then.
struct LetIn<'a>(&'a Door);

impl Drop for LetIn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.let_in = state.let_in.saturating_sub(1);
    }
}
