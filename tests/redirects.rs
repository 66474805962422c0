//! Redirects between scripted servers: which are followed, which headers are sent along, and how a chain ends.

#[path = "support/live.rs"]
mod live;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use live::{assert_took, ms, read_head, sample_client, watchdog, RESPONSE};
use stdws::{
    Client, Error, HandshakeError, HandshakeErrorKind, Proxy, RedirectError, RedirectErrorKind, ResponseErrorKind,
    UriErrorKind, WebSocket,
};

/// A server that answers one connection after another with these responses, and returns the requests.
fn server(answers: Vec<String>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, serve(listener, answers))
}

fn serve(listener: TcpListener, answers: Vec<String>) -> JoinHandle<Vec<String>> {
    let answer = move |answer: String| {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(ms(60_000))).unwrap();
        let request = String::from_utf8(read_head(&mut stream)).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        // A client that follows the redirect closes this connection first.
        let keep_open = answer.contains("X-Keep-Open");
        thread::spawn(move || {
            if !keep_open {
                let _ = stream.shutdown(Shutdown::Write);
            }
            let _ = stream.read_to_end(&mut Vec::new());
        });
        request
    };
    thread::spawn(move || answers.into_iter().map(answer).collect())
}

fn to(location: &str) -> String {
    redirect(302, location)
}

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: 4\r\n\r\nbody")
}

fn open() -> String {
    String::from_utf8(RESPONSE.to_vec()).unwrap()
}

fn client(url: &str) -> Client {
    sample_client(url).max_redirects(10).timeouts(live::long_timeouts())
}

fn refused(result: stdws::Result<WebSocket>) -> HandshakeError {
    match result {
        Err(Error::Handshake(rejection)) => rejection,
        other => panic!("{other:?}"),
    }
}

