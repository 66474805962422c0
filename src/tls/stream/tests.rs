//! Tests of `stream`: what the engine does at a moment that a test over the public API cannot choose. The `openssl` command is a
//! peer that requests an answer of the engine. OpenSSL is the engine on Linux alone.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Instant;

use super::*;
use crate::net::stream::tests::kind;
use crate::net::stream::Stream;
use crate::net::tcp::TimedSocket;
use crate::net::write_buffer::{WriteBuffer, WriteMode as BufferMode};
use crate::tls::handshake;

const LONG: Duration = Duration::from_secs(60);
/// More than a socket holds.
const LARGE: usize = 24 << 20;

/// Fails the test instead of hanging.
fn watched(work: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        work();
        sender.send(()).unwrap();
    });
    receiver.recv_timeout(LONG * 4).expect("no result in time, or a panic above");
}

/// A certificate for itself and its key, in files that are removed with this value.
struct Certificate([PathBuf; 2]);

impl Certificate {
    fn new() -> Certificate {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = |name| std::env::temp_dir().join(format!("stdws-{}-{number}-{name}.pem", std::process::id()));
        let files = Certificate(["cert", "key"].map(path));
        let made = Command::new("openssl")
            .args(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost".split(' '),
            )
            .args(["-out".as_ref(), files.0[0].as_os_str(), "-keyout".as_ref(), files.0[1].as_os_str()])
            .output()
            .expect("the openssl command is needed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        files
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        self.0.iter().for_each(|path| drop(std::fs::remove_file(path)));
    }
}

fn acceptor() -> native_tls::TlsAcceptor {
    let [cert, key] = Certificate::new().0.each_ref().map(|path| std::fs::read(path).unwrap());
    native_tls::TlsAcceptor::new(native_tls::Identity::from_pkcs8(&cert, &key).unwrap()).unwrap()
}

fn connect(socket: impl Into<Socket>) -> Tls {
    let connector = native_tls::TlsConnector::builder().danger_accept_invalid_certs(true).build().unwrap();
    handshake::connect(&connector, "localhost", Stream::from_socket(socket).unwrap(), Deadline::after(LONG)).unwrap()
}

fn accept(socket: impl Into<Socket>) -> Tls {
    handshake::accept(&acceptor(), TimedSocket::new(socket).unwrap(), Deadline::after(LONG)).unwrap()
}

/// A client, a server, and the socket of the server. A Unix socket that is full stays full until the peer reads.
fn pair() -> (Tls, Tls, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    let raw = far.try_clone().unwrap();
    let server = thread::spawn(move || accept(far));
    let (client, server) = (connect(near), server.join().unwrap());
    server.try_write(b"x").unwrap();
    read_all(&client, b"x");
    (client, server, raw)
}

/// Reads this, and with it what a handshake has left, such as tickets of the session.
fn read_all(tls: &Tls, expected: &[u8]) {
    let mut came = vec![0; expected.len()];
    let count = loop {
        match kind(tls.read(&mut came, LONG)) {
            Err(ErrorKind::Interrupted) => {}
            result => break result,
        }
    };
    assert_eq!((count, &*came), (Ok(expected.len()), expected));
}

/// Waits until this number of bytes has arrived.
fn await_bytes(tls: &Tls, count: usize) -> usize {
    let mut all = vec![0; count + 4096];
    loop {
        match tls.socket().peek(&mut all) {
            Ok(came) if came >= count => return came,
            Ok(_) => thread::yield_now(),
            Err(error) => assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted), "{error}"),
        }
    }
}

/// Writes until the network is full, and a record waits.
fn fill(tls: &Tls) {
    let bytes = vec![0; LARGE];
    while tls.try_write(&bytes).is_ok() {}
    while tls.write(&bytes, &[], WRITE_QUANTUM).is_ok() || tls.try_write(&bytes).is_ok() {}
}

/// Makes the engine seem to have answered.
fn answer(tls: &Tls) {
    tls.memory.lock_buffers().outgoing.extend_from_slice(&[0x17, 3, 3, 0, 1, 0]);
    tls.unsolicited_output.store(true, Ordering::SeqCst);
}

