//! Scripted proxies, correct and hostile: the request byte for byte, the result of each kind of reply, and that no proxy delays
//! a client beyond its deadline.

#[path = "support/live.rs"]
mod live;
#[path = "support/tunnel.rs"]
mod tunnel;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use live::{assert_soon, assert_took, ms, read_head, sample_client, watchdog, Watched, RESPONSE};
use stdws::{
    Client, Error, HandshakeErrorKind, HeadErrorKind, Proxy, ProxyError, ProxyErrorKind, ResponseErrorKind, Server,
    Step, UsageError, WebSocket,
};
use tunnel::tunnel;

/// "hi" as text, and a Close with 1000.
const FRAMES: &[u8] = b"\x81\x02hi\x88\x02\x03\xE8";
const OPEN: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
/// "No authentication", and a reply with an IPv4 address.
const SOCKS_CHOICE: &[u8] = b"\x05\x00";
const SOCKS_REPLY: &[u8] = b"\x05\x00\x00\x01\x7F\x00\x00\x01\x12\x34";
/// A host that only a proxy can resolve.
const FAR: &str = "ws://far.invalid/";

/// A proxy for one connection. Its thread returns the result of the script.
fn proxy<T: Send + 'static>(script: impl FnOnce(TcpStream) -> T + Send + 'static) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let script = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(ms(60_000))).unwrap();
        script(stream)
    });
    (address, script)
}

/// A client that does not wait for the attempts of other tests to the same name.
fn by(url: &str, proxy: Proxy) -> Client {
    sample_client(url).proxy(proxy).dangerously_connect_in_parallel()
}

fn by_http(url: &str, address: SocketAddr) -> Client {
    by(url, Proxy::http(&address.to_string()).unwrap())
}

fn by_socks(url: &str, address: SocketAddr) -> Client {
    by(url, Proxy::socks5(&address.to_string()).unwrap())
}

fn read<const LENGTH: usize>(stream: &mut TcpStream) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Ends the stream, and returns everything that arrives until the client disconnects.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let _ = stream.shutdown(Shutdown::Write);
    let mut bytes = Vec::new();
    // A client that closes its socket with unread bytes resets the connection; the bytes before that count.
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

fn echo_server() -> stdws::ServerHandle {
    let serve = |mut ws: WebSocket| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    };
    Server::bind("127.0.0.1:0").unwrap().watched().start(serve).unwrap()
}

