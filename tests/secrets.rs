//! Secrets are not shown: one secret in every setter and in everything that a peer sends, in both roles and in all
//! versions, and then a search in each `Debug` and `Display`, each event and each line of the explanation of the bytes.

#[path = "support/live.rs"]
mod live;

use std::fmt::{Debug, Display};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use live::{ms, read_head, watchdog};
use stdws::explain::Explainer;
use stdws::{
    Accept, Backoff, Client, Decision, Error, Proxy, Response, Server, ServerHandle, SplitStream, UsageError, WebSocket,
};

/// A token, so that it can be a subprotocol, and its base64 after "ann:" and alone.
const SECRET: &str = "S3CRET0pen5esame";
const SPELLED: [&str; 4] = [SECRET, "YW5uOlMzQ1JFVDBwZW41ZXNhbWU", "UzNDUkVUMHBlbjVlc2FtZQ", "%533CRET0pen5esame"];

/// Everything that was shown.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<String>>>);

impl Shown {
    fn line(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn debug(&self, value: &impl Debug) {
        self.line(format!("{value:?}"));
        self.line(format!("{value:#?}"));
    }

    fn both(&self, value: &(impl Debug + Display)) {
        self.debug(value);
        self.line(value.to_string());
    }

    /// An error, and its causes.
    fn error(&self, error: &Error) {
        self.both(error);
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            self.both(&cause);
            source = cause.source();
        }
    }

    /// Fails if a line has the secret. Returns all lines.
    fn check(&self) -> String {
        let lines = self.0.lock().unwrap().clone();
        assert!(!lines.is_empty());
        for line in &lines {
            for secret in SPELLED {
                assert!(!line.contains(secret), "{secret} in: {line}");
            }
        }
        lines.concat()
    }
}

/// A client with the secret in every setting that is text.
fn client(address: &str) -> Client {
    let url = format!("ws://ann:{}@{address}/shown?key={SECRET}", SPELLED[3]);
    Client::new(&url)
        .and_then(|client| client.header("X-Api-Key", SECRET))
        .and_then(|client| client.header("Authorization", &format!("Bearer {SECRET}")))
        .and_then(|client| client.header("User-Agent", SECRET))
        .and_then(|client| client.cookie("session", SECRET))
        .and_then(|client| {
            client.origin(&format!("http://ann:{SECRET}@origin.example/{SECRET}?{SECRET}").replacen(
                &format!("/{SECRET}"),
                "",
                1,
            ))
        })
        .and_then(|client| client.subprotocol(SECRET))
        .unwrap()
}

fn proxy(scheme: &str, address: SocketAddr) -> Proxy {
    let proxy = Proxy::new(format!("{scheme}://ann:{SECRET}@{address}")).unwrap();
    proxy.header("X-Token", SECRET).unwrap()
}

fn usage<T: Debug>(result: Result<T, Error>) -> Error {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Usage(_)), "{error:?}");
    error
}

