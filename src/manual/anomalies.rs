//! Known anomalies, with dates; what is not claimed; vulnerabilities of other libraries, and why this crate does not have them.
//!
//! # Known anomalies
//!
//! The list is of 2026-11-27. A fault that can be mended is mended instead of listed; what is here comes from the system, from `std`,
//! or is not explained yet.
//!
//! | since | anomaly | effect, and what to do |
//! |---|---|---|
//! | 2026-11-27 | outside Unix, a waiting read notices `abort` after up to one second | an abort from another thread takes that long. Nothing to do |
//! | 2026-11-27 | outside Unix, a write to a full network tries again after up to 20 ms | lower throughput to slow peers |
//! | 2026-11-27 | outside Unix, random bytes are not from a generator for cryptography | chapter [`cryptography`](super::cryptography): supply a source |
//! | 2026-11-27 | Windows was run as Wine 8 alone, which does not reset a connection whose data nobody receives: `tests/platforms/skips` has the three tests | Windows documents the reset. Test on your Windows |
//! | 2026-11-27 | TLS was run on Linux with OpenSSL alone | on Windows and macOS the code compiles. Test what you use |
//! | 2026-11-27 | outside Linux, the number of connections that fit is not computed | `std` can abort a process whose threads find no memory. Set [`max_connections`](crate::Server::max_connections) |
//! | 2026-11-27 | a process that maps more than 1,000 areas in ten seconds can pass the check of a server | the same. Set a lower `max_connections` |
//! | 2026-11-27 | a lookup of a name cannot be interrupted | the call returns in time; its thread stays until the resolver returns |
//! | 2026-11-27 | `Server::bind` with a name waits for the resolver of the system, without a bound | bind to an address |
//! | 2026-11-27 | OpenSSL accepts a certificate without alternative names by its common name | chapter [`tls`](super::tls). Issue certificates with alternative names |
//! | 2026-11-27 | revocation is not checked by OpenSSL; Windows and macOS can take time for it that this crate cannot bound | use another TLS library over a stream where this matters |
//! | 2026-11-27 | TLS servers are limited to TLS 1.2 with OpenSSL, and cannot request client certificates | the same, or a proxy in front |
//! | 2026-11-27 | over TLS, a client that a full server rejects gets no response | it sees the end of the connection |
//! | 2026-11-27 | directly after power-on, Linux returns bytes from `/dev/urandom` before it has entropy | a program that runs so early supplies a source |
//! | 2026-11-27 | a half of a stream of yours that blocks cannot be interrupted | calls return in time; the thread of the half stays |
//! | 2026-11-27 | the drafts before hybi-01 have no Ping | a peer that vanished is noticed by a failed write alone. Receive with a timeout |
//! | 2026-11-27 | some tests assert durations | they can fail on a machine that is busy. Run such a test again, alone |
//!
//! # Not claimed
//!
//! | not claimed | instead |
//! |---|---|
//! | a certification or a safety integrity level of any standard | this chapter and its neighbours are material for an assessment |
//! | MC/DC | lines and branches that no test runs are listed with reasons, chapter [`data_sheet`](super::data_sheet); patches break requirements: `tests/mutations` |
//! | a formal proof | every order of two threads over the locks of a connection (a stream beside a hub, an answer or two messages: at most three preemptions), and of three with at most one: `src/connection/interleavings.rs` |
//! | constant time, but for `constant_time_eq` and `Credentials::matches` | measured, not proven |
//! | zeroing of memory with secrets, but for masking keys in their pool | whoever reads the memory of the process reads passwords and messages |
//! | resistance to side channels: caches, power, speculation | none |
//! | entropy outside Unix | chapter [`cryptography`](super::cryptography) |
//! | validation of cryptography (FIPS 140, Common Criteria) | chapter [`cryptography`](super::cryptography) |
//! | real time, and fairness between threads | upper bounds of waits, apart from scheduling |
//! | limits on rates of messages, bytes, connections and logins | limits on sizes, numbers and times |
//! | service under a flood from many addresses | [`max_per_address`](crate::Server::max_per_address) for one address; a network in front |
//! | stable interfaces before 1.0 | chapter [`changes`](super::changes) |
//! | an end of support, or a time in which a report of a vulnerability is answered | no date and no time are promised: chapter [`data_sheet`](super::data_sheet) |
//! | a run of TLS on 32 bits, on big endian, with musl or in an emulator | `tests/platforms/run` builds these targets without `native-tls` |
//! | a run of TLS on Windows (Schannel) or macOS (Secure Transport) | type checks: `tests/platforms/run check` |
//! | coverage and mutants of code for other systems | both are measured on Linux: `tests/coverage/run`, `tests/mutation/run` |
//!
//! # Vulnerabilities of other libraries
//!
//! Each was tried against this crate. `tests/cve.rs` has most of them, with a table of the others. The programs in which they were found,
//! and more accidents without a number, are in the comments of the tests.
//!
//! | advisory | fault there | why not here | shown by |
//! |---|---|---|---|
//! | CVE-2026-54463 | faye websocket-driver: a length of a draft has no end | the first value above the limit ends it | `src/legacy/codec/tests.rs: unknown_hixie_frames_are_ignored_up_to_the_limit` |
//! | CVE-2026-54464 | the same: the limit counts compressed bytes | it counts decompressed bytes | `tests/deflate.rs: the_message_limit_counts_decompressed_bytes` |
//! | CVE-2026-134813, GHSA-x8v2-478q-2hvg, CVE-2026-83599, WSA-2026-1 | faye, AsyncHttpClient, Netdata, WeeChat: the limit applies before decompression | it applies during decompression | `tests/deflate.rs: cve_2026_134813_ghsa_x8v2_478q_2hvg_cve_2026_83599_wsa_2026_1_limit_before_inflating` |
//! | CVE-2026-1526 | undici: no limit on decompressed bytes | the same | `tests/deflate.rs: cve_2026_1526_no_limit_after_inflating` |
//! | CVE-2026-39804, CVE-2018-1000518, CVE-2026-27571 | Bandit, websockets, NATS: decompression bombs | the same | `tests/deflate.rs: cve_2026_1526_no_limit_after_inflating`, `tests/deflate_hostile.rs: a_server_survives_mutated_input` |
//! | CVE-2026-54465 | faye websocket-driver: headers without a limit | lines, fields and bytes are limited in requests, responses and answers of proxies | `tests/cve.rs: cve_2026_54465_unbounded_header_list` |
//! | CVE-2026-61666 | the same: a malformed Host raises an exception | it is a value, answered 400 | `tests/cve.rs: cve_2026_61666_malformed_host` |
//! | CVE-2024-37890 | ws for Node: headers above a limit are dropped, then missing | a limit is an error | `tests/cve.rs: cve_2024_37890_headers_above_the_limit` |
//! | CVE-2021-32640, CVE-2020-7662, CVE-2020-7663 | ws, websocket-extensions: lists take quadratic or exponential time | one pass: the part *Growth of costs* of `.ci/run` measures it, and none takes minutes | `tests/cve.rs: cve_2021_32640_cve_2020_7662_cve_2020_7663_header_lists_in_one_pass` |
//! | CVE-2026-42786, CVE-2026-65623 | Bandit: reassembly without a limit, or counted again for each fragment | one running count | `tests/cve.rs: cve_2026_42786_cve_2026_65623_unbounded_reassembly` |
//! | GHSA-rhh8-5xw9-c3gm | Bandit: the check of masking is inverted | both roles are tested | `tests/cve.rs: ghsa_rhh8_5xw9_c3gm_wrong_masking` |
//! | CVE-2021-33880 | websockets: credentials compared byte by byte | compared in constant time | `tests/auth.rs: constant_time_eq_does_not_stop_at_the_first_difference`, `src/auth/credentials.rs: the_password_is_compared_after_a_wrong_user_name` |
//! | CVE-2020-27813, CVE-2026-27889, CVE-2020-13935 | gorilla, NATS, Tomcat: lengths of 64 bits overflow or loop | compared as unsigned 64 bits, before any conversion | `tests/cve.rs: cve_2020_27813_cve_2026_27889_cve_2020_13935_lengths_of_64_bits` |
//! | CVE-2026-2229 | undici: a window outside 8 to 15 is used | parameters are checked first | `tests/deflate.rs: compression_needs_the_consent_of_both_sides` |
//! | CVE-2025-10148 | curl: one masking key for a connection | a new key for each frame | `tests/cve.rs: cve_2025_10148_one_masking_key_per_connection` |
//! | CVE-2025-5399, CVE-2026-11586 | curl: answers to Pings loop, or queue without a bound | 8 KiB of answers, then the latest alone | `tests/cve.rs: cve_2025_5399_cve_2026_11586_pongs_without_bound` |
//! | CVE-2020-11050, CVE-2020-15133, CVE-2020-15134 | Java-WebSocket, faye: certificates or host names not verified | verified, and no setting but `danger_…` changes it | `tests/tls/handshake.rs: a_certificate_that_cannot_be_trusted_ends_it_and_is_named` |
//! | CVE-2020-35678 | Autobahn: a redirect writes headers | no value with a line break is sent | `tests/cve.rs: cve_2020_35678_header_injection` |
//! | CVE-2023-43669 | tungstenite: the head is parsed again after each read | each byte is parsed once: the part *Growth of costs* of `.ci/run` measures it, and a byte at a time takes no minutes | `tests/cve.rs: cve_2023_43669_head_parsed_once` |
//! | CVE-2022-35922 | websocket for Rust: the announced length is allocated | buffers grow with received bytes | `tests/cve.rs: cve_2022_35922_allocates_the_declared_length` |
//! | CVE-2020-35896 | ws for Rust: the output grows without a bound | a bounded queue and a timeout | `tests/cve.rs: cve_2020_35896_outgoing_buffer_without_bound` |
//! | CVE-2019-13611 | python-engineio and many applications: pages of other sites connect | the same host only, unless allowed | `tests/cve.rs: cve_2019_13611_cross_site_hijacking` |
//! | CVE-2026-49753 | Mint: a length of `+0` | digits only | `tests/cve.rs: cve_2026_49753_content_length_plus_zero` |
//! | without a number: hixie-76 | division by zero spaces in a key | refused | `src/legacy/handshake/proof.rs: keys_without_a_number` |
//! | without a number: ws 2026-05, undici 2026-06 | millions of tiny fragments | fragments are counted, empty ones too | `tests/cve.rs: ws_2026_05_undici_2026_06_tiny_fragments` |
//! | without a number: undici 2026-02 | a length is put together wrongly | every power of two is tested | `tests/cve.rs: undici_2026_02_and_lengths_of_64_bits_read_as_32` |
//! | without a number: ws, websockets 2025 | a redirect forwards credentials | removed for another origin | `tests/cve.rs: credentials_do_not_follow_a_redirect` |
//! | without a number: zlib | a window of 8 bits becomes one of 9 | kept | `tests/deflate.rs: client_and_server_with_every_setting` |
//! | without a number: websockets 1715 | one byte above the limit is cut silently | an error | `tests/cve.rs: websockets_1715_one_byte_over_the_limit` |
//! | without a number: wsproto 205 | a Ping between fragments changes the message | control frames do not touch the message | `tests/cve.rs: wsproto_205_ping_between_fragments` |
//!
//! A vulnerability of the TLS library of the system, or of `native-tls`, is one of the program that uses it: follow their advisories.
