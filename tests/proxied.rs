//! The client address behind proxies: the PROXY protocol, `Forwarded` and `X-Forwarded-For`, over sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use stdws::{
    Error, HandshakeErrorKind, RequestErrorKind, Response, Server, ServerHandle, SplitStream, Timeouts, UsageError,
    WebSocket,
};

#[path = "support/events.rs"]
mod events;
use events::Watched;

const LONG: Duration = Duration::from_secs(240);
const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0C\xC0\x00\x02\x01\xC6\x33\x64\x07\xDC\x04\x01\xBB";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";

/// Fails the test instead of hanging.
fn with_watchdog<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || drop(sender.send(work())));
    receiver.recv_timeout(LONG).expect("no result in time, or a panic above")
}

/// Sends each client its address, as a page or as a message.
fn start(server: Server) -> ServerHandle {
    let client_ip = |request: &stdws::Request| request.client_ip().map_or("nobody".to_owned(), |ip| ip.to_string());
    let server = server.http(move |request| Response::text(200, client_ip(request)));
    let handler = move |mut ws: WebSocket| {
        assert_eq!(ws.peer_addr().map(|peer| peer.ip().to_string()).as_deref(), Some("127.0.0.1"));
        let text = client_ip(ws.request().unwrap());
        ws.send(&text)?;
        ws.recv().map(drop)
    };
    server.start(handler).unwrap()
}

fn bind() -> Server {
    Server::bind("127.0.0.1:0").unwrap().watched()
}

/// Everything received after sending these pieces one after another.
fn exchange(server: &ServerHandle, pieces: &[&[u8]]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    for piece in pieces {
        // A server that has closed the connection does not read the rest.
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => answer,
    }
}

fn page(server: &ServerHandle, pieces: &[&[u8]]) -> String {
    let answer = String::from_utf8(exchange(server, pieces)).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.starts_with("HTTP/1.1 200 ") {
        true => body.to_owned(),
        false => head.lines().next().unwrap_or("nothing").to_owned(),
    }
}

#[test]
fn a_trusted_proxy_names_its_client() {
    with_watchdog(|| {
        let server = start(bind().trust_proxy_protocol(["10.0.0.0/8", "127.0.0.1"]).unwrap());
        for (header, want) in
            [(V1, "192.0.2.1"), (V2, "192.0.2.1"), (LOCAL, "127.0.0.1"), (b"PROXY UNKNOWN\r\n", "nobody")]
        {
            let whole = [header, GET.as_bytes()].concat();
            assert_eq!(page(&server, &[&whole]), want);
            let bytes: Vec<&[u8]> = whole.chunks(1).collect();
            assert_eq!(page(&server, &bytes), want);
            assert_eq!(page(&server, &[header, GET.as_bytes()]), want);
            // And a WebSocket, with a frame directly after the request.
            let whole = [header, UPGRADE.as_bytes(), b"\r\n\x88\x80\0\0\0\0"].concat();
            let answer = exchange(&server, &[&whole]);
            let frame = [&[0x81, want.len() as u8], want.as_bytes(), &[0x88, 0]].concat();
            assert!(answer.starts_with(b"HTTP/1.1 101 ") && answer.ends_with(&frame), "{}", answer.escape_ascii());
        }
    });
}

#[test]
fn a_malformed_proxy_header_gets_no_answer() {
    with_watchdog(|| {
        let server = start(bind().trust_proxy_protocol(["127.0.0.1"]).unwrap());
        let rows: [&[u8]; 8] = [
            GET.as_bytes(),
            b"",
            b"PROXY TCP4 192.0.2.1\r\n",
            b"PROXY TCP4 192.0.2.01 198.51.100.7 56324 443\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
            b"PROXY UNKNOWN",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xFF\xFF",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x0C",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        ];
        for bytes in rows {
            assert_eq!(exchange(&server, &[bytes]).escape_ascii().to_string(), "", "{}", bytes.escape_ascii());
        }
        // A second header is not part of the first.
        assert_eq!(page(&server, &[V1, V1, GET.as_bytes()]), "HTTP/1.1 400 Bad Request");
    });
}

