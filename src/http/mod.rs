//! The HTTP types of an application: the request and the response of an opening handshake, cookies, dates and bodies.
//! Independent of sockets and of the server.

pub(crate) mod body;
pub(crate) mod cookie;
pub(crate) mod date;
pub(crate) mod request;
pub(crate) mod response;
