//! Writes connections to a file. Only their bytes are known, so the segments of TCP are made for them: an opening handshake, data
//! that the other side acknowledges at once, and an end. Wireshark then reads HTTP and WebSocket as from a network.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use super::packet::{Segment, ACK, FIN, PSH, RST, SYN};
use super::Writer;
use crate::args::Failure;
use crate::session::Side;
use crate::terminal;

/// The port of the server in a file. Wireshark reads HTTP on it, also if that of the server is one of TLS or of another protocol.
const PORT: u16 = 80;
/// Maximum number of bytes in a segment.
const SEGMENT: usize = 16 << 10;

/// A file, or the standard output.
pub(crate) type Output = Box<dyn Write + Send>;

/// Begins a file, which other users cannot read and which must not exist, except for devices and pipes. "-" is the standard output.
pub(crate) fn create(path: &OsStr) -> Result<Capture<Output>, Failure> {
    let named = |error: io::Error| Failure::new(format!("{}: {error}", path.to_string_lossy()));
    let out: Output = if path == "-" { Box::new(Flushed(io::stdout())) } else { Box::new(open(path).map_err(named)?) };
    Capture::new(out).map_err(|error| failure(&error))
}

pub(crate) fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => terminal::output_failure(error),
        _ => Failure::new(format!("the file could not be written: {error}")),
    }
}

/// Begins a file, as [`create`] does.
pub(crate) fn open(path: &OsStr) -> io::Result<File> {
    let mut options = File::options();
    options.write(true);
    let is_device = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
    if !is_device {
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.create_new(true);
    }
    options.open(path)
}

/// The standard output without its buffer.
struct Flushed(io::Stdout);

impl Write for Flushed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.0.write(bytes)?;
        self.0.flush().map(|()| count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A file that is written.
pub(crate) struct Capture<W> {
    writer: Writer<W>,
    /// Those that have begun and not ended.
    open: HashMap<u64, Connection>,
}

struct Connection {
    client: Peer,
    server: Peer,
}

#[derive(Clone, Copy)]
struct Peer {
    address: SocketAddr,
    /// Of the next byte.
    sequence: u32,
    has_ended: bool,
}

impl<W: Write> Capture<W> {
    pub(crate) fn new(out: W) -> io::Result<Capture<W>> {
        Ok(Capture { writer: Writer::new(out)?, open: HashMap::new() })
    }

    /// A connection begins.
    pub(crate) fn open(&mut self, at: Duration, number: u64, client: SocketAddr, server: SocketAddr) -> io::Result<()> {
        let comment = format!("ws: connection {number}, from {client} to {server}");
        let peer = |address: SocketAddr| Peer { address, sequence: 0, has_ended: false };
        let mut connection = Connection { client: peer(client), server: peer(SocketAddr::new(server.ip(), PORT)) };
        // A number that differs between connections, so that those that have the same ports are not taken for one.
        connection.client.sequence = (number as u32).wrapping_mul(0x9e37_79b9);
        connection.server.sequence = !connection.client.sequence;
        self.write(at, &mut connection, Side::Client, SYN, &[], Some(&comment))?;
        self.write(at, &mut connection, Side::Server, SYN | ACK, &[], None)?;
        self.write(at, &mut connection, Side::Client, ACK, &[], None)?;
        self.open.insert(number, connection);
        Ok(())
    }

    /// Bytes of this side.
    pub(crate) fn bytes(&mut self, at: Duration, number: u64, from: Side, bytes: &[u8]) -> io::Result<()> {
        let Some(mut connection) = self.open.remove(&number) else { return Ok(()) };
        for piece in bytes.chunks(SEGMENT) {
            self.write(at, &mut connection, from, PSH | ACK, piece, None)?;
            self.write(at, &mut connection, other(from), ACK, &[], None)?;
        }
        self.open.insert(number, connection);
        Ok(())
    }

    /// This side has ended its direction.
    pub(crate) fn half_close(&mut self, at: Duration, number: u64, from: Side) -> io::Result<()> {
        let Some(mut connection) = self.open.remove(&number) else { return Ok(()) };
        if !connection.peers(from).0.has_ended {
            connection.peers(from).0.has_ended = true;
            self.write(at, &mut connection, from, FIN | ACK, &[], None)?;
            self.write(at, &mut connection, other(from), ACK, &[], None)?;
        }
        self.open.insert(number, connection);
        Ok(())
    }

    /// The connection has ended: with a reset, if a side has not ended its direction.
    pub(crate) fn close(&mut self, at: Duration, number: u64) -> io::Result<()> {
        let Some(mut connection) = self.open.remove(&number) else { return Ok(()) };
        match (connection.client.has_ended, connection.server.has_ended) {
            (true, true) => Ok(()),
            (false, _) => self.write(at, &mut connection, Side::Client, RST | ACK, &[], None),
            (true, false) => self.write(at, &mut connection, Side::Server, RST | ACK, &[], None),
        }
    }

    fn write(
        &mut self,
        at: Duration,
        connection: &mut Connection,
        from: Side,
        flags: u8,
        payload: &[u8],
        comment: Option<&str>,
    ) -> io::Result<()> {
        let (sender, receiver) = connection.peers(from);
        let acknowledged = if flags & ACK != 0 { receiver.sequence } else { 0 };
        let (from, to, sequence) = (sender.address, receiver.address, sender.sequence);
        let packet = Segment { from, to, sequence, acknowledged, flags, payload }.packet();
        // SYN and FIN take a number, as a byte does.
        let length = payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        sender.sequence = sequence.wrapping_add(length);
        self.writer.packet(at, &packet, comment)
    }
}

impl Connection {
    /// The sender and the receiver.
    fn peers(&mut self, from: Side) -> (&mut Peer, Peer) {
        match from {
            Side::Client => (&mut self.client, self.server),
            Side::Server => (&mut self.server, self.client),
        }
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}
