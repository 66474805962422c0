//! What a hook may decide about a request. Knows what can be asked for; must not know how it is done.

use std::fmt;

use super::raw_stream::RawStream;
use crate::config::{Limits, Timeouts};
use crate::error::UsageError;
use crate::handshake::header::check_field;
use crate::http::response::Response;

/// What is to be done with a request: what a hook of [`Server::on_request`](crate::Server::on_request) gives.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// use stdws::{Accept, Decision, Limits, Response, Server};
/// let server = Server::bind("127.0.0.1:0")?.on_request(|request| match request.path() {
///     "/feed" if request.header("Authorization") == Some("Bearer 1234") => {
///         Decision::Accept(Accept::new().limits(Limits::with_max_message_size(4 << 10)).header("Set-Cookie", "seen=1"))
///     }
///     "/feed" => Decision::Respond(Response::text(401, "who are you?").with_header("WWW-Authenticate", "Bearer")),
///     "/old" => Decision::Respond(Response::redirect(308, "/feed")),
///     _ => Decision::reject(404),
/// });
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
pub enum Decision {
    /// Goes on as without a hook, with these settings for this connection. A request that is no WebSocket request does not
    /// become one by that: it goes to [`Server::http`](crate::Server::http), or is answered 426.
    Accept(Accept),
    /// Answers in HTTP, and closes the connection (RFC 6455 section 4.2.2: 401, a redirect, 404 and the like).
    Respond(Response),
    /// Gives the stream away, see [`Decision::hand_over`].
    HandOver(Box<dyn FnOnce(RawStream) + Send>),
}

impl Decision {
    /// Goes on as without a hook.
    pub fn accept() -> Decision {
        Decision::Accept(Accept::new())
    }

    /// Answers with this status, from 200 to 599, and nothing else.
    pub fn reject(status: u16) -> Decision {
        Decision::Respond(Response::empty(status))
    }

    /// Gives the stream away, with the request that was read and the bytes that came behind it: to another protocol, another
    /// HTTP server, a tunnel. `handler` is called in the thread of the connection, which is its own for as long as it likes.
    ///
    /// Nothing has been answered when it is called.
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
        Decision::HandOver(Box::new(handler))
    }
}

impl From<Accept> for Decision {
    fn from(accept: Accept) -> Decision {
        Decision::Accept(accept)
    }
}

impl From<Response> for Decision {
    fn from(response: Response) -> Decision {
        Decision::Respond(response)
    }
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decision::Accept(accept) => f.debug_tuple("Accept").field(accept).finish(),
            Decision::Respond(response) => f.debug_tuple("Respond").field(response).finish(),
            Decision::HandOver(_) => f.write_str("HandOver(..)"),
        }
    }
}

/// The settings of one connection, where they differ from those of the [`Server`](crate::Server). See [`Decision`].
///
/// What cannot be sent (a header with a line break, a subprotocol that was not offered) is never sent: the request is
/// answered 500 instead.
#[derive(Clone, Default)]
pub struct Accept {
    pub(crate) subprotocol: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) limits: Option<Limits>,
    pub(crate) timeouts: Option<Timeouts>,
    pub(crate) error: Option<UsageError>,
}

impl Accept {
    /// Nothing differs.
    pub fn new() -> Accept {
        Accept::default()
    }

    /// Agrees on this subprotocol, instead of the first that [`Server::subprotocols`](crate::Server::subprotocols) has too. It
    /// must be one the client offers ([`Request::subprotocols`](crate::Request::subprotocols), RFC 6455 section 4.2.2).
    pub fn subprotocol(mut self, name: impl Into<String>) -> Accept {
        self.subprotocol = Some(name.into());
        self
    }

    /// Adds a header to the response. The same name may be added again. Which must not be given, see
    /// [`Response::with_header`](crate::Response::with_header).
    pub fn header(mut self, name: &str, value: &str) -> Accept {
        match check_field(name, value) {
            Ok(()) => self.headers.push((name.to_owned(), value.to_owned())),
            Err(error) => drop(self.error.get_or_insert(error)),
        }
        self
    }

    /// How much this peer may send.
    pub fn limits(mut self, limits: Limits) -> Accept {
        self.limits = Some(limits);
        self
    }

    /// How long anything may take on this connection.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Accept {
        self.timeouts = Some(timeouts);
        self
    }
}

/// Names of headers only: their values may be secrets.
impl fmt::Debug for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Accept")
            .field("subprotocol", &self.subprotocol)
            .field("headers", &headers)
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts)
            .finish()
    }
}
