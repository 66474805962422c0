//! Peers without TLS, peers that stop in the middle, and a network that changes bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use stdws::{Client, Error, Result, Server, Step, TlsErrorKind, WebSocket};

use crate::live::{assert_took, long_timeouts, ms, timed, watchdog, Watched, LONG};
use crate::support::certificates;

/// A server that sends its connections to a channel.
fn server(timeouts: stdws::Timeouts) -> (stdws::ServerHandle, mpsc::Receiver<WebSocket>) {
    let (give, take) = mpsc::channel();
    let server = Server::bind("127.0.0.1:0").unwrap().watched().timeouts(timeouts).tls(certificates().accept("right"));
    let running = server.start(move |ws| {
        drop(give.send(ws));
        Ok(())
    });
    (running.unwrap(), take)
}

fn client(port: u16) -> Client {
    let client = Client::new(format!("wss://localhost:{port}")).unwrap().watched().timeouts(long_timeouts());
    client.tls(certificates().connect()).unwrap()
}

fn everything(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.set_read_timeout(Some(LONG / 3)).unwrap();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut all);
    all
}

/// 6455-4.2.2-2, 6455-10.6-1: the connection ends if the TLS handshake fails.
/// Shows the answer to opera-32.
#[test]
fn plain_http_to_a_tls_port_gets_no_http_and_no_connection() {
    let _watchdog = watchdog();
    let (server, connections) = server(long_timeouts());
    let mut plain = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    plain.write_all(crate::live::REQUEST).unwrap();
    plain.set_read_timeout(Some(LONG / 10)).unwrap();
    let mut answer = Vec::new();
    let end = plain.read_to_end(&mut answer).map_err(|error| error.kind());
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    // A reset is an end as well.
    assert!(!matches!(end, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "the connection goes on");
    // The client of this crate, which returns an error that says so.
    let url = format!("ws://{}", server.local_addr().unwrap());
    let error = Client::new(&url).unwrap().watched().connect().unwrap_err();
    assert!(matches!(error, Error::Handshake(_) | Error::Io(_)), "{error:?}");
    assert!(connections.try_recv().is_err());
}

/// Shows the answer to opera-32.
#[test]
fn tls_to_a_plain_port_is_named() {
    let _watchdog = watchdog();
    let (give, take) = mpsc::channel();
    let plain = Server::bind("127.0.0.1:0")
        .unwrap()
        .watched()
        .start(move |_| {
            let _ = give.send(());
            Ok(())
        })
        .unwrap();
    let error = client(plain.local_addr().unwrap().port()).connect().unwrap_err();
    assert!(matches!(&error, Error::Tls(e) if e.kind() == TlsErrorKind::NotTls), "{error:?}");
    assert!(take.try_recv().is_err(), "it was tried again in plain text");
}

/// A record of a handshake of TLS 1.1 with one message.
fn tls_1_1(kind: u8, body: &[u8]) -> Vec<u8> {
    let message = [&[kind, 0, 0, body.len() as u8][..], body].concat();
    [&[22, 3, 2, 0, message.len() as u8][..], &message].concat()
}

/// The alert for a version that is not supported, and nothing else. Other libraries than OpenSSL may send another alert or none.
fn is_refusal(answer: &[u8]) -> bool {
    match answer {
        [21, 3, _, 0, 2, 2, alert] => *alert == 70 || !cfg!(target_os = "linux"),
        other => other.is_empty() && !cfg!(target_os = "linux"),
    }
}

/// 6455-10.6-s1: TLS 1.1 is refused in both roles.
/// Shows promise P13.
#[test]
fn old_versions_of_tls_are_refused() {
    const CIPHER_SUITES: [u8; 6] = [0xC0, 0x13, 0xC0, 0x14, 0, 0x2F];
    let _watchdog = watchdog();
    let (server, connections) = server(long_timeouts());
    let mut peer = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    // ClientHello: version, random, no session, cipher suites, no compression.
    let hello = [&[3, 2][..], &[7; 32], &[0, 0, 6], &CIPHER_SUITES, &[1, 0]].concat();
    peer.write_all(&tls_1_1(1, &hello)).unwrap();
    let answer = everything(peer);
    assert!(is_refusal(&answer), "{answer:?}");
    assert!(connections.try_recv().is_err());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connecting = thread::spawn(move || client(port).connect());
    let mut peer = listener.accept().unwrap().0;
    assert!(peer.read(&mut [0; 4096]).unwrap() > 0);
    // ServerHello: version, random, no session, a cipher suite, no compression.
    let hello = [&[3, 2][..], &[7; 32], &[0, 0xC0, 0x13, 0]].concat();
    peer.write_all(&tls_1_1(2, &hello)).unwrap();
    let answer = everything(peer);
    assert!(is_refusal(&answer), "{answer:?}");
    assert!(matches!(connecting.join().unwrap(), Err(Error::Tls(_))));
}

#[test]
fn a_peer_that_ends_in_the_handshake_is_named() {
    let _watchdog = watchdog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connecting = thread::spawn(move || client(port).connect());
    let mut peer = listener.accept().unwrap().0;
    assert!(peer.read(&mut [0; 4096]).unwrap() > 0);
    drop(peer);
    let error = connecting.join().unwrap().unwrap_err();
    assert!(matches!(&error, Error::Tls(e) if e.kind() == TlsErrorKind::UnexpectedEof), "{error:?}");
}

/// The first record of a TLS handshake, the ClientHello, as a client sends it.
fn client_hello() -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || client(port).connect());
    let mut peer = listener.accept().unwrap().0;
    let mut head = [0; 5];
    peer.read_exact(&mut head).unwrap();
    let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    peer.read_exact(&mut hello).unwrap();
    [&head[..], &hello].concat()
}

