//! An open WebSocket connection, shared by the threads that use it.
//!
//! | file | subject |
//! |---|---|
//! | `websocket` | [`WebSocket`](crate::WebSocket): receives and sends |
//! | `sender` | [`Sender`](crate::Sender): sends from any thread |
//! | `receive` | the receiving side: reads, keepalive, every wait |
//! | `close` | the closing handshake, failing, aborting |
//! | `shared` | what all threads share: the stream, the lock, sending |
//! | `state` | the state under the lock: pending control frames, close progress, the end |
//! | `write_permit` | exclusive write access as a guard |
//! | `shared_frame` | one frame for many connections |
//! | `report` | events about frames |
//! | `framing` | RFC 6455 or a draft, behind one type |
//! | `messages`, `recv_stream`, `send_stream` | iterator and streams |

pub(crate) mod close;
pub(crate) mod ending;
pub(crate) mod framing;
pub(crate) mod messages;
pub(crate) mod receive;
pub(crate) mod recv_stream;
pub(crate) mod report;
pub(crate) mod send_stream;
pub(crate) mod sender;
pub(crate) mod shared;
pub(crate) mod shared_frame;
pub(crate) mod state;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod websocket;
pub(crate) mod write_permit;
