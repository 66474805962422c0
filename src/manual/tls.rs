//! TLS: `wss://` in both roles with the feature `native-tls`, or without it over a caller-supplied stream.
//!
//! ```toml
//! stdws = { version = "0.1", features = ["native-tls"] }
//! ```
//!
//! The feature adds the only dependency, which uses the TLS library of the system. This crate implements no part of TLS.
//!
//! | system | library | trusted certificates |
//! |---|---|---|
//! | Linux, BSD | OpenSSL 1.1.1 or newer (`libssl-dev` and `pkg-config` to build) | the certificates of the distribution; `SSL_CERT_FILE`, `SSL_CERT_DIR` |
//! | macOS | Secure Transport | the keychain |
//! | Windows | SChannel | the certificate store |
//!
//! The tests run on Linux with OpenSSL. On other systems the code is the same, but [`TlsErrorKind`](crate::TlsErrorKind) may be less
//! precise, because it is derived from the message of the system.
//!
//! # What is verified
//!
//! A client always verifies:
//!
//! * the chain, up to an authority that the system trusts or that `TlsConnect::add_root` added;
//! * that each certificate is currently valid;
//! * that the certificate is for the host of the URL: a name or an IP address;
//! * that the version is TLS 1.2 or newer.
//!
//! The system matches the host. RFC 9525 takes names from the extension for alternative names only. OpenSSL also accepts a
//! certificate without alternative names whose common name is the host name, and native-tls has no setting against this. An
//! authority that follows the rules of browsers issues no such certificate. Where the authority is your own, issue certificates
//! with alternative names.
//!
//! The client sends the host name (SNI). Settings that weaken verification are named `danger_…`. Revocation is checked only where
//! the system does so; OpenSSL does not. A failed handshake returns [`Error::Tls`](crate::Error::Tls) and sends an alert to the
//! peer. Plain text is never used instead.
//!
//! A server needs a certificate and its key, as PKCS#12 or PEM (the key in PKCS#8). It does not request client certificates, because
//! native-tls cannot. With OpenSSL, native-tls limits servers to TLS 1.2. For more, put a proxy in front of the server, or supply
//! a stream.
//!
//! The TLS handshake counts against [`Timeouts::connect`](crate::Timeouts::connect) or
//! [`Timeouts::handshake`](crate::Timeouts::handshake), even if it arrives byte by byte. Verification by the system may ask a
//! server about revocation (Windows, macOS). This crate cannot bound that time.
//!
//! # With a private authority
//!
//! For tests and internal networks, create an authority and a certificate for `localhost`:
//!
//! ```sh
//! openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 365 -subj /CN=mine
//! openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=localhost
//! printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' > server.ext
//! openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile server.ext -days 90 -out server.pem
//! openssl pkcs12 -export -in server.pem -inkey server.key -passout pass:secret -out identity.p12
//! ```
//!
//! (macOS reads the last file only if it was created with `-legacy`.) Then:
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
//! `TlsConnect::identity` sets a client certificate. `TlsConnect::from(connector)` and `TlsAccept::from(acceptor)` use a connector or
//! acceptor of native-tls with other settings.
//!
//! # What differs from TCP
//!
//! A [`WebSocket`](crate::WebSocket) over TLS behaves as over TCP: full duplex, the same timeouts, the same errors. Inside, the TLS
//! engine works on memory and never blocks. Threads wait for the socket and hold no lock meanwhile. A connection uses up to 250 KiB
//! more under load. An idle one uses the memory of the system's library, about 40 KiB with OpenSSL.
//!
//! If the stream ends without the closing handshake of WebSocket, the error is [`Closed(None)`](crate::Error::Closed), with or
//! without a `close_notify` of TLS. Over TLS, a connection that is rejected because the server is full gets no response.
//!
//! # Another TLS library
//!
//! Without the feature, or with another TLS library, pass the two halves of a stream to
//! [`Client::connect_over`](crate::Client::connect_over) and [`Server::accept_over`](crate::Server::accept_over). The example
//! `own_tls` does so with a child process, `openssl s_client`.
