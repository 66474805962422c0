//! [`Decision`] and [`Accept`]: what a hook decides about a request. They do not know how a decision is carried out.

use std::any::Any;
use std::fmt;

use super::raw_stream::RawStream;
use crate::config::{Limits, Timeouts};
use crate::connection::values::Values;
use crate::error::UsageError;
use crate::handshake::header::check_field;
use crate::http::response::Response;
use crate::redact;

/// The decision of a hook about a request, see [`Server::on_request`](crate::Server::on_request). Feature `server`.
///
/// [`accept`](Decision::accept), [`reject`](Decision::reject) and [`hand_over`](Decision::hand_over) make one. An [`Accept`] with
/// settings and a [`Response`] convert to one by `into()`.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// use stdws::{Accept, Decision, Limits, Response, Server};
/// let server = Server::bind("127.0.0.1:0")?.on_request(|request| match request.path() {
///     "/feed" if request.header("Authorization") == Some("Bearer 1234") => {
///         Accept::new().limits(Limits::with_max_message_size(4 << 10)).with_header("Set-Cookie", "seen=1").into()
///     }
///     "/feed" => Response::text(401, "no token").with_header("WWW-Authenticate", "Bearer").into(),
///     "/old" => Response::redirect(308, "/feed").into(),
///     "/public" => Decision::accept(),
///     _ => Decision::reject(404),
/// });
/// # drop(server);
/// # Ok(())
/// # }
/// ```
pub struct Decision(pub(crate) DecisionKind);

/// What the server does.
pub(crate) enum DecisionKind {
    /// Goes on as without a hook, with these settings for this connection.
    Accept(Accept),
    /// Sends this HTTP response and closes the connection (RFC 6455 section 4.2.2).
    Respond(Response),
    /// Calls this function with the stream.
    HandOver(Box<dyn FnOnce(RawStream) + Send>),
}

impl Decision {
    /// Goes on as without a hook. A plain HTTP request goes to [`Server::http`](crate::Server::http), or is answered 426.
    pub fn accept() -> Decision {
        Accept::new().into()
    }

    /// Responds with this status, from 200 to 599, and no body.
    pub fn reject(status: u16) -> Decision {
        Response::empty(status).into()
    }

    /// Hands the stream over to another protocol, an HTTP server, or a tunnel. `handler` gets the stream with the
    /// request and the bytes behind its head.
    ///
    /// It is called on the thread of the connection, before any response, and may run without a time limit.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use std::io::Write;
    /// use stdws::{Decision, Server};
    /// let server = Server::bind("127.0.0.1:0")?.on_request(|request| match request.path() {
    ///     "/log" => Decision::hand_over(|mut stream| {
    ///         let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nline after line\n");
    ///     }),
    ///     _ => Decision::accept(),
    /// });
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn hand_over(handler: impl FnOnce(RawStream) + Send + 'static) -> Decision {
        Decision(DecisionKind::HandOver(Box::new(handler)))
    }
}

/// Goes on as without a hook, with these settings for this connection.
impl From<Accept> for Decision {
    fn from(accept: Accept) -> Decision {
        Decision(DecisionKind::Accept(accept))
    }
}

/// Sends this HTTP response, such as 401, 404 or a redirect, and closes the connection (RFC 6455 section 4.2.2).
impl From<Response> for Decision {
    fn from(response: Response) -> Decision {
        Decision(DecisionKind::Respond(response))
    }
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            DecisionKind::Accept(accept) => f.debug_tuple("Accept").field(accept).finish(),
            DecisionKind::Respond(response) => f.debug_tuple("Respond").field(response).finish(),
            DecisionKind::HandOver(_) => f.write_str("HandOver(..)"),
        }
    }
}

/// The settings of one connection that differ from those of the [`Server`](crate::Server), see [`Decision`].
/// Feature `server`.
///
/// As those of a [`Response`], the setters keep the first error, and [`error`](Accept::error) returns it. If there is one, or
/// the subprotocol was not offered, the request is answered 500. [`accept_over`](crate::Server::accept_over) then returns
/// [`HookErrorKind::InvalidAnswer`](crate::HookErrorKind::InvalidAnswer) with the [`UsageError`], and
/// [`on_event`](crate::Server::on_event) receives it.
///
/// ```
/// use stdws::Accept;
/// assert_eq!(Accept::new().with_header("Set-Cookie", "seen=1").error(), None);
/// assert!(Accept::new().with_header("Set-Cookie", "seen=1\r\nX: y").error().is_some());
/// ```
#[derive(Clone, Default)]
pub struct Accept {
    pub(crate) subprotocol: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) limits: Option<Limits>,
    pub(crate) timeouts: Option<Timeouts>,
    pub(crate) values: Values,
    pub(crate) error: Option<UsageError>,
}