fn refused(result: stdws::Result<WebSocket>) -> ProxyError {
    match result {
        Err(Error::Proxy(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Sends and receives on a connection whose server sends `FRAMES`.
#[track_caller]
fn assert_hi(mut ws: WebSocket) {
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("hi"));
    assert!(ws.recv().unwrap().is_none());
}

// ── accepted requests ───────────────────────────────────────────────────────────────────────────────────────────────

/// 6455-4.1-10, 9110-9.3.6-1, 9110-9.3.6-4, 9110-9.3.6-5: host and port, and then the same bytes as without a proxy.
#[test]
fn connect_byte_for_byte() {
    let _watchdog = watchdog();
    let rows = [
        ("ws://Far.invalid/chat?q", None, "far.invalid:80", "far.invalid", ""),
        ("ws://[2001:db8::1]:81/chat?q", None, "[2001:db8::1]:81", "[2001:db8::1]:81", ""),
        // 7617-2-s2, 9110-11.7.2-1: for the proxy only.
        (
            "ws://far.invalid:8080/chat?q",
            Some(("Aladdin", "open sesame")),
            "far.invalid:8080",
            "far.invalid:8080",
            "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n",
        ),
    ];
    for (url, credentials, target, host, authorization) in rows {
        let (address, script) = proxy(|mut stream| {
            let connect = read_head(&mut stream);
            stream.write_all(OPEN).unwrap();
            let request = read_head(&mut stream);
            stream.write_all(&[RESPONSE, FRAMES].concat()).unwrap();
            rest(stream);
            (connect, request)
        });
        let mut proxy = Proxy::http(&address.to_string()).unwrap();
        if let Some((user, password)) = credentials {
            proxy = proxy.credentials(user, password).unwrap();
        }
        for (name, value) in [("User-Agent", "station/7"), ("X-A", "1"), ("X-A", "2")] {
            proxy = proxy.header(name, value).unwrap();
        }
        let ws = by(url, proxy).connect().unwrap();
        assert_eq!(ws.peer_addr(), Some(address));
        assert_hi(ws);
        let (connect, request) = script.join().unwrap();
        let added = "User-Agent: station/7\r\nX-A: 1\r\nX-A: 2\r\n";
        let expected = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}{added}\r\n");
        assert_eq!(String::from_utf8(connect).unwrap(), expected);
        let request = String::from_utf8(request).unwrap();
        assert!(request.starts_with(&format!("GET /chat?q HTTP/1.1\r\nHost: {host}\r\n")), "{request}");
        assert!(!request.contains("Proxy-") && !request.contains("station"), "{request}");
    }
}

/// 1928-3-1, 1928-3-6, 1928-4-1, 1928-5-1, 1928-6-2: each kind of address, with and without credentials.
#[test]
fn socks_byte_for_byte() {
    let _watchdog = watchdog();
    let rows: &[(&str, &[u8])] = &[
        ("ws://far.invalid/", b"\x05\x01\x00\x03\x0Bfar.invalid\x00\x50"),
        ("ws://192.0.2.1:81/", b"\x05\x01\x00\x01\xC0\x00\x02\x01\x00\x51"),
        ("ws://[2001:db8::1]/", b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50"),
    ];
    for (url, asked) in rows.iter().copied() {
        for credentials in [false, true] {
            let (address, script) = proxy(move |mut stream| {
                if credentials {
                    assert_eq!(&read::<4>(&mut stream), b"\x05\x02\x00\x02");
                    stream.write_all(b"\x05\x02").unwrap();
                    // 1928-3-4, 1929-2-1
                    assert_eq!(&read::<12>(&mut stream), b"\x01\x02me\x07S3C:ET!");
                    stream.write_all(b"\x01\x00").unwrap();
                } else {
                    assert_eq!(&read::<3>(&mut stream), b"\x05\x01\x00");
                    stream.write_all(SOCKS_CHOICE).unwrap();
                }
                let mut request = vec![0; asked.len()];
                stream.read_exact(&mut request).unwrap();
                assert_eq!(request, asked);
                stream.write_all(SOCKS_REPLY).unwrap();
                read_head(&mut stream);
                stream.write_all(&[RESPONSE, FRAMES].concat()).unwrap();
                rest(stream);
            });
            let mut proxy = Proxy::socks5(&address.to_string()).unwrap();
            if credentials {
                proxy = proxy.credentials("me", "S3C:ET!").unwrap();
            }
            assert_hi(by(url, proxy).connect().unwrap());
            script.join().unwrap();
        }
    }
}

/// Credentials are sent only to a proxy that selects their method.
#[test]
fn socks_credentials_are_sent_only_when_asked_for() {
    let _watchdog = watchdog();
    let (address, script) = proxy(|mut stream| {
        read::<4>(&mut stream);
        stream.write_all(SOCKS_CHOICE).unwrap();
        let request = read::<18>(&mut stream);
        stream.write_all(&[SOCKS_REPLY, RESPONSE, FRAMES].concat()).unwrap();
        (request, rest(stream))
    });
    let proxy = Proxy::new(format!("socks5h://somebody:S3CRET@{address}")).unwrap();
    assert_hi(by(FAR, proxy).connect().unwrap());
    let (request, rest) = script.join().unwrap();
    assert_eq!(&request, b"\x05\x01\x00\x03\x0Bfar.invalid\x00\x50");
    assert!(!rest.windows(6).any(|part| part == b"S3CRET"));
}

/// A message of 1 MiB and its echo; only the proxy can resolve `far.invalid`.
#[test]
fn large_messages_through_both() {
    let _watchdog = watchdog();
    let server = echo_server();
    let to = server.local_addr().unwrap();
    let message: Vec<u8> = (0..1_u32 << 20).map(|i| ((i * 7) >> 3) as u8).collect();
    let (http, _script) = proxy(move |mut stream| {
        read_head(&mut stream);
        stream.write_all(OPEN).unwrap();
        tunnel(stream, to);
    });
    let (socks, _script) = proxy(move |mut stream| {
        read::<3>(&mut stream);
        stream.write_all(SOCKS_CHOICE).unwrap();
        read::<18>(&mut stream);
        stream.write_all(SOCKS_REPLY).unwrap();
        tunnel(stream, to);
    });
    for client in [by_http(FAR, http), by_socks(FAR, socks)] {
        let mut ws = client.connect().unwrap();
        ws.send(&message).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_bytes(), message);
    }
}

/// 9110-9.3.6-1, 9110-9.3.6-2: after any 2xx, whatever its headers about a body, the next byte is the server's. So no byte of a
/// server that sends first is lost. 1928-6-3: the same for every type of bound address.
#[test]
fn no_byte_after_the_reply_is_consumed() {
    let _watchdog = watchdog();
    let heads = [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\nProxy-Agent: x\r\n\r\n",
        "HTTP/1.1 299\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 129\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 199 x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ];
    let long = format!("HTTP/1.1 200 OK\r\n{}\r\n", format!("X: {}\r\n", "y".repeat(4000)).repeat(10));
    for head in heads.into_iter().chain([long.as_str()]) {
        let answer = [head.as_bytes(), RESPONSE, FRAMES].concat();
        let (address, script) = proxy(move |mut stream| {
            read_head(&mut stream);
            stream.write_all(&answer).unwrap();
            rest(stream)
        });
        assert_hi(by_http(FAR, address).connect().unwrap_or_else(|error| panic!("{head}: {error}")));
        assert!(script.join().unwrap().starts_with(b"GET / HTTP/1.1\r\n"));
    }
    let bound: [&[u8]; 5] = [
        b"\x01\x00\x00\x00\x00\x00\x00",
        b"\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xFF\xFF",
        b"\x03\x00\x00\x00",
        b"\x03\x04name\x00\x50",
        &[&b"\x03\xFF"[..], &[b'x'; 257]].concat(),
    ];
    for bound in bound {
        for pause in [false, true] {
            let answer = [b"\x05\x00\x00", bound, RESPONSE, FRAMES].concat();
            let (address, script) = proxy(move |mut stream| {
                read::<3>(&mut stream);
                stream.write_all(SOCKS_CHOICE).unwrap();
                read::<18>(&mut stream);
                if pause {
                    stream.set_nodelay(true).unwrap();
                    answer.iter().for_each(|byte| stream.write_all(&[*byte]).unwrap());
                } else {
                    stream.write_all(&answer).unwrap();
                }
                rest(stream)
            });
            assert_hi(by_socks(FAR, address).connect().unwrap());
            script.join().unwrap();
        }
    }
}

// ── rejected requests ───────────────────────────────────────────────────────────────────────────────────────────────

/// A proxy that sends this reply and ends the connection.
fn answering(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    let (address, _) = proxy(move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(&answer);
        rest(stream)
    });
    address
}

/// 6455-4.1-13, 9110-9.3.6-3
#[test]
fn replies_of_http_proxies() {
    let _watchdog = watchdog();
    use ProxyErrorKind::*;
    let rows: Vec<(String, ProxyErrorKind, &[u8])> = vec![
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno, not that".into(), Status(403), b"no"),
        ("HTTP/1.0 502 Bad Gateway\r\n\r\nno such host".into(), Status(502), b"no such host"),
        ("HTTP/1.1 403 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n".into(), Status(403), b"no"),
        ("HTTP/1.1 403 x\r\nContent-Length: +0\r\n\r\nno".into(), Status(403), b""),
        ("HTTP/1.1 403 x\r\nContent-Length: 99999999999999999999\r\n\r\nno".into(), Status(403), b""),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n".into(), Status(101), b""),
        ("HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1/\r\n\r\n".into(), Status(302), b""),
        ("HTTP/1.1 300 x\r\n\r\n".into(), Status(300), b""),
        ("HTTP/1.1 100 x\r\n\r\n".repeat(5), Status(100), b""),
        ("HTTP/2.0 200 OK\r\n\r\n".into(), HttpVersion, b""),
        ("HTTP/0.9 200 OK\r\n\r\n".into(), HttpVersion, b""),
        ("HTTP/2.0 400 Bad\r\n\r\n".into(), Status(400), b""),
        ("".into(), UnexpectedEof, b""),
        ("HTTP/1.1 200 OK\r\n".into(), UnexpectedEof, b""),
        ("HTTP/1.1 200 OK\r\nVia: x\r\n\r".into(), UnexpectedEof, b""),
        ("HTTP/1.1 100 Continue\r\n\r\n".into(), UnexpectedEof, b""),
        ("HTTP/1.1 200 OK\n\n".into(), Head(HeadErrorKind::LineEnding), b""),
        ("\x05\x00".into(), Head(HeadErrorKind::ControlCharacter), b""),
        ("\x15\x03\x01\x00\x02\x02\x28".into(), Head(HeadErrorKind::Tls), b""),
        ("SSH-2.0-OpenSSH\r\n".into(), Head(HeadErrorKind::StartLine), b""),
        ("HTTP/1.1 2000 OK\r\n\r\n".into(), Head(HeadErrorKind::StartLine), b""),
        ("HTTP/1.1 200 OK\r\nVia : x\r\n\r\n".into(), Head(HeadErrorKind::FieldName), b""),
        ("HTTP/1.1 200 OK\r\n c\r\n\r\n".into(), Head(HeadErrorKind::LineFolding), b""),
        // A status that is not 2xx is the error, whatever follows it.
        ("HTTP/1.1 407 x\r\nVia : x\r\nContent-Length: 2\r\n\r\nno".into(), Status(407), b"no"),
        ("HTTP/1.1 502 x\nVia: x\n\nno".into(), Status(502), b"no"),
        (format!("HTTP/1.1 502 x\r\nA: {}\r\n\r\nno", "x".repeat(9000)), Status(502), b"no"),
        ("HTTP/1.1 502 x\r\nVia".into(), Status(502), b""),
        (format!("HTTP/1.1 502 {}", "A: b\r\n".repeat(10_000)), Status(502), b""),
        (
            format!("HTTP/1.1 200 {}\r\n", "x".repeat(65_536)),
            Head(HeadErrorKind::StartLineTooLong { limit: 65_536 }),
            b"",
        ),
        (
            format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(101)),
            Head(HeadErrorKind::TooManyFields { limit: 100 }),
            b"",
        ),
    ];
    for (answer, kind, body) in rows {
        let address = answering(answer.clone());
        let error = refused(by_http("ws://far.invalid:81/", address).connect());
        assert_eq!((error.kind(), error.body()), (kind, body), "{answer:?}");
        assert_eq!((error.proxy(), error.target()), (address.to_string().as_str(), "far.invalid:81"));
        assert_eq!(error.status(), if let Status(status) = kind { Some(status) } else { None });
        let shown = error.to_string();
        assert!(shown.starts_with(&format!("the proxy {address} did not connect to far.invalid:81: ")), "{shown}");
        if let Status(status) = kind {
            assert!(shown.ends_with(&format!("it responded to CONNECT with status {status}")), "{shown}");
        }
    }
}

#[test]
fn a_407_keeps_its_challenge() {
    let _watchdog = watchdog();
    let address = answering(
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"corp\"\r\n\
         Proxy-Authenticate: Digest realm=\"x\"\r\nSet-Cookie: S3CRET\r\nContent-Length: 6\r\n\r\nS3CRET",
    );
    let error = refused(by_http(FAR, address).connect());
    let challenges = error.challenges();
    let asked: Vec<_> = challenges.iter().map(|challenge| (challenge.scheme(), challenge.realm())).collect();
    assert_eq!((error.status(), asked), (Some(407), vec![("Basic", Some("corp")), ("Digest", Some("x"))]));
    assert_eq!((error.headers().len(), error.header("set-cookie")), (4, Some("S3CRET")));
    assert!(
        error
            .to_string()
            .ends_with("it responded to CONNECT with status 407; it requires Basic; see Proxy::credentials"),
        "{error}"
    );
    assert!(!format!("{error:?} {error}").contains("S3CRET"), "{error:?}");
    // A long challenge is truncated.
    let challenge = "x".repeat(8000);
    let address = answering(format!("HTTP/1.1 407 x\r\nProxy-Authenticate: {challenge}\r\nContent-Length: 0\r\n\r\n"));
    let error = refused(by_http(FAR, address).connect());
    assert_eq!(error.challenges()[0].scheme(), challenge);
    assert!(error.to_string().len() < 300);
}

#[test]
fn a_body_is_kept_up_to_64_kib() {
    let _watchdog = watchdog();
    let (address, _script) = proxy(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    assert_eq!(refused(by_http(FAR, address).connect()).body().len(), 65_536);
}

/// The replies of the proxy, and the resulting error. After the last reply the proxy ends the connection.
#[test]
fn replies_of_socks_proxies() {
    let _watchdog = watchdog();
    use ProxyErrorKind::*;
    let choice: &[u8] = SOCKS_CHOICE;
    let password_method: &[u8] = b"\x05\x02";
    let password_accepted: &[u8] = b"\x01\x00";
    let rows: Vec<(Vec<&[u8]>, ProxyErrorKind)> = vec![
        // 1928-3-2
        (vec![b""], UnexpectedEof),
        (vec![b"\x05"], UnexpectedEof),
        (vec![b"\x04\x00"], SocksVersion(4)),
        (vec![b"\x00\x5A"], SocksVersion(0)),
        (vec![b"HTTP/1.1 400 Bad Request\r\n\r\n"], SocksVersion(b'H')),
        // 1928-3-3
        (vec![b"\x05\xFF"], NoAcceptableMethod),
        (vec![b"\x05\x01"], MethodNotOffered(1)),
        (vec![b"\x05\x03"], MethodNotOffered(3)),
        // 1929-2-2
        (vec![password_method, b""], UnexpectedEof),
        (vec![password_method, b"\x01"], UnexpectedEof),
        (vec![password_method, b"\x01\x01"], AuthenticationFailed),
        (vec![password_method, b"\x01\xFF"], AuthenticationFailed),
        (vec![password_method, b"\x05\x00"], AuthenticationVersion(5)),
        // 1928-6-1
        (vec![choice, b""], UnexpectedEof),
        (vec![choice, b"\x05"], UnexpectedEof),
        (vec![choice, b"\x05\x00"], UnexpectedEof),
        (vec![choice, b"\x05\x00\x00\x01\x7F\x00\x00\x01\x00"], UnexpectedEof),
        (vec![choice, b"\x05\x00\x00\x03"], UnexpectedEof),
        (vec![choice, b"\x05\x00\x00\x03\x05name\x00\x50"], UnexpectedEof),
        (vec![choice, b"\x05\x00\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0"], UnexpectedEof),
        (vec![choice, b"\x04\x00"], SocksVersion(4)),
        (vec![choice, b"\x05\x01"], Reply(1)),
        (vec![choice, b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"], Reply(5)),
        (vec![choice, b"\x05\xFF\x00\x01\x00\x00\x00\x00\x00\x00"], Reply(255)),
        (vec![choice, b"\x05\x00\x00\x02\x00\x00\x00\x00\x00\x00"], AddressType(2)),
        (vec![choice, b"\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00"], AddressType(0)),
        (vec![password_method, password_accepted, b"\x05\x02"], Reply(2)),
    ];
    for (answers, kind) in rows {
        let script: Vec<Vec<u8>> = answers.iter().map(|answer| answer.to_vec()).collect();
        let (address, _script) = proxy(move |mut stream| {
            for answer in script {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(&answer);
            }
            rest(stream)
        });
        let proxy = Proxy::socks5(&address.to_string()).unwrap().credentials("somebody", "S3CRET").unwrap();
        let error = refused(by("ws://far.invalid:81/", proxy).connect());
        assert_eq!(error.kind(), kind, "{answers:?}");
        assert_eq!((error.status(), error.headers().len(), error.body().len()), (None, 0, 0));
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("S3CRET") && !shown.contains("somebody"), "{shown}");
    }
    // Credentials were not offered, so they cannot be selected.
    let (address, _script) = proxy(|mut stream| {
        read::<3>(&mut stream);
        stream.write_all(b"\x05\x02").unwrap();
        rest(stream)
    });
    assert_eq!(refused(by_socks(FAR, address).connect()).kind(), MethodNotOffered(2));
}

#[test]
fn error_text() {
    let _watchdog = watchdog();
    let (address, _script) = proxy(|mut stream| {
        read::<3>(&mut stream);
        stream.write_all(SOCKS_CHOICE).unwrap();
        stream.write_all(b"\x05\x05").unwrap();
        rest(stream)
    });
    let error = by_socks(FAR, address).connect().unwrap_err();
    let expected =
        format!("the proxy {address} did not connect to far.invalid:80: connection refused (SOCKS reply X'05')");
    assert_eq!(error.to_string(), expected);
    assert!(!error.is_timeout() && !error.is_closed());
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), expected);
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::ConnectionRefused);
}

