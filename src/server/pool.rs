//! Threads for connections: one each, and a thread that has ended one takes the next.
//!
//! Knows sockets and threads; must not know what is done with a socket.
//!
//! A thread is *idle* from the moment it was asked for until it takes a visitor, and again from the end of that one until
//! it takes the next or leaves. The invariant, whenever the lock is free:
//!
//! > There are at least as many idle threads as waiting visitors.
//!
//! So each visitor has a thread that comes for it. What keeps it true, each a single step under the lock:
//!
//! | step | visitors waiting | idle |
//! |---|---|---|
//! | a visitor comes, and an idle thread is left for it, which is woken | +1 | |
//! | a visitor comes, and none is left: one more thread is started | +1 | +1 |
//! | that thread could not be started: a visitor that is now one too many is given back | −1 if too many | −1 |
//! | a thread takes a visitor | −1 | −1 |
//! | a thread ends one, and becomes idle | | +1 |
//! | a thread has waited long enough *and no visitor waits*: it leaves | | −1 |
//!
//! No wake-up can be lost: threads look at the queue before they sleep and before they leave, without letting go of the
//! lock in between, and only idle threads sleep on the condition that a new visitor notifies.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::transport::deadline::Deadline;

/// How long an idle thread waits for its next visitor.
const IDLE: Duration = Duration::from_secs(5);

pub(super) type Visitor = (TcpStream, SocketAddr);

pub(super) struct Pool {
    /// What is done with a visitor.
    host: Box<dyn Fn(Visitor) + Send + Sync>,
    max: usize,
    state: Mutex<State>,
    /// A visitor waits, or the end has come.
    visitor: Condvar,
    /// The door was closed.
    closed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Visitor>,
    idle: usize,
    /// Visitors that wait or are being served.
    open: usize,
    /// Nobody is to be let in any more.
    stopping: bool,
    /// Nobody lets anyone in any more.
    closed: bool,
}

impl Pool {
    pub(super) fn new(max: usize, host: impl Fn(Visitor) + Send + Sync + 'static) -> Arc<Pool> {
        let (visitor, closed) = (Condvar::new(), Condvar::new());
        Arc::new(Pool { host: Box::new(host), max, state: Mutex::default(), visitor, closed })
    }

    /// Lets a visitor in, or gives it back: there are too many, or there is no thread for it.
    pub(super) fn admit(self: &Arc<Pool>, visitor: Visitor) -> Result<(), Visitor> {
        let mut state = self.lock();
        if state.open >= self.max {
            return Err(visitor);
        }
        state.open = state.open.saturating_add(1);
        state.waiting.push_back(visitor);
        if state.waiting.len() <= state.idle {
            drop(state);
            self.visitor.notify_one();
            return Ok(());
        }
        state.idle = state.idle.saturating_add(1);
        drop(state);
        let pool = self.clone();
        if thread::Builder::new().name("stdws-server".into()).spawn(move || pool.work()).is_ok() {
            return Ok(());
        }
        let mut state = self.lock();
        state.idle = state.idle.saturating_sub(1);
        if state.waiting.len() <= state.idle {
            // Another thread has become idle meanwhile.
            return Ok(());
        }
        match state.waiting.pop_back() {
            Some(visitor) => {
                state.open = state.open.saturating_sub(1);
                Err(visitor)
            }
            None => Ok(()),
        }
    }

    /// The life of a thread, which was counted as idle before it began.
    fn work(&self) {
        while let Some(visitor) = self.next() {
            let _busy = Busy(self);
            // What panics is a handler, of whose state nothing is used any more. The panic has been reported by the hook.
            drop(panic::catch_unwind(AssertUnwindSafe(|| (self.host)(visitor))));
        }
    }

    /// The next visitor; `None` when it is time to leave.
    fn next(&self) -> Option<Visitor> {
        let deadline = Deadline::after(IDLE);
        let mut state = self.lock();
        loop {
            let visitor = state.waiting.pop_front();
            if visitor.is_some() || state.stopping || deadline.passed() {
                state.idle = state.idle.saturating_sub(1);
                return visitor;
            }
            state = self.visitor.wait_timeout(state, deadline.left()).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets nobody in any more. Connections that are open go on.
    pub(super) fn stop(&self) {
        self.lock().stopping = true;
        self.visitor.notify_all();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Said by the one at the door when it has left.
    pub(super) fn set_closed(&self) {
        self.lock().closed = true;
        self.closed.notify_all();
    }

    /// Waits until the one at the door has left; whether it has.
    pub(super) fn wait_closed(&self, limit: Duration) -> bool {
        let waited = self.closed.wait_timeout_while(self.lock(), limit, |state| !state.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// No code panics while it holds the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that has a visitor. However that ends, the visitor is no longer counted. The thread is idle then, unless it
/// is dying: what a handler panics with may panic again when it is dropped.
struct Busy<'a>(&'a Pool);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.open = state.open.saturating_sub(1);
        if !thread::panicking() {
            state.idle = state.idle.saturating_add(1);
        }
    }
}
