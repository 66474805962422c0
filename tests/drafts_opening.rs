//! The opening handshakes of the drafts on the wire, in both roles. The unit tests of `legacy::handshake` check the
//! exact bytes of requests and responses. These tests check timing, bounds and results.
#![cfg(feature = "legacy")]

#[path = "support/live.rs"]
mod live;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use live::*;
use stdws::{
    Accept, Capability, Client, Decision, Error, HandshakeErrorKind, HeadErrorKind, Response, ResponseErrorKind,
    Server, ServerHandle, SplitStream, Step, UsageError, Version, WebSocket,
};

/// A handshake of hybi-00 with the keys of the draft.
const HYBI00_REQUEST: &str = "GET /demo HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\nUpgrade: WebSocket\r\n\
    Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nOrigin: http://example.com\r\n\r\n";
const HYBI00_BODY: &[u8; 8] = b"^n:ds[4U";
const HYBI00_RESPONSE: &str =
    "HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Origin: http://example.com\r\nSec-WebSocket-Location: ws://example.com/demo\r\n\r\n8jKS'y:G*Co,Wxa-";

const HIXIE75_REQUEST: &str =
    "GET /demo HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nHost: example.com\r\n\
    Origin: http://example.com\r\nWebSocket-Protocol: sample\r\n\r\n";
const HIXIE75_RESPONSE: &str =
    "HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
    WebSocket-Origin: http://example.com\r\nWebSocket-Location: ws://example.com/demo\r\n\
    WebSocket-Protocol: sample\r\n\r\n";

fn drafts() -> impl Iterator<Item = Version> {
    Version::ALL.into_iter().filter(|&version| version != Version::Rfc6455)
}

/// A server that hands its connections to the test.
fn serving(server: Server) -> (ServerHandle, mpsc::Receiver<WebSocket>) {
    let (give, take) = mpsc::channel();
    let running = server.start(move |ws| {
        let _ = give.send(ws);
        Ok(())
    });
    (running.unwrap(), take)
}

fn bound() -> Server {
    Server::bind("127.0.0.1:0").unwrap().watched()
}

/// Everything that a server of these versions sends in response to these bytes.
fn said(server: Server, request: &[u8]) -> String {
    let (running, _connections) = serving(server);
    let mut stream = TcpStream::connect(running.local_addr().unwrap()).unwrap();
    stream.set_read_timeout(Some(LONG / 3)).unwrap();
    stream.write_all(request).unwrap();
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}: the stream did not end"),
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// A request of the client in this version, and the bytes after its head.
fn request(version: Version) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client =
        Client::new(format!("ws://{}/chat", listener.local_addr().unwrap())).unwrap().watched().version(version);
    let connecting = thread::spawn(move || client.connect().map(drop));
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = read_head(&mut stream);
    if (Version::Hybi00..=Version::Hybi03).contains(&version) {
        let mut body = [0; 8];
        stream.read_exact(&mut body).unwrap();
        request.extend_from_slice(&body);
    }
    drop(stream);
    assert!(connecting.join().unwrap().is_err());
    request
}

// ── both sides ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// Connects in this version through a relay that changes the head of the request or that of the response.
fn relayed(version: Version, role: Role, change: fn(&str) -> String) -> stdws::Result<()> {
    let (running, _connections) = serving(bound().legacy_versions([version]));
    let to = running.local_addr().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Client::new(format!("ws://{}/", listener.local_addr().unwrap())).unwrap().watched().version(version);
    let connecting = thread::spawn(move || client.connect().map(drop));
    let (mut near, _) = listener.accept().unwrap();
    let mut far = TcpStream::connect(to).unwrap();
    let changed = |head: Vec<u8>, when: bool| {
        let head = String::from_utf8(head).unwrap();
        let new = if when { change(&head) } else { head.clone() };
        assert_eq!(new != head, when, "{version}: {head}");
        new
    };
    let mut request = changed(read_head(&mut near), role == Role::Server).into_bytes();
    if (Version::Hybi00..=Version::Hybi03).contains(&version) {
        let mut body = [0; 8];
        near.read_exact(&mut body).unwrap();
        request.extend_from_slice(&body);
    }
    far.write_all(&request).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    // A server may end the stream, also by a reset, instead of a response.
    while !head.ends_with(b"\r\n\r\n") && matches!(far.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    let accepted = head.starts_with(b"HTTP/1.1 101 ");
    near.write_all(changed(head, role == Role::Client).as_bytes()).unwrap();
    let proof = (Version::Hybi00..=Version::Hybi03).contains(&version) && accepted;
    let mut body = vec![0; if proof { 16 } else { 0 }];
    far.read_exact(&mut body).unwrap();
    // A client may have ended the stream after an invalid head.
    let _ = near.write_all(&body);
    let _ = near.shutdown(std::net::Shutdown::Write);
    connecting.join().unwrap()
}

/// The side that reads the head that was changed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Role {
    Client,
    Server,
}

