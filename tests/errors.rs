//! The texts of errors, and that no error or `Debug` has credentials, cookies, queries or payloads.

#[path = "support/wire.rs"]
mod wire;

use std::error::Error as _;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::time::Duration;

use stdws::{
    Client, CloseCode, Error, HandshakeErrorKind, HeadErrorKind, HookErrorKind, OverloadKind, ProtocolError,
    RedirectErrorKind, RequestErrorKind, ResponseErrorKind, Result, Server, Step, Timeouts, UriErrorKind, UsageError,
};
use wire::*;

/// An error, how its text begins, whether it is a timeout, whether the connection is closed, whether it has a source.
type Row = (Error, &'static str, bool, bool, bool);

fn io_error() -> Error {
    Server::bind("127.0.0.1:0").map(|server| Server::bind(server.local_addr().unwrap()).unwrap_err()).unwrap()
}

fn connect_error() -> Error {
    let (_listener, address) = listen();
    let stream = connect(address);
    stdws::connect(format!("ws://{}", stream.local_addr().unwrap())).unwrap_err()
}

/// The rejection of a server that answers with these bytes.
fn refused(response: &'static str, client: impl FnOnce(SocketAddr) -> Client) -> Error {
    let (listener, address) = listen();
    let serving = spawn(move || {
        let mut stream = accept(&listener);
        read_head(&mut stream);
        stream.write_all(response.as_bytes()).unwrap();
    });
    let client = client(address);
    let error = spawn(move || client.connect().unwrap_err()).join();
    serving.join();
    error
}

/// A connection that was closed by a peer with this reason.
fn closed() -> Error {
    let (mut peer, ws) = pair(Side::Server);
    let sender = ws.sender();
    let echo = echo(ws);
    peer.send_close(1001, "gone\u{1b}[2J");
    peer.rest();
    drop(echo.join());
    sender.send("late").unwrap_err()
}

/// Shows promise P23.
#[test]
fn every_variant_says_what_happened_and_what_to_change() {
    let rows: [Row; 8] = [
        (io_error(), "failed listening on 127.0.0.1:", false, false, true),
        (connect_error(), "no connection to 127.0.0.1:", false, false, true),
        (Error::Timeout(Step::Write), "timed out writing to the network; see Timeouts::write", true, false, false),
        (
            refused("HTTP/1.1 503 Busy\r\n\r\n", |address| Client::new(format!("ws://{address}")).unwrap()),
            "the opening handshake failed: the server responded with status 503 instead of 101",
            false,
            false,
            true,
        ),
        (
            Error::Protocol(ProtocolError::MessageTooBig { length: 7, limit: 5 }),
            "the peer exceeded a limit: a message has at least 7 bytes; Limits::max_message_size is 5 (6455-10.4-1)",
            false,
            false,
            true,
        ),
        (Error::Closed(None), "the connection ended without a closing handshake (1006)", false, true, false),
        // The peer's reason is escaped.
        (closed(), "the connection is closed: 1001 \"gone\\u{1b}[2J\"", false, true, false),
        (
            Error::Usage(UsageError::CloseReasonTooLong(124)),
            "the close reason has 124 bytes; RFC 6455 section 5.5 allows at most 123",
            false,
            false,
            true,
        ),
    ];
    for (error, text, timeout, closed, source) in rows {
        assert!(error.to_string().starts_with(text), "{error}");
        assert_eq!(
            (error.is_timeout(), error.is_closed(), error.source().is_some()),
            (timeout, closed, source),
            "{error}"
        );
        assert!(!format!("{error:?}").is_empty() && format!("{:?}", error.clone()) == format!("{error:?}"));
        assert!(!error.to_string().contains(|c: char| c.is_control()), "{error:?}");
        // Every source has a text of its own.
        let mut source = error.source();
        while let Some(inner) = source {
            assert!(!inner.to_string().is_empty());
            source = inner.source();
        }
    }
}

#[test]
fn a_timeout_names_the_step_and_its_setting() {
    let rows = [
        (Step::Resolve, "Timeouts::connect"),
        (Step::ConnectQueue, "Timeouts::connect"),
        (Step::Connect, "Timeouts::connect"),
        (Step::Tls, "Timeouts::handshake"),
        (Step::Handshake, "Timeouts::handshake"),
        (Step::Receive, "in the call"),
        (Step::Message, "Timeouts::message"),
        (Step::Write, "Timeouts::write"),
        (Step::SendLock, "Timeouts::write"),
        (Step::Keepalive, "Timeouts::pong_timeout"),
        (Step::Pong, "Timeouts::pong_timeout"),
        (Step::Close, "Timeouts::close"),
    ];
    let mut texts: Vec<String> = rows
        .iter()
        .map(|(step, setting)| {
            let text = Error::Timeout(*step).to_string();
            assert!(text.contains(setting), "{text}");
            text
        })
        .collect();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), rows.len(), "two steps with the same text");
}

