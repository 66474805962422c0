//! Calls the event handler of the application. Without a handler, each place that emits an event costs one branch.
//!
//! | | |
//! |---|---|
//! | the handler is called by | the thread on which the event occurs, which holds no lock and no write permit |
//! | a handler panics | the panic is caught; the connection and later events are not affected |
//! | a handler uses connections | allowed; its actions emit no events, because that would recurse without end |
//!
//! Another thread may complete the actions of a handler later: the thread of a hub delivers its broadcasts, a sender
//! writes a pending Close. So each frame carries the [`Origin`] of its request. A frame of [`Origin::Handler`] emits no
//! event, whichever thread writes it. A frame of [`Origin::Outside`] always does, on a thread that is not in a handler.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

use super::event::{Event, EventKind};
use crate::error::Error;
use crate::primitives::lock::{assert_unlocked, UserDrop};
use crate::primitives::panics;

thread_local! {
    /// Whether this thread is in an event handler.
    static EMITTING: Cell<bool> = const { Cell::new(false) };
}

/// Where an action was requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Outside of event handlers.
    Outside,
    /// In an event handler.
    Handler,
}

impl Origin {
    /// The origin of actions of this thread.
    #[inline]
    pub(crate) fn current() -> Origin {
        // While a thread ends, its thread-locals are gone, but it may still drop connections. It is then in no handler.
        match EMITTING.try_with(Cell::get) {
            Ok(true) => Origin::Handler,
            Ok(false) | Err(_) => Origin::Outside,
        }
    }
}

/// The number of the next connection.
static NEXT_CONNECTION_ID: AtomicU64 = AtomicU64::new(1);

/// The event handler of the application, if any.
#[derive(Clone, Default)]
pub(crate) struct EventCallback(Option<UserDrop<Arc<Closure>>>);

type Closure = dyn Fn(&Event) + Send + Sync;

impl EventCallback {
    pub(crate) fn new(closure: impl Fn(&Event) + Send + Sync + 'static) -> EventCallback {
        EventCallback(Some(UserDrop::new(Arc::new(closure))))
    }

    /// Creates the sink for a new connection.
    pub(crate) fn for_connection(&self) -> EventSink {
        EventSink(self.0.as_ref().map(|closure| {
            let connection = NEXT_CONNECTION_ID.fetch_add(1, Ordering::Relaxed);
            Arc::new(ConnectionEvents { closure: closure.clone(), connection, ended: AtomicBool::new(false) })
        }))
    }

    /// Emits an event that belongs to no connection.
    #[cfg(feature = "server")]
    #[inline]
    pub(crate) fn emit(&self, kind: impl FnOnce() -> EventKind) {
        assert_unlocked();
        if let Some(closure) = &self.0 {
            call(closure, None, kind());
        }
    }
}

#[cold]
fn call(closure: &Arc<Closure>, connection: Option<u64>, kind: EventKind) {
    if EMITTING.replace(true) {
        return;
    }
    let event = Event { connection_id: connection, kind };
    let _ = panics::catch(|| closure(&event));
    EMITTING.set(false);
}

/// Emits the events of one connection.
#[derive(Clone, Default)]
pub(crate) struct EventSink(Option<Arc<ConnectionEvents>>);

struct ConnectionEvents {
    closure: UserDrop<Arc<Closure>>,
    connection: u64,
    /// Whether `ended` has been claimed.
    ended: AtomicBool,
}

impl EventSink {
    pub(crate) fn connection_id(&self) -> Option<u64> {
        self.0.as_ref().map(|shared| shared.connection)
    }

    /// Whether there is a handler.
    #[inline]
    pub(crate) fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(crate) fn emit(&self, kind: impl FnOnce() -> EventKind) {
        assert_unlocked();
        if let Some(shared) = &self.0 {
            call(&shared.closure, Some(shared.connection), kind());
        }
    }

    /// Emits the events for an opening handshake that did not succeed.
    pub(crate) fn emit_failed_handshake(&self, error: &Error) {
        if let Error::Timeout(step) = error {
            self.emit(|| EventKind::Timeout(*step));
        }
        self.emit(|| EventKind::from_handshake_error(error));
    }

    /// Returns a guard that emits `handler-panicked` if it is dropped during a panic.
    #[cfg(feature = "server")]
    pub(crate) fn panic_guard(&self) -> PanicGuard<'_> {
        PanicGuard(self)
    }

    /// Returns true on the first call, for the thread that emits `ended`.
    pub(crate) fn claim_end(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| !shared.ended.swap(true, Ordering::Relaxed))
    }
}

#[cfg(feature = "server")]
pub(crate) struct PanicGuard<'a>(&'a EventSink);

