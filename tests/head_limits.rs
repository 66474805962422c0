//! The limits of heads, `Limits::max_head_size` and `Limits::max_head_fields`: every head that a peer sends may reach them,
//! and one byte or one field more is an error. In both roles, with the default limits, lower and higher ones, in one piece
//! and byte by byte.

#[path = "support/live.rs"]
mod live;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use live::{long_timeouts, read_head, sample_client, watchdog, Watched, LONG, REQUEST, RESPONSE};
use stdws::{
    Accept, Client, Decision, Error, HandshakeErrorKind, HeadErrorKind, Limits, ResponseErrorKind, Server,
    ServerHandle, SplitStream, WebSocket,
};

/// The default limits, lower and higher ones.
fn all_limits() -> [Limits; 3] {
    let with = |size, fields| Limits { max_head_size: size, max_head_fields: fields, ..Limits::server() };
    [Limits::server(), with(1000, 20), with(100_000, 300)]
}

#[derive(Debug, Clone, Copy)]
enum Pieces {
    Whole,
    /// The last bytes one by one, and a short head entirely.
    Bytes,
}

const PIECES: [Pieces; 2] = [Pieces::Whole, Pieces::Bytes];

impl Pieces {
    /// Sends the bytes. A client that has ended the connection does not read them all.
    fn send(self, stream: &mut TcpStream, bytes: &[u8]) {
        let (first, last) = match self {
            Pieces::Whole => (bytes, &[][..]),
            Pieces::Bytes => bytes.split_at(bytes.len().saturating_sub(1001)),
        };
        let _ = stream.write_all(first);
        let _ = last.chunks(1).try_for_each(|byte| stream.write_all(byte));
    }
}

/// The lines of a head without the empty one.
fn lines(head: &[u8]) -> String {
    String::from_utf8(head.strip_suffix(b"\r\n").unwrap().to_vec()).unwrap()
}

/// A head of this number of bytes: these lines, and one long field.
fn of_size(lines: &str, size: u32) -> Vec<u8> {
    format!("{lines}X: {}\r\n\r\n", "x".repeat(size as usize - lines.len() - 7)).into_bytes()
}

/// A head of this number of fields: these lines, and empty fields.
fn of_fields(lines: &str, count: u32) -> Vec<u8> {
    let fields = lines.matches("\r\n").count() - 1;
    format!("{lines}{}\r\n", "X:\r\n".repeat(count as usize - fields)).into_bytes()
}

