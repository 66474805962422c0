//! `--reconnect`: one connection after another, until the input ends or the server closes cleanly.

use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use stdws::{Backoff, Client, CloseCode, Disconnect, Sender};

use super::{lines, send_line, shown};

/// Uses one connection after another, until the input ends or the server closes cleanly.
pub(super) fn run(client: &Client, binary: bool) -> Result<(), Box<dyn Error>> {
    let backoff = Backoff::default().policy(|disconnect| {
        eprintln!("client: {disconnect}");
        disconnect.retry()
    });
    let mut connections = client.reconnect(backoff);
    let (current, handle) = (Arc::new(CurrentConnection::default()), connections.handle());
    let sender_side = current.clone();
    thread::spawn(move || {
        for line in lines() {
            // A line that could not be sent is sent on the next connection. A line that was sent may be lost as well.
            while send_line(&sender_side.wait_for_sender(), &line, binary).is_err() {}
        }
        if let Some(sender) = sender_side.open_sender() {
            let _ = sender.close(CloseCode::NORMAL, "");
        }
        handle.stop();
    });
    for connection in &mut connections {
        let mut ws = match connection {
            Ok(ws) => ws,
            // The server has finished.
            Err(stdws::Error::Closed(Some(info))) if info.code() == CloseCode::NORMAL => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        eprintln!("client: connected");
        current.set(ws.sender());
        for message in ws.messages().map_while(Result::ok) {
            writeln!(io::stdout(), "{}", shown(&message))?;
        }
    }
    match connections.last_disconnect().map(Disconnect::close_code) {
        None | Some(None | Some(CloseCode::NORMAL)) => Ok(()),
        Some(Some(code)) => Err(format!("the server closed with {code}").into()),
    }
}

/// The present connection, if there is one.
#[derive(Default)]
struct CurrentConnection {
    sender: Mutex<Option<Sender>>,
    changed: Condvar,
}

impl CurrentConnection {
    fn set(&self, sender: Sender) {
        *self.sender.lock().unwrap() = Some(sender);
        self.changed.notify_all();
    }

    fn open_sender(&self) -> Option<Sender> {
        self.sender.lock().unwrap().clone().filter(Sender::is_open)
    }

    /// Waits for an open connection.
    fn wait_for_sender(&self) -> Sender {
        let closed = |sender: &mut Option<Sender>| !sender.as_ref().is_some_and(Sender::is_open);
        let sender = self.changed.wait_while(self.sender.lock().unwrap(), closed).unwrap();
        sender.clone().expect("an open one was waited for")
    }
}
