//! Connecting: how a URL is converted, which address is used, and how to use another address.
//!
//! # The URL
//!
//! | part | rule |
//! |---|---|
//! | host | letters outside ASCII are converted to lower case and Punycode: `ws://Bücher.example` connects to `xn--bcher-kva.example` |
//! | host | everything that UTS 46 maps in another way is [`UnsupportedHost`](crate::UriErrorKind::UnsupportedHost); write such a name as `xn--…` |
//! | path, query | characters outside ASCII and spaces are percent-encoded as UTF-8: `/café?q=a b` is sent as `/caf%C3%A9?q=a%20b` |
//! | path, query | a percent-encoding is unchanged; a `%` alone and control characters are [`InvalidPathCharacter`](crate::UriErrorKind::InvalidPathCharacter) |
//! | user name, password | must be percent-encoded |
//! | fragment | rejected |
//!
//! The URL is shown, sent and compared in its converted form. A name that imitates another with letters of another script is
//! therefore visible as `xn--…`. A `Location` of a redirect is converted in the same way.
//!
//! A link-local IPv6 address needs a zone, which is the network interface: `ws://[fe80::1%25eth0]/` (RFC 6874). The resolver of the system
//! looks the zone up: numbers on every system, names where the system supports them. The zone is not sent. A redirect to the
//! same address keeps the zone, and a `Location` with a zone is rejected. A zone does not work through a proxy.
//!
//! # Several addresses
//!
//! A host name may have several addresses, of which some do not answer. The addresses are attempted as in RFC 8305:
//!
//! | subject | rule |
//! |---|---|
//! | order | IPv6 and IPv4 alternate, IPv6 first; within each family the order of the resolver |
//! | next address | when an attempt fails, or 250 ms after the last began |
//! | simultaneous attempts | four for one call; 128 threads in a process, beyond which a call makes one attempt at a time |
//! | time | [`Timeouts::connect`](crate::Timeouts::connect) for all; each address has an equal share, if there are more than four |
//! | attempts that are still running when one succeeds | their sockets are closed when they end; `std` cannot interrupt them, so an unreachable address keeps a thread for its share |
//! | proxies | the same for the addresses of the proxy |
//!
//! # One attempt at a time
//!
//! In one process, only one attempt at a time runs to an IP address and port (RFC 6455 section 4.1). An attempt lasts
//! from TCP to the end of the opening handshake, and another client waits until it has ended. The drafts up to hybi-06
//! (feature `legacy`) ignore the port: with one of these versions, all ports of an IP address are one peer. The wait is
//! part of [`Timeouts::connect`](crate::Timeouts::connect); an attempt that never began fails with
//! [`Step::ConnectQueue`](crate::Step::ConnectQueue).
//!
//! To load-test your own server, turn this off with
//! [`dangerously_connect_in_parallel`](crate::Client::dangerously_connect_in_parallel).
//!
//! # Another address, name or stream
//!
//! | to | use | still taken from the URL |
//! |---|---|---|
//! | connect to another address | [`Client::resolve_to`](crate::Client::resolve_to) | Host, certificate |
//! | reach another virtual host | [`Client::host_header`](crate::Client::host_header) | address, certificate |
//! | check another name in the certificate, and send it as SNI | `Client::server_name`, feature `native-tls` | address, Host |
//! | use a socket with options or a local address of its own | [`Client::connect_tcp`](crate::Client::connect_tcp) | Host, certificate |
//! | use a Unix socket | `Client::connect_unix` | Host |
//! | use any other stream | [`Client::connect_over`](crate::Client::connect_over) | Host |
//!
//! After a redirect to another host or port, these settings are ignored: the name and address of that host are used.
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.send("welcome"))?;
//! # let staging = server.local_addr().unwrap();
//! use stdws::Client;
//! let client = Client::new("ws://chat.example.com/feed")?.resolve_to([staging]);
//! let mut ws = client.connect()?;
//! assert_eq!(ws.recv()?.unwrap().as_text(), Some("welcome"));
//! # Ok(())
//! # }
//! ```
//!
//! There is no setting for the local address. `std` creates and connects a TCP socket in one call, so nothing can bind it between the
//! two without `unsafe`. Bind and connect a socket with the crate `socket2`, and pass it to
//! [`connect_tcp`](crate::Client::connect_tcp), whose documentation has the lines.
