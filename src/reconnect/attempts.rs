//! [`Client::reconnect`] (RFC 6455 section 7.2.3): an iterator of connections. Must not know delays, which are in
//! `backoff`, nor which errors are retried, which is in `disconnect`.
//!
//! | step of the iterator | then |
//! |---|---|
//! | `next` after a connection | take how it ended, apply the policy; wait, or finish, with the end as an error unless this side asked for it |
//! | an attempt succeeds | track the connection and return it |
//! | an attempt fails | apply the policy; wait and try again, or return the error and finish |
//! | stopped, at any time | finish |
//!
//! A stop does not wait for a running attempt, which can take [`Timeouts::connect`](crate::Timeouts::connect). So each
//! attempt has a thread, and `next` receives from a channel on which both the attempt and the stop send; the first
//! message counts. An abandoned attempt and its thread end by the deadline of the attempt, and its connection is closed
//! with 1001.

use std::fmt;
use std::iter::FusedIterator;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, SendError, Sender};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::backoff::{Backoff, BackoffState};
use super::disconnect::{Disconnect, Retry};
use super::tracked::TrackedConnection;
use crate::client::builder::Client;
use crate::connection::websocket::WebSocket;
use crate::error::{Error, Result, Step};
use crate::net::deadline::Deadline;
use crate::net::threads;
use crate::primitives::lock::{Condition, Lock, Locked};
use crate::primitives::panics;