/// Without the bytes that a server would not read any more.
fn up_to_last_name(mut head: Vec<u8>) -> Vec<u8> {
    head.truncate(head.len() - ":\r\n\r\n".len());
    head
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

// ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────────

fn serving(server: Server) -> ServerHandle {
    server.watched().timeouts(long_timeouts()).start(|mut ws| ws.recv().map(drop)).unwrap()
}

fn bound(limits: Limits) -> Server {
    Server::bind("127.0.0.1:0").unwrap().limits(limits)
}

/// The status of the response to these bytes.
fn answer(server: &ServerHandle, pieces: Pieces, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    pieces.send(&mut stream, request);
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    String::from_utf8_lossy(&status[9..]).into_owned()
}

#[test]
fn a_request_may_reach_each_limit() {
    let _watchdog = watchdog();
    let request = lines(REQUEST);
    for limits in all_limits() {
        let (size, fields) = (limits.max_head_size, limits.max_head_fields);
        let server = serving(bound(limits));
        let target = |length: usize| request.replace("GET /", &format!("GET /{}", "x".repeat(length)));
        let longest = target(size as usize - REQUEST.len()) + "\r\n";
        let rows = [
            ("the size", of_size(&request, size), "101"),
            ("a byte more", of_size(&request, size + 1), "431"),
            ("the number of fields", of_fields(&request, fields), "101"),
            ("a field more", up_to_last_name(of_fields(&request, fields + 1)), "431"),
            ("the size by the request line", longest.into_bytes(), "101"),
            // 9112-3-1: the request line alone.
            ("a longer request line", target(size as usize).into_bytes()[..=size as usize].to_vec(), "414"),
        ];
        for (what, bytes, expected) in rows {
            for pieces in PIECES {
                assert_eq!(answer(&server, pieces, &bytes), expected, "{what}, {pieces:?}, {limits:?}");
            }
        }
    }
}

/// The error names the setting, and the response to the peer does not.
#[test]
fn an_error_of_a_server_names_the_setting() {
    let _watchdog = watchdog();
    let limits = Limits { max_head_size: 1000, max_head_fields: 20, ..Limits::server() };
    let request = lines(REQUEST);
    let rows = [
        (of_size(&request, 1001), HeadErrorKind::HeadTooLong { limit: 1000 }, "Limits::max_head_size is 1000"),
        (of_fields(&request, 21), HeadErrorKind::TooManyFields { limit: 20 }, "Limits::max_head_fields is 20"),
        (vec![b'x'; 1001], HeadErrorKind::StartLineTooLong { limit: 1000 }, "Limits::max_head_size is 1000"),
    ];
    for (bytes, kind, named) in rows {
        let (near, mut far) = SplitStream::pair();
        far.write_all(&bytes).unwrap();
        let accepting = thread::spawn(move || {
            Server::without_listener().watched().limits(limits).timeouts(long_timeouts()).accept_over(near)
        });
        let mut response = String::new();
        far.read_to_string(&mut response).unwrap();
        drop(far);
        let Err(Error::Handshake(error)) = accepting.join().unwrap() else { panic!("{kind:?} is accepted") };
        assert_eq!(error.kind(), &HandshakeErrorKind::Head(kind));
        assert!(error.to_string().contains(named), "{error}");
        assert!(!response.contains("Limits") && !response.contains("1000"), "{response}");
    }
}

/// The limits of one connection apply to what follows the head.
#[test]
fn limits_for_one_connection_do_not_change_its_head() {
    let _watchdog = watchdog();
    let small = Limits { max_head_size: 256, max_head_fields: 8, ..Limits::server() };
    let server = bound(Limits::server()).on_request(move |_| Decision::from(Accept::new().limits(small)));
    assert_eq!(answer(&serving(server), Pieces::Whole, &of_size(&lines(REQUEST), 2000)), "101");
}

/// A Kerberos token and cookies of more than 8 KiB, with the default limits.
#[test]
fn long_lines_pass_by_default() {
    let _watchdog = watchdog();
    let token = format!("Negotiate {}", "x".repeat(9 << 10));
    let cookie = "y".repeat(40 << 10);
    let expected = (token.clone(), format!("session={cookie}"));
    let server = bound(Limits::server()).on_request(move |request| {
        let header = |name| request.header(name).unwrap_or_default().to_owned();
        match (header("Authorization"), header("Cookie")) == expected {
            true => Accept::new().with_header("Set-Cookie", &format!("seen={}", "z".repeat(9 << 10))).into(),
            false => Decision::reject(403),
        }
    });
    let server = serving(server);
    let client = Client::new(server.url()).unwrap().watched().timeouts(long_timeouts());
    let client = client.header("Authorization", &token).unwrap();
    let ws = client.cookie("session", &cookie).unwrap().connect().unwrap();
    assert_eq!(ws.response().unwrap().header("Set-Cookie").unwrap().len(), "seen=".len() + (9 << 10));
}

// ── responses ───────────────────────────────────────────────────────────────────────────────────────────────────────

fn connecting(client: Client, limits: Limits) -> thread::JoinHandle<stdws::Result<WebSocket>> {
    let client = client.limits(limits).timeouts(long_timeouts());
    thread::spawn(move || client.connect())
}

/// The result of a client whose server responds with these bytes.
fn answered(limits: Limits, pieces: Pieces, response: &[u8]) -> stdws::Result<WebSocket> {
    let (listener, address) = listen();
    let result = connecting(sample_client(&format!("ws://{address}/")), limits);
    let mut stream = accept(&listener);
    read_head(&mut stream);
    pieces.send(&mut stream, response);
    let _ = stream.shutdown(Shutdown::Write);
    result.join().unwrap()
}

#[test]
fn a_response_may_reach_each_limit() {
    let _watchdog = watchdog();
    let response = lines(RESPONSE);
    let not_now = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n";
    for limits in all_limits() {
        let (size, fields) = (limits.max_head_size, limits.max_head_fields);
        let head = |kind| Some((HandshakeErrorKind::Head(kind), 101));
        let status = Some((HandshakeErrorKind::Response(ResponseErrorKind::Status(503)), 503));
        let interim = of_size("HTTP/1.1 103 Early Hints\r\n", size);
        let reason = format!("HTTP/1.1 101 {}", "x".repeat(size as usize));
        let rows = [
            ("the size", of_size(&response, size), None),
            ("a byte more", of_size(&response, size + 1), head(HeadErrorKind::HeadTooLong { limit: size })),
            ("the number of fields", of_fields(&response, fields), None),
            ("a field more", of_fields(&response, fields + 1), head(HeadErrorKind::TooManyFields { limit: fields })),
            ("a long reason", reason.into_bytes(), head(HeadErrorKind::StartLineTooLong { limit: size })),
            // Each head has the limits by itself.
            ("an interim response", [interim, of_size(&response, size)].concat(), None),
            // The status of a rejection is the error.
            ("a rejection", of_size(not_now, size), status.clone()),
            ("a longer rejection", of_size(not_now, size + 1), status.clone()),
            ("a rejection with a field more", of_fields(not_now, fields + 1), status),
        ];
        for (what, bytes, expected) in rows {
            for pieces in PIECES {
                let error = match answered(limits, pieces, &bytes) {
                    Ok(_) => None,
                    Err(Error::Handshake(error)) => {
                        assert_eq!(error.header("Retry-After"), (error.status() == Some(503)).then_some("7"));
                        Some((error.kind().clone(), error.status().unwrap()))
                    }
                    Err(error) => panic!("{what}: {error}"),
                };
                assert_eq!(error, expected, "{what}, {pieces:?}, {limits:?}");
            }
        }
    }
}

#[test]
fn an_error_of_a_client_names_the_setting() {
    let _watchdog = watchdog();
    let limits = Limits { max_head_size: 1000, max_head_fields: 20, ..Limits::client() };
    let response = lines(RESPONSE);
    for (bytes, named) in [
        (of_size(&response, 1001), "Limits::max_head_size is 1000"),
        (of_fields(&response, 21), "Limits::max_head_fields is 20"),
    ] {
        let error = answered(limits, Pieces::Whole, &bytes).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
}

// ── proxies and redirects ───────────────────────────────────────────────────────────────────────────────────────────

#[test]
#[cfg(feature = "proxy")]
fn the_response_of_a_proxy_may_reach_each_limit() {
    use stdws::{Proxy, ProxyErrorKind};
    let _watchdog = watchdog();
    let (open, refused) = ("HTTP/1.1 200 OK\r\n", "HTTP/1.1 407 No\r\n");
    for limits in all_limits() {
        let (size, fields) = (limits.max_head_size, limits.max_head_fields);
        let head = |kind| Some(ProxyErrorKind::Head(kind));
        let rows = [
            ("the size", of_size(open, size), None),
            ("a byte more", of_size(open, size + 1), head(HeadErrorKind::HeadTooLong { limit: size })),
            ("the number of fields", of_fields(open, fields), None),
            ("a field more", of_fields(open, fields + 1), head(HeadErrorKind::TooManyFields { limit: fields })),
            ("a refusal", of_size(refused, size), Some(ProxyErrorKind::Status(407))),
            ("a longer refusal", of_size(refused, size + 1), Some(ProxyErrorKind::Status(407))),
        ];
        for (what, bytes, expected) in rows {
            for pieces in PIECES {
                let (listener, address) = listen();
                let proxy = Proxy::http(&address.to_string()).unwrap();
                let result = connecting(sample_client("ws://head-limits.invalid/").proxy(proxy), limits);
                let mut stream = accept(&listener);
                read_head(&mut stream);
                pieces.send(&mut stream, &bytes);
                if expected.is_none() {
                    read_head(&mut stream);
                    pieces.send(&mut stream, &of_size(&lines(RESPONSE), size));
                }
                let _ = stream.shutdown(Shutdown::Write);
                let error = match result.join().unwrap() {
                    Ok(_) => None,
                    Err(Error::Proxy(error)) => Some(error.kind()),
                    Err(error) => panic!("{what}: {error}"),
                };
                assert_eq!(error, expected, "{what}, {pieces:?}, {limits:?}");
            }
        }
    }
}

#[test]
#[cfg(feature = "proxy")]
fn the_responses_of_redirects_may_reach_the_limit() {
    let _watchdog = watchdog();
    for limits in all_limits() {
        let (listener, address) = listen();
        let url = format!("ws://{address}/");
        let result = connecting(sample_client(&url).max_redirects(1), limits);
        for head in [format!("HTTP/1.1 302 There\r\nLocation: {url}there\r\n"), lines(RESPONSE)] {
            let mut stream = accept(&listener);
            read_head(&mut stream);
            Pieces::Whole.send(&mut stream, &of_size(&head, limits.max_head_size));
        }
        result.join().unwrap().unwrap();
    }
}

// ── drafts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A client of ours asks for a version through a relay that fills each head, of a server of ours.
#[test]
#[cfg(feature = "legacy")]
fn the_heads_of_all_versions_may_reach_the_limit() {
    use stdws::Version;
    let _watchdog = watchdog();
    let limits = Limits { max_head_size: 2000, ..Limits::server() };
    let server = serving(bound(limits).legacy_versions(Version::ALL).danger_allow_any_origin());
    for version in Version::ALL {
        let challenge = (Version::Hybi00..=Version::Hybi03).contains(&version);
        for (request, response, opens) in [(2000, 2000, true), (2001, 2000, false), (2000, 2001, false)] {
            let (listener, address) = listen();
            let client = Client::new(format!("ws://{address}/")).unwrap().watched().version(version);
            let result = connecting(client, limits);
            let mut near = accept(&listener);
            let mut far = TcpStream::connect(server.local_addr().unwrap()).unwrap();
            far.set_read_timeout(Some(LONG)).unwrap();
            relay(&mut near, &mut far, request, if challenge { 8 } else { 0 });
            let status = relay(&mut far, &mut near, response, if challenge && request == 2000 { 16 } else { 0 });
            assert_eq!(status, if request == 2000 { "101" } else { "431" }, "{version}");
            let _ = near.shutdown(Shutdown::Write);
            match (result.join().unwrap(), opens, response) {
                (Ok(_), true, _) => {}
                (Err(Error::Handshake(error)), false, 2001) => {
                    let limit = HeadErrorKind::HeadTooLong { limit: 2000 };
                    assert_eq!(error.kind(), &HandshakeErrorKind::Head(limit), "{version}");
                }
                (Err(Error::Handshake(error)), false, _) => assert_eq!(error.status(), Some(431), "{version}"),
                (other, ..) => panic!("{version}: {other:?}"),
            }
        }
    }
}

/// Relays a head, filled to this size, and the bytes after it. Returns what stands in the place of a status.
#[cfg(feature = "legacy")]
fn relay(from: &mut TcpStream, to: &mut TcpStream, size: u32, after: usize) -> String {
    let head = lines(&read_head(from));
    let mut bytes = of_size(&head, size);
    let end = bytes.len();
    bytes.resize(end + after, 0);
    from.read_exact(&mut bytes[end..]).unwrap();
    to.write_all(&bytes).unwrap();
    head.chars().skip(9).take(3).collect()
}
