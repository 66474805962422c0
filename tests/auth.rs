//! Authentication: Basic credentials (RFC 7617), tokens and cookies, with the client of this crate and with raw
//! requests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc};
use std::thread;
use std::time::{Duration, Instant};

use stdws::{
    constant_time_eq, Accept, Client, Decision, Error, HandshakeError, HandshakeErrorKind, Response, ResponseErrorKind,
    Server, ServerHandle, UsageError, WebSocket,
};

const LONG: Duration = Duration::from_secs(240);
const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const CHALLENGE: &str = "WWW-Authenticate: Basic realm=\"the feed\", charset=\"UTF-8\"\r\n";

/// Fails the test instead of hanging.
fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || drop(sender.send(work())));
    receiver.recv_timeout(LONG).expect("no result in time, or a panic above")
}

/// A server that accepts only ann and sends her name.
fn server() -> Server {
    let server = Server::bind("127.0.0.1:0").unwrap().http(|_| Response::text(200, "page"));
    server.basic_auth("the feed", |credentials| credentials.matches("ann", "s3cr:t \u{A3}")).unwrap()
}

fn greet(mut ws: WebSocket) -> stdws::Result<()> {
    let credentials = ws.request().and_then(|request| request.basic_auth()).unwrap();
    ws.send(credentials.user().unwrap())
}

fn client(server: &ServerHandle) -> Client {
    Client::new(format!("{}/", server.url())).unwrap()
}

fn refused(client: &Client) -> HandshakeError {
    match client.connect() {
        Err(Error::Handshake(rejection)) => rejection,
        other => panic!("{other:?}"),
    }
}

/// The whole response to a request with these header lines.
fn ask(server: &ServerHandle, lines: &str) -> String {
    let mut stream = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n").as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn requests_without_credentials_get_a_challenge() {
    // 7617-2-s3, 7617-2-1, 7617-2-2, 6455-4.2.2-s1
    within(|| {
        let server = server().start(greet).unwrap();
        for lines in ["", UPGRADE] {
            let answer = ask(&server, lines);
            assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
            assert!(answer.contains(CHALLENGE) && !answer.contains("page"), "{answer}");
        }
        // 6455-4.1-s2: the client gets the challenge.
        let rejection = refused(&client(&server));
        assert_eq!(
            (rejection.kind(), rejection.status()),
            (&HandshakeErrorKind::Response(ResponseErrorKind::Status(401)), Some(401))
        );
        let challenges = rejection.challenges();
        assert_eq!(challenges.len(), 1);
        assert!(challenges[0].has_scheme("basic") && challenges[0].realm() == Some("the feed"));
        assert_eq!(challenges[0].param("charset"), Some("UTF-8"));
    });
}

#[test]
fn valid_credentials_are_accepted() {
    // 7617-2.2-2, 7617-2-s2, 7617-2.1-1, 7617-2.1-2
    within(|| {
        let server = server().start(greet).unwrap();
        let url = format!("ws://ann:s3cr%3At%20%C2%A3@{}/", server.local_addr().unwrap());
        let by_url = Client::new(&url).unwrap();
        let by_call = client(&server).basic_auth("ann", "s3cr:t \u{A3}").unwrap();
        // The builder's credentials replace those of the URL and of a header.
        let other = Client::new(url.replace("ann", "bob")).unwrap().header("authorization", "Basic eDp5").unwrap();
        let over_all = other.basic_auth("bob", "x").unwrap().basic_auth("ann", "s3cr:t \u{A3}").unwrap();
        for client in [by_url, by_call, over_all] {
            let mut ws = client.connect().unwrap();
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("ann"));
        }
        let page = ask(&server, "Authorization: basic  YW5uOnMzY3I6dCDCow==\r\n");
        assert!(page.starts_with("HTTP/1.1 200 ") && page.ends_with("page"), "{page}");
    });
}

#[test]
fn wrong_credentials_are_rejected() {
    within(|| {
        let server = server().start(greet).unwrap();
        for (user, password) in
            [("ann", "s3cr:t"), ("ann", ""), ("Ann", "s3cr:t \u{A3}"), ("", "s3cr:t \u{A3}"), ("bob", "x")]
        {
            let client = client(&server).basic_auth(user, password).unwrap();
            assert_eq!(refused(&client).status(), Some(401), "{user}");
        }
        let rows = [
            ("Authorization: Basic\r\n", "401"),
            ("Authorization: Basic !!!!\r\n", "401"),
            ("Authorization: Bearer YW5uOnMzY3I6dCDCow==\r\n", "401"),
            ("Authorization: Basic YW5u\r\n", "401"),
            // ISO 8859-1 is not decoded.
            ("Authorization: Basic YW5uOnMzY3I6dCCj\r\n", "401"),
            // Two headers are rejected, even if they are equal.
            ("Authorization: Basic YW5uOnMzY3I6dCDCow==\r\nAuthorization: Basic YW5uOnMzY3I6dCDCow==\r\n", "401"),
            ("Proxy-Authorization: Basic YW5uOnMzY3I6dCDCow==\r\n", "401"),
        ];
        for (lines, status) in rows {
            for lines in [lines.to_owned(), format!("{UPGRADE}{lines}")] {
                let answer = ask(&server, &lines);
                assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{lines}{answer}");
            }
        }
    });
}

