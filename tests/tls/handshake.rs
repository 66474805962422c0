//! Which certificates a client trusts, and the errors of both sides for the others.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{mpsc, Mutex};
use std::thread;

use stdws::events::EventKind;
use stdws::{
    Client, CloseCode, Error, HandshakeErrorKind, HeadErrorKind, Result, Server, ServerHandle, TlsAccept, TlsConnect,
    TlsErrorKind, TlsIdentity, WebSocket,
};

use crate::live::{long_timeouts, watchdog, Watched};
use crate::serving::echo;
use crate::support::{certificates, PASSWORD};

fn server(tls: TlsAccept) -> ServerHandle {
    Server::bind("127.0.0.1:0").unwrap().watched().timeouts(long_timeouts()).tls(tls).start(echo).unwrap()
}

fn client(host: &str, port: u16, tls: TlsConnect) -> Client {
    Client::new(format!("wss://{host}:{port}/secret-path"))
        .unwrap()
        .watched()
        .timeouts(long_timeouts())
        .tls(tls)
        .unwrap()
}

fn round_trip(client: &Client) {
    let mut ws = client.connect().unwrap();
    ws.send("over TLS").unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("over TLS"));
    assert!(ws.peer_addr().is_some());
    #[cfg(unix)]
    assert!(ws.as_fd().is_some());
    assert_eq!(ws.close(CloseCode::NORMAL, "bye").unwrap().code(), CloseCode::NORMAL);
}

#[track_caller]
fn kind(result: Result<WebSocket>) -> TlsErrorKind {
    match result {
        Err(Error::Tls(error)) => error.kind(),
        other => panic!("{other:?}"),
    }
}

/// 6455-4.1-14, 6455-4.1-16, 6455-10.6-1
/// Shows the answers to farrell-5, farrell-c7.
#[test]
fn a_server_with_the_right_certificate_is_trusted_by_name_and_by_address() {
    let _watchdog = watchdog();
    let certificates = certificates();
    let pem = TlsIdentity::from_pem(&certificates.file("right.pem"), &certificates.file("right.key")).unwrap();
    let ready = TlsAccept::from(certificates.native_acceptor("right"));
    for accept in [certificates.accept("right"), TlsAccept::new(pem).unwrap(), ready] {
        let server = server(accept);
        let port = server.local_addr().unwrap().port();
        for host in ["localhost", "127.0.0.1"] {
            round_trip(&client(host, port, certificates.connect()));
        }
        round_trip(&client("localhost", port, certificates.native_connector().into()));
        round_trip(&client("localhost", port, certificates.connect().only_added_roots()));
        let der = native_tls::Certificate::from_pem(&certificates.file("authority.pem")).unwrap().to_der().unwrap();
        round_trip(&client("localhost", port, TlsConnect::new().add_root(&der).unwrap()));
    }
}

