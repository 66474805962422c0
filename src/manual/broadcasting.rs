//! Broadcasting: one message to many connections without waiting for any.
//!
//! A loop over [`Sender`](crate::Sender)s waits for the slowest peer. A peer that does not read delays all others by
//! [`Timeouts::write`](crate::Timeouts::write). A [`Hub`](crate::Hub) never waits for a member. It queues what a member's connection does not
//! accept yet, and its single thread writes to connections that have room.
//!
//! | call | recipients |
//! |---|---|
//! | [`Hub::broadcast`](crate::Hub::broadcast) | all members |
//! | [`Member::broadcast`](crate::Member::broadcast) | all members except this one |
//! | [`Hub::publish`](crate::Hub::publish), [`Member::publish`](crate::Member::publish) | the subscribers of a topic; the second call excludes this member |
//! | [`Member::send`](crate::Member::send) | this member, in order with broadcast messages |
//!
//! All calls return at once, with the number of members for which the message was queued. A chat with rooms:
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! let hub = stdws::Hub::new()?;
//! let server = stdws::Server::bind("127.0.0.1:0")?.start(move |mut ws| {
//!     let member = hub.add(ws.sender());
//!     // HubLimits::max_topic_length bounds a name that comes from a peer.
//!     let room = ws.request().map_or("/", |request| request.target()).to_owned();
//!     member.subscribe(&room)?;
//!     member.send("welcome");
//!     while let Some(message) = ws.recv()? {
//!         member.publish(&room, &message);
//!     }
//!     Ok(()) // dropping `member` removes its subscriptions
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
//! # Slow members
//!
//! Messages that a connection does not accept yet wait in the member's queue, up to
//! [`HubLimits::max_queue_bytes`](crate::HubLimits::max_queue_bytes). [`OverflowPolicy`](crate::OverflowPolicy) decides what happens when the queue is full:
//!
//! | policy | effect on the member | use |
//! |---|---|---|
//! | `Close(code)`, with 1013 the default | is closed, and may reconnect | chats, logs: no message is missed unnoticed |
//! | `DropNewest` | misses this message | messages that may be missed |
//! | `DropOldest` | misses the oldest queued message | prices, positions: only the newest matter |
//!
//! A peer that reads less than 64 KiB within [`Timeouts::write`](crate::Timeouts::write) while its network buffer is full is disconnected,
//! as with any other sender.
//!
//! # Delivery counts
//!
//! [`Member::stats`](crate::Member::stats) and [`Hub::stats`](crate::Hub::stats) count each message for a member once: waiting,
//! sent, dropped or lost. *Sent* means that the kernel has the message. Only an answer of the peer's program shows that it was read.
//! [`Hub::flush`](crate::Hub::flush) waits until all queues are empty, for use before a program ends.
//!
//! # Order
//!
//! All members receive broadcast messages in the same order, even when several threads broadcast. There is no order between a
//! broadcast message and one sent with [`Sender::send`](crate::Sender::send); use `Member::send` where order matters. A broadcast never
//! interrupts a message that is being sent as a stream; it waits for the end of that message.
//!
//! # Memory and time
//!
//! A message is encoded and stored once, for any number of members. With compression it is encoded once more for each window size
//! and level among the members, and each copy is compressed independently. A message that is too short to compress, or that does
//! not get shorter, is sent uncompressed. A connection that sends only broadcast messages does not need the 192 KiB of a
//! compressor. [`HubLimits`](crate::HubLimits) documents the bound.
//!
//! A hub does not receive. Each connection needs a thread that receives, because that thread answers Pings and notices the end. A
//! handler that calls `recv` is enough; [`WebSocket::into_sender`](crate::WebSocket::into_sender) starts such a thread.
//!
//! `cargo run --release --example bench -- --server` measures how many connections a machine carries.
