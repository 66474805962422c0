//! One recorded connection, played on an open one: sends what its side has sent, and compares what comes with what came.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use stdws::{CloseCode, Error, Message, WebSocket};

use crate::session::{Entry, Side, What};

pub(super) struct Settings {
    /// Sends without the recorded pauses.
    pub(super) fast: bool,
    /// Compares only the kind of a message.
    pub(super) any_content: bool,
    /// How long a message may be late.
    pub(super) timeout: Duration,
}

#[derive(Default)]
pub(super) struct Played {
    pub(super) sent: u64,
    pub(super) received: u64,
    /// What was otherwise than recorded.
    pub(super) differences: Vec<String>,
}

/// Maximum number of differences that are kept. Others end the playing.
const DIFFERENCES: usize = 100;

pub(super) fn play(ws: &mut WebSocket, side: Side, entries: &[&Entry], settings: &Settings) -> Result<Played, Error> {
    let mut player = Player { ws, held: VecDeque::new(), due: 0, settings, played: Played::default() };
    let due = |entry: &&&Entry| entry.side != side && matches!(entry.what, What::Message(_));
    player.due = entries.iter().filter(due).count();
    let mut before = entries.first().map_or(Duration::ZERO, |entry| entry.at);
    for entry in entries {
        let pause = entry.at.saturating_sub(before);
        before = entry.at;
        let goes_on = match entry.side == side {
            true => player.act(&entry.what, pause)?,
            false => player.compare(&entry.what)?,
        };
        if !goes_on || player.played.differences.len() >= DIFFERENCES {
            break;
        }
    }
    let _ = player.ws.close(CloseCode::NORMAL, "");
    Ok(player.played)
}

struct Player<'a> {
    ws: &'a mut WebSocket,
    /// What came during a pause.
    held: VecDeque<Message>,
    /// Number of messages that are recorded and have not come. As many may be held.
    due: usize,
    settings: &'a Settings,
    played: Played,
}

impl Player<'_> {
    /// Whether the connection goes on.
    fn act(&mut self, what: &What, pause: Duration) -> Result<bool, Error> {
        if !self.settings.fast {
            self.pause(pause);
        }
        match what {
            What::Message(message) => {
                self.ws.send(message)?;
                self.played.sent += 1;
                return Ok(true);
            }
            What::Closed(code, reason) => {
                // Those that must not be sent stand for a Close without a code.
                let code = Some(CloseCode::new(*code)).filter(|code| code.is_sendable()).unwrap_or(CloseCode::NORMAL);
                self.ws.close(code, reason)?;
            }
            What::Lost => self.ws.abort(),
        }
        Ok(false)
    }

    /// Receives during a pause, so that Pings are answered.
    fn pause(&mut self, pause: Duration) {
        let start = Instant::now();
        loop {
            let left = pause.saturating_sub(start.elapsed());
            if left.is_zero() {
                return;
            }
            if self.held.len() >= self.due {
                std::thread::sleep(left.min(Duration::from_secs(1)));
                continue;
            }
            match self.ws.recv_timeout(left) {
                Ok(Some(message)) => self.held.push_back(message),
                Err(error) if error.is_timeout() => {}
                // An end, which what is next finds too.
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn next(&mut self) -> Result<Option<Message>, Error> {
        match self.held.pop_front() {
            Some(message) => Ok(Some(message)),
            None => self.ws.recv_timeout(self.settings.timeout),
        }
    }

    fn compare(&mut self, what: &What) -> Result<bool, Error> {
        let number = self.played.received + 1;
        let next = match self.next() {
            Err(Error::Timeout(_)) => return Ok(self.differ(format!("message {number}: nothing came in time"))),
            Err(_) if *what == What::Lost => return Ok(false),
            next => next?,
        };
        let info = self.ws.close_info();
        let ending = info.map_or_else(|| "an end".to_owned(), |info| info.to_string());
        match (what, next) {
            (What::Message(expected), Some(message)) => {
                self.played.received += 1;
                self.due = self.due.saturating_sub(1);
                if !self.is_same(expected, &message) {
                    self.differ(format!("message {number} is another one"));
                }
                Ok(true)
            }
            (What::Message(_), None) => Ok(self.differ(format!("message {number}: {ending} came instead"))),
            (What::Closed(..) | What::Lost, Some(_)) => {
                Ok(self.differ(format!("message {number} came, and not the end")))
            }
            (What::Closed(code, _), None) => {
                if self.ws.close_info().map(|info| info.code().as_u16()) != Some(*code) {
                    self.differ(format!("the connection was closed with {ending}, and not with {code}"));
                }
                Ok(false)
            }
            (What::Lost, None) => Ok(false),
        }
    }

    fn is_same(&self, expected: &Message, message: &Message) -> bool {
        if self.settings.any_content {
            return expected.kind() == message.kind();
        }
        expected == message
    }

    /// Notes a difference, after which the connection does not go on.
    fn differ(&mut self, difference: String) -> bool {
        self.played.differences.push(difference);
        false
    }
}
