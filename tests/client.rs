//! Connecting to scripted servers: the request byte for byte, and the result of each kind of response.

use std::io::{self, Cursor, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use stdws::{
    Client, CloseCode, Error, HandshakeError, HandshakeErrorKind, HeadErrorKind, Limits, ProtocolError,
    ResponseErrorKind, SplitStream, Step, Timeouts, UriErrorKind, UsageError,
};

/// The nonce of RFC 6455 section 1.3, its key, and the response to it.
const NONCE: &[u8; 16] = b"the sample nonce";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// "hi" as text, and a Close with 1000.
const FRAMES: &[u8] = b"\x81\x02hi\x88\x02\x03\xE8";
const LONG: Duration = Duration::from_secs(240);

/// Fails the test instead of hanging.
fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || drop(sender.send(work())));
    receiver.recv_timeout(LONG).expect("no result in time, or a panic above")
}

/// A client whose random bytes are known.
fn client(url: &str) -> Client {
    Client::new(url).unwrap().random_source(|out| {
        out.iter_mut().zip(NONCE.iter().cycle()).for_each(|(out, byte)| *out = *byte);
        Ok(())
    })
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// The request. Nothing else may have arrived yet: 6455-4.1-40.
fn request(stream: &mut TcpStream) -> String {
    let (mut bytes, mut part) = (Vec::new(), [0; 1 << 16]);
    while !bytes.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0, "the request ended early: {}", bytes.escape_ascii());
        bytes.extend_from_slice(&part[..count]);
    }
    assert_eq!(bytes.windows(4).filter(|end| end == b"\r\n\r\n").count(), 1);
    String::from_utf8(bytes).unwrap()
}

/// Everything that the client sends until it disconnects.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A client that closes its socket with unread bytes resets the connection; the bytes before that count.
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

/// A server for one connection: answers the request with these bytes in one write, ends its stream, and returns the request
/// and the bytes after it.
fn answer(response: impl Into<Vec<u8>>) -> (SocketAddr, JoinHandle<(String, Vec<u8>)>) {
    let (listener, address) = listen();
    let response = response.into();
    let server = thread::spawn(move || {
        let mut stream = accept(&listener);
        let request = request(&mut stream);
        stream.write_all(&response).unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let rest = rest(&mut stream);
        (request, rest)
    });
    (address, server)
}

fn rejection(result: stdws::Result<stdws::WebSocket>) -> HandshakeError {
    match result {
        Err(Error::Handshake(rejection)) => rejection,
        other => panic!("{other:?}"),
    }
}

/// The rejection that a response results in.
fn refused(response: impl Into<Vec<u8>>) -> HandshakeError {
    let (address, _server) = answer(response);
    rejection(within(move || client(&format!("ws://{address}")).connect()))
}

// ── the request ────────────────────────────────────────────────────────────────────────────────────────────────────

/// 6455-4.1-18, 6455-4.1-19, 6455-4.1-20, 6455-4.1-21, 6455-4.1-22, 6455-4.1-23, 6455-4.1-29, 6455-4.1-33: byte for byte.
/// Shows the answers to opera-23, opera-28, farrell-4.
#[test]
fn a_plain_request() {
    let (address, server) = answer([GOOD.as_bytes(), FRAMES].concat());
    let (peer, local) = within(move || {
        let ws = client(&format!("ws://{address}")).connect().unwrap();
        (ws.peer_addr(), ws.local_addr())
    });
    assert_eq!(peer, Some(address));
    assert!(local.unwrap().ip().is_loopback() && local != peer);
    let expected = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    assert_eq!(server.join().unwrap().0, expected);
}

