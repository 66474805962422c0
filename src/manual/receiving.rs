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
//! # Waiting for more than one thing
//!
//! A thread for each connection is the simplest: it receives, and passes the messages on. A channel then waits for all of them,
//! and for everything else that other threads send to it, with nothing but `std`:
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.send("news"))?;
//! # let urls = [server.url(), server.url()];
//! use std::sync::mpsc;
//! let (sender, receiver) = mpsc::channel();
//! for (number, url) in urls.into_iter().enumerate() {
//!     let (mut ws, sender) = (stdws::connect(url)?, sender.clone());
//!     std::thread::spawn(move || {
//!         while let Ok(Some(message)) = ws.recv() {
//!             let _ = sender.send((number, message));
//!         }
//!     });
//! }
//! drop(sender);
//! for (number, message) in receiver {
//!     println!("{number}: {message}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! One thread can also wait for many sockets, pipes and timers with `poll`, `epoll` or `WSAPoll`. `std` has no call for that, so it
//! comes from a crate: `rustix`, `polling`, `mio`. [`WebSocket`](crate::WebSocket) has the descriptor (`as_fd` on Unix, `as_socket`
//! on Windows) and the time that the wait may take ([`poll_timeout`](crate::WebSocket::poll_timeout)). The loop has two steps:
//!
//! 1. Receive from each connection until nothing is left.
//! 2. Wait until a socket is readable, at most for the shortest `poll_timeout`.
//!
//! ```
//! # #[cfg(unix)]
//! # mod unix {
//! use std::os::fd::BorrowedFd;
//! use std::time::Duration;
//! use stdws::{Error, Message, Step, WebSocket};
//!
//! type OnMessage<'a> = &'a mut dyn FnMut(&mut WebSocket, Message) -> stdws::Result<()>;
//!
//! /// Receives what has arrived. `false`: the connection was closed.
//! fn receive(ws: &mut WebSocket, on_message: OnMessage) -> stdws::Result<bool> {
//!     // With a bound, so that no peer keeps the others waiting.
//!     for _ in 0..100 {
//!         match ws.try_recv() {
//!             Ok(Some(message)) => on_message(ws, message)?,
//!             Ok(None) => return Ok(false),
//!             Err(Error::Timeout(Step::Receive)) => break, // nothing is left
//!             Err(error) => return Err(error),
//!         }
//!     }
//!     Ok(true)
//! }
//!
//! /// Receives until all connections have ended.
//! pub fn serve(mut connections: Vec<WebSocket>, on_message: OnMessage, wait: impl Fn(&[BorrowedFd<'_>], Duration)) {
//!     while !connections.is_empty() {
//!         connections.retain_mut(|ws| receive(ws, on_message).unwrap_or(false));
//!         let limit = connections.iter().map(WebSocket::poll_timeout).min().unwrap_or_default();
//!         let sockets: Vec<_> = connections.iter().filter_map(WebSocket::as_fd).collect();
//!         wait(&sockets, limit);
//!     }
//! }
//! # }
//! # #[cfg(unix)]
//! # fn main() -> stdws::Result<()> {
//! # use std::time::Duration;
//! # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
//! #     ws.send("question")?;
//! #     assert_eq!(ws.recv()?.unwrap(), "answer");
//! #     Ok(())
//! # })?;
//! # let connections = vec![stdws::connect(server.url())?, stdws::connect(server.url())?];
//! # let mut asked = 0;
//! # let mut on_message = |ws: &mut stdws::WebSocket, _| { asked += 1; ws.queue("answer") };
//! # unix::serve(connections, &mut on_message, |_, limit| std::thread::sleep(limit.min(Duration::from_millis(2))));
//! # assert_eq!(asked, 2);
//! # Ok(())
//! # }
//! # #[cfg(not(unix))]
//! # fn main() {}
//! ```
//!
//! With `rustix`, the wait is this. Without a crate, sleep for a few milliseconds, and never longer than `limit`:
//!
//! ```text
//! let mut polled: Vec<_> = sockets.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
//! let _ = rustix::event::poll(&mut polled, Timespec::try_from(limit).ok().as_ref());
//! ```
//!
//! | what can go wrong | what prevents it |
//! |---|---|
//! | a message was read together with another, or is inside the TLS engine: the socket is not readable | `poll_timeout` is zero until a read has found nothing |
//! | a message is longer than one read, or compressed | the same |
//! | no thread sends the Pings, and no thread notices that a peer is gone | a receive call after `poll_timeout` does both |
//! | queued messages, and bytes that a full network did not take | the same: zero, and 20 ms at most |
//! | a connection has ended: its socket stays readable | drop it after `None` or an error other than [`Step::Receive`](crate::Step::Receive) |
//! | [`close`](crate::WebSocket::close) waits for the peer | [`start_close`](crate::WebSocket::start_close), and then receive until `None` |
//! | [`send`](crate::WebSocket::send) waits for a peer that does not read, up to [`Timeouts::write`](crate::Timeouts::write) | [`queue`](crate::WebSocket::queue) waits only above 128 KiB; a [`Hub`](crate::Hub) never |
//! | the thread has to be woken, for a new connection or a message of another thread | a descriptor of its own in the same `poll`: a pipe, or one of two connected sockets |
//!
//! On a server, a handler can pass its [`WebSocket`](crate::WebSocket) through a channel to the thread that polls, and return. The
//! connection then no longer counts for [`max_connections`](crate::Server::max_connections), and a shutdown does not close it. A
//! stream of your own ([`SplitStream`](crate::SplitStream)) has no descriptor, because a thread reads it ahead. For it, use the
//! channel above.
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