/// Shows promise P18.
#[test]
fn untrusted_peers_are_their_own_client() {
    with_watchdog(|| {
        for server in [bind(), bind().trust_proxy_protocol(["192.0.2.77", "unix"]).unwrap()] {
            let server = start(server);
            assert_eq!(page(&server, &[GET.as_bytes()]), "127.0.0.1");
            assert_eq!(page(&server, &[V1, GET.as_bytes()]), "HTTP/1.1 400 Bad Request");
            let lines = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n\r\n";
            assert_eq!(page(&server, &[lines.as_bytes()]), "127.0.0.1");
        }
    });
}

/// Shows promise P18.
#[test]
fn headers_are_followed_through_trusted_proxies_only() {
    with_watchdog(|| {
        let both = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 198.51.100.7, 192.0.2.1\r\n\
            Forwarded: for=198.51.100.7, for=192.0.2.2;proto=http\r\n\r\n";
        let rows = [
            (bind().trust_x_forwarded_for(["127.0.0.0/8"]), "192.0.2.1"),
            (bind().trust_forwarded(["127.0.0.0/8"]), "192.0.2.2"),
            (bind().trust_forwarded(["127.0.0.1", "192.0.2.0/24"]), "198.51.100.7"),
            // The last call counts.
            (bind().trust_forwarded(["::/0"]).unwrap().trust_x_forwarded_for(["127.0.0.1"]), "192.0.2.1"),
            (bind().trust_x_forwarded_for(["127.0.0.2"]), "127.0.0.1"),
        ];
        for (server, want) in rows {
            assert_eq!(page(&start(server.unwrap()), &[both.as_bytes()]), want);
        }
    });
}

#[test]
fn proxy_protocol_and_header_make_one_chain() {
    with_watchdog(|| {
        // HAProxy sends the address of nginx by the PROXY protocol; nginx sends that of the client in a header.
        let server = |header: &str| bind().trust_proxy_protocol(["127.0.0.1"]).unwrap().trust_x_forwarded_for([header]);
        let lines = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n";
        assert_eq!(page(&start(server("192.0.2.1").unwrap()), &[V1, lines.as_bytes()]), "203.0.113.9");
        // The address in the PROXY header has to be trusted, not that of the first proxy.
        assert_eq!(page(&start(server("127.0.0.1").unwrap()), &[V2, lines.as_bytes()]), "192.0.2.1");
        assert_eq!(page(&start(server("127.0.0.1").unwrap()), &[LOCAL, lines.as_bytes()]), "203.0.113.9");
    });
}

#[test]
fn a_dripping_header_ends_at_the_handshake_timeout() {
    with_watchdog(|| {
        let timeouts = Timeouts { handshake: Duration::from_millis(300), ..Timeouts::default() };
        let server = start(bind().timeouts(timeouts).trust_proxy_protocol(["127.0.0.1"]).unwrap());
        let start = Instant::now();
        let mut stream = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut line = b"PROXY UNKNOWN ".iter().chain(std::iter::repeat(&b'x'));
        loop {
            assert!(start.elapsed() < LONG / 2, "the deadline is not kept");
            if stream.write_all(&[*line.next().unwrap()]).is_err() {
                break;
            }
            match stream.read(&mut [0]) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Ok(0) | Err(_) => break,
                Ok(_) => panic!("an answer"),
            }
        }
        assert!(start.elapsed() >= timeouts.handshake);
    });
}

