//! Receiving: waiting, time limits, borrowed messages, streams.
//!
//! # Waiting
//!
//! [`recv`](crate::WebSocket::recv) waits for a message. It blocks for as long as the peer stays responsive, and never for a peer
//! that is gone. After [`Timeouts::ping_interval`](crate::Timeouts::ping_interval) of silence it sends a Ping. If no byte arrives within
//! [`Timeouts::pong_timeout`](crate::Timeouts::pong_timeout) after that, it fails. A message that has started must make progress
//! within [`Timeouts::message`](crate::Timeouts::message).
//!
//! [`recv_timeout`](crate::WebSocket::recv_timeout) returns after the given time, [`try_recv`](crate::WebSocket::try_recv) at once. Neither
//! loses data, even in the middle of a frame: the next call continues where the last one stopped. One thread can therefore poll
//! many connections, whatever their peers do.
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
//! #     while let Some(message) = ws.recv()? { ws.send(&message)?; }
//! #     Ok(())
//! # })?;
//! # let url = server.url();
//! use std::time::Duration;
//! use stdws::{Error, Step};
//! let mut ws = stdws::connect(&url)?;
//! match ws.recv_timeout(Duration::from_millis(50)) {
//!     Ok(Some(message)) => println!("{message}"),
//!     Ok(None) => println!("closed"),
//!     Err(Error::Timeout(Step::Receive)) => println!("nothing yet"),
//!     Err(error) => return Err(error),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! In a loop, match on [`Step::Receive`](crate::Step::Receive) and not on every timeout. A timeout of
//! [`Timeouts`](crate::Timeouts) ends the connection, and every further call returns that error at once.
//!
//! A program that does not receive neither answers Pings nor notices the end of the connection. A program that only sends uses
//! [`into_sender`](crate::WebSocket::into_sender), which receives on a background thread.
//!
//! # Without allocating
//!
//! [`recv_ref`](crate::WebSocket::recv_ref) returns a borrowed message. To answer while it is borrowed, create a sender first:
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
//!     let sender = ws.sender();
//!     while let Some(message) = ws.recv_ref()? {
//!         sender.queue(message)?; // written when there is nothing more to read
//!     }
//!     Ok(())
//! })?;
//! # let mut ws = stdws::connect(&server.url())?;
//! # ws.send("x")?;
//! # assert_eq!(ws.recv()?.unwrap().as_text(), Some("x"));
//! # Ok(())
//! # }
//! ```
//!
//! # Messages larger than memory
//!
//! [`recv_stream`](crate::WebSocket::recv_stream) returns a message as a [`Read`](std::io::Read). No size limit applies, because nothing is
//! kept in memory.
