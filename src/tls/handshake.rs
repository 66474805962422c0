//! The TLS handshake on a TCP connection that is open: the engine's turns and the network's, under the caller's deadline.
//! A peer that drips is cut at it. When the handshake fails, the alert is sent, and nothing else: never plain text.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Duration;

use native_tls::{HandshakeError, TlsAcceptor, TlsConnector, TlsStream};

use super::error;
use super::memory_transport::MemoryTransport;
use super::stream::Tls;
use crate::error::{Error, Result, Step};
use crate::net::deadline::Deadline;
use crate::net::socket::Socket;
use crate::net::tcp::TimedSocket;

/// How long, and for how many bytes, a peer is listened to after a handshake that failed. Closing a socket with unread
/// bytes resets it, and the alert could be lost by that.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 << 10;

/// Connects as a client. The certificate has to be for this host.
pub(crate) fn connect(connector: &TlsConnector, host: &str, socket: TcpStream, deadline: Deadline) -> Result<Tls> {
    // 6455-4.1-17; RFC 6066 section 3: without a trailing dot; nor do certificates have one.
    let host = host.strip_suffix('.').unwrap_or(host);
    handshake(socket, Some(host), deadline, |memory| connector.connect(host, memory))
}

/// As a server.
pub(crate) fn accept(acceptor: &TlsAcceptor, socket: Socket, deadline: Deadline) -> Result<Tls> {
    handshake(socket, None, deadline, |memory| acceptor.accept(memory))
}

fn handshake(
    socket: impl Into<Socket>,
    host: Option<&str>,
    deadline: Deadline,
    begin: impl FnOnce(MemoryTransport) -> std::result::Result<TlsStream<MemoryTransport>, HandshakeError<MemoryTransport>>,
) -> Result<Tls> {
    let plain = TimedSocket::new(socket).map_err(|error| Error::io(Step::Tls, error))?;
    let memory = MemoryTransport::default();
    let mut state = begin(memory.clone());
    loop {
        match state {
            Ok(tls) => {
                write(&plain, &memory, deadline)?;
                return Ok(Tls::new(plain, memory, tls));
            }
            Err(HandshakeError::WouldBlock(engine)) => {
                write(&plain, &memory, deadline)?;
                read(&plain, &memory, deadline)?;
                state = engine.handshake();
            }
            Err(HandshakeError::Failure(error)) => {
                send_alert(&plain, &memory, deadline);
                let ended = memory.lock_buffers().ended;
                return Err(Error::Tls(error::handshake_error(error, host, ended)));
            }
        }
    }
}

/// Everything the engine has given, by the deadline.
fn write(plain: &TimedSocket, memory: &MemoryTransport, deadline: Deadline) -> Result<()> {
    let bytes = std::mem::take(&mut memory.lock_buffers().outgoing);
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        match plain.write(rest, &[]) {
            Ok(0) => return Err(Error::io(Step::Tls, ErrorKind::WriteZero.into())),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(Error::io(Step::Tls, error)),
        }
        if !rest.is_empty() && deadline.is_expired() {
            return Err(Error::Timeout(Step::Tls));
        }
    }
    Ok(())
}

/// Something for the engine, or the end.
fn read(plain: &TimedSocket, memory: &MemoryTransport, deadline: Deadline) -> Result<()> {
    let mut incoming = memory.take_incoming();
    loop {
        // The deadline counts also for a peer that always has one more byte.
        let left = deadline.remaining();
        if left.is_zero() {
            return Err(Error::Timeout(Step::Tls));
        }
        match plain.read(incoming.space(), left) {
            Ok(count) => {
                incoming.filled(count);
                memory.put_back(incoming);
                memory.lock_buffers().ended = count == 0;
                return Ok(());
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(Error::io(Step::Tls, error)),
        }
    }
}

/// Sends the alert, and lets it arrive.
fn send_alert(plain: &TimedSocket, memory: &MemoryTransport, deadline: Deadline) {
    let linger_deadline = Deadline::after(deadline.remaining().min(LINGER));
    if memory.lock_buffers().ended || write(plain, memory, linger_deadline).is_err() {
        return;
    }
    plain.shutdown_write();
    let (mut part, mut taken) = ([0; 4 << 10], 0_usize);
    while taken < LINGER_BYTES && !linger_deadline.is_expired() {
        match plain.read(&mut part, linger_deadline.remaining()) {
            Ok(0) => return,
            Ok(count) => taken = taken.saturating_add(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::stream::tests::sockets;
    use std::io::Read;
    use std::thread;

    #[test]
    fn the_name_that_is_sent_has_no_dot_at_its_end_and_an_address_is_no_name() {
        for (host, sent) in
            [("example.com.", true), ("example.com", true), ("192.0.2.1", false), ("2001:db8::1", false)]
        {
            let (near, mut far) = sockets();
            let connector = TlsConnector::new().unwrap();
            let long = Duration::from_secs(20);
            let connecting = thread::spawn(move || connect(&connector, host, near, Deadline::after(long)).map(drop));
            let mut hello = [0; 4096];
            let count = far.read(&mut hello).unwrap();
            drop(far);
            let hello = &hello[..count];
            // Before the name stands its length.
            assert_eq!(hello.windows(13).any(|part| part == b"\x00\x0bexample.com"), sent, "{host}");
            assert!(!hello.windows(9).any(|part| part == b"192.0.2.1" || part == b"2001:db8:"));
            assert!(connecting.join().unwrap().is_err());
        }
    }
}