/// hixie55-4.1-8, hixie55-4.1-9, hybi04-5.1-3: line breaks, names and white space in the heads of each version.
#[test]
fn lines_and_fields_of_each_version() {
    let to_the_letter = |version| version <= Version::Hixie75;
    for version in Version::ALL {
        let _watchdog = watchdog();
        for role in [Role::Client, Role::Server] {
            let succeeds = |change| relayed(version, role, change).is_ok();
            assert!(succeeds(|head| head.replace("\r\n\r\n", "\r\nX-More: a b\r\n\r\n")), "{version} {role:?}");
            assert!(succeeds(|head| head.replace("\r\n\r\n", "\r\nX-More:\r\n\r\n")), "{version} {role:?}");
            assert!(!succeeds(|head| head.replace("\r\n\r\n", "\r\n: b\r\n\r\n")), "{version} {role:?}");
            assert!(!succeeds(|head| head.replace("\r\n\r\n", "\r\nX: a\rb\r\n\r\n")), "{version} {role:?}");
            assert!(!succeeds(|head| head.replace("\r\n\r\n", "\r\nX: a\nY: b\r\n\r\n")), "{version} {role:?}");
            // Since hybi-04, a client takes a folded line as HTTP does (RFC 9112 section 5.2). Before, it begins a field.
            let unfolds = role == Role::Client && version >= Version::Hybi04;
            let folded = succeeds(|head| head.replace("\r\n\r\n", "\r\nX: a\r\n b\r\n\r\n"));
            assert_eq!(folded, unfolds, "{version} {role:?}");
            // The lines that are fixed in hixie-75 are bytes for a client.
            let exact = role == Role::Client && to_the_letter(version);
            assert_eq!(succeeds(|head| head.replace("Upgrade:", "UPGRADE:")), !exact, "{version} {role:?}");
        }
        let client = |change| relayed(version, Role::Client, change).is_ok();
        if version < Version::Hybi04 {
            assert!(client(|head| head.replace("Location:", "LOCATION:")), "{version}");
            // Without the space, and with more, which belongs to the value.
            assert!(client(|head| head.replace("Location: ", "Location:")), "{version}");
            assert!(!client(|head| head.replace("Location: ", "Location:  ")), "{version}");
            assert!(!client(|head| head.replace("Location: ", "Location:\t")), "{version}");
        } else {
            assert!(client(|head| head.replace("Sec-WebSocket-Accept: ", "SEC-websocket-accept:\t  ")), "{version}");
            assert!(client(|head| head.replace("Connection: Upgrade", "Connection:upgrade \t")), "{version}");
        }
    }
}

#[test]
fn client_and_server_connect_in_every_version() {
    let _watchdog = watchdog();
    for version in Version::ALL {
        let (running, connections) = serving(bound().legacy_versions([version]).subprotocols(["b", "a"]));
        let url = format!("{}/chat?x=1", running.url());
        let client = Client::new(&url).unwrap().watched().version(version).subprotocol("a").unwrap();
        let client = client.header("Cookie", "a=b").unwrap();
        let ws = client.connect().unwrap_or_else(|error| panic!("{version}: {error}"));
        let peer = connections.recv().unwrap();
        assert_eq!((ws.version(), peer.version()), (version, version));
        assert_eq!((ws.sender().version(), ws.response().unwrap().status()), (version, 101));
        assert_eq!((ws.subprotocol(), peer.subprotocol()), (Some("a"), Some("a")), "{version}");
        let request = peer.request().unwrap();
        assert_eq!((request.version(), request.path(), request.query()), (version, "/chat", Some("x=1")));
        assert_eq!(request.header("Cookie"), Some("a=b"));
        assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["a"], "{version}");
    }
}

#[test]
fn a_server_distinguishes_all_enabled_versions() {
    let _watchdog = watchdog();
    let (running, connections) = serving(bound().legacy_versions(Version::ALL));
    for version in Version::ALL {
        // If requests look the same, the first of the two versions is used.
        let taken_for = match version {
            Version::Hixie55 => Version::Hixie75,
            Version::Hybi01 => Version::Hybi00,
            Version::Hybi02 => Version::Hybi03,
            other => other,
        };
        let client = Client::new(running.url()).unwrap().watched().version(version);
        let ws = client.connect().unwrap_or_else(|error| panic!("{version}: {error}"));
        assert_eq!((ws.version(), connections.recv().unwrap().version()), (version, taken_for));
    }
}

#[test]
fn a_hook_sees_version_origin_and_subprotocols() {
    let _watchdog = watchdog();
    for version in drafts() {
        let (sender, receiver) = mpsc::channel();
        let server = bound().danger_allow_any_origin().legacy_versions([version]).on_request(move |request| {
            let subprotocols: Vec<String> = request.subprotocols().map(str::to_owned).collect();
            sender.send((request.version(), request.origin().map(str::to_owned), subprotocols)).unwrap();
            match request.path() {
                "/yes" => stdws::Accept::new().subprotocol("a").with_header("X-More", "here").with(7_u8).into(),
                "/no" => Response::text(403, "not here").into(),
                _ => Decision::hand_over(|mut stream| {
                    let _ = stream.write_all(b"HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n");
                }),
            }
        });
        let (running, connections) = serving(server);
        let open = |path: &str| {
            let url = format!("{}{path}", running.url());
            let client = Client::new(&url).unwrap().watched().version(version).origin("http://Page.example").unwrap();
            client.subprotocol("a").unwrap().connect()
        };
        let ws = open("/yes").unwrap_or_else(|error| panic!("{version}: {error}"));
        assert_eq!(connections.recv().unwrap().extension::<u8>(), Some(&7), "{version}");
        assert_eq!((ws.subprotocol(), ws.response().unwrap().header("X-More")), (Some("a"), Some("here")), "{version}");
        assert_eq!(receiver.recv().unwrap(), (version, Some("http://page.example".into()), vec!["a".into()]));
        for (path, status) in [("/no", 403), ("/over", 418)] {
            match open(path) {
                Err(Error::Handshake(rejection)) => assert_eq!(rejection.status(), Some(status), "{version}"),
                other => panic!("{version}: {other:?}"),
            }
        }
    }
}