/// A connection attempt whose cause was the clock counts as a timeout.
#[test]
fn attempts_that_ran_out_of_time_are_timeouts() {
    let (_listener, address) = listen();
    let client = Client::new(format!("ws://{address}")).unwrap();
    let error = client.clone().connect_timeout(Duration::from_millis(1)).connect().unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    // Enough to connect.
    let error = client.connect_timeout(Duration::from_millis(1500)).connect().unwrap_err();
    assert!(error.is_timeout() && matches!(error, Error::Timeout(Step::Handshake)), "{error:?}");
}

/// Shows promise P23.
#[test]
fn each_error_has_a_message_of_its_own() {
    let usage_error = [
        UsageError::Url(UriErrorKind::Scheme),
        UsageError::TlsNotEnabled,
        UsageError::HeaderName("a b".into()),
        UsageError::ServerName(UriErrorKind::Port),
        UsageError::ReservedHeader("Host".into()),
        UsageError::HeaderValue("X".into()),
        UsageError::Subprotocol("a b".into()),
        UsageError::SubprotocolNotOffered("a".into()),
        UsageError::Status(99),
        UsageError::HeadersTooLarge,
        UsageError::Origin("a b".into()),
        UsageError::Credentials,
        UsageError::CloseReasonTooLong(124),
        UsageError::ControlPayloadTooLong(126),
        UsageError::SettingTooSmall { name: "Timeouts::close", least: "1ms".into() },
        UsageError::SettingTooLarge { name: "Server::stack_size", most: "1 GiB".into() },
        UsageError::CloseCode(1005),
        UsageError::TextNotUtf8,
    ];
    let uri = [
        UriErrorKind::Scheme,
        UriErrorKind::MissingHost,
        UriErrorKind::UnsupportedHost,
        UriErrorKind::Zone,
        UriErrorKind::ProxyZone,
        UriErrorKind::InvalidHostCharacter,
        UriErrorKind::Ipv6Address,
        UriErrorKind::Port,
        UriErrorKind::InvalidPathCharacter,
        UriErrorKind::Fragment,
        UriErrorKind::Userinfo,
        UriErrorKind::TooLong,
    ];
    let head = [
        HeadErrorKind::StartLineTooLong { limit: 65_536 },
        HeadErrorKind::TooManyFields { limit: 100 },
        HeadErrorKind::HeadTooLong { limit: 65_536 },
        HeadErrorKind::LineEnding,
        HeadErrorKind::ControlCharacter,
        HeadErrorKind::LineFolding,
        HeadErrorKind::StartLine,
        HeadErrorKind::FieldName,
        HeadErrorKind::ContentLength,
    ];
    let handshake = [
        HandshakeErrorKind::UnexpectedEof,
        HandshakeErrorKind::Response(ResponseErrorKind::Status(404)),
        HandshakeErrorKind::HttpVersion,
        HandshakeErrorKind::Request(RequestErrorKind::Method),
        HandshakeErrorKind::Request(RequestErrorKind::Target),
        HandshakeErrorKind::MissingHeader("Host"),
        HandshakeErrorKind::DuplicateHeader("Host"),
        HandshakeErrorKind::InvalidHeader("Host"),
        HandshakeErrorKind::Request(RequestErrorKind::UnsupportedVersion),
        HandshakeErrorKind::Response(ResponseErrorKind::SubprotocolNotOffered),
        HandshakeErrorKind::Response(ResponseErrorKind::EmptySubprotocol),
        HandshakeErrorKind::Response(ResponseErrorKind::ExtensionNotOffered),
        HandshakeErrorKind::Request(RequestErrorKind::OriginNotAllowed),
        HandshakeErrorKind::Overload(OverloadKind::Connections),
        HandshakeErrorKind::Overload(OverloadKind::Handshakes),
        HandshakeErrorKind::Overload(OverloadKind::Address),
        HandshakeErrorKind::Hook(HookErrorKind::Panicked),
        HandshakeErrorKind::Hook(HookErrorKind::InvalidAnswer(UsageError::Status(7))),
    ];
    let violations = [
        ProtocolError::ReservedBits(1),
        ProtocolError::UnknownOpcode(3),
        ProtocolError::FragmentedControlFrame,
        ProtocolError::UnexpectedContinuation,
        ProtocolError::ExpectedContinuation,
        ProtocolError::UnmaskedFrame,
        ProtocolError::MaskedFrame,
        ProtocolError::ControlFrameTooBig,
        ProtocolError::LengthNotMinimal,
        ProtocolError::LengthMostSignificantBit,
        ProtocolError::FrameTooBig { length: 2, limit: 1 },
        ProtocolError::MessageTooBig { length: 2, limit: 1 },
        ProtocolError::TooManyFragments { limit: 1 },
        ProtocolError::TextNotUtf8 { offset: 0 },
        ProtocolError::CloseBodyTooShort,
        ProtocolError::InvalidCloseCode(1005),
        ProtocolError::CloseReasonNotUtf8,
    ];
    for violation in violations {
        assert!(violation.to_string().ends_with(&format!("({})", violation.requirement())), "{violation}");
    }
    let mut texts: Vec<String> = usage_error.iter().map(ToString::to_string).collect();
    texts.extend(uri.iter().map(ToString::to_string));
    texts.extend(head.iter().map(ToString::to_string));
    texts.extend(handshake.iter().map(ToString::to_string));
    texts.extend(violations.iter().map(ToString::to_string));
    let count = texts.len();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), count);
    // A text that names a setting names one that exists.
    assert!(texts.iter().any(|text| text.contains("Server::allow_origin")));
}