/// 6455-4.1-32, 6455-4.1-35, 6455-4.1-39, 6455-4.1-46: all settings at once, and the selected subprotocol.
/// Shows the answer to opera-28.
#[test]
fn a_request_with_all_settings() {
    let (address, server) = answer(GOOD.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: v1.feed\r\n\r\n"));
    let ws = within(move || {
        let client = client(&format!("ws://Aladdin:open%20sesame@{address}/chat?q=%20"));
        let client = client.header("Cookie", "a=b").unwrap().header("Cookie", "c").unwrap();
        let client = client.origin("https://app.example").unwrap();
        let client = client.subprotocol("v2.feed").unwrap().subprotocol("v1.feed").unwrap();
        client.connect().unwrap()
    });
    assert_eq!(ws.subprotocol(), Some("v1.feed"));
    let response = ws.response().unwrap();
    assert_eq!((response.status(), response.header("sec-websocket-protocol")), (101, Some("v1.feed")));
    #[cfg(feature = "server")]
    assert!(ws.request().is_none());
    drop(ws);
    let expected = format!(
        "GET /chat?q=%20 HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\nOrigin: https://app.example\r\n\
        Sec-WebSocket-Protocol: v2.feed, v1.feed\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\
        Cookie: a=b\r\nCookie: c\r\n\r\n"
    );
    assert_eq!(server.join().unwrap().0, expected);
}

/// 6455-4.1-3, 6455-4.1-4: an invalid value is refused by its setter.
#[test]
fn usage_errors_show_before_anything_is_sent() {
    let client = || Client::new("ws://h/").unwrap();
    let rows = [
        (Client::new("http://h/"), UsageError::Url(UriErrorKind::Scheme)),
        (Client::new("ws://h/#a"), UsageError::Url(UriErrorKind::Fragment)),
        (Client::new("ws://u%3A:p@h/"), UsageError::Credentials),
        (client().header("Host", "h"), UsageError::ReservedHeader("Host".into())),
        (client().header("X y", "h"), UsageError::HeaderName("X y".into())),
        // CVE-2020-35678
        (client().header("X", "a\r\nY: b"), UsageError::HeaderValue("X".into())),
        (client().origin("a\r\nY: b"), UsageError::Origin("a\r\nY: b".into())),
        (client().subprotocol("a b"), UsageError::Subprotocol("a b".into())),
        (client().subprotocol("a").unwrap().subprotocol("a"), UsageError::Subprotocol("a".into())),
    ];
    for (result, expected) in rows {
        assert!(
            matches!(&result, Err(Error::Usage(usage_error)) if *usage_error == expected),
            "{result:?}: {expected:?}"
        );
    }
}

/// The name does not exist, so another error would mean that it was resolved.
/// Shows the answer to farrell-5.
/// Shows promise P13.
#[test]
#[cfg(not(feature = "native-tls"))]
fn wss_without_tls_is_refused_before_the_name_is_resolved() {
    let to = |url| Client::new(url).unwrap().connect();
    let error = to("wss://does-not-exist.invalid/").unwrap_err();
    assert!(matches!(error, Error::Usage(UsageError::TlsNotEnabled)), "{error:?}");
    assert!(error.to_string().contains("stdws = { version = \"0.1\", features = [\"native-tls\"] }"), "{error}");
    let error = to("ws://does-not-exist.invalid/").unwrap_err();
    assert!(!matches!(error, Error::Usage(_)), "{error:?}");
}

#[test]
fn secrets_are_never_shown() {
    let (address, _server) = answer("HTTP/1.1 403 No\r\nSet-Cookie: hidden\r\n\r\nhidden");
    let (_listener, silent) = listen();
    let shown = within(move || {
        let client = |to: SocketAddr| {
            Client::new(format!("ws://hidden:hidden@{to}/shown?hidden=hidden"))
                .unwrap()
                .header("Cookie", "hidden")
                .unwrap()
        };
        let mut shown = vec![format!("{:?}", client(address))];
        assert!(shown[0].contains("/shown") && shown[0].contains("Cookie"), "{shown:?}");
        let short = Duration::from_millis(20);
        for client in [client(address), client(silent).connect_timeout(short), client(closed_port().1)] {
            let error = client.connect().unwrap_err();
            shown.push(format!("{error} {error:?}"));
        }
        let wrong = ["wss://hidden:hidden@h/?hidden", "ws://hidden:hid%den@h/", "ws://h/#hidden", "hidden"];
        for url in wrong {
            let error = Client::new(url).and_then(|client| client.connect()).unwrap_err();
            shown.push(format!("{error} {error:?}"));
        }
        let error = Client::new("ws://h").unwrap().header("Cookie", "hidden\n").unwrap_err();
        shown.push(format!("{error} {error:?}"));
        shown
    });
    assert_eq!(shown.len(), 9);
    for text in shown {
        // The base64 of "hidden:hidden".
        assert!(!text.contains("hidden") && !text.contains("aGlkZGVuOmhpZGRlbg"), "{text}");
    }
}

// ── randomness ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// 6455-4.1-28, 6455-4.1-30: new for each connection.
/// Shows the answer to opera-25.
/// Shows promise P19.
#[test]
fn every_connection_has_a_key_of_its_own() {
    let keys: Vec<String> = (0..2)
        .map(|_| {
            let (address, server) = answer("HTTP/1.1 403 No\r\n\r\n");
            rejection(within(move || stdws::connect(format!("ws://{address}"))));
            let request = server.join().unwrap().0;
            let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
            key.to_owned()
        })
        .collect();
    assert!(keys.iter().all(|key| key.len() == 24 && key.ends_with("==")) && keys[0] != keys[1], "{keys:?}");
}

/// 6455-5.3-3, 6455-10.3-1: the caller's source is used for the key and the masking keys of every connection.
#[test]
fn the_callers_source_is_used_for_every_key() {
    let (first, server) = answer(GOOD);
    within(move || client(&format!("ws://{first}")).connect().unwrap().send("Hello").unwrap());
    let (request, frames) = server.join().unwrap();
    assert!(request.contains(KEY));
    // 6455-5.1-1: masked with the first four bytes of the source; then the Close of the drop, with the next four.
    assert!(frames.starts_with(b"\x81\x85the \x3C\x0D\x09\x4C\x1B\x88\x82samp"), "{}", frames.escape_ascii());
}

/// Shows promise P19.
#[test]
fn a_source_that_fails_sends_nothing() {
    let (listener, address) = listen();
    listener.set_nonblocking(true).unwrap();
    let failing = move |calls: usize| {
        let left = AtomicUsize::new(calls);
        Client::new(format!("ws://{address}")).unwrap().random_source(move |out| {
            let next = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            next.map_err(|_| io::Error::other("no entropy today"))?;
            out.iter_mut().zip(NONCE.iter().cycle()).for_each(|(out, byte)| *out = *byte);
            Ok(())
        })
    };
    let error = within(move || failing(0).connect().unwrap_err());
    assert!(matches!(&error, Error::Io(e) if e.step() == Step::RandomSource), "{error:?}");
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "a connection was opened");

    listener.set_nonblocking(false).unwrap();
    let server = thread::spawn(move || {
        let mut stream = accept(&listener);
        request(&mut stream);
        stream.write_all(GOOD.as_bytes()).unwrap();
        rest(&mut stream)
    });
    let error = within(move || failing(1).connect().unwrap().send("secret").unwrap_err());
    assert!(matches!(&error, Error::Io(e) if e.step() == Step::RandomSource), "{error:?}");
    assert_eq!(server.join().unwrap(), b"");
}

