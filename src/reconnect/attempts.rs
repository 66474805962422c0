//! Connecting again and again (RFC 6455 section 7.2.3): [`Client::reconnect`], an iterator of connections.
//!
//! Knows the clock and the threads that wait. When the next attempt is due, `backoff` knows; whether there is one, `disconnect`.
//!
//! | step of the iterator | then |
//! |---|---|
//! | after a connection was given, whatever became of it | what was lost is judged; wait, or over |
//! | an attempt succeeds | the connection is given, and its fate kept |
//! | an attempt fails | what was lost is judged; wait and try again, or give the error and be over |
//! | told to stop, at any time | over |
//!
//! A stop does not wait for an attempt that is under way, which may take as long as a dead server makes it. So each is made
//! in a thread of its own, and both the attempt and the stop tell whoever waits for it; the first one counts. An attempt
//! that nobody waits for any more ends by its own deadline, and so does its thread; a connection that comes of it is left
//! with a Close.

use std::fmt;
use std::iter::FusedIterator;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar};
use std::thread;
use std::time::Duration;

use super::backoff::{Backoff, BackoffState};
use super::disconnect::{Disconnect, Retry};
use super::tracked::TrackedConnection;
use crate::client::builder::Client;
use crate::connection::websocket::WebSocket;
use crate::error::{Error, Result, Step};
use crate::net::deadline::Deadline;
use crate::primitives::lock::{Lock, Locked};

impl Client {
    /// Connections, one after the other (RFC 6455 section 7.2.3): each call of `next` on what this gives waits as long as
    /// [`Backoff`] says, tries until a connection is open, and gives that.
    ///
    /// Attempts that fail and are worth repeating are not seen here; [`Backoff::policy`] sees them all. An error comes only if
    /// there will be no other attempt, and is the last item. When a connection ends in a way that is not worth another, such as
    /// by Close 1000, the iteration is over without an error.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
    /// #     ws.send("update")?;
    /// #     ws.close(stdws::CloseCode::NORMAL, "").map(drop)
    /// # })?;
    /// # let url = server.url();
    /// use stdws::{Backoff, Client};
    /// for connection in Client::new(&url)?.reconnect(Backoff::default()) {
    ///     let mut ws = connection?; // an error here is not worth another attempt
    ///     ws.send("subscribe")?;
    ///     for message in &mut ws {
    ///         let Ok(message) = message else { break }; // ended: take the next one
    ///         println!("{message}");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// In that loop `ws` is dropped before the next attempt. A connection that is kept meanwhile stays open.
    pub fn reconnect(&self, backoff: Backoff) -> Reconnect {
        Reconnect {
            client: self.clone(),
            backoff,
            backoff_state: BackoffState::default(),
            shared: Arc::default(),
            last_disconnect: None,
            progress: Progress::Running,
        }
    }

    /// A random number from the source of this client.
    fn random(&self) -> Result<u64> {
        let mut bytes = [0; 8];
        self.new_random_source().fill(&mut bytes).map_err(|error| Error::io(Step::RandomSource, error))?;
        Ok(u64::from_be_bytes(bytes))
    }
}

/// Connections, one after the other. Made by [`Client::reconnect`].
#[must_use = "nothing connects until `next` is called"]
pub struct Reconnect {
    client: Client,
    backoff: Backoff,
    backoff_state: BackoffState,
    shared: Arc<SharedReconnect>,
    last_disconnect: Option<Disconnect>,
    progress: Progress,
}

/// What the iterator and its stoppers share.
#[derive(Default)]
struct SharedReconnect {
    state: Lock<ReconnectState>,
    changed: Condvar,
}

#[derive(Default)]
struct ReconnectState {
    stopped: bool,
    /// The connection that was returned last.
    tracked: Option<TrackedConnection>,
    /// Whoever waits for an attempt hears from here.
    attempt: Option<Sender<AttemptResult>>,
}

/// What is told to whoever waits for an attempt: that it is over, unless a closure of the application has panicked in it;
/// or `None`, stop.
type AttemptResult = Option<thread::Result<Result<WebSocket>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Running,
    Finished,
}

impl Reconnect {
    /// A handle that ends the iteration from another thread.
    pub fn handle(&self) -> ReconnectHandle {
        ReconnectHandle(Arc::clone(&self.shared))
    }

    /// What was lost last: why the iteration is over, if it is and was not stopped.
    pub fn last_disconnect(&self) -> Option<&Disconnect> {
        self.last_disconnect.as_ref()
    }

    /// The connection given before, if there was one, is lost now.
    fn check_previous(&mut self) -> Result<Continuation> {
        let Some(tracked) = self.shared.lock().tracked.take() else { return Ok(Continuation::Attempt) };
        let (uptime, error) = tracked.end();
        self.on_disconnect(Disconnect::ConnectionEnded { uptime, error }, Some(uptime))
    }

    /// Judges what was lost, and waits. An error: no random number for the delay, so there is no delay, and no attempt.
    fn on_disconnect(&mut self, disconnect: Disconnect, uptime: Option<Duration>) -> Result<Continuation> {
        let retry = self.backoff.retry_for(&disconnect);
        self.last_disconnect = Some(disconnect);
        if retry == Retry::Stop {
            return Ok(Continuation::GiveUp);
        }
        let random = self.client.random()?;
        // 6455-7.2.3-1: no attempt after a loss without a delay.
        match self.backoff_state.next_delay(&self.backoff, uptime, retry, random) {
            Some(delay) => Ok(self.shared.wait(delay)),
            None => Ok(Continuation::GiveUp),
        }
    }