/// Shows promise P15.
#[test]
fn settings_of_a_client() {
    let shown = Shown::default();
    let address = "127.0.0.1:1".parse().unwrap();
    let client = client("127.0.0.1:1");
    for scheme in ["http", "socks5"] {
        shown.debug(&proxy(scheme, address));
        shown.debug(&client.clone().proxy(proxy(scheme, address)));
    }
    assert!(format!("{:?}", client.clone().max_redirects(7)).contains("proxy: None, max_redirects: 7"));
    shown.debug(&client.clone().basic_auth("ann", SECRET).unwrap());
    shown.debug(&client.clone().digest_auth("ann", SECRET).unwrap());
    shown.debug(&Proxy::http("h").unwrap().digest_credentials("ann", SECRET).unwrap());
    shown.error(&usage(Proxy::http("h").unwrap().digest_credentials("a:b", SECRET)));
    shown.error(&usage(client.clone().digest_auth("a:b", SECRET)));
    shown.debug(&client.reconnect(Backoff::default()));
    let from_env = Proxy::from_vars(|name| (name == "all_proxy").then(|| format!("http://ann:{SECRET}@h")));
    shown.debug(&from_env.unwrap());
    shown.debug(&client.clone().host_header(&format!("{SECRET}.example")).unwrap());
    #[cfg(feature = "native-tls")]
    shown.debug(&client.clone().server_name(&format!("{SECRET}.example")).unwrap());
    // Invalid arguments.
    let plain = || Client::new("ws://h").unwrap();
    let spaced = format!("{SECRET} {SECRET}");
    let errors = [
        usage(Client::new(format!("ws://h/{SECRET}#{SECRET}"))),
        usage(Client::new(SECRET)),
        usage(plain().header("X", &format!("{SECRET}\n"))),
        usage(plain().header(&format!("Cookie: {SECRET}"), "x")),
        usage(plain().cookie("session", &spaced)),
        usage(plain().cookie(&format!("session={SECRET}"), "x")),
        usage(plain().origin(&format!("http://h/?{spaced}"))),
        usage(plain().origin(&spaced)),
        usage(plain().host_header(&format!("ann:{SECRET}@h x"))),
        #[cfg(feature = "native-tls")]
        usage(plain().server_name(&spaced)),
        usage(plain().basic_auth_bytes(b"a:b", SECRET.as_bytes())),
        usage(Proxy::http("h").unwrap().header("X-Token", &format!("{SECRET}\n"))),
        usage(plain().subprotocol(&spaced)),
        usage(plain().subprotocol(SECRET).and_then(|client| client.subprotocol(SECRET))),
        usage(plain().basic_auth(SECRET, "\n")),
        usage(Proxy::new(format!("ftp://{SECRET}@h"))),
        usage(Proxy::http("h").unwrap().credentials("a:b", SECRET)),
        usage(Proxy::http("h").unwrap().no_proxy(&format!("http://ann:{SECRET}@h:x"))),
        usage(Proxy::from_vars(|name| (name == "all_proxy").then(|| format!("ftp://{SECRET}@h")))),
    ];
    errors.iter().for_each(|error| shown.error(error));
    let text = shown.check();
    for name in ["127.0.0.1:1/shown", "X-Api-Key", "Cookie", "http://origin.example", "(not shown, 16 bytes)"] {
        assert!(text.contains(name), "{name} in {text}");
    }
}

/// Shows promise P15.
#[test]
fn settings_of_a_server() {
    let shown = Shown::default();
    let server = Server::bind("127.0.0.1:0").unwrap().allow_origin(format!("http://ann:{SECRET}@h?{SECRET}"));
    let server = server.subprotocols([SECRET, "chat"]).basic_auth(SECRET, |_| true).unwrap();
    shown.debug(&server);
    let accept = Accept::new()
        .subprotocol(SECRET)
        .with_header("Set-Cookie", SECRET)
        .with_header(&format!("X: {SECRET}"), SECRET);
    let responses = [
        Response::text(200, SECRET).with_header("Set-Cookie", SECRET),
        Response::html(200, SECRET).with_header(&format!("X: {SECRET}"), SECRET),
        Response::bytes(200, &format!("{SECRET}\n"), SECRET),
        Response::redirect(307, &format!("/?{SECRET}")),
        Response::unauthorized(SECRET),
    ];
    for response in responses {
        if let Some(error) = response.error() {
            shown.both(error);
        }
        shown.debug(&Decision::from(response));
    }
    shown.debug(&accept);
    shown.debug(&Decision::from(accept));
    shown.error(&usage(Server::without_listener().trust_forwarded([format!("ann:{SECRET}@h")])));
    let text = shown.check();
    assert!(text.contains("Set-Cookie") && text.contains("chat") && text.contains("http://h"), "{text}");
    let features = [
        ("deflate", cfg!(feature = "deflate")),
        ("tls", cfg!(feature = "native-tls")),
        ("drafts", cfg!(feature = "legacy")),
    ];
    for (name, enabled) in features {
        assert_eq!(text.contains(&format!(" {name}: ")), enabled, "{name} in {text}");
    }
}

