//! The rooms: the participants and the latest messages of each. Plain data without a lock.
//!
//! Bounded: [`MAX_ROOMS`] rooms, each with its last [`MAX_LINES`] lines of at most [`MAX_BYTES`] bytes together. Beyond that, the
//! empty room that was idle longest is removed.

use std::collections::{HashMap, HashSet, VecDeque};

const MAX_ROOMS: usize = 256;
const MAX_LINES: usize = 50;
/// Less than the queue limit of a slow new member.
const MAX_BYTES: usize = 32 << 10;

#[derive(Default)]
pub(crate) struct Rooms {
    rooms: HashMap<String, Room>,
    clock: u64,
}

#[derive(Default)]
struct Room {
    participants: HashSet<String>,
    history: VecDeque<String>,
    bytes: usize,
    used: u64,
}

/// Letters and digits of any script, `-` and `_`. So a name has no space and no formatting characters.
pub(crate) fn check_name(what: &str, name: &str, longest: usize) -> Result<(), String> {
    if name.is_empty() || name.chars().count() > longest {
        return Err(format!("A {what} has 1 to {longest} characters."));
    }
    if !name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_') {
        return Err(format!("A {what} has only letters, digits, - and _."));
    }
    Ok(())
}

impl Rooms {
    /// Adds a participant. Returns the earlier messages.
    pub(crate) fn join(&mut self, room: &str, name: &str) -> Result<Vec<String>, String> {
        let Some(room) = self.room(room) else {
            return Err("There are too many rooms at the moment.".into());
        };
        if !room.participants.insert(name.to_owned()) {
            return Err("Somebody in this room has this name already.".into());
        }
        Ok(room.history.iter().cloned().collect())
    }

    pub(crate) fn leave(&mut self, room: &str, name: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.participants.remove(name);
        }
    }

    /// Stores a line for participants that join later.
    pub(crate) fn record(&mut self, room: &str, line: &str) {
        let Some(room) = self.room(room) else { return };
        room.bytes += line.len();
        room.history.push_back(line.to_owned());
        while room.history.len() > MAX_LINES || room.bytes > MAX_BYTES {
            room.bytes -= room.history.pop_front().map_or(0, |line| line.len());
        }
    }

    fn room(&mut self, name: &str) -> Option<&mut Room> {
        self.clock += 1;
        if !self.rooms.contains_key(name) {
            if self.rooms.len() >= MAX_ROOMS {
                let empty = self.rooms.iter().filter(|(_, room)| room.participants.is_empty());
                let oldest = empty.min_by_key(|(_, room)| room.used)?.0.clone();
                self.rooms.remove(&oldest);
            }
            self.rooms.insert(name.to_owned(), Room::default());
        }
        let room = self.rooms.get_mut(name)?;
        room.used = self.clock;
        Some(room)
    }
}
