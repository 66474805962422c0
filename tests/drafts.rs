//! Every draft, through client and server and their real handshakes: what it can do works, what it cannot is refused, and
//! what holds for RFC 6455 about time, limits and hostile peers holds for it too. What the bytes are, the unit tests of
//! `legacy` know; how a connection opens, `drafts_opening.rs`.
#![cfg(feature = "legacy")]

#[path = "support/live.rs"]
mod live;
#[path = "support/spoken.rs"]
mod spoken;

#[path = "drafts/hostile.rs"]
mod hostile;
#[path = "drafts/liveness.rs"]
mod liveness;
#[path = "drafts/matrix.rs"]
mod matrix;
#[path = "drafts/peer.rs"]
mod peer;