#[test]
fn bytes_before_an_invalid_record_are_returned_before_its_error() {
    watched(|| {
        let (client, server, mut raw) = pair();
        server.try_write(b"abc").unwrap();
        let before = await_bytes(&client, 1);
        raw.write_all(&[0x17, 3, 3, 0, 5, 1, 2, 3, 4, 5]).unwrap();
        await_bytes(&client, before + 10);
        let mut to = [0; 10];
        assert_eq!((client.read(&mut to, LONG).unwrap(), &to[..3]), (3, &b"abc"[..]));
        assert_eq!(kind(client.read(&mut to, LONG)), Err(ErrorKind::InvalidData));
    });
}

/// Also with a read that has no room.
#[test]
fn the_end_of_tcp_is_an_end() {
    watched(|| {
        let (client, _server, raw) = pair();
        raw.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(client.read(&mut [0; 4], LONG).unwrap(), 0);
        assert_eq!(kind(client.read(&mut [], LONG)), Err(ErrorKind::Interrupted));
        assert_eq!(client.read(&mut [0; 4], LONG).unwrap(), 0);
    });
}

#[test]
fn after_the_end_of_the_direction_nothing_is_written() {
    watched(|| {
        let (client, server, _) = pair();
        client.shutdown_write(LONG);
        client.shrink();
        assert_eq!(kind(client.write(b"x", &[], WRITE_QUANTUM)), Err(ErrorKind::BrokenPipe));
        assert_eq!(server.read(&mut [0; 4], LONG).unwrap(), 0);
    });
}

/// The engine keeps what there is no room for, and no more input comes.
#[test]
fn a_record_is_read_in_parts() {
    watched(|| {
        let (client, server, _) = pair();
        server.try_write(b"abcd").unwrap();
        b"abcd".iter().for_each(|byte| read_all(&client, &[*byte]));
    });
}

/// The peer reads after some waits of the network.
#[test]
fn what_waits_is_written_before_the_end_of_the_direction() {
    watched(|| {
        let (client, _server, mut raw) = pair();
        fill(&client);
        let reading = thread::spawn(move || {
            thread::sleep(WRITE_QUANTUM * 20);
            let mut all = Vec::new();
            raw.read_to_end(&mut all).unwrap();
            all
        });
        client.shutdown_write(LONG);
        let all = reading.join().unwrap();
        let (mut rest, mut last) = (&all[..], 0);
        while let [kind, _, _, high, low, after @ ..] = rest {
            rest = after.get(usize::from(u16::from_be_bytes([*high, *low]))..).expect("a whole record");
            last = *kind;
        }
        assert_eq!((last, rest), (21, &[][..]), "close_notify");
    });
}

/// No bytes are encrypted before, and no others take the place of the answer.
#[test]
fn an_answer_that_waits_is_written_before_other_bytes() {
    watched(|| {
        let (client, _server, _raw) = pair();
        client.socket().set_nonblocking(true).unwrap();
        let mut socket = client.socket();
        for size in [1 << 20, 1] {
            while socket.write(&vec![0; size]).is_ok() {}
        }
        client.socket().set_nonblocking(false).unwrap();
        answer(&client);
        assert_eq!(kind(client.try_write(&[])), Err(ErrorKind::WouldBlock));
        assert_eq!(kind(client.write(b"head", b"payload", WRITE_QUANTUM)), Err(ErrorKind::WouldBlock));
        assert!(client.memory.lock_buffers().outgoing.is_empty());
        assert_eq!(client.records.lock().as_ref().unwrap().unwritten().len(), 6);
    });
}

/// Without bytes there is nothing that a closed network refuses.
#[test]
fn nothing_is_written_without_answers() {
    watched(|| {
        let (client, _server, _) = pair();
        client.shutdown();
        assert_eq!(client.try_write(&[]).unwrap(), 0);
    });
}

