//! HTTP redirects of the opening handshake (RFC 6455 section 4.1, RFC 9110 section 15.4).

pub(crate) mod follow;
mod reference;
