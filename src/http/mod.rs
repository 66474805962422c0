//! HTTP as an application sees it: the request and the response of an opening handshake, cookies, dates, bodies.

pub(crate) mod body;
pub(crate) mod cookie;
pub(crate) mod date;
pub(crate) mod request;
pub(crate) mod response;