#[test]
fn every_version_requires_the_password() {
    let _watchdog = watchdog();
    for version in Version::ALL {
        let server = bound().legacy_versions([version]).basic_auth("here", |who| who.matches("ann", "secret")).unwrap();
        let (running, _connections) = serving(server);
        let client = Client::new(running.url()).unwrap().watched().version(version);
        match client.connect() {
            Err(Error::Handshake(rejection)) => assert_eq!(rejection.status(), Some(401), "{version}"),
            other => panic!("{version}: {other:?}"),
        }
        let opened = client.basic_auth("ann", "secret").unwrap().connect();
        assert_eq!(opened.unwrap().version(), version);
    }
}

/// hixie55-3.1-3, hybi06-5.1-2, hybi09-5.1-2: any visible characters up to hybi-07, and tokens after that.
#[test]
fn the_names_of_subprotocols() {
    let _watchdog = watchdog();
    for version in Version::ALL {
        for name in ["a/b", "v1=2", "(x)", "\"q\\"] {
            let (running, connections) = serving(bound().legacy_versions([version]).subprotocols([name]));
            let client = Client::new(running.url()).unwrap().watched();
            // Without the version, it is one of RFC 6455.
            assert!(client.clone().subprotocol(name).is_err());
            let client = match client.version(version).subprotocol(name) {
                Ok(client) if version < Version::Hybi08 => client,
                Err(Error::Usage(UsageError::Subprotocol(_))) if version >= Version::Hybi08 => continue,
                other => panic!("{version}: {other:?}"),
            };
            let ws = client.connect().unwrap_or_else(|error| panic!("{version}: {error}"));
            let peer = connections.recv().unwrap();
            assert_eq!((ws.subprotocol(), peer.subprotocol()), (Some(name), Some(name)), "{version}");
            assert_eq!(peer.request().unwrap().subprotocols().collect::<Vec<_>>(), [name], "{version}");
            assert!(client.clone().subprotocol(name).is_err(), "twice");
            // A version that is set afterwards is checked before anything is sent.
            assert!(matches!(
                client.version(Version::Rfc6455).connect(),
                Err(Error::Usage(UsageError::Subprotocol(_)))
            ));
        }
    }
}

