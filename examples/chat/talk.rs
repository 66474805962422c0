//! What the visitors share: the rooms, the hub that carries lines to those in them, and the way to other processes.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use stdws::{Sender, WebSocket};

use crate::nats::Nats;
use crate::rooms::{check_name, Rooms};

pub(crate) struct Talk {
    rooms: Mutex<Rooms>,
    hub: Mutex<Vec<(String, Sender)>>,
    nats: Mutex<Option<Nats>>,
    /// Ids of lines differ between processes, so that a page knows which it has seen.
    process: u32,
    lines: AtomicU64,
}

/// Somebody in a room. Leaves it when dropped.
pub(crate) struct Guest {
    talk: Arc<Talk>,
    room: String,
    name: String,
}

impl Talk {
    pub(crate) fn start(nats: Option<String>) -> io::Result<Arc<Talk>> {
        let process = RandomState::new().build_hasher().finish() as u32;
        let talk = Arc::new(Talk {
            rooms: Mutex::default(),
            hub: Mutex::default(),
            nats: Mutex::default(),
            process,
            lines: AtomicU64::new(0),
        });
        if let Some(address) = nats {
            let here = Arc::clone(&talk);
            let nats = Nats::start(address, move |line| here.published(line))?;
            *talk.nats.lock().unwrap_or_else(PoisonError::into_inner) = Some(nats);
        }
        Ok(talk)
    }

    /// Lets somebody into a room, and shows what was said there before.
    pub(crate) fn enter(self: &Arc<Talk>, ws: &mut WebSocket, room: &str, name: &str) -> Result<Guest, String> {
        let gone = |error: stdws::Error| error.to_string();
        {
            // Nobody says anything while the lock is held, so nothing is missed or seen twice. All of it is less than is
            // queued without writing: nobody waits for a slow newcomer.
            let mut rooms = self.rooms();
            let history = rooms.enter(room, name)?;
            let queued = [format!("joined {room} {name}")].iter().chain(&history).try_for_each(|line| ws.queue(line));
            if let Err(error) = queued {
                rooms.leave(room, name);
                return Err(gone(error));
            }
            self.hub.lock().unwrap().push((room.into(), ws.sender()));
        }
        let guest = Guest { talk: Arc::clone(self), room: room.to_owned(), name: name.to_owned() };
        ws.flush().map_err(gone)?;
        self.say_everywhere(room, format!("came {name}"));
        Ok(guest)
    }

    fn say_everywhere(&self, room: &str, line: String) {
        self.say_here(room, &line);
        if let Some(nats) = &*self.nats.lock().unwrap_or_else(PoisonError::into_inner) {
            nats.publish(format!("{room} {line}"));
        }
    }

    /// A line that another process published. It is one of ours, but checked all the same.
    fn published(&self, line: &str) {
        if let Some((room, line)) = line.split_once(' ') {
            let known = ["said ", "came ", "left "].iter().any(|what| line.starts_with(what));
            if known && check_name("room", room, 32).is_ok() {
                self.say_here(room, line);
            }
        }
    }

    fn say_here(&self, room: &str, line: &str) {
        let mut rooms = self.rooms();
        if line.starts_with("said ") {
            rooms.remember(room, line);
        }
        self.hub.lock().unwrap().retain(|(r, s)| r != room || s.send(line).is_ok());
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    pub(crate) fn say(&self, text: &str) {
        let id = self.talk.lines.fetch_add(1, Ordering::Relaxed);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
        let line = format!("said {:08x}-{id} {} {time} {text}", self.talk.process, self.name);
        self.talk.say_everywhere(&self.room, line);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.talk.rooms().leave(&self.room, &self.name);
        self.talk.say_everywhere(&self.room, format!("left {}", self.name));
    }
}