// ── the response ───────────────────────────────────────────────────────────────────────────────────────────────────

/// 6455-4.1-s3: open, and no byte of the same packet is lost; the same byte by byte.
#[test]
fn frames_directly_after_the_response_are_received() {
    let response = [GOOD.replace("Connection: Upgrade", "Connection: keep-alive, Upgrade").as_bytes(), FRAMES].concat();
    for size in [response.len(), 1] {
        let (listener, address) = listen();
        let response = response.clone();
        let server = thread::spawn(move || {
            let mut stream = accept(&listener);
            stream.set_nodelay(true).unwrap();
            request(&mut stream);
            response.chunks(size).for_each(|piece| stream.write_all(piece).unwrap());
            // The client waits for the server to end the stream.
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            rest(&mut stream)
        });
        let code = within(move || {
            // 6455-4.1-43: a list, which can have other values.
            let mut ws = client(&format!("ws://{address}")).connect().unwrap();
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("hi"));
            assert!(ws.recv().unwrap().is_none());
            ws.close_info().unwrap().code()
        });
        assert_eq!(code, CloseCode::NORMAL);
        // The answer to the Close, masked.
        assert_eq!(server.join().unwrap().len(), 8);
    }
}

/// RFC 9110 section 15.2: up to four interim responses are skipped.
#[test]
fn interim_responses_are_skipped() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    let (address, server) = answer([interim, interim, GOOD].concat());
    within(move || client(&format!("ws://{address}")).connect().unwrap());
    server.join().unwrap();
    let rejection = refused([interim, interim, interim, GOOD].concat());
    assert_eq!(rejection.kind(), &HandshakeErrorKind::Response(ResponseErrorKind::Status(103)));
}

