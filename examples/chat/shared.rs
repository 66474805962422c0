//! State shared by the clients: the rooms, the hub that sends lines to their members, and the connection to other processes.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use stdws::{Hub, HubLimits, Member, WebSocket};

use super::nats::Nats;
use super::rooms::{check_name, Rooms};

pub(crate) struct Chat {
    rooms: Mutex<Rooms>,
    /// A room is a topic.
    hub: Hub,
    nats: OnceLock<Nats>,
    /// Ids of lines differ between processes, so that a page shows each line once.
    process: u32,
    lines: AtomicU64,
}

/// A participant of a room. Leaves it when dropped.
pub(crate) struct Participant {
    chat: Arc<Chat>,
    room: String,
    name: String,
    /// As long as it exists, its connection receives the messages of the room.
    _member: Member,
}

impl Chat {
    pub(crate) fn start(nats: Option<String>) -> Result<Arc<Chat>, Box<dyn std::error::Error>> {
        let process = RandomState::new().build_hasher().finish() as u32;
        // A member that does not read is closed with 1013. It reconnects, and gets the history.
        let hub = Hub::with_limits(HubLimits { max_queue_bytes: 256 << 10, ..HubLimits::default() })?;
        let chat =
            Arc::new(Chat { rooms: Mutex::default(), hub, nats: OnceLock::new(), process, lines: AtomicU64::new(0) });
        if let Some(address) = nats {
            let local = Arc::clone(&chat);
            let _ = chat.nats.set(Nats::start(address, move |line| local.on_remote_line(line))?);
        }
        Ok(chat)
    }

    /// Adds a participant to a room, and sends it the earlier messages.
    pub(crate) fn join(self: &Arc<Chat>, ws: &WebSocket, room: &str, name: &str) -> Result<Participant, String> {
        let member = {
            // No message is added while the lock is held, so none is missed or sent twice. The hub does not block.
            let mut rooms = self.rooms();
            let history = rooms.join(room, name)?;
            let member = self.hub.add(ws.sender());
            for line in [format!("joined {room} {name}")].iter().chain(&history) {
                member.send(line);
            }
            if let Err(error) = member.subscribe(room) {
                rooms.leave(room, name);
                return Err(error.to_string());
            }
            member
        };
        let participant =
            Participant { chat: Arc::clone(self), room: room.to_owned(), name: name.to_owned(), _member: member };
        self.publish_everywhere(room, format!("came {name}"));
        Ok(participant)
    }

    fn publish_everywhere(&self, room: &str, line: String) {
        self.publish_here(room, &line);
        if let Some(nats) = self.nats.get() {
            nats.publish(format!("{room} {line}"));
        }
    }

    /// Handles a line that another process published. It is checked like one of a client.
    fn on_remote_line(&self, line: &str) {
        if let Some((room, line)) = line.split_once(' ') {
            let known = ["said ", "came ", "left "].iter().any(|what| line.starts_with(what));
            if known && check_name("room", room, 32).is_ok() {
                self.publish_here(room, line);
            }
        }
    }

    fn publish_here(&self, room: &str, line: &str) {
        let mut rooms = self.rooms();
        if line.starts_with("said ") {
            rooms.record(room, line);
        }
        self.hub.publish(room, line);
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Participant {
    pub(crate) fn say(&self, text: &str) {
        let id = self.chat.lines.fetch_add(1, Ordering::Relaxed);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
        let line = format!("said {:08x}-{id} {} {time} {text}", self.chat.process, self.name);
        self.chat.publish_everywhere(&self.room, line);
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        self.chat.rooms().leave(&self.room, &self.name);
        self.chat.publish_everywhere(&self.room, format!("left {}", self.name));
    }
}