/// The peer takes nothing: what waits is given up at the deadline.
#[test]
fn the_end_of_the_direction_waits_no_longer_than_its_deadline() {
    watched(|| {
        let (client, _server, _) = pair();
        fill(&client);
        client.shutdown_write(Duration::from_millis(50));
        assert_eq!(kind(client.try_write(b"x")), Err(ErrorKind::BrokenPipe));
    });
}

/// Longer than one wait of the network: the peer reads after some of them.
#[test]
fn a_long_write_waits_for_the_peer() {
    watched(|| {
        let (client, _server, mut raw) = pair();
        fill(&client);
        let reading = thread::spawn(move || {
            thread::sleep(WRITE_QUANTUM * 20);
            io::copy(&mut raw, &mut io::sink()).unwrap();
        });
        // Such a wait ends with the first bytes that are taken, of which at most 1 KiB is offered.
        let credited = client.write(&vec![0; LARGE], &[], LONG).unwrap();
        assert!((1..=1 << 10).contains(&credited), "{credited}");
        client.shutdown();
        reading.join().unwrap();
    });
}

#[test]
fn an_engine_that_cannot_encrypt_is_an_error() {
    watched(|| {
        let (client, server, _) = pair();
        client.lock_engine().tls.shutdown().unwrap();
        assert_eq!(kind(client.write(b"x", &[], WRITE_QUANTUM)), Err(ErrorKind::InvalidData));
        assert_eq!(server.read(&mut [0; 4], LONG).unwrap(), 0, "the output before is written");
    });
}

#[test]
fn answers_that_wait_are_counted_up_to_the_limit() {
    watched(|| {
        let (client, _server, _) = pair();
        let count = |bytes| {
            let mut engine = client.lock_engine();
            let result = client.record_unsolicited(&mut engine, bytes).map_err(|error| error.kind());
            (result, engine.unsolicited_bytes)
        };
        assert_eq!(count(MAX_UNSOLICITED), (Ok(()), MAX_UNSOLICITED), "none waited");
        assert_eq!(count(1), (Err(ErrorKind::InvalidData), MAX_UNSOLICITED + 1));
        assert_eq!(kind(client.read(&mut [0; 4], WRITE_QUANTUM)), Err(ErrorKind::WouldBlock), "they waited before");
        client.try_write(&[]).unwrap();
        assert_eq!(count(1), (Ok(()), 1), "all were written");
    });
}

/// The calls of the thread that reads: with room, without, and after the end of the direction.
#[test]
fn a_write_buffer_passes_on_answers() {
    watched(|| {
        let (client, server, _) = pair();
        let stream = Stream::Tls(client);
        let Stream::Tls(client) = &stream else { panic!("TLS") };
        let mut buffer = WriteBuffer::default();
        answer(client);
        buffer.write(&stream, &[], BufferMode::PerChunk(LONG)).unwrap();
        assert!(client.has_unsolicited_output(), "only the mode of the reader writes them");
        buffer.write(&stream, &[], BufferMode::Brief).unwrap();
        assert!(!client.has_unsolicited_output() && !buffer.is_congested());
        await_bytes(&server, 6);
        fill(client);
        answer(client);
        buffer.write(&stream, &[], BufferMode::Brief).unwrap();
        assert!(client.has_unsolicited_output() && buffer.is_congested());
        client.shutdown_write(Duration::ZERO);
        let ended = buffer.write(&stream, &[], BufferMode::Brief);
        assert_eq!(ended.map_err(|error| error.kind()), Err(ErrorKind::BrokenPipe));
    });
}

/// Before there is a write buffer, a read by a deadline passes on an answer.
#[test]
fn a_stream_passes_on_answers_and_frees_memory() {
    watched(|| {
        let (client, server, _) = pair();
        let stream = Stream::Tls(client);
        let Stream::Tls(client) = &stream else { panic!("TLS") };
        client.answer_next_read(&[0x17, 3, 3, 0, 1, 0]);
        server.try_write(b"abc").unwrap();
        assert_eq!(stream.read_by(&mut [0; 3], Deadline::after(LONG)).unwrap(), 3);
        assert!(!stream.has_unsolicited_output());
        await_bytes(&server, 6);
        client.memory.lock_buffers().outgoing.reserve(1000);
        stream.shrink();
        assert_eq!(client.memory.lock_buffers().outgoing.capacity(), 0);
    });
}

