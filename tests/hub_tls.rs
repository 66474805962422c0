//! The scenarios of `hub.rs` over TLS: there, what a hub writes is encrypted for each member, and it is no slower member's
//! fault that TLS has something of its own to say. Without those that mix it with pipes and plain servers.

#[path = "support/live.rs"]
mod live;

#[path = "hub/ending.rs"]
mod ending;
#[path = "hub/order.rs"]
mod order;
#[path = "hub/seats.rs"]
mod seats;
#[path = "hub/slow.rs"]
mod slow;
#[path = "hub/topics.rs"]
mod topics;
