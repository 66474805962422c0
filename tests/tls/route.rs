//! TLS on other routes than that of the URL: a socket of the caller, another address, another name in the certificate.

use std::net::TcpStream;
use std::thread;

use stdws::{Client, Error, Result, Server, ServerHandle, Step, TlsErrorKind, UriErrorKind, UsageError, WebSocket};

use crate::live::{long_timeouts, ms, watchdog, Watched};
use crate::support::certificates;

fn echo_server(certificate: &str) -> ServerHandle {
    let server = Server::bind("127.0.0.1:0").unwrap().watched().timeouts(long_timeouts());
    server
        .tls(certificates().accept(certificate))
        .start(|mut ws| {
            while let Some(message) = ws.recv()? {
                ws.send(&message)?;
            }
            Ok(())
        })
        .unwrap()
}

fn client(url: &str) -> Client {
    Client::new(url).unwrap().watched().timeouts(long_timeouts()).tls(certificates().connect()).unwrap()
}

fn echo(opened: Result<WebSocket>) -> WebSocket {
    let mut ws = opened.unwrap();
    ws.send("over TLS").unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("over TLS"));
    ws
}

fn bad_certificate(opened: Result<WebSocket>) -> bool {
    matches!(&opened, Err(Error::Tls(e)) if e.kind() == TlsErrorKind::HostnameMismatch)
}

/// The TLS handshake is made on the socket, for the host of the URL; abort and the addresses work as for `connect`.
#[test]
fn a_socket_of_the_caller_carries_tls() {
    let _watchdog = watchdog();
    let server = echo_server("right");
    let to = server.local_addr().unwrap();
    let socket = || TcpStream::connect(to).unwrap();
    let mut ws = echo(client("wss://localhost/").connect_tcp(socket()));
    assert_eq!(ws.peer_addr(), Some(to));
    let sender = ws.sender();
    let receiving = thread::spawn(move || ws.recv());
    sender.abort();
    assert!(receiving.join().unwrap().is_err());
    assert!(bad_certificate(client("wss://elsewhere.example/").connect_tcp(socket())));
    // A server that sends nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(silent.local_addr().unwrap()).unwrap();
    let error = client("wss://localhost/").connect_timeout(ms(50)).connect_tcp(socket).unwrap_err();
    assert!(matches!(error, Error::Timeout(Step::Tls)), "{error:?}");
}

/// Another address changes nothing for TLS, another server name does.
#[test]
fn the_certificate_is_for_the_host_or_for_the_server_name() {
    let _watchdog = watchdog();
    let server = echo_server("wrong_host");
    let to = server.local_addr().unwrap();
    echo(client("wss://elsewhere.example/").resolve_to([to]).connect());
    assert!(bad_certificate(client("wss://localhost/").resolve_to([to]).connect()));
    let by_address = |name| client(&format!("wss://{to}/")).server_name(name).unwrap();
    echo(by_address("Elsewhere.Example").connect());
    assert!(bad_certificate(by_address("localhost").connect()));
    // The Host header is independent of it.
    let by_host = client(&format!("wss://{to}/")).host_header("elsewhere.example").unwrap();
    assert!(bad_certificate(by_host.connect()));
    let socket = TcpStream::connect(to).unwrap();
    echo(client("wss://localhost/").server_name("elsewhere.example").unwrap().connect_tcp(socket));
}

#[test]
fn a_server_name_is_a_host_without_a_port() {
    for (name, kind) in [
        ("", UriErrorKind::MissingHost),
        ("a b", UriErrorKind::InvalidHostCharacter),
        ("h:443", UriErrorKind::InvalidHostCharacter),
        ("h:", UriErrorKind::InvalidHostCharacter),
        ("u@h", UriErrorKind::InvalidHostCharacter),
        ("[fe80::1%251]", UriErrorKind::InvalidHostCharacter),
        ("\u{2603}", UriErrorKind::UnsupportedHost),
    ] {
        let error = client("wss://h/").server_name(name).unwrap_err();
        assert!(matches!(&error, Error::Usage(UsageError::ServerName(k)) if *k == kind), "{name:?}: {error:?}");
    }
    for name in ["h.example", "::1", "[::1]", "192.0.2.1", "b\u{fc}cher.example"] {
        assert!(client("wss://h/").server_name(name).is_ok(), "{name}");
    }
}
