//! A hub gets every message to every member once and in order, or its counts say why not; and no member can make it, or
//! the others, wait.

#[path = "support/live.rs"]
mod live;

#[path = "hub/ending.rs"]
mod ending;
#[path = "hub/mixing.rs"]
mod mixing;
#[path = "hub/order.rs"]
mod order;
#[path = "hub/seats.rs"]
mod seats;
#[path = "hub/slow.rs"]
mod slow;
#[path = "hub/topics.rs"]
mod topics;
