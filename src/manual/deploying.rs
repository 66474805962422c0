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
//!         path if request.is_websocket() && path != "/chat" => Decision::reject(404),
//!         // One with settings of its own.
//!         "/chat" => Accept::new().limits(Limits::with_max_message_size(4 << 10)).into(),
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
//! | [`max_connections`](crate::Server::max_connections) | as many as fit the system, at most 16,384 | 503 |
//! | [`max_handshakes`](crate::Server::max_handshakes) | 4,096 | 503 |
//! | [`max_per_address`](crate::Server::max_per_address) | off, for proxies that are not trusted have one address for all | 429 |
//! | [`Timeouts::handshake`](crate::Timeouts::handshake) | 10 s | nothing; the connection ends |
//!
//! An idle connection takes some 20 KiB of memory. How many connections fit is computed on Linux when the server starts, and
//! caps an explicit [`max_connections`](crate::Server::max_connections) too. The smallest row holds:
//!
//! | a connection needs | the limit | common value | fits | raise it with |
//! |---|---|---|---|---|
//! | 6 memory mappings | `vm.max_map_count` | 65,530 | some 10,500 | `sysctl vm.max_map_count=262144` |
//! | a descriptor (two during a TLS handshake) | open files | 1,024 | some 880 | `ulimit -n`, `LimitNOFILE=` of systemd |
//! | a thread | threads of the user, the control group, the system | 4,915 for a service | some 4,600 | `ulimit -u`, `TasksMax=`, `pids.max`, `kernel.threads-max`, `kernel.pid_max` |
//! | its [`stack`](crate::Server::stack_size) and 256 KiB of addresses | address space | none | | `ulimit -v` |
//!
//! The mappings are four for the thread and two for large messages. They matter most: `std` aborts the process when it cannot
//! map the signal stack of a new thread. A part of each resource stays reserved for the application. One that maps more than
//! 2,000 areas after the start, or runs with `vm.overcommit_memory=2`, sets a lower `max_connections`.
//!
//! Before a server starts a thread, it also looks at the number of threads of the process. Other servers and the threads of
//! handlers therefore count. Where no more fit, connections are answered 503; when descriptors run out, they wait. Open
//! connections are not disturbed, and the server needs no restart.
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
//! [`ServerHandle::shutdown`](crate::ServerHandle::shutdown) stops listening, tells everybody 1001, waits for their answers, cuts off
//! who is left at the deadline, and joins every thread. It returns within half a second after the deadline, whatever peers
//! and handlers do, with the counts. Clients that reconnect all at once are a burst for whoever comes next:
//! [`shutdown_spread`](crate::ServerHandle::shutdown_spread) tells them one after the other.
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
//! [`ServerHandle::stop`](crate::ServerHandle::stop), or dropping it, only stops listening: connections go on until their handlers return.