/// 6455-4.1-41: one thing wrong at a time.
#[test]
fn responses_that_must_not_be_accepted() {
    use HandshakeErrorKind::*;
    let plus = |field: &str| GOOD.replace("\r\n\r\n", &format!("\r\n{field}\r\n\r\n"));
    let rows = [
        // 6455-4.1-s2: the status is checked before the version.
        (
            GOOD.replace("HTTP/1.1 101 Switching Protocols", "HTTP/1.0 503 Busy"),
            Response(ResponseErrorKind::Status(503)),
        ),
        (GOOD.replace("101 Switching Protocols", "302 Found"), Response(ResponseErrorKind::Status(302))),
        (GOOD.replace("HTTP/1.1", "HTTP/1.0"), HttpVersion),
        // 6455-4.1-42
        (GOOD.replace("Upgrade: websocket\r\n", ""), MissingHeader("Upgrade")),
        (GOOD.replace("Upgrade: websocket", "Upgrade: h2c"), InvalidHeader("Upgrade")),
        // 6455-4.1-43
        (GOOD.replace("Connection: Upgrade\r\n", ""), MissingHeader("Connection")),
        (GOOD.replace("Connection: Upgrade", "Connection: keep-alive"), InvalidHeader("Connection")),
        // 6455-4.1-44
        (GOOD.replace("s3pP", "S3pP"), InvalidHeader("Sec-WebSocket-Accept")),
        (GOOD.replace("Sec-WebSocket-Accept", "X-Accept"), MissingHeader("Sec-WebSocket-Accept")),
        (plus("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), DuplicateHeader("Sec-WebSocket-Accept")),
        // 6455-4.1-45, 6455-9-3
        (plus("Sec-WebSocket-Extensions: permessage-deflate"), Response(ResponseErrorKind::ExtensionNotOffered)),
        // 6455-4.1-46
        (plus("Sec-WebSocket-Protocol: chat"), Response(ResponseErrorKind::SubprotocolNotOffered)),
        (plus("Sec-WebSocket-Protocol:"), Response(ResponseErrorKind::EmptySubprotocol)),
        // 6455-4.1-47, 6455-10.7-1
        (GOOD.replace("\r\n", "\n"), Head(HeadErrorKind::LineEnding)),
        // The alert with which a server with TLS answers HTTP.
        ("\x15\x03\x01\x00\x02\x02\x28".into(), Head(HeadErrorKind::Tls)),
        ("\x16\x03\x03".into(), Head(HeadErrorKind::Tls)),
        ("\x00".into(), Head(HeadErrorKind::ControlCharacter)),
        // CVE-2026-54465
        (plus(&"A: b\r\n".repeat(100)), Head(HeadErrorKind::TooManyFields { limit: 100 })),
        (plus(&format!("A: {}", "b".repeat(65_536))), Head(HeadErrorKind::HeadTooLong { limit: 65_536 })),
        ("".into(), UnexpectedEof),
        (GOOD[..GOOD.len() - 1].into(), UnexpectedEof),
    ];
    for (response, expected) in rows {
        let status = response.split(' ').nth(1).and_then(|status| status.parse().ok());
        let rejection = refused(response);
        assert_eq!(rejection.kind(), &expected);
        // Once it was read it is kept.
        assert_eq!(rejection.status(), status, "{expected:?}");
    }
}

/// Whatever follows the status line of a rejection, the status is the error.
#[test]
fn a_status_survives_the_rest_of_its_head() {
    let large = |line: &str| line.repeat(70_000 / line.len());
    let rows = [
        // 9112-5.2-1
        ("503 Busy\r\nA: b\r\n c\r\nRetry-After: 7\r\n\r\nbody".to_owned(), Some("7"), "body"),
        // 9112-2.2-1
        ("503 Busy\nRetry-After: 7\n\nbody".into(), Some("7"), "body"),
        (format!("503 Busy\r\nSet-Cookie: {}\r\nRetry-After: 7\r\n\r\nbody", large("x")), None, ""),
        (format!("503 Busy\r\nSet-Cookie: {}\r\nRetry-After: 7\r\n\r\nbody", "x".repeat(9000)), Some("7"), "body"),
        ("503 Busy\r\nX Y: b\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nbody".into(), Some("7"), "bo"),
        ("503 Busy\r\nRetry-After: 7\r\nX".into(), Some("7"), ""),
        ("503 Busy\r\nRetry-After: 7\r".into(), Some("7"), ""),
        ("503 Busy\r\n".into(), None, ""),
        (format!("503 Busy\r\nRetry-After: 7\r\n{}", large("A: b\r\n")), Some("7"), ""),
        (format!("503 {}\r\nRetry-After: 7\r\n\r\nbody", "x".repeat(9000)), Some("7"), "body"),
    ];
    for (response, retry_after, body) in rows {
        let start = response.get(..40).unwrap_or(&response).to_owned();
        let rejection = refused(format!("HTTP/1.1 {response}"));
        assert_eq!(rejection.kind(), &HandshakeErrorKind::Response(ResponseErrorKind::Status(503)), "{start}");
        assert_eq!((rejection.status(), rejection.header("Retry-After")), (Some(503), retry_after), "{start}");
        assert_eq!(String::from_utf8_lossy(rejection.body()), body, "{start}");
    }
    // The heads of 2xx are exact, but their status is kept.
    let rejection = refused("HTTP/1.1 200 OK\r\nX: 1\r\nX Y: b\r\nZ: 2\r\n\r\n");
    assert_eq!(
        (rejection.kind(), rejection.headers().len()),
        (&HandshakeErrorKind::Response(ResponseErrorKind::Status(200)), 1)
    );
    // An interim response is not the answer.
    assert_eq!(refused("HTTP/1.1 103 Early\r\nLink").kind(), &HandshakeErrorKind::UnexpectedEof);
}

/// A server without a place for the connection may respond and close before it has read the request. Other systems than
/// Linux may drop the response that arrived with the reset.
#[test]
#[cfg(target_os = "linux")]
fn a_rejection_before_the_request_was_read() {
    for (response, status) in
        [("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nfull", Some(503)), (GOOD, None), ("", None)]
    {
        let (listener, address) = listen();
        let server = thread::spawn(move || {
            let mut stream = accept(&listener);
            stream.write_all(response.as_bytes()).unwrap();
            // More of the request than the buffers of both sockets take is never read: the end resets the connection.
            stream.read_exact(&mut [0]).unwrap();
        });
        let result = within(move || {
            let mut client = client(&format!("ws://{address}"));
            for _ in 0..4000 {
                client = client.header("X-Large", &"x".repeat(8000)).unwrap();
            }
            client.connect()
        });
        match (result, status) {
            (Err(Error::Handshake(error)), Some(_)) => {
                assert_eq!((error.status(), error.body()), (status, b"full".as_slice()));
            }
            // Without a rejection, the error is that of the write.
            (Err(Error::Io(error)), None) => {
                assert!(matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{error}");
            }
            (other, _) => panic!("{other:?}"),
        }
        server.join().unwrap();
    }
}

#[test]
fn a_rejection_keeps_headers_and_body() {
    let rejection =
        refused("HTTP/1.1 403 Forbidden\r\nX-Why: caf\u{e9}\r\nx-why: 2\r\nContent-Length: 6\r\n\r\ndenied!");
    assert_eq!(rejection.kind(), &HandshakeErrorKind::Response(ResponseErrorKind::Status(403)));
    assert_eq!(rejection.status(), Some(403));
    assert_eq!(rejection.header("x-WHY"), Some("caf\u{fffd}\u{fffd}"));
    let names: Vec<_> = rejection.headers().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["X-Why", "x-why", "Content-Length"]);
    assert_eq!(rejection.body(), b"denied");

    let head = "HTTP/1.1 403 Forbidden\r\n";
    let large = "x".repeat(100_000);
    for (response, expected) in [
        (format!("{head}Transfer-Encoding: chunked\r\n\r\n3\r\nden\r\n3\r\nied\r\n0\r\n\r\n"), "denied"),
        (format!("{head}\r\ndenied"), "denied"),
        // Cut short: the received part is kept.
        (format!("{head}Content-Length: 100\r\n\r\ndenied"), "denied"),
        (format!("{head}Content-Length: 100000\r\n\r\n{large}"), &large[..65_536]),
        (format!("{head}Content-Length: 0\r\n\r\ndenied"), ""),
    ] {
        assert_eq!(refused(response).body(), expected.as_bytes());
    }
}

/// 6455-10.4-1
#[test]
fn limits_are_those_that_were_set() {
    let violation = |change: fn(Client) -> Client| {
        let (address, _server) = answer([GOOD.as_bytes(), b"\x02\x02he\x80\x03llo"].concat());
        let mut ws = within(move || change(client(&format!("ws://{address}"))).connect().unwrap());
        match within(move || ws.recv()) {
            Err(Error::Protocol(violation)) => Some(violation),
            result => {
                assert_eq!(result.unwrap().unwrap().as_bytes(), b"hello");
                None
            }
        }
    };
    assert_eq!(violation(|client| client), None);
    assert_eq!(violation(|client| client.max_message_size(5)), None);
    let too_big = Some(ProtocolError::MessageTooBig { length: 5, limit: 4 });
    assert_eq!(violation(|client| client.max_message_size(4)), too_big);
    assert_eq!(violation(|client| client.limits(Limits::with_max_message_size(4))), too_big);
    // `max_message_size` replaces the limits of messages and frames, and keeps the others.
    assert_eq!(violation(|client| client.limits(Limits::with_max_message_size(1)).max_message_size(5)), None);
    let max_fragments = |client: Client| {
        let mut limits = Limits::client();
        limits.max_fragments = 1;
        client.limits(limits).max_message_size(5)
    };
    assert_eq!(violation(max_fragments), Some(ProtocolError::TooManyFragments { limit: 1 }));
}

// ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Enough to connect and to send a request.
const SHORT: Duration = Duration::from_millis(1500);

/// Runs a server for one connection until its socket fails, against a client with a short timeout.
fn in_short_time(mut serve: impl FnMut(&mut TcpStream) -> io::Result<()> + Send + 'static) -> Error {
    let (listener, address) = listen();
    let server = thread::spawn(move || {
        let mut stream = accept(&listener);
        request(&mut stream);
        while serve(&mut stream).is_ok() {}
    });
    let start = Instant::now();
    let error = within(move || client(&format!("ws://{address}")).connect_timeout(SHORT).connect().unwrap_err());
    assert!((SHORT..LONG / 2).contains(&start.elapsed()));
    server.join().unwrap();
    error
}

/// Shows promise P5.
#[test]
fn a_silent_server_is_cut_at_the_deadline() {
    let error = in_short_time(|stream| match stream.read(&mut [0])? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => panic!("something came after the request"),
    });
    assert!(matches!(error, Error::Timeout(Step::Handshake)), "{error:?}");
}

/// The timeout of a started message stands for the other timeouts of the client.
#[test]
fn timeouts_are_those_that_were_set() {
    let (listener, address) = listen();
    let server = thread::spawn(move || {
        let mut stream = accept(&listener);
        request(&mut stream);
        stream.write_all(&[GOOD.as_bytes(), b"\x81\x02h"].concat()).unwrap();
        rest(&mut stream)
    });
    let timeouts = Timeouts { message: SHORT, ..Timeouts::default() };
    let error = within(move || {
        let mut ws = client(&format!("ws://{address}")).timeouts(timeouts).connect().unwrap();
        ws.recv().unwrap_err()
    });
    assert!(matches!(error, Error::Timeout(Step::Message)), "{error:?}");
    server.join().unwrap();
}

/// Every byte arrives in time, and all of them too late.
#[test]
fn a_dripped_response_is_cut_at_the_deadline() {
    let mut bytes = GOOD[..GOOD.len() - 2].bytes().chain("X: ".bytes()).chain(std::iter::repeat(b'a'));
    let error = in_short_time(move |stream| {
        thread::sleep(Duration::from_millis(1));
        stream.write_all(&[bytes.next().unwrap()])
    });
    assert!(matches!(error, Error::Timeout(Step::Handshake)), "{error:?}");
}

/// The deadline ends the body of a rejection, and the error is still the rejection.
#[test]
fn a_dripped_body_is_cut_at_the_deadline() {
    let mut next: &[u8] = b"HTTP/1.1 403 No\r\nContent-Length: 60000\r\n\r\ndenied";
    let error = in_short_time(move |stream| {
        thread::sleep(Duration::from_millis(1));
        stream.write_all(std::mem::replace(&mut next, b"."))
    });
    let rejection = rejection(Err(error));
    assert_eq!(rejection.kind(), &HandshakeErrorKind::Response(ResponseErrorKind::Status(403)));
    assert!(rejection.body().starts_with(b"denied") && rejection.body().len() < 60_000);
}

/// The rejection by a server whose response begins so, and then has no end: silence, or one byte after another.
fn endless(start: &str, silent: bool) -> HandshakeError {
    let (listener, address) = listen();
    let start = start.to_owned();
    let server = thread::spawn(move || {
        let mut stream = accept(&listener);
        request(&mut stream);
        stream.write_all(start.as_bytes()).unwrap();
        while !silent && stream.write_all(b".").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
        rest(&mut stream);
    });
    let start = Instant::now();
    let error = rejection(within(move || client(&format!("ws://{address}")).connect_timeout(LONG).connect()));
    assert!((Duration::from_secs(2)..LONG / 2).contains(&start.elapsed()), "{:?}", start.elapsed());
    server.join().unwrap();
    error
}

/// After the status of a rejection, the rest of its head has two seconds too.
#[test]
fn an_endless_head_of_a_rejection_takes_two_seconds() {
    for silent in [true, false] {
        let error = endless("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nX: ", silent);
        assert_eq!((error.status(), error.header("Retry-After")), (Some(503), Some("7")));
    }
}

/// A body has two seconds, even where the client has more. What came of it is kept.
#[test]
fn an_endless_body_takes_two_seconds() {
    let starts = [
        ("\r\ndenied", false),
        ("Content-Length: 60000\r\n\r\ndenied", true),
        ("Transfer-Encoding: chunked\r\n\r\nea60\r\ndenied", true),
    ];
    for (start, silent) in starts {
        let error = endless(&format!("HTTP/1.1 403 No\r\n{start}"), silent);
        assert_eq!(error.status(), Some(403));
        assert!(error.body().starts_with(b"denied"));
    }
}

/// A rejection whose head has no end is reported at the deadline, as a rejection.
#[test]
fn a_silent_head_of_a_rejection_ends_at_the_deadline() {
    let mut next: &[u8] = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nX: ";
    let error = in_short_time(move |stream| {
        thread::sleep(Duration::from_millis(1));
        stream.write_all(std::mem::replace(&mut next, b"."))
    });
    let rejection = rejection(Err(error));
    assert_eq!((rejection.status(), rejection.header("Retry-After")), (Some(503), Some("7")));
}

// ── addresses ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// An address without a listener. It is the local end of a connection, so no socket can listen there while the guard lives.
fn closed_port() -> (impl Drop, SocketAddr) {
    let (listener, address) = listen();
    let stream = TcpStream::connect(address).unwrap();
    let near_end = stream.local_addr().unwrap();
    (vec![(listener, stream)], near_end)
}

/// 6455-4.1-13
#[test]
fn the_cause_of_a_refused_connection_is_kept() {
    let (_held, address) = closed_port();
    let error = within(move || stdws::connect(format!("ws://{address}")).unwrap_err());
    let Error::Connect(connect) = &error else { panic!("{error:?}") };
    assert_eq!(connect.host(), address.to_string());
    let attempts: Vec<_> = connect.attempts().iter().map(|a| (a.address(), a.error().kind())).collect();
    assert_eq!(attempts, [(address, io::ErrorKind::ConnectionRefused)]);
    assert!(std::error::Error::source(&error).is_some());
}

/// 6455-4.1-5, 6455-4.1-6, 6455-4.1-7: during one opening handshake, no other connection is opened.
/// Shows the answers to opera-20, resnick-3.
#[test]
fn handshakes_with_one_address_are_made_one_after_another() {
    let (listener, address) = listen();
    let client = client(&format!("ws://{address}"));
    let (first, third) = (client.clone(), client.clone());
    let first = thread::spawn(move || first.connect());
    let mut stream = accept(&listener);
    request(&mut stream);

    let error = within(move || client.connect_timeout(Duration::from_millis(50)).connect().unwrap_err());
    assert!(matches!(error, Error::Timeout(Step::ConnectQueue)), "{error:?}");
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "a second connection was opened");
    listener.set_nonblocking(false).unwrap();

    // A third attempt waits until the first connection is open. The first stays open meanwhile.
    let third = thread::spawn(move || third.connect());
    stream.write_all(GOOD.as_bytes()).unwrap();
    let first = within(move || first.join().unwrap()).unwrap();
    let mut second_stream = within(move || accept(&listener));
    request(&mut second_stream);
    second_stream.write_all(GOOD.as_bytes()).unwrap();
    drop(within(move || third.join().unwrap()).unwrap());
    drop(first);
}

