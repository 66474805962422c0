//! What a hub keeps for members that are slow, and what becomes of those that are too slow.

use crate::close::CloseCode;
use crate::codec::close as close_body;
use crate::error::Result;

/// The limits of a [`Hub`](crate::Hub).
///
/// ```
/// use stdws::{CloseCode, Hub, HubLimits, OverflowPolicy};
/// let mut limits = HubLimits::default();
/// limits.max_queue_bytes = 256 << 10;
/// limits.overflow_policy = OverflowPolicy::Close(CloseCode::POLICY);
/// let hub = Hub::with_limits(limits)?;
/// # Ok::<(), stdws::Error>(())
/// ```
///
/// # Memory
///
/// A message is kept once for all members (once more for each kind of compression among them) as long as it waits for
/// one of them. So members that stopped reading at the same time cost little more than one of them. At worst, if no two
/// wait for the same message, it is, in bytes:
///
/// > members × (`max_queue_bytes` + a message + 80 KiB + `max_topics` × (`max_topic_length` + 100))
///
/// The message is the one that is being written, which may have to be copied; the 80 KiB are what goes out with it.
/// Messages whose connections mask or encode them for themselves (clients, drafts) are kept once, too, until they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubLimits {
    /// Bytes that may wait for one member; each message counts 64 bytes more than its frame has. Default 1 MiB. A message
    /// larger than that is taken if no other waits.
    pub max_queue_bytes: usize,
    /// What is done when a message does not fit. Default: `Close(`[`CloseCode::TRY_LATER`]`)`, so that no one misses a message
    /// without knowing.
    pub overflow_policy: OverflowPolicy,
    /// Topics that one member may subscribe to. Default 64.
    pub max_topics: usize,
    /// Bytes in the name of a topic. Default 256. A name often comes from a peer.
    pub max_topic_length: usize,
}

impl Default for HubLimits {
    fn default() -> HubLimits {
        HubLimits {
            max_queue_bytes: 1 << 20,
            overflow_policy: OverflowPolicy::Close(CloseCode::TRY_LATER),
            max_topics: 64,
            max_topic_length: 256,
        }
    }
}

impl HubLimits {
    pub(super) fn check(&self) -> Result<()> {
        match self.overflow_policy {
            OverflowPolicy::DropNewest | OverflowPolicy::DropOldest => Ok(()),
            OverflowPolicy::Close(code) => Ok(close_body::check(code, OVERFLOW_REASON)?),
        }
    }
}

/// The reason in the Close of a member that is too slow.
pub(super) const OVERFLOW_REASON: &str = "too slow: the backlog is full";

/// What is done with a message for a member whose backlog is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OverflowPolicy {
    /// That member does not get it. For what can be missed now and then.
    DropNewest,
    /// That member gets it, and does not get those that have waited longest. For news that are soon old: prices, positions.
    DropOldest,
    /// The connection is closed with this code, and what waits is lost. For a chat, where who missed something must come
    /// back and ask for it. 1008 ([`CloseCode::POLICY`]) and 1013 ([`CloseCode::TRY_LATER`]) say what happened.
    ///
    /// The Close is sent as soon as there is room. A peer that makes none within [`Timeouts::close`](crate::Timeouts::close) is cut off.
    Close(CloseCode),
}
