//! Broadcasting.
//!
//! A loop over [`Sender`](crate::Sender)s waits for the slowest of them, and one who does not read holds up all others for
//! [`Timeouts::write`](crate::Timeouts::write). A [`Hub`](crate::Hub) waits for nobody: it keeps what a member does not take yet, and its one
//! thread writes where there is room.
//!
//! | call | who gets it |
//! |---|---|
//! | [`Hub::broadcast`](crate::Hub::broadcast) | all members |
//! | [`Member::broadcast`](crate::Member::broadcast) | all but this one |
//! | [`Hub::publish`](crate::Hub::publish), [`Member::publish`](crate::Member::publish) | those who subscribed to a topic; the second, without this one |
//! | [`Member::send`](crate::Member::send) | this one, in order with what is broadcast |
//!
//! All return at once, with the number of members the message was queued for. A chat with rooms:
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! let hub = stdws::Hub::new()?;
//! let server = stdws::Server::bind("127.0.0.1:0")?.start(move |mut ws| {
//!     let member = hub.add(ws.sender());
//!     // A name that comes from a peer is bounded by HubLimits::max_topic_length.
//!     let room = ws.request().map_or("/", |request| request.target()).to_owned();
//!     member.subscribe(&room)?;
//!     member.send("welcome");
//!     while let Some(message) = ws.recv()? {
//!         member.publish(&room, &message);
//!     }
//!     Ok(()) // `member` is dropped, and with it what it subscribed to
//! })?;
//! # let url = server.url();
//! # let mut all = Vec::new();
//! # for room in ["/tea", "/tea", "/coffee"] {
//! #     let mut ws = stdws::connect(&format!("{url}{room}"))?;
//! #     assert_eq!(ws.recv()?.unwrap().as_text(), Some("welcome"));
//! #     all.push(ws);
//! # }
//! # all[0].send("hello, tea")?;
//! # assert_eq!(all[1].recv()?.unwrap().as_text(), Some("hello, tea"));
//! # assert!(all[2].try_recv().is_err() && all[0].try_recv().is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # Who is slow
//!
//! What a member has not taken waits in its backlog, up to [`HubLimits::max_queue_bytes`](crate::HubLimits::max_queue_bytes). When that is full,
//! [`OverflowPolicy`](crate::OverflowPolicy) says what is done:
//!
//! | | the member | fit for |
//! |---|---|---|
//! | `Close(code)`, with 1013 the default | is closed, and comes back when it can | a chat, a log: nothing is missed unknowingly |
//! | `DropNewest` | misses this message | what can be missed |
//! | `DropOldest` | misses what has waited longest | prices, positions: only the newest matter |
//!
//! A peer that takes less than 64 KiB in [`Timeouts::write`](crate::Timeouts::write) while its network is full is cut off, as by any other sender.
//!
//! # What became of it
//!
//! [`Member::stats`](crate::Member::stats) and [`Hub::stats`](crate::Hub::stats) count each message meant for a member once: waiting,
//! sent, dropped or lost. *Sent* means that the kernel has it; that the peer's program has read it, only an answer of that program can tell.
//! [`Hub::flush`](crate::Hub::flush) waits until nothing waits, before a program ends.
//!
//! # Order
//!
//! All members get what is broadcast in the same order, also when several threads broadcast. Between a message that is broadcast
//! and one that is sent with [`Sender::send`](crate::Sender::send) there is none: use `Member::send` where it matters. A message
//! that is being sent as a stream is never interrupted; what is broadcast meanwhile waits for its end.
//!
//! # Memory and time
//!
//! A message is encoded once, and kept once, however many members it waits for. With
//! compression it is encoded once more for each window size and level among the members, and each copy is compressed by
//! itself; a message too short to be compressed, or that gets no shorter, goes as it is. Who sends nothing else on a compressing
//! connection never needs the 192 KiB of a compressor for it. The bound is in [`HubLimits`](crate::HubLimits).
//!
//! A hub does not receive: each connection needs a thread that does, or nobody answers Pings and notices the end. A
//! handler that calls `recv` is one; [`WebSocket::into_sender`](crate::WebSocket::into_sender) starts one.
//!
//! How many connections one machine carries, `cargo run --release --example bench -- --server` tells.
