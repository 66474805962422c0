//! From a URL to an open stream of bytes, on which the opening handshake can begin:
//!
//! ```text
//! name -> gate -> TCP -> a stream
//! ```
//!
//! One deadline covers all of it, and every step says which one it was when it fails. Knows no HTTP of the server's.

use crate::config::Timeouts;
use crate::error::{Error, Result, Step};
use crate::transport::connect::{self as tcp, Pending};
use crate::transport::deadline::Deadline;
use crate::transport::stream::Stream;
use crate::websocket::About;
use crate::wire::uri::Uri;

/// A stream that is open.
pub(super) struct Reached {
    pub(super) stream: Stream,
    /// The addresses of both ends.
    pub(super) about: About,
    /// 6455-4.1-5, 6455-4.1-6: has to be kept until the opening handshake is over, well or not.
    pub(super) pending: Pending,
}

/// Opens a stream to the host of this URL.
pub(super) fn reach(uri: &Uri, timeouts: &Timeouts, deadline: Deadline) -> Result<Reached> {
    // 6455-4.1-11, 6455-4.1-13
    let (socket, pending) = tcp::connect(uri.host(), uri.port(), deadline)?;
    let about = About { peer: socket.peer_addr().ok(), local: socket.local_addr().ok(), ..About::default() };
    let stream = Stream::plain(socket, timeouts.write).map_err(|error| Error::io(Step::Connect, error))?;
    Ok(Reached { stream, about, pending })
}
