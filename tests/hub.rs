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

#[test]
fn debug_shows_numbers_alone() {
    let hub = stdws::Hub::new().unwrap();
    let one = members::add_member(&hub, live::Side::Server, stdws::Timeouts::default());
    assert!(format!("{hub:?}").starts_with("Hub { members: 1, stats: DeliveryStats {"), "{hub:?}");
    assert!(format!("{:?}", one.member).starts_with("Member { stats: DeliveryStats {"), "{:?}", one.member);
}