/// A name that the version cannot offer opens no connection.
#[test]
fn a_wrong_name_of_a_subprotocol_does_not_connect() {
    let _watchdog = watchdog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let client = Client::new(format!("ws://{}/", listener.local_addr().unwrap())).unwrap().watched();
    let client = client.version(Version::Hybi07).subprotocol("a/b").unwrap().version(Version::Rfc6455);
    assert!(matches!(client.connect(), Err(Error::Usage(UsageError::Subprotocol(_)))));
    assert_eq!(listener.accept().map(drop).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
}

/// hixie75-3.1-1, hixie76-4.1-2: the order is fixed, with cookies last, or new for each request.
#[test]
fn the_order_of_the_fields_of_a_request() {
    let _watchdog = watchdog();
    for version in drafts() {
        let mut orders = std::collections::BTreeSet::new();
        for _ in 0..8 {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = Client::new(format!("ws://a:b@{}/", listener.local_addr().unwrap())).unwrap().watched();
            let client = client.version(version).subprotocol("p").unwrap().header("Cookie", "a=b").unwrap();
            let client = client.header("X-More", "c").unwrap();
            let connecting = thread::spawn(move || client.connect().map(drop));
            let (mut stream, _) = listener.accept().unwrap();
            let text = String::from_utf8_lossy(&read_head(&mut stream)).into_owned();
            drop(stream);
            connecting.join().unwrap().unwrap_err();
            let name = |line: &str| line.split(':').next().unwrap().to_owned();
            orders.insert(text.trim_end().lines().skip(1).map(name).collect::<Vec<_>>());
        }
        let random = (Version::Hybi00..=Version::Hybi03).contains(&version);
        assert_eq!(orders.len() > 1, random, "{version}: {orders:?}");
        if version <= Version::Hixie75 {
            let fixed =
                ["Upgrade", "Connection", "Host", "Origin", "WebSocket-Protocol", "Authorization", "X-More", "Cookie"];
            assert_eq!(orders.into_iter().next().unwrap(), fixed, "{version}");
        }
    }
}

/// 6455-9.1-4: a client offers, and a server selects, the extensions that the version registers, and no others.
#[test]
fn the_extensions_of_each_version() {
    let _watchdog = watchdog();
    let deflate = cfg!(feature = "deflate").then_some("permessage-deflate; client_max_window_bits");
    for version in Version::ALL {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::new(format!("ws://{}/", listener.local_addr().unwrap())).unwrap().watched();
        let client = client.version(version).deflate_stream();
        #[cfg(feature = "deflate")]
        let client = client.deflate(stdws::Deflate::default());
        let connecting = thread::spawn(move || client.connect().map(drop));
        let (mut stream, _) = listener.accept().unwrap();
        let head = String::from_utf8_lossy(&read_head(&mut stream)).into_owned();
        drop(stream);
        connecting.join().unwrap().unwrap_err();
        let offered: Vec<&str> =
            head.lines().filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: ")).collect();
        let wanted = match version {
            Version::Rfc6455 => deflate,
            version => (version >= Version::Hybi04).then_some("deflate-stream"),
        };
        assert_eq!(offered, Vec::from_iter(wanted), "{version}");
    }
    for (version, wanted) in [("13", deflate.map(|_| "permessage-deflate")), ("8", Some("deflate-stream"))] {
        let server = bound().legacy_versions([Version::Hybi08]).deflate_stream();
        #[cfg(feature = "deflate")]
        let server = server.deflate(stdws::Deflate::default());
        let (running, _connections) = serving(server);
        let mut stream = TcpStream::connect(running.local_addr().unwrap()).unwrap();
        let offer = "\r\nSec-WebSocket-Extensions: x-webkit-deflate-frame, deflate-stream, permessage-deflate\r\n\r\n";
        let request = REQUEST_OF_NOBODY.replace("VERSION", version).replace("\r\n\r\n", offer);
        stream.write_all(request.as_bytes()).unwrap();
        let answer = String::from_utf8(read_head(&mut stream)).unwrap();
        let names: Vec<&str> = answer
            .lines()
            .filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "))
            .map(|value| value.split(';').next().unwrap())
            .collect();
        assert_eq!(names, Vec::from_iter(wanted), "{answer}");
    }
    // Both sides have to want it.
    for (offers, enabled) in [(false, false), (false, true), (true, false), (true, true)] {
        let server = bound().legacy_versions([Version::Hybi08]);
        let (running, _connections) = serving(if enabled { server.deflate_stream() } else { server });
        let client = Client::new(running.url()).unwrap().watched().version(Version::Hybi08);
        let ws = if offers { client.deflate_stream() } else { client }.connect().unwrap();
        let agreed = ws.response().unwrap().header("Sec-WebSocket-Extensions");
        assert_eq!(agreed, (offers && enabled).then_some("deflate-stream"), "{offers} {enabled}");
    }
}

/// hybi04-5.2.2-1: 16 random bytes for each connection, and in no other version.
#[test]
fn the_nonce_of_a_server() {
    let _watchdog = watchdog();
    for version in drafts() {
        let (running, _connections) = serving(bound().legacy_versions([version]));
        let nonce = || {
            let ws = Client::new(running.url()).unwrap().watched().version(version).connect().unwrap();
            ws.response().unwrap().header("Sec-WebSocket-Nonce").map(str::to_owned)
        };
        let (first, second) = (nonce(), nonce());
        assert_eq!(first.is_some(), version == Version::Hybi04, "{version}");
        assert_eq!(first == second, first.is_none(), "{version}");
        assert!(first.iter().chain(&second).all(|nonce| nonce.len() == 24 && nonce.ends_with("==")));
    }
}

/// hybi11-5.1-1: version 8 with `Origin` alone, as hybi-11 and -12 send it.
#[test]
fn version_8_takes_origin_alone() {
    let _watchdog = watchdog();
    for (origin, allowed) in [("http://example.com", true), ("http://elsewhere.example", false)] {
        let (sender, receiver) = mpsc::channel();
        let server = bound().legacy_versions([Version::Hybi08]).on_request(move |request| {
            sender.send(request.origin().map(str::to_owned)).unwrap();
            stdws::Accept::new().into()
        });
        let (running, _connections) = serving(server);
        let mut stream = TcpStream::connect(running.local_addr().unwrap()).unwrap();
        let request = REQUEST_OF_NOBODY.replace("VERSION", "8").replace("Host: h\r\n", "Host: example.com\r\n");
        stream.write_all(request.replace("\r\n\r\n", &format!("\r\nOrigin: {origin}\r\n\r\n")).as_bytes()).unwrap();
        let answer = String::from_utf8(read_head(&mut stream)).unwrap();
        assert!(answer.starts_with(if allowed { "HTTP/1.1 101 " } else { "HTTP/1.1 403 " }), "{answer}");
        assert_eq!(receiver.try_recv().ok().flatten().as_deref(), allowed.then_some(origin));
    }
}

/// A number with leading zeros is not in the list of a server, nor in that of a client.
#[test]
fn a_client_takes_no_number_with_leading_zeros() {
    let _watchdog = watchdog();
    for (list, falls_back) in [("08", false), ("013, 08", false), ("8", true), ("13 , 8", true), ("+8", false)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::new(format!("ws://{}/", listener.local_addr().unwrap())).unwrap().watched();
        let client = client.version(Version::Hybi07).fallback_versions([Version::Hybi08]);
        let connecting = thread::spawn(move || client.connect().map(drop));
        let answer = format!("HTTP/1.1 426 No\r\nSec-WebSocket-Version: {list}\r\nContent-Length: 0\r\n\r\n");
        let mut requests = 0;
        for wanted in if falls_back { vec!["7", "8"] } else { vec!["7"] } {
            let (mut stream, _) = listener.accept().unwrap();
            let head = String::from_utf8(read_head(&mut stream)).unwrap();
            assert!(head.contains(&format!("Sec-WebSocket-Version: {wanted}\r\n")), "{list}: {head}");
            stream.write_all(answer.as_bytes()).unwrap();
            requests += 1;
        }
        assert!(matches!(connecting.join().unwrap(), Err(Error::Handshake(_))));
        assert_eq!(requests, if falls_back { 2 } else { 1 });
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "{list}: another attempt");
    }
}

/// hixie76-4.1-6, hybi07-5.1-1: up to hybi-06 a redirect is a failure like any other.
#[test]
fn redirects_are_followed_from_hybi_07_on() {
    let _watchdog = watchdog();
    for version in Version::ALL {
        let (running, _connections) = serving(bound().legacy_versions([version]));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let location = running.url();
        let redirecting = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            read_head(&mut stream);
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 4\r\n\r\nbody");
            stream.write_all(answer.as_bytes()).unwrap();
            // Until the client has ended it: bytes after the head are not read.
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let result = Client::new(&url).unwrap().watched().version(version).max_redirects(3).connect();
        match result {
            Ok(ws) => assert!(version >= Version::Hybi07 && ws.version() == version, "{version}"),
            Err(Error::Handshake(error)) => {
                assert!(version < Version::Hybi07, "{version}: {error}");
                assert_eq!(
                    (error.kind(), error.body()),
                    (&HandshakeErrorKind::Response(ResponseErrorKind::Status(302)), b"body".as_slice())
                );
            }
            Err(other) => panic!("{version}: {other:?}"),
        }
        redirecting.join().unwrap();
    }
}

