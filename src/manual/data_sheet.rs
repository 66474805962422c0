//! Data sheet: what the crate is for and not for, what it needs, its bounds, and how to verify an installation.
//!
// Each table between two markers is made from the files by tests/dossier/facts.rs, which prints it when it differs.
//! # Designation
//!
// designation: begin
//! | property | value |
//! |---|---|
//! | name | stdws |
//! | version | 0.1.0 |
//! | licence | MIT OR Apache-2.0 |
//! | edition of Rust | 2021 |
//! | oldest Rust | 1.80 |
//! | `unsafe` | forbidden |
//! | build script | none |
//! | dependencies without `native-tls` | 0 |
//! | direct dependency with `native-tls` | native-tls 0.2.18 |
//! | other packages in `Cargo.lock`, for all systems | 37 |
// designation: end
//!
//! The SHA-256 of the package designates a version exactly. `tests/dossier/reproducible` packages two clean clones, compares the
//! bytes and prints the hash. `tests/dossier/sbom.py` writes the bills of materials of six builds, in CycloneDX 1.6 and SPDX 2.3: chapter
//! [`bill_of_materials`](super::bill_of_materials). `tests/dossier/export DIR` writes all of the dossier to a folder.
//!
//! # Purpose
//!
//! | for | not for |
//! |---|---|
//! | WebSocket clients and servers by RFC 6455, with permessage-deflate by RFC 7692 | HTTP/2 (RFC 8441), HTTP/3, WebTransport |
//! | programs whose every line is assessed | programs without `std` |
//! | one thread for each connection, up to some 10,000 in a process | 100,000 connections in a process; asynchronous programs |
//! | devices that speak a draft of the protocol (feature `legacy`) | a web framework: routing, sessions, templates |
//! | general purpose operating systems | hard real time: times are upper bounds of waits, not of scheduling |
//! | | a safety function: none is claimed (chapter [`anomalies`](super::anomalies)) |
//!
//! # Requirements
//!
//! | of | needed |
//! |---|---|
//! | the compiler | the oldest Rust above, or newer; `std` alone; no C compiler. Cargo is optional |
//! | the system | TCP sockets and threads of `std`; for clients on Unix, `/dev/urandom`. On Linux `/proc`, for the number of connections that fit: without it, defaults are assumed |
//! | the network | TCP, IPv4 or IPv6. The resolver of the system, for names. Routers that keep an idle connection for longer than `ping_interval` |
//! | memory | the formula in the chapter [`bounds`](super::bounds). An idle connection of a server takes 20 KiB, and 29 KiB of the kernel (chapter [`costs`](super::costs)) |
//! | threads | see below |
//! | feature `native-tls` | the TLS library of the system (chapter [`tls`](super::tls)); for Linux OpenSSL's headers to build |
//!
// threads: begin
//! | thread | number |
//! |---|---|
//! | `stdws-resolve` | one while a client looks up a name; it stays until the system's resolver returns |
//! | `stdws-connect` | one for each attempt to connect to an address of a name that has several, up to 4 in a call and 128 in a process; one for a connection to a Unix socket, which [`Server::bind_unix`](crate::Server::bind_unix) tries too; one for an attempt of [`Reconnect`](crate::Reconnect) |
//! | `stdws-server` | one for each connection of a server, and up to 16 that wait for connections |
//! | `stdws-read` and `stdws-write` | one each for a connection over a [`SplitStream`](crate::SplitStream) |
//! | `stdws-receive` | one for each [`WebSocket::into_sender`](crate::WebSocket::into_sender) |
//! | `stdws-close` | one for a connection that is dropped while it closes, for at most [`Timeouts::close`](crate::Timeouts::close); at most 64 in a process |
//! | `stdws-hub` | one for each [`Hub`](crate::Hub) |
// threads: end
//!
//! An open connection of a client has no thread of its own: those of its callers do everything.
//!
//! # Features
//!
// features: begin
//! | feature | default | needs |
//! |---|---|---|
//! | `client` | on | - |
//! | `server` | on | - |
//! | `deflate` | on | - |
//! | `proxy` | on | client |
//! | `reconnect` | on | client |
//! | `hub` | on | - |
//! | `trace` | on | - |
//! | `native-tls` | off | dep:native-tls |
//! | `legacy` | off | deflate |
// features: end
//!
//! The README says what each adds. Its table *Size* has the number of files and lines that each build compiles; CI fails if it
//! differs.
//!
//! # Bounds
//!
//! These defaults bound the times and the memory of a connection; the chapter [`bounds`](super::bounds) says how. [`Timeouts`](crate::Timeouts) has the values that each setting may
//! have. Times are for each 64 KiB where the setting says so.
//!
// defaults: begin
//! | setting | client | server |
//! |---|---|---|
//! | `Timeouts::connect` | 30 s | 30 s |
//! | `Timeouts::handshake` | 10 s | 10 s |
//! | `Timeouts::write` | 20 s | 20 s |
//! | `Timeouts::message` | 60 s | 60 s |
//! | `Timeouts::ping_interval` | 20 s | 20 s |
//! | `Timeouts::pong_timeout` | 20 s | 20 s |
//! | `Timeouts::close` | 5 s | 5 s |
//! | `Limits::max_frame_size` | 16777216 | 1048576 |
//! | `Limits::max_message_size` | 16777216 | 1048576 |
//! | `Limits::max_fragments` | 131072 | 131072 |
//! | `Limits::max_head_size` | 65536 | 65536 |
//! | `Limits::max_head_fields` | 100 | 100 |
// defaults: end
//!
//! The chapter [`costs`](super::costs) has measured times and sizes, with the machine they were measured on. CI asserts the
//! number of system calls, instructions and allocations of a message; times are not asserted, because they depend on the machine.
//!
//! # Requirements of the specifications
//!
//! `tests/requirements` lists them; `tests/traceability.rs` holds the list to the sources, and the chapter
//! [`traceability`](super::traceability) shows code, test and result of each. *type*: it cannot be broken. *app*: the
//! duty of the application. *declined*: not done, with the reason in the list.
//!
// requirements: begin
//! | document | rows | code | type | app | declined |
//! |---|---|---|---|---|---|
//! | `drafts` | 90 | 81 | 1 | 2 | 6 |
//! | `rfc1928` | 13 | 10 | 1 | 0 | 2 |
//! | `rfc1929` | 3 | 2 | 0 | 0 | 1 |
//! | `rfc1951` | 21 | 19 | 1 | 0 | 1 |
//! | `rfc6455` | 261 | 227 | 11 | 10 | 13 |
//! | `rfc7617` | 15 | 12 | 0 | 3 | 0 |
//! | `rfc7692` | 68 | 61 | 4 | 1 | 2 |
//! | `rfc9110` | 10 | 10 | 0 | 0 | 0 |
//! | `rfc9112` | 3 | 3 | 0 | 0 | 0 |
// requirements: end
//!
//! # Where it is tested
//!
// systems: begin
//! | run by | what, or where |
//! |---|---|
//! | `.ci/run` | Linux, container `rust:1-bookworm` |
//! | the tests with `legacy` | windows-latest, macos-latest |
//! | the same with the oldest Rust | Linux, Rust 1.80 |
//! | `tests/platforms/run`: check | type checks without a warning: Windows (MSVC and GNU), both Macs, FreeBSD; without features, with the drafts, with TLS |
//! | `tests/platforms/run`: portable | the suites here, on the code for systems where neither reads nor `accept` can be woken, and writes cannot be timed |
//! | `tests/platforms/run`: i686 | the whole suite with 32 bits |
//! | `tests/platforms/run`: musl | the whole suite, statically linked |
//! | `tests/platforms/run`: oldest | the whole suite with the oldest Rust that Cargo.toml claims |
//! | `tests/platforms/run`: windows | the suite under Wine; `skips` lists what Wine cannot do, and why |
//! | `tests/platforms/run`: aarch64, armv7, s390x | the whole suite in an emulator; `skips` lists what it cannot do, and why |
//! | `.ci/run`: check, portable, i686, windows | of i686 and windows the unit tests, and of `tests` `server`, `shutdown`, `errors` |
// systems: end
//!
//! The last whole run of each target, from `tests/platforms/results.tsv`:
//!
// runs: begin
//! | target | commit | day | passed | failed | left out |
//! |---|---|---|---|---|---|
//! | aarch64 | 3933e47cc7 | 2026-11-28 | 1713 | 0 | 3 |
//! | armv7 | 95c0b2c1e3 | 2026-11-28 | 1698 | 0 | 4 |
//! | i686 | 95c0b2c1e3 | 2026-11-28 | 1705 | 0 | 0 |
//! | musl | 95c0b2c1e3 | 2026-11-28 | 1707 | 0 | 0 |
//! | oldest | 95c0b2c1e3 | 2026-11-28 | 1708 | 0 | 0 |
//! | portable | 95c0b2c1e3 | 2026-11-28 | 1144 | 0 | 0 |
//! | s390x | 58efa90c8a | 2026-11-28 | 1713 | 0 | 3 |
//! | windows | 3933e47cc7 | 2026-11-28 | 1652 | 0 | 3 |
// runs: end
//!
//! The chapter [`anomalies`](super::anomalies) says which tests other systems leave out. The repository has no record of a run on
//! a Windows or macOS machine; the second row is what its workflow does.
//!
//! Two runs take longer than a part of `.ci/run` may; there is a short one of each. From `tests/dossier/runs.tsv`:
//!
// long runs: begin
//! | run | commit | day | result |
//! |---|---|---|---|
//! | `tests/soak/run 100` | cfb708299c | 2026-11-28 | 6026 s: 22234466 messages sent, 16710588 echoed, 5523878 on connections that ended; 93207 calm connections, 149747 disturbed, 19084 hostile, 10253 with hostile servers; hub: 4416630 published, 9261534 received; 41257 reads interrupted; 0 faults |
//! | `tests/tsan/run` | bf333b48a3 | 2026-11-28 | 1123 tests passed under ThreadSanitizer, no report |
// long runs: end
//!
//! # What the tests run
//!
//! `tests/coverage/run` runs the tests with counters in the library, with all features. It fails if a line or a side of a condition is
//! not covered and not in `tests/coverage/uncovered.tsv`, and if the list has one that is covered. Each row of the list has a reason.
//! Where threads, sockets or deadlines decide what runs, three places beyond the list may be missing, and rows may be covered:
//! `TIMED` in the script names these layers. It also fails below 100 % of the lines and 98 % of the branches below
//! `connection`, and below 99 % of the lines elsewhere. The shares are rounded down, and may be old by less than one percent. Branches are the two sides of each condition.
//! `native-tls` and Linux are part of the measurement; other systems are not.
//!
// coverage: begin
//! | part of `src` | lines | branches | listed: needless or impossible | listed: depends on time | listed: no test yet |
//! |---|--:|--:|--:|--:|--:|
//! | below `connection` | 100.0 % | 99.6 % | 7 | 0 | 0 |
//! | elsewhere | 99.7 % | 97.3 % | 40 | 5 | 0 |
// coverage: end
//!
//! # Support
//!
//! | subject | state |
//! |---|---|
//! | versions, and changes of the interface | chapter [`policies`](super::policies) |
//! | versions with fixes | before 1.0, the latest release and the branch `main` (`.github/SECURITY.md`) |
//! | end of support | no date is set |
//! | vulnerabilities | reported in private, as `.github/SECURITY.md` says; no time to answer is promised |
//! | registry | the crate is not on crates.io |
//!
//! # Verify an installation
//!
//! These commands run in a clone of the repository at the commit of the version. The package has `src` and `examples`, and neither `tests`
//! nor `.ci`.
//!
//! ```sh
//! tests/dossier/reproducible                 # the hash of the package: compare it with the one that you assessed
//! cargo tree --edges all                     # one line: no dependency
//! rustc --edition 2021 --crate-type lib --out-dir target src/lib.rs
//! cargo test --features legacy               # all tests
//! cargo run --example tour                   # a client and a server on this machine, byte by byte
//! ```
//!
//! `.ci/run` is the whole verification. The last lines of its output say what ran, with the number of tests.