/// Relays one connection, and explains what passes.
fn explained(to: SocketAddr, (client, server): (Explainer, Explainer), shown: &Shown) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let shown = shown.clone();
    thread::spawn(move || {
        let (near, _) = listener.accept().unwrap();
        let far = TcpStream::connect(to).unwrap();
        let explainers = Arc::new(Mutex::new([client, server]));
        let pump = |from: &TcpStream, to: &TcpStream, index: usize| {
            let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            let (explainers, shown) = (explainers.clone(), shown.clone());
            thread::spawn(move || {
                let mut part = [0; 4096];
                while let Ok(count @ 1..) = from.read(&mut part) {
                    shown.line(explainers.lock().unwrap()[index].feed(&part[..count]));
                    if to.write_all(&part[..count]).is_err() {
                        break;
                    }
                }
                let _ = to.shutdown(Shutdown::Write);
                shown.line(format!("{:?}", explainers.lock().unwrap()[index]));
            })
        };
        let (up, down) = (pump(&near, &far, 0), pump(&far, &near, 1));
        up.join().and(down.join()).unwrap();
    });
    address
}

/// A server that answers `/shown` with a secret header, and everything else with a secret rejection.
fn server(shown: &Shown, settings: fn(Server) -> Server) -> ServerHandle {
    let (events, seen, opened) = (shown.clone(), shown.clone(), shown.clone());
    let server =
        Server::bind("127.0.0.1:0").unwrap().danger_allow_any_origin().on_event(move |event| events.both(event));
    let server = settings(server).on_request(move |request| {
        seen.debug(request);
        match request.path() {
            "/shown" => Accept::new().with_header("Set-Cookie", SECRET).subprotocol(SECRET).into(),
            "/broken" => Accept::new().with_header("X", &format!("{SECRET}\n")).into(),
            "/unasked" => Accept::new().subprotocol(format!("{SECRET}2")).into(),
            _ => Response::text(401, SECRET)
                .with_header("WWW-Authenticate", &format!("Digest realm=\"r\", nonce=\"{SECRET}\""))
                .with_header("WWW-Authenticate", &format!("Negotiate {SECRET}"))
                .into(),
        }
    });
    let serve = move |mut ws: WebSocket| {
        opened.debug(&ws);
        opened.debug(&ws.sender());
        ws.recv().map(drop)
    };
    server.start(serve).unwrap()
}

fn exchange(
    shown: &Shown,
    server: &ServerHandle,
    set: impl Fn(Client) -> Client,
    pair: fn() -> (Explainer, Explainer),
) {
    let events = shown.clone();
    let to = server.local_addr().unwrap();
    for path in ["/shown", "/", "/broken", "/unasked"] {
        let address = explained(to, pair(), shown).to_string();
        let url = format!("ws://ann:{SECRET}@{address}{path}?{SECRET}");
        let planted = client(&address);
        let events = events.clone();
        let client = Client::new(&url).unwrap().header("X-Api-Key", SECRET).unwrap().cookie("session", SECRET).unwrap();
        let client = client.subprotocol(SECRET).unwrap().on_event(move |event| events.both(event));
        let client = set(if path == "/shown" {
            planted.on_event({
                let shown = shown.clone();
                move |event| shown.both(event)
            })
        } else {
            client
        });
        match client.connect() {
            Ok(mut ws) => {
                assert_eq!(path, "/shown");
                assert_eq!(ws.subprotocol(), Some(SECRET));
                shown.debug(&ws);
                let response = ws.response().unwrap();
                assert!(response.set_cookies().count() == 0 && response.header("Set-Cookie") == Some(SECRET));
                shown.debug(response);
                ws.close(stdws::CloseCode::NORMAL, "").unwrap();
            }
            Err(error) => {
                assert_ne!(path, "/shown", "{error:?}");
                shown.error(&error);
                if let Error::Handshake(rejection) = &error {
                    shown.debug(&rejection.challenges());
                }
            }
        }
    }
}

