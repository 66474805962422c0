//! Receiving.
//!
//! # Waiting
//!
//! [`recv`](crate::WebSocket::recv) waits for a message. It may wait for long, but never for a peer that is gone: after
//! [`Timeouts::ping_interval`](crate::Timeouts::ping_interval) of silence it sends a Ping, and if not one byte comes within
//! [`Timeouts::pong_timeout`](crate::Timeouts::pong_timeout) after that, it fails. A message that has begun must go on
//! ([`Timeouts::message`](crate::Timeouts::message)).
//!
//! [`recv_timeout`](crate::WebSocket::recv_timeout) gives up earlier, [`try_recv`](crate::WebSocket::try_recv) at once. Neither loses
//! anything, even in the middle of a frame: the next call goes on where it stopped. So one thread can poll many connections,
//! whatever their peers do.
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
//! In a loop, match on [`Step::Receive`](crate::Step::Receive) and not on any timeout: after one of
//! [`Timeouts`](crate::Timeouts) the connection is over, and every further call gives that error at once.
//!
//! A program that does not receive does not answer Pings, nor notice the end. Who only sends uses
//! [`into_sender`](crate::WebSocket::into_sender).
//!
//! # Without allocating
//!
//! [`recv_ref`](crate::WebSocket::recv_ref) lends the message. To answer while it is lent, take a sender first:
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
//! [`recv_stream`](crate::WebSocket::recv_stream) gives a message as [`Read`](std::io::Read). No limit on size applies, since nothing is kept.
