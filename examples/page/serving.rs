//! The composer as a server: a client of this library, connected to bytes that are written by hand. The page shows both directions.
//!
//! | thread | reads | ends when |
//! |---|---|---|
//! | of the page | the request of the client, once | the head is complete, or after [`TIMEOUT`] |
//! | of the client | what is written by hand | the client has closed or failed the connection |
//! | of the answers | what the client sends | no frame follows, or the client has ended TCP |
//!
//! [`Serving::end`] ends TCP, and with it both threads.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use stdws::codec::frame::Role;
use stdws::handshake::server::accept_key;
use stdws::{Client, Error, SplitStream};

use super::composer::{read_head, LIMIT, TIMEOUT};
use super::{Connection, Page};

/// A connection whose server is the user of the page.
pub(super) struct Serving {
    stream: TcpStream,
    connection: Connection,
}

impl Serving {
    /// Connects a client, and accepts its handshake.
    pub(super) fn start(page: &Page) -> io::Result<Serving> {
        let (mut stream, far) = pair()?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        // How the connection ended is in its frames.
        thread::Builder::new().spawn(move || drop(strict_client(far)))?;
        let connection = page.connection("a client of this library to the composer");
        let request = read_head(&mut stream)?;
        connection.bytes(Role::Client, &request, Instant::now());
        let text = String::from_utf8_lossy(&request);
        let key = text.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = accept_key(key.ok_or_else(|| io::Error::other("the client sent no key"))?);
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        let mut serving = Serving { stream, connection };
        serving.send(response.as_bytes())?;
        serving.show_answers()?;
        Ok(serving)
    }

    /// Sends bytes to the client.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Shown first, so that the answer is the later row.
        self.connection.bytes(Role::Server, bytes, Instant::now());
        self.stream.write_all(bytes)
    }

    /// Shows what the client sends, until no frame follows or it ends TCP. The server then ends it too.
    fn show_answers(&self) -> io::Result<()> {
        let (mut stream, connection) = (self.stream.try_clone()?, self.connection.clone());
        stream.set_read_timeout(None)?;
        let show = move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                connection.bytes(Role::Client, buffer.get(..count).unwrap_or_default(), Instant::now());
                // 6455-7.1.1-3: the server ends TCP first.
                if connection.is_closed() {
                    break;
                }
            }
            connection.end(Role::Client, Instant::now());
            // The client may have reset it.
            let _ = stream.shutdown(Shutdown::Both);
            connection.end(Role::Server, Instant::now());
        };
        thread::Builder::new().spawn(show).map(drop)
    }

    pub(super) fn end(&self) {
        // The client may have ended it already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// A client with the settings of every client. It sends no Ping, which nobody would answer, and takes what the judge takes.
fn strict_client(tcp: TcpStream) -> stdws::Result<()> {
    let copies = tcp.try_clone().and_then(|writer| Ok((writer, tcp.try_clone()?)));
    let (writer, ended) = copies.map_err(Error::other)?;
    let split = SplitStream::new(tcp, writer).on_end(move || drop(ended.shutdown(Shutdown::Both)));
    let mut ws = Client::new("ws://127.0.0.1/composer")?.max_message_size(LIMIT).connect_over(split)?;
    ws.set_ping_interval(Duration::MAX)?;
    while ws.recv()?.is_some() {}
    Ok(())
}

/// Both ends of a new TCP connection of this process.
pub(crate) fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = TcpStream::connect_timeout(&listener.local_addr()?, TIMEOUT)?;
    let own = near.local_addr()?;
    loop {
        // The connection is in the queue. Others before it are strangers.
        let (far, peer) = listener.accept()?;
        if peer == own {
            near.set_nodelay(true)?;
            far.set_nodelay(true)?;
            return Ok((near, far));
        }
    }
}
