//! Blocking bytes with deadlines: sockets, streams, connecting. Knows no protocol.
//!
//! | file | subject |
//! |---|---|
//! | `deadline` | a time limit turned into a point in time once |
//! | `socket` | a TCP or Unix socket |
//! | `tcp` | a socket as a stream: reads and writes with a limit |
//! | `stream` | the stream of a connection: plain, TLS, or supplied by the caller |
//! | `pipe` | one direction of a stream that the caller supplied |
//! | `write_buffer` | bytes to be written, in the order of their frames |
//! | `deadline_io` | `Read` and `Write` that share one deadline |
//! | `ip_network` | networks of IP addresses |
//! | `dial` | from a host name to a connected socket |
//! | `connect_guard` | one connection attempt at a time to an address (RFC 6455 section 4.1) |

#[cfg(feature = "client")]
pub(crate) mod connect_guard;
pub(crate) mod deadline;
pub(crate) mod deadline_io;
#[cfg(feature = "client")]
pub(crate) mod dial;
pub(crate) mod ip_network;
pub(crate) mod pipe;
pub(crate) mod socket;
pub(crate) mod stream;
pub(crate) mod tcp;
pub(crate) mod write_buffer;
