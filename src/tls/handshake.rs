//! The TLS handshake on an open socket. Alternates between the engine and the network, under the caller's deadline, which also
//! bounds a peer that sends slowly. When the handshake fails, only the alert is sent, and never plain text. Knows no WebSocket.

use std::io::{self, ErrorKind};
use std::time::Duration;

use native_tls::{HandshakeError, TlsStream};

use super::error;
use super::memory_transport::MemoryTransport;
use super::stream::Tls;
use super::transport::Transport;
use crate::error::{Error, Result, Step};
use crate::net::deadline::{Deadline, WRITE_QUANTUM};
use crate::net::socket::taken;
#[cfg(feature = "client")]
use crate::net::stream::Stream;
#[cfg(feature = "server")]
use crate::net::tcp::TimedSocket;

/// Maximum time, and maximum number of bytes, for which input is discarded after a handshake that failed. Closing a socket with
/// unread bytes resets it, and the reset could overtake the alert.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 << 10;

/// Connects as a client. The certificate has to be for this host.
#[cfg(feature = "client")]
pub(super) fn connect(
    connector: &native_tls::TlsConnector,
    host: &str,
    stream: Stream,
    deadline: Deadline,
) -> Result<Tls> {
    // 6455-4.1-17, hixie75-4.1-2; RFC 6066 section 3: the name has no trailing dot, nor has that of a certificate.
    let host = host.strip_suffix('.').unwrap_or(host);
    handshake(transport(stream)?, Some(host), deadline, |memory| connector.connect(host, memory))
}

/// Accepts as a server. A shutdown through another handle to the socket ends the handshake.
#[cfg(feature = "server")]
pub(super) fn accept(acceptor: &native_tls::TlsAcceptor, plain: TimedSocket, deadline: Deadline) -> Result<Tls> {
    handshake(Transport::Socket(plain), None, deadline, |memory| acceptor.accept(memory))
}

fn handshake(
    plain: Transport,
    host: Option<&str>,
    deadline: Deadline,
    begin: impl FnOnce(MemoryTransport) -> std::result::Result<TlsStream<MemoryTransport>, HandshakeError<MemoryTransport>>,
) -> Result<Tls> {
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
                send_alert(&plain, &memory, Deadline::after(deadline.remaining().min(LINGER)));
                let ended = memory.lock_buffers().ended;
                return Err(Error::Tls(error::handshake_error(error, host, ended)));
            }
        }
    }
}

/// The network below the new stream. TLS over a stream that the caller supplied is the caller's.
#[cfg(feature = "client")]
fn transport(stream: Stream) -> Result<Transport> {
    match stream {
        Stream::Plain(socket) => Ok(Transport::Socket(socket)),
        Stream::Tls(tls) => Ok(Transport::Tls(Box::new(tls))),
        Stream::Adapter(_) => Err(Error::io(Step::Tls, ErrorKind::Unsupported.into())),
    }
}

