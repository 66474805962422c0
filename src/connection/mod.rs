//! An open WebSocket connection, shared by the threads that use it.
//!
//! A file names only files below it in this table.
//!
//! | file | subject |
//! |---|---|
//! | `sender`, `messages`, `recv_stream`, `send_stream` | public handles: [`Sender`](crate::Sender), iterator, streams |
//! | `byte_stream` | [`ByteStream`](crate::ByteStream): the connection as `Read` and `Write` |
//! | `polling` | the descriptor, and when a call is due, for a program that waits elsewhere |
//! | `control` | Pings and Pongs of the caller's choice, the interval of the keepalive |
//! | `websocket_close`, `properties` | how a `WebSocket` is closed, and what its opening handshake has determined |
//! | `websocket` | [`WebSocket`](crate::WebSocket): receives and sends |
//! | `receive` | the receiving side: reads, keepalive, every wait for input |
//! | `keepalive` | when a Ping is due |
//! | `ending` | the last steps: the Close is written, and the stream is ended |
//! | `close` | the closing handshake, and failing |
//! | `shared_write` | writing the frames of a hub without waiting |
//! | `send`, `nonblocking` | sending with and without waiting |
//! | `write_permit` | exclusive write access |
//! | `shared` | the stream, the state under a lock, the end |
//! | `state` | the data under the lock: pending frames, close progress, the end |
//! | `end_record` | how the connection ended |
//! | `shared_frame` | one frame for many connections |
//! | `writer` | the encoder and the bytes that wait for the network |
//! | `framing`, `protocol` | RFC 6455 or a draft, behind one type |
//! | `report` | events about frames |
//! | `values` | values of the application |
//! | `host_thread`, `background` | threads that finish dropped connections |
//!
//! **A received byte** is first read, then decoded in the buffer where it was read:
//!
//! 1. `websocket`: the application's call
//! 2. `receive`: the deadline of the wait, then the answer to what was decoded
//! 3. `net/stream`, `net/tcp`, `net/socket`: the read
//! 4. `framing`: RFC 6455 or a draft
//! 5. `codec/decoder` and `codec/decoder/feeding`: the rules for frames
//! 6. `codec/frame`: the header
//! 7. `codec/assembly`: the message
//! 8. `codec/mask` and `codec/utf8`: the payload
//!
//! **A sent message** is first encoded to the write buffer, then written:
//!
//! 1. `websocket` or `sender`: the application's call
//! 2. `send`: the checks
//! 3. `write_permit`: exclusive access, and the limit for the write
//! 4. `writer`: the frame, and the note for its event
//! 5. `framing`: RFC 6455 or a draft
//! 6. `codec/encoder`: the frame, with its key from `primitives/random`
//! 7. `codec/frame` and `codec/mask`: the header, and the payload
//! 8. `net/write_buffer`: what waits for the network
//! 9. `net/stream`, `net/tcp`, `net/socket`: the write
//!
//! No stack has more than ten of these files, and no two files call each other: `tests/path/run` measures it.

// First, because rustdoc lists the methods of a type in the order of these lines.
pub(crate) mod websocket;

mod background;
pub(crate) mod byte_stream;
mod close;
mod control;
pub(crate) mod end_record;
mod ending;
pub(crate) mod framing;
#[cfg(feature = "server")]
mod host_thread;
#[cfg(all(test, debug_assertions, unix, feature = "hub"))]
mod interleavings;
mod keepalive;
pub(crate) mod messages;
#[cfg(any(feature = "server", feature = "hub"))]
pub(crate) mod nonblocking;
mod polling;
mod properties;
pub(crate) mod protocol;
mod receive;
pub(crate) mod recv_stream;
#[cfg(feature = "trace")]
mod report;
mod send;
pub(crate) mod send_stream;
pub(crate) mod sender;
pub(crate) mod shared;
#[cfg(feature = "hub")]
pub(crate) mod shared_frame;
#[cfg(feature = "hub")]
mod shared_write;
mod state;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod values;
mod websocket_close;
mod write_permit;
mod writer;
