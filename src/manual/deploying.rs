//! A server one can leave running.
//!
//! # One port, HTTP too
//!
//! Load balancers ask for `/health`, browsers for a page, and only then for a WebSocket. [`Server::http`](crate::Server::http)
//! answers what does not ask for one; without it the answer is 426. [`Server::on_request`](crate::Server::on_request) decides
//! about every request before anything is said:
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! use stdws::{Accept, Decision, Limits, Response, Server};
//! let server = Server::bind("127.0.0.1:0")?
//!     .http(|request| match request.path() {
//!         "/" => Response::html(200, "<!doctype html><title>Chat</title>"),
//!         "/health" => Response::text(200, "ok"),
//!         _ => Response::text(404, "not here"),
//!     })
//!     .on_request(|request| match request.path() {
//!         // A WebSocket that is not wanted.
//!         path if request.is_websocket() && path != "/chat" => Decision::refuse(404),
//!         // One with settings of its own.
//!         "/chat" => Accept::new().limits(Limits::message(4 << 10)).into(),
//!         // All else as it would be without this hook.
//!         _ => Decision::accept(),
//!     });
//! # drop(server);
//! # Ok(())
//! # }
//! ```
//!
//! | a request | is answered |
//! |---|---|
//! | that is not HTTP/1.x, or has a missing, repeated or malformed `Host` (HTTP/1.0 may have none) | 400, 431, 505 |
//! | for a WebSocket that is not in order (RFC 6455 section 4.2.1) | 400, 405, 426, 505 |
//! | for a WebSocket, from a page that is not welcome (RFC 6455 section 10.2) | 403 |
//! | any other | as `on_request` decides; if it accepts: |
//! | ... for a WebSocket | 101 |
//! | ... GET or HEAD, plain | as `http` answers; 426 without that hook |
//! | ... any other method, plain | 405 |
//! | that makes a hook panic, or gets an answer from it that cannot be sent | 500 |
//!
//! Bodies of requests are not read but by those who take the stream over ([`Decision::hand_over`](crate::Decision::hand_over)).
//! Every answer closes the connection, so a body that was not read cannot be taken for a request. Answers, large pages
//! included, have to be out within [`Timeouts::handshake`](crate::Timeouts::handshake).
//!
//! # Who is let in
//!
//! | setting | default | more are answered |
//! |---|---|---|
//! | [`max_connections`](crate::Server::max_connections) | 16,384 | 503 |
//! | [`max_handshakes`](crate::Server::max_handshakes) | 4,096 | 503 |
//! | [`max_per_address`](crate::Server::max_per_address) | off, for proxies that are not trusted have one address for all | 429 |
//! | [`Timeouts::handshake`](crate::Timeouts::handshake) | 10 s | nothing; the connection ends |
//!
//! What the system has to give for each connection: a descriptor (`ulimit -n`, `LimitNOFILE=` of systemd; 1,024 is a common
//! default), a thread (`TasksMax=`, `pids.max`), some 20 KiB of memory while it is idle, and its stack in address space
//! ([`stack_size`](crate::Server::stack_size)). When descriptors are used up, those who knock wait; when there is no room for a
//! thread, they are answered 503. Those who are open are not disturbed, and nothing has to be started again.
//!
//! # Panics
//!
//! A handler that panics closes its connection with 1011, and nothing else. A hook that panics is a 500. The message goes
//! where the panic hook of the process sends it. (With `panic = "abort"` in Cargo.toml the process ends instead.)
//!
//! # Unix sockets
//!
//! Behind a proxy on the same machine, [`Server::bind_unix`](crate::Server::bind_unix) needs no port, and the permissions of
//! the folder say who may connect.
//!
//! # Shutting down
//!
//! [`Running::shutdown`](crate::Running::shutdown) stops listening, tells everybody 1001, waits for their answers, cuts off
//! who is left at the deadline, and joins every thread. It returns within half a second after the deadline, whatever peers
//! and handlers do, with the counts. Clients that reconnect all at once are a burst for whoever comes next:
//! [`shutdown_spread`](crate::Running::shutdown_spread) tells them one after the other.
//!
//! A handler has nothing to do for that: `recv` gives `None`, and sending fails. One that waits for something else, a channel
//! or a lock, is not woken, and is counted in [`threads_left`](crate::ShutdownReport::threads_left); wait with a limit, and look
//! at [`Sender::is_open`](crate::Sender::is_open).
//!
//! `std` has no signals, and a process ends by SIGTERM and ctrl-C without a word. What can be had without another crate is
//! the end of the standard input: [`ShutdownHandle`](crate::ShutdownHandle) has the code, the example `echo_server` does it with
//! `--until-stdin-ends`, and a shell turns signals into it:
//!
//! ```sh
//! mkfifo stop
//! (trap '' INT TERM; exec server --until-stdin-ends <stop) &  # the server itself hears no signal
//! exec 3>stop
//! trap 'exec 3>&-' INT TERM                                   # a signal ends its input
//! wait; wait
//! ```
//!
//! With a crate for signals, its thread calls [`ShutdownHandle::shutdown`](crate::ShutdownHandle::shutdown).
//! [`Running::stop`](crate::Running::stop), or dropping it, only stops listening: connections go on until their handlers return.
