//! Helpers for the tests of this folder: connections over the loopback interface, and a peer that reads and writes frames.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{mpsc, Arc};
use std::thread;
use std::time::{Duration, Instant};

use super::framing::Codec;
use super::shared::Connection;
use super::websocket::{ConnectionInfo, WebSocket};
use crate::codec::encoder::Encoder;
use crate::codec::frame;
use crate::codec::frame::{Context, Opcode, Role};
use crate::codec::mask;
use crate::config::{Limits, Timeouts};
#[cfg(feature = "trace")]
use crate::events::sink::EventCallback;
use crate::net::socket::Socket;
use crate::net::stream::tests::sockets;
use crate::net::stream::Stream;
use crate::primitives::random::RandomSource;

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];
pub(crate) const TEXT: Opcode = Opcode::Data(crate::message::MessageKind::Text);
pub(crate) const BINARY: Opcode = Opcode::Data(crate::message::MessageKind::Binary);
/// Longer than any test takes, unless it hangs.
pub(crate) const LONG: Duration = Duration::from_secs(120);
/// More bytes than a loopback connection buffers.
pub(crate) const LARGE: usize = 24 << 20;

/// Nothing times out.
pub(crate) fn long_timeouts() -> Timeouts {
    Timeouts { write: LONG, message: LONG, ping_interval: LONG, pong_timeout: LONG, close: LONG, ..Timeouts::default() }
}

pub(crate) fn encoder(role: Role) -> Encoder {
    match role {
        Role::Client => Encoder::client(RandomSource::system()),
        Role::Server => Encoder::server(),
    }
}

/// The shared connection of one side, and its peer.
pub(crate) fn connection(role: Role, timeouts: Timeouts) -> (Arc<Connection>, Peer) {
    connection_over(sockets(), role, timeouts)
}

/// The same over a pair of Unix sockets. A test that needs thousands of them would use up the ports.
#[cfg(all(debug_assertions, unix, feature = "hub"))]
pub(crate) fn connection_without_port(role: Role, timeouts: Timeouts) -> (Arc<Connection>, Peer) {
    let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    connection_over((near, std::os::fd::OwnedFd::from(far).into()), role, timeouts)
}

fn connection_over(
    (near, far): (impl Into<Socket>, TcpStream),
    role: Role,
    timeouts: Timeouts,
) -> (Arc<Connection>, Peer) {
    let stream = Stream::from_socket(near).unwrap();
    let codec = Codec::rfc6455(role, Limits::server(), &[], (encoder(role), None));
    (Connection::new(stream, role, codec.protocol, codec.encoder, timeouts), Peer::new(role, far))
}

/// The handle of one side, and its peer.
pub(crate) fn websocket(role: Role, timeouts: Timeouts) -> (WebSocket, Peer) {
    let (near, far) = sockets();
    (websocket_over(Stream::from_socket(near).unwrap(), role, timeouts), Peer::new(role, far))
}

/// The handle of a client with this source of masking keys, and its peer.
#[cfg(feature = "hub")]
pub(crate) fn client_with_keys(keys: RandomSource) -> (WebSocket, Peer) {
    let (near, far) = sockets();
    let codec = Codec::rfc6455(Role::Client, Limits::server(), &[], (Encoder::client(keys), None));
    let settings = (Limits::server(), long_timeouts());
    let ws = WebSocket::new(Stream::from_socket(near).unwrap(), codec, settings, ConnectionInfo::default());
    (ws, Peer::new(Role::Client, far))
}

/// Two handles that are connected to each other.
pub(crate) fn pair(timeouts: Timeouts) -> (WebSocket, WebSocket) {
    let (near, far) = sockets();
    let [near, far] = [near, far].map(|socket| Stream::from_socket(socket).unwrap());
    (websocket_over(near, Role::Client, timeouts), websocket_over(far, Role::Server, timeouts))
}

/// The handle of one side, over this stream.
pub(crate) fn websocket_over(stream: Stream, role: Role, timeouts: Timeouts) -> WebSocket {
    websocket_with(ConnectionInfo::default(), stream, role, timeouts)
}

