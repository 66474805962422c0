//! The manual: documentation only, compiled and tested with the code.
//!
//! | chapter | for |
//! |---|---|
//! | [`reading`] | the source in the order of RFC 6455, in an evening |
//! | [`exercises`] | a server of your own in seven stages, which `ws conform` judges |
//! | [`connecting`] | URLs, several addresses, other addresses, names and sockets |
//! | [`receiving`] | waiting, time limits, streams |
//! | [`sending`] | send, queue, other threads, large messages |
//! | [`broadcasting`] | one message to many connections, without waiting for slow ones |
//! | [`closing`] | how connections end, and what each error means |
//! | [`reconnecting`] | a new connection after one was lost |
//! | [`proxies`] | proxies, exceptions from them, redirects |
//! | [`tls`] | `wss://`: what is verified, private authorities |
//! | [`deploying`] | long-running servers: one port, limits, shutdown |
//! | [`costs`] | what a connection, a message, a handshake and a thread cost, and how to size a server |
//! | [`testing`] | tests without a network, and peers that break the protocol |
//! | [`observing`] | events for logs and counters |
//! | [`security`] | which attacks are prevented, and what remains your task |
//! | [`history`] | every version of the protocol, what it changed and why |
//! | [`registries`] | versions, close codes, opcodes, names and fields, and the words of other specifications |
//! | [`reviews`] | what reviewers of the drafts asked, the answers, and the tests that show them |
//! | [`data_sheet`] | what the crate is for, what it needs, its bounds, and how to verify an installation |
//! | [`hazards`] | each promise: what fails without it, what detects that, what remains your task; the threat model |
//! | [`anomalies`] | known anomalies, what is not claimed, vulnerabilities of other libraries |
//! | [`cryptography`] | SHA-1, MD5 and random bytes: what for, in which builds, and what scanners say |
//! | [`traceability`] | each requirement with its code, its test, the patch that breaks it, and the result |
//! | [`bounds`] | memory and time: the formula, and the worst-case blocking of each call |
//! | [`bill_of_materials`] | which packages each build contains, in CycloneDX and SPDX |
//! | [`policies`] | versions, the oldest Rust, changes, security reports, the same package twice |
//! | [`changes`] | what changed between versions |

pub mod anomalies;
pub mod bill_of_materials;
pub mod bounds;
pub mod broadcasting;
pub mod changes;
pub mod closing;
pub mod connecting;
pub mod costs;
pub mod cryptography;
pub mod data_sheet;
pub mod deploying;
pub mod exercises;
pub mod hazards;
pub mod history;
pub mod observing;
pub mod policies;
pub mod proxies;
pub mod reading;
pub mod receiving;
pub mod reconnecting;
pub mod registries;
pub mod reviews;
pub mod security;
pub mod sending;
pub mod testing;
pub mod tls;
pub mod traceability;
