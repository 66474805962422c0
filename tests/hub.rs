//! A hub delivers every message to every member once and in order, or counts why not. No member delays the hub or
//! another member.

#[path = "support/live.rs"]
mod live;

#[path = "hub/ending.rs"]
mod ending;
#[path = "hub/members.rs"]
mod members;
#[path = "hub/mixing.rs"]
mod mixing;
#[path = "hub/order.rs"]
mod order;
#[path = "hub/slow.rs"]
mod slow;
#[path = "hub/topics.rs"]
mod topics;