    fn finish(&mut self, last: Option<Error>) -> Option<Result<WebSocket>> {
        self.progress = Progress::Finished;
        last.map(Err)
    }
}

/// Whether to go on with attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Continuation {
    Attempt,
    /// There is no further attempt.
    GiveUp,
    /// Someone said stop.
    Stopped,
}

impl Iterator for Reconnect {
    type Item = Result<WebSocket>;

    /// Waits, and connects. Each attempt takes at most [`Timeouts::connect`](crate::Timeouts::connect).
    fn next(&mut self) -> Option<Result<WebSocket>> {
        if self.progress == Progress::Finished {
            return None;
        }
        match self.check_previous() {
            Ok(Continuation::Attempt) => {}
            Ok(Continuation::GiveUp | Continuation::Stopped) => return self.finish(None),
            Err(error) => return self.finish(Some(error)),
        }
        loop {
            let error = match self.shared.run_attempt(&self.client) {
                None => return self.finish(None),
                Some(Ok(ws)) => match self.shared.track(&ws) {
                    Continuation::Attempt => return Some(Ok(ws)),
                    Continuation::GiveUp | Continuation::Stopped => return self.finish(None),
                },
                Some(Err(error)) => error,
            };
            match self.on_disconnect(Disconnect::AttemptFailed(error.clone()), None) {
                Ok(Continuation::Attempt) => {}
                Ok(Continuation::GiveUp) => return self.finish(Some(error)),
                Ok(Continuation::Stopped) => return self.finish(None),
                Err(error) => return self.finish(Some(error)),
            }
        }
    }
}

impl FusedIterator for Reconnect {}

impl fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect")
            .field("client", &self.client)
            .field("backoff", &self.backoff)
            .field("lost", &self.last_disconnect)
            .finish_non_exhaustive()
    }
}

impl SharedReconnect {
    fn lock(&self) -> Locked<'_, ReconnectState> {
        self.state.lock()
    }

    /// Waits so long, unless told to stop.
    fn wait(&self, delay: Duration) -> Continuation {
        let deadline = Deadline::after(delay);
        let mut state = self.lock();
        loop {
            if state.stopped {
                return Continuation::Stopped;
            }
            let left = deadline.remaining();
            if left.is_zero() {
                return Continuation::Attempt;
            }
            state = state.wait(&self.changed, left);
        }
    }

    /// One attempt, in a thread of its own. `None`: told to stop, before it or meanwhile.
    fn run_attempt(&self, client: &Client) -> Option<Result<WebSocket>> {
        let (sender, receiver) = mpsc::channel();
        {
            let mut state = self.lock();
            if state.stopped {
                return None;
            }
            state.attempt = Some(sender.clone());
        }
        let client = client.clone();
        let attempt = move || {
            let ended = panic::catch_unwind(AssertUnwindSafe(|| client.connect()));
            // If nobody waits for it any more, a connection is dropped here, which says goodbye on it.
            drop(sender.send(Some(ended)));
        };
        let started = thread::Builder::new().name("stdws-connect".into()).spawn(attempt);
        // The attempt always tells, within its deadline.
        let result = started.map(|_| receiver.recv());
        self.lock().attempt = None;
        let result = match result {
            Ok(result) => result,
            Err(error) => return Some(Err(Error::io(Step::Thread, error))),
        };
        match result {
            Ok(Some(Ok(result))) => Some(result),
            // It was reported where it happened; here it goes on as if the attempt had been made here.
            Ok(Some(Err(panicked))) => panic::resume_unwind(panicked),
            Ok(None) | Err(_) => None,
        }
    }

    /// Notes the connection that is given, unless told to stop.
    fn track(&self, ws: &WebSocket) -> Continuation {
        let mut state = self.lock();
        if state.stopped {
            return Continuation::Stopped;
        }
        state.tracked = Some(TrackedConnection::new(ws));
        Continuation::Attempt
    }
}

/// Ends the iteration of a [`Reconnect`] from any thread: a signal handler's, a button's. Cheap to clone.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// # let url = "ws://127.0.0.1:1/";
/// use std::time::Duration;
/// use stdws::{Backoff, Client};
/// let connections = Client::new(url)?.reconnect(Backoff::default());
/// let handle = connections.handle();
/// std::thread::spawn(move || {
///     std::thread::sleep(Duration::from_millis(100));
///     handle.stop();
/// });
/// assert_eq!(connections.count(), 0); // nobody was there, and then it was stopped
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ReconnectHandle(Arc<SharedReconnect>);

impl ReconnectHandle {
    /// No more attempts: a `next` that waits gives `None` at once, for its time or in the middle of connecting. An attempt that
    /// is under way ends by itself, within [`Timeouts::connect`](crate::Timeouts::connect), in a thread that nobody waits for.
    ///
    /// The connection that is open is told goodbye with Close 1001, if that needs no waiting: who receives on it sees its
    /// end when the peer answers, and after [`Timeouts::ping_interval`](crate::Timeouts::ping_interval) and [`pong_timeout`](crate::Timeouts::pong_timeout) if it does not.
    ///
    /// Does not wait, and can be called again.
    pub fn stop(&self) {
        let mut state = self.0.lock();
        state.stopped = true;
        let tracked = state.tracked.clone();
        let attempt = state.attempt.take();
        drop(state);
        if let Some(attempt) = attempt {
            // One that has just ended is not waited for any more.
            drop(attempt.send(None));
        }
        self.0.changed.notify_all();
        if let Some(tracked) = tracked {
            tracked.close_nonblocking();
        }
    }
}

impl fmt::Debug for ReconnectHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopper").field("stopped", &self.0.lock().stopped).finish()
    }
}
