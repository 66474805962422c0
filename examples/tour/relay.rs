//! A relay between a client and a server, and the bytes that pass it, explained.
//!
//! The relay copies all bytes to a channel before it forwards them. When a call of the client returns with an answer, all bytes
//! up to that answer are in the channel in order, so the tour need not wait for them.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{channel, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use stdws::codec::frame::Role;
use stdws::explain::Explainer;
use stdws::{Server, ServerHandle, WebSocket};

use super::output::{Failure, Output};
use super::page::Connection;
use super::tour_page;

/// Timeout of each step, which usually takes milliseconds.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// Maximum size of a head that is read here.
const MAX_HEAD: usize = 8192;

/// Bytes that passed the relay, and when. No bytes are the end of their direction.
struct Relayed {
    from: Role,
    bytes: Vec<u8>,
    at: Instant,
}

impl Relayed {
    fn now(from: Role, bytes: &[u8]) -> Relayed {
        Relayed { from, bytes: bytes.to_vec(), at: Instant::now() }
    }
}

/// Forwards each connection to the server.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    connections: Receiver<Receiver<Relayed>>,
}

impl Relay {
    pub(super) fn start(server: SocketAddr) -> io::Result<Relay> {
        let (sender, connections) = channel();
        let address = listen(move |client| {
            let (copies, receiver) = channel();
            let server = connect(server)?;
            // Nobody shows the connection if this fails.
            let _ = sender.send(receiver);
            let other = copies.clone();
            // Bytes that nobody shows are forwarded as well.
            join(
                client,
                server,
                move |bytes| drop(copies.send(Relayed::now(Role::Client, bytes))),
                move |bytes| drop(other.send(Relayed::now(Role::Server, bytes))),
            )
        })?;
        Ok(Relay { address, connections })
    }

    /// The next connection of the client, explained as one of RFC 6455. The page shows it too.
    pub(super) fn wire(&self, out: Output) -> Result<Wire, Failure> {
        let wire = self.explained(out, Explainer::client(), Explainer::server())?;
        Ok(Wire { page: tour_page::current().map(|page| page.connection("the tour")), ..wire })
    }

    /// The next connection of the client.
    pub(super) fn explained(&self, out: Output, client: Explainer, server: Explainer) -> Result<Wire, Failure> {
        let explain = |mut explainer: Explainer| move |bytes: &[u8]| explainer.feed(bytes);
        self.read_by(out, explain(client), explain(server))
    }

    /// The next connection of the client, and what is printed for the bytes of each side.
    pub(super) fn read_by(
        &self,
        out: Output,
        client: impl FnMut(&[u8]) -> String + 'static,
        server: impl FnMut(&[u8]) -> String + 'static,
    ) -> Result<Wire, Failure> {
        let relayed = self.connections.recv_timeout(LIMIT).map_err(|_| "the client does not connect")?;
        Ok(Wire { out, relayed, client: Box::new(client), server: Box::new(server), page: None, sent: [0, 0], ends: 0 })
    }
}

/// Forwards both directions until each has ended. Each closure gets the bytes of its side before they are forwarded, and no bytes
/// at the end.
pub(super) fn join(
    client: TcpStream,
    server: TcpStream,
    from_client: impl FnMut(&[u8]) + Send + 'static,
    from_server: impl FnMut(&[u8]),
) -> io::Result<()> {
    let (near, far) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || forward(near, far, from_client));
    forward(server, client, from_server);
    Ok(())
}

fn forward(mut from: TcpStream, mut to: TcpStream, mut copy: impl FnMut(&[u8])) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        copy(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    copy(&[]);
    // The other side may have ended already.
    let _ = to.shutdown(Shutdown::Write);
}

/// Returns the text for the bytes of one side.
type Explain = Box<dyn FnMut(&[u8]) -> String>;

/// One connection through the relay.
pub(super) struct Wire {
    out: Output,
    relayed: Receiver<Relayed>,
    client: Explain,
    server: Explain,
    page: Option<Connection>,
    /// Number of bytes from the client, and from the server.
    pub(super) sent: [usize; 2],
    /// Number of directions that have ended.
    ends: u8,
}

impl Wire {
    /// Explains all bytes until now.
    pub(super) fn show(&mut self) -> Result<(), Failure> {
        while let Ok(relayed) = self.relayed.try_recv() {
            self.explain(relayed)?;
        }
        Ok(())
    }

    /// Explains the rest, up to the end of both directions.
    pub(super) fn show_end(&mut self) -> Result<(), Failure> {
        while self.ends < 2 {
            let relayed = self.relayed.recv_timeout(LIMIT).map_err(|_| "the TCP connection does not end")?;
            self.explain(relayed)?;
        }
        self.out.print("\nBoth sides have ended the TCP connection.\n")
    }

    fn explain(&mut self, relayed: Relayed) -> Result<(), Failure> {
        let Relayed { from, bytes, at } = relayed;
        if let Some(page) = &self.page {
            show(page, from, &bytes, at);
        }
        self.ends += u8::from(bytes.is_empty());
        let text = match from {
            Role::Client => {
                self.sent[0] += bytes.len();
                (self.client)(&bytes)
            }
            Role::Server => {
                self.sent[1] += bytes.len();
                (self.server)(&bytes)
            }
        };
        self.out.print(&text)
    }
}

/// Shows bytes on the page that have just arrived.
pub(super) fn stamped(page: &Connection, from: Role, bytes: &[u8]) {
    show(page, from, bytes, Instant::now());
}

fn show(page: &Connection, from: Role, bytes: &[u8], at: Instant) {
    match bytes {
        [] => page.end(from, at),
        _ => page.bytes(from, bytes, at),
    }
}

/// Serves each connection to the returned address on a thread.
pub(super) fn listen(serve: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            // A peer that ends early is the subject of some chapters.
            thread::spawn(move || prepare(stream).and_then(serve));
        }
    });
    Ok(address)
}

pub(super) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    prepare(TcpStream::connect_timeout(&address, LIMIT)?)
}

/// Small frames are sent at once, and no call waits forever.
fn prepare(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    Ok(stream)
}

/// The bytes up to the empty line that ends a head.
pub(super) fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(head)
}

/// Reads until the peer ends the stream.
pub(super) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A peer that failed the connection may reset it.
    let _ = stream.take(1 << 20).read_to_end(&mut bytes);
    bytes
}

/// Starts a server that sends every message back.
pub(super) fn start_echo(server: Server) -> Result<(ServerHandle, SocketAddr), Failure> {
    let server = server.start(echo)?;
    let address = server.local_addr().ok_or("the server has no address")?;
    Ok((server, address))
}

fn echo(mut ws: WebSocket) -> stdws::Result<()> {
    while let Some(message) = ws.recv()? {
        ws.send(&message)?;
    }
    Ok(())
}

/// A server on this machine, not yet started.
pub(super) fn local_server() -> stdws::Result<Server> {
    Server::bind((Ipv4Addr::LOCALHOST, 0))
}
