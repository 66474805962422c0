//! One client and one server that exchange messages, for `tests/path/run`.

use std::thread;
use std::time::Duration;

use stdws::{Client, Result, Server, Timeouts, WebSocket};

#[inline(never)]
fn path_received(ws: &mut WebSocket) -> Result<Option<stdws::Message>> {
    ws.recv()
}

#[inline(never)]
fn path_sent(ws: &mut WebSocket, message: &str) -> Result<()> {
    ws.send(message)
}

fn main() -> Result<()> {
    // Under a debugger all is slow. A Ping of the keepalive has a path of its own.
    let timeouts = Timeouts { ping_interval: Duration::from_secs(600), ..Timeouts::default() };
    let server = Server::bind("127.0.0.1:0")?.timeouts(timeouts).start(|mut ws| {
        while let Some(message) = path_received(&mut ws)? {
            path_sent(&mut ws, message.as_text().unwrap_or_default())?;
        }
        Ok(())
    })?;
    let url = server.url();
    let client = thread::spawn(move || {
        let mut ws = Client::new(&url)?.timeouts(timeouts).connect()?;
        // One small message, and one that is not copied behind its header.
        for length in [5, 20_000] {
            path_sent(&mut ws, &"é".repeat(length))?;
            path_received(&mut ws)?;
        }
        // Without a Close: the path of a message is measured, and not that of a closing handshake.
        ws.abort();
        Ok(())
    });
    client.join().expect("the client does not panic")
}
