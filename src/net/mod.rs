//! Blocking I/O with deadlines: sockets, streams, connecting. Knows no protocol.
//!
//! | file | subject |
//! |---|---|
//! | `deadline` | a timeout, converted once to a point in time |
//! | `socket` | a TCP or Unix socket |
//! | `tcp` | a socket with bounded reads and writes |
//! | `stream` | the stream of a connection: plain, TLS, or supplied by the caller |
//! | `split_stream` | a stream that the caller supplied as two halves |
//! | `memory` | two such streams, connected in memory |
//! | `pipe` | one direction of such a stream |
//! | `write_buffer` | bytes to be written, in the order of their frames |
//! | `deadline_io` | reads and writes on a TCP socket that share one deadline |
//! | `ip_network` | networks of IP addresses |
//! | `dial` | from a host name to a connected socket |
//! | `unix` | addresses of Unix sockets, and connecting to one |
//! | `mailbox` | a queue for the results of threads |
//! | `threads` | the start of threads, within the limits of the system |
//! | `connect_guard` | one connection attempt at a time to an address (RFC 6455 section 4.1) |

// First, because rustdoc lists the methods of a type in the order of these lines.
pub(crate) mod split_stream;

#[cfg(feature = "client")]
pub(crate) mod connect_guard;
pub(crate) mod deadline;
#[cfg(feature = "proxy")]
pub(crate) mod deadline_io;
#[cfg(feature = "client")]
pub(crate) mod dial;
#[cfg(any(feature = "server", feature = "proxy"))]
pub(crate) mod ip_network;
#[cfg(any(feature = "client", all(unix, feature = "server")))]
mod mailbox;
mod memory;
mod pipe;
pub(crate) mod socket;
pub(crate) mod stream;
pub(crate) mod tcp;
pub(crate) mod threads;
#[cfg(all(unix, any(feature = "client", feature = "server")))]
pub(crate) mod unix;
pub(crate) mod write_buffer;
