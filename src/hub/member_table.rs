//! Table of the members, their subscriptions, and the frame formats in use.
//!
//! Invariants: each topic in `topics` has a subscriber. A member is in `topics` under exactly the names in its record.
//! Each frame format is counted once for each member.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::limits::HubLimits;
use super::member_state::MemberState;
use crate::connection::sender::Sender;
use crate::connection::shared_frame::FrameFormat;
use crate::error::{Error, Result, UsageError};

#[derive(Default)]
pub(super) struct MemberTable {
    members: BTreeMap<u64, MemberRecord>,
    topics: HashMap<Arc<str>, BTreeMap<u64, MemberRef>>,
    /// Each format in use, and the number of its members.
    frame_formats: Vec<(FrameFormat, usize)>,
}

struct MemberRecord {
    member_ref: MemberRef,
    topics: Vec<Arc<str>>,
}

/// The data needed to queue a message.
#[derive(Clone)]
pub(super) struct MemberRef {
    pub(super) state: Arc<MemberState>,
    pub(super) frame_format: FrameFormat,
}

impl MemberTable {
    pub(super) fn add(&mut self, member: Arc<MemberState>, sender: &Sender) {
        let frame_format = sender.connection().frame_format;
        match self.frame_formats.iter_mut().find(|(known, _)| *known == frame_format) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.frame_formats.push((frame_format, 1)),
        }
        self.members.insert(
            member.id,
            MemberRecord { member_ref: MemberRef { state: member, frame_format }, topics: Vec::new() },
        );
    }

    pub(super) fn remove(&mut self, id: u64) {
        let Some(MemberRecord { member_ref, topics }) = self.members.remove(&id) else { return };
        for topic in topics {
            self.remove_subscription(id, &topic);
        }
        if let Some((_, count)) =
            self.frame_formats.iter_mut().find(|(frame_format, _)| *frame_format == member_ref.frame_format)
        {
            *count = count.saturating_sub(1);
        }
        self.frame_formats.retain(|(_, count)| *count > 0);
    }

    pub(super) fn subscribe(&mut self, id: u64, topic: &str, limits: &HubLimits) -> Result<()> {
        if topic.len() > limits.max_topic_length {
            return Err(UsageError::TopicNameTooLong { length: topic.len(), limit: limits.max_topic_length }.into());
        }
        let Some(record) = self.members.get_mut(&id) else { return Err(Error::Closed(None)) };
        if record.topics.iter().any(|known| **known == *topic) {
            return Ok(());
        }
        if record.topics.len() >= limits.max_topics {
            return Err(UsageError::TooManyTopics(limits.max_topics).into());
        }
        let name = match self.topics.get_key_value(topic) {
            Some((name, _)) => name.clone(),
            None => Arc::from(topic),
        };
        record.topics.push(name.clone());
        self.topics.entry(name).or_default().insert(id, record.member_ref.clone());
        Ok(())
    }

    pub(super) fn unsubscribe(&mut self, id: u64, topic: &str) {
        let Some(record) = self.members.get_mut(&id) else { return };
        record.topics.retain(|known| **known != *topic);
        self.remove_subscription(id, topic);
    }

    fn remove_subscription(&mut self, id: u64, topic: &str) {
        let Some(subscribers) = self.topics.get_mut(topic) else { return };
        subscribers.remove(&id);
        if subscribers.is_empty() {
            self.topics.remove(topic);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn subscriber_count(&self, topic: &str) -> usize {
        self.topics.get(topic).map_or(0, BTreeMap::len)
    }

    /// The frame formats in use.
    pub(super) fn frame_formats(&self) -> Vec<FrameFormat> {
        self.frame_formats.iter().map(|(frame_format, _)| *frame_format).collect()
    }

    pub(super) fn get(&self, id: u64) -> Option<&MemberRef> {
        self.members.get(&id).map(|record| &record.member_ref)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &MemberRef> {
        self.members.values().map(|record| &record.member_ref)
    }

    pub(super) fn subscribers(&self, topic: &str) -> impl Iterator<Item = &MemberRef> {
        self.topics.get(topic).into_iter().flat_map(BTreeMap::values)
    }
}

#[cfg(test)]
mod tests {
    use super::super::member_state::tests::member;
    use super::*;
    use crate::codec::frame::Role;
    use crate::connection::testing::{long_timeouts, websocket};

    #[test]
    fn a_format_is_in_use_until_its_last_member_is_removed() {
        let mut table = MemberTable::default();
        let connections = [Role::Server, Role::Server, Role::Client].map(|role| websocket(role, long_timeouts()));
        for ((ws, _), id) in connections.iter().zip(0..) {
            table.add(Arc::new(MemberState::new(id, ws.sender(), Arc::default())), &ws.sender());
        }
        let both = [FrameFormat::Uncompressed, FrameFormat::PerConnection];
        assert_eq!(table.frame_formats(), both);
        for (id, left) in [(0, &both[..]), (1, &both[1..]), (2, &[])] {
            table.remove(id);
            assert_eq!(table.frame_formats(), left, "without {id}");
        }
    }

    #[test]
    fn a_topic_without_subscribers_takes_no_memory() {
        let mut table = MemberTable::default();
        let (member, ws, _peer) = member(0, long_timeouts());
        table.add(member, &ws.sender());
        table.subscribe(0, "news", &HubLimits::default()).unwrap();
        assert_eq!(table.topics.len(), 1);
        table.unsubscribe(0, "news");
        assert!(table.topics.is_empty());
    }
}
