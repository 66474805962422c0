//! The opening handshake of RFC 6455 (sections 3, 4, 9 and 11) as values, without I/O. No promise of stability before 1.0.
//!
//! The functions take and return bytes. They open no socket, read no clock and draw no random bytes, so that an event loop, a
//! test or a lesson can call them. [`Client`](crate::Client) and [`Server`](crate::Server) are built on them.
//!
//! | RFC 6455 | module | subject |
//! |---|---|---|
//! | 3 | [`uri`] | `ws` and `wss` URIs |
//! | 4.1 | [`client`] | the request, and the check of the response |
//! | 4.2 | [`server`] | the check of the request, and the response |
//! | 4.2.1, 9.1 | [`http`], [`header`] | HTTP heads, and fields that are lists (RFC 9110, RFC 9112) |
//! | 4.2.2, 4.4 | [`rejection`] | the response to a request that is not accepted |
//! | 10.2 | [`origin`] | which origins a server accepts |
//!
//! The example of RFC 6455 section 1.3, both sides in one program:
//!
//! ```
//! use stdws::handshake::client::{self, HandshakeRequest};
//! use stdws::handshake::http::HeadParser;
//! use stdws::handshake::origin::OriginPolicy;
//! use stdws::handshake::{server, uri::Uri};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The client.
//! let uri = Uri::parse("ws://server.example.com/chat")?;
//! let key = client::key_from_nonce(*b"the sample nonce");
//! let subprotocols = ["chat".to_owned(), "superchat".to_owned()];
//! let mut request = HandshakeRequest::new(&uri, &key);
//! request.subprotocols = &subprotocols;
//! let request_bytes = client::encode_request(&request)?;
//!
//! // The server.
//! let mut parser = HeadParser::request();
//! parser.feed(&request_bytes)?;
//! let head = parser.finish().ok_or("the head is not complete")?;
//! let offer = server::check_request(&head, OriginPolicy::SameHostAnd(&[]))?;
//! let response_bytes = server::encode_response(&offer, Some("chat"), None, &[])?;
//!
//! // The client again.
//! let mut parser = HeadParser::response();
//! parser.feed(&response_bytes)?;
//! let head = parser.finish().ok_or("the head is not complete")?;
//! let negotiated = client::check_response(&head, &request)?;
//! assert_eq!(head.get("Sec-WebSocket-Accept"), Some(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".as_slice()));
//! assert_eq!(negotiated.subprotocol.as_deref(), Some("chat"));
//! # Ok(())
//! # }
//! ```

pub mod client;
pub mod header;
pub mod http;
pub mod origin;
pub mod rejection;
pub mod server;
pub mod uri;