/// The same, with these results of an opening handshake.
pub(crate) fn websocket_with(info: ConnectionInfo, stream: Stream, role: Role, timeouts: Timeouts) -> WebSocket {
    let limits = Limits::with_max_message_size(64 << 20);
    let codec = Codec::rfc6455(role, limits, &[], (encoder(role), None));
    WebSocket::new(stream, codec, (limits, timeouts), info)
}

/// The handle of one side, its peer, and the texts of the events since the last call.
#[cfg(feature = "trace")]
pub(crate) fn observed_websocket(role: Role, timeouts: Timeouts) -> (WebSocket, Peer, impl Fn() -> Vec<String>) {
    let (callback, texts) = event_log();
    let (near, far) = sockets();
    let info = ConnectionInfo { events: callback.for_connection(), ..ConnectionInfo::default() };
    let ws = websocket_with(info, Stream::from_socket(near).unwrap(), role, timeouts);
    (ws, Peer::new(role, far), texts)
}

/// An event handler, and the texts of its events since the last call.
#[cfg(feature = "trace")]
pub(crate) fn event_log() -> (EventCallback, impl Fn() -> Vec<String>) {
    let (log, events) = mpsc::channel();
    let log = std::sync::Mutex::new(log);
    let callback = EventCallback::new(move |event| drop(log.lock().unwrap().send(event.to_string())));
    let without_id = |text: String| text.split_once(": ").map_or(text.clone(), |(_, event)| event.to_owned());
    (callback, move || events.try_iter().map(without_id).collect())
}

/// Waits until a condition that another thread changes is true.
pub(crate) fn wait_until(mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < LONG, "this never happens");
        thread::yield_now();
    }
}

/// Runs this in a new thread, and returns its result within twice [`LONG`].
pub(crate) fn under_watchdog<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let thread = thread::spawn(move || drop(done.send(work())));
    match result.recv_timeout(LONG * 2) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Ok(()) => panic!("no result"),
            Err(panic) => std::panic::resume_unwind(panic),
        },
    }
}

/// The other end of a connection. It reads and writes frames, and does not react to them.
pub(crate) struct Peer {
    pub(crate) socket: TcpStream,
    /// Bytes that were read and not used.
    bytes: Vec<u8>,
    role: Role,
    open: bool,
}

impl Peer {
    /// The peer of a connection whose tested side has this role.
    fn new(tested: Role, socket: TcpStream) -> Peer {
        socket.set_read_timeout(Some(LONG)).unwrap();
        socket.set_write_timeout(Some(LONG)).unwrap();
        let role = match tested {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        Peer { socket, bytes: Vec::new(), role, open: false }
    }

    /// The next frame; `None` at the end of the stream, which must not be inside a frame.
    pub(crate) fn frame(&mut self) -> Option<(bool, Opcode, Vec<u8>)> {
        let mut part = vec![0; 1 << 16];
        loop {
            let header = frame::parse(&self.bytes, Context { role: self.role, open: self.open, compression: false })
                .expect("a good header");
            if let Some(header) = header {
                let end = header.size + usize::try_from(header.length).unwrap();
                if self.bytes.len() >= end {
                    let rest = self.bytes.split_off(end);
                    let mut payload = std::mem::replace(&mut self.bytes, rest).split_off(header.size);
                    mask::apply(&mut payload, header.key.unwrap_or_default());
                    if !header.opcode.is_control() {
                        self.open = !header.fin;
                    }
                    return Some((header.fin, header.opcode, payload));
                }
                self.bytes.reserve(end - self.bytes.len());
            }
            match self.socket.read(&mut part) {
                Ok(0) => {
                    assert!(self.bytes.is_empty(), "the stream ends inside a frame");
                    return None;
                }
                Ok(count) => self.bytes.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// All frames until the end of the stream.
    pub(crate) fn frames(&mut self) -> Vec<(bool, Opcode, Vec<u8>)> {
        std::iter::from_fn(|| self.frame()).collect()
    }

    pub(crate) fn send(&mut self, fin: bool, opcode: Opcode, payload: &[u8]) {
        let mut bytes = Vec::new();
        encoder(self.role).encode_frame(&mut bytes, fin, opcode, payload).unwrap();
        self.socket.write_all(&bytes).unwrap();
    }
}