impl Client {
    /// An iterator of connections, one after another (RFC 6455 section 7.2.3). Each `next` waits as [`Backoff`]
    /// specifies, retries until a connection is open, and returns it. Feature `reconnect`.
    ///
    /// Failed attempts and lost connections that are retried are not items; [`Backoff::policy`] is called for each.
    ///
    /// The last item says how the iteration ended:
    ///
    /// | reason | last item |
    /// |---|---|
    /// | an attempt failed and is not retried | its error |
    /// | a connection ended and there is no retry, such as after a Close 1000 of the server | [`Error::Closed`] with the code, or another error |
    /// | the same, and this side had started the closing handshake | none |
    /// | [`ReconnectHandle::stop`] | none |
    ///
    /// So a Close 1000 that this side did not request is not mistaken for one that it did. Where it is the normal end, as in
    /// the example, match it.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
    /// #     ws.send("update")?;
    /// #     ws.close(stdws::CloseCode::NORMAL, "").map(drop)
    /// # })?;
    /// # let url = server.url();
    /// use stdws::{Backoff, Client, CloseCode, Error};
    /// for connection in Client::new(&url)?.reconnect(Backoff::default()) {
    ///     let mut ws = match connection {
    ///         Ok(ws) => ws,
    ///         Err(Error::Closed(Some(info))) if info.code() == CloseCode::NORMAL => break, // the server has finished
    ///         Err(error) => return Err(error), // an error that is not retried
    ///     };
    ///     ws.send("subscribe")?;
    ///     for message in &mut ws {
    ///         let Ok(message) = message else { break }; // ended: continue with the next connection
    ///         println!("{message}");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// In that loop `ws` is dropped before the next attempt. A connection that the application keeps stays open.
    #[doc(alias = "retry")]
    pub fn reconnect(&self, backoff: Backoff) -> Reconnect {
        Reconnect {
            client: self.clone(),
            attempt_client: None,
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

/// Returns the client of one attempt.
type AttemptClient = dyn Fn(&Client) -> Result<Client> + Send + Sync;

/// An iterator of connections, returned by [`Client::reconnect`]. Feature `reconnect`.
#[must_use = "nothing connects until `next` is called"]
pub struct Reconnect {
    client: Client,
    attempt_client: Option<Arc<AttemptClient>>,
    backoff: Backoff,
    backoff_state: BackoffState,
    shared: Arc<SharedReconnect>,
    last_disconnect: Option<Disconnect>,
    progress: Progress,
}

/// State shared by the iterator and its handles.
#[derive(Default)]
struct SharedReconnect {
    state: Lock<ReconnectState>,
    changed: Condition,
}

#[derive(Default)]
struct ReconnectState {
    stopped: bool,
    /// The connection that was returned last.
    tracked: Option<TrackedConnection>,
    /// Sends to the `next` that waits for an attempt.
    attempt: Option<Sender<AttemptResult>>,
}

/// The result of an attempt, or the panic of a closure of the application in it. `None`: stopped.
type AttemptResult = Option<thread::Result<Result<WebSocket>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Running,
    Finished,
}

impl Reconnect {
    /// Calls `client` before each attempt, and connects with the client that it returns: with a fresh token, or to another
    /// URL. Its argument is the client on which [`reconnect`](Client::reconnect) was called, which is used for all attempts
    /// by default.
    ///
    /// `client` runs on the thread of the attempt. Its time is not limited, but a [stop](ReconnectHandle::stop) does not
    /// wait for it. An error is that of a failed attempt, so [`Backoff::policy`] decides whether there is another one. By
    /// default [`Error::Io`] and [`Error::Timeout`] are retried, and [`Error::Usage`] is not. A panic continues in `next`.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
    /// #     ws.close(stdws::CloseCode::NORMAL, "").map(drop)
    /// # })?;
    /// # let url = server.url();
    /// # fn fresh_token() -> String { "token".into() }
    /// use stdws::{Backoff, Client};
    /// let connections = Client::new(&url)?
    ///     .reconnect(Backoff::default())
    ///     .client(|client| client.clone().header("Authorization", &format!("Bearer {}", fresh_token())));
    /// for connection in connections {
    ///     let Ok(mut ws) = connection else { break };
    ///     while let Ok(Some(message)) = ws.recv() {
    ///         println!("{message}");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn client(mut self, client: impl Fn(&Client) -> Result<Client> + Send + Sync + 'static) -> Reconnect {
        self.attempt_client = Some(Arc::new(client));
        self
    }

    /// A handle that ends the iteration from another thread.
    pub fn handle(&self) -> ReconnectHandle {
        ReconnectHandle(Arc::clone(&self.shared))
    }

    /// The last lost connection or failed attempt. After the end of an iteration that was not stopped, the reason for
    /// it.
    pub fn last_disconnect(&self) -> Option<&Disconnect> {
        self.last_disconnect.as_ref()
    }

    /// Handles the end of the connection returned before, if there is one.
    fn check_previous(&mut self) -> Result<Continuation> {
        let Some(tracked) = self.shared.lock().tracked.take() else { return Ok(Continuation::Attempt) };
        let (uptime, error) = tracked.end();
        self.on_disconnect(Disconnect::ConnectionEnded { uptime, error }, Some(uptime))
    }

    /// Applies the policy and waits for the delay. An error: no random number for the delay, so there is no further
    /// attempt.
    fn on_disconnect(&mut self, disconnect: Disconnect, uptime: Option<Duration>) -> Result<Continuation> {
        let retry = self.backoff.retry_for(&disconnect);
        self.last_disconnect = Some(disconnect);
        if retry == Retry::Stop {
            return Ok(Continuation::GiveUp);
        }
        let random = self.client.random()?;
        // 6455-7.2.3-1: every attempt after a loss has a delay.
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

/// What the iterator does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Continuation {
    Attempt,
    /// There is no further attempt.
    GiveUp,
    /// A handle has stopped the iteration.
    Stopped,
}

impl Iterator for Reconnect {
    type Item = Result<WebSocket>;

    /// Waits and connects. Each attempt takes at most [`Timeouts::connect`](crate::Timeouts::connect).
    fn next(&mut self) -> Option<Result<WebSocket>> {
        if self.progress == Progress::Finished {
            return None;
        }
        if let Err(error) = self.backoff.check() {
            return self.finish(Some(error.into()));
        }
        match self.check_previous() {
            Ok(Continuation::Attempt) => {}
            Ok(Continuation::GiveUp) => {
                let end = self.last_disconnect.as_ref().filter(|end| !end.is_asked_for());
                let end = end.and_then(Disconnect::error).cloned();
                return self.finish(end);
            }
            Ok(Continuation::Stopped) => return self.finish(None),
            Err(error) => return self.finish(Some(error)),
        }
        loop {
            let error = match self.shared.run_attempt(self.client.clone(), self.attempt_client.clone()) {
                None => return self.finish(None),
                Some(Ok(ws)) => return self.shared.track(ws).map(Ok).or_else(|| self.finish(None)),
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
            .field("last_disconnect", &self.last_disconnect)
            .finish_non_exhaustive()
    }
}

impl SharedReconnect {
    fn lock(&self) -> Locked<'_, ReconnectState> {
        self.state.lock()
    }

    /// Waits for this delay, or until stopped.
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

    /// Runs one attempt in a new thread. `None`: stopped before or meanwhile.
    fn run_attempt(&self, client: Client, attempt_client: Option<Arc<AttemptClient>>) -> Option<Result<WebSocket>> {
        let (sender, receiver) = mpsc::channel();
        {
            let mut state = self.lock();
            if state.stopped {
                return None;
            }
            state.attempt = Some(sender.clone());
        }
        let connect = move || match attempt_client {
            Some(attempt_client) => attempt_client(&client)?.connect(),
            None => client.connect(),
        };
        let attempt = move || {
            let ended = panic::catch_unwind(AssertUnwindSafe(connect));
            // After a stop the receiver is gone, and the connection is dropped here, which sends Close 1001.
            if let Err(SendError(Some(Err(panicked)))) = sender.send(Some(ended)) {
                panics::discard(panicked);
            }
        };
        let started = threads::spawn("stdws-connect", None, attempt);
        // The attempt always sends: within its deadline, after the closure of the application.
        let result = started.map(|_| receiver.recv());
        self.lock().attempt = None;
        // After a stop it may have the result of the attempt, with a payload whose drop panics.
        let _ = panics::catch(move || drop(receiver));
        let result = match result {
            Ok(result) => result,
            Err(error) => return Some(Err(Error::io(Step::Thread, error))),
        };
        match result {
            Ok(Some(Ok(result))) => Some(result),
            // Continues in the caller, as if the attempt had run on this thread.
            Ok(Some(Err(panicked))) => panic::resume_unwind(panicked),
            Ok(None) | Err(_) => None,
        }
    }

    /// Stores the connection that `next` returns. `None`: stopped meanwhile, which ends the connection.
    fn track(&self, ws: WebSocket) -> Option<WebSocket> {
        let mut state = self.lock();
        if state.stopped {
            return None;
        }
        state.tracked = Some(TrackedConnection::new(&ws));
        Some(ws)
    }
}

/// Ends the iteration of a [`Reconnect`] from any thread. Cheap to clone. Feature `reconnect`.
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
/// assert_eq!(connections.count(), 0); // no server listens, and then the iteration is stopped
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ReconnectHandle(Arc<SharedReconnect>);

impl ReconnectHandle {
    /// Ends the iteration: a `next` that waits for a delay or for an attempt returns `None` at once. A running attempt
    /// ends within [`Timeouts::connect`](crate::Timeouts::connect), in the background.
    ///
    /// Sends Close 1001 on the open connection if that needs no waiting. A call that receives on it returns when the
    /// peer answers; otherwise after [`Timeouts::ping_interval`](crate::Timeouts::ping_interval) and
    /// [`pong_timeout`](crate::Timeouts::pong_timeout).
    ///
    /// Does not block. Further calls have no effect.
    pub fn stop(&self) {
        let mut state = self.0.lock();
        state.stopped = true;
        let tracked = state.tracked.clone();
        let attempt = state.attempt.take();
        drop(state);
        if let Some(attempt) = attempt {
            // An attempt that has just ended may have dropped the receiver.
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
        f.debug_struct("ReconnectHandle").field("stopped", &self.0.lock().stopped).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::{Opcode, Role};
    use crate::connection::testing::{long_timeouts, websocket};

    /// The stop comes after the attempt has ended and before `next` returns its connection.
    #[test]
    fn a_connection_is_not_returned_after_a_stop() {
        let shared = SharedReconnect::default();
        let (ws, _peer) = websocket(Role::Client, long_timeouts());
        assert!(shared.track(ws).is_some());
        assert!(shared.lock().tracked.is_some());
        shared.lock().stopped = true;
        let (ws, mut peer) = websocket(Role::Client, long_timeouts());
        assert!(shared.track(ws).is_none());
        assert_eq!(peer.frame().map(|frame| frame.1), Some(Opcode::Close));
    }

    /// In every order of the two.
    #[cfg(debug_assertions)]
    #[test]
    fn a_stop_ends_the_wait_for_a_delay() {
        use crate::primitives::interleaving::{explore, Work};
        let scenario = || {
            let shared = Arc::new(SharedReconnect::default());
            let handle = ReconnectHandle(Arc::clone(&shared));
            let waits = move || assert_eq!(shared.wait(Duration::from_secs(3600)), Continuation::Stopped);
            ((), vec![Box::new(waits) as Work, Box::new(move || handle.stop())])
        };
        assert!(explore(usize::MAX, scenario, drop) > 1);
    }

    #[test]
    fn invalid_delays_are_the_only_item() {
        let client = Client::new("ws://127.0.0.1:1/").unwrap();
        let mut connections = client.reconnect(Backoff::default().max_attempts(0));
        let first = connections.next();
        assert!(matches!(first, Some(Err(Error::Usage(_)))), "{first:?}");
        assert!(connections.next().is_none());
    }
}