fn drip(mut to: TcpStream, bytes: Vec<u8>) {
    for byte in bytes {
        if to.write_all(&[byte]).is_err() {
            return;
        }
        thread::sleep(ms(20));
    }
}

#[test]
fn a_client_that_drips_its_handshake_is_cut_at_the_deadline() {
    let _watchdog = watchdog();
    let mut timeouts = long_timeouts();
    timeouts.handshake = ms(300);
    let (server, connections) = server(timeouts);
    for bytes in [client_hello(), Vec::new()] {
        let start = Instant::now();
        let peer = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        let writer = peer.try_clone().unwrap();
        let dripping = thread::spawn(move || drip(writer, bytes));
        everything(peer);
        assert_took(start.elapsed(), ms(300));
        dripping.join().unwrap();
    }
    // TLS and the request share the one deadline.
    let start = Instant::now();
    let tcp = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    thread::sleep(ms(150));
    // On a busy machine there may not be enough left for the handshake.
    if let Ok(mut tls) = certificates().native_connector().connect("localhost", tcp) {
        let _ = tls.read(&mut [0]);
    }
    assert_took(start.elapsed(), ms(300));
    assert!(connections.try_recv().is_err());
}

#[test]
fn a_server_that_drips_its_handshake_is_cut_at_the_deadline() {
    let _watchdog = watchdog();
    // Enough to connect.
    let limit = ms(1500);
    for silent in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("wss://{}", listener.local_addr().unwrap());
        let client = Client::new(&url).unwrap().watched().tls(certificates().connect()).unwrap().connect_timeout(limit);
        // The head of a long record, and then its bytes, one by one.
        let bytes = match silent {
            true => Vec::new(),
            false => [&[22, 3, 3, 0x3F, 0xFF, 2, 0, 0x3F, 0xFB][..], &[3; 1000]].concat(),
        };
        // On a busy machine the time may have passed before there is a connection to accept.
        thread::spawn(move || {
            let peer = listener.accept().unwrap().0;
            drip(peer.try_clone().unwrap(), bytes);
            everything(peer);
        });
        let (result, took) = timed(move || client.connect()).join().unwrap();
        match result {
            Err(Error::Timeout(Step::Tls)) => assert_took(took, limit),
            other => panic!("{other:?}"),
        }
    }
}

/// Both sides of a connection, and between them a relay that changes what the server sends.
fn through(change: impl FnMut(&mut Vec<u8>) -> bool + Send + 'static) -> (WebSocket, WebSocket) {
    let (server, connections) = server(long_timeouts());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, address) = (listener.local_addr().unwrap().port(), server.local_addr().unwrap());
    thread::spawn(move || {
        let client = listener.accept().unwrap().0;
        let server = TcpStream::connect(address).unwrap();
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || copy(from, to, |_| true));
        copy(server, client, change);
    });
    (client(port).connect().unwrap(), connections.recv().unwrap())
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut change: impl FnMut(&mut Vec<u8>) -> bool) {
    let mut part = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut part) {
        let mut bytes = part[..count].to_vec();
        let goes_on = change(&mut bytes);
        if to.write_all(&bytes).is_err() || !goes_on {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn what_was_tampered_with_is_an_error_and_the_peer_gets_an_alert() {
    let _watchdog = watchdog();
    let (touch, touched) = mpsc::channel();
    let (mut side, mut server) = through(move |bytes| {
        if touched.try_recv().is_ok() {
            *bytes.last_mut().unwrap() ^= 1;
        }
        true
    });
    server.send("as it was").unwrap();
    assert_eq!(side.recv().unwrap().unwrap().as_text(), Some("as it was"));
    touch.send(()).unwrap();
    server.send("was it so?").unwrap();
    let broken = |result: Result<_>, kind| match result {
        Err(Error::Tls(error)) => assert_eq!(error.kind(), kind),
        other => panic!("{other:?}"),
    };
    broken(side.recv().map(drop), TlsErrorKind::DecryptionFailed);
    broken(side.send("no more").map(drop), TlsErrorKind::DecryptionFailed);
    broken(server.recv().map(drop), TlsErrorKind::AlertReceived);
}

/// 6455-7.1.5-s1: an end of TCP is no Close, and neither is `close_notify`.
#[test]
fn a_stream_that_is_cut_is_an_end_without_a_close() {
    let _watchdog = watchdog();
    // Between records, and in the middle of one.
    for rest in [0, 10] {
        let (cut, cutting) = mpsc::channel();
        let (mut side, mut server) = through(move |bytes| {
            let goes_on = cutting.try_recv().is_err();
            if !goes_on {
                bytes.truncate(rest);
            }
            goes_on
        });
        server.send("there").unwrap();
        assert_eq!(side.recv().unwrap().unwrap().as_text(), Some("there"));
        cut.send(()).unwrap();
        server.send("never read").unwrap();
        let ended = side.recv();
        assert!(matches!(ended, Err(Error::Closed(None))), "{ended:?}");
    }
}