/// A name too long for SOCKS is an error before anything is sent.
#[test]
fn a_name_too_long_for_socks() {
    let _watchdog = watchdog();
    let (address, script) = proxy(rest);
    let url = format!("ws://{}/", "h".repeat(256));
    let error = by_socks(&url, address).connect().unwrap_err();
    assert!(matches!(error, Error::Usage(UsageError::HostNameTooLong(256))), "{error:?}");
    assert_eq!(script.join().unwrap(), b"");
}

#[test]
fn an_unreachable_proxy_is_named_in_the_error() {
    let _watchdog = watchdog();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(held.local_addr().unwrap()).unwrap();
    // The local end of a connection, where no socket listens.
    let address = near.local_addr().unwrap();
    for client in [by_http(FAR, address), by_socks(FAR, address)] {
        match client.connect() {
            Err(Error::Connect(error)) => {
                assert!(error.is_proxy());
                assert_eq!((error.host(), error.attempts().len()), (address.to_string().as_str(), 1));
                assert!(error.to_string().starts_with(&format!("no connection to the proxy {address}: ")), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    let proxy = Proxy::new("http://no-such-proxy.invalid:3128").unwrap();
    let error = by(FAR, proxy).connect_timeout(ms(10_000)).connect().unwrap_err();
    match &error {
        Error::Io(error) => assert_eq!(error.step(), Step::Resolve),
        Error::Connect(error) => assert!(error.is_proxy() && error.attempts().is_empty()),
        // If the resolver has no network.
        Error::Timeout(step) => assert_eq!(*step, Step::Resolve),
        other => panic!("{other:?}"),
    }
    assert!(error.is_timeout() || error.to_string().contains("no-such-proxy.invalid"), "{error}");
}

// ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Sends `bytes` in an endless loop, one byte at a time with a pause, until the client disconnects.
fn drip(stream: &mut TcpStream, bytes: &[u8], pause: Duration) {
    stream.set_nodelay(true).unwrap();
    let start = Instant::now();
    for byte in bytes.iter().cycle() {
        if stream.write_all(&[*byte]).is_err() || start.elapsed() > ms(50_000) {
            break;
        }
        thread::sleep(pause);
    }
}

/// Silent or dripping at each step: the error is a timeout at the deadline, with the step.
#[test]
fn every_step_ends_at_the_deadline() {
    let _watchdog = watchdog();
    // Enough for the steps before the one that does not end.
    let limit = ms(2000);
    type Script = Box<dyn FnOnce(&mut TcpStream) + Send>;
    let silent = |stream: &mut TcpStream| drop(stream.read_to_end(&mut Vec::new()));
    let rows: Vec<(&str, bool, Script)> = vec![
        ("http, silent", true, Box::new(silent)),
        (
            "http, half a head",
            true,
            Box::new(move |stream| {
                stream.write_all(b"HTTP/1.1 200 OK\r\nVia: ").unwrap();
                silent(stream);
            }),
        ),
        ("http, dripping head", true, Box::new(|stream| drip(stream, b"HTTP/1.1 100 x\r\nA: b", ms(20)))),
        (
            "http, open, then a silent server",
            true,
            Box::new(move |stream| {
                stream.write_all(OPEN).unwrap();
                silent(stream);
            }),
        ),
        ("socks, silent", false, Box::new(silent)),
        (
            "socks, half a choice",
            false,
            Box::new(move |stream| {
                stream.write_all(b"\x05").unwrap();
                silent(stream);
            }),
        ),
        (
            "socks, dripping name",
            false,
            Box::new(|stream| {
                stream.write_all(b"\x05\x00\x05\x00\x00\x03\xFF").unwrap();
                drip(stream, b"x", ms(20));
            }),
        ),
    ];
    let running: Vec<_> = rows
        .into_iter()
        .map(|(name, http, script)| {
            let (address, script) = proxy(move |mut stream| script(&mut stream));
            let client = if http { by_http(FAR, address) } else { by_socks(FAR, address) };
            thread::spawn(move || {
                let start = Instant::now();
                let error = client.connect_timeout(limit).connect().unwrap_err();
                assert_took(start.elapsed(), limit);
                let step = if name.contains("server") { Step::Handshake } else { Step::Proxy };
                assert!(matches!(error, Error::Timeout(found) if found == step), "{name}: {error:?}");
                assert!(error.is_timeout());
                script.join().unwrap();
            })
        })
        .collect();
    running.into_iter().for_each(|thread| thread.join().unwrap());
}

/// The status is known, so the error has it, with the part of the body that arrived.
#[test]
fn a_body_that_drips_ends_at_the_deadline() {
    let _watchdog = watchdog();
    let limit = ms(2000);
    let (address, _script) = proxy(|mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").unwrap();
        drip(&mut stream, b"x", ms(20));
    });
    let start = Instant::now();
    let error = refused(by_http(FAR, address).connect_timeout(limit).connect());
    assert_took(start.elapsed(), limit);
    assert_eq!(error.status(), Some(403));
    assert!(!error.body().is_empty() && error.body().iter().all(|&byte| byte == b'x'));
}

/// A body has two seconds, even where the client has more.
#[test]
fn an_endless_body_takes_two_seconds() {
    let _watchdog = watchdog();
    let (address, _script) = proxy(|mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno").unwrap();
        // Until the client gives up.
        let _ = stream.read(&mut [0]);
    });
    let start = Instant::now();
    let error = refused(by_http(FAR, address).connect_timeout(live::LONG).connect());
    assert_took(start.elapsed(), ms(2000));
    assert_eq!((error.status(), error.body()), (Some(403), b"no".as_slice()));
}

/// An endless head is an error after at most 64 KiB.
#[test]
fn an_endless_head_ends_at_its_limit() {
    let _watchdog = watchdog();
    for (line, kind) in [
        (&b"A: bbbbbbbbbbbbbbbbbbbbbbbbb\r\n"[..], HeadErrorKind::TooManyFields { limit: 100 }),
        (&[&b"A: "[..], &[b'b'; 2000], b"\r\n"].concat(), HeadErrorKind::HeadTooLong { limit: 65_536 }),
        (&[b'A'; 64], HeadErrorKind::HeadTooLong { limit: 65_536 }),
    ] {
        let line = line.to_vec();
        let (address, script) = proxy(move |mut stream| {
            read_head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while stream.write_all(&line).is_ok() {}
        });
        let start = Instant::now();
        let client = by_http(FAR, address).connect_timeout(live::LONG);
        assert_eq!(refused(client.connect()).kind(), ProxyErrorKind::Head(kind));
        assert_soon(start.elapsed(), ms(1000));
        script.join().unwrap();
    }
}

/// 6455-4.1-8: of two attempts to one name the second waits, even through another proxy.
#[test]
fn attempts_to_one_name_wait_for_each_other() {
    let _watchdog = watchdog();
    let by = |url, proxy: stdws::Result<Proxy>| sample_client(url).proxy(proxy.unwrap());
    let (asked, was_asked) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    let (first, script) = proxy(move |mut stream| {
        read_head(&mut stream);
        asked.send(()).unwrap();
        let _ = held.recv();
        stream.write_all(&[OPEN, RESPONSE, FRAMES].concat()).unwrap();
        rest(stream);
    });
    let opening = thread::spawn(move || by("ws://held.invalid/", Proxy::http(&first.to_string())).connect());
    was_asked.recv().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let second = listener.local_addr().unwrap();
    let error =
        by("ws://held.invalid/", Proxy::socks5(&second.to_string())).connect_timeout(ms(50)).connect().unwrap_err();
    assert!(matches!(error, Error::Timeout(Step::ConnectQueue)), "{error:?}");
    // Another name or another port does not wait.
    for url in ["ws://other.invalid/", "ws://held.invalid:81/"] {
        let (address, _script) = proxy(|mut stream| {
            read_head(&mut stream);
            stream.write_all(&[OPEN, RESPONSE, FRAMES].concat()).unwrap();
            rest(stream);
        });
        assert_hi(by(url, Proxy::http(&address.to_string())).connect().unwrap());
    }
    release.send(()).unwrap();
    assert_hi(opening.join().unwrap().unwrap());
    script.join().unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(
        listener.accept().unwrap_err().kind(),
        io::ErrorKind::WouldBlock,
        "the proxy was connected to meanwhile"
    );
}

/// Valid replies with a few bytes changed, cut or doubled: each attempt ends, and no error has a secret in it.
#[test]
fn mutated_replies_end() {
    let _watchdog = watchdog();
    let http = [b"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\nVia: proxy\r\n\r\n", RESPONSE, FRAMES]
        .concat();
    let socks = [b"\x05\x02\x01\x00\x05\x00\x00\x03\x04name\x00\x50", RESPONSE, FRAMES].concat();
    let mut random = live::Random::seeded(0x50C5);
    for round in 0..300 {
        let mut answer = if round % 2 == 0 { http.clone() } else { socks.clone() };
        for _ in 0..=random.next() % 3 {
            let at = (random.next() % 60) as usize % answer.len();
            match random.next() % 4 {
                0 => answer[at] = random.next() as u8,
                1 => answer[at] ^= 1 << (random.next() % 8),
                2 => answer.truncate(at + 1),
                _ => answer.insert(at, answer[at]),
            }
        }
        let (address, script) = proxy(move |mut stream| {
            let _ = stream.write_all(&answer);
            rest(stream)
        });
        let proxy =
            if round % 2 == 0 { Proxy::http(&address.to_string()) } else { Proxy::socks5(&address.to_string()) };
        let proxy = proxy.unwrap().credentials("somebody", "S3CRET").unwrap();
        let start = Instant::now();
        match by("ws://mutated.invalid/", proxy).connect_timeout(live::LONG).connect() {
            Ok(mut ws) => while let Ok(Some(_)) = ws.recv() {},
            Err(error) => {
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains("S3CRET") && !shown.contains("somebody"), "{shown}");
            }
        }
        assert_soon(start.elapsed(), ms(1000));
        script.join().unwrap();
    }
}

// ── which proxy ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// Variables select the proxy; hosts of `no_proxy` are connected to directly.
#[test]
fn proxies_of_variables_and_no_proxy() {
    let _watchdog = watchdog();
    let server = echo_server();
    let to = server.local_addr().unwrap();
    let (address, script) = proxy(move |mut stream| {
        let connect = read_head(&mut stream);
        stream.write_all(OPEN).unwrap();
        tunnel(stream, to);
        connect
    });
    let lookup = |name: &str| match name {
        "http_proxy" => Some(format!("http://{address}")),
        "no_proxy" => Some("127.0.0.0/8".into()),
        _ => None,
    };
    let proxy = Proxy::from_vars(lookup).unwrap();
    let connect = |url: &str| {
        let mut ws = Client::new(url).unwrap().watched().proxy(proxy.clone()).connect().unwrap();
        ws.send("hello").unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("hello"));
        ws.peer_addr().unwrap()
    };
    assert_eq!(connect(&format!("ws://{to}/")), to);
    assert_eq!(connect("ws://named.invalid/"), address);
    assert!(script.join().unwrap().starts_with(b"CONNECT named.invalid:80 HTTP/1.1\r\n"));
}

