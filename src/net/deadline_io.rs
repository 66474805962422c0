//! Reads and writes on a TCP socket before its [`stream`](super::stream) exists, under one deadline. Takes no byte from the
//! socket that was not asked for: TLS or the opening handshake reads on where this stopped. Knows no protocol.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::deadline::Deadline;
use super::socket::taken;
use super::tcp::timeout_as_would_block;

/// A socket and a deadline. `TimedOut` means that the deadline has passed. Timeouts stay set on the socket.
#[derive(Clone, Copy)]
pub(crate) struct DeadlineIo<'a> {
    socket: &'a TcpStream,
    deadline: Deadline,
}

/// Maximum timeout of one system call, because systems limit it. A longer wait for input is repeated, a longer write fails.
/// Short in tests, so that they meet it.
const MAX_TIMEOUT: Duration = if cfg!(test) { Duration::from_millis(60) } else { Duration::from_secs(3600) };

impl DeadlineIo<'_> {
    pub(crate) fn new(socket: &TcpStream, deadline: Deadline) -> DeadlineIo<'_> {
        DeadlineIo { socket, deadline }
    }

    /// The same socket with a deadline `limit` from now, unless the present one is earlier.
    pub(crate) fn within(self, limit: Duration) -> Self {
        DeadlineIo { deadline: self.deadline.earlier(Deadline::after(limit)), ..self }
    }

    /// Waits for bytes, copies them and leaves them on the socket. Returns 0 at the end of the stream.
    pub(crate) fn peek(&self, to: &mut [u8]) -> io::Result<usize> {
        self.deadline.read(|left| {
            self.socket.set_read_timeout(Some(left.min(MAX_TIMEOUT)))?;
            self.socket.peek(to).map_err(timeout_as_would_block)
        })
    }

    /// Waits for bytes and takes them. Returns 0 at the end of the stream. The wait is a [`peek`](DeadlineIo::peek),
    /// because a read that times out may lose bytes on Windows.
    pub(crate) fn read(&self, to: &mut [u8]) -> io::Result<usize> {
        self.peek(&mut [0])?;
        let mut socket = self.socket;
        socket.read(to)
    }

    /// Writes all bytes. A write that times out is not repeated: on Windows, the number of bytes that it wrote is unknown.
    pub(crate) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        self.write_all_with(bytes, |mut socket, bytes| socket.write(bytes))
    }

    fn write_all_with(
        &self,
        mut bytes: &[u8],
        mut write: impl FnMut(&TcpStream, &[u8]) -> io::Result<usize>,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            let left = self.deadline.remaining();
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.socket.set_write_timeout(Some(left.min(MAX_TIMEOUT)))?;
            match write(self.socket, bytes) {
                Ok(count) => bytes = bytes.get(taken(count)?..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(ErrorKind::TimedOut.into())
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::net::stream::tests::sockets;

    const LONG: Duration = Duration::from_secs(120);

    #[test]
    fn takes_no_more_bytes_than_asked_for() {
        let (near, mut far) = sockets();
        let io = DeadlineIo::new(&near, Deadline::after(Duration::MAX));
        io.write_all(b"asked").unwrap();
        let mut asked = [0; 5];
        far.read_exact(&mut asked).unwrap();
        assert_eq!(&asked, b"asked");
        let slowly = thread::spawn(move || {
            for byte in b"abcdef" {
                far.write_all(&[*byte]).unwrap();
                thread::yield_now();
            }
        });
        let mut to = [0; 4];
        assert!(io.peek(&mut to).unwrap() > 0);
        for byte in &mut to {
            assert_eq!(io.read(std::slice::from_mut(byte)).unwrap(), 1);
        }
        assert_eq!(&to, b"abcd");
        slowly.join().unwrap();
        assert_eq!((io.peek(&mut to).unwrap(), io.read(&mut to).unwrap()), (2, 2));
        assert_eq!(&to[..2], b"ef");
        assert_eq!(io.read(&mut to).unwrap(), 0);
    }

    #[test]
    fn fails_at_the_deadline_even_when_bytes_drip() {
        let (near, mut far) = sockets();
        let (limit, start) = (Duration::from_millis(100), Instant::now());
        let drip = thread::spawn(move || while far.write_all(b"x").is_ok() && start.elapsed() < LONG {});
        let io = DeadlineIo::new(&near, Deadline::after(limit));
        let error = loop {
            if let Err(error) = io.read(&mut [0; 64]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(start.elapsed() >= limit && start.elapsed() < LONG / 2);
        drop(near);
        drip.join().unwrap();

        let (near, far) = sockets();
        let io = DeadlineIo::new(&near, Deadline::after(limit));
        assert_eq!(io.peek(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(io.write_all(&[0]).unwrap_err().kind(), ErrorKind::TimedOut);
        drop(far);
    }

    /// The deadline is far, but the timeout of a system call is not.
    #[test]
    fn a_write_that_times_out_is_not_repeated() {
        let (near, mut far) = sockets();
        let bytes: Vec<u8> = (0..24_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let (io, start) = (DeadlineIo::new(&near, Deadline::after(LONG)), Instant::now());
        assert_eq!(io.write_all(&bytes).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(start.elapsed() < LONG / 2);
        drop(near);
        let mut came = Vec::new();
        far.read_to_end(&mut came).unwrap();
        assert!(came.len() < bytes.len() && bytes.starts_with(&came));
    }

    #[test]
    fn a_write_that_a_signal_interrupts_is_repeated() {
        let (near, mut far) = sockets();
        let mut signals = 2;
        let written = DeadlineIo::new(&near, Deadline::after(LONG)).write_all_with(b"abc", |mut socket, bytes| {
            if signals > 0 {
                signals -= 1;
                return Err(ErrorKind::Interrupted.into());
            }
            socket.write(bytes)
        });
        written.unwrap();
        let mut came = [0; 3];
        far.read_exact(&mut came).unwrap();
        assert_eq!(&came, b"abc");
    }

    #[cfg(unix)]
    #[test]
    fn a_peer_that_is_gone_is_an_error_and_no_timeout() {
        let (near, far) = sockets();
        let io = DeadlineIo::new(&near, Deadline::after(LONG));
        near.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(io.write_all(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        drop(far);
    }
}