fn redirected(result: stdws::Result<WebSocket>) -> RedirectError {
    match result {
        Err(Error::Redirect(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn kind(error: &Error) -> HandshakeErrorKind {
    match error {
        Error::Handshake(rejection) => rejection.kind().clone(),
        other => panic!("{other:?}"),
    }
}

fn header_lines<'a>(request: &'a str, name: &str) -> Vec<&'a str> {
    request.lines().filter(|line| line.to_ascii_lowercase().starts_with(&format!("{name}: "))).collect()
}

/// Shows promise P16.
#[test]
fn redirects_are_off_by_default() {
    let _watchdog = watchdog();
    for status in [301, 302, 303, 307, 308] {
        let (address, requests) = server(vec![redirect(status, "/elsewhere")]);
        let rejection = refused(sample_client(&format!("ws://{address}/")).connect());
        assert_eq!(
            (rejection.kind(), rejection.status()),
            (&HandshakeErrorKind::Response(ResponseErrorKind::Status(status)), Some(status))
        );
        assert_eq!((rejection.header("location"), rejection.body()), (Some("/elsewhere"), &b"body"[..]));
        assert_eq!(requests.join().unwrap().len(), 1);
    }
}

/// 9110-10.2.2-1, 9110-15.4-3
#[test]
fn each_status_and_each_kind_of_location() {
    let _watchdog = watchdog();
    let (far, far_requests) = server((0..3).map(|_| open()).collect());
    let rows: Vec<(u16, String, Option<&str>)> = vec![
        (301, "/a".into(), Some("/a")),
        (302, "b?c=d".into(), Some("/folder/b?c=d")),
        (303, "?e".into(), Some("/folder/here?e")),
        (307, "../f#g".into(), Some("/f")),
        (308, format!("http://{far}/far"), None),
        (301, format!("ws://{far}/far"), None),
        (302, format!("//{far}/far"), None),
    ];
    for (status, location, path) in rows {
        let mut answers = vec![redirect(status, &location)];
        answers.extend(path.map(|_| open()));
        let (address, requests) = server(answers);
        let ws = client(&format!("ws://{address}/folder/here?x=y")).connect().unwrap();
        assert_eq!(ws.peer_addr(), Some(if path.is_some() { address } else { far }), "{location}");
        let requests = requests.join().unwrap();
        if let Some(path) = path {
            assert!(requests[1].starts_with(&format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n")), "{}", requests[1]);
        }
    }
    for request in far_requests.join().unwrap() {
        assert!(request.starts_with(&format!("GET /far HTTP/1.1\r\nHost: {far}\r\n")), "{request}");
        assert_eq!(header_lines(&request, "host").len(), 1);
    }
}

/// The status of a redirect with an odd head is judged, with its location.
#[test]
fn a_redirect_with_an_odd_head_is_followed() {
    let _watchdog = watchdog();
    for odd in ["A: b\r\n c\r\n", "A B: c\r\n", &format!("Set-Cookie: {}\r\n", "x".repeat(9000)), "A: b\n"] {
        let answer = redirect(302, "/elsewhere").replacen("\r\n", &format!("\r\n{odd}"), 1);
        let (address, requests) = server(vec![answer, open()]);
        client(&format!("ws://{address}/")).connect().unwrap();
        assert!(requests.join().unwrap()[1].starts_with("GET /elsewhere "));
    }
}

#[test]
fn other_statuses_are_not_followed() {
    let _watchdog = watchdog();
    for status in [200, 300, 304, 305, 306, 309, 401, 503] {
        let (address, _requests) = server(vec![redirect(status, "/elsewhere")]);
        let rejection = refused(client(&format!("ws://{address}/")).connect());
        assert_eq!(rejection.kind(), &HandshakeErrorKind::Response(ResponseErrorKind::Status(status)));
        assert_eq!(rejection.body().is_empty(), status == 304);
    }
}

/// 9110-15.4-2: secrets are sent while scheme, host and port are the same, and are dropped for good after that.
/// Shows promise P16.
#[test]
fn credentials_are_dropped_when_the_origin_changes() {
    let _watchdog = watchdog();
    let with_secrets = |url: &str| {
        let client = client(url).header("Cookie", "S3CRET").unwrap().header("cookie", "S3CRET").unwrap();
        let client = client.subprotocol("token.S3CRET").unwrap();
        client.header("Proxy-Authorization", "S3CRET").unwrap().header("X-Kind", "kept").unwrap()
    };
    for authorization in [false, true] {
        let home = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = home.local_addr().unwrap();
        let (away, away_requests) = server(vec![to("/again"), to(&format!("http://{address}/back"))]);
        let requests = serve(home, vec![to("/second"), to(&format!("http://{away}/")), open()]);
        let mut client =
            with_secrets(&format!("ws://somebody:S3CRET@{address}/first")).origin("https://o.example").unwrap();
        if authorization {
            client = client.header("AUTHORIZATION", "Bearer S3CRET").unwrap();
        }
        client.connect().unwrap();
        let (near, far) = (requests.join().unwrap(), away_requests.join().unwrap());
        for request in &near[..2] {
            let shown = if authorization {
                "AUTHORIZATION: Bearer S3CRET"
            } else {
                "Authorization: Basic c29tZWJvZHk6UzNDUkVU"
            };
            assert_eq!(header_lines(request, "authorization"), [shown], "{request}");
            assert_eq!(header_lines(request, "cookie").len(), 2);
            assert_eq!(header_lines(request, "proxy-authorization").len(), 1);
            assert_eq!(header_lines(request, "sec-websocket-protocol"), ["Sec-WebSocket-Protocol: token.S3CRET"]);
        }
        for request in far.iter().chain([&near[2]]) {
            let lower = request.to_ascii_lowercase();
            assert!(
                ["authorization", "cookie", "s3cret", "sec-websocket-protocol"]
                    .iter()
                    .all(|name| !lower.contains(name)),
                "{request}"
            );
        }
        for request in near.iter().chain(&far) {
            assert_eq!(header_lines(request, "x-kind"), ["X-Kind: kept"]);
            assert_eq!(header_lines(request, "origin"), ["Origin: https://o.example"]);
            assert_eq!(header_lines(request, "sec-websocket-key").len(), 1);
        }
    }
}

/// The client is unchanged and can be used again.
#[test]
fn a_redirect_does_not_change_the_client() {
    let _watchdog = watchdog();
    let (away, _away_requests) = server(vec![open(), open()]);
    let (address, requests) = server(vec![to(&format!("http://{away}/")), to(&format!("http://{away}/"))]);
    let client = client(&format!("ws://{address}/")).header("Cookie", "a=b").unwrap();
    for _ in 0..2 {
        client.connect().unwrap();
    }
    for request in requests.join().unwrap() {
        assert_eq!(header_lines(&request, "cookie"), ["Cookie: a=b"]);
    }
}

/// 9110-15.4-1: loops and endless chains end.
#[test]
fn loops_and_long_chains_end() {
    let _watchdog = watchdog();
    // To itself.
    for location in ["/here?q=1", "", "#x", "./here?q=1"] {
        let (address, requests) = server(vec![to(location)]);
        let rejection = refused(client(&format!("ws://{address}/here?q=1")).connect());
        assert_eq!(
            rejection.kind(),
            &HandshakeErrorKind::Response(ResponseErrorKind::Redirect(RedirectErrorKind::Loop)),
            "{location:?}"
        );
        assert_eq!((rejection.status(), rejection.header("Location")), (Some(302), Some(location)));
        assert_eq!(requests.join().unwrap().len(), 1);
    }
    // A loop of two servers.
    let home = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = home.local_addr().unwrap();
    let (away, away_requests) = server(vec![redirect(307, &format!("//{address}/?S3CRET"))]);
    let requests = serve(home, vec![redirect(301, &format!("//{away}/x?S3CRET"))]);
    let error = redirected(client(&format!("ws://u:S3CRET@{address}/?S3CRET")).connect());
    assert_eq!(kind(error.cause()), HandshakeErrorKind::Response(ResponseErrorKind::Redirect(RedirectErrorKind::Loop)));
    let hops: Vec<_> = error.hops().iter().map(|hop| (hop.url().to_owned(), hop.status())).collect();
    assert_eq!(hops, [(format!("ws://{address}/"), 301)]);
    let shown = format!("{error} {error:?}");
    assert!(
        shown.starts_with(&format!("redirected by ws://{address}/ (301): the opening handshake failed: ")),
        "{shown}"
    );
    assert!(!shown.contains("S3CRET"), "{shown}");
    assert_eq!((requests.join().unwrap().len(), away_requests.join().unwrap().len()), (1, 1));
    // An endless chain: as many as enabled, and at most ten.
    for (asked, followed) in [(1, 1), (3, 3), (10, 10), (255, 10)] {
        let (address, requests) = server((0..=followed).map(|n| to(&format!("/{n}"))).collect());
        let error = redirected(client(&format!("ws://{address}/start")).max_redirects(asked).connect());
        assert_eq!(
            kind(error.cause()),
            HandshakeErrorKind::Response(ResponseErrorKind::Redirect(RedirectErrorKind::TooMany))
        );
        assert_eq!(error.hops().len(), followed);
        assert_eq!(
            error.hops()[followed - 1].url(),
            format!("ws://{address}/{}", if followed == 1 { "start".into() } else { (followed - 2).to_string() })
        );
        assert_eq!(requests.join().unwrap().len(), followed + 1);
        // The maximum number is followed.
        let mut answers: Vec<String> = (0..followed).map(|n| to(&format!("/{n}"))).collect();
        answers.push(open());
        let (address, _requests) = server(answers);
        client(&format!("ws://{address}/start")).max_redirects(asked).connect().unwrap();
    }
}

#[test]
fn locations_that_are_not_followed() {
    let _watchdog = watchdog();
    use RedirectErrorKind::*;
    let rows = [
        ("HTTP/1.1 302 x\r\n\r\n", MissingLocation),
        ("HTTP/1.1 302 x\r\nLocation: /a\r\nLocation: /a\r\n\r\n", MissingLocation),
        ("HTTP/1.1 302 x\r\nLocation: ftp://h/\r\n\r\n", Location(UriErrorKind::Scheme)),
        ("HTTP/1.1 302 x\r\nLocation: http:///\r\n\r\n", Location(UriErrorKind::MissingHost)),
        ("HTTP/1.1 302 x\r\nLocation: http://h:99999/\r\n\r\n", Location(UriErrorKind::Port)),
        ("HTTP/1.1 302 x\r\nLocation: /a%zzb\r\n\r\n", Location(UriErrorKind::InvalidPathCharacter)),
        ("HTTP/1.1 302 x\r\nLocation: /\u{e9}%\r\n\r\n", Location(UriErrorKind::InvalidPathCharacter)),
        ("HTTP/1.1 302 x\r\nLocation: http://u:S3CRET@127.0.0.1:1/\r\n\r\n", Userinfo),
        ("HTTP/1.1 302 x\r\nLocation: //trusted.example@127.0.0.1:1/\r\n\r\n", Userinfo),
    ];
    for (answer, expected) in rows {
        let (address, _requests) = server(vec![answer.into()]);
        let error = client(&format!("ws://{address}/")).connect().unwrap_err();
        assert_eq!(kind(&error), HandshakeErrorKind::Response(ResponseErrorKind::Redirect(expected)), "{answer:?}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("the redirect is not followed: ") && !shown.contains("S3CRET"), "{shown}");
    }
}

/// An error after redirects has the redirects and its cause.
#[test]
fn the_cause_at_the_end_is_kept() {
    let _watchdog = watchdog();
    let (away, _away_requests) = server(vec!["HTTP/1.1 401 x\r\nContent-Length: 4\r\n\r\nwho?".into()]);
    let (address, _requests) = server(vec![to(&format!("http://{away}/"))]);
    let error = redirected(client(&format!("ws://{address}/")).connect());
    match error.cause() {
        Error::Handshake(rejection) => assert_eq!((rejection.status(), rejection.body()), (Some(401), &b"who?"[..])),
        other => panic!("{other:?}"),
    }

    // The local end of a connection, where no socket listens.
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(held.local_addr().unwrap()).unwrap();
    let closed = near.local_addr().unwrap();
    let (address, _requests) = server(vec![to(&format!("http://{closed}/"))]);
    let error = client(&format!("ws://{address}/")).connect().unwrap_err();
    let shown = error.to_string();
    let expected = format!("redirected by ws://{address}/ (302): no connection to {closed}: ");
    assert!(shown.starts_with(&expected), "{shown}");
    let source = std::error::Error::source(&error).unwrap().downcast_ref::<Error>();
    assert!(matches!(source, Some(Error::Connect(error)) if error.host() == closed.to_string()));
    assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::ConnectionRefused);
}

/// Without TLS in the build, a redirect to `wss` is a usage error after the redirect.
#[test]
#[cfg(not(feature = "native-tls"))]
fn to_wss_without_tls() {
    let _watchdog = watchdog();
    let (address, _requests) = server(vec![to("https://h.invalid/")]);
    let error = redirected(client(&format!("ws://{address}/")).connect());
    assert!(matches!(error.cause(), Error::Usage(stdws::UsageError::TlsNotEnabled)), "{error:?}");
}

/// One deadline for all: each server is fast enough, and together they are not.
#[test]
fn one_deadline_for_all_redirects() {
    let _watchdog = watchdog();
    let limit = ms(3000);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for n in 0.. {
            let Ok((mut stream, _)) = listener.accept() else { return };
            read_head(&mut stream);
            thread::sleep(ms(720));
            let _ = stream.write_all(to(&format!("/{n}")).as_bytes());
        }
    });
    let start = Instant::now();
    let error = client(&format!("ws://{address}/")).connect_timeout(limit).connect().unwrap_err();
    assert_took(start.elapsed(), limit);
    assert!(error.is_timeout(), "{error:?}");
    let Error::Redirect(error) = error else { panic!("{error:?}") };
    assert!((1..=4).contains(&error.hops().len()), "{error:?}");
}

/// An endless body of a redirect does not delay the next attempt.
#[test]
fn the_body_of_a_redirect_is_not_waited_for() {
    let _watchdog = watchdog();
    let times = (0..5).map(|_| {
        let (address, _requests) =
            server(vec!["HTTP/1.1 302 x\r\nX-Keep-Open: yes\r\nLocation: /on\r\n\r\n".into(), open()]);
        let start = Instant::now();
        client(&format!("ws://{address}/")).max_redirects(1).connect().unwrap();
        start.elapsed()
    });
    // The fastest of some, because the machine may be busy. A body that is waited for takes two seconds each time.
    let fastest = times.min().unwrap();
    assert!(fastest < ms(2000), "{fastest:?}");
}

/// The first URL is connected to through a proxy, the second directly.
#[test]
fn the_proxy_is_chosen_for_each_url() {
    let _watchdog = watchdog();
    let (direct, _direct_requests) = server(vec![open()]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::http(&listener.local_addr().unwrap().to_string()).unwrap().no_proxy("127.0.0.1").unwrap();
    let script = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let connect = read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        read_head(&mut stream);
        stream.write_all(to(&format!("http://{direct}/")).as_bytes()).unwrap();
        connect
    });
    let ws = client("ws://far.invalid/").proxy(proxy).connect().unwrap();
    assert_eq!(ws.peer_addr(), Some(direct));
    assert!(script.join().unwrap().starts_with(b"CONNECT far.invalid:80 "));
}

/// A stream of the caller leads to one server.
#[test]
fn connect_over_follows_none() {
    let _watchdog = watchdog();
    let answer = to("/elsewhere");
    let halves = stdws::SplitStream::new(std::io::Cursor::new(answer.into_bytes()), std::io::sink());
    let rejection = refused(client("ws://h/").connect_over(halves));
    assert_eq!(
        (rejection.kind(), rejection.body()),
        (&HandshakeErrorKind::Response(ResponseErrorKind::Status(302)), &b"body"[..])
    );
}