/// The names of fields are tokens in every version, although texts before hybi-03 allow more.
#[test]
fn names_of_fields_are_tokens_in_every_version() {
    let _watchdog = watchdog();
    for version in Version::ALL {
        for line in ["X Y: z\r\n", "X(: z\r\n", "\u{e9}: z\r\n", "no colon\r\n"] {
            let bytes = request(version);
            let at = bytes.windows(2).position(|two| two == b"\r\n").unwrap() + 2;
            let odd = [&bytes[..at], line.as_bytes(), &bytes[at..]].concat();
            let answer = said(bound().legacy_versions([version]), &odd);
            assert!(!answer.contains("101"), "{version}: {answer}");
        }
    }
    let (connecting, mut stream, good) = asked(Version::Hixie75, LONG);
    let good = String::from_utf8(good).unwrap();
    stream.write_all(good.replacen("\r\nWebSocket-Origin", "\r\nX Y: z\r\nWebSocket-Origin", 1).as_bytes()).unwrap();
    assert_eq!(kind(connecting.join().unwrap()), HandshakeErrorKind::Head(HeadErrorKind::FieldName));
}

#[test]
fn several_subprotocols_from_hybi_03_on() {
    let _watchdog = watchdog();
    for version in drafts() {
        let (running, _connections) = serving(bound().legacy_versions([version]).subprotocols(["b"]));
        let client = Client::new(running.url()).unwrap().watched().version(version);
        let opened = client.subprotocol("a").unwrap().subprotocol("b").unwrap().connect();
        match (version.supports(Capability::MultipleSubprotocols), opened) {
            (true, Ok(ws)) => assert_eq!(ws.subprotocol(), Some("b"), "{version}"),
            (false, Err(Error::Usage(usage_error))) => {
                assert_eq!(
                    usage_error.to_string(),
                    format!("the protocol version {version} has no list of subprotocols")
                );
            }
            (_, other) => panic!("{version}: {other:?}"),
        }
    }
}

// ── version negotiation ─────────────────────────────────────────────────────────────────────────────────────────────

/// Shows promise P20.
#[test]
fn a_server_accepts_rfc_6455_alone_by_default() {
    let _watchdog = watchdog();
    for version in drafts() {
        let answer = said(bound(), &request(version));
        let status = if version.number().is_some() { "HTTP/1.1 426 " } else { "HTTP/1.1 400 " };
        assert!(answer.starts_with(status), "{version}: {answer}");
        assert!(answer.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{version}: {answer}");
    }
}

/// hybi04-5.2.1-1, hybi09-5.2.2-1
/// Shows the answer to farrell-0.
#[test]
fn a_rejected_version_gets_the_list_of_enabled_versions() {
    let _watchdog = watchdog();
    let server = || bound().legacy_versions([Version::Hybi07, Version::Hixie75, Version::Hybi08]);
    let text = |version: &str| REQUEST_OF_NOBODY.replace("VERSION", version);
    for version in ["6", "5", "4", "3", "0", "9", "14", "08", "8, 7", ""] {
        let answer = said(server(), text(version).as_bytes());
        assert!(answer.starts_with("HTTP/1.1 426 "), "{version}: {answer}");
        assert!(answer.contains("\r\nSec-WebSocket-Version: 13, 8, 7\r\n"), "{version}: {answer}");
        assert!(
            answer.ends_with("\r\n\r\nthis server supports Sec-WebSocket-Version 13, 8, 7\n"),
            "{version}: {answer}"
        );
    }
    // Without a version.
    let answer = said(server(), text("8").replace("Sec-WebSocket-Version: 8\r\n", "").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("Sec-WebSocket-Version: 13, 8, 7\r\n"), "{answer}");
    // Contradictory requests belong to no version.
    for more in ["Sec-WebSocket-Version: 8", "Sec-WebSocket-Key1: 1 2", "Sec-WebSocket-Key2: 1 2"] {
        let answer = said(server(), text("8").replace("\r\n\r\n", &format!("\r\n{more}\r\n\r\n")).as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{more}: {answer}");
    }
}

const REQUEST_OF_NOBODY: &str = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: VERSION\r\n\r\n";

/// 6455-4.4-s1
#[test]
fn a_client_falls_back_to_the_newest_listed_and_allowed_version() {
    let _watchdog = watchdog();
    let (running, connections) = serving(bound().legacy_versions([Version::Hybi06, Version::Hybi08]));
    let client = Client::new(running.url()).unwrap().watched().version(Version::Hybi07);
    let refused = client.connect().unwrap_err();
    assert!(matches!(&refused, Error::Handshake(rejection) if rejection.status() == Some(426)), "{refused}");
    let rows: [(&[Version], Option<Version>); 5] = [
        (&[Version::Hybi06, Version::Hybi08], Some(Version::Hybi08)),
        (&[Version::Hybi06], Some(Version::Hybi06)),
        (&[Version::Rfc6455, Version::Hybi06], Some(Version::Rfc6455)),
        (&[Version::Hybi05, Version::Hixie75], None),
        (&[Version::Hybi07], None),
    ];
    for (allowed, version) in rows {
        let opened = client.clone().fallback_versions(allowed.iter().copied()).connect();
        match (opened, version) {
            (Ok(ws), Some(version)) => {
                assert_eq!((ws.version(), connections.recv().unwrap().version()), (version, version), "{allowed:?}");
            }
            (Err(Error::Handshake(rejection)), None) => assert_eq!(rejection.status(), Some(426), "{allowed:?}"),
            (other, _) => panic!("{allowed:?}: {other:?}"),
        }
    }
}

/// Shows the answer to farrell-0.
#[test]
fn a_client_tries_each_version_once() {
    let _watchdog = watchdog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Client::new(format!("ws://{}", listener.local_addr().unwrap())).unwrap().watched();
    let client = client.fallback_versions([Version::Hybi07, Version::Hybi08, Version::Hybi08, Version::Rfc6455]);
    let connecting = thread::spawn(move || client.connect().map(drop));
    // A server that always lists all versions, on several lines.
    for asked in ["13", "8", "7"] {
        let (mut stream, _) = listener.accept().unwrap();
        let request = String::from_utf8(read_head(&mut stream)).unwrap();
        assert!(request.contains(&format!("\r\nSec-WebSocket-Version: {asked}\r\n")), "{request}");
        let answer = "HTTP/1.1 426 Upgrade Required\r\nsec-websocket-version: 13\r\nSec-WebSocket-Version:8,7 ,4\r\n\
            Content-Length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
    }
    match connecting.join().unwrap() {
        Err(Error::Handshake(rejection)) => {
            assert_eq!(rejection.kind(), &HandshakeErrorKind::Response(ResponseErrorKind::Status(426)))
        }
        other => panic!("{other:?}"),
    }
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "and none a second time");
}

// ── the early ones on the wire ──────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_server_answers_hixie_75_to_the_letter() {
    let _watchdog = watchdog();
    let (running, connections) = serving(bound().legacy_versions([Version::Hixie75]).subprotocols(["sample"]));
    let mut stream = TcpStream::connect(running.local_addr().unwrap()).unwrap();
    stream.write_all(HIXIE75_REQUEST.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(read_head(&mut stream)).unwrap(), HIXIE75_RESPONSE);
    let peer = connections.recv().unwrap();
    assert_eq!(peer.request().unwrap().subprotocols().collect::<Vec<_>>(), ["sample"]);
}