impl Accept {
    /// The settings of the server.
    pub fn new() -> Accept {
        Accept::default()
    }

    /// Selects this subprotocol instead of one from [`Server::subprotocols`](crate::Server::subprotocols). The client
    /// must have offered it ([`Request::subprotocols`](crate::Request::subprotocols), RFC 6455 section 4.2.2).
    pub fn subprotocol(mut self, name: impl Into<String>) -> Accept {
        self.subprotocol = Some(name.into());
        self
    }

    /// Adds a header to the response. The same name may be added several times.
    /// [`Response::with_header`](crate::Response::with_header) lists the names that are not allowed. An error is kept for
    /// [`error`](Accept::error), and the header is not added.
    pub fn with_header(mut self, name: &str, value: &str) -> Accept {
        match check_field(name, value) {
            Ok(()) => self.headers.push((name.to_owned(), value.to_owned())),
            Err(error) => drop(self.error.get_or_insert(error)),
        }
        self
    }

    /// The first error in the arguments of the setters. Whether the subprotocol was offered is checked later.
    pub fn error(&self) -> Option<&UsageError> {
        self.error.as_ref()
    }

    /// Sets the limits for what this peer may send.
    pub fn limits(mut self, limits: Limits) -> Accept {
        self.limits = Some(limits);
        self
    }

    /// Sets the timeouts of this connection.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Accept {
        self.timeouts = Some(timeouts);
        self
    }

    /// Gives the handler a value: [`WebSocket::extension`](crate::WebSocket::extension) returns it by its type. A second
    /// value of the same type replaces the first.
    ///
    /// The value is dropped with the [`WebSocket`](crate::WebSocket), after its Close was sent: at the latest when the
    /// handler has returned or panicked, unless the handler passed the WebSocket to another thread. It is also dropped if
    /// the connection does not open. So a value whose drop decrements a counter limits the connections of a user:
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use std::collections::HashMap;
    /// use std::sync::{Arc, Mutex};
    /// use std::time::Duration;
    /// use stdws::{Accept, Decision, Response, Server};
    ///
    /// type Counts = Arc<Mutex<HashMap<String, usize>>>;
    ///
    /// /// One connection of a user. It counts until it is dropped.
    /// struct Session { user: String, counts: Counts }
    ///
    /// impl Session {
    ///     fn begin(user: &str, counts: &Counts) -> Option<Session> {
    ///         let mut all = counts.lock().unwrap();
    ///         let count = all.entry(user.to_owned()).or_default();
    ///         if *count >= 2 {
    ///             return None;
    ///         }
    ///         *count += 1;
    ///         Some(Session { user: user.to_owned(), counts: counts.clone() })
    ///     }
    /// }
    ///
    /// impl Drop for Session {
    ///     fn drop(&mut self) {
    ///         if let Some(count) = self.counts.lock().unwrap().get_mut(&self.user) {
    ///             *count -= 1;
    ///         }
    ///     }
    /// }
    ///
    /// let counts = Counts::default();
    /// let server = Server::bind("127.0.0.1:0")?
    ///     .on_request(move |request| {
    ///         let Some(user) = request.header("X-User") else { return Decision::reject(401) };
    ///         match Session::begin(user, &counts) {
    ///             Some(session) => Accept::new().with(session).into(),
    ///             None => Response::too_many_requests(Duration::from_secs(30)).into(),
    ///         }
    ///     })
    ///     .start(|mut ws| {
    ///         let user = ws.extension::<Session>().unwrap().user.clone();
    ///         ws.send(format!("hello, {user}"))?;
    ///         ws.recv().map(drop)
    ///     })?;
    ///
    /// let connect = || stdws::Client::new(&server.url())?.header("X-User", "ann")?.connect();
    /// let (mut first, _second) = (connect()?, connect()?);
    /// assert_eq!(first.recv()?.unwrap().as_text(), Some("hello, ann"));
    /// match connect() {
    ///     Err(stdws::Error::Handshake(rejection)) => assert_eq!(rejection.status(), Some(429)),
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "extension")]
    #[doc(alias = "state")]
    pub fn with(mut self, value: impl Any + Send + Sync) -> Accept {
        self.values.insert(value);
        self
    }
}

/// Shows the names of headers only, and no subprotocol that may be a token.
impl fmt::Debug for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Accept")
            .field("subprotocol", &self.subprotocol.as_deref().map(redact::subprotocol))
            .field("headers", &headers)
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts)
            .field("values", &self.values)
            .finish()
    }
}
