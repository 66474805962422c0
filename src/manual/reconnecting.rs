//! Reconnecting after a connection was lost (RFC 6455 section 7.2.3).
//!
//! [`Client::reconnect`](crate::Client::reconnect) is an iterator of connections. Each step waits until the next attempt is
//! due, and repeats until a connection is open:
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
//! #     ws.recv()?;
//! #     ws.send("news")?;
//! #     ws.close(stdws::CloseCode::NORMAL, "").map(drop)
//! # })?;
//! # let url = server.url();
//! use stdws::{Backoff, Client, WebSocket};
//!
//! fn follow(mut ws: WebSocket) -> stdws::Result<()> {
//!     ws.send("subscribe")?; // a new connection has no state: subscribe again
//!     while let Some(message) = ws.recv()? {
//!         println!("{message}");
//!     }
//!     Ok(())
//! }
//!
//! for connection in Client::new(&url)?.reconnect(Backoff::default()) {
//!     match connection {
//!         Ok(ws) => follow(ws).unwrap_or_else(|error| eprintln!("lost: {error}")),
//!         Err(error) => println!("ended: {error}"), // the last item: "the connection is closed: 1000"
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Delays
//!
//! The first attempt is made at once. After a loss the delay is random between 0 and 5 s, then 5 and 10, 10 and 20, and so on up to
//! 150 and 300 s. Random delays keep thousands of clients that lost a server from returning at the same time. A connection that
//! lasted for a minute resets the delays; a shorter one does not. [`Backoff`](crate::Backoff) holds the numbers. A server can ask
//! for longer delays by `Retry-After` (up to an hour) and by Close 1012 and 1013.
//!
//! # Policy
//!
//! The table at [`Disconnect::retry`](crate::Disconnect::retry) decides. Failures that may be temporary are retried: the network, 5xx, a
//! Close that asks to try later. Permanent failures are the last item: 4xx, an invalid URL. Close 1000 ends the iteration, because
//! it says that the work is done. If the server sent it and this side had not requested it, it is the last item too: some servers and
//! proxies close idle connections with 1000. A policy distinguishes the two by
//! [`Disconnect::closed_by_peer`](crate::Disconnect::closed_by_peer). [`Backoff::policy`](crate::Backoff::policy) replaces the table by a closure, which sees every
//! loss and can log it. [`Reconnect::last_disconnect`](crate::Reconnect::last_disconnect) says why the iteration ended.
//!
//! # A fresh token or URL
//!
//! [`Reconnect::client`](crate::Reconnect::client) takes a closure that returns the [`Client`](crate::Client) of each attempt.
//!
//! # Stopping
//!
//! `break` ends the iteration. From another thread a [`ReconnectHandle`](crate::ReconnectHandle) ends it, even while the iterator waits:
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
//! #     while ws.recv()?.is_some() {}
//! #     Ok(())
//! # })?;
//! # let url = server.url();
//! use stdws::{Backoff, Client};
//! let connections = Client::new(&url)?.reconnect(Backoff::default());
//! let handle = connections.handle();
//! let thread = std::thread::spawn(move || {
//!     for connection in connections {
//!         let Ok(mut ws) = connection else { return };
//!         while let Ok(Some(message)) = ws.recv() { println!("{message}"); }
//!     }
//! });
//! // ... and at the end of the program:
//! handle.stop(); // closes the open connection, and prevents another
//! thread.join().unwrap();
//! # Ok(())
//! # }
//! ```
//!
//! `cargo run --example client -- --reconnect ws://...` is a terminal client that reconnects.
//!
//! # What reconnecting cannot do
//!
//! Messages sent on a lost connection may or may not have arrived, and messages that the server sent meanwhile are lost. Only the
//! two applications know what to repeat. A common way is to number the messages, and to start each connection with the number of
//! the last message received.