/// For `Read` and `Write` over a message: the kind fits, and the error itself is inside.
#[test]
fn as_errors_of_io() {
    let rows = [
        (Error::Timeout(Step::Write), ErrorKind::TimedOut),
        (Error::Protocol(ProtocolError::MaskedFrame), ErrorKind::InvalidData),
        (Error::Closed(None), ErrorKind::ConnectionAborted),
        (Error::Usage(UsageError::TextNotUtf8), ErrorKind::InvalidInput),
        (connect_error(), ErrorKind::ConnectionRefused),
        (io_error(), ErrorKind::AddrInUse),
    ];
    for (error, kind) in rows {
        let text = error.to_string();
        let error = io::Error::from(error);
        assert_eq!(error.kind(), kind);
        let inner = error.into_inner().unwrap().downcast::<Error>().unwrap();
        assert_eq!(inner.to_string(), text);
    }
}

// ── secrets ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const SECRETS: [&str; 3] = ["secret", "c2VjcmV0", "%73ecret"];

fn assert_no_secret(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in: {text}");
    }
}

/// A client with a secret in each setting.
fn client_with_secrets(address: SocketAddr) -> Client {
    Client::new(format!("ws://secret:secret@{address}/path?token=secret"))
        .and_then(|client| client.header("Authorization", "Bearer secret"))
        .and_then(|client| client.header("Cookie", "session=secret"))
        .and_then(|client| client.header("X-Api-Key", "secret"))
        .unwrap()
}

#[test]
fn clients_and_their_errors_show_no_secrets() {
    let client = client_with_secrets("127.0.0.1:1".parse().unwrap());
    let shown = format!("{client:?} {client:#?}");
    assert!(shown.contains("127.0.0.1:1/path") && shown.contains("X-Api-Key"), "{shown}");
    assert_no_secret(&shown);

    let response = "HTTP/1.1 403 secret\r\nSet-Cookie: session=secret\r\nX: secret\r\nContent-Length: 6\r\n\r\nsecret";
    let error = refused(response, client_with_secrets);
    assert_no_secret(&format!("{error} {error:?} {error:#?} {}", error.source().unwrap()));
    let Error::Handshake(rejection) = error else { panic!("{error:?}") };
    assert_no_secret(&format!("{rejection} {rejection:?} {rejection:#?}"));
    // It is available by its method.
    assert_eq!((rejection.header("Set-Cookie"), rejection.body()), (Some("session=secret"), &b"secret"[..]));

    for url in
        ["http://secret:secret@h/", "ws://secret:sec%ret@h/", "ws://secret@h/#secret", "ws://h/secret\u{e9}%", "secret"]
    {
        let error = Client::new(url).unwrap_err();
        assert_no_secret(&format!("{error} {error:?}"));
    }
    let error = Client::new("ws://h").and_then(|client| client.header("Cookie", "secret\r\n")).unwrap_err();
    assert_no_secret(&format!("{error} {error:?}"));
    let error = Client::new("wss://secret:secret@h/?secret").and_then(|client| client.connect()).unwrap_err();
    assert_no_secret(&format!("{error} {error:?}"));
}