#[test]
fn the_eight_bytes_after_a_request_may_arrive_in_any_pieces() {
    let _watchdog = watchdog();
    for cuts in [&[][..], &[0], &[4], &[0, 1, 2, 3, 4, 5, 6, 7]] {
        for frame in [&b""[..], b"\x00early\xFF"] {
            let (running, connections) = serving(bound().legacy_versions([Version::HIXIE76]));
            let mut stream = TcpStream::connect(running.local_addr().unwrap()).unwrap();
            stream.set_nodelay(true).unwrap();
            let bytes = [HYBI00_BODY, frame].concat();
            let mut sent = 0;
            let mut parts = vec![HYBI00_REQUEST.as_bytes().to_vec()];
            for &cut in cuts {
                parts.last_mut().unwrap().extend_from_slice(&bytes[sent..cut]);
                parts.push(Vec::new());
                sent = cut;
            }
            parts.last_mut().unwrap().extend_from_slice(&bytes[sent..]);
            for part in parts {
                stream.write_all(&part).unwrap();
                // So that they are probably read one by one. If not, the test is only weaker.
                thread::sleep(ms(5));
            }
            let mut response = read_head(&mut stream);
            response.extend(std::iter::repeat(0).take(16));
            let head = response.len() - 16;
            stream.read_exact(&mut response[head..]).unwrap();
            assert_eq!(String::from_utf8(response).unwrap(), HYBI00_RESPONSE);
            let mut peer = connections.recv().unwrap();
            if !frame.is_empty() {
                assert_eq!(peer.recv().unwrap().unwrap().as_text(), Some("early"));
            }
        }
    }
}

