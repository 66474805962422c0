//! The HTTP types of an application: the request and the response of an opening handshake, cookies, dates and bodies.
//! Independent of sockets and of the server.
//!
//! | file | subject |
//! |---|---|
//! | `request`, `response` | [`Request`](crate::Request) and [`Response`](crate::Response) |
//! | `cookie` | cookies in both directions |
//! | `body` | the body of a response that rejects a handshake |
//! | `date` | the date in `Retry-After` |

#[cfg(feature = "client")]
pub(crate) mod body;
pub(crate) mod cookie;
#[cfg(feature = "reconnect")]
pub(crate) mod date;
#[cfg(feature = "server")]
pub(crate) mod request;
pub(crate) mod response;
