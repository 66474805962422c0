//! The way from a URL to a server: addresses, names and sockets other than those of the URL, several addresses, attempts
//! that wait for each other, and what of the URL is sent.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use stdws::{
    Client, CloseCode, Decision, Error, Proxy, Response, Server, ServerHandle, Step, UriErrorKind, UsageError,
    WebSocket,
};

#[path = "support/events.rs"]
mod events;
use events::Watched;
#[path = "support/program.rs"]
mod program;

const LONG: Duration = Duration::from_secs(240);

/// Fails the test instead of hanging.
fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || drop(sender.send(work())));
    receiver.recv_timeout(LONG).expect("no result in time, or a panic above")
}

/// Sends the target and the Host of the request, and then echoes.
fn server_at(address: &str) -> io::Result<ServerHandle> {
    let server = Server::bind(address).map_err(|error| io::Error::other(error.to_string()))?;
    let started = server.watched().start(|mut ws| {
        let request = ws.request().unwrap();
        let host = request.header("Host").unwrap().to_owned();
        let asked = format!("{} {host}", request.target());
        ws.send(&asked)?;
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    });
    Ok(started.unwrap())
}

fn server() -> ServerHandle {
    server_at("127.0.0.1:0").unwrap()
}

fn address(server: &ServerHandle) -> SocketAddr {
    server.local_addr().unwrap()
}

/// The target and the Host that the server received.
fn asked(ws: &mut WebSocket) -> String {
    ws.recv().unwrap().unwrap().as_text().unwrap().to_owned()
}

fn head(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(LONG)).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