/// 6455-4.1-6: after a failed handshake the next attempt starts.
#[test]
fn a_failed_handshake_releases_the_connect_guard() {
    let (listener, address) = listen();
    let server = thread::spawn(move || {
        for response in ["HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", GOOD] {
            let mut stream = accept(&listener);
            request(&mut stream);
            stream.write_all(response.as_bytes()).unwrap();
            rest(&mut stream);
        }
    });
    let client = client(&format!("ws://{address}"));
    within(move || {
        rejection(client.connect());
        drop(client.connect().unwrap());
    });
    server.join().unwrap();
}

// ── streams of the caller ───────────────────────────────────────────────────────────────────────────────────────────

/// Sends what is written to a channel.
struct Tap(mpsc::Sender<Vec<u8>>);

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// 6455-4.1-1: the caller provides TLS, so wss is allowed, with its default port.
#[test]
fn a_stream_of_the_caller() {
    let (tap, written) = mpsc::channel();
    let reader = Cursor::new([GOOD.as_bytes(), FRAMES].concat());
    within(move || {
        let mut ws = client("wss://example.com/feed").connect_over(SplitStream::new(reader, Tap(tap))).unwrap();
        assert_eq!((ws.peer_addr(), ws.local_addr()), (None, None));
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("hi"));
        assert!(ws.recv().unwrap().is_none());
    });
    // The thread of the stream may write the answer to the Close together with the request.
    let written: Vec<u8> = written.iter().flatten().collect();
    let (request, close) = written.split_at(written.len() - 8);
    assert!(request.starts_with(b"GET /feed HTTP/1.1\r\nHost: example.com\r\n"), "{}", request.escape_ascii());
    assert!(request.ends_with(b"\r\n\r\n") && close.starts_with(b"\x88\x82"), "{}", written.escape_ascii());
}

/// A reader that blocks until its channel is dropped.
struct Blocked(mpsc::Receiver<()>);

impl Read for Blocked {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.recv().map_or(Ok(0), |()| Ok(0))
    }
}

#[test]
fn a_stream_of_the_caller_ends_at_the_deadline() {
    let (let_go, blocked) = mpsc::channel();
    let (ended, has_ended) = mpsc::channel();
    let halves = SplitStream::new(Blocked(blocked), io::sink()).on_end(move || {
        drop(let_go);
        ended.send(()).unwrap();
    });
    let error = within(move || client("ws://h").connect_timeout(SHORT).connect_over(halves).unwrap_err());
    assert!(matches!(error, Error::Timeout(Step::Handshake)), "{error:?}");
    has_ended.recv_timeout(LONG).unwrap();
}
