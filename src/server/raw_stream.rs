//! [`RawStream`]: a stream that was handed over, with the bytes already read. Does not know why it was handed over.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::fd::OwnedFd;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Timeouts;
use crate::http::request::Request;
use crate::net::deadline::Deadline;
use crate::net::socket::Socket;
use crate::net::stream::Stream;
use crate::net::write_buffer::{WriteBuffer, WriteMode};

/// Maximum time to flush a caller-supplied stream when it is dropped.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// A stream that a hook took over before any response, see [`Decision::hand_over`](crate::Decision::hand_over).
/// Feature `server`.
///
/// Reading returns the bytes behind the head of the request, a body included, and then what the peer sends. Dropping it
/// closes the stream.
///
/// Both directions are bounded. A read that receives nothing within [`Timeouts::message`] fails with `TimedOut`, and so
/// does a write that takes longer than [`Timeouts::write`] for 64 KiB. [`set_timeouts`](RawStream::set_timeouts) sets
/// other limits.
pub struct RawStream {
    stream: Arc<Stream>,
    /// The socket has been taken out.
    detached: bool,
    request: Request,
    /// The bytes behind the head of the request. The first `consumed` of them have been read.
    early: Vec<u8>,
    consumed: usize,
    read_timeout: Duration,
    write_timeout: Duration,
}

impl RawStream {
    pub(crate) fn new(stream: Arc<Stream>, request: Request, early: Vec<u8>, timeouts: &Timeouts) -> RawStream {
        let (read_timeout, write_timeout) = (timeouts.message, timeouts.write);
        RawStream { stream, detached: false, request, early, consumed: 0, read_timeout, write_timeout }
    }

    /// The request.
    ///
    /// ```
    /// use stdws::{Decision, Server};
    /// let server = Server::bind("127.0.0.1:0")?.on_request(|_| Decision::hand_over(|mut stream| {
    ///     if stream.request().path() == "/log" {
    ///         let _ = std::io::Write::write_all(&mut stream, b"seen");
    ///     }
    /// }));
    /// # let server = server.start(|_| Ok(()))?;
    /// # let mut tcp = std::net::TcpStream::connect(server.local_addr().unwrap())?;
    /// # std::io::Write::write_all(&mut tcp, b"GET /log HTTP/1.1\r\nHost: h\r\n\r\nearly")?;
    /// # tcp.shutdown(std::net::Shutdown::Write)?;
    /// # let answer = std::io::read_to_string(tcp)?;
    /// # assert_eq!(answer, "seen");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The head of the request as bytes, including the empty line, for another parser. Headers keep their order,
    /// without the white space around their values.
    ///
    /// ```
    /// use stdws::{Decision, Server};
    /// let server = Server::bind("127.0.0.1:0")?.on_request(|_| Decision::hand_over(|mut stream| {
    ///     assert!(stream.head().starts_with(b"GET /log HTTP/1.1\r\n"));
    ///     let _ = std::io::Write::write_all(&mut stream, b"seen");
    /// }));
    /// # let server = server.start(|_| Ok(()))?;
    /// # let mut tcp = std::net::TcpStream::connect(server.local_addr().unwrap())?;
    /// # std::io::Write::write_all(&mut tcp, b"GET /log HTTP/1.1\r\nHost: h\r\n\r\nearly")?;
    /// # tcp.shutdown(std::net::Shutdown::Write)?;
    /// # let answer = std::io::read_to_string(tcp)?;
    /// # assert_eq!(answer, "seen");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn head(&self) -> Vec<u8> {
        let head = self.request.head();
        let version = head.version();
        let mut bytes =
            format!("{} {} HTTP/{}.{}\r\n", head.method(), head.target(), version.major, version.minor).into_bytes();
        for (name, value) in head.fields() {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                bytes.extend_from_slice(part);
            }
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    /// Sets how long a read may wait for a byte, and how long each 64 KiB of a write may take.
    ///
    /// ```
    /// use stdws::{Decision, Server};
    /// let server = Server::bind("127.0.0.1:0")?.on_request(|_| Decision::hand_over(|mut stream| {
    ///     let seconds = std::time::Duration::from_secs;
    ///     stream.set_timeouts(seconds(5), seconds(1));
    ///     let body = std::io::read_to_string(&mut stream);
    ///     assert_eq!(body.ok().as_deref(), Some("early"));
    ///     let _ = std::io::Write::write_all(&mut stream, b"seen");
    /// }));
    /// # let server = server.start(|_| Ok(()))?;
    /// # let mut tcp = std::net::TcpStream::connect(server.local_addr().unwrap())?;
    /// # std::io::Write::write_all(&mut tcp, b"GET /log HTTP/1.1\r\nHost: h\r\n\r\nearly")?;
    /// # tcp.shutdown(std::net::Shutdown::Write)?;
    /// # let answer = std::io::read_to_string(tcp)?;
    /// # assert_eq!(answer, "seen");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[doc(alias = "set_read_timeout")]
    #[doc(alias = "set_write_timeout")]
    pub fn set_timeouts(&mut self, read: Duration, write: Duration) {
        (self.read_timeout, self.write_timeout) = (read, write);
    }

