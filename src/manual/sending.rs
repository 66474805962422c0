//! Sending: whole messages, queues, streams, several threads.
//!
//! | call | returns when | one write contains |
//! |---|---|---|
//! | [`send`](crate::WebSocket::send) | the kernel has the message | one message |
//! | [`queue`](crate::WebSocket::queue) | at once, until 128 KiB are queued | all queued messages |
//! | [`send_stream`](crate::WebSocket::send_stream) | the kernel has the fragment | one fragment of 16 KiB |
//!
//! A header and a payload of up to 64 KiB are written in one call. A larger payload of a server needs two calls: the first writes
//! a copy of its first 64 KiB, the second the rest.
//!
//! A client masks the payload. It masks an owned message of more than 16 KiB in place, and then writes it as a server does. Of a
//! borrowed message it masks and writes a copy in pieces of 384 KiB, because the memory for the copy is bounded.
//!
//! Queued messages are written when a receiving call finds no further message in its buffer. A program that queues its answers
//! therefore needs one read and one write for a whole batch of requests.
//!
//! # From several threads
//!
//! [`sender`](crate::WebSocket::sender) returns a [`Sender`](crate::Sender). Messages of different threads never interleave. While
//! one thread writes, another waits for it at most [`Timeouts::write`](crate::Timeouts::write).
//!
//! To send one message to many connections, see [`broadcasting`](super::broadcasting).
//!
//! # A peer that does not read
//!
//! If the peer does not read, the network buffers fill and `send` blocks. After [`Timeouts::write`](crate::Timeouts::write) without 64 KiB
//! of progress the connection fails for all threads, because a partly written frame cannot be withdrawn. Receiving continues while `send`
//! blocks. Two peers that send large messages to each other therefore do not deadlock, as long as both also receive.