/// TLS in TLS: an answer of the outer engine leaves with the next write of the inner one, or waits for the network.
#[test]
fn answers_of_the_engine_below_are_passed_on() {
    watched(|| {
        let ((below, peer, _), (above, ..)) = (pair(), pair());
        let above = Tls { transport: Transport::Tls(Box::new(below)), ..above };
        let Transport::Tls(below) = &above.transport else { panic!("TLS") };
        answer(below);
        assert!(above.has_unsolicited_output());
        assert_eq!(above.try_write(&[]).unwrap(), 0);
        assert!(!above.has_unsolicited_output());
        await_bytes(&peer, 6);
        fill(below);
        answer(below);
        assert_eq!(above.try_write(&[]).unwrap(), 0);
        assert!(above.has_unsolicited_output(), "the network is full");
        above.shrink();
        below.shutdown_write(Duration::ZERO);
        assert_eq!(kind(above.try_write(&[])), Err(ErrorKind::BrokenPipe));
    });
}

/// All buffers, and those of an engine below.
#[test]
fn an_idle_stream_keeps_no_memory() {
    fn sizes(tls: &Tls) -> [usize; 3] {
        let [incoming, outgoing] = tls.memory.capacities();
        [incoming, outgoing, tls.records.lock().as_ref().unwrap().capacity()]
    }
    watched(|| {
        let ((below, below_server, _), (above, above_server, _)) = (pair(), pair());
        let exchange = |client: &Tls, server: &Tls| {
            client.write(b"first", b"second", LONG).unwrap();
            read_all(server, b"firstsecond");
            server.write(b"third", &[], LONG).unwrap();
            read_all(client, b"third");
            assert!(sizes(client).iter().all(|&size| size > 0), "{:?}", sizes(client));
        };
        exchange(&above, &above_server);
        exchange(&below, &below_server);
        above.shrink();
        assert_eq!(sizes(&above), [0; 3]);
        let above = Tls { transport: Transport::Tls(Box::new(below)), ..above };
        let Transport::Tls(below) = &above.transport else { panic!("TLS") };
        above.shrink();
        assert_eq!(sizes(below), [0; 3]);
    });
}

/// What comes with the end of the handshake is not waited for again.
#[test]
fn bytes_that_came_with_the_handshake_are_read_at_once() {
    watched(|| {
        let (near, far) = UnixStream::pair().unwrap();
        let connecting = thread::spawn(move || connect(near));
        let mut server = acceptor().accept(Held { stream: far, held: Vec::new() }).unwrap();
        server.write_all(b"early").unwrap();
        server.get_mut().release().unwrap();
        let client = connecting.join().unwrap();
        assert!(!client.has_unsolicited_output());
        read_all(&client, b"early");
    });
}

/// Holds back what is written until the next read.
#[derive(Debug)]
struct Held {
    stream: UnixStream,
    held: Vec<u8>,
}

impl Held {
    fn release(&mut self) -> io::Result<()> {
        self.stream.write_all(&std::mem::take(&mut self.held))
    }
}