    /// Takes out the TCP stream, without any timeout, and the unread bytes behind the head of the request. The server
    /// no longer tracks the stream, and a shutdown does not close it.
    ///
    /// # Errors
    /// Returns itself if there is no plain TCP stream, or if descriptors have run out.
    ///
    /// ```
    /// use stdws::{Decision, Server};
    /// let server = Server::bind("127.0.0.1:0")?.on_request(|_| Decision::hand_over(|stream| {
    ///     let Ok((mut tcp, early)) = stream.into_tcp() else { return };
    ///     assert_eq!(early, b"early");
    ///     let _ = std::io::Write::write_all(&mut tcp, b"seen");
    /// }));
    /// # let server = server.start(|_| Ok(()))?;
    /// # let mut tcp = std::net::TcpStream::connect(server.local_addr().unwrap())?;
    /// # std::io::Write::write_all(&mut tcp, b"GET /log HTTP/1.1\r\nHost: h\r\n\r\nearly")?;
    /// # tcp.shutdown(std::net::Shutdown::Write)?;
    /// # let answer = std::io::read_to_string(tcp)?;
    /// # assert_eq!(answer, "seen");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn into_tcp(mut self) -> Result<(TcpStream, Vec<u8>), Box<RawStream>> {
        match self.stream.try_clone_socket() {
            Some(Socket::Tcp(socket)) => Ok((socket, self.detach())),
            _ => Err(Box::new(self)),
        }
    }

    /// Takes out the Unix stream, like [`into_tcp`](RawStream::into_tcp). Only on Unix.
    ///
    /// # Errors
    /// Returns itself if there is no plain Unix stream, or if descriptors have run out.
    ///
    /// ```
    /// use stdws::{Decision, Server};
    /// let path = std::env::temp_dir().join(format!("stdws-{}.sock", std::process::id()));
    /// let server = Server::bind_unix(&path)?.on_request(|_| Decision::hand_over(|stream| {
    ///     let Ok((mut unix, early)) = stream.into_unix() else { return };
    ///     assert_eq!(early, b"early");
    ///     let _ = std::io::Write::write_all(&mut unix, b"seen");
    /// }));
    /// # let server = server.start(|_| Ok(()))?;
    /// # let mut unix = std::os::unix::net::UnixStream::connect(&path)?;
    /// # std::io::Write::write_all(&mut unix, b"GET /log HTTP/1.1\r\nHost: h\r\n\r\nearly")?;
    /// # assert_eq!(std::io::read_to_string(unix)?, "seen");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[cfg(unix)]
    pub fn into_unix(mut self) -> Result<(UnixStream, Vec<u8>), Box<RawStream>> {
        match self.stream.try_clone_socket() {
            Some(Socket::Unix(socket)) => Ok((OwnedFd::from(socket).into(), self.detach())),
            _ => Err(Box::new(self)),
        }
    }

    fn detach(&mut self) -> Vec<u8> {
        self.detached = true;
        self.early.split_off(self.consumed.min(self.early.len()))
    }
}

