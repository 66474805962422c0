//! The servers: an echo over TCP and TLS with compression and all drafts, and a hub. A handler ends a connection when its target
//! says so: `/disturbed/MESSAGES/HOW`.

use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use stdws::{
    CloseCode, Deflate, Error, Hub, Limits, Result, Server, ServerHandle, Timeouts, TlsAccept, Version, WebSocket,
};

/// Text of the panics that the soak causes.
pub(crate) const PLANNED: &str = "a planned panic";
/// The topic of the hub.
pub(crate) const TOPIC: &str = "news";
/// In how many ways a handler ends a connection.
pub(crate) const WAYS: u64 = 4;
/// Maximum size of a message that a server accepts.
const MAX_MESSAGE: u64 = 256 << 10;

/// The versions over TCP and over TLS. The requests of two drafts look like those of two others.
pub(crate) const VERSIONS: [Version; 10] = [
    Version::Hixie55,
    Version::Hixie75,
    Version::Hybi00,
    Version::Hybi03,
    Version::Hybi04,
    Version::Hybi05,
    Version::Hybi06,
    Version::Hybi07,
    Version::Hybi08,
    Version::Rfc6455,
];
pub(crate) const SECURE_VERSIONS: [Version; 3] = [Version::Hybi01, Version::Hybi02, Version::Rfc6455];

/// A fault on purpose, to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    Nothing,
    LostMessage,
    DuplicatedMessage,
    LeakedDescriptor,
    LeakedThread,
    LeakedMemory,
}

impl Plant {
    pub(crate) fn from_name(name: &str) -> Option<Plant> {
        match name {
            "lost-message" => Some(Plant::LostMessage),
            "duplicated-message" => Some(Plant::DuplicatedMessage),
            "leaked-descriptor" => Some(Plant::LeakedDescriptor),
            "leaked-thread" => Some(Plant::LeakedThread),
            "leaked-memory" => Some(Plant::LeakedMemory),
            _ => None,
        }
    }
}

pub(crate) struct Servers {
    pub(crate) plain: ServerHandle,
    pub(crate) secure: ServerHandle,
}

/// Longer than what a machine under load needs, and short enough that a run sees them expire.
fn timeouts() -> Timeouts {
    let seconds = Duration::from_secs;
    Timeouts {
        handshake: seconds(15),
        write: seconds(15),
        message: seconds(15),
        ping_interval: seconds(5),
        pong_timeout: seconds(15),
        close: seconds(30),
        ..Timeouts::default()
    }
}

impl Servers {
    pub(crate) fn start(tls: TlsAccept, hub: &Hub, plant: Plant) -> Result<Servers> {
        let planted = Arc::new(Planted { plant, messages: AtomicU64::new(0), connections: AtomicU64::new(0) });
        let start = |tls: Option<TlsAccept>, versions: &[Version]| {
            let server = Server::bind("127.0.0.1:0")?
                .timeouts(timeouts())
                .limits(Limits { max_message_size: MAX_MESSAGE, ..Limits::server() })
                .deflate(Deflate::default())
                .legacy_versions(versions.iter().copied());
            let (hub, planted) = (hub.clone(), planted.clone());
            let server = if let Some(tls) = tls { server.tls(tls) } else { server };
            server.start(move |ws| serve(ws, &hub, &planted))
        };
        Ok(Servers { plain: start(None, &VERSIONS)?, secure: start(Some(tls), &SECURE_VERSIONS)? })
    }

    pub(crate) fn connection_count(&self) -> usize {
        self.plain.connection_count() + self.secure.connection_count()
    }
}

fn serve(mut ws: WebSocket, hub: &Hub, planted: &Planted) -> Result<()> {
    let target = ws.request().map_or("/", |request| request.target()).to_owned();
    let mut parts = target.split('/').skip(1);
    let (kind, mut number) = (parts.next(), || parts.next().and_then(|number| number.parse().ok()));
    match kind {
        Some("hub") => {
            let member = hub.add(ws.sender());
            member.subscribe(TOPIC)?;
            member.send("welcome");
            while ws.recv()?.is_some() {}
            Ok(())
        }
        Some("disturbed") => {
            let (messages, way) = (number().unwrap_or(0), number().unwrap_or(0));
            echo(&mut ws, messages, planted)?;
            match way {
                0 => ws.close(CloseCode::GOING_AWAY, "").map(drop),
                1 => {
                    ws.abort();
                    Ok(())
                }
                2 => Err(Error::other("a planned error")),
                _ => panic!("{PLANNED}"),
            }
        }
        _ => echo(&mut ws, u64::MAX, planted),
    }
}

/// Echoes this number of messages, or all.
fn echo(ws: &mut WebSocket, messages: u64, planted: &Planted) -> Result<()> {
    planted.on_connection();
    for _ in 0..messages {
        let Some(message) = ws.recv()? else { break };
        for _ in 0..planted.echoes() {
            ws.send(&message)?;
        }
    }
    Ok(())
}

struct Planted {
    plant: Plant,
    messages: AtomicU64,
    connections: AtomicU64,
}

impl Planted {
    /// How often the next message is echoed.
    fn echoes(&self) -> usize {
        let is_chosen = self.plant != Plant::Nothing && self.messages.fetch_add(1, Relaxed) == 1_000;
        match self.plant {
            Plant::LostMessage if is_chosen => 0,
            Plant::DuplicatedMessage if is_chosen => 2,
            _ => 1,
        }
    }

    fn on_connection(&self) {
        let connection = self.connections.fetch_add(1, Relaxed);
        match self.plant {
            // One, at the beginning: it stays.
            Plant::LeakedDescriptor if connection == 20 => {
                let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                std::mem::forget(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            }
            Plant::LeakedThread if connection == 20 => drop(thread::spawn(|| loop {
                thread::park();
            })),
            Plant::LeakedMemory => drop(Box::leak(vec![1_u8; 256 << 10].into_boxed_slice())),
            _ => {}
        }
    }
}