impl Read for Held {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.release()?;
        self.stream.read(to)
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A read that ends early because of a write beside it is not a read that has waited its time.
#[test]
fn writes_beside_a_read_are_told_from_its_timeout() {
    watched(|| {
        let (tls, _server, _) = pair();
        // As during a non-blocking write of another thread.
        tls.socket().set_nonblocking(true).unwrap();
        assert_eq!(kind(tls.read(&mut [0; 4], LONG)), Err(ErrorKind::WouldBlock));
        tls.enable_shared_writes();
        assert_eq!(kind(tls.read(&mut [0; 4], LONG)), Err(ErrorKind::Interrupted));
    });
}

/// The `openssl` command as a peer; it ends with this value.
struct Peer(Child, ChildStdin);

impl Peer {
    /// A server, and a connection to it.
    fn server() -> (Peer, Tls) {
        let files = Certificate::new();
        let [cert, key] = &files.0;
        let mut child = Command::new("openssl")
            .args(["s_server", "-tls1_2", "-accept", "127.0.0.1:0"])
            .args(["-cert".as_ref(), cert.as_os_str(), "-key".as_ref(), key.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the openssl command is needed");
        let input = child.stdin.take().unwrap();
        let mut peer = Peer(child, input);
        let address = peer.await_output("ACCEPT ");
        (peer, connect(TcpStream::connect(address).unwrap()))
    }

    /// One read of the command: a line of data, or a letter that it obeys.
    fn type_in(&mut self, line: &str) {
        self.1.write_all(line.as_bytes()).unwrap();
        self.1.flush().unwrap();
    }

    /// Waits for this in the output, and returns the rest of the line.
    fn await_output(&mut self, part: &str) -> String {
        let output = self.0.stdout.as_mut().unwrap();
        let mut seen = Vec::new();
        loop {
            let mut byte = [0];
            output.read_exact(&mut byte).unwrap();
            seen.push(byte[0]);
            let text = String::from_utf8_lossy(&seen);
            if let Some((_, rest)) = text.split_once(part).filter(|(_, rest)| rest.ends_with('\n')) {
                return rest.trim().to_owned();
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server begins the handshake again (TLS 1.2): it requests an answer of the engine. The reader writes it.
#[test]
fn what_the_peer_requests_is_answered_by_the_reader() {
    watched(|| {
        let (mut peer, client) = Peer::server();
        // The request comes behind data, so that the engine meets it before the network is read.
        peer.type_in("more\n");
        let before = await_bytes(&client, 1);
        peer.type_in("R\n");
        await_bytes(&client, before + 1);
        read_all(&client, b"more\n");
        assert_eq!(kind(client.read(&mut [0; 5], LONG)), Err(ErrorKind::Interrupted));
        assert!(client.has_unsolicited_output());
        assert_eq!(client.try_write(&[]).unwrap(), 0);
        assert!(!client.has_unsolicited_output());
        let stream = Stream::Tls(client);
        peer.type_in("again\n");
        let mut to = [0; 6];
        assert_eq!((stream.read_by(&mut to, Deadline::after(LONG)).unwrap(), &to), (6, b"again\n"));
        // Until the handshake has ended, a write needs input first.
        while kind(stream.write(b"answered: yes\n", &[], WRITE_QUANTUM)) == Err(ErrorKind::WouldBlock) {
            let _ = stream.read(&mut to, WRITE_QUANTUM);
        }
        assert_eq!(peer.await_output("answered: "), "yes");
    });
}

/// A write meanwhile waits for the answer of the peer, and does not hold the thread that reads.
#[test]
fn a_write_during_a_renegotiation_needs_input_first() {
    watched(|| {
        let (mut peer, client) = Peer::server();
        peer.type_in("R\n");
        let mut to = [0; 5];
        assert_eq!(kind(client.read(&mut to, LONG)), Err(ErrorKind::Interrupted));
        assert!(client.has_unsolicited_output());
        assert_eq!(kind(client.try_write(b"x")), Err(ErrorKind::WouldBlock));
        let start = Instant::now();
        for _ in 0..100 {
            assert_eq!(kind(client.write(b"x", &[], WRITE_QUANTUM)), Err(ErrorKind::WouldBlock));
        }
        assert!(start.elapsed() >= RETRY_DELAY * 100, "a thread that repeats it needs the processor for nothing else");
        let written = loop {
            let _ = client.read(&mut to, WRITE_QUANTUM);
            match kind(client.write(b"after: yes\n", &[], WRITE_QUANTUM)) {
                Err(ErrorKind::WouldBlock) => {}
                result => break result,
            }
        };
        assert_eq!(written, Ok(11));
        assert_eq!(peer.await_output("after: "), "yes");
    });
}
