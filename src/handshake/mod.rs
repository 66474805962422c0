//! RFC 6455 sections 3, 4, 9 and 11 without I/O: the opening handshake as values.
//!
//! | RFC 6455 | file | subject |
//! |---|---|---|
//! | 3 | `uri` | `ws:` and `wss:` URIs |
//! | 4.1 | `client` | the request, and the check of the response |
//! | 4.2 | `server` | the check of the request, and the response |
//! | 4.2.1, 9.1 | `http`, `header` | HTTP heads, and fields that are lists (RFC 9110, RFC 9112) |
//! | 4.2.2, 4.4 | `rejection` | the response to a request that is not accepted |
//! | 10.2 | `origin` | which origins a server accepts |

pub(crate) mod client;
pub(crate) mod header;
pub(crate) mod http;
pub(crate) mod origin;
pub(crate) mod rejection;
pub(crate) mod server;
pub(crate) mod uri;
