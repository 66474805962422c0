//! Clients and servers for the targets, and the opening handshakes between them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use stdws::{Client, Deflate, Server, SplitStream, Timeouts, Version};

use crate::streams::pipe;

/// Whether compression is enabled: permessage-deflate, and `deflate-stream` in drafts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    Off,
    On,
}

impl Compression {
    pub fn from_bit(byte: u8, bit: u8) -> Compression {
        match byte & bit {
            0 => Compression::Off,
            _ => Compression::On,
        }
    }
}

/// Timeouts that no slow machine reaches. A timeout would be a difference that the input does not explain.
fn timeouts() -> Timeouts {
    let hour = Duration::from_secs(3600);
    Timeouts {
        connect: hour,
        handshake: hour,
        write: hour,
        message: hour,
        ping_interval: hour,
        pong_timeout: hour,
        close: hour,
    }
}

/// A server for the versions given and RFC 6455.
pub fn server(drafts: impl IntoIterator<Item = Version>, compression: Compression, max_message_size: u64) -> Server {
    let drafts = drafts.into_iter().filter(|&version| version != Version::Rfc6455);
    let server = Server::without_listener()
        .legacy_versions(drafts)
        .danger_allow_any_origin()
        .timeouts(timeouts())
        .max_message_size(max_message_size);
    match compression {
        Compression::Off => server,
        Compression::On => server.deflate(Deflate::default()).deflate_stream(),
    }
}

/// A client whose random bytes are the same each time, so that a recorded response fits.
pub fn client(version: Version, compression: Compression, max_message_size: u64) -> Client {
    let state = AtomicU32::new(1);
    let client = Client::new("ws://example.com/path?q")
        .and_then(|client| client.origin("http://example.com"))
        .expect("a valid URL and origin")
        .version(version)
        .timeouts(timeouts())
        .max_message_size(max_message_size)
        .random_source(move |bytes| {
            for byte in bytes {
                let next = state.load(Ordering::Relaxed).wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.store(next, Ordering::Relaxed);
                *byte = next.to_be_bytes()[0];
            }
            Ok(())
        });
    match compression {
        Compression::Off => client,
        Compression::On => client.deflate(Deflate::default()).deflate_stream(),
    }
}

/// The bytes of an opening handshake.
#[derive(Debug)]
pub struct Handshake {
    pub request: Vec<u8>,
    pub response: Vec<u8>,
}

/// The opening handshake between [`client`] and [`server`].
pub fn handshake(version: Version, compression: Compression) -> &'static Handshake {
    static RECORDED: OnceLock<Vec<[Handshake; 2]>> = OnceLock::new();
    let recorded = RECORDED.get_or_init(|| {
        let both = |version| [Compression::Off, Compression::On].map(|compression| record(version, compression));
        Version::ALL.into_iter().map(both).collect()
    });
    let row = Version::ALL.into_iter().position(|other| other == version).expect("ALL has all versions");
    &recorded[row][compression as usize]
}

fn record(version: Version, compression: Compression) -> Handshake {
    let (from_client, to_server, request) = pipe();
    let (from_server, to_client, response) = pipe();
    let accepting = thread::spawn(move || {
        let accepted = server([version], compression, 1 << 20).accept_over(SplitStream::new(from_client, to_client));
        let mut ws = accepted.expect("a valid request").expect("no hook");
        assert_eq!(ws.request().map(|request| request.version()), Some(version));
        ws.abort();
    });
    let connected = client(version, compression, 1 << 20).connect_over(SplitStream::new(from_server, to_server));
    let mut ws = connected.expect("a valid response");
    // The server has written its response. What it writes to end the connection is not part of the handshake.
    let response = response.lock().expect("not poisoned").clone();
    let request = request.lock().expect("not poisoned").clone();
    ws.abort();
    accepting.join().expect("no panic");
    Handshake { request, response }
}
