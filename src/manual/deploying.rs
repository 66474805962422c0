//! Deploying: long-running servers.
//!
//! # HTTP on the same port
//!
//! Load balancers request `/health` and browsers request a page before they open a WebSocket. [`Server::http`](crate::Server::http)
//! answers plain HTTP requests; without it the response is 426. [`Server::on_request`](crate::Server::on_request) decides about
//! every request before any response is sent:
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
//!         // Rejects WebSockets on other paths.
//!         path if request.is_websocket() && path != "/chat" => Decision::reject(404),
//!         // Accepts with settings for this connection.
//!         "/chat" => Accept::new().limits(Limits::with_max_message_size(4 << 10)).into(),
//!         // Handles everything else as without this hook.
//!         _ => Decision::accept(),
//!     });
//! # drop(server);
//! # Ok(())
//! # }
//! ```
//!
//! | request | response |
//! |---|---|
//! | not HTTP/1.x, or with a missing, repeated or malformed `Host` (HTTP/1.0 may have none) | 400, 505 |
//! | a request line, or a head, beyond [`Limits::max_head_size`](crate::Limits::max_head_size) or [`max_head_fields`](crate::Limits::max_head_fields) | 414, 431 |
//! | an invalid WebSocket request (RFC 6455 section 4.2.1) | 400, 405, 426, 505 |
//! | a WebSocket request from an origin that is not allowed (RFC 6455 section 10.2) | 403 |
//! | any other | as `on_request` decides; if it accepts: |
//! | ... a WebSocket request | 101 |
//! | ... plain GET or HEAD | the response of `http`; 426 without that hook |
//! | ... plain request with another method | 405 |
//! | any for which a hook panics or returns an invalid response | 500 |
//!
//! The server does not read request bodies; [`Decision::hand_over`](crate::Decision::hand_over) gives the stream to code that does.
//! Every response closes the connection, so an unread body cannot be mistaken for another request. Responses, including large
//! pages, must be written within [`Timeouts::handshake`](crate::Timeouts::handshake).
//!
//! # Limits on requests
//!
//! The head of a request may have 64 KiB and 100 fields. One line may take all of it: a Kerberos token, or the cookies of a large
//! site. A server keeps the head as long as the connection, so a lower limit bounds its memory before a client is authenticated.
//! A server for tokens of more than about 60 KiB needs a higher one:
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! use stdws::{Client, Limits, Server};
//! let limits = Limits { max_head_size: 128 << 10, ..Limits::server() };
//! let server = Server::bind("127.0.0.1:0")?.limits(limits).start(|mut ws| {
//!     let token = ws.request().and_then(|request| request.header("Authorization")).map_or(0, str::len);
//!     ws.send(format!("a token of {token} bytes"))
//! })?;
//! let client = Client::new(server.url())?.header("Authorization", &format!("Negotiate {}", "A".repeat(90_000)))?;
//! assert_eq!(client.connect()?.recv()?.unwrap(), "a token of 90010 bytes");
//! # Ok(())
//! # }
//! ```
//!
//! # Limits on connections
//!
//! | setting | default | response beyond it |
//! |---|---|---|
//! | [`max_connections`](crate::Server::max_connections) | as many as fit the system, at most 16,384 | 503 |
//! | [`max_handshakes`](crate::Server::max_handshakes) | 4,096 | 503 |
//! | [`max_per_address`](crate::Server::max_per_address) | off, because untrusted proxies have one address for all clients | 429 |
//! | [`Timeouts::handshake`](crate::Timeouts::handshake) | 10 s | nothing; the connection ends |
//!
//! An idle connection uses about 20 KiB of memory. On Linux the server computes at its start how many connections fit. The result
//! also caps an explicit [`max_connections`](crate::Server::max_connections). The smallest row applies:
//!
//! | a connection needs | the limit | common value | fits | raise it with |
//! |---|---|---|---|---|
//! | 6 memory mappings | `vm.max_map_count` | 65,530 | about 10,500 | `sysctl vm.max_map_count=262144` |
//! | a descriptor (two during a TLS handshake) | open files | 1,024 | about 880 | `ulimit -n`, `LimitNOFILE=` of systemd |
//! | a thread | threads of the user, the control group, the system | 4,915 for a service | about 4,600 | `ulimit -u`, `TasksMax=`, `pids.max`, `kernel.threads-max`, `kernel.pid_max` |
//! | its [`stack`](crate::Server::stack_size) and 256 KiB of addresses | address space | none | | `ulimit -v` |
//!
//! The mappings are four for the thread and two for large messages. They matter most: `std` aborts the process when it cannot
//! map the signal stack of a new thread. A part of each resource stays reserved for the application. One that maps more than
//! 1,000 areas within ten seconds, or runs with `vm.overcommit_memory=2`, sets a lower `max_connections`.
//!
//! Before a server starts a thread, it also looks at the number of threads of the process, and at its mappings every ten seconds.
//! Other servers and the threads of handlers therefore count. Where no more fit, connections are answered 503; when descriptors
//! run out, they wait. Open connections are not disturbed, and the server needs no restart.
//!
//! All other threads of this library are refused near the limits on mappings and addresses too. A [`Hub`](crate::Hub),
//! [`into_sender`](crate::WebSocket::into_sender), a connection to a host name or over a stream of your own then fails with
//! [`Step::Thread`](crate::Step::Thread).
//!
//! # Panics
//!
//! A panic in a handler closes that connection with 1011 and affects nothing else. A panic in a hook becomes a 500. The panic hook
//! of the process reports the message. (With `panic = "abort"` in Cargo.toml the process ends instead.)
//!
//! # Unix sockets
//!
//! Behind a proxy on the same machine, [`Server::bind_unix`](crate::Server::bind_unix) needs no port. The permissions of the folder
//! control who may connect. On Linux, `"\0name"` is an abstract name, without a file and without permissions.
//!
//! # Socket activation, and restarts without a gap
//!
//! [`Server::from_listener`](crate::Server::from_listener) and `from_unix_listener` serve on a socket that listens already. A service
//! manager keeps it while no process runs, so clients wait instead of being refused. For systemd, a service with
//! `StandardInput=socket` gets the only socket of its socket unit (`Accept=no`) as standard input; the example
//! `socket_activation` has both units.
//!
//! Two processes with a handle to the same socket both accept. To restart, start the next process and then stop or shut down the
//! first. It never shuts the shared socket down, and it serves every connection that it has accepted. A shutdown sends these
//! connections Close 1001, as all others, and [`reconnect`](super::reconnecting) then finds the next process. Do not close the last handle
//! in between: the system resets connections that nobody has accepted.
//!
//! # Shutdown
//!
//! [`ServerHandle::shutdown`](crate::ServerHandle::shutdown) stops listening, sends Close 1001 to all, waits for the answers, aborts
//! the rest at the deadline, and joins every thread. It returns the counts at most half a second after the deadline, whatever
//! peers and handlers do. Clients that all reconnect at once are a burst for the next server.
//! [`shutdown_spread`](crate::ServerHandle::shutdown_spread) closes the connections one after the other.
//!
//! Handlers need no code for a shutdown: `recv` returns `None`, and sending fails. A handler that waits for something else, such as a
//! channel or a lock, is not woken and is counted in [`threads_left`](crate::ShutdownReport::threads_left). Such a handler should
//! wait with a limit and check [`Sender::is_open`](crate::Sender::is_open).
//!
//! `std` has no signal handling: SIGTERM and Ctrl-C end the process at once. Without another crate, the end of the standard input
//! can start a shutdown. [`ShutdownHandle`](crate::ShutdownHandle) shows the code, the example `echo_server` does it with
//! `--until-stdin-ends`, and a shell turns signals into the end of the input:
//!
//! ```sh
//! mkfifo stop
//! (trap '' INT TERM; exec server --until-stdin-ends <stop) &  # the server itself ignores the signals
//! exec 3>stop
//! trap 'exec 3>&-' INT TERM                                   # a signal ends its input
//! wait; wait
//! ```
//!
//! With a crate for signals, its handler thread calls [`ShutdownHandle::shutdown`](crate::ShutdownHandle::shutdown).
//! [`ServerHandle::stop`](crate::ServerHandle::stop), or dropping it, only stops listening. Open connections continue until their handlers return.
