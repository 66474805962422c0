//! Connecting again after a connection was lost (RFC 6455 section 7.2.3).
//!
//! [`Client::reconnect`](crate::Client::reconnect) is an iterator of connections. Each step waits until the next attempt is
//! due, and tries until a connection is open:
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
//!     ws.send("subscribe")?; // each connection begins anew: say again what the server has to know
//!     while let Some(message) = ws.recv()? {
//!         println!("{message}");
//!     }
//!     Ok(())
//! }
//!
//! for connection in Client::new(&url)?.reconnect(Backoff::default()) {
//!     if let Err(error) = follow(connection?) {
//!         eprintln!("lost: {error}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # When
//!
//! The first connection is tried at once. After a loss the delay is drawn at random from 0 to 5 s, then 5 to 10, 10 to 20, and
//! so on up to 150 to 300 s: thousands of clients that lost a server together must not come back together. A connection that
//! lasted for a minute begins the row again; one that is opened and thrown out does not. [`Backoff`](crate::Backoff) has the
//! numbers. A server that asks for more patience gets it: `Retry-After` up to an hour, Close 1012 and 1013.
//!
//! # Whether
//!
//! The table at [`Disconnect::retry`](crate::Disconnect::retry) decides. In short: what may be better next time is tried again (the network,
//! 5xx, a Close that says "later"), what will not be is the last item (4xx, a wrong URL), and Close 1000 ends the iteration, for
//! it says that all is done. [`Backoff::policy`](crate::Backoff::policy) puts a closure in place of the table, which sees every
//! loss; that is also where to write a log. [`Reconnect::last_disconnect`](crate::Reconnect::last_disconnect) tells why the iteration was over.
//!
//! # Stopping
//!
//! `break` ends it from within. From elsewhere a [`ReconnectHandle`](crate::ReconnectHandle) does, also while the iterator waits:
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
//! handle.stop(); // says goodbye on the connection that is open, and there will be no other
//! thread.join().unwrap();
//! # Ok(())
//! # }
//! ```
//!
//! `cargo run --example client -- --reconnect ws://...` is a terminal that finds its server again.
//!
//! # What it does not do
//!
//! What was sent on a connection that was lost may or may not have arrived, and what the server sent meanwhile is gone: only the
//! two applications can know what to say again. A usual way is to number the messages, and to begin each connection with the
//! number of the last one received.
