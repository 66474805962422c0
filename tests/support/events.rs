//! An event handler for the suites that are not about events. They pass with every handler.
//!
//! Every server and client of those suites goes through [`Watched::watched`]. What it installs depends on the environment
//! variable `STDWS_TEST_EVENTS`:
//!
//! | value | handler |
//! |---|---|
//! | unset | none |
//! | `calls` | one that sends, broadcasts, closes, drops the last sender of a connection, joins and leaves hubs |
//! | `panics` | one that panics |
#![allow(dead_code)] // Each test program uses a part of it.

use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

use stdws::events::Event;
use stdws::{Client, CloseCode, Hub, HubLimits, Member, OverflowPolicy, Sender, Server, ServerHandle};

pub(crate) trait Watched {
    /// Installs the handler that the environment selects.
    fn watched(self) -> Self;
}

impl Watched for Server {
    fn watched(self) -> Server {
        match handler() {
            Some(handler) => self.on_event(handler),
            None => self,
        }
    }
}

impl Watched for Client {
    fn watched(self) -> Client {
        match handler() {
            Some(handler) => self.on_event(handler),
            None => self,
        }
    }
}

fn handler() -> Option<fn(&Event)> {
    match std::env::var("STDWS_TEST_EVENTS").ok()?.as_str() {
        "calls" => {
            // On another thread: actions of the handler emit no events, and these connections have to emit theirs.
            Playground::get();
            Some(use_all)
        }
        // Without the output of the panic hook.
        "panics" => Some(|_| panic::resume_unwind(Box::new("a planted panic"))),
        other => panic!("STDWS_TEST_EVENTS is {other:?}"),
    }
}

fn use_all(_: &Event) {
    // Events during their creation find no connections to use.
    let Some(playground) = PLAYGROUND.get() else { return };
    // A panic in a handler is caught, so the test would not fail.
    if panic::catch_unwind(AssertUnwindSafe(|| playground.use_all())).is_err() {
        let _ = writeln!(io::stderr(), "\nthe event handler failed");
        std::process::abort();
    }
}

static PLAYGROUND: OnceLock<Playground> = OnceLock::new();

/// Connections for the handler to use, which no test reads. They have the handler too.
struct Playground {
    url: String,
    sender: Sender,
    hub: Hub,
    _member: Member,
    calls: AtomicU64,
    _server: ServerHandle,
}

impl Playground {
    fn get() -> &'static Playground {
        PLAYGROUND.get_or_init(|| {
            // Without the handler: frames that it sends arrive over the network like others, so it would call itself.
            let server = Server::bind("127.0.0.1:0").unwrap();
            let server = server.start(|mut ws| {
                while ws.recv()?.is_some() {}
                Ok(())
            });
            let server = server.unwrap();
            let url = server.url();
            let limits = HubLimits { overflow_policy: OverflowPolicy::DropOldest, ..HubLimits::default() };
            let hub = Hub::with_limits(limits).unwrap();
            let client = Client::new(&url).unwrap().on_event(use_all);
            let sender = client.connect().unwrap().into_sender().unwrap();
            let member = hub.add(sender.clone());
            Playground { url, sender, hub, _member: member, calls: AtomicU64::new(0), _server: server }
        })
    }

    /// Performs some actions at some events, so that suites with many events do not take minutes.
    fn use_all(&self) {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        self.sender.send("from a handler").unwrap();
        if calls % 4 == 0 {
            assert!(self.hub.broadcast("by a handler") >= 1);
        }
        if calls % 16 == 0 {
            let member = self.hub.add(self.sender.clone());
            member.send("to one");
            drop(member);
        }
        if calls % 128 == 0 {
            // The handler may run during a handshake of a draft, for which any other to the same address has to wait.
            let client = || Client::new(&self.url).unwrap().on_event(use_all).dangerously_connect_in_parallel();
            let connect = || client().connect().unwrap();
            // The last sender and the last clone of a hub end in the handler.
            let (sender, hub) = (connect().into_sender().unwrap(), Hub::new().unwrap());
            hub.add(sender.clone()).stay();
            hub.broadcast("before it ends");
            drop((sender, hub));
            connect().close(CloseCode::NORMAL, "").unwrap();
        }
    }
}
