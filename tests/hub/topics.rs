//! Topics: who subscribed gets it, others do not; names and numbers are bounded.

use crate::live::{patient, watchdog, Ours, LONG};
use crate::seats::{seat, until};
use stdws::{Error, Hub, HubLimits, Misuse};

#[test]
fn a_topic_reaches_those_who_subscribed() {
    let _watchdog = watchdog();
    let hub = Hub::new().unwrap();
    let mut seats: Vec<_> = (0..3).map(|_| seat(&hub, Ours::Server, patient())).collect();
    assert_eq!(hub.publish("news", "nobody"), 0);
    seats[0].member.subscribe("news").unwrap();
    seats[0].member.subscribe("news").unwrap();
    seats[1].member.subscribe("news").unwrap();
    seats[1].member.subscribe("sports").unwrap();
    assert_eq!((hub.subscribers("news"), hub.subscribers("sports"), hub.subscribers("")), (2, 1, 0));
    assert_eq!(hub.publish("news", "one"), 2);
    assert_eq!(seats[0].member.publish("news", "two"), 1);
    assert_eq!(hub.publish("sports", "three"), 1);
    seats[1].member.unsubscribe("news");
    seats[1].member.unsubscribe("never");
    assert_eq!(hub.publish("news", "four"), 1);
    assert_eq!(hub.broadcast("end"), 3);
    for (seat, expected) in
        seats.iter_mut().zip([&["one", "four", "end"][..], &["one", "two", "three", "end"], &["end"]])
    {
        for text in expected {
            assert_eq!(seat.peer.read().payload, text.as_bytes());
        }
    }
    // A topic goes with its last subscriber, however that goes.
    drop(seats.remove(0));
    assert_eq!(hub.subscribers("news"), 0);
    drop(seats.remove(0).peer);
    until("removed", LONG, || {
        hub.publish("sports", "?");
        hub.subscribers("sports") == 0
    });
}

#[test]
fn names_and_numbers_are_bounded() {
    let _watchdog = watchdog();
    let mut limits = HubLimits::default();
    (limits.topics, limits.topic_name) = (2, 5);
    let hub = Hub::with_limits(limits).unwrap();
    let seat = seat(&hub, Ours::Server, patient());
    seat.member.subscribe("12345").unwrap();
    seat.member.subscribe("").unwrap();
    let misuse = |result: stdws::Result<()>| match result {
        Err(Error::Misuse(misuse)) => misuse,
        other => panic!("{other:?}"),
    };
    assert_eq!(misuse(seat.member.subscribe("123456")), Misuse::TopicName { length: 6, limit: 5 });
    assert_eq!(misuse(seat.member.subscribe("x")), Misuse::TooManyTopics(2));
    seat.member.subscribe("").unwrap();
    seat.member.unsubscribe("");
    seat.member.subscribe("x").unwrap();
    assert_eq!(hub.subscribers(""), 0);
    drop(seat.peer);
    until("removed", LONG, || hub.broadcast("?") == 0);
    assert!(matches!(seat.member.subscribe("y"), Err(Error::Closed(None))));
}

#[test]
fn a_code_that_must_not_be_sent_is_refused() {
    let mut limits = HubLimits::default();
    limits.when_full = stdws::WhenFull::Close(stdws::CloseCode::ABNORMAL);
    assert!(matches!(Hub::with_limits(limits), Err(Error::Misuse(Misuse::CloseCode(1006)))));
}
