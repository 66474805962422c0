//! Every draft with client, server and real handshakes: capabilities work, missing ones are rejected, and the
//! guarantees of RFC 6455 about time, limits and hostile peers hold. The unit tests of `legacy` check the bytes, and
//! `drafts_opening.rs` the opening handshake.
#![cfg(feature = "legacy")]

#[path = "support/live.rs"]
mod live;
#[path = "support/variants.rs"]
mod variants;

#[path = "drafts/hostile.rs"]
mod hostile;
#[path = "drafts/liveness.rs"]
mod liveness;
#[path = "drafts/matrix.rs"]
mod matrix;
#[path = "drafts/peer.rs"]
mod peer;
