//! The file of a recording: JSON lines, or a capture with a frame for each message.
//!
//! Only messages are known here, because the library has taken them out of their frames. In a capture each is one frame that is not
//! compressed, after a handshake of RFC 6455 section 1.3 with the path of the request.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use stdws::codec::encoder::Encoder;
use stdws::codec::frame::{Opcode, Role};
use stdws::handshake::server::accept_key;

use crate::args::Failure;
use crate::explain::capture::is_capture;
use crate::pcapng::capture::{self, Capture, Output};
use crate::session::{Entry, Side, What};

/// The key of RFC 6455 section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

pub(super) enum File {
    Lines(std::fs::File),
    Capture(Box<Capture<Output>>),
}

impl File {
    /// Begins a file, which must not exist.
    pub(super) fn create(path: &OsStr) -> Result<File, Failure> {
        if is_capture(path) {
            return Ok(File::Capture(Box::new(capture::create(path)?)));
        }
        let file = capture::open(path).map_err(|error| Failure::new(format!("{}: {error}", path.to_string_lossy())))?;
        Ok(File::Lines(file))
    }

    /// A connection begins, with a request for this path.
    pub(super) fn open(
        &mut self,
        at: Duration,
        number: u64,
        [client, server]: [Option<SocketAddr>; 2],
        path: &str,
    ) -> io::Result<()> {
        let File::Capture(capture) = self else { return Ok(()) };
        // Unix sockets have no addresses, and connections need different ones.
        let none = SocketAddr::from((Ipv4Addr::LOCALHOST, 1024 + (number % 60_000) as u16));
        let server = server.unwrap_or((Ipv4Addr::LOCALHOST, 80).into());
        capture.open(at, number, client.unwrap_or(none), server)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            accept_key(KEY)
        );
        capture.bytes(at, number, Side::Client, request.as_bytes())?;
        capture.bytes(at, number, Side::Server, response.as_bytes())
    }

    pub(super) fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let capture = match self {
            File::Lines(file) => return file.write_all(entry.line().as_bytes()),
            File::Capture(capture) => capture,
        };
        let (at, number, side) = (entry.at, entry.connection, entry.side);
        match &entry.what {
            What::Message(message) => {
                let kind = message.kind();
                capture.bytes(at, number, side, &frame(side, Opcode::Data(kind), message.as_bytes())?)
            }
            What::Closed(code, reason) => {
                let mut body = Vec::new();
                // 1005 stands for a Close without a code.
                if *code != 1005 {
                    body.extend(code.to_be_bytes());
                    body.extend_from_slice(reason.as_bytes());
                }
                capture.bytes(at, number, side, &frame(side, Opcode::Close, &body)?)
            }
            What::Lost => {
                capture.half_close(at, number, side)?;
                capture.close(at, number)
            }
        }
    }

    /// The connection has ended.
    pub(super) fn end(&mut self, at: Duration, number: u64) -> io::Result<()> {
        let File::Capture(capture) = self else { return Ok(()) };
        capture.half_close(at, number, Side::Client)?;
        capture.half_close(at, number, Side::Server)?;
        capture.close(at, number)
    }
}

fn frame(from: Side, opcode: Opcode, payload: &[u8]) -> io::Result<Vec<u8>> {
    let role = match from {
        Side::Client => Role::Client,
        Side::Server => Role::Server,
    };
    let mut out = Vec::new();
    Encoder::new(role).encode(&mut out, opcode, payload).map_err(io::Error::other)?;
    Ok(out)
}
