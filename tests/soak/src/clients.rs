//! Clients that follow the rules. One thread sends, another receives and compares.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use stdws::{Backoff, Capability, Client, Deflate, Error, Message, Step, Version, WebSocket};

use crate::ledger::{Choices, Ledger};
use crate::servers::WAYS;

/// Within this time each message is echoed, or its connection reports an end.
const LIMIT: Duration = Duration::from_secs(120);

/// How a client connects.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) name: &'static str,
    pub(crate) client: Arc<dyn Fn(&str) -> stdws::Result<Client> + Send + Sync>,
}

impl Route {
    pub(crate) fn deflate(self, name: &'static str) -> Route {
        let plain = self.client;
        Route { name, client: Arc::new(move |target| Ok(plain(target)?.deflate(Deflate::default()))) }
    }
}

/// The message with this number on a connection: its name, and text whose length and repetition depend on the number.
fn message(connection: &str, number: u64, is_text: bool) -> Message {
    let mut choices = Choices::new(number + 7);
    let length = match choices.below(20) {
        0 => choices.below(100_000),
        1..=4 => choices.below(6_000),
        _ => choices.below(150),
    };
    let mut text = format!("{connection} {number} ");
    while (text.len() as u64) < length {
        text.push_str("0123456789abcdef".get(choices.below(10) as usize..).unwrap_or_default());
    }
    match is_text || number % 2 == 0 {
        true => Message::Text(text),
        false => Message::Binary(text.into_bytes()),
    }
}

/// Sends this number of messages, and receives until all are echoed or the connection ends. Returns the number of echoes.
fn converse(ws: &mut WebSocket, name: &str, messages: u64, ledger: &Ledger) -> (u64, Option<Error>) {
    let (sender, is_text) = (ws.sender(), !ws.version().supports(Capability::BinaryMessages));
    thread::scope(|scope| {
        let sending = scope.spawn(move || {
            (0..messages).take_while(|&number| sender.send(message(name, number, is_text)).is_ok()).count() as u64
        });
        let (mut echoed, mut end) = (0, None);
        while echoed < messages {
            match ws.recv_timeout(LIMIT) {
                Ok(Some(echo)) if echo == message(name, echoed, is_text) => echoed += 1,
                Ok(Some(echo)) => {
                    let start: String = String::from_utf8_lossy(echo.as_bytes()).chars().take(60).collect();
                    ledger.fault(format!("{name}: message {echoed} was due, and this came: {start}"));
                    ws.abort();
                    break;
                }
                Ok(None) => break,
                Err(Error::Timeout(Step::Receive)) => {
                    ledger.fault(format!("{name}: message {echoed} is neither echoed nor has the connection ended"));
                    ws.abort();
                    break;
                }
                Err(error) => {
                    end = Some(error);
                    break;
                }
            }
        }
        ledger.settle(sending.join().unwrap(), echoed);
        (echoed, end)
    })
}

/// Connections that nobody disturbs: every message is echoed, and the close is clean.
pub(crate) fn calm(route: &Route, seed: u64, versions: &[Version], ledger: &Ledger) {
    let (mut choices, mut connection) = (Choices::new(seed), 0_u64);
    while !ledger.is_stopped() {
        connection += 1;
        let name = format!("{}-{seed}/{connection}", route.name);
        let version = versions.get((connection % versions.len().max(1) as u64) as usize).copied();
        let client =
            (route.client)("/calm").map(|client| version.map_or(client.clone(), |version| client.version(version)));
        let mut ws = match client.and_then(|client| client.connect()) {
            Ok(ws) => ws,
            Err(error) => return ledger.fault(format!("{name}: no connection ({version:?}): {error}")),
        };
        let messages = 1 + choices.below(200);
        let (echoed, end) = converse(&mut ws, &name, messages, ledger);
        if echoed < messages {
            return ledger
                .fault(format!("{name}: {echoed} of {messages} echoed, and the end is {end:?} ({version:?})"));
        }
        // Some stay open for a while, so that there are Pings.
        if choices.below(50) == 0 {
            ledger.pause(Duration::from_secs(8));
        }
        let closed = ws.close(1000, "");
        if let Err(error) = closed {
            return ledger.fault(format!("{name}: the close is not clean ({version:?}): {error}"));
        }
        ledger.calm.add(1);
        ledger.pause(Duration::from_millis(choices.below(20)));
    }
}

/// Connections that the handler of the server ends, in every way it can, and that are made again.
pub(crate) fn reconnecting(route: &Route, seed: u64, ledger: &Ledger) {
    let backoff = Backoff::default().initial_delay(Duration::from_millis(10)).max_delay(Duration::from_millis(40));
    let client = match (route.client)("/") {
        Ok(client) => client,
        Err(error) => return ledger.fault(format!("{}: {error}", route.name)),
    };
    let (make, choices) = (route.client.clone(), std::sync::Mutex::new(Choices::new(seed)));
    let connections = client.reconnect(backoff).client(move |_| {
        let mut choices = choices.lock().unwrap();
        make(&format!("/disturbed/{}/{}", choices.below(100), choices.below(WAYS)))
    });
    for (number, connection) in connections.enumerate() {
        if ledger.is_stopped() {
            return;
        }
        let name = format!("reconnecting-{}-{seed}/{number}", route.name);
        match connection {
            Ok(mut ws) => drop(converse(&mut ws, &name, 100, ledger)),
            Err(error) => return ledger.fault(format!("{name}: reconnecting has ended: {error}")),
        }
        ledger.disturbed.add(1);
    }
    if !ledger.is_stopped() {
        ledger.fault(format!("reconnecting-{}-{seed}: reconnecting has ended", route.name));
    }
}
