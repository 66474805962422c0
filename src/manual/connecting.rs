//! From a URL to a server: what of the URL is converted, which address is used, and how to use another.
//!
//! # The URL
//!
//! | part | what a URL must not have there |
//! |---|---|
//! | host | letters outside ASCII are converted to lower case and Punycode: `ws://Bücher.example` connects to `xn--bcher-kva.example` |
//! | host | everything that UTS 46 maps in another way is [`UnsupportedHost`](crate::UriErrorKind::UnsupportedHost); write such a name as `xn--…` |
//! | path, query | is percent-encoded as UTF-8: `/café?q=a b` is sent as `/caf%C3%A9?q=a%20b` |
//! | path, query | a percent-encoding stays; a `%` alone and control characters are [`InvalidPathCharacter`](crate::UriErrorKind::InvalidPathCharacter) |
//! | user name, password | has to be percent-encoded |
//! | fragment | rejected |
//!
//! The URL is shown, sent and compared in its converted form, so a name that imitates another with letters of another script is visible
//! as `xn--…`. A `Location` of a redirect is converted in the same way.
//!
//! An IPv6 address of a link needs a zone, the network interface: `ws://[fe80::1%25eth0]/` (RFC 6874). The resolver of the system
//! looks it up: numbers on every system, names where it knows them. The zone is not sent. A redirect to the same address keeps
//! it, and a `Location` with a zone is rejected. It does not work through a proxy.
//!
//! # Several addresses
//!
//! A host name may have several addresses, of which some do not answer. The addresses are attempted as in RFC 8305:
//!
//! | subject | rule |
//! |---|---|
//! | order | IPv6 and IPv4 alternate, IPv6 first; inside a family the order of the resolver |
//! | next address | when an attempt fails, or 250 ms after the last began |
//! | attempts at a time | four for one call; 128 threads in a process, beyond which a call attempts one after another |
//! | time | [`Timeouts::connect`](crate::Timeouts::connect) for all; each address has an equal share, if there are more than four |
//! | losers | their sockets are closed when they end; `std` cannot interrupt them, so an unreachable address keeps a thread for its share |
//! | proxies | the same for the addresses of the proxy |
//!
//! # One attempt at a time
//!
//! A client waits until no other attempt to the same IP address and port is under way in its process, from TCP to the end of the
//! opening handshake (RFC 6455 section 4.1). The drafts up to hybi-06 (feature `legacy`) ignore the port: with one of these
//! versions, all ports of an IP address are one peer. The wait is part of [`Timeouts::connect`](crate::Timeouts::connect);
//! an attempt that never began fails with [`Step::ConnectQueue`](crate::Step::ConnectQueue).
//!
//! A load test of a server of your own turns this off with
//! [`dangerously_connect_in_parallel`](crate::Client::dangerously_connect_in_parallel).
//!
//! # Another way
//!
//! | to | use | what stays that of the URL |
//! |---|---|---|
//! | connect to another address | [`Client::resolve_to`](crate::Client::resolve_to) | Host, certificate |
//! | reach another virtual host | [`Client::host_header`](crate::Client::host_header) | address, certificate |
//! | check another name in the certificate, and send it as SNI | `Client::server_name`, feature `native-tls` | address, Host |
//! | use a socket with options or a local address of its own | [`Client::connect_tcp`](crate::Client::connect_tcp) | Host, certificate |
//! | use a Unix socket | `Client::connect_unix` | Host |
//! | use any other stream | [`Client::connect_over`](crate::Client::connect_over) | Host |
//!
//! A redirect to another host or port uses the name and address of that host, and none of these.
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
