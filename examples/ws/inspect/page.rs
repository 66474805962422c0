//! `ws inspect --page`: the page beside the relay, on the same port. Requests for paths below [`PLACE`] are for the page, all others
//! pass on to the server.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stdws::codec::frame::Role;
use stdws::{Decision, Limits, Server, SplitStream};

use super::event::{Event, Sink, What};
use crate::args::Failure;
use crate::bridge::tcp::Stream;
use crate::page::{Connection, Page, Peer, Secrets, MAX_MESSAGE};
use crate::session::Side;

/// Where the page is. No server of others is likely to use it.
pub(super) const PLACE: &str = "/-ws-inspect";

/// The page, and the server that answers for it.
pub(super) struct PageHost {
    pub(super) page: Page,
    server: Server,
}

impl PageHost {
    pub(super) fn new(shows_secrets: bool) -> PageHost {
        let secrets = if shows_secrets { Secrets::Shown } else { Secrets::Hidden };
        let page = Page::new("ws inspect", secrets);
        let (live, files) = (page.clone(), page.clone());
        let server = Server::without_listener()
            .limits(Limits::with_max_message_size(MAX_MESSAGE))
            .http(move |request| files.respond(request, request.path().strip_prefix(PLACE).unwrap_or_default()))
            .on_request(move |request| match request.is_websocket() {
                true => live.decide(request),
                false => Decision::accept(),
            });
        PageHost { page, server }
    }

    /// The composer connects as any client does: to the listener, or in this way if the listener has TLS.
    pub(super) fn listens_at(
        &self,
        listener: SocketAddr,
        around_tls: Option<impl Fn() -> io::Result<TcpStream> + Send + Sync + 'static>,
    ) {
        self.page.send_to(match around_tls {
            None => Peer::at(reachable(listener), "/"),
            Some(connect) => Peer::by(listener, "/", connect),
        });
    }

    /// Whether the first bytes of a client are a request for the page.
    pub(super) fn is_for_page(first: &[u8]) -> bool {
        let target = first.strip_prefix(b"GET ").and_then(|target| target.strip_prefix(PLACE.as_bytes()));
        target.is_some_and(|rest| rest.starts_with(b"/"))
    }

    /// Answers a request, and serves the live connection until its end.
    pub(super) fn serve(&self, client: Stream, first: Vec<u8>) -> Result<(), String> {
        client.socket().set_read_timeout(None).map_err(|error| error.to_string())?;
        let client = Arc::new(client);
        let (reader, writer, ended) = (Half(client.clone(), first), Half(client.clone(), Vec::new()), client);
        let split = SplitStream::new(reader, writer).on_end(move || ended.shutdown());
        if let Some(ws) = self.server.accept_over(split).map_err(|error| format!("the page: {error}"))? {
            // A page that was closed in any way is no problem of the tool.
            let _ = self.page.serve(ws);
        }
        Ok(())
    }
}

/// An address that this process can connect to.
fn reachable(listener: SocketAddr) -> SocketAddr {
    match listener {
        SocketAddr::V4(addr) if addr.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, addr.port()).into(),
        SocketAddr::V6(addr) if addr.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, addr.port()).into(),
        other => other,
    }
}

/// One direction of a stream, behind bytes that were read before.
struct Half(Arc<Stream>, Vec<u8>);

impl Read for Half {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.1.is_empty() {
            return self.0.read(to);
        }
        let count = (&*self.1).read(to)?;
        self.1.drain(..count);
        Ok(count)
    }
}

impl Write for Half {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The sink of the page. The page ends with it.
pub(super) struct PageSink {
    page: Page,
    connections: HashMap<u64, Connection>,
}

impl PageSink {
    pub(super) fn new(page: Page) -> PageSink {
        PageSink { page, connections: HashMap::new() }
    }
}

impl Sink for PageSink {
    fn bytes(&mut self, _: Duration, connection: u64, from: Side, bytes: &[u8]) -> Result<(), Failure> {
        if let Some(connection) = self.connections.get(&connection) {
            connection.bytes(role(from), bytes, Instant::now());
        }
        Ok(())
    }

    fn event(&mut self, event: &Event) -> Result<(), Failure> {
        let number = event.connection;
        match (&event.what, self.connections.get(&number)) {
            (What::Opened { client, server }, _) => {
                let connection = self.page.connection(&format!("{client} to {server}"));
                self.connections.insert(number, connection);
            }
            (What::HalfClosed { from }, Some(connection)) => connection.end(role(*from), Instant::now()),
            (What::Fault { from, text }, Some(connection)) => connection.note(role(*from), text, Instant::now()),
            (What::Ended { .. }, _) => drop(self.connections.remove(&number)),
            // The page takes the bytes apart itself.
            (What::Head(_) | What::Frame(_) | What::Bytes { .. } | What::HalfClosed { .. } | What::Fault { .. }, _) => {
            }
        }
        Ok(())
    }
}

impl Drop for PageSink {
    fn drop(&mut self) {
        self.page.end();
    }
}

fn role(side: Side) -> Role {
    match side {
        Side::Client => Role::Client,
        Side::Server => Role::Server,
    }
}