// ── the URL ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// 6455-11.1.1-2, 6455-11.1.2-2, 6455-11.1.1-1: characters that a URL must not have are converted before they are sent.
#[test]
fn characters_outside_the_syntax_of_a_url_are_converted() {
    let server = server();
    let to = address(&server);
    for (url, expected) in [
        (
            "ws://B\u{fc}cher.example/caf\u{e9} [1]?q=\u{20ac}%c3%A9",
            "/caf%C3%A9%20%5B1%5D?q=%E2%82%AC%c3%A9 xn--bcher-kva.example",
        ),
        ("ws://h.example?\u{1f600}", "/?%F0%9F%98%80 h.example"),
    ] {
        let mut ws = within(move || Client::new(url).unwrap().watched().resolve_to([to]).connect()).unwrap();
        // Case of a percent-encoding stays.
        assert!(asked(&mut ws).eq_ignore_ascii_case(expected), "{url}");
    }
    let kind = |url: &str| match Client::new(url) {
        Err(Error::Usage(UsageError::Url(kind))) => kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(kind("ws://h/100%"), UriErrorKind::InvalidPathCharacter);
    assert_eq!(kind("ws://h/a\r\nX: y"), UriErrorKind::InvalidPathCharacter);
    assert_eq!(kind("ws://\u{2603}.example/"), UriErrorKind::UnsupportedHost);
}

/// The address and the name of an interface with a link-local address, from Linux.
fn link_local() -> Option<(String, String)> {
    let table = std::fs::read_to_string("/proc/net/if_inet6").ok()?;
    let line = table.lines().find(|line| line.starts_with("fe80"))?;
    let digits = line.get(..32)?;
    let groups: Vec<&str> = (0..8).map(|index| &digits[index * 4..index * 4 + 4]).collect();
    Some((groups.join(":"), line.split_whitespace().last()?.to_owned()))
}

/// RFC 6874: the zone selects the interface, by name and by number, and stays on this machine.
#[test]
fn a_zone_selects_the_interface_and_is_not_sent() {
    let Some((ip, interface)) = link_local() else {
        return println!("skipped: no interface with a link-local address");
    };
    let Ok(server) = server_at("[::]:0") else { return println!("skipped: no IPv6") };
    let port = address(&server).port();
    let index = std::fs::read_to_string(format!("/sys/class/net/{interface}/ifindex")).unwrap();
    let short = ip.parse::<std::net::Ipv6Addr>().unwrap();
    for zone in [interface.as_str(), index.trim()] {
        let url = format!("ws://[{short}%25{zone}]:{port}/x");
        let mut ws = within(move || Client::new(&url).unwrap().watched().connect()).unwrap();
        assert_eq!(asked(&mut ws), format!("/x [{short}]:{port}"));
    }
    let url = format!("ws://[{short}%25no-such-interface]:{port}/x");
    let error = within(move || Client::new(&url).unwrap().watched().connect().unwrap_err());
    assert!(matches!(&error, Error::Io(e) if e.step() == Step::Resolve), "{error:?}");
}

#[test]
fn a_zone_through_a_proxy_is_refused_before_anything_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::http(&listener.local_addr().unwrap().to_string()).unwrap();
    let error = Client::new("ws://[fe80::1%251]/").unwrap().watched().proxy(proxy).connect().unwrap_err();
    assert!(matches!(error, Error::Usage(UsageError::Url(UriErrorKind::ProxyZone))), "{error:?}");
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

// ── other addresses and names ───────────────────────────────────────────────────────────────────────────────────────

#[test]
fn another_address_changes_neither_target_nor_host() {
    let server = server();
    let to = address(&server);
    // The name does not exist, so nothing resolves it.
    let client = Client::new("ws://does-not-exist.invalid:81/x?y").unwrap().watched().resolve_to([to]);
    let (first, second) = (client.clone(), client.clone().resolve_to([]).connect_timeout(Duration::from_secs(10)));
    let mut ws = within(move || first.connect()).unwrap();
    assert_eq!(asked(&mut ws), "/x?y does-not-exist.invalid:81");
    assert_eq!(ws.peer_addr(), Some(to));
    assert!(within(move || second.connect()).is_err(), "an empty list does not resolve the name");
}

#[test]
fn another_host_header_is_sent_and_checked() {
    let server = server();
    let url = format!("{}/x", server.url());
    for (value, sent) in [
        ("Tenant7.example.com", "tenant7.example.com"),
        ("b\u{fc}cher.example:8080", "xn--bcher-kva.example:8080"),
        ("[::1]:81", "[::1]:81"),
    ] {
        let client = Client::new(&url).unwrap().watched().host_header(value).unwrap();
        let mut ws = within(move || client.connect()).unwrap();
        assert_eq!(asked(&mut ws), format!("/x {sent}"));
    }
    for value in ["", "a b", "a\r\nX: y", "u@h", "@h", "h:0", "h/x", "[fe80::1%251]", "::1"] {
        let error = Client::new(&url).unwrap().watched().host_header(value).unwrap_err();
        assert!(
            matches!(&error, Error::Usage(UsageError::HeaderValue(name)) if name == "Host"),
            "{value:?}: {error:?}"
        );
    }
}

/// A server that redirects its first path, and sends the Host of the second.
fn redirecting(location: String) -> ServerHandle {
    let server = Server::bind("127.0.0.1:0").unwrap().watched().on_request(move |request| match request.path() {
        "/first" => Response::redirect(302, &location).into(),
        _ => Decision::accept(),
    });
    server
        .start(|mut ws| {
            let host = ws.request().unwrap().header("Host").unwrap().to_owned();
            ws.send(&host)
        })
        .unwrap()
}

/// Address and Host belong to the host of the URL: a redirect to the same host keeps them, and one to another host does not.
#[test]
fn redirects_keep_address_and_host_header_on_the_same_host_only() {
    let elsewhere = server();
    for (location, expected) in [
        ("/second".to_owned(), "tenant.example".to_owned()),
        ("http://front.example/second".to_owned(), "tenant.example".to_owned()),
        (format!("{}/second", elsewhere.url().replace("ws:", "http:")), format!("/second {}", address(&elsewhere))),
    ] {
        let server = redirecting(location.clone());
        let to = address(&server);
        let client = Client::new("ws://front.example/first").unwrap().watched().max_redirects(1).resolve_to([to]);
        let client = client.host_header("tenant.example").unwrap();
        let mut ws = within(move || client.connect()).unwrap();
        assert_eq!(asked(&mut ws), expected, "{location}");
    }
}

/// Through a proxy, the request to the proxy has the address, and that to the server has the host.
#[test]
fn a_proxy_is_asked_for_the_other_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::http(&listener.local_addr().unwrap().to_string()).unwrap();
    let client = Client::new("ws://chat.example/x")
        .unwrap()
        .watched()
        .proxy(proxy)
        .resolve_to(["192.0.2.7:8080".parse().unwrap()]);
    let connecting = thread::spawn(move || client.connect());
    let (mut stream, _) = listener.accept().unwrap();
    assert!(head(&mut stream).starts_with("CONNECT 192.0.2.7:8080 HTTP/1.1\r\n"));
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    assert!(head(&mut stream).starts_with("GET /x HTTP/1.1\r\nHost: chat.example\r\n"));
    drop(stream);
    assert!(within(move || connecting.join().unwrap()).is_err());
}

// ── sockets of the caller ───────────────────────────────────────────────────────────────────────────────────────────

