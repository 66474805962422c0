//! [`ByteStream`]: a whole connection as `Read` and `Write`. Knows the public handles.

use std::fmt;
use std::io::{self, Read, Write};

use super::sender::Sender;
use super::websocket::WebSocket;
use crate::close::{CloseCode, CloseInfo};
use crate::error::{Error, Result};

/// Maximum number of bytes in a message that a write sends. Every peer accepts so much by default.
const MAX_MESSAGE: usize = 64 << 10;

/// A connection as a stream of bytes, for a protocol that runs over WebSocket: `Read` and `Write`. See
/// [`WebSocket::into_byte_stream`].
///
/// A read returns the bytes of the received messages one after another, of binary and of text. Where a message ends cannot be
/// seen. It waits like [`recv`](WebSocket::recv), and is bounded like it by [`Timeouts`](crate::Timeouts) and
/// [`Limits`](crate::Limits). It returns 0 after a Close with 1000 or without a code. After any other end it fails: bytes may be
/// missing.
///
/// A write sends a binary message of up to 64 KiB at once. [`writer`](ByteStream::writer) writes from another thread.
///
/// A drop without [`close`](ByteStream::close) sends Close 1001, which is an error for a `ByteStream` of the peer.
pub struct ByteStream {
    ws: WebSocket,
    /// The message that is being read.
    message: io::Cursor<Vec<u8>>,
}

impl WebSocket {
    /// Turns this into a stream of bytes: `Read` and `Write`. Messages that have been received and not taken are read first.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::{self, Read, Write};
    /// // An echo server of bytes.
    /// let server = stdws::Server::bind("127.0.0.1:0")?.start(|ws| {
    ///     let mut stream = ws.into_byte_stream();
    ///     let mut writer = stream.writer();
    ///     io::copy(&mut stream, &mut writer)?;
    ///     Ok(())
    /// })?;
    /// let mut stream = stdws::connect(server.url())?.into_byte_stream();
    /// stream.write_all(b"some bytes")?;
    /// let mut echoed = [0; 10];
    /// stream.read_exact(&mut echoed)?;
    /// assert_eq!(&echoed, b"some bytes");
    /// stream.close()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_byte_stream(self) -> ByteStream {
        ByteStream { ws: self, message: io::Cursor::default() }
    }
}

impl ByteStream {
    /// A writer to the same connection for another thread, or beside a read. It closes nothing.
    pub fn writer(&self) -> ByteWriter {
        ByteWriter(self.ws.sender())
    }

    /// Ends the stream with Close 1000, so that the peer reads its end. See [`WebSocket::close`].
    ///
    /// # Errors
    /// Those of [`WebSocket::close`].
    pub fn close(mut self) -> Result<CloseInfo> {
        self.ws.close(CloseCode::NORMAL, "")
    }

    /// The connection. The rest of a message that was read in part is lost.
    pub fn into_websocket(self) -> WebSocket {
        self.ws
    }
}

impl Read for ByteStream {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        loop {
            let count = self.message.read(to)?;
            if count > 0 {
                return Ok(count);
            }
            let Some(message) = self.ws.recv()? else { break };
            self.message = io::Cursor::new(message.into_bytes());
        }
        match self.ws.close_info() {
            Some(info) if [CloseCode::NORMAL, CloseCode::NO_STATUS].contains(&info.code()) => Ok(0),
            info => Err(Error::Closed(info).into()),
        }
    }
}

impl Write for ByteStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = bytes.get(..MAX_MESSAGE).unwrap_or(bytes);
        if !bytes.is_empty() {
            self.ws.send(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(self.ws.flush()?)
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream").field("ws", &self.ws).finish_non_exhaustive()
    }
}

/// Writes to the connection of a [`ByteStream`], from any thread. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ByteWriter(Sender);