#[cfg(feature = "server")]
impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.emit(|| EventKind::HandlerPanicked);
        }
    }
}

impl fmt::Debug for EventCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "EventCallback" } else { "None" })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_handler_does_is_not_reported_again() {
        let (sink, calls) = (Arc::new(std::sync::OnceLock::<EventSink>::new()), Arc::new(AtomicU64::new(0)));
        let (inner, count) = (Arc::clone(&sink), Arc::clone(&calls));
        let callback = EventCallback::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            inner.get().unwrap().emit(|| EventKind::Timeout(crate::Step::Pong));
        });
        let _ = sink.set(callback.for_connection());
        for expected in [1, 2] {
            sink.get().unwrap().emit(|| EventKind::Timeout(crate::Step::Write));
            assert_eq!(calls.load(Ordering::Relaxed), expected);
        }
    }

    #[test]
    fn each_connection_has_its_own_id_and_one_end() {
        let callback = EventCallback::new(|_| {});
        let sinks = [callback.for_connection(), callback.for_connection()];
        assert_ne!(sinks[0].connection_id(), sinks[1].connection_id());
        for sink in sinks {
            assert!(sink.is_enabled());
            let clone = sink.clone();
            assert_eq!([sink.claim_end(), clone.claim_end(), sink.claim_end()], [true, false, false]);
        }
        // Without a handler no notes are taken for events.
        let none = EventCallback::default().for_connection();
        assert!(!none.is_enabled() && !none.claim_end() && none.connection_id().is_none());
    }

    #[test]
    fn debug_shows_whether_there_is_a_handler() {
        let callback = EventCallback::new(|_| {});
        let sink = callback.for_connection();
        assert_eq!(format!("{callback:?} {:?}", EventCallback::default()), "EventCallback None");
        assert_eq!(format!("{sink:?}"), format!("EventSink({})", sink.connection_id().unwrap()));
        assert_eq!(format!("{:?}", EventSink::default()), "None");
    }

    /// A handler that writes down the names of its events, and whether they have a connection.
    #[cfg(feature = "server")]
    fn recorder() -> (EventCallback, impl Fn() -> Vec<(&'static str, bool)>) {
        let (send, received) = std::sync::mpsc::channel();
        let send = std::sync::Mutex::new(send);
        let callback = EventCallback::new(move |event| {
            send.lock().unwrap().send((event.name(), event.connection_id().is_some())).unwrap();
        });
        (callback, move || received.try_iter().collect())
    }

    #[cfg(feature = "server")]
    #[test]
    fn each_function_emits_its_events() {
        use std::panic::{catch_unwind, AssertUnwindSafe};
        let (callback, emitted) = recorder();
        let sink = callback.for_connection();
        callback.emit(|| EventKind::Opened);
        assert_eq!(emitted(), [("opened", false)]);
        sink.emit_failed_handshake(&Error::Closed(None));
        assert_eq!(emitted(), [("failed", true)]);
        sink.emit_failed_handshake(&Error::Timeout(crate::Step::Tls));
        assert_eq!(emitted(), [("timeout", true), ("failed", true)]);
        drop(sink.panic_guard());
        assert_eq!(emitted(), []);
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let _guard = sink.panic_guard();
            panic!("on purpose: in a handler");
        }));
        assert_eq!(emitted(), [("handler-panicked", true)]);
        // The end is claimed once for all clones; without a handler, by nobody.
        assert_eq!([sink.clone().claim_end(), sink.claim_end(), sink.clone().claim_end()], [true, false, false]);
        assert!(!EventSink::default().claim_end());
        assert_eq!([sink.is_enabled(), EventSink::default().is_enabled()], [true, false]);
        assert_ne!(sink.connection_id(), callback.for_connection().connection_id());
        EventCallback::default().emit(|| panic!("not called"));
    }

    #[cfg(all(feature = "server", debug_assertions))]
    #[test]
    fn no_event_is_emitted_under_a_lock() {
        use std::panic::{catch_unwind, AssertUnwindSafe};
        let (callback, emitted) = recorder();
        let sink = callback.for_connection();
        let lock = crate::primitives::lock::Lock::new(());
        let held = lock.lock();
        for nobody in [EventCallback::default(), callback.clone()] {
            assert!(catch_unwind(AssertUnwindSafe(|| nobody.emit(|| EventKind::Opened))).is_err());
            let sink = std::mem::ManuallyDrop::new(nobody.for_connection());
            assert!(catch_unwind(AssertUnwindSafe(|| sink.emit(|| EventKind::Opened))).is_err());
            std::mem::forget(nobody);
        }
        drop(held);
        assert_eq!(emitted(), []);
        sink.emit(|| EventKind::Opened);
        assert_eq!(emitted(), [("opened", true)]);
    }
}