#[test]
fn basic_auth_runs_after_the_origin_check_and_before_the_hooks() {
    within(|| {
        let asked = Arc::new(AtomicUsize::new(0));
        let (hook, check) = (asked.clone(), asked.clone());
        let server = Server::bind("127.0.0.1:0").unwrap().on_request(move |_| {
            hook.fetch_add(1, Ordering::Relaxed);
            Decision::reject(404)
        });
        let server = server.basic_auth("r", move |credentials| {
            check.fetch_add(100, Ordering::Relaxed);
            credentials.user() == Some("ann")
        });
        let server = server.unwrap().start(greet).unwrap();
        assert_eq!(refused(&client(&server)).status(), Some(401));
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        assert_eq!(refused(&client(&server).basic_auth("bob", "").unwrap()).status(), Some(401));
        assert_eq!(asked.load(Ordering::Relaxed), 100);
        let ann = client(&server).basic_auth("ann", "").unwrap();
        assert_eq!(refused(&ann).status(), Some(404));
        assert_eq!(asked.load(Ordering::Relaxed), 201);
        // A page from another origin cannot try passwords.
        assert_eq!(refused(&ann.origin("http://evil.example").unwrap()).status(), Some(403));
        assert_eq!(asked.load(Ordering::Relaxed), 201);
    });
}

#[test]
fn plain_http_needs_credentials_without_any_hook() {
    within(|| {
        let server =
            Server::bind("127.0.0.1:0").unwrap().basic_auth("r", |credentials| credentials.matches("a", "b")).unwrap();
        let server = server.start(greet).unwrap();
        assert!(ask(&server, "").starts_with("HTTP/1.1 401 "));
        assert!(ask(&server, "Authorization: Basic YTpi\r\n").starts_with("HTTP/1.1 426 "));
    });
}

#[test]
fn a_check_that_panics_rejects_the_request() {
    within(|| {
        let server = Server::bind("127.0.0.1:0")
            .unwrap()
            .basic_auth("r", |credentials| credentials.user() != Some("boom") || panic!("boom"));
        let server = server.unwrap().start(greet).unwrap();
        assert_eq!(refused(&client(&server).basic_auth("boom", "").unwrap()).status(), Some(500));
        assert!(client(&server).basic_auth("ann", "").unwrap().connect().is_ok());
    });
}

#[test]
fn credentials_that_cannot_be_sent_are_an_error_at_once() {
    // 7617-2-4, 7617-2-s4
    let client = || Client::new("ws://h/").unwrap();
    for (user, password) in [("a:b", "c"), ("a\r", "c"), ("a", "b\0"), ("\t", "")] {
        assert!(matches!(client().basic_auth(user, password), Err(Error::Usage(UsageError::Credentials))));
    }
    for (name, value) in [("", "b"), ("a b", "c"), ("a", "b; c=d"), ("a", "b\r\n"), ("a", "caf\u{e9}")] {
        match client().cookie(name, value) {
            Err(Error::Usage(UsageError::Cookie(shown))) => assert_eq!(shown, name),
            other => panic!("{other:?}"),
        }
    }
    for realm in ["caf\u{e9}", "a\r\nSet-Cookie: b"] {
        let server = Server::without_listener().basic_auth(realm, |_| true);
        assert!(matches!(server, Err(Error::Usage(UsageError::HeaderValue(name))) if name == "WWW-Authenticate"));
    }
    assert_eq!(
        Response::unauthorized("a\"b\\").header("WWW-Authenticate"),
        Some("Basic realm=\"a\\\"b\\\\\", charset=\"UTF-8\"")
    );
}