impl Drop for RawStream {
    fn drop(&mut self) {
        if !self.detached {
            self.stream.shutdown_write(FINISH_TIMEOUT);
            self.stream.shutdown();
        }
    }
}

impl Read for RawStream {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut buffered = self.early.get(self.consumed..).unwrap_or_default();
        if !buffered.is_empty() {
            let count = buffered.read(to)?;
            self.consumed = self.consumed.saturating_add(count);
            return Ok(count);
        }
        if to.is_empty() {
            return Ok(0);
        }
        self.stream.read_by(to, Deadline::after(self.read_timeout))
    }
}

impl Write for RawStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WriteBuffer::default().write(&self.stream, bytes, WriteMode::PerChunk(self.write_timeout))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for RawStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawStream").field("request", &self.request).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::http::HeadParser;
    use crate::net::split_stream::SplitStream;
    use crate::net::stream::tests::sockets;
    use std::io::ErrorKind;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(120);

    fn handed_over(stream: Stream) -> (Arc<Stream>, RawStream) {
        let mut parser = HeadParser::request();
        parser.feed(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let (stream, request) = (Arc::new(stream), Request::new(parser.finish().unwrap(), None, None));
        (stream.clone(), RawStream::new(stream, request, b"early".to_vec(), &Timeouts::default()))
    }

    /// The handshake has another reference to it, as long as the handler runs.
    #[test]
    fn the_stream_is_closed_when_it_is_dropped_and_not_when_its_socket_was_taken_out() {
        let (near, mut far) = sockets();
        far.set_read_timeout(Some(LONG)).unwrap();
        let (stream, raw) = handed_over(Stream::from_socket(near).unwrap());
        drop(raw);
        assert_eq!(far.read(&mut [0]).unwrap(), 0);
        assert_eq!(stream.read(&mut [0], LONG).unwrap(), 0, "both directions");
        let (near, mut far) = sockets();
        far.set_read_timeout(Some(LONG)).unwrap();
        let (_stream, raw) = handed_over(Stream::from_socket(near).unwrap());
        let (mut tcp, early) = raw.into_tcp().unwrap();
        tcp.write_all(&early).unwrap();
        far.read_exact(&mut [0; 5]).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn a_unix_stream_is_taken_out_as_what_it_is() {
        let (near, mut far) = UnixStream::pair().unwrap();
        far.set_read_timeout(Some(LONG)).unwrap();
        let (_stream, mut raw) = handed_over(Stream::from_socket(near).unwrap());
        raw.read_exact(&mut [0; 2]).unwrap();
        let (mut unix, rest) = raw.into_tcp().unwrap_err().into_unix().unwrap();
        unix.write_all(&rest).unwrap();
        let mut received = [0; 3];
        far.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"rly");
    }

    /// A caller-supplied stream commonly ends with `on_end`, and what was written before has to arrive.
    #[test]
    fn a_supplied_stream_passes_on_what_was_written_before_it_ends() {
        struct Slow(mpsc::Sender<&'static str>);
        impl Write for Slow {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                thread::sleep(Duration::from_millis(50));
                self.0.send("written").map_err(|_| ErrorKind::BrokenPipe)?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (log, logged) = mpsc::channel();
        let end = log.clone();
        let split = SplitStream::new(io::empty(), Slow(log)).on_end(move || end.send("ended").unwrap());
        let (_stream, mut raw) = handed_over(Stream::from_split(split).unwrap());
        raw.write_all(b"last words").unwrap();
        let start = Instant::now();
        drop(raw);
        let first = logged.recv_timeout(LONG).unwrap();
        assert!(first == "written" || start.elapsed() >= FINISH_TIMEOUT);
    }

    #[test]
    fn a_read_into_nothing_waits_for_nothing() {
        let (near, _far) = sockets();
        let (_stream, mut raw) = handed_over(Stream::from_split(SplitStream::new(near, io::sink())).unwrap());
        raw.set_timeouts(Duration::from_millis(1), LONG);
        raw.read_exact(&mut [0; 5]).unwrap();
        assert_eq!(raw.read(&mut []).unwrap(), 0);
        assert_eq!(raw.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(raw.into_tcp().is_err());
    }
}