#[test]
fn caller_supplied_streams_have_no_address_but_a_proxy_header_can_name_one() {
    with_watchdog(|| {
        let accept = |server: Server, bytes: Vec<u8>| {
            let result = server.accept_over(SplitStream::new(std::io::Cursor::new(bytes), std::io::sink()));
            result.map(|ws| ws.unwrap().request().unwrap().client_ip().map(|ip| ip.to_string()))
        };
        let request = format!("{UPGRADE}Forwarded: for=192.0.2.9\r\n\r\n").into_bytes();
        let without_listener = Server::without_listener;
        assert_eq!(accept(without_listener(), request.clone()).unwrap(), None);
        assert_eq!(
            accept(without_listener().trust_forwarded(["unix"]).unwrap(), request.clone()).unwrap().as_deref(),
            Some("192.0.2.9")
        );
        let with_proxy_header = [V2, &request].concat();
        let server = without_listener().trust_proxy_protocol(["unix"]).unwrap();
        assert_eq!(accept(server, with_proxy_header).unwrap().as_deref(), Some("192.0.2.1"));
        match accept(without_listener().trust_proxy_protocol(["unix"]).unwrap(), request) {
            Err(Error::Handshake(rejection)) => {
                assert!(matches!(rejection.kind(), HandshakeErrorKind::Request(RequestErrorKind::ProxyHeader(_))));
                assert_eq!(rejection.status(), None);
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn lists_are_checked_when_they_are_given() {
    for entry in ["", "localhost", "10.0.0.0/33", "10.0.0.1:80", "*"] {
        for result in [
            Server::without_listener().watched().trust_proxy_protocol(["::1", entry]),
            Server::without_listener().watched().trust_forwarded([entry]),
            Server::without_listener().watched().trust_x_forwarded_for([entry]),
        ] {
            assert!(matches!(result, Err(Error::Usage(UsageError::TrustedProxy(shown))) if shown == entry));
        }
    }
}

/// The status of the response to each request, and the connections, which stay open.
fn statuses(server: &ServerHandle, requests: &[String]) -> (Vec<String>, Vec<TcpStream>) {
    let open = |request: &String| {
        let mut stream = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        (String::from_utf8_lossy(&status[9..]).into_owned(), stream)
    };
    requests.iter().map(open).unzip()
}

#[test]
fn the_limit_per_address_counts_clients_behind_a_proxy() {
    let by_header = |client: &str| format!("{UPGRADE}X-Forwarded-For: {client}\r\n\r\n");
    let with_proxy_header = |client: &str| format!("PROXY TCP4 {client} 198.51.100.7 56324 443\r\n{UPGRADE}\r\n");
    type Proxied = Box<dyn Fn(&str) -> String + Send>;
    let trusting = || bind().max_per_address(2);
    let rows: [(Server, Proxied); 2] = [
        (trusting().trust_x_forwarded_for(["127.0.0.1"]).unwrap(), Box::new(by_header)),
        (trusting().trust_proxy_protocol(["127.0.0.1"]).unwrap(), Box::new(with_proxy_header)),
    ];
    for (server, request) in rows {
        with_watchdog(move || {
            let server = start(server);
            let clients = ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.2"];
            let (seen, open) = statuses(&server, &clients.map(&request));
            assert_eq!(seen, ["101", "101", "429", "101", "101", "429"]);
            // A closed connection no longer counts.
            drop(open);
            let start = Instant::now();
            while statuses(&server, &[request("192.0.2.1")]).0 != ["101"] {
                assert!(start.elapsed() < LONG, "closed connections still count");
            }
        });
    }
    // An untrusted peer counts by its own address.
    with_watchdog(move || {
        let server = start(trusting());
        let (seen, _open) = statuses(&server, &["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(by_header));
        assert_eq!(seen, ["101", "101", "429"]);
    });
}

/// Sends these bytes and nothing more, and returns what arrives within a time, or before the end.
fn silent(server: &ServerHandle, bytes: &[u8], wait: Duration) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    stream.set_read_timeout(Some(wait)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = vec![0; 1024];
    let count = match stream.read(&mut answer) {
        Ok(count) => count,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => 0,
        Err(error) => panic!("{error}"),
    };
    answer.truncate(count);
    (stream, answer)
}

#[test]
fn silent_clients_behind_the_proxy_protocol_count() {
    with_watchdog(|| {
        let timeouts = Timeouts { handshake: LONG, ..Timeouts::default() };
        let bind = || bind().timeouts(timeouts).max_per_address(2).trust_proxy_protocol(["127.0.0.1"]).unwrap();
        let server = start(bind());
        // One of three is one too many, whichever the server reads last. No byte of a request has arrived.
        let silent_clients: Vec<_> = (0..3).map(|_| silent(&server, V1, Duration::from_millis(1))).collect();
        let (mut answered, mut admitted) = (Vec::new(), Vec::new());
        let since = Instant::now();
        while answered.is_empty() {
            assert!(since.elapsed() < LONG / 2, "nobody is rejected");
            (answered, admitted) = silent_clients.iter().partition(|(stream, answer)| {
                let has_bytes = || stream.peek(&mut [0]).is_ok_and(|count| count > 0);
                !answer.is_empty() || has_bytes()
            });
        }
        assert_eq!((answered.len(), admitted.len()), (1, 2));
        let (mut rejected, mut answer) = (&answered[0].0, answered[0].1.clone());
        rejected.set_read_timeout(Some(LONG)).unwrap();
        rejected.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 429 "), "{}", answer.escape_ascii());
        // Others are served.
        let other = [b"PROXY TCP4 192.0.2.2 198.51.100.7 56324 443\r\n", GET.as_bytes()].concat();
        assert_eq!(page(&server, &[&other]), "192.0.2.2");
        // A client that counts already does not count again with its request.
        let mut first = &admitted[0].0;
        first.set_read_timeout(Some(LONG)).unwrap();
        first.write_all(GET.as_bytes()).unwrap();
        let mut answer = String::new();
        first.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("192.0.2.1"), "{answer}");
        // If a header of the request can name the client, the proxy that the first header names does not count.
        let server = start(bind().trust_forwarded(["192.0.2.1"]).unwrap());
        let silent_proxies: Vec<_> = (0..4).map(|_| silent(&server, V1, Duration::from_millis(50))).collect();
        assert!(silent_proxies.iter().all(|(_, answer)| answer.is_empty()));
    });
}

#[test]
fn an_invalid_header_names_no_client() {
    with_watchdog(|| {
        let forwarded = || bind().trust_forwarded(["127.0.0.1"]).unwrap();
        let x_forwarded_for = || bind().trust_x_forwarded_for(["127.0.0.1"]).unwrap();
        // nginx appends its entry to what the client has sent.
        let rows = [
            (forwarded(), "Forwarded: for=\"\r\n", "nobody"),
            (forwarded(), "Forwarded: for=\", for=192.0.2.1\r\n", "nobody"),
            (forwarded(), "Forwarded: for=192.0.2.1;for=\r\n", "nobody"),
            (forwarded(), "Forwarded: for=unknown\r\n", "nobody"),
            (forwarded(), "Forwarded: for=\"\r\nForwarded: for=192.0.2.1\r\n", "192.0.2.1"),
            (forwarded(), "", "127.0.0.1"),
            (x_forwarded_for(), "X-Forwarded-For: 192.0.2.1, \r\n", "nobody"),
            (x_forwarded_for(), "X-Forwarded-For: 192.0.2\r\n", "nobody"),
            (x_forwarded_for(), "X-Forwarded-For: unknown\r\n", "nobody"),
            (x_forwarded_for(), "X-Forwarded-For: x, 192.0.2.1\r\n", "192.0.2.1"),
        ];
        for (server, lines, want) in rows {
            let request = format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
            assert_eq!(page(&start(server), &[request.as_bytes()]), want, "{lines}");
        }
        // Such clients do not evade the limit: they count together.
        let server = start(forwarded().max_per_address(2));
        let request = || format!("{UPGRADE}Forwarded: for=\"\r\n\r\n");
        assert_eq!(statuses(&server, &[request(), request(), request()]).0, ["101", "101", "429"]);
    });
}
