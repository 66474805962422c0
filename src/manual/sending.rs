//! Sending.
//!
//! | call | returns when | one write |
//! |---|---|---|
//! | [`send`](crate::WebSocket::send) | the kernel has the message | a message |
//! | [`queue`](crate::WebSocket::queue) | at once, until 64 KiB are queued | as many as there are |
//! | [`send_stream`](crate::WebSocket::send_stream) | the kernel has the fragment | a fragment of 16 KiB |
//!
//! A header and its payload go out together. A client's messages above 128 KiB are masked and written in pieces of 128 KiB,
//! because masking needs a copy and memory is bounded.
//!
//! What is queued is written when a call that receives finds no further message in its buffer: an answering program that
//! queues makes one read and one write for a whole batch of questions.
//!
//! # From several threads
//!
//! [`sender`](crate::WebSocket::sender) gives a [`Sender`](crate::Sender). Messages of several threads never mix. If one
//! thread is in the middle of writing, another waits for it at most [`Timeouts::write`](crate::Timeouts::write).
//!
//! One message to many connections: [`broadcasting`](super::broadcasting).
//!
//! # A peer that does not read
//!
//! Then the network fills up, and a send waits. After [`Timeouts::write`](crate::Timeouts::write) without 64 KiB of progress the connection is
//! failed for everybody: half a frame cannot be taken back. Receiving goes on while a send waits, so two peers that send large
//! messages at each other do not lock each other up, as long as each of them also receives.
