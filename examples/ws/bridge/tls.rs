//! TLS over a TCP connection, whose two directions are used by two threads.
//!
//! The engine of native-tls works on memory. So no lock is held while a thread waits for the network, except that of
//! writing, which keeps records in their order.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use native_tls::{Certificate, HandshakeError, Identity, TlsAcceptor, TlsConnector, TlsStream};

use crate::args::{Args, Failure};
use crate::secret;

/// Maximum number of bytes that are encrypted or read at a time.
const PIECE: usize = 16 << 10;

pub(crate) struct Tls {
    pub(crate) tcp: TcpStream,
    memory: Memory,
    engine: Mutex<TlsStream<Memory>>,
    /// Held by the thread that writes ciphertext.
    writing: Mutex<()>,
}

/// The ciphertext on its way between the engine and the socket.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<Buffers>>);

#[derive(Debug, Default)]
struct Buffers {
    incoming: io::Cursor<Vec<u8>>,
    outgoing: Vec<u8>,
    ended: bool,
}

impl Read for Memory {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut buffers = lock(&self.0);
        match buffers.incoming.read(to)? {
            0 if !to.is_empty() && !buffers.ended => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Memory {
    /// Waits for ciphertext.
    fn fill(&self, mut tcp: &TcpStream) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        let count = match tcp.read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            count => count?,
        };
        piece.truncate(count);
        let mut buffers = lock(&self.0);
        buffers.ended |= count == 0;
        // The engine has read all that came before, or it would not ask for more. What it has not read stays in front.
        let read = usize::try_from(buffers.incoming.position()).unwrap_or(usize::MAX);
        let mut rest = buffers.incoming.get_ref().get(read..).unwrap_or_default().to_vec();
        rest.append(&mut piece);
        buffers.incoming = io::Cursor::new(rest);
        Ok(())
    }

    fn take_outgoing(&self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.0).outgoing)
    }
}

impl Tls {
    pub(crate) fn connect(tcp: TcpStream, limit: Duration, connector: &TlsConnector, host: &str) -> io::Result<Tls> {
        let memory = Memory::default();
        let begun = connector.connect(host, memory.clone());
        Tls::handshake(tcp, limit, memory, begun)
    }

    pub(crate) fn accept(tcp: TcpStream, limit: Duration, acceptor: &TlsAcceptor) -> io::Result<Tls> {
        let memory = Memory::default();
        let begun = acceptor.accept(memory.clone());
        Tls::handshake(tcp, limit, memory, begun)
    }

    fn handshake(
        mut tcp: TcpStream,
        limit: Duration,
        memory: Memory,
        mut progress: Result<TlsStream<Memory>, HandshakeError<Memory>>,
    ) -> io::Result<Tls> {
        let start = Instant::now();
        loop {
            // Also the alert of a handshake that has failed.
            tcp.write_all(&memory.take_outgoing())?;
            match progress {
                Ok(engine) => {
                    tcp.set_read_timeout(None)?;
                    return Ok(Tls { tcp, memory, engine: Mutex::new(engine), writing: Mutex::new(()) });
                }
                Err(HandshakeError::Failure(error)) => return Err(io::Error::other(error)),
                Err(HandshakeError::WouldBlock(begun)) => {
                    let left = limit.saturating_sub(start.elapsed()).max(Duration::from_millis(1));
                    tcp.set_read_timeout(Some(left))?;
                    memory.fill(&tcp)?;
                    progress = begun.handshake();
                }
            }
        }
    }

    pub(crate) fn read(&self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = lock(&self.engine).read(to);
            // Answers of the engine, such as a key update. A thread that writes takes them along; waiting for it would stop
            // the reading while the peer does not read.
            if let Ok(writing) = self.writing.try_lock() {
                self.flush(&writing)?;
            }
            match result {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.memory.fill(&self.tcp)?,
                result => return result,
            }
        }
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let writing = lock(&self.writing);
        for mut piece in bytes.chunks(PIECE) {
            while !piece.is_empty() {
                let result = lock(&self.engine).write(piece);
                match result {
                    Ok(count) => piece = piece.get(count..).unwrap_or_default(),
                    // The engine needs input first, which the reading thread supplies.
                    Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
                    Err(error) => return Err(error),
                }
                self.flush(&writing)?;
            }
        }
        Ok(())
    }

    /// Writes what the engine has produced. The guard shows that no other thread does.
    fn flush(&self, _: &MutexGuard<'_, ()>) -> io::Result<()> {
        (&self.tcp).write_all(&self.memory.take_outgoing())
    }

    /// Sends close_notify, and ends the direction of the socket.
    pub(crate) fn end(&self) {
        let writing = lock(&self.writing);
        let _ = lock(&self.engine).shutdown();
        let _ = self.flush(&writing);
        let _ = self.tcp.shutdown(Shutdown::Write);
    }
}

/// Trusts the authorities of the system, and that of `--ca`.
pub(crate) fn connector(args: &Args) -> Result<TlsConnector, Failure> {
    let mut builder = TlsConnector::builder();
    if let Some(file) = args.path("--ca") {
        let bytes = secret::read(file.as_ref())?;
        let certificate = Certificate::from_pem(&bytes).or_else(|_| Certificate::from_der(&bytes));
        let failure = |error| Failure::new(format!("{}: {error}", file.to_string_lossy()));
        builder.add_root_certificate(certificate.map_err(failure)?);
    }
    builder.build().map_err(Failure::new)
}

pub(crate) fn acceptor(args: &Args) -> Result<Option<TlsAcceptor>, Failure> {
    let Some(file) = args.path("--tls") else { return Ok(None) };
    let certificate = secret::read(file.as_ref())?;
    let identity = match args.path("--tls-key") {
        Some(key) => Identity::from_pkcs8(&certificate, &secret::read(key.as_ref())?),
        None => {
            let password = secret::password(args, "--tls-password-file", "WS_TLS_PASSWORD")?.unwrap_or_default();
            Identity::from_pkcs12(&certificate, &password)
        }
    };
    let failure = |error| Failure::new(format!("{}: {error}", file.to_string_lossy()));
    TlsAcceptor::new(identity.map_err(failure)?).map(Some).map_err(failure)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