/// Shows the answer to opera-18: the application keeps the cookies of a response, and sends them when it likes.
#[test]
fn a_hook_checks_tokens_and_cookies() {
    within(|| {
        let server = Server::bind("127.0.0.1:0").unwrap().on_request(|request| {
            let token = request.bearer_token().is_some_and(|token| constant_time_eq(token, "t0ken"));
            let session = request.cookie("session").is_some_and(|session| constant_time_eq(session, "31d4"));
            match token || session {
                true => Accept::new()
                    .with_header("Set-Cookie", "session=31d4; HttpOnly")
                    .with_header("Set-Cookie", "x=y")
                    .into(),
                false => Response::unauthorized("r").with_header("WWW-Authenticate", "Bearer").into(),
            }
        });
        let server = server.start(|mut ws| {
            let cookies: Vec<_> = ws.request().unwrap().cookies().map(|(n, v)| format!("{n}={v}")).collect();
            ws.send(cookies.join(" "))
        });
        let server = server.unwrap();
        let schemes: Vec<_> = refused(&client(&server)).challenges().iter().map(|c| c.scheme().to_owned()).collect();
        assert_eq!(schemes, ["Basic", "Bearer"]);
        for value in ["Bearer", "Bearer ", "Bearer t0ke", "Basic t0ken", "t0ken", "Bearert0ken"] {
            let client = client(&server).header("Authorization", value).unwrap();
            assert_eq!(refused(&client).status(), Some(401), "{value}");
        }
        let mut ws = client(&server).header("Authorization", "bearer t0ken").unwrap().connect().unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(""));
        let kept: Vec<_> = ws.response().unwrap().set_cookies().map(|cookie| (cookie.name(), cookie.value())).collect();
        assert_eq!(kept, [("session", "31d4"), ("x", "y")]);
        // The client sends the cookies back in one header.
        let next = client(&server).cookie("session", "old").unwrap().cookie("lang", "en").unwrap();
        let mut ws = next.cookie("session", "31d4").unwrap().connect().unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("lang=en session=31d4"));
        assert!(ask(&server, "Cookie: a=b\r\nCookie: session=31d4\r\n").starts_with("HTTP/1.1 426 "));
    });
}

#[test]
fn debug_output_and_errors_contain_no_secrets() {
    within(|| {
        let server = server().start(greet).unwrap();
        let client = client(&server).basic_auth("ann", "S3CRET").unwrap().cookie("a", "S3CRET").unwrap();
        let error = client.connect().unwrap_err();
        let shown = format!("{client:?} {error:?} {error} {:?}", client.reconnect(stdws::Backoff::default()));
        let reported: Vec<_> = match &error {
            Error::Handshake(rejection) => {
                rejection.challenges().iter().map(|challenge| format!("{challenge:?}")).collect()
            }
            other => panic!("{other:?}"),
        };
        let basic = "YW5uOlMzQ1JFVA==";
        for text in [shown, reported.concat()] {
            assert!(!text.contains("S3CRET") && !text.contains(basic), "{text}");
        }
        let ws =
            Client::new(format!("ws://ann:s3cr%3At%20%C2%A3@{}/", server.local_addr().unwrap())).unwrap().connect();
        drop(ws.unwrap());
    });
}

/// Shows promise P17.
#[test]
fn constant_time_eq_does_not_stop_at_the_first_difference() {
    let secret = "s".repeat(1 << 18);
    let (late, early) = (format!("{}x", &secret[1..]), format!("x{}", &secret[1..]));
    let time = |given: &str| {
        let start = Instant::now();
        assert!(!constant_time_eq(given, &secret));
        start.elapsed()
    };
    // The minimum of many runs, because the machine may be loaded. A comparison that stops early is thousands of times
    // faster.
    let (mut late_took, mut early_took) = (Duration::MAX, Duration::MAX);
    for _ in 0..30 {
        late_took = late_took.min(time(&late));
        early_took = early_took.min(time(&early));
    }
    assert!(early_took > late_took / 4, "{early_took:?} {late_took:?}");
    assert!(
        constant_time_eq(&secret, &secret)
            && constant_time_eq("", "")
            && !constant_time_eq("", "a")
            && !constant_time_eq("a", "")
    );
}

#[cfg(feature = "legacy")]
#[test]
fn drafts_require_credentials_too() {
    use stdws::Version;
    within(|| {
        let versions = [Version::Hybi08, Version::HIXIE76];
        let server = server().legacy_versions(versions).start(greet).unwrap();
        for version in versions {
            let client = client(&server).version(version);
            assert_eq!(refused(&client).status(), Some(401), "{version}");
            let mut ws = client.basic_auth("ann", "s3cr:t \u{A3}").unwrap().connect().unwrap();
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("ann"));
        }
    });
}

#[test]
fn keys_of_raw_bytes_are_credentials_too() {
    within(|| {
        let key: Vec<u8> = (0..=255).collect();
        let expected = key.clone();
        let server = Server::bind("127.0.0.1:0").unwrap();
        let server = server.basic_auth("stations", move |station| station.matches("CP-7", &expected)).unwrap();
        let server = server
            .start(|mut ws| {
                let credentials = ws.request().and_then(|request| request.basic_auth()).unwrap();
                assert_eq!((credentials.user(), credentials.password()), (Some("CP-7"), None));
                ws.send(credentials.password_bytes())
            })
            .unwrap();
        let mut ws = client(&server).basic_auth_bytes(b"CP-7", &key).unwrap().connect().unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_bytes(), key);
        assert_eq!(refused(&client(&server).basic_auth_bytes(b"CP-7", &key[1..]).unwrap()).status(), Some(401));
        let error = client(&server).basic_auth_bytes(b"a:b", &key).unwrap_err();
        assert!(matches!(error, Error::Usage(UsageError::Credentials)), "{error:?}");
    });
}
