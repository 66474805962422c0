//! Testing: a handler without a network, and a peer that breaks the protocol.
//!
//! # A handler without a network
//!
//! [`SplitStream::pair`](crate::SplitStream::pair) returns the two ends of a stream in memory. One end becomes a server's connection,
//! the other one a client's. Both have all limits and timeouts of a connection over TCP. No port is bound, so tests can run at the
//! same time.
//!
//! ```
//! use stdws::{Client, Server, SplitStream, WebSocket};
//!
//! // The handler under test.
//! fn count(mut ws: WebSocket) -> stdws::Result<()> {
//!     while let Some(message) = ws.recv()? {
//!         ws.send(message.len().to_string())?;
//!     }
//!     Ok(())
//! }
//!
//! # fn main() -> stdws::Result<()> {
//! let (near, far) = SplitStream::pair();
//! let handler = std::thread::spawn(move || match Server::without_listener().accept_over(far)? {
//!     Some(ws) => count(ws),
//!     None => Err("a hook has answered the request".into()),
//! });
//! let mut ws = Client::new("ws://localhost/count")?.connect_over(near)?;
//! ws.send("hello")?;
//! assert_eq!(ws.recv()?.unwrap(), "5");
//! ws.close(1000, "")?;
//! handler.join().expect("the handler does not panic")?;
//! # Ok(())
//! # }
//! ```
//!
//! The settings of the server take part: hooks, origins and subprotocols. Only what belongs to the network does not: the addresses,
//! and [`max_connections`](crate::Server::max_connections). For these, bind port 0 of the loopback address and connect to
//! [`ServerHandle::url`](crate::ServerHandle::url).
//!
//! # Time
//!
//! A test of a timeout sets a short one instead of waiting for the default:
//!
//! ```
//! use std::time::Duration;
//! use stdws::{Client, Error, Server, SplitStream, Step, Timeouts};
//!
//! # fn main() -> stdws::Result<()> {
//! let (near, far) = SplitStream::pair();
//! // The server keeps the connection and never reads, so it answers no Ping.
//! let server = std::thread::spawn(move || Server::without_listener().accept_over(far));
//! let short = Duration::from_millis(20);
//! let timeouts = Timeouts { ping_interval: short, pong_timeout: short, ..Timeouts::default() };
//! let mut ws = Client::new("ws://localhost/")?.timeouts(timeouts).connect_over(near)?;
//! let silent = server.join().expect("no panic")?;
//! assert!(matches!(ws.recv(), Err(Error::Timeout(Step::Keepalive))));
//! # drop(silent);
//! # Ok(())
//! # }
//! ```
//!
//! # A server that misbehaves
//!
//! The other end of a pair is also a `Read` and a `Write`. The opening handshake needs one value of the request:
//! [`accept_key`](crate::handshake::server::accept_key) computes the answer to it. After that, any bytes can be sent. The
//! [`codec`](crate::codec) makes the frames that are correct.
//!
//! ```
//! use std::io::{Read, Write};
//! use stdws::codec::encoder::Encoder;
//! use stdws::codec::frame::{Opcode, Role};
//! use stdws::handshake::{http::{HeadParser, Progress}, server::accept_key};
//! use stdws::{Client, Error, MessageKind, SplitStream};
//!
//! /// Reads the request and accepts it.
//! fn accept(peer: &mut SplitStream) -> stdws::Result<()> {
//!     let (mut parser, mut byte) = (HeadParser::request(), [0]);
//!     while {
//!         peer.read_exact(&mut byte)?;
//!         parser.feed(&byte).map_err(Error::other)? == Progress::More
//!     } {}
//!     let head = parser.finish().ok_or("the head is not complete")?;
//!     let key = std::str::from_utf8(head.get("Sec-WebSocket-Key").unwrap_or_default())?;
//!     let accept = accept_key(key);
//!     let response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
//!     write!(peer, "{response}Sec-WebSocket-Accept: {accept}\r\n\r\n")?;
//!     Ok(())
//! }
//!
//! # fn main() -> stdws::Result<()> {
//! let (near, mut far) = SplitStream::pair();
//! let server = std::thread::spawn(move || -> stdws::Result<()> {
//!     accept(&mut far)?;
//!     let (mut encoder, mut frames) = (Encoder::new(Role::Server), Vec::new());
//!     encoder.encode(&mut frames, Opcode::Data(MessageKind::Text), b"correct")?;
//!     // A second frame with a reserved bit, which RFC 6455 section 5.2 forbids.
//!     frames.extend_from_slice(&[0x81 | 0x40, 0]);
//!     far.write_all(&frames)?;
//!     // Keeps the stream open until the client has ended it.
//!     std::io::copy(&mut far, &mut std::io::sink())?;
//!     Ok(())
//! });
//! let mut ws = Client::new("ws://localhost/")?.connect_over(near)?;
//! assert_eq!(ws.recv()?.unwrap(), "correct");
//! assert!(matches!(ws.recv(), Err(Error::Protocol(_))));
//! drop(ws);
//! server.join().expect("no panic")?;
//! # Ok(())
//! # }
//! ```
//!
//! A client that misbehaves is written the same way: write a request, read the head of the response, and send frames of
//! `Role::Client`. [`explain`](crate::explain) shows what both sides have sent.
//!
//! # How strong the tests of this crate are
//!
//! `tests/mutation/run` changes the code of the crate in one place at a time, and sees a test fail: another operator, a number that
//! is one more or less, a negated condition, a statement, an early return or an arm of a `match` that is missing, a fixed result. One
//! build contains all these mutants. A mutant costs only the tests that reach it.
//!
//! | file | contains |
//! |---|---|
//! | `tests/mutation/survivors.tsv` | mutants that no test notices, each with the reason |
//! | `tests/mutation/results/files.tsv` | the counts for each file whose mutants have all been run |
//! | `tests/mutation/results/programs.tsv` | mutants that no unit test notices, but a program of `tests`, each with its name |
//! | `tests/mutation/results/open.tsv` | survivors that still need a test or a reason |
//!
//! All mutants were run on 2026-11-28, from one build, and those of files that changed afterwards again. `tests/mutation/run --check` fails if a file of the code was not run, or has
//! another number of mutants or explained survivors since. The sums of `files.tsv`:
//!
// mutants: begin
//! | verdict | mutants |
//! |---|---|
//! | mutants | 10438 |
//! | test fails | 8666 |
//! | timeout | 819 |
//! | noticed by a program of tests/ | 412 |
//! | explained | 469 |
//! | not explained | 0 |
//! | does not compile | 72 |
// mutants: end
//!
//! Not mutated are constant functions, patterns, the definitions of constants, `Debug`, and code for other systems; uses of integer
//! constants are. With some mutants a test does not end. It is stopped and counts as noticed: after four times its usual time of the
//! processor and three seconds more, or when it has waited for eight times its usual time and 15 seconds more. One that computes
//! then, or that waits for a processor, has four times as long. CI runs 250 other mutants each day, and 25 of those that only a
//! program notices.
