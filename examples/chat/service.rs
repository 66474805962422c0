//! The chat as a service: its pages, and one client from its handshake to its end. `chat` and `ws chat` serve it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::rooms;
use super::shared::Chat;
use stdws::{CloseCode, Decision, Message, Request, Response, Result, Server, WebSocket};

/// Maximum number of bytes in a message. The texts of a chat are short.
pub(crate) const MAX_MESSAGE: u64 = 8 << 10;

/// Adds the pages, and the path of the chat.
pub(crate) fn with_pages(server: Server) -> Server {
    server.http(page).on_request(|request| match request.path() {
        "/chat" => Decision::accept(),
        _ if request.is_websocket() => Response::text(404, "the chat is at /chat\n").into(),
        _ => Decision::accept(),
    })
}

/// The response to a plain HTTP request.
fn page(request: &Request) -> Response {
    const PAGE: &str = include_str!("page.html");
    const SCRIPT: &str = include_str!("chat.js");
    const STYLE: &str = include_str!("chat.css");
    let response = match request.path() {
        "/" => Response::html(200, PAGE),
        "/chat.js" => Response::bytes(200, "text/javascript; charset=utf-8", SCRIPT),
        "/chat.css" => Response::bytes(200, "text/css; charset=utf-8", STYLE),
        "/health" => Response::text(200, "ok\n"),
        // The address of the client as this server sees it, to check the settings of a proxy.
        "/address" => Response::text(200, request.client_ip().map_or_else(String::new, |ip| format!("{ip}\n"))),
        _ => Response::text(404, "not here\n"),
    };
    // No foreign script, style or image is loaded, whatever a message contains.
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    response
        .with_header("Content-Security-Policy", POLICY)
        .with_header("X-Content-Type-Options", "nosniff")
        .with_header("Referrer-Policy", "no-referrer")
        .with_header("Cache-Control", "no-cache")
}

/// One client, from its handshake to its end.
pub(crate) fn handle_connection(mut ws: WebSocket, chat: &Arc<Chat>) -> Result<()> {
    const JOIN_TIMEOUT: Duration = Duration::from_secs(20);
    let first = match ws.recv_timeout(JOIN_TIMEOUT) {
        Ok(Some(message)) => message,
        Ok(None) => return Ok(()),
        Err(error) if error.is_timeout() => return ws.close(CloseCode::POLICY, "Nobody joined.").map(drop),
        Err(error) => return Err(error),
    };
    let participant = match parse_join(&first).and_then(|(room, name)| chat.join(&ws, room, name)) {
        Ok(participant) => participant,
        Err(reason) => return ws.close(CloseCode::POLICY, &reason).map(drop),
    };
    let mut rate_limiter = RateLimiter::new();
    while let Some(message) = ws.recv()? {
        match message.as_text().and_then(|text| text.strip_prefix("say ")) {
            None => return ws.close(CloseCode::POLICY, "That is not a message of this chat.").map(drop),
            Some(_) if !rate_limiter.try_acquire() => ws.send("wait You write faster than others read. Not sent.")?,
            Some(text) => match parse_text(text) {
                Some(text) => participant.say(&text),
                None => ws.send("wait A message has 1 to 1000 characters. Not sent.")?,
            },
        }
    }
    Ok(())
}

fn parse_join(message: &Message) -> std::result::Result<(&str, &str), String> {
    let words = message.as_text().and_then(|text| text.strip_prefix("join ")?.split_once(' '));
    let (room, name) = words.ok_or("The first message has to be: join ROOM NAME")?;
    rooms::check_name("room", room, 32)?;
    rooms::check_name("name", name, 24)?;
    Ok((room, name))
}

/// The text of a message, with a space for each control character. `None`: it is empty or too long.
fn parse_text(text: &str) -> Option<String> {
    let text: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    (1..=1000).contains(&text.chars().count()).then_some(text)
}

/// Ten messages at once, then two a second.
struct RateLimiter {
    tokens: f64,
    updated: Instant,
}

impl RateLimiter {
    fn new() -> RateLimiter {
        RateLimiter { tokens: 10.0, updated: Instant::now() }
    }

    fn try_acquire(&mut self) -> bool {
        self.tokens = (self.tokens + 2.0 * self.updated.elapsed().as_secs_f64()).min(10.0);
        self.updated = Instant::now();
        let allowed = self.tokens >= 1.0;
        self.tokens -= f64::from(allowed);
        allowed
    }
}