/// The environment belongs to the whole process, so another one changes it.
#[test]
#[cfg(target_os = "linux")]
fn authorities_of_the_system_are_trusted_unless_only_the_added_ones_are() {
    const CHILD: &str = "STDWS_TEST_AUTHORITIES";
    let _watchdog = watchdog();
    if std::env::var_os(CHILD).is_none() {
        let mut child = crate::program::command(std::env::current_exe().unwrap());
        let test = "handshake::authorities_of_the_system_are_trusted_unless_only_the_added_ones_are";
        let ran = child.args([test, "--exact"]).env(CHILD, "1").output().unwrap();
        let text = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    // OpenSSL reads its authorities from this file.
    std::env::set_var("SSL_CERT_FILE", certificates().path("authority.pem"));
    let server = server(certificates().accept("right"));
    let port = server.local_addr().unwrap().port();
    let other = || TlsConnect::new().add_root(&certificates().file("other_authority.pem")).unwrap();
    round_trip(&client("localhost", port, TlsConnect::new()));
    round_trip(&client("localhost", port, other()));
    assert_eq!(kind(client("localhost", port, other().only_added_roots()).connect()), TlsErrorKind::UnknownIssuer);
}

/// A server that requires a certificate of its client, and has a page.
#[test]
#[cfg(target_os = "linux")]
fn a_client_sends_its_certificate() {
    let _watchdog = watchdog();
    let path = |name| certificates().path(name);
    let mut server = std::process::Command::new("openssl")
        .args([
            "s_server",
            "-www",
            "-tls1_2",
            "-accept",
            "127.0.0.1:0",
            "-verify_return_error",
            "-Verify",
            "1",
            "-CAfile",
        ])
        .arg(path("authority.pem"))
        .args(["-cert".as_ref(), path("right.pem").as_os_str(), "-key".as_ref(), path("right.key").as_os_str()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the openssl command is needed");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(server.stdout.take().unwrap()));
    let address = lines.find_map(|line| Some(line.unwrap().strip_prefix("ACCEPT ")?.to_owned())).unwrap();
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    let connect = |tls: TlsConnect| client("localhost", port, tls).connect();
    assert_eq!(kind(connect(certificates().connect())), TlsErrorKind::AlertReceived);
    let answered = connect(certificates().connect().identity(certificates().identity("client")));
    assert!(matches!(&answered, Err(Error::Handshake(page)) if page.status() == Some(200)), "{answered:?}");
    server.kill().unwrap();
    server.wait().unwrap();
}

/// A relay that records the bytes of the client and those of the server.
struct Tap {
    port: u16,
    recorded: mpsc::Receiver<(Vec<u8>, Vec<u8>)>,
}

fn tap(server: &ServerHandle) -> Tap {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, server) = (listener.local_addr().unwrap().port(), server.local_addr().unwrap());
    let (recording, recorded) = mpsc::channel();
    thread::spawn(move || {
        let client = listener.accept().unwrap().0;
        let server = TcpStream::connect(server).unwrap();
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let up = thread::spawn(move || copy(from, to));
        let down = copy(server, client);
        recording.send((up.join().unwrap(), down)).unwrap();
    });
    Tap { port, recorded }
}

fn copy(mut from: TcpStream, mut to: TcpStream) -> Vec<u8> {
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = from.read(&mut part) {
        all.extend_from_slice(&part[..count]);
        if to.write_all(&part[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    all
}

/// The types of the TLS records in these bytes. Anything else fails the test.
fn records(mut bytes: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while !bytes.is_empty() {
        let head = &bytes[..5];
        assert!((20..=23).contains(&head[0]) && head[1] == 3, "not TLS: {head:?}");
        types.push(head[0]);
        bytes = &bytes[5 + usize::from(u16::from_be_bytes([head[3], head[4]]))..];
    }
    types
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

const ALERT: u8 = 21;

/// 6455-4.1-15, hixie55-4.1-4: the server gets an alert, and nothing is sent in plain text.
/// Shows the answer to opera-22.
/// Shows promise P13.
#[test]
fn a_certificate_that_cannot_be_trusted_ends_it_and_is_named() {
    let _watchdog = watchdog();
    let rows = [
        ("wrong_host", TlsErrorKind::HostnameMismatch),
        ("expired", TlsErrorKind::Expired),
        ("unknown_authority", TlsErrorKind::UnknownIssuer),
    ];
    for (name, expected) in rows {
        let server = server(certificates().accept(name));
        let tap = tap(&server);
        let result = client("localhost", tap.port, certificates().connect()).connect();
        let shown = result.as_ref().unwrap_err().to_string();
        assert!(shown.starts_with("TLS: the certificate") && shown.contains("localhost"), "{shown}");
        assert!(std::error::Error::source(result.as_ref().unwrap_err()).is_some());
        assert_eq!(kind(result), expected);
        let (up, _) = tap.recorded.recv().unwrap();
        // TLS 1.3 would encrypt it; a server of native-tls on OpenSSL uses 1.2.
        assert_eq!(records(&up).last(), Some(&ALERT), "{name}");
        assert!(!has(&up, b"secret-path"));
    }
    // Only the certificate that was added.
    let server = server(certificates().accept("right"));
    let port = server.local_addr().unwrap().port();
    assert_eq!(kind(client("localhost", port, TlsConnect::new()).connect()), TlsErrorKind::UnknownIssuer);
    let none = TlsConnect::new().only_added_roots();
    assert_eq!(kind(client("localhost", port, none).connect()), TlsErrorKind::UnknownIssuer);
    let unset = Client::new(format!("wss://localhost:{port}")).unwrap().watched().connect();
    assert_eq!(kind(unset), TlsErrorKind::UnknownIssuer);
}

/// As the manual says about OpenSSL: the common name is a host name if the certificate has no alternative name. It is never an
/// address or another name.
#[test]
#[cfg(target_os = "linux")]
fn a_certificate_with_a_common_name_alone_is_accepted_for_that_name() {
    let _watchdog = watchdog();
    let server = server(certificates().accept("common_name"));
    let port = server.local_addr().unwrap().port();
    round_trip(&client("localhost", port, certificates().connect()));
    let by_address = client("127.0.0.1", port, certificates().connect()).connect();
    assert_eq!(kind(by_address), TlsErrorKind::HostnameMismatch);
}

/// Shows the answer to opera-22.
#[test]
fn what_weakens_verification_does_no_more_than_it_says() {
    let _watchdog = watchdog();
    for name in ["wrong_host", "expired", "unknown_authority"] {
        let server = server(certificates().accept(name));
        let port = server.local_addr().unwrap().port();
        let any_host = client("localhost", port, certificates().connect().danger_accept_any_host());
        match name {
            "wrong_host" => round_trip(&any_host),
            _ => drop(kind(any_host.connect())),
        }
        let any = TlsConnect::new().danger_accept_any_certificate().danger_accept_any_host();
        round_trip(&client("localhost", port, any));
    }
}

/// 6455-4.1-17, hixie75-4.1-2, 6455-4.2.2-2, 6455-10.6-s1
#[test]
fn the_server_gets_the_host_name_and_nothing_else_in_plain_text() {
    let _watchdog = watchdog();
    let server = server(certificates().accept("right"));
    let tap = tap(&server);
    round_trip(&client("localhost", tap.port, certificates().connect()));
    let (up, down) = tap.recorded.recv().unwrap();
    assert!(has(&up, b"\x00\x09localhost"), "no SNI, or another");
    // The extension that lists the versions: 1.3 and 1.2.
    assert!(has(&up, b"\x00\x2b\x00\x05\x04\x03\x04\x03\x03"), "other versions of TLS");
    assert!(!has(&up, b"secret-path") && !has(&up, b"over TLS") && !has(&down, b"over TLS"));
    // Both send `close_notify`.
    for bytes in [up, down] {
        assert_eq!(records(&bytes).last(), Some(&ALERT));
    }
}

#[test]
fn settings_that_cannot_be_used_are_named_before_anything_is_sent() {
    let certificates = certificates();
    let settings = |result: Result<()>| match result {
        Err(Error::Tls(error)) => assert_eq!(error.kind(), TlsErrorKind::InvalidSettings),
        other => panic!("{other:?}"),
    };
    let p12 = certificates.file("right.p12");
    settings(TlsIdentity::from_pkcs12(&p12, "wrong").map(drop));
    settings(TlsIdentity::from_pkcs12(b"nonsense", PASSWORD).map(drop));
    settings(TlsIdentity::from_pem(b"nonsense", &certificates.file("right.key")).map(drop));
    settings(TlsIdentity::from_pem(&certificates.file("right.pem"), b"nonsense").map(drop));
    settings(TlsConnect::new().add_root(b"nonsense").map(drop));
    // Secrets are not shown.
    let shown = format!("{:?} {:?}", certificates.identity("right"), certificates.connect());
    assert!(!shown.contains("PRIVATE") && !shown.contains(PASSWORD) && shown.len() < 300, "{shown}");
    let with_identity = TlsConnect::default().identity(certificates.identity("right"));
    assert!(format!("{with_identity:?}").contains("added_roots: 0, only_added_roots: false, identity: true"));
    Client::new("wss://localhost").unwrap().tls(with_identity).unwrap();
    let acceptor = TlsAccept::new(certificates.identity("right")).unwrap();
    assert_eq!(format!("{acceptor:?}"), "TlsAccept { .. }");
    // The setters replace a connector by the defaults.
    let connector = TlsConnect::from(native_tls::TlsConnector::new().unwrap());
    assert_eq!(format!("{connector:?}"), "TlsConnect { .. }");
    assert_eq!(format!("{:?}", connector.only_added_roots()), format!("{:?}", TlsConnect::new().only_added_roots()));
}

/// Both sides name the cause. (OpenSSL sends no alert to a client without TLS; `tests/client.rs` has the alert of others.)
#[test]
fn a_client_with_tls_at_a_server_without_it_is_named() {
    let _watchdog = watchdog();
    let (events, seen) = mpsc::channel();
    let events = Mutex::new(events);
    let plain = Server::bind("127.0.0.1:0").unwrap().timeouts(long_timeouts()).on_event(move |event| {
        if let EventKind::HandshakeRejected(kind, _) = event.kind() {
            events.lock().unwrap().send(kind.clone()).unwrap();
        }
    });
    let plain = plain.start(|_| Ok::<(), Error>(())).unwrap();
    let port = plain.local_addr().unwrap().port();
    assert_eq!(kind(client("localhost", port, certificates().connect()).connect()), TlsErrorKind::NotTls);
    assert_eq!(seen.recv().unwrap(), HandshakeErrorKind::Head(HeadErrorKind::Tls));
}

/// A plain response would be no record of TLS, so a client beyond the limit gets the end of the stream alone.
#[test]
fn a_client_behind_the_proxy_protocol_beyond_the_limit_gets_no_bytes() {
    let _watchdog = watchdog();
    let server = Server::bind("127.0.0.1:0").unwrap().watched().timeouts(long_timeouts());
    let server = server.max_per_address(1).trust_proxy_protocol(["127.0.0.1"]).unwrap();
    let server = server.tls(certificates().accept("right")).start(echo).unwrap();
    // Whichever of the two the server reads last. Neither begins its handshake.
    let (ended, ends) = mpsc::channel();
    let clients = [(); 2].map(|()| {
        let mut client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        client.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n").unwrap();
        let (mut reading, ended) = (client.try_clone().unwrap(), ended.clone());
        thread::spawn(move || ended.send(reading.read(&mut [0; 64]).map_err(|error| error.kind())));
        client
    });
    assert_eq!(ends.recv().unwrap(), Ok(0));
    assert!(ends.try_recv().is_err(), "the other one has time for its handshake");
    clients.iter().for_each(|client| drop(client.shutdown(Shutdown::Both)));
    ends.recv().unwrap().unwrap();
}