/// The socket works as one of `connect`: messages both ways, a sender, addresses, abort.
#[test]
fn a_socket_of_the_caller_works_as_one_of_the_library() {
    let server = server();
    let socket = TcpStream::connect(address(&server)).unwrap();
    let near = socket.local_addr().unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let mut ws = within(move || Client::new("ws://chat.example/x").unwrap().watched().connect_tcp(socket)).unwrap();
    assert_eq!(asked(&mut ws), "/x chat.example");
    assert_eq!((ws.peer_addr(), ws.local_addr()), (Some(address(&server)), Some(near)));
    // The timeout of the socket was the caller's: a receive call waits for its own.
    let begun = Instant::now();
    assert!(!matches!(ws.recv_timeout(Duration::from_millis(50)), Ok(Some(_))));
    assert!(begun.elapsed() >= Duration::from_millis(50), "{:?}", begun.elapsed());
    let sender = ws.sender();
    sender.send("hello").unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("hello"));
    let receiving = thread::spawn(move || ws.recv());
    sender.abort();
    assert!(within(move || receiving.join().unwrap()).is_err(), "abort does not end a receive call");
    let socket = TcpStream::connect(address(&server)).unwrap();
    let mut ws = within(move || Client::new("ws://chat.example/x").unwrap().watched().connect_tcp(socket)).unwrap();
    asked(&mut ws);
    assert!(ws.close(CloseCode::NORMAL, "").is_ok());
}

#[test]
fn a_socket_of_the_caller_has_the_timeout_of_the_client() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (_silent, _) = listener.accept().unwrap();
    let client = Client::new("ws://chat.example/").unwrap().watched().connect_timeout(Duration::from_millis(50));
    let error = within(move || client.connect_tcp(socket).unwrap_err());
    assert!(matches!(error, Error::Timeout(Step::Handshake)), "{error:?}");
}

/// A socket that never waits would make the handshake a busy loop.
#[cfg(target_os = "linux")]
#[test]
fn a_socket_of_the_caller_is_made_blocking() {
    use std::os::fd::AsRawFd;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let clone = socket.try_clone().unwrap();
    let is_nonblocking = || {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", clone.as_raw_fd())).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        u32::from_str_radix(flags.trim(), 8).unwrap() & 0o4000 != 0
    };
    assert!(is_nonblocking());
    let client = Client::new("ws://chat.example/").unwrap().watched();
    let connecting = thread::spawn(move || client.connect_tcp(socket));
    let (mut stream, _) = listener.accept().unwrap();
    head(&mut stream);
    assert!(!is_nonblocking());
    drop(stream);
    assert!(within(move || connecting.join().unwrap()).is_err());
}

/// 6455-4.1-6: its handshake is one of those to this address.
#[test]
fn a_socket_of_the_caller_waits_for_other_attempts_to_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let first = thread::spawn(move || Client::new(format!("ws://{to}")).unwrap().watched().connect());
    let (mut stream, _) = listener.accept().unwrap();
    head(&mut stream);
    let try_second = |client: Client| {
        let socket = TcpStream::connect(to).unwrap();
        within(move || client.connect_timeout(Duration::from_millis(50)).connect_tcp(socket).unwrap_err())
    };
    let client = Client::new("ws://h.example").unwrap().watched();
    let error = try_second(client.clone());
    assert!(matches!(error, Error::Timeout(Step::ConnectQueue)), "{error:?}");
    let error = try_second(client.dangerously_connect_in_parallel());
    assert!(matches!(error, Error::Timeout(Step::Handshake)), "{error:?}");
    drop(stream);
    assert!(within(move || first.join().unwrap()).is_err());
}

// ── several addresses ───────────────────────────────────────────────────────────────────────────────────────────────

/// An address that answers no SYN: its accept queue is full.
fn unreachable_address() -> Option<(impl Drop, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").ok()?;
    let address = listener.local_addr().ok()?;
    let mut queued = Vec::new();
    // The queue of `std` has 128 places or more.
    for _ in 0..5000 {
        match TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            Ok(stream) => queued.push(stream),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => return Some((vec![(listener, queued)], address)),
            Err(_) => return None,
        }
    }
    None
}

/// RFC 8305: an address without an answer costs 250 ms, and not its share of the time. Its guard, which is held until
/// the attempt has ended, does not delay the next connections either.
#[test]
fn an_unreachable_address_does_not_delay_a_connection() {
    let Some((_listener, unreachable)) = unreachable_address() else {
        return println!("skipped: this system answers each connection");
    };
    let server = server();
    let client = Client::new("ws://h.example/x")
        .unwrap()
        .watched()
        .resolve_to([unreachable, address(&server)])
        .connect_timeout(LONG);
    for _ in 0..3 {
        let (client, begun) = (client.clone(), Instant::now());
        let mut ws = within(move || client.connect()).unwrap();
        // Half of the time to connect, with the addresses in turn.
        assert!(begun.elapsed() < LONG / 4, "{:?}", begun.elapsed());
        assert_eq!(asked(&mut ws), "/x h.example");
        assert_eq!(ws.peer_addr(), Some(address(&server)));
    }
}

