//! Connecting again and again (RFC 6455 section 7.2.3): [`Client::reconnect`], an iterator of connections.
//!
//! Knows the clock and the threads that wait. When the next attempt is due, `backoff` knows; whether there is one, `lost`.
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

use super::backoff::{Backoff, Schedule};
use super::lost::{Lost, Retry};
use super::Client;
use crate::error::{Error, Result, Step};
use crate::lock::{Lock, Locked};
use crate::transport::deadline::Deadline;
use crate::websocket::{Fate, WebSocket};

impl Client {
    /// Connections, one after the other (RFC 6455 section 7.2.3): each call of `next` on what this gives waits as long as
    /// [`Backoff`] says, tries until a connection is open, and gives that.
    ///
    /// Attempts that fail and are worth repeating are not seen here; [`Backoff::decide`] sees them all. An error comes only if
    /// there will be no other attempt, and is the last item. When a connection ends in a way that is not worth another, such as
    /// by Close 1000, the iteration is over without an error.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
    /// #     ws.send("news")?;
    /// #     ws.close(stdws::CloseCode::NORMAL, "").map(drop)
    /// # })?;
    /// # let url = format!("ws://{}", server.local_addr());
    /// use stdws::{Backoff, Client};
    /// for connection in Client::new(&url)?.reconnect(Backoff::default()) {
    ///     let mut ws = connection?; // an error here is not worth another attempt
    ///     ws.send("subscribe")?;
    ///     for message in &mut ws {
    ///         let Ok(message) = message else { break }; // lost: the next one, please
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
            schedule: Schedule::default(),
            shared: Arc::default(),
            lost: None,
            over: Over::No,
        }
    }

    /// A random number from the source of this client.
    fn random(&self) -> Result<u64> {
        let mut bytes = [0; 8];
        self.random_source().fill(&mut bytes).map_err(|error| Error::io(Step::Entropy, error))?;
        Ok(u64::from_be_bytes(bytes))
    }
}

/// Connections, one after the other. Made by [`Client::reconnect`].
#[must_use = "nothing connects until `next` is called"]
pub struct Reconnect {
    client: Client,
    backoff: Backoff,
    schedule: Schedule,
    shared: Arc<Shared>,
    lost: Option<Lost>,
    over: Over,
}

/// What the iterator and its stoppers share.
#[derive(Default)]
struct Shared {
    state: Lock<State>,
    told: Condvar,
}

#[derive(Default)]
struct State {
    stopped: bool,
    /// What becomes of the connection that was given last.
    fate: Option<Arc<Fate>>,
    /// Whoever waits for an attempt hears from here.
    attempt: Option<Sender<News>>,
}

/// What is told to whoever waits for an attempt: that it is over, unless a closure of the application has panicked in it;
/// or `None`, stop.
type News = Option<thread::Result<Result<WebSocket>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    No,
    Yes,
}

impl Reconnect {
    /// A handle that ends the iteration from another thread.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.shared))
    }

    /// What was lost last: why the iteration is over, if it is and was not stopped.
    pub fn lost(&self) -> Option<&Lost> {
        self.lost.as_ref()
    }

    /// The connection given before, if there was one, is lost now.
    fn settle(&mut self) -> Result<Go> {
        let Some(fate) = self.shared.lock().fate.take() else { return Ok(Go::On) };
        let (lasted, end) = fate.read();
        self.after(Lost::Connection { lasted, end }, Some(lasted))
    }

    /// Judges what was lost, and waits. An error: no random number for the delay, so there is no delay, and no attempt.
    fn after(&mut self, lost: Lost, lasted: Option<Duration>) -> Result<Go> {
        let retry = self.backoff.judge(&lost);
        self.lost = Some(lost);
        if retry == Retry::Stop {
            return Ok(Go::Out);
        }
        let random = self.client.random()?;
        // 6455-7.2.3-1: no attempt after a loss without a delay.
        match self.schedule.delay(&self.backoff, lasted, retry, random) {
            Some(delay) => Ok(self.shared.wait(delay)),
            None => Ok(Go::Out),
        }
    }

    fn end(&mut self, last: Option<Error>) -> Option<Result<WebSocket>> {
        self.over = Over::Yes;
        last.map(Err)
    }
}

/// Whether to go on with attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Go {
    On,
    /// There is no further attempt.
    Out,
    /// Someone said stop.
    Stopped,
}

