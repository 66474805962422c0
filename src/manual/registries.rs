//! Registries: the numbers and names of the protocol (RFC 6455 section 11, RFC 7936), what this crate does with each, and the words
//! that other specifications use.
//!
// Each table is made from the code by tests/registries.rs, which prints it when it differs.
//! # Versions
//!
//! The values of `Sec-WebSocket-Version`. *Standard* numbers need IETF Review, *interim* ones Expert Review. Where *here* names a
//! `Version`, it is supported with the feature `legacy`; without it, the response is 426 too. The drafts hybi-00 to -03 send no
//! number, so they never appear in this field; a server detects them by other fields. The chapter [`history`](super::history) compares
//! all versions.
//!
// versions: begin
//! | number | document | status | here |
//! |---|---|---|---|
//! | 0 | hybi-00 | interim | 426; `Version::Hybi00` has no number |
//! | 1 | hybi-01 | interim | 426; `Version::Hybi01` has no number |
//! | 2 | hybi-02 | interim | 426; `Version::Hybi02` has no number |
//! | 3 | hybi-03 | interim | 426; `Version::Hybi03` has no number |
//! | 4 | hybi-04 | interim | `Version::Hybi04` |
//! | 5 | hybi-05 | interim | `Version::Hybi05` |
//! | 6 | hybi-06 | interim | `Version::Hybi06` |
//! | 7 | hybi-07 | interim | `Version::Hybi07` |
//! | 8 | hybi-08 | interim | `Version::Hybi08` |
//! | 9 | none | reserved | 426; hybi-09 has the number 8 |
//! | 10 | none | reserved | 426; hybi-10 has the number 8 |
//! | 11 | none | reserved | 426; hybi-11 has the number 8 |
//! | 12 | none | reserved | 426; hybi-12 has the number 8 |
//! | 13 | RFC 6455 | standard | always supported |
// versions: end
//!
//! # Close codes
//!
//! What a call refuses to send is a usage error before anything is sent. An invalid code that is received fails the connection with
//! 1002. 1005, 1006 and 1015 describe an end, and never travel. The table is that of RFC 6455; up to version 8 the ranges were others
//! (chapter [`history`](super::history)).
//!
//! This crate itself sends 1001 for a connection that is dropped or shut down, 1002, 1007 and 1009 for a
//! [`ProtocolError`](crate::ProtocolError), 1011 for a handler that panics, and [`Hub`](crate::Hub) 1013 for a slow member.
//! [`Disconnect::retry`](crate::Disconnect::retry) has what a client that reconnects makes of each. *By specification* is one of the
//! policies Standards Action, Specification Required and IESG Review.
//!
// close codes: begin
//! | code | meaning | policy | can be sent | can be received |
//! |---|---|---|---|---|
//! | 0 to 999 | not used | none | no: a usage error | no: 1002 |
//! | 1000 | Normal Closure | by specification | yes | yes |
//! | 1001 | Going Away | by specification | yes | yes |
//! | 1002 | Protocol error | by specification | yes | yes |
//! | 1003 | Unsupported Data | by specification | yes | yes |
//! | 1004 | reserved | by specification | no: a usage error | no: 1002 |
//! | 1005 | No Status Rcvd | by specification | no: a usage error | no: 1002 |
//! | 1006 | Abnormal Closure | by specification | no: a usage error | no: 1002 |
//! | 1007 | Invalid frame payload data | by specification | yes | yes |
//! | 1008 | Policy Violation | by specification | yes | yes |
//! | 1009 | Message Too Big | by specification | yes | yes |
//! | 1010 | Mandatory Ext. | by specification | yes | yes |
//! | 1011 | Internal Error | by specification | yes | yes |
//! | 1012 | Service Restart | by specification | yes | yes |
//! | 1013 | Try Again Later | by specification | yes | yes |
//! | 1014 | Bad Gateway | by specification | yes | yes |
//! | 1015 | TLS handshake | by specification | no: a usage error | no: 1002 |
//! | 1016 to 2999 | not assigned | by specification | no: a usage error | no: 1002 |
//! | 3000 to 3999 | libraries, frameworks and applications | First Come First Served | yes | yes |
//! | 4000 to 4999 | private use | none | yes | yes |
//! | 5000 to 65535 | not used | none | no: a usage error | no: 1002 |
// close codes: end
//!
//! # Opcodes
//!
//! New ones need Standards Action. 3 to 7 are for data frames, B to F for control frames.
//!
// opcodes: begin
//! | opcode | meaning | here |
//! |---|---|---|
//! | 0 | Continuation Frame | received inside a message; between messages 1002 |
//! | 1 | Text Frame | received between messages; inside a message 1002 |
//! | 2 | Binary Frame | received between messages; inside a message 1002 |
//! | 3 | not assigned | 1002 |
//! | 4 | not assigned | 1002 |
//! | 5 | not assigned | 1002 |
//! | 6 | not assigned | 1002 |
//! | 7 | not assigned | 1002 |
//! | 8 | Close Frame | received anywhere |
//! | 9 | Ping Frame | received anywhere |
//! | A | Pong Frame | received anywhere |
//! | B | not assigned | 1002 |
//! | C | not assigned | 1002 |
//! | D | not assigned | 1002 |
//! | E | not assigned | 1002 |
//! | F | not assigned | 1002 |
// opcodes: end
//!
//! # Reserved bits
//!
//! New uses need Standards Action. RFC 7692 is the only one: RSV1 marks a compressed message.
//!
// reserved bits: begin
//! | bit | without an extension | with permessage-deflate, first frame of a message |
//! |---|---|---|
//! | RSV1 | 1002 | received |
//! | RSV2 | 1002 | 1002 |
//! | RSV3 | 1002 | 1002 |
// reserved bits: end
//!
//! # Extension names
//!
//! First Come First Served; RFC 6455 defines none.
//!
//! | name | defined by | here |
//! |---|---|---|
//! | `permessage-deflate` | RFC 7692 | feature `deflate`, [`Client::deflate`](crate::Client::deflate), `Server::deflate`; off by default |
//! | `deflate-stream` | hybi-04 to -12, then dropped | feature `legacy`, `deflate_stream` on both sides; in hybi-04 to version 8 alone; off by default |
//! | `x-webkit-deflate-frame` and others | never registered | a server ignores the offer; a client offers none, and fails if it is selected |
//!
//! # Subprotocol names
//!
//! First Come First Served, as RFC 7936 clarifies. A name is a token. RFC 6455 section 1.9 recommends the domain name of its owner
//! in it, `chat.example.com`, and for a new version a new name, `v2.chat.example.com`. This crate knows no names: a client offers
//! those of [`Client::subprotocol`](crate::Client::subprotocol), and a server selects the first of them that
//! [`Server::subprotocols`](crate::Server::subprotocols) has.
//!
//! # Fields that may repeat
//!
//! RFC 6455 section 11.3 says which fields may stand in a head more than once. *Once*: two fail the handshake, in either role.
//!
// repeated fields: begin
//! | field | in a request | in a response 101 |
//! |---|---|---|
//! | Host | once | - |
//! | Upgrade | may repeat | once |
//! | Connection | may repeat | may repeat |
//! | Sec-WebSocket-Key | once | - |
//! | Sec-WebSocket-Accept | - | once |
//! | Sec-WebSocket-Version | once | may repeat |
//! | Sec-WebSocket-Protocol | may repeat | once |
//! | Sec-WebSocket-Extensions | may repeat | once |
//! | Origin | once | - |
//! | Cookie, and others | may repeat | may repeat |
// repeated fields: end
//!
//! A list of versions in a rejection (426) may repeat: a client reads all fields of it.
//!
//! # Words of other specifications, as calls of this crate
//!
//! RFC 6455 section 12, and the drafts, define words that other specifications build on. The WHATWG WebSockets standard is one.
//!
//! | words | section | here |
//! |---|---|---|
//! | parse a WebSocket URI's components | 3 | [`Uri::parse`](crate::handshake::uri::Uri::parse); [`Client::new`](crate::Client::new) |
//! | construct a WebSocket URI | hixie-55 to hybi-07 | `Uri` as text (`Display`) |
//! | _Establish a WebSocket Connection_ | 4.1 | [`Client::connect`](crate::Client::connect), [`connect`](crate::connect) |
//! | host, port, resource name, secure | 3 | [`Uri::host`](crate::handshake::uri::Uri::host), `port`, `resource`, `is_secure` |
//! | origin | 4.1 | [`Client::origin`](crate::Client::origin), [`Request::origin`](crate::Request::origin) |
//! | protocols | 4.1 | [`Client::subprotocol`](crate::Client::subprotocol), [`WebSocket::subprotocol`](crate::WebSocket::subprotocol) |
//! | extensions in use | 9.1 | [`Client::deflate`](crate::Client::deflate); the response has their names |
//! | the server's cookies; defer cookies | 4.1; hybi-00 | [`Response::set_cookies`](crate::Response::set_cookies) of [`WebSocket::response`](crate::WebSocket::response): the application applies them when it likes |
//! | CONNECTING | 4.1 | the call to `connect` has not returned |
//! | _The WebSocket Connection is Established_, OPEN | 4.1, 4.2.2 | `connect` has returned; a server's handler has been called; the event [`opened`](crate::events) |
//! | _Send a WebSocket Message_ | 6.1 | [`WebSocket::send`](crate::WebSocket::send), [`Sender::send`](crate::Sender::send), [`send_stream`](crate::WebSocket::send_stream) |
//! | _A WebSocket Message Has Been Received_ | 6.2 | [`WebSocket::recv`](crate::WebSocket::recv) returns `Some`; [`recv_stream`](crate::WebSocket::recv_stream) |
//! | _Start the WebSocket Closing Handshake_ | 7.1.2 | [`WebSocket::start_close`](crate::WebSocket::start_close) |
//! | _The WebSocket Closing Handshake is Started_, CLOSING | 7.1.3 | a Close was sent or received: `send` returns [`Error::Closed`](crate::Error::Closed) |
//! | _Close the WebSocket Connection_ | 7.1.1 | [`WebSocket::close`](crate::WebSocket::close) with the closing handshake, [`abort`](crate::WebSocket::abort) without |
//! | _The WebSocket Connection is Closed_, cleanly | 7.1.4 | `recv` returns `None`; `close` returns a [`CloseInfo`](crate::CloseInfo) |
//! | _The WebSocket Connection Close Code_ | 7.1.5 | [`CloseInfo::code`](crate::CloseInfo::code) |
//! | _The WebSocket Connection Close Reason_ | 7.1.6 | [`CloseInfo::reason`](crate::CloseInfo::reason) |
//! | _Fail the WebSocket Connection_ | 7.1.7 | the error of `connect` or `recv`; [`ProtocolError`](crate::ProtocolError) has the cause and the code that was sent |
//! | a WebSocket error has been detected | hybi-06 | the same error; the event `ended` |
