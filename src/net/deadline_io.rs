//! What is said on a TCP connection before its stream begins, under one deadline. Whoever comes next, TLS or the opening
//! handshake, reads where this stopped: no byte is taken from the socket that was not asked for.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::deadline::Deadline;

/// A socket, and when to give up. `TimedOut` means that it is time. Leaves any timeouts on the socket.
#[derive(Clone, Copy)]
pub(crate) struct DeadlineIo<'a> {
    socket: &'a TcpStream,
    deadline: Deadline,
}

/// Systems differ in what they take for a timeout. Who waits longer waits again.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

impl DeadlineIo<'_> {
    pub(crate) fn new(socket: &TcpStream, deadline: Deadline) -> DeadlineIo<'_> {
        DeadlineIo { socket, deadline }
    }

    /// Looks at what is there, once anything is, and leaves it there. 0: the stream has ended.
    pub(crate) fn peek(&self, to: &mut [u8]) -> io::Result<usize> {
        self.with_timeout(TcpStream::set_read_timeout, |socket| socket.peek(to))
    }

    /// Takes what is there, once anything is. 0: the stream has ended.
    pub(crate) fn read(&self, to: &mut [u8]) -> io::Result<usize> {
        self.with_timeout(TcpStream::set_read_timeout, |mut socket| socket.read(to))
    }

    /// Fills `to`. `UnexpectedEof` when the stream ends before.
    pub(crate) fn read_exact(&self, mut to: &mut [u8]) -> io::Result<()> {
        while !to.is_empty() {
            let count = self.read(to)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            to = to.get_mut(count..).unwrap_or_default();
        }
        Ok(())
    }

    /// Writes it all.
    pub(crate) fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.with_timeout(TcpStream::set_write_timeout, |mut socket| socket.write(bytes))?;
            if count == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            bytes = bytes.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    fn with_timeout(
        &self,
        set_timeout: fn(&TcpStream, Option<Duration>) -> io::Result<()>,
        mut call: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            let left = self.deadline.remaining();
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            set_timeout(self.socket, Some(left.min(MAX_TIMEOUT)))?;
            match call(self.socket) {
                // A wait may end a little early; the clock above decides.
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                }
                result => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::net::stream::tests::sockets;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn takes_what_it_was_asked_for_and_no_more() {
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
        io.read_exact(&mut to).unwrap();
        assert_eq!(&to, b"abcd");
        slowly.join().unwrap();
        assert_eq!((io.peek(&mut to).unwrap(), io.read(&mut to).unwrap()), (2, 2));
        assert_eq!(&to[..2], b"ef");
        assert_eq!(io.read(&mut to).unwrap(), 0);
        assert_eq!(io.read_exact(&mut to).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn gives_up_when_it_is_time_also_when_bytes_drip() {
        let (near, mut far) = sockets();
        let (limit, start) = (Duration::from_millis(100), Instant::now());
        let drip = thread::spawn(move || while far.write_all(b"x").is_ok() && start.elapsed() < LONG {});
        let io = DeadlineIo::new(&near, Deadline::after(limit));
        let error = loop {
            if let Err(error) = io.read_exact(&mut [0; 64]) {
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
}