impl Write for ByteWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = bytes.get(..MAX_MESSAGE).unwrap_or(bytes);
        if !bytes.is_empty() {
            self.0.send(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(self.0.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Opcode;
    use crate::connection::testing::{long_timeouts, pair, under_watchdog, websocket, BINARY, ROLES, TEXT};
    use std::thread;

    #[test]
    fn messages_are_read_as_one_stream_until_a_clean_close() {
        for role in ROLES {
            for (body, end) in [(&b"\x03\xE8"[..], true), (b"", true), (b"\x03\xE9", false), (b"\x03\xF3", false)] {
                under_watchdog(move || {
                    let (ws, mut peer) = websocket(role, long_timeouts());
                    let mut stream = ws.into_byte_stream();
                    for (opcode, payload) in [(BINARY, &b"ab"[..]), (BINARY, b""), (TEXT, "c\u{e9}".as_bytes())] {
                        peer.send(true, opcode, payload);
                    }
                    peer.send(true, Opcode::Close, body);
                    peer.socket.shutdown(std::net::Shutdown::Write).unwrap();
                    let mut part = [0; 1];
                    assert_eq!(stream.read(&mut []).unwrap(), 0);
                    assert_eq!(stream.read(&mut part).unwrap(), 1);
                    let mut rest = Vec::new();
                    assert_eq!(stream.read_to_end(&mut rest).is_ok(), end, "{body:?}");
                    assert_eq!([&part[..], &rest].concat(), "abc\u{e9}".as_bytes());
                    assert_eq!(stream.read(&mut part).is_ok(), end);
                });
            }
            // Without a Close it is an error.
            let (ws, peer) = websocket(role, long_timeouts());
            drop(peer);
            assert!(ws.into_byte_stream().read(&mut [0]).is_err());
        }
    }

    #[test]
    fn bytes_are_copied_in_both_directions_at_once() {
        under_watchdog(|| {
            let (near, far) = pair(long_timeouts());
            let (mut near, mut far) = (near.into_byte_stream(), far.into_byte_stream());
            let echoing = thread::spawn(move || {
                let mut writer = far.writer();
                io::copy(&mut far, &mut writer).unwrap()
            });
            let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 3) as u8).collect();
            let (mut writer, sent) = (near.writer(), bytes.clone());
            let writing = thread::spawn(move || {
                assert_eq!(writer.write(b"").unwrap(), 0);
                writer.write_all(&sent).unwrap();
                writer.flush().unwrap();
            });
            let mut came = vec![0; bytes.len()];
            near.read_exact(&mut came).unwrap();
            assert!(came == bytes);
            writing.join().unwrap();
            assert_eq!(near.close().unwrap().code(), CloseCode::NORMAL);
            assert_eq!(echoing.join().unwrap(), bytes.len() as u64);
        });
    }

    #[test]
    fn a_stream_writes_and_is_a_connection_again() {
        for role in ROLES {
            under_watchdog(move || {
                let (ws, mut peer) = websocket(role, long_timeouts());
                let mut stream = ws.into_byte_stream();
                assert!(format!("{stream:?}").starts_with("ByteStream { ws: WebSocket"), "{stream:?}");
                assert_eq!((stream.write(b"").unwrap(), stream.write(b"ab").unwrap()), (0, 2));
                stream.flush().unwrap();
                assert_eq!(peer.frame(), Some((true, BINARY, b"ab".to_vec())), "no bytes are no message");
                stream.into_websocket().send("text").unwrap();
                assert_eq!(peer.frame(), Some((true, TEXT, b"text".to_vec())));
            });
        }
    }

    #[test]
    fn a_write_is_a_message_of_64_kib_at_most_and_a_flush_writes_what_was_queued() {
        for role in ROLES {
            under_watchdog(move || {
                let (mut ws, mut peer) = websocket(role, long_timeouts());
                let reading = thread::spawn(move || (0..4).map(|_| peer.frame().unwrap().2.len()).collect::<Vec<_>>());
                ws.queue("queued").unwrap();
                let mut stream = ws.into_byte_stream();
                let mut writer = stream.writer();
                let waiting = |stream: &ByteStream| {
                    !stream.ws.connection().lock_state().writer.as_ref().unwrap().buffer.is_empty()
                };
                assert!(waiting(&stream));
                stream.flush().unwrap();
                assert!(!waiting(&stream));
                writer.0.queue("queued too").unwrap();
                writer.flush().unwrap();
                assert!(!waiting(&stream));
                let bytes = vec![0; (64 << 10) + 1];
                assert_eq!((stream.write(&bytes).unwrap(), writer.write(&bytes).unwrap()), (64 << 10, 64 << 10));
                assert_eq!(reading.join().unwrap(), [6, 10, 64 << 10, 64 << 10]);
                stream.ws.abort();
                assert!(stream.flush().is_err() && writer.flush().is_err());
            });
        }
    }
}
