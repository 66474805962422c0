//! Who is told of events. Nobody, mostly: then every place that could tell costs one branch.
//!
//! | | |
//! |---|---|
//! | called by | the thread on which it happens, holding none of our locks, nor the right to write |
//! | a closure that panics | the panic ends there; the connection, and later events, are not touched |
//! | a closure that uses connections itself | works; what happens by that is not told, or it would never end |
//!
//! What a closure does may be done later by another thread: a hub's delivers what was broadcast, a sender writes a Close
//! that is owed. So a frame's [`Origin`] is noted where it is asked for, and goes with it. A frame of [`Origin::Handler`] is
//! not told of, whichever thread writes it; one of [`Origin::Outside`] is, and never by a thread that is in a closure.

use std::cell::Cell;
use std::fmt;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;

use super::event::{Event, EventKind};
use crate::error::Error;
use crate::primitives::lock::assert_unlocked;

thread_local! {
    /// This thread is in a closure of the application.
    static EMITTING: Cell<bool> = const { Cell::new(false) };
}

/// Where something is done that events may tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Outside,
    /// In a closure of the application that is told of events.
    Handler,
}

impl Origin {
    /// That of what this thread does now.
    #[inline]
    pub(crate) fn current() -> Origin {
        // A thread that ends may still drop what it has; it is in no closure.
        match EMITTING.try_with(Cell::get) {
            Ok(true) => Origin::Handler,
            Ok(false) | Err(_) => Origin::Outside,
        }
    }
}

/// The next connection's number.
static NEXT_CONNECTION_ID: AtomicU64 = AtomicU64::new(1);

/// The closure of the application, if there is one.
#[derive(Clone, Default)]
pub(crate) struct EventCallback(Option<Arc<Closure>>);

type Closure = dyn Fn(&Event) + Send + Sync;

impl EventCallback {
    pub(crate) fn new(closure: impl Fn(&Event) + Send + Sync + 'static) -> EventCallback {
        EventCallback(Some(Arc::new(closure)))
    }

    /// For one more connection.
    pub(crate) fn for_connection(&self) -> EventSink {
        let connection = self.0.as_ref().map(|_| NEXT_CONNECTION_ID.fetch_add(1, Ordering::Relaxed));
        EventSink(connection.map(|connection| {
            Arc::new(ConnectionEvents { events: self.clone(), connection, ended: AtomicBool::new(false) })
        }))
    }

    /// Tells of something that belongs to no connection.
    #[inline]
    pub(crate) fn emit(&self, kind: impl FnOnce() -> EventKind) {
        assert_unlocked();
        if self.0.is_some() {
            self.call(None, kind());
        }
    }

    #[cold]
    fn call(&self, connection: Option<u64>, kind: EventKind) {
        let Some(closure) = &self.0 else { return };
        if EMITTING.replace(true) {
            return;
        }
        let event = Event { connection_id: connection, kind };
        let called = panic::catch_unwind(AssertUnwindSafe(|| closure(&event)));
        EMITTING.set(false);
        // The panic hook has reported it. What it carried is not dropped: that could panic again.
        called.unwrap_or_else(mem::forget);
    }
}

/// Tells of one connection.
#[derive(Clone, Default)]
pub(crate) struct EventSink(Option<Arc<ConnectionEvents>>);

struct ConnectionEvents {
    events: EventCallback,
    connection: u64,
    /// Its end has been told.
    ended: AtomicBool,
}

impl EventSink {
    pub(crate) fn connection_id(&self) -> Option<u64> {
        self.0.as_ref().map(|shared| shared.connection)
    }

    /// Whether anyone listens.
    #[inline]
    pub(crate) fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(crate) fn emit(&self, kind: impl FnOnce() -> EventKind) {
        assert_unlocked();
        if let Some(shared) = &self.0 {
            shared.events.call(Some(shared.connection), kind());
        }
    }

    /// Tells what became of an opening handshake that led to no connection.
    pub(crate) fn emit_failed_handshake(&self, error: &Error) {
        if let Error::Timeout(step) = error {
            self.emit(|| EventKind::Timeout(*step));
        }
        self.emit(|| EventKind::from_handshake_error(error));
    }

    /// Tells of a panic, if one unwinds this thread when it is dropped.
    pub(crate) fn panic_guard(&self) -> PanicGuard<'_> {
        PanicGuard(self)
    }

    /// True once: for the one who tells of the end.
    pub(crate) fn claim_end(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| !shared.ended.swap(true, Ordering::Relaxed))
    }
}

pub(crate) struct PanicGuard<'a>(&'a EventSink);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.emit(|| EventKind::HandlerPanicked);
        }
    }
}

impl fmt::Debug for EventCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Events" } else { "None" })
    }
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(shared) => write!(f, "EventSink({})", shared.connection),
            None => f.write_str("None"),
        }
    }
}