/// An open connection, its halves, its request and its response.
#[test]
fn connections_show_no_secrets() {
    let _watchdog = watchdog();
    let (sender, shown) = std::sync::mpsc::channel();
    let handler = move |mut ws: stdws::WebSocket| -> Result<()> {
        let request = ws.request().unwrap();
        assert_eq!(request.query(), Some("token=secret"));
        assert_eq!(request.header("Cookie"), Some("session=secret"));
        let mut shown = format!("{request:?} {request:#?} {ws:?} {ws:#?} {:?} ", ws.sender());
        shown += &format!("{:?} ", ws.messages());
        let message = ws.recv()?;
        assert_eq!(message.unwrap().as_text(), Some("secret"));
        let stream = ws.send_stream(stdws::MessageKind::Text)?;
        shown += &format!("{stream:?}");
        stream.finish()?;
        drop(sender.send(shown));
        Ok(())
    };
    let server = Server::bind("127.0.0.1:0").unwrap();
    let shown_before = format!("{server:?}");
    let server = server.start(handler).unwrap();
    assert_no_secret(&format!("{shown_before} {server:?}"));
    let mut ws = client_with_secrets(server.local_addr().unwrap()).connect().unwrap();
    ws.send("secret").unwrap();
    assert_no_secret(&format!("{ws:?} {ws:#?} {:?}", ws.sender()));
    let text = shown.recv_timeout(LONG).unwrap();
    assert!(text.contains("/path"), "{text}");
    assert_no_secret(&text);
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(""));
    assert!(ws.recv().unwrap().is_none());

    // The response of a server that sets a cookie.
    let (listener, address) = listen();
    let serving = spawn(move || {
        let mut stream = accept(&listener);
        read_head(&mut stream);
        let response = RESPONSE.replace("\r\n\r\n", "\r\nSet-Cookie: session=secret\r\nX: secret\r\n\r\n");
        stream.write_all(response.as_bytes()).unwrap();
        stream
    });
    let ws = client(&format!("ws://{address}")).connect().unwrap();
    let response = ws.response().unwrap();
    assert_eq!(response.header("set-cookie"), Some("session=secret"));
    assert_no_secret(&format!("{response:?} {response:#?} {ws:?}"));
    drop((ws, serving.join()));
}

/// The error and the response for a rejected request.
#[test]
fn handshake_errors_of_a_server_show_no_secrets() {
    let request =
        "GET /?secret HTTP/1.1\r\nHost: secret\r\nAuthorization: Basic c2VjcmV0OnNlY3JldA==\r\nCookie: secret\r\n\
        Upgrade: secret\r\nOrigin: http://secret\r\n\r\n";
    let written = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    struct Keep(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
    impl Write for Keep {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let timeouts = Timeouts { handshake: LONG, ..Timeouts::default() };
    let server = Server::without_listener().timeouts(timeouts);
    let error = server.accept_over(stdws::SplitStream::new(request.as_bytes(), Keep(written.clone()))).unwrap_err();
    assert_no_secret(&format!("{error} {error:?} {server:?}"));
    let answer = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert_no_secret(&answer);
}

/// What a peer sent is not in the error that it caused.
#[test]
fn protocol_errors_show_no_payload() {
    let (mut peer, ws) = pair(Side::Server);
    let echo = echo(ws);
    peer.send_frame(FIN | TEXT, b"secret\xFF");
    assert_eq!(peer.rest(), [(FIN | CLOSE, close_body(CloseCode::INVALID_PAYLOAD.as_u16(), "6455-8.1-1"))]);
    drop(peer);
    let error = echo.join().end.unwrap_err();
    assert_no_secret(&format!("{error} {error:?}"));
}

/// Shows promise P23.
#[test]
fn limits_and_rare_errors_are_named_in_full() {
    let usage = [
        (UsageError::HostNameTooLong(256), "the host name has 256 bytes; SOCKS5 allows at most 255"),
        (
            UsageError::TopicNameTooLong { length: 9, limit: 8 },
            "the name of the topic has 9 bytes; HubLimits::max_topic_length is 8",
        ),
        (UsageError::TooManyTopics(7), "the member has 7 topics already; HubLimits::max_topics is 7"),
        (
            UsageError::ProxyUrl(UriErrorKind::ProxyPath, None),
            "the URL of the proxy is invalid: the URL of a proxy must end after the port",
        ),
    ];
    for (error, text) in usage {
        assert_eq!(error.to_string(), text);
    }
    let handshake: [(HandshakeErrorKind, &str); 4] = [
        (RequestErrorKind::HostNotAllowed.into(), "the host is not allowed; see Server::allow_host"),
        (ResponseErrorKind::InvalidProof.into(), "the response to the challenge is wrong"),
        (
            ResponseErrorKind::StatusLine.into(),
            "the status line is not the one that this version of the protocol requires",
        ),
        (HeadErrorKind::Tls.into(), &HeadErrorKind::Tls.to_string()),
    ];
    for (error, text) in handshake {
        assert_eq!(error.to_string(), text);
    }
    assert_eq!(ProtocolError::UnsolicitedPong.to_string(), "a Pong has no Ping (hybi01-4.4-1)");
    assert_eq!(RedirectErrorKind::Downgrade.to_string(), "it redirects from wss to a URL without TLS");
    for step in [Step::Listen, Step::Read, Step::RandomSource, Step::Thread] {
        assert!(Error::Timeout(step).to_string().ends_with("; the system set the timeout"));
    }
}
