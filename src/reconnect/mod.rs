//! Reconnecting: an iterator of connections with random delays and a retry policy.

pub(crate) mod attempts;
pub(crate) mod backoff;
pub(crate) mod disconnect;
pub(crate) mod end_record;
mod tracked;
