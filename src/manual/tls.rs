//! TLS: `wss://` in both roles, with the feature `native-tls`, or over a stream of your own without it.
//!
//! ```toml
//! stdws = { version = "0.1", features = ["native-tls"] }
//! ```
//!
//! That is the one dependency there is, and it brings the TLS of the system: nothing of TLS is implemented here.
//!
//! | system | TLS by | trusts |
//! |---|---|---|
//! | Linux, BSD | OpenSSL 1.1.1 or newer (`libssl-dev` and `pkg-config` to build) | the certificates of the distribution; `SSL_CERT_FILE`, `SSL_CERT_DIR` |
//! | macOS | Secure Transport | the keychain |
//! | Windows | SChannel | the certificate store |
//!
//! The tests run on Linux with OpenSSL. On the other systems the code is the same, but what an error is called may be less
//! precise: [`TlsErrorKind`](crate::TlsErrorKind) is found out from what the system says.
//!
//! # What is verified
//!
//! A client verifies by itself, without being asked to:
//!
//! * the chain, up to an authority the system trusts, or one that was added with `TlsConnect::add_root`;
//! * that each certificate is valid today;
//! * that the certificate is for the host of the URL: a name, or an IP address;
//! * that it is TLS 1.2 or newer.
//!
//! The server is told the name (SNI). What weakens any of this is called `danger_…`. Whether a certificate has been revoked
//! is looked up where the system does so: OpenSSL does not. A handshake that fails gives
//! [`Error::Tls`](crate::Error::Tls), the peer gets an alert, and nothing is ever sent in plain text instead.
//!
//! A server needs a certificate and its key, as PKCS#12 or PEM (the key in PKCS#8), and asks no client for a certificate:
//! native-tls cannot. With OpenSSL its servers speak TLS 1.2, because native-tls sets them up so. Whoever needs more
//! puts a proxy before the server, or brings a stream.
//!
//! The handshake counts against [`Timeouts::connect`](crate::Timeouts::connect) or
//! [`Timeouts::handshake`](crate::Timeouts::handshake), and so does every byte of it that drips. What the system does
//! while it verifies, such as asking a server about revocation (Windows, macOS), has no bound that this crate could set.
//!
//! # With an authority of your own
//!
//! For tests, and for what is inside the house. An authority, and a certificate for `localhost`:
//!
//! ```sh
//! openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 365 -subj /CN=mine
//! openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=localhost
//! printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' > server.ext
//! openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile server.ext -days 90 -out server.pem
//! openssl pkcs12 -export -in server.pem -inkey server.key -passout pass:secret -out identity.p12
//! ```
//!
//! (macOS reads the last file only if `-legacy` was given too.) Then:
//!
//! ```sh
//! cargo run --features native-tls --example echo_server -- --tls identity.p12 --password secret
//! cargo run --features native-tls --example client -- wss://localhost:9001/ --ca ca.pem
//! ```
//!
//! In code:
//!
//! ```no_run
//! # #[cfg(feature = "native-tls")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use stdws::{Client, Server, TlsAccept, TlsConnect, TlsIdentity};
//! let identity = TlsIdentity::from_pkcs12(&std::fs::read("identity.p12")?, "secret")?;
//! let server = Server::bind("127.0.0.1:0")?.tls(TlsAccept::new(identity)?).start(|mut ws| ws.send("welcome"))?;
//!
//! let tls = TlsConnect::new().add_root(&std::fs::read("ca.pem")?)?;
//! let url = format!("wss://localhost:{}", server.local_addr().unwrap().port());
//! let mut ws = Client::new(&url)?.tls(tls)?.connect()?;
//! println!("{:?}", ws.recv()?);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "native-tls"))]
//! # fn main() {}
//! ```
//!
//! A client that shows a certificate: `TlsConnect::identity`. A connector or acceptor of native-tls with settings of its own:
//! `TlsConnect::from(connector)`, `TlsAccept::from(acceptor)`.
//!
//! # What differs from TCP
//!
//! Nothing that a user of [`WebSocket`](crate::WebSocket) sees: full duplex, the same limits in time, the same errors. Inside, the
//! engine works on memory and never waits; the threads wait for the socket, and hold no lock meanwhile. A connection takes
//! up to 250 KiB more under load, and what the system's TLS takes, some 40 KiB with OpenSSL, when it is idle.
//!
//! An end of the stream without the closing handshake of WebSocket is [`Closed(None)`](crate::Error::Closed), whether TLS
//! had said `close_notify` or not. A visitor that is turned away because the house is full gets no answer over TLS.
//!
//! # TLS of another library
//!
//! Without the feature, or with another TLS: two halves of a stream go to
//! [`Client::connect_over`](crate::Client::connect_over) and [`Server::accept_over`](crate::Server::accept_over). The example
//! `own_tls` does so with nothing but a child process, `openssl s_client`.
