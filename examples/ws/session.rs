//! Recorded sessions: JSON lines, as `ws record` and `ws cat --json` write them, and `ws replay` reads them. Knows no network.

use std::time::Duration;

use stdws::Message;

use crate::{hex, json_line, terminal};

/// The sender of a message, or the one that ended the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

#[derive(Debug, PartialEq)]
pub(crate) enum What {
    Message(Message),
    Closed(u16, String),
    /// The connection ended without a Close.
    Lost,
}

/// One line of a recording.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry {
    /// Since 1970.
    pub(crate) at: Duration,
    pub(crate) connection: u64,
    pub(crate) side: Side,
    pub(crate) what: What,
}

impl Entry {
    /// The line, with its end.
    pub(crate) fn line(&self) -> String {
        let (direction, by) = match self.side {
            Side::Client => ("sent", "client"),
            Side::Server => ("received", "server"),
        };
        let fields = match &self.what {
            What::Message(Message::Text(text)) => {
                format!("\"message\",\"direction\":\"{direction}\",\"type\":\"text\",\"data\":{}", terminal::json(text))
            }
            What::Message(Message::Binary(bytes)) => {
                let hex = terminal::hex(bytes).replace(' ', "");
                format!("\"message\",\"direction\":\"{direction}\",\"type\":\"binary\",\"hex\":\"{hex}\"")
            }
            What::Closed(code, reason) => {
                format!("\"closed\",\"code\":{code},\"reason\":{},\"by\":\"{by}\"", terminal::json(reason))
            }
            What::Lost => format!("\"lost\",\"by\":\"{by}\""),
        };
        let (time, connection) = (terminal::utc(self.at), self.connection);
        format!("{{\"time\":\"{time}\",\"event\":{fields},\"connection\":{connection}}}\n")
    }

    /// `None`: an event that is not replayed.
    pub(crate) fn parse(line: &str) -> Result<Option<Entry>, String> {
        let fields = json_line::object(line)?;
        let find = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
        let need = |name: &'static str| find(name).ok_or_else(|| format!("{name:?} is missing"));
        let (what, side) = match need("event")? {
            "message" => {
                let message = match need("type")? {
                    "text" => Message::Text(need("data")?.to_owned()),
                    "binary" => Message::Binary(hex::parse(need("hex")?)?),
                    other => return Err(format!("there is no type {other:?}")),
                };
                (What::Message(message), side(need("direction")?, ["sent", "received"])?)
            }
            "closed" => {
                let code = need("code")?.parse().map_err(|_| "the code is no number from 0 to 65535".to_owned())?;
                (
                    What::Closed(code, find("reason").unwrap_or_default().to_owned()),
                    side(need("by")?, ["client", "server"])?,
                )
            }
            "lost" => (What::Lost, side(find("by").unwrap_or("server"), ["client", "server"])?),
            _ => return Ok(None),
        };
        let at = time(need("time")?).ok_or("the time has not the form 2026-01-31T23:59:59.999Z")?;
        let connection =
            find("connection").unwrap_or("1").parse().map_err(|_| "the connection is no number".to_owned())?;
        Ok(Some(Entry { at, connection, side, what }))
    }
}

fn side(name: &str, [client, server]: [&str; 2]) -> Result<Side, String> {
    match name {
        _ if name == client => Ok(Side::Client),
        _ if name == server => Ok(Side::Server),
        _ => Err(format!("{name:?} is neither {client:?} nor {server:?}")),
    }
}

/// The inverse of [`terminal::utc`]: a time of RFC 3339 in UTC, since 1970.
fn time(text: &str) -> Option<Duration> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(str::parse::<u64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut clock = clock.splitn(3, ':');
    let (hour, minute) = (clock.next()?.parse::<u64>().ok()?, clock.next()?.parse::<u64>().ok()?);
    let second = clock.next()?.parse::<f64>().ok().filter(|second| (0.0..61.0).contains(second))?;
    if !(1970..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
    {
        return None;
    }
    // Years that begin in March, as in `terminal::utc`.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(Duration::from_secs(days * 86_400 + hour * 3_600 + minute * 60) + Duration::from_secs_f64(second))
}