/// Shows promise P15.
#[test]
fn exchanges_and_their_explanation() {
    let _watchdog = watchdog();
    let shown = Shown::default();
    let server = server(&shown, |server| server);
    exchange(&shown, &server, |client| client, || (Explainer::client(), Explainer::server()));
    server.shutdown(ms(20_000));
    let text = shown.check();
    for wanted in ["X-Api-Key: (not shown)", "Set-Cookie: (not shown)", "Digest (not shown)", "GET /shown?(not shown)"]
    {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
}

#[cfg(feature = "legacy")]
#[test]
fn exchanges_of_the_drafts() {
    use stdws::Version;
    let _watchdog = watchdog();
    for version in [Version::Hixie75, Version::HIXIE76, Version::Hybi04, Version::Hybi08] {
        let shown = Shown::default();
        let server = server(&shown, |server| server.legacy_versions(Version::ALL));
        let pair: fn() -> (Explainer, Explainer) = match version {
            Version::Hixie75 => || Explainer::pair(Version::Hixie75),
            Version::HIXIE76 => || Explainer::pair(Version::HIXIE76),
            Version::Hybi04 => || Explainer::pair(Version::Hybi04),
            _ => || Explainer::pair(Version::Hybi08),
        };
        exchange(&shown, &server, |client| client.version(version), pair);
        server.shutdown(ms(20_000));
        shown.check();
    }
}

/// A peer that sends this to one connection after it has read a head.
fn answering(answer: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_head(&mut stream);
        let _ = stream.write_all(answer.as_bytes());
    });
    address
}

/// Shows promise P15.
#[test]
fn redirects_and_proxies() {
    let _watchdog = watchdog();
    let shown = Shown::default();
    let target = answering(format!("HTTP/1.1 403 {SECRET}\r\nX: {SECRET}\r\n\r\n{SECRET}"));
    for location in [
        format!("http://{target}/?{SECRET}"),
        format!("http://ann:{SECRET}@h/"),
        format!("http://h:{SECRET}/"),
        format!("{SECRET}://h/"),
        format!("//ann:{SECRET}@h"),
    ] {
        let address = answering(format!("HTTP/1.1 307 x\r\nLocation: {location}\r\n\r\n"));
        let error = client(&address.to_string()).max_redirects(2).connect().unwrap_err();
        assert!(matches!(error, Error::Redirect(_) | Error::Handshake(_)), "{error:?}");
        shown.error(&error);
    }
    let challenge = format!("Proxy-Authenticate: Basic realm=\"{SECRET}\"");
    let address = answering(format!("HTTP/1.1 407 {SECRET}\r\n{challenge}\r\nX: {SECRET}\r\n\r\n{SECRET}"));
    let error = client("far.invalid").proxy(proxy("http", address)).connect().unwrap_err();
    let Error::Proxy(refused) = &error else { panic!("{error:?}") };
    assert_eq!(refused.challenges().len(), 1);
    shown.error(&error);
    for scheme in ["http", "socks5"] {
        let address = answering(SECRET.to_owned());
        let client = client("far.invalid").proxy(proxy(scheme, address)).connect_timeout(ms(300));
        shown.error(&client.connect().unwrap_err());
    }
    shown.check();
}

#[test]
fn requests_without_a_listener() {
    let shown = Shown::default();
    for (line, fields) in [
        (format!("GET http://ann:{SECRET}@h/x?{SECRET} HTTP/1.1"), "Host: h"),
        (format!("GET /x?{SECRET} HTTP/1.1"), "Host: h"),
        (format!("GET /x HTTP/1.1\r\nX {SECRET}"), "Host: h"),
        (format!("{SECRET} /x HTTP/1.1"), "Host: h"),
    ] {
        let head = format!(
            "{line}\r\n{fields}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Basic {}\r\nX: {SECRET}\r\n\r\n",
            SPELLED[1]
        );
        let events = shown.clone();
        let server = Server::without_listener().on_event(move |event| events.both(event));
        let split = SplitStream::new(std::io::Cursor::new(head.clone().into_bytes()), std::io::sink());
        shown.debug(&split);
        match server.accept_over(split) {
            Ok(ws) => {
                let ws = ws.unwrap();
                shown.debug(&ws);
                shown.debug(ws.request().unwrap());
                shown.debug(&ws.request().unwrap().basic_auth());
            }
            Err(error) => shown.error(&error),
        }
        let mut explainer = Explainer::client();
        shown.line(explainer.feed(head.as_bytes()));
    }
    let error: Error = UsageError::SubprotocolNotOffered(SECRET.to_owned()).into();
    shown.error(&error);
    shown.check();
}