impl Iterator for Reconnect {
    type Item = Result<WebSocket>;

    /// Waits, and connects. Each attempt takes at most [`Timeouts::connect`](crate::Timeouts::connect).
    fn next(&mut self) -> Option<Result<WebSocket>> {
        if self.over == Over::Yes {
            return None;
        }
        match self.settle() {
            Ok(Go::On) => {}
            Ok(Go::Out | Go::Stopped) => return self.end(None),
            Err(error) => return self.end(Some(error)),
        }
        loop {
            let error = match self.shared.attempt(&self.client) {
                None => return self.end(None),
                Some(Ok(ws)) => match self.shared.keep(&ws) {
                    Go::On => return Some(Ok(ws)),
                    Go::Out | Go::Stopped => return self.end(None),
                },
                Some(Err(error)) => error,
            };
            match self.after(Lost::Attempt(error.clone()), None) {
                Ok(Go::On) => {}
                Ok(Go::Out) => return self.end(Some(error)),
                Ok(Go::Stopped) => return self.end(None),
                Err(error) => return self.end(Some(error)),
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
            .field("lost", &self.lost)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> Locked<'_, State> {
        self.state.lock()
    }

    /// Waits so long, unless told to stop.
    fn wait(&self, delay: Duration) -> Go {
        let deadline = Deadline::after(delay);
        let mut state = self.lock();
        loop {
            if state.stopped {
                return Go::Stopped;
            }
            let left = deadline.left();
            if left.is_zero() {
                return Go::On;
            }
            state = state.wait(&self.told, left);
        }
    }

    /// One attempt, in a thread of its own. `None`: told to stop, before it or meanwhile.
    fn attempt(&self, client: &Client) -> Option<Result<WebSocket>> {
        let (tell, told) = mpsc::channel();
        {
            let mut state = self.lock();
            if state.stopped {
                return None;
            }
            state.attempt = Some(tell.clone());
        }
        let client = client.clone();
        let attempt = move || {
            let ended = panic::catch_unwind(AssertUnwindSafe(|| client.connect()));
            // If nobody waits for it any more, a connection is dropped here, which says goodbye on it.
            drop(tell.send(Some(ended)));
        };
        let started = thread::Builder::new().name("stdws-connect".into()).spawn(attempt);
        // The attempt always tells, within its deadline.
        let news = started.map(|_| told.recv());
        self.lock().attempt = None;
        let news = match news {
            Ok(news) => news,
            Err(error) => return Some(Err(Error::io(Step::Thread, error))),
        };
        match news {
            Ok(Some(Ok(result))) => Some(result),
            // It was reported where it happened; here it goes on as if the attempt had been made here.
            Ok(Some(Err(panicked))) => panic::resume_unwind(panicked),
            Ok(None) | Err(_) => None,
        }
    }

    /// Notes the connection that is given, unless told to stop.
    fn keep(&self, ws: &WebSocket) -> Go {
        let mut state = self.lock();
        if state.stopped {
            return Go::Stopped;
        }
        state.fate = Some(ws.fate());
        Go::On
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
/// let stopper = connections.stopper();
/// std::thread::spawn(move || {
///     std::thread::sleep(Duration::from_millis(100));
///     stopper.stop();
/// });
/// assert_eq!(connections.count(), 0); // nobody was there, and then it was stopped
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Stopper(Arc<Shared>);

impl Stopper {
    /// No more attempts: a `next` that waits gives `None` at once, for its time or in the middle of connecting. An attempt that
    /// is under way ends by itself, within [`Timeouts::connect`](crate::Timeouts::connect), in a thread that nobody waits for.
    ///
    /// The connection that is open is told goodbye with Close 1001, if that needs no waiting: who receives on it sees its
    /// end when the peer answers, and after [`Timeouts::ping`](crate::Timeouts::ping) and [`life`](crate::Timeouts::life) if it does not.
    ///
    /// Does not wait, and can be called again.
    pub fn stop(&self) {
        let mut state = self.0.lock();
        state.stopped = true;
        let fate = state.fate.clone();
        let attempt = state.attempt.take();
        drop(state);
        if let Some(attempt) = attempt {
            // One that has just ended is not waited for any more.
            drop(attempt.send(None));
        }
        self.0.told.notify_all();
        if let Some(fate) = fate {
            fate.leave();
        }
    }
}

impl fmt::Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopper").field("stopped", &self.0.lock().stopped).finish()
    }
}
