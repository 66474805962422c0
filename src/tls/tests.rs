//! TLS with a peer of the same library, whose certificate the `openssl` command makes. Only with OpenSSL, which reads record by
//! record. No peer of `native-tls` requests a key update, so the bytes of an answer take the place of one.

use std::fmt::Debug;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use native_tls::{Identity, TlsAcceptor, TlsConnector, TlsStream};

use super::handshake;
use super::stream::Tls;
use crate::net::deadline::Deadline;
use crate::net::stream::tests::{kind, sockets};
use crate::net::stream::Stream;
use crate::net::write_buffer::{WriteBuffer, WriteMode};

const LONG: Duration = Duration::from_secs(120);

fn acceptor() -> TlsAcceptor {
    static IDENTITY: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    let (certificate, key) = IDENTITY.get_or_init(|| {
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/stdout"];
        let made = Command::new("openssl").args(["req", "-x509", "-subj", "/CN=localhost"]).args(key).output();
        let made = made.expect("the openssl command is needed").stdout;
        let end = made.windows(16).position(|part| part == b"-----BEGIN CERTI").expect("a certificate");
        (made[end..].to_vec(), made[..end].to_vec())
    });
    TlsAcceptor::new(Identity::from_pkcs8(certificate, key).unwrap()).unwrap()
}

/// The client's side over one stream, and the peer over the other.
fn connect<S: Read + Write + Debug + Send + 'static>(near: Stream, far: S) -> (Stream, TlsStream<S>) {
    let accepting = thread::spawn(move || acceptor().accept(far).unwrap());
    let connector = TlsConnector::builder().danger_accept_invalid_certs(true).build().unwrap();
    let near = handshake::connect(&connector, "localhost", near, Deadline::after(LONG)).unwrap();
    (Stream::Tls(near), accepting.join().unwrap())
}

/// Both ends of a connection over TLS.
pub(crate) fn pair() -> (Stream, TlsStream<TcpStream>) {
    let (near, far) = sockets();
    far.set_read_timeout(Some(LONG)).unwrap();
    connect(Stream::from_socket(near).unwrap(), far)
}

/// The same over TLS to a proxy.
fn pair_in_pair() -> (Stream, TlsStream<TlsStream<TcpStream>>) {
    let (near, far) = pair();
    connect(near, far)
}

fn tls(stream: &Stream) -> &Tls {
    let Stream::Tls(tls) = stream else { panic!("no TLS") };
    tls
}

fn by() -> Deadline {
    Deadline::after(LONG)
}

/// Lets an engine answer something that comes with a byte. Returns after the reader has met both.
fn request_answer(stream: &Stream, engine: &Tls, far: &mut impl Write, answer: &[u8]) {
    engine.answer_next_read(answer);
    far.write_all(b"c").unwrap();
    assert_eq!(read(stream), Ok(1));
    assert!(engine.has_unsolicited_output() && stream.has_unsolicited_output());
}

/// The number of bytes that the receiver gets.
fn read(stream: &Stream) -> Result<usize, ErrorKind> {
    loop {
        match kind(stream.read(&mut [0; 8], LONG)) {
            Err(ErrorKind::Interrupted) => {}
            result => return result,
        }
    }
}

/// What the network brings to the peer, before TLS.
fn arrives(mut far: &TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    far.read_exact(&mut bytes).unwrap();
    bytes
}

/// Fills the network below TLS as far as that needs no waiting.
fn fill(stream: &Stream) {
    let (mut socket, bytes) = (stream.socket().unwrap(), vec![0; 1 << 20]);
    socket.set_nonblocking(true).unwrap();
    while socket.write(&bytes).is_ok() {}
    socket.set_nonblocking(false).unwrap();
}

#[test]
fn an_answer_of_the_engine_is_written_before_other_bytes() {
    for bytes in [&b""[..], b"x"] {
        let (stream, mut far) = pair();
        request_answer(&stream, tls(&stream), &mut far, b"answer");
        assert_eq!(stream.try_write(bytes).unwrap(), bytes.len());
        assert!(!stream.has_unsolicited_output());
        assert_eq!(arrives(far.get_ref(), 6), b"answer");
        if !bytes.is_empty() {
            assert_eq!(arrives(far.get_ref(), 5)[..3], [23, 3, 3], "a record of data");
        }
    }
}

/// An alert is such an answer, here one that the engine makes.
#[test]
fn an_alert_about_invalid_input_waits_for_the_next_write() {
    let (stream, far) = pair();
    far.get_ref().write_all(&[[23, 3, 3, 0, 20].as_slice(), &[7; 20]].concat()).unwrap();
    assert!(read(&stream).is_err());
    assert!(stream.has_unsolicited_output());
    assert_eq!(stream.try_write(&[]).unwrap(), 0);
    assert!(!stream.has_unsolicited_output());
    assert_eq!(arrives(far.get_ref(), 5)[1..4], [3, 3, 0], "a short record");
}

/// The records came with one that was read before, so no input would wake the reader.
#[test]
fn a_reader_does_not_wait_before_an_answer_is_written() {
    let (stream, mut far) = pair();
    far.write_all(b"ab").unwrap();
    // With the beginning of another record, the engine is asked again before the network.
    far.get_ref().write_all(&[23, 3, 3]).unwrap();
    (0..2).for_each(|_| assert_eq!(stream.read_by(&mut [0], by()).unwrap(), 1));
    tls(&stream).answer_next_read(b"answer");
    assert_eq!(kind(stream.read(&mut [0; 8], LONG)), Err(ErrorKind::Interrupted));
    assert!(stream.has_unsolicited_output());
    // Once, because another thread may have the permit to write.
    assert_eq!(kind(stream.read(&mut [0; 8], Duration::ZERO)), Err(ErrorKind::WouldBlock));
}