#[test]
fn a_server_does_not_respond_without_the_eight_bytes() {
    let _watchdog = watchdog();
    for body in [&b""[..], b"1234567"] {
        let (running, _connections) = serving(bound().legacy_versions([Version::Hybi00]));
        let mut stream = TcpStream::connect(running.local_addr().unwrap()).unwrap();
        stream.write_all(&[HYBI00_REQUEST.as_bytes(), body].concat()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        assert_eq!(said, b"");
    }
}

#[test]
fn a_slow_request_fails_at_the_deadline() {
    let _watchdog = watchdog();
    let mut timeouts = long_timeouts();
    timeouts.handshake = ms(400);
    let mut waiting = Vec::new();
    for version in drafts() {
        waiting.push(thread::spawn(move || {
            let (running, _connections) = serving(bound().legacy_versions([version]).timeouts(timeouts));
            let stream = TcpStream::connect(running.local_addr().unwrap()).unwrap();
            let mut peer = RawPeer::client_side(stream);
            let mut writer = peer.second_handle();
            let all = request(version);
            // All but the last byte of the head, or of the bytes after it. That byte never arrives.
            let dripping = thread::spawn(move || {
                let (most, last) = all.split_at(all.len() - 20);
                writer.stream.write_all(most).unwrap();
                for byte in &last[..19] {
                    if writer.stream.write_all(&[*byte]).is_err() {
                        break;
                    }
                    thread::sleep(ms(10));
                }
            });
            assert_soon(peer.wait_for_end(), ms(400));
            dripping.join().unwrap();
        }));
    }
    waiting.into_iter().for_each(|thread| thread.join().unwrap());
}

/// hixie75-4.2-2, hybi02-5.2.1-1, hybi03-5.1-2: an unknown draft does not step down to the version that proves nothing.
#[test]
fn a_field_of_a_later_version_does_not_step_down() {
    let _watchdog = watchdog();
    let with = |base: &str, lines: &str| base.replacen("\r\n", &format!("\r\n{lines}"), 1).into_bytes();
    for lines in [
        "Sec-WebSocket-Draft: 99\r\n",
        "Sec-WebSocket-Draft: 2\r\nSec-WebSocket-Draft: 2\r\n",
        "Sec-WebSocket-Draft: 2\r\n",
        "Sec-WebSocket-Key1: 1 2\r\n",
        "Sec-WebSocket-Protocol: sample\r\n",
        "Sec-WebSocket-Version: 99\r\n",
    ] {
        let answer =
            said(bound().danger_allow_any_origin().legacy_versions(Version::ALL), &with(HIXIE75_REQUEST, lines));
        assert!(answer.starts_with("HTTP/1.1 4"), "{lines:?}: {answer:?}");
    }
    for (draft, version) in [("2", Some(Version::Hybi03)), ("3", Some(Version::Hybi03)), ("4", None), ("", None)] {
        let server = bound().danger_allow_any_origin().legacy_versions(Version::ALL);
        let (running, connections) = serving(server);
        let mut stream = TcpStream::connect(running.local_addr().unwrap()).unwrap();
        let head = with(HYBI00_REQUEST, &format!("Sec-WebSocket-Draft: {draft}\r\n"));
        stream.write_all(&[&head, HYBI00_BODY.as_slice()].concat()).unwrap();
        let answer = String::from_utf8(read_head(&mut stream)).unwrap();
        assert_eq!(answer.starts_with("HTTP/1.1 101 "), version.is_some(), "{draft}: {answer}");
        assert_eq!(version, version.map(|_| connections.recv().unwrap().version()));
    }
}

/// hybi09-5.2.2-1: versions 7 and 8 answer in HTTP.
#[test]
fn early_versions_reject_by_ending_the_stream() {
    let _watchdog = watchdog();
    for version in drafts() {
        let good = request(version);
        let server = || bound().legacy_versions([version]);
        let with = |from: &str, to: &str| {
            // The bytes after the head need not be text.
            let text: String = good.iter().map(|&b| char::from(b)).collect();
            let changed = text.replacen(from, to, 1);
            assert_ne!(text, changed, "{version}: {from}");
            changed.chars().map(|c| c as u32 as u8).collect::<Vec<u8>>()
        };
        let silent = version < Version::Hybi07;
        // Requests of versions that require an origin already have one.
        let origin = match String::from_utf8_lossy(&good).contains("Origin: http://") {
            true => ("Origin: http://", "Origin: http://elsewhere."),
            false => ("Host:", "Origin: http://elsewhere.example\r\nHost:"),
        };
        for (from, to, status) in [
            ("GET", "PUT", "405"),
            ("Host:", "X:", "400"),
            (origin.0, origin.1, "403"),
            // Not eight: from hybi-00 to -03, some clients announce the eight bytes after the head.
            ("Host:", "Content-Length: 9\r\nHost:", "400"),
        ] {
            let answer = said(server(), &with(from, to));
            match silent {
                true => assert_eq!(answer, "", "{version}: {to}"),
                false => assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{version}: {to}: {answer}"),
            }
        }
        // A host that is not allowed, and what a hook may not answer.
        let answering = |answer: fn() -> Accept| server().on_request(move |_| answer().into());
        for (server, status) in [
            (server().allow_host("other.example").unwrap(), "421"),
            (answering(|| Accept::new().subprotocol("not-offered")), "500"),
            (answering(|| Accept::new().with_header("X", "a\r\nY: b")), "500"),
        ] {
            let answer = said(server, &good);
            match silent {
                true => assert_eq!(answer, "", "{version}: {status}"),
                false => assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{version}: {status}: {answer}"),
            }
        }
    }
}

/// The end of the stream is the rejection, so it does not wait for the closure of the application.
#[test]
fn early_versions_end_the_stream_before_the_event_of_the_rejection() {
    let _watchdog = watchdog();
    let (ended, end) = mpsc::channel();
    let (begun, rejected) = mpsc::channel();
    let end = std::sync::Mutex::new(end);
    let server = Server::without_listener().watched().legacy_versions([Version::Hybi00]).on_event(move |event| {
        if let stdws::events::EventKind::HandshakeRejected(..) = event.kind() {
            begun.send(()).unwrap();
            let _ = end.lock().unwrap().recv();
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (near, _) = listener.accept().unwrap();
    let reading = thread::spawn(move || {
        peer.set_read_timeout(Some(LONG / 3)).unwrap();
        peer.write_all(HYBI00_REQUEST.replacen("GET", "PUT", 1).as_bytes()).unwrap();
        let result = peer.read(&mut [0]).map_err(|error| error.kind());
        ended.send(()).unwrap();
        result
    });
    let both = near.try_clone().unwrap();
    let halves = SplitStream::new(near.try_clone().unwrap(), near);
    let halves = halves.on_end(move || drop(both.shutdown(std::net::Shutdown::Both)));
    assert!(matches!(server.accept_over(halves), Err(Error::Handshake(_))));
    rejected.recv_timeout(LONG).unwrap();
    assert!(matches!(reading.join().unwrap(), Ok(0) | Err(ErrorKind::ConnectionReset)));
}

#[test]
fn an_early_server_uses_the_scheme_of_its_proxy() {
    let _watchdog = watchdog();
    for (more, location) in [
        ("X-Forwarded-Proto: https", "wss://example.com/demo"),
        ("X-Forwarded-Proto: WSS", "wss://example.com/demo"),
        ("X-Forwarded-Proto: http", "ws://example.com/demo"),
        ("X-Other: https", "ws://example.com/demo"),
    ] {
        let (running, _connections) = serving(bound().legacy_versions([Version::Hybi00]));
        let mut stream = TcpStream::connect(running.local_addr().unwrap()).unwrap();
        let request = HYBI00_REQUEST.replace("\r\n\r\n", &format!("\r\n{more}\r\n\r\n"));
        stream.write_all(&[request.as_bytes(), HYBI00_BODY].concat()).unwrap();
        let response = String::from_utf8(read_head(&mut stream)).unwrap();
        assert!(response.contains(&format!("Sec-WebSocket-Location: {location}\r\n")), "{response}");
    }
}

// ── hostile servers ─────────────────────────────────────────────────────────────────────────────────────────────────

/// A connecting client of this version, the stream of a server that has read its request, and a valid response,
/// including the 16 bytes after its head.
fn asked(version: Version, limit: Duration) -> (thread::JoinHandle<stdws::Result<WebSocket>>, TcpStream, Vec<u8>) {
    // A server of this crate creates the valid response, which the tests then damage.
    let (running, connections) = serving(bound().legacy_versions([version]).danger_allow_any_origin());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/chat", listener.local_addr().unwrap());
    let client = Client::new(&url).unwrap().watched().version(version).connect_timeout(limit);
    // The limit is for the response, and not for waiting for other tests with this address.
    let client = client.dangerously_connect_in_parallel();
    let connecting = thread::spawn(move || client.connect());
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    let mut request = read_head(&mut stream);
    let challenge = (Version::Hybi00..=Version::Hybi03).contains(&version);
    if challenge {
        request.extend_from_slice(&[0; 8]);
        let from = request.len() - 8;
        stream.read_exact(&mut request[from..]).unwrap();
    }
    let mut server = TcpStream::connect(running.local_addr().unwrap()).unwrap();
    server.write_all(&request).unwrap();
    let mut answer = read_head(&mut server);
    if challenge {
        answer.extend_from_slice(&[0; 16]);
        let from = answer.len() - 16;
        server.read_exact(&mut answer[from..]).unwrap();
    }
    drop(connections);
    (connecting, stream, answer)
}

fn kind(result: stdws::Result<WebSocket>) -> HandshakeErrorKind {
    match result {
        Err(Error::Handshake(rejection)) => rejection.kind().clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_valid_response_in_any_pieces() {
    let _watchdog = watchdog();
    for version in drafts() {
        let (connecting, mut stream, answer) = asked(version, LONG);
        answer.iter().for_each(|byte| stream.write_all(&[*byte]).unwrap());
        assert_eq!(connecting.join().unwrap().unwrap().version(), version);
        if version <= Version::Hybi00 {
            let (connecting, mut stream, answer) = asked(version, LONG);
            stream.write_all(&[&answer[..], b"\x00early\xFF"].concat()).unwrap();
            let mut ws = connecting.join().unwrap().unwrap();
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("early"), "{version}");
        }
    }
}

#[test]
fn a_response_with_one_wrong_byte_in_the_proof() {
    let _watchdog = watchdog();
    for version in drafts().filter(|version| version.supports(Capability::HandshakeProof)) {
        let (connecting, mut stream, mut answer) = asked(version, LONG);
        let accept = answer.windows(11).position(|w| w == b"ket-Accept:");
        let at = accept.map_or(answer.len() - 1, |at| at + 12);
        answer[at] ^= 1;
        stream.write_all(&answer).unwrap();
        let want = match version.number() {
            Some(_) => HandshakeErrorKind::InvalidHeader("Sec-WebSocket-Accept"),
            None => HandshakeErrorKind::Response(ResponseErrorKind::InvalidProof),
        };
        assert_eq!(kind(connecting.join().unwrap()), want, "{version}");
    }
}

#[test]
fn a_truncated_response() {
    let _watchdog = watchdog();
    for version in drafts() {
        for missing in [1, 10, 40] {
            let (connecting, mut stream, answer) = asked(version, LONG);
            stream.write_all(&answer[..answer.len() - missing]).unwrap();
            drop(stream);
            assert_eq!(kind(connecting.join().unwrap()), HandshakeErrorKind::UnexpectedEof, "{version} less {missing}");
        }
    }
}

/// hixie55-4.1-7
#[test]
fn a_slow_response_fails_at_the_deadline() {
    let _watchdog = watchdog();
    let waiting: Vec<_> = drafts()
        .map(|version| {
            thread::spawn(move || {
                let (connecting, stream, answer) = asked(version, ms(700));
                let peer = RawPeer::client_side(stream);
                let (most, _) = answer.split_at(answer.len() - 1);
                (&peer.stream).write_all(most).unwrap();
                // The last byte never arrives.
                match connecting.join().unwrap() {
                    Err(Error::Timeout(Step::Handshake)) => {}
                    other => panic!("{version}: {other:?}"),
                }
            })
        })
        .collect();
    waiting.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn an_endless_response() {
    let _watchdog = watchdog();
    for version in drafts() {
        let (connecting, mut stream, answer) = asked(version, LONG);
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 2;
        stream.write_all(&answer[..end]).unwrap();
        let line = format!("X: {}\r\n", "x".repeat(4000));
        while stream.write_all(line.as_bytes()).is_ok() {}
        assert!(matches!(kind(connecting.join().unwrap()), HandshakeErrorKind::Head(_)), "{version}");
    }
}

#[test]
fn an_http_rejection_keeps_headers_and_body() {
    let _watchdog = watchdog();
    for version in drafts() {
        let (connecting, mut stream, _) = asked(version, LONG);
        let answer = "HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\nContent-Length: 5\r\n\r\nwho?\n";
        stream.write_all(answer.as_bytes()).unwrap();
        match connecting.join().unwrap() {
            Err(Error::Handshake(rejection)) => {
                assert_eq!((rejection.status(), rejection.body()), (Some(407), &b"who?\n"[..]), "{version}");
                assert_eq!(rejection.header("proxy-authenticate"), Some("Basic"));
            }
            other => panic!("{version}: {other:?}"),
        }
    }
}
