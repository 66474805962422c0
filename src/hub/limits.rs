//! Limits of a hub, and what happens to slow members.

use crate::close::CloseCode;
use crate::codec::close as close_body;
use crate::config;
use crate::error::Result;

/// The limits of a [`Hub`](crate::Hub). Feature `hub`.
///
/// ```
/// use stdws::{CloseCode, Hub, HubLimits, OverflowPolicy};
/// let overflow_policy = OverflowPolicy::Close(CloseCode::POLICY);
/// let hub = Hub::with_limits(HubLimits { max_queue_bytes: 256 << 10, overflow_policy, ..HubLimits::default() })?;
/// # Ok::<(), stdws::Error>(())
/// ```
///
/// Later versions can add fields, so a literal ends in `..HubLimits::default()`.
///
/// # Memory
///
/// A hub stores a message once for all members, and once more for each set of compression parameters, while it waits
/// for any of them. Members that stop reading at the same time therefore need little more memory than one. The worst
/// case, when no two members wait for the same message, is in bytes:
///
/// > members × (`max_queue_bytes` + a message + 80 KiB + `max_topics` × (`max_topic_length` + 100))
///
/// "A message" is the one that is being written, which may have to be copied; the 80 KiB are written along with it.
/// Messages for connections that mask or encode for themselves (clients, drafts) are also stored once, until they are
/// written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(alias = "backpressure")]
pub struct HubLimits {
    /// Maximum number of bytes queued for one member. Each message counts as its frame plus 64 bytes. Default 1 MiB. A
    /// larger message is accepted if the queue is empty.
    pub max_queue_bytes: usize,
    /// What happens when a message does not fit. Default: `Close(`[`CloseCode::TRY_LATER`]`)`, so that no member misses
    /// a message without notice.
    pub overflow_policy: OverflowPolicy,
    /// Maximum number of topics that one member may subscribe to. Default 64.
    pub max_topics: usize,
    /// Maximum number of bytes in the name of a topic. Default 256. A name often comes from a peer.
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
        let bytes = u64::try_from(self.max_queue_bytes).unwrap_or(u64::MAX);
        config::count_at_least("HubLimits::max_queue_bytes", bytes, 1)?;
        let length = u64::try_from(self.max_topic_length).unwrap_or(u64::MAX);
        config::count_at_least("HubLimits::max_topic_length", length, 1)?;
        match self.overflow_policy {
            OverflowPolicy::DropNewest | OverflowPolicy::DropOldest => Ok(()),
            OverflowPolicy::Close(code) => Ok(close_body::check(code, OVERFLOW_REASON)?),
        }
    }
}

/// The reason in the Close for a member whose queue is full.
pub(super) const OVERFLOW_REASON: &str = "reads too slowly: the send queue is full";

/// What happens to a message for a member whose queue is full. Feature `hub`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OverflowPolicy {
    /// Drops the new message for this member. For messages that may be missed.
    DropNewest,
    /// Drops the oldest messages in the queue. For data that becomes outdated, such as prices and positions.
    DropOldest,
    /// Closes the connection with this code and discards the queue. For applications whose clients must reconnect and
    /// request what they missed. 1008 ([`CloseCode::POLICY`]) and 1013 ([`CloseCode::TRY_LATER`]) fit.
    ///
    /// The Close is sent as soon as the socket accepts it. A connection that does not accept it within
    /// [`Timeouts::close`](crate::Timeouts::close) is aborted.
    Close(CloseCode),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let defaults = HubLimits::default();
        assert_eq!((defaults.max_queue_bytes, defaults.max_topics, defaults.max_topic_length), (1_048_576, 64, 256));
        assert_eq!(defaults.overflow_policy, OverflowPolicy::Close(CloseCode::new(1013)));
    }

    #[test]
    fn each_value_is_checked_against_the_table() {
        let limits = |max_queue_bytes, max_topic_length, code| {
            let overflow_policy = OverflowPolicy::Close(CloseCode::new(code));
            HubLimits { max_queue_bytes, max_topic_length, overflow_policy, max_topics: 0 }.check().is_ok()
        };
        assert!(limits(1, 1, 3000) && limits(usize::MAX, usize::MAX, 1008));
        assert!(!limits(0, 1, 3000) && !limits(1, 0, 3000) && !limits(1, 1, 1005));
    }
}
