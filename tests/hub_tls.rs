//! The tests of `hub.rs` over TLS, except those with pipes and plain servers. With TLS, messages are encrypted for each
//! member, and TLS sends records of its own.

#[path = "support/live.rs"]
mod live;

#[path = "hub/ending.rs"]
mod ending;
#[path = "hub/members.rs"]
mod members;
#[path = "hub/order.rs"]
mod order;
#[path = "hub/slow.rs"]
mod slow;
#[path = "hub/topics.rs"]
mod topics;
