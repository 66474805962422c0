//! Topics: only subscribers get a message; names and subscriptions are bounded.

use crate::live::{long_timeouts, watchdog, Side, LONG};
use crate::members::{add_member, wait_until};
use stdws::{Error, Hub, HubLimits, UsageError};

#[test]
fn a_topic_reaches_its_subscribers() {
    let _watchdog = watchdog();
    let hub = Hub::new().unwrap();
    let mut members: Vec<_> = (0..3).map(|_| add_member(&hub, Side::Server, long_timeouts())).collect();
    assert_eq!(hub.publish("news", "nobody"), 0);
    members[0].member.subscribe("news").unwrap();
    members[0].member.subscribe("news").unwrap();
    members[1].member.subscribe("news").unwrap();
    members[1].member.subscribe("sports").unwrap();
    assert_eq!((hub.subscribers("news"), hub.subscribers("sports"), hub.subscribers("")), (2, 1, 0));
    assert_eq!(hub.publish("news", "one"), 2);
    assert_eq!(members[0].member.publish("news", "two"), 1);
    assert_eq!(hub.publish("sports", "three"), 1);
    members[1].member.unsubscribe("news");
    members[1].member.unsubscribe("never");
    assert_eq!(hub.publish("news", "four"), 1);
    assert_eq!(hub.broadcast("end"), 3);
    for (test_member, expected) in
        members.iter_mut().zip([&["one", "four", "end"][..], &["one", "two", "three", "end"], &["end"]])
    {
        for text in expected {
            assert_eq!(test_member.peer.read().payload, text.as_bytes());
        }
    }
    // A topic is removed with its last subscriber, in whatever way that leaves.
    drop(members.remove(0));
    assert_eq!(hub.subscribers("news"), 0);
    drop(members.remove(0).peer);
    wait_until("removed", LONG, || {
        hub.publish("sports", "?");
        hub.subscribers("sports") == 0
    });
}

#[test]
fn topic_names_and_subscriptions_are_bounded() {
    let _watchdog = watchdog();
    let mut limits = HubLimits::default();
    (limits.max_topics, limits.max_topic_length) = (2, 5);
    let hub = Hub::with_limits(limits).unwrap();
    let test_member = add_member(&hub, Side::Server, long_timeouts());
    test_member.member.subscribe("12345").unwrap();
    test_member.member.subscribe("").unwrap();
    let usage_error = |result: stdws::Result<()>| match result {
        Err(Error::Usage(usage_error)) => usage_error,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        usage_error(test_member.member.subscribe("123456")),
        UsageError::TopicNameTooLong { length: 6, limit: 5 }
    );
    assert_eq!(usage_error(test_member.member.subscribe("x")), UsageError::TooManyTopics(2));
    test_member.member.subscribe("").unwrap();
    test_member.member.unsubscribe("");
    test_member.member.subscribe("x").unwrap();
    assert_eq!(hub.subscribers(""), 0);
    drop(test_member.peer);
    wait_until("removed", LONG, || hub.broadcast("?") == 0);
    assert!(matches!(test_member.member.subscribe("y"), Err(Error::Closed(None))));
}

#[test]
fn an_invalid_close_code_is_rejected() {
    let limits =
        HubLimits { overflow_policy: stdws::OverflowPolicy::Close(stdws::CloseCode::ABNORMAL), ..HubLimits::default() };
    assert!(matches!(Hub::with_limits(limits), Err(Error::Usage(UsageError::CloseCode(1006)))));
}
