//! Reading the source: the protocol in an evening, with RFC 6455 beside it.
//!
//! The folders `handshake` and `codec` implement RFC 6455 without I/O and without a clock: functions from bytes and values to
//! bytes and values. Read their files, and two of `primitives`, in the order of the RFC:
//!
//! | RFC 6455 | read | what it teaches |
//! |---|---|---|
//! | 1.3, 4.2.2 | `primitives/sha1.rs`, `primitives/base64.rs` | the accept key: why a server must show that it read the request |
//! | 3 | `handshake/uri.rs` | what a `ws` URI is, and what it must not contain |
//! | 4.1 | `handshake/client.rs` | the request of a client, and each check of the response |
//! | 4.2 | `handshake/server.rs`, `handshake/http.rs` | each check of a request, and the 101 response |
//! | 4.2.2, 4.4 | `handshake/rejection.rs` | the status for each failed check |
//! | 9.1 | `handshake/header.rs` | lists of extensions and subprotocols |
//! | 10.2 | `handshake/origin.rs` | the same-host rule for pages |
//! | 5.2 | `codec/frame.rs` | the header bit by bit; every rule it can break, in wire order |
//! | 5.3 | `codec/mask.rs` | masking, and why a client masks |
//! | 5.5.1 | `codec/close.rs` | the body of a Close |
//! | 8.1 | `codec/utf8.rs` | validation of text as it arrives |
//! | 5.4, 6.2 | `codec/assembly.rs`, `codec/decoder.rs` | fragments become a message; control frames between them |
//! | 6.1 | `codec/encoder.rs` | a message becomes frames |
//! | 7 | `codec/closing.rs` | the closing handshake as one table |
//!
//! Each rule of the RFC has an id, such as `6455-5.1-4`: document, section, and the number of the statement in it. The id is
//! in a comment beside the line that obeys the rule and in the test that fails without it. `tests/requirements/rfc6455.tsv` lists all of them,
//! and `tests/mutations/patches` has patches that break such lines, each with the test that then fails.
//! `tests/fuzz/src/rfc6455.rs` is a second decoder, which was written from the RFC alone. The fuzz target `codec` compares both.
//!
//! After these two folders, read `connection/mod.rs`: it lists the files that handle a received byte and a sent message. `cargo run --example tour` shows the same bytes on the wire, each explained.