/// `Debug` of a client has its proxy, without credentials.
#[test]
fn a_client_shows_its_proxy_but_no_secret() {
    let proxy = Proxy::new("http://somebody:S3CRET@p.example:3128").unwrap();
    let shown =
        format!("{:?}", Client::new("ws://u:S3CRET@h/?S3CRET").unwrap().watched().proxy(proxy).max_redirects(99));
    assert!(shown.contains("http://p.example:3128") && shown.contains("redirects: 10"), "{shown}");
    assert!(!shown.contains("S3CRET") && !shown.contains("somebody"), "{shown}");
}

/// A rejection by the server through a proxy is an `Error::Handshake`.
#[test]
fn a_rejection_by_the_server_is_not_a_proxy_error() {
    let _watchdog = watchdog();
    let (address, _script) = proxy(|mut stream| {
        read_head(&mut stream);
        stream.write_all(OPEN).unwrap();
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").unwrap();
        rest(stream)
    });
    match by_http(FAR, address).connect() {
        Err(Error::Handshake(rejection)) => {
            assert_eq!(
                (rejection.kind(), rejection.body()),
                (&HandshakeErrorKind::Response(ResponseErrorKind::Status(403)), &b"no"[..])
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn invalid_headers_of_connect_are_refused() {
    let header = |name: &str, value: &str| match Proxy::http("p").unwrap().header(name, value) {
        Err(Error::Usage(error)) => error,
        other => panic!("{other:?}"),
    };
    for name in ["Host", "Proxy-Authorization", "content-length", "Sec-WebSocket-Key"] {
        assert_eq!(header(name, "x"), UsageError::ReservedHeader(name.into()));
    }
    assert_eq!(header("A b", "x"), UsageError::HeaderName("A b".into()));
    assert_eq!(header("A", "x\r\nB: y"), UsageError::HeaderValue("A".into()));
    assert!(Proxy::socks5("p").unwrap().header("A", "x").is_ok(), "left out, as documented");
}

#[cfg(not(feature = "native-tls"))]
#[test]
fn an_https_proxy_needs_the_feature() {
    let error = Proxy::new("https://proxy.example").unwrap_err();
    assert!(matches!(error, Error::Usage(UsageError::TlsNotEnabled)), "{error:?}");
    assert!(
        error.to_string().contains("https:// proxies need TLS") && error.to_string().contains("native-tls"),
        "{error}"
    );
}