/// Writes all output of the engine, by the deadline.
fn write(plain: &Transport, memory: &MemoryTransport, deadline: Deadline) -> Result<()> {
    let bytes = std::mem::take(&mut memory.lock_buffers().outgoing);
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        match plain.write(rest, WRITE_QUANTUM).and_then(taken) {
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

/// Reads input for the engine, or the end of the stream, by the deadline.
fn read(plain: &Transport, memory: &MemoryTransport, deadline: Deadline) -> Result<()> {
    let mut incoming = memory.take_incoming();
    let count = read_by(plain, incoming.space(), deadline).map_err(|error| Error::io_by_deadline(Step::Tls, error))?;
    incoming.filled(count);
    memory.put_back(incoming);
    memory.lock_buffers().ended = count == 0;
    Ok(())
}

fn read_by(plain: &Transport, to: &mut [u8], deadline: Deadline) -> io::Result<usize> {
    deadline.read(|left| plain.read(to, left))
}

/// Sends the alert, and discards input until the peer has received it: up to the end of the input, the deadline or
/// [`LINGER_BYTES`].
fn send_alert(plain: &Transport, memory: &MemoryTransport, deadline: Deadline) {
    if memory.lock_buffers().ended || write(plain, memory, deadline).is_err() {
        return;
    }
    plain.shutdown_write(deadline.remaining());
    let mut part = [0; 4 << 10];
    let (size, mut left) = (part.len(), LINGER_BYTES);
    while let Some(room) = part.get_mut(..left.min(size)).filter(|room| !room.is_empty()) {
        let Ok(count @ 1..) = read_by(plain, room, deadline) else { return };
        left = left.saturating_sub(count);
    }
}

#[cfg(all(test, feature = "client"))]
mod tests {
    use super::*;
    use crate::net::stream::tests::sockets;
    use crate::net::tcp::TimedSocket;
    #[cfg(feature = "server")]
    use crate::net::tcp::Waits;
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::thread;

    /// What the engine has written for the network.
    fn output(length: usize) -> MemoryTransport {
        let mut memory = MemoryTransport::default();
        memory.write_all(&vec![7; length]).unwrap();
        memory
    }

    #[test]
    fn a_peer_that_takes_nothing_of_the_handshake_does_not_outlast_the_deadline() {
        let (near, _far) = sockets();
        let plain = Transport::Socket(TimedSocket::new(near).unwrap());
        // More than the system buffers, in all, and then a full network.
        for _ in 0..4 {
            let written = write(&plain, &output(24 << 20), Deadline::now());
            assert!(matches!(written, Err(Error::Timeout(Step::Tls))), "{written:?}");
        }
        // With time, all arrives.
        let (near, mut far) = sockets();
        let plain = Transport::Socket(TimedSocket::new(near).unwrap());
        let reading = thread::spawn(move || std::io::copy(&mut far, &mut std::io::sink()).unwrap());
        write(&plain, &output(24 << 20), Deadline::after(Duration::from_secs(120))).unwrap();
        plain.shutdown();
        assert_eq!(reading.join().unwrap(), 24 << 20);
        assert!(
            matches!(write(&plain, &output(1), Deadline::now()), Err(Error::Io(error)) if error.step() == Step::Tls)
        );
    }

    #[test]
    fn after_an_alert_a_limited_number_of_bytes_is_discarded() {
        let (near, mut far) = sockets();
        let plain = Transport::Socket(TimedSocket::new(near).unwrap());
        let sending = thread::spawn(move || {
            let mut alert = [0; 2];
            far.read_exact(&mut alert).unwrap();
            // Without an end, until this side is closed.
            (0..4096).take_while(|_| far.write_all(&[0; 64 << 10]).is_ok()).count()
        });
        send_alert(&plain, &output(2), Deadline::after(Duration::from_secs(120)));
        drop(plain);
        assert!(sending.join().unwrap() < 4096, "less than 256 MiB with all that the system buffers");
        // If the alert cannot be sent, there is nothing to wait for.
        let (near, far) = sockets();
        near.shutdown(Shutdown::Write).unwrap();
        let plain = Transport::Socket(TimedSocket::new(near).unwrap());
        let (start, long) = (std::time::Instant::now(), Duration::from_secs(120));
        send_alert(&plain, &output(2), Deadline::after(long));
        assert!(start.elapsed() < long / 2);
        drop(far);
    }

    /// The system wakes nothing here: the network stays open, and only the flag that both handles share is set.
    #[cfg(feature = "server")]
    #[test]
    fn a_shutdown_that_wakes_no_system_call_ends_a_handshake() {
        let (near, _far) = sockets();
        let long = Duration::from_secs(120);
        let plain = TimedSocket::with_waits(near, Waits::Sliced).unwrap();
        let tls = plain.try_clone().unwrap();
        let connector = native_tls::TlsConnector::new().unwrap();
        let start = std::time::Instant::now();
        let waiting = thread::spawn(move || {
            handshake(Transport::Socket(tls), None, Deadline::after(long), |memory| {
                connector.connect("localhost", memory)
            })
            .map(drop)
        });
        thread::sleep(Duration::from_millis(60));
        plain.set_shut_down();
        assert!(waiting.join().unwrap().is_err());
        assert!(start.elapsed() < long / 2, "{:?}", start.elapsed());
    }

    #[test]
    fn sni_has_no_trailing_dot_and_is_absent_for_an_address() {
        for (host, sent) in
            [("example.com.", true), ("example.com", true), ("192.0.2.1", false), ("2001:db8::1", false)]
        {
            let (near, mut far) = sockets();
            let connector = native_tls::TlsConnector::new().unwrap();
            let long = Duration::from_secs(120);
            let connecting = thread::spawn(move || {
                connect(&connector, host, Stream::from_socket(near).unwrap(), Deadline::after(long)).map(drop)
            });
            let mut hello = [0; 4096];
            let count = far.read(&mut hello).unwrap();
            drop(far);
            let hello = &hello[..count];
            // The name follows its length.
            assert_eq!(hello.windows(13).any(|part| part == b"\x00\x0bexample.com"), sent, "{host}");
            assert!(!hello.windows(9).any(|part| part == b"192.0.2.1" || part == b"2001:db8:"));
            assert!(connecting.join().unwrap().is_err());
        }
    }

    /// A peer that takes nothing, and one that is gone.
    #[test]
    fn messages_of_a_handshake_that_are_not_taken_end_at_the_deadline() {
        let (near, far) = sockets();
        let plain = transport(Stream::from_socket(near).unwrap()).unwrap();
        let memory = MemoryTransport::default();
        // More than a loopback connection holds.
        let fill = || memory.lock_buffers().outgoing.resize(24 << 20, 0);
        fill();
        let late = write(&plain, &memory, Deadline::after(Duration::from_millis(500)));
        assert!(matches!(late, Err(Error::Timeout(Step::Tls))), "{late:?}");
        plain.shutdown();
        fill();
        let gone = write(&plain, &memory, Deadline::after(Duration::from_secs(120)));
        assert!(matches!(&gone, Err(Error::Io(_))), "{gone:?}");
        fill();
        send_alert(&plain, &memory, Deadline::after(Duration::from_secs(120)));
        drop(far);
    }

    /// What the peer still sends is taken, so that no reset overtakes the alert: up to its end, or a number of bytes.
    #[test]
    fn input_after_an_alert_is_discarded() {
        for (length, ends) in [(10, true), (LINGER_BYTES + 10, false)] {
            let (near, mut far) = sockets();
            let memory = MemoryTransport::default();
            memory.lock_buffers().outgoing.extend_from_slice(b"alert");
            let peer = thread::spawn(move || {
                far.write_all(&vec![0; length]).unwrap();
                if ends {
                    far.shutdown(std::net::Shutdown::Write).unwrap();
                }
                let mut came = Vec::new();
                far.read_to_end(&mut came).unwrap();
                came
            });
            let plain = transport(Stream::from_socket(near).unwrap()).unwrap();
            send_alert(&plain, &memory, Deadline::after(Duration::from_secs(120)));
            let (mut part, mut left) = ([0; 4 << 10], 0);
            while let count @ 1.. = plain.read(&mut part, Duration::from_secs(120)).unwrap() {
                left += count;
            }
            assert_eq!(left, if ends { 0 } else { 10 }, "the rest is not taken");
            assert_eq!(peer.join().unwrap(), b"alert");
        }
    }

    #[test]
    fn tls_over_a_stream_of_the_caller_is_the_callers() {
        let split = crate::net::split_stream::SplitStream::new(io::empty(), io::sink());
        let refused = transport(Stream::from_split(split).unwrap()).map(drop);
        assert!(matches!(&refused, Err(Error::Io(_))), "{refused:?}");
    }
}
