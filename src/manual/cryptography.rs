//! Cryptography: which algorithms the crate contains, what each is for, and the source of random bytes on each system.
//!
//! The crate contains no cipher, no signature and no exchange of keys. Masking (RFC 6455 section 5.3) is not encryption. TLS is that
//! of the system's library, with the feature `native-tls`, or of a stream that you supply.
//!
// The tables between two markers are checked by tests/dossier/facts.rs.
//! # Digests
//!
// algorithms: begin
//! | file | compiled with | called by |
//! |---|---|---|
//! | `primitives/sha1.rs` | every build | `handshake/server.rs`, `legacy/explain/context.rs`, `legacy/handshake/proof.rs`, `legacy/hybi.rs` |
//! | `primitives/sha256.rs` | `feature = "client"` | `auth/digest.rs` |
//! | `primitives/md5.rs` | `all(feature = "legacy", any(feature = "client", feature = "server"))` | `auth/digest.rs`, `legacy/handshake/proof.rs` |
// algorithms: end
//!
//! | digest | for | a use for security? |
//! |---|---|---|
//! | SHA-1 | `Sec-WebSocket-Accept`: shows that the server has read the key of this handshake | no: RFC 6455 section 10.8 says that the handshake needs no security property of SHA-1 |
//! | SHA-1, with `legacy` | the masking of hybi-04, which derives its mask so | no: masking protects caches, and nothing is secret |
//! | MD5, with `legacy` | the response of hybi-00 to hybi-03: shows that the server has read the request | no |
//! | MD5, with `legacy` | [`Client::digest_auth`](crate::Client::digest_auth), if the server offers nothing stronger | **yes**: it hashes a password. RFC 7616 keeps MD5 for compatibility alone. Without `legacy` it is never used |
//! | SHA-256 | [`Client::digest_auth`](crate::Client::digest_auth) | **yes**: it hashes a password |
//!
//! The code is that of the specifications, without acceleration. It is tested with their vectors: `src/primitives/sha1.rs:
//! published_vectors`, `src/primitives/sha256.rs: published_vectors`, `src/primitives/md5.rs: the_test_suite_of_the_rfc`.
//!
//! # Comparison in constant time
//!
//! [`constant_time_eq`](crate::constant_time_eq) and [`Credentials::matches`](crate::Credentials::matches) read all bytes of the given value.
//! `std` does not guarantee that a compiler keeps this. `tests/auth.rs: constant_time_eq_does_not_stop_at_the_first_difference` and
//! `src/auth/credentials.rs: the_password_is_compared_after_a_wrong_user_name` measure it. Nothing else claims constant time.
//!
//! # Random bytes
//!
// random bytes: begin
//! | bytes | drawn in |
//! |---|---|
//! | the source, and the pool of masking keys | `primitives/random.rs` |
//! | 16 bytes of `Sec-WebSocket-Key`, one for each request | `client/connect.rs` |
//! | four bytes of each masking key | `codec/encoder.rs`; the encoder of a connection is made in `connection/framing.rs` |
//! | the client's nonce of Digest credentials | `auth/client.rs` |
//! | the delay before reconnecting | `reconnect/attempts.rs` |
//! | with `legacy`: keys, nonces and masking keys of the drafts | `legacy/accept.rs`, `legacy/codec.rs`, `legacy/connect.rs`, `legacy/encoder.rs`, `legacy/handshake/challenge.rs` |
//! | the source of the caller | `client/builder.rs` |
// random bytes: end
//!
//! | system | source | remark |
//! |---|---|---|
//! | Linux | `/dev/urandom` | directly after power-on it returns bytes before the kernel has collected entropy. A program that runs so early supplies its own source |
//! | macOS, BSD and other Unix | `/dev/urandom` | as the system defines it |
//! | Windows and others | `RandomState` of `std`: a secret key that `std` takes from the system once, and SipHash-1-3 over a counter | no generator for cryptography. Who can read the memory of the process can compute all bytes |
//! | `wasm32-unknown-unknown` | none | every call fails: the key of `std` is a constant there |
//!
//! A source that fails ends the connection or the attempt; nothing is sent with a predictable key in its place. A file that is
//! not a device in place of `/dev/urandom` is a failure, too. A device that returns predictable bytes is not detected.
//! [`Client::random_source`](crate::Client::random_source) replaces the source for all keys of a client.
//!
//! # What scanners say, and the answer
//!
//! | finding | answer |
//! |---|---|
//! | weak digest SHA-1 (CWE-328) | required by RFC 6455 section 4.2.2; see the first row of the second table above |
//! | weak digest MD5 (CWE-328) | only in builds with `legacy`: `tests/features.rs: without_legacy_there_is_neither_md5_nor_a_draft` searches the program for its constants |
//! | random numbers not made for cryptography (CWE-338): `RandomState` | only outside Unix; supply a source, as above |
//! | a password in a request without TLS (CWE-319) | `ws://` with `basic_auth` sends it in plain text, as HTTP does: use `wss://` |
//! | certificates not verified (CWE-295): `danger_accept_any_certificate` | a setting that the application has to call by its name; verification is on otherwise |
//!
//! # FIPS 140
//!
//! The digests here are not a validated module, and no validation is claimed. For a system in FIPS mode:
//!
//! * leave out `legacy`, so that MD5 is not compiled;
//! * do not call `digest_auth`, whose SHA-256 is the one of this crate;
//! * supply a `random_source` of the validated module;
//! * use TLS of a validated library. OpenSSL in FIPS mode through `native-tls` was not tested.
//!
//! SHA-1 remains, for `Sec-WebSocket-Accept`. It protects no data, and the protocol has no other digest.