#[test]
fn when_no_address_answers_the_whole_is_one_timeout() {
    let Some((_listener, unreachable)) = unreachable_address() else {
        return println!("skipped: this system answers each connection");
    };
    let limit = Duration::from_millis(700);
    let client = Client::new("ws://h.example").unwrap().watched().resolve_to([unreachable; 2]).connect_timeout(limit);
    let begun = Instant::now();
    let error = within(move || client.connect().unwrap_err());
    assert!(error.is_timeout(), "{error:?}");
    assert!((limit..LONG / 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert!(matches!(&error, Error::Connect(e) if e.attempts().len() == 2 && e.host() == "h.example:80"), "{error:?}");
}

// ── attempts that wait for each other ───────────────────────────────────────────────────────────────────────────────

/// Listeners at two ports of an address that no other test uses.
#[cfg(feature = "legacy")]
fn two_ports(ip: &str) -> Option<[TcpListener; 2]> {
    Some([TcpListener::bind((ip, 0)).ok()?, TcpListener::bind((ip, 0)).ok()?])
}

/// hixie55-4.1-1, hybi06-5.1-1, 6455-4.1-5, 6455-4.1-7: up to hybi-06 an attempt waits for those to the same IP address,
/// since hybi-07 for those to the same address and port.
#[cfg(feature = "legacy")]
#[test]
fn versions_wait_for_an_address_or_for_an_address_and_a_port() {
    use stdws::Version;
    let versions = [
        (Version::Hixie55, Step::ConnectQueue),
        (Version::Hixie75, Step::ConnectQueue),
        (Version::HIXIE76, Step::ConnectQueue),
        (Version::Hybi01, Step::ConnectQueue),
        (Version::Hybi02, Step::ConnectQueue),
        (Version::Hybi03, Step::ConnectQueue),
        (Version::Hybi04, Step::ConnectQueue),
        (Version::Hybi05, Step::ConnectQueue),
        (Version::Hybi06, Step::ConnectQueue),
        (Version::Hybi07, Step::Handshake),
        (Version::Hybi08, Step::Handshake),
        (Version::Rfc6455, Step::Handshake),
    ];
    for (version, expected) in versions {
        let Some([first, second]) = two_ports("127.0.0.5") else {
            return println!("skipped: this system has no address 127.0.0.5");
        };
        let url = |listener: &TcpListener| format!("ws://{}/", listener.local_addr().unwrap());
        let client = |url: &str| Client::new(url).unwrap().watched().version(version);
        let held = client(&url(&first));
        let holding = thread::spawn(move || held.connect());
        let (stream, _) = first.accept().unwrap();
        // Where it does not wait, there is enough time to connect.
        let limit = if expected == Step::Handshake { 1500 } else { 50 };
        let waiting = client(&url(&second)).connect_timeout(Duration::from_millis(limit));
        let error = within(move || waiting.connect().unwrap_err());
        assert!(matches!(&error, Error::Timeout(step) if *step == expected), "{version}: {error:?}");
        // The same port is the same peer in every version.
        let waiting = client(&url(&first)).connect_timeout(Duration::from_millis(50));
        let error = within(move || waiting.connect().unwrap_err());
        assert!(matches!(error, Error::Timeout(Step::ConnectQueue)), "{version}: {error:?}");
        drop(stream);
        assert!(within(move || holding.join().unwrap()).is_err());
    }
}

#[test]
fn clients_that_do_not_wait_connect_in_parallel() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Client::new(format!("ws://{}", listener.local_addr().unwrap())).unwrap().watched();
    let client = client.dangerously_connect_in_parallel();
    let connecting: Vec<_> = (0..3).map(|_| client.clone()).map(|c| thread::spawn(move || c.connect())).collect();
    // Each is accepted before any handshake has ended.
    let streams = within(move || {
        (0..3)
            .map(|_| {
                let (mut stream, _) = listener.accept().unwrap();
                head(&mut stream);
                stream
            })
            .collect::<Vec<_>>()
    });
    drop(streams);
    for one in connecting {
        assert!(within(move || one.join().unwrap()).is_err());
    }
}

/// The environment belongs to the whole process, so another one reads it.
#[test]
fn the_proxy_of_the_environment() {
    const CHILD: &str = "STDWS_TEST_ENVIRONMENT";
    if std::env::var_os(CHILD).is_some() {
        let proxy = Proxy::from_env().unwrap();
        assert_eq!(format!("{proxy:?}"), format!("{:?}", Proxy::new("socks5://192.0.2.1:9050").unwrap()));
        return;
    }
    let mut child = program::command(std::env::current_exe().unwrap());
    for name in
        ["all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ws_proxy", "wss_proxy"]
    {
        child.env_remove(name);
    }
    let ran = child
        .args(["the_proxy_of_the_environment", "--exact"])
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .env("all_proxy", "socks5://192.0.2.1:9050")
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && text.contains("1 passed"), "{text}");
}
