//! Who is a member, who has subscribed to what, and which kinds of frames they need.
//!
//! Invariants: a topic that is in `topics` has a subscriber; a member is in `topics` under exactly the names in its
//! seat; each shape is counted once for each member.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::entry::Entry;
use super::limits::HubLimits;
use crate::error::{Error, Misuse, Result};
use crate::protocol::encoder::Shape;
use crate::websocket::Sender;

#[derive(Default)]
pub(super) struct Roster {
    seats: BTreeMap<u64, Seat>,
    topics: HashMap<Arc<str>, BTreeMap<u64, Card>>,
    shapes: Vec<(Shape, usize)>,
}

struct Seat {
    card: Card,
    topics: Vec<Arc<str>>,
}

/// What is needed to put a message into a backlog.
#[derive(Clone)]
pub(super) struct Card {
    pub(super) entry: Arc<Entry>,
    pub(super) shape: Shape,
}

impl Roster {
    pub(super) fn add(&mut self, entry: Arc<Entry>, sender: &Sender) {
        let shape = sender.link().shape;
        match self.shapes.iter_mut().find(|(known, _)| *known == shape) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.shapes.push((shape, 1)),
        }
        self.seats.insert(entry.id, Seat { card: Card { entry, shape }, topics: Vec::new() });
    }

    pub(super) fn remove(&mut self, id: u64) {
        let Some(Seat { card, topics }) = self.seats.remove(&id) else { return };
        for topic in topics {
            self.take_out(id, &topic);
        }
        if let Some((_, count)) = self.shapes.iter_mut().find(|(shape, _)| *shape == card.shape) {
            *count = count.saturating_sub(1);
        }
        self.shapes.retain(|(_, count)| *count > 0);
    }

    pub(super) fn subscribe(&mut self, id: u64, topic: &str, limits: &HubLimits) -> Result<()> {
        if topic.len() > limits.topic_name {
            return Err(Misuse::TopicName { length: topic.len(), limit: limits.topic_name }.into());
        }
        let Some(seat) = self.seats.get_mut(&id) else { return Err(Error::Closed(None)) };
        if seat.topics.iter().any(|known| **known == *topic) {
            return Ok(());
        }
        if seat.topics.len() >= limits.topics {
            return Err(Misuse::TooManyTopics(limits.topics).into());
        }
        let name = match self.topics.get_key_value(topic) {
            Some((name, _)) => name.clone(),
            None => Arc::from(topic),
        };
        seat.topics.push(name.clone());
        self.topics.entry(name).or_default().insert(id, seat.card.clone());
        Ok(())
    }

    pub(super) fn unsubscribe(&mut self, id: u64, topic: &str) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        seat.topics.retain(|known| **known != *topic);
        self.take_out(id, topic);
    }

    fn take_out(&mut self, id: u64, topic: &str) {
        let Some(subscribers) = self.topics.get_mut(topic) else { return };
        subscribers.remove(&id);
        if subscribers.is_empty() {
            self.topics.remove(topic);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn subscribers(&self, topic: &str) -> usize {
        self.topics.get(topic).map_or(0, BTreeMap::len)
    }

    /// The kinds of frames that are needed.
    pub(super) fn shapes(&self) -> Vec<Shape> {
        self.shapes.iter().map(|(shape, _)| *shape).collect()
    }

    pub(super) fn card(&self, id: u64) -> Option<&Card> {
        self.seats.get(&id).map(|seat| &seat.card)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Card> {
        self.seats.values().map(|seat| &seat.card)
    }

    pub(super) fn subscribed(&self, topic: &str) -> impl Iterator<Item = &Card> {
        self.topics.get(topic).into_iter().flat_map(BTreeMap::values)
    }
}
