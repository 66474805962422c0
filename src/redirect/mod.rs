//! HTTP redirects of the opening handshake (RFC 6455 section 4.1, RFC 9110 section 15.4). `follow` has the limit and the
//! rules, `reference` resolves a `Location`.

pub(crate) mod follow;
mod reference;
