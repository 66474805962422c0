//! TLS to a proxy until the tunnel is open (feature `native-tls`). See [`ProxyIo`](super::io::ProxyIo) for each method.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::net::write_buffer::{WriteBuffer, WriteMode};

/// TLS has no peek, so bytes are read one by one until the last one that was asked for. The engine has them in memory.
pub(super) struct TlsIo<'a> {
    stream: &'a Stream,
    deadline: Deadline,
    /// A byte that was read for a peek.
    peeked: Cell<Option<u8>>,
}

impl<'a> TlsIo<'a> {
    pub(super) fn new(stream: &'a Stream, deadline: Deadline) -> TlsIo<'a> {
        TlsIo { stream, deadline, peeked: Cell::new(None) }
    }

    pub(super) fn within(&self, limit: Duration) -> TlsIo<'a> {
        let deadline = self.deadline.earlier(Deadline::after(limit));
        TlsIo { stream: self.stream, deadline, peeked: self.peeked.clone() }
    }

    pub(super) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        WriteBuffer::default().write(self.stream, bytes, WriteMode::Until(self.deadline))
    }

    /// Copies one byte.
    pub(super) fn peek(&self, to: &mut [u8]) -> io::Result<usize> {
        let Some(first) = to.first_mut() else { return Ok(0) };
        if self.peeked.get().is_none() {
            let mut byte = [0];
            if self.read_stream(&mut byte)? == 0 {
                return Ok(0);
            }
            let [byte] = byte;
            self.peeked.set(Some(byte));
        }
        *first = self.peeked.get().unwrap_or_default();
        Ok(1)
    }

    pub(super) fn read(&self, to: &mut [u8]) -> io::Result<usize> {
        let Some(first) = to.first_mut() else { return Ok(0) };
        let Some(byte) = self.peeked.take() else { return self.read_stream(to) };
        *first = byte;
        Ok(1)
    }

    fn read_stream(&self, to: &mut [u8]) -> io::Result<usize> {
        self.stream.read_by(to, self.deadline)
    }
}

#[cfg(all(test, target_os = "linux", feature = "server"))]
mod tests {
    use super::*;
    use crate::tls::tests::pair;
    use std::io::Write;

    #[test]
    fn a_byte_that_was_peeked_is_read_next() {
        let (stream, mut far) = pair();
        far.write_all(b"abc").unwrap();
        far.shutdown().unwrap();
        let io = TlsIo::new(&stream, Deadline::after(Duration::from_secs(120)));
        let mut to = [0; 2];
        for _ in 0..2 {
            assert_eq!((io.peek(&mut to).unwrap(), to), (1, *b"a\0"));
        }
        assert_eq!((io.peek(&mut []).unwrap(), io.read(&mut []).unwrap()), (0, 0));
        to = [0; 2];
        assert_eq!((io.read(&mut to).unwrap(), to), (1, *b"a\0"));
        assert_eq!((io.read(&mut to).unwrap(), to), (2, *b"bc"));
        // The end is no byte.
        assert_eq!((io.peek(&mut to).unwrap(), io.read(&mut to).unwrap()), (0, 0));
    }
}