#[test]
fn a_thread_that_is_alone_with_the_stream_writes_answers_at_once() {
    let (stream, mut far) = pair();
    tls(&stream).answer_next_read(b"answer");
    far.write_all(b"c").unwrap();
    assert_eq!(stream.read_by(&mut [0; 8], by()).unwrap(), 1);
    assert!(!stream.has_unsolicited_output());
    assert_eq!(arrives(far.get_ref(), 6), b"answer");
}

#[test]
fn the_receiver_writes_answers_when_there_is_nothing_else_to_write() {
    let (stream, mut far) = pair();
    let mut buffer = WriteBuffer::default();
    buffer.write(&stream, &[], WriteMode::Brief).unwrap();
    request_answer(&stream, tls(&stream), &mut far, b"answer");
    // A hub leaves it to the receiver.
    buffer.write(&stream, &[], WriteMode::Never).unwrap();
    assert!(stream.has_unsolicited_output());
    buffer.write(&stream, &[], WriteMode::Brief).unwrap();
    assert!(!stream.has_unsolicited_output() && !buffer.is_congested());
    assert_eq!(arrives(far.get_ref(), 6), b"answer");
    // A full network keeps it.
    request_answer(&stream, tls(&stream), &mut far, &[1; 60 << 10]);
    // The system may add room to a connection that is full.
    while !buffer.is_congested() {
        fill(&stream);
        buffer.write(&stream, &[], WriteMode::Brief).unwrap();
        assert!(buffer.is_congested() || !stream.has_unsolicited_output());
        if !buffer.is_congested() {
            request_answer(&stream, tls(&stream), &mut far, &[1; 60 << 10]);
        }
    }
    assert!(stream.has_unsolicited_output());
    stream.shutdown();
    assert_eq!(buffer.write(&stream, &[], WriteMode::Brief).map_err(|error| error.kind()), Err(ErrorKind::BrokenPipe));
}

/// What a peer can make this side keep is bounded.
#[test]
fn a_peer_that_requests_answers_and_does_not_read_them_is_given_up() {
    let (stream, mut far) = pair();
    request_answer(&stream, tls(&stream), &mut far, &[1; 40 << 10]);
    far.write_all(b"last").unwrap();
    tls(&stream).answer_next_read(&[2; 40 << 10]);
    // Bytes that came before are returned first.
    assert_eq!(read(&stream), Ok(4));
    assert_eq!(read(&stream), Err(ErrorKind::InvalidData));
}

/// A peer that sends a long record slowly is alive. The count is that of the socket.
#[test]
fn a_part_of_a_record_is_progress() {
    let (stream, mut far) = pair();
    far.write_all(b"c").unwrap();
    assert_eq!(read(&stream), Ok(1));
    let count = || tls(&stream).progress().load(Ordering::SeqCst);
    let before = count();
    far.get_ref().write_all(&[23, 3, 3]).unwrap();
    assert_eq!(kind(stream.read(&mut [0; 8], LONG)), Err(ErrorKind::Interrupted));
    assert_eq!(count(), before.wrapping_add(1));
}

#[test]
fn answers_of_the_engine_below_are_written_too() {
    let (stream, mut far) = pair_in_pair();
    let far_socket = &far.get_ref().get_ref().try_clone().unwrap();
    let below = tls(&stream).below().unwrap();
    request_answer(&stream, below, &mut far, b"answer");
    assert_eq!(stream.try_write(&[]).unwrap(), 0);
    assert!(!stream.has_unsolicited_output());
    assert_eq!(arrives(far_socket, 6), b"answer");
    // They do not keep this engine's bytes from being credited, which precede them.
    // The system may add room to a connection that is full.
    while !stream.has_unsolicited_output() {
        request_answer(&stream, below, &mut far, &[1; 60 << 10]);
        fill(&stream);
        assert_eq!(stream.try_write(&[]).unwrap(), 0);
    }
    stream.shrink();
    assert!(stream.has_unsolicited_output());
    stream.shutdown();
    assert_eq!(kind(stream.try_write(&[])), Err(ErrorKind::BrokenPipe));
}

#[test]
fn bytes_that_came_before_the_end_are_read_after_it_is_known() {
    let (stream, mut far) = pair();
    far.write_all(b"abc").unwrap();
    far.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    // Without room, the engine decrypts nothing, and the network is read to its end.
    for _ in 0..4 {
        assert_eq!(kind(stream.read(&mut [], LONG)), Err(ErrorKind::Interrupted));
    }
    for expected in [&b"ab"[..], b"c", b"", b""] {
        let mut to = [0; 2];
        let count = stream.read(&mut to, LONG).unwrap();
        assert_eq!(&to[..count], expected);
    }
}

#[test]
fn nothing_is_written_after_the_end_of_the_direction() {
    for full in [false, true] {
        let (stream, mut far) = pair();
        if full {
            fill(&stream);
        }
        // It waits for the network in vain.
        stream.shutdown_write(Duration::from_secs(u64::from(full)));
        assert_eq!(kind(stream.write(b"x", &[], LONG)), Err(ErrorKind::BrokenPipe));
        stream.shrink();
        if !full {
            assert_eq!(far.read(&mut [0; 8]).unwrap(), 0, "close_notify");
            far.write_all(b"still").unwrap();
            assert_eq!(stream.read_by(&mut [0; 8], by()).unwrap(), 5);
        }
    }
}
