//! The two heads of an opening handshake, as users see them.

/// The request that opened a connection.
#[derive(Debug)]
pub struct Request;

/// The response to it.
#[derive(Debug)]
pub struct Response;
