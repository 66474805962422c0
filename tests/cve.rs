//! Published vulnerabilities of other libraries, tried against this one.
//!
//! Those that have their test elsewhere, with the features they concern:
//!
//! | advisory | test |
//! |---|---|
//! | CVE-2026-54463, a length of a draft without an end | `src/legacy/codec/tests.rs: unknown_hixie_frames_are_ignored_up_to_the_limit` |
//! | hixie-76, division by zero spaces | `src/legacy/handshake/proof.rs: keys_without_a_number` |
//! | CVE-2026-54464, a limit on compressed bytes | `tests/deflate.rs: the_message_limit_counts_decompressed_bytes` |
//! | CVE-2026-134813, GHSA-x8v2-478q-2hvg, CVE-2026-83599, WSA-2026-1, the same | `tests/deflate.rs: cve_2026_134813_ghsa_x8v2_478q_2hvg_cve_2026_83599_wsa_2026_1_limit_before_inflating` |
//! | CVE-2026-1526, no limit on inflated bytes | `tests/deflate.rs: cve_2026_1526_no_limit_after_inflating` |
//! | CVE-2026-39804, CVE-2018-1000518, CVE-2026-27571, decompression bombs | `tests/deflate_hostile.rs: a_server_survives_mutated_input` |
//! | CVE-2026-2229, a window outside 8 to 15 | `tests/deflate.rs: compression_needs_the_consent_of_both_sides` |
//! | zlib, the window of 8 bits | `tests/deflate.rs: client_and_server_with_every_setting` |
//! | wsproto 205, a Ping between compressed fragments | `tests/deflate.rs: the_examples_of_the_rfc` |
//! | CVE-2020-11050, CVE-2020-15133, CVE-2020-15134, certificates not verified | `tests/tls/handshake.rs: a_certificate_that_cannot_be_trusted_ends_it_and_is_named` |
//! | CVE-2021-33880, credentials compared byte by byte | `tests/auth.rs: constant_time_eq_does_not_stop_at_the_first_difference` |
//!
//! Complaints of users about a popular library follow. `cve_memory.rs` tests the memory after a large message.

#[path = "support/wire.rs"]
mod wire;

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use stdws::handshake::uri::Uri;
use stdws::{
    Client, Error, HandshakeError, HandshakeErrorKind, HeadErrorKind, Limits, ProtocolError, Proxy, ProxyErrorKind,
    ResponseErrorKind, Server, ServerHandle, Step, Timeouts, UriErrorKind, UsageError,
};
use wire::*;

/// An echo server.
fn server() -> ServerHandle {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let handler = |mut ws: stdws::WebSocket| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    };
    server.start(handler).unwrap()
}

/// Every row of the table above names a test that exists.
#[test]
fn every_advisory_has_its_test() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = include_str!("cve.rs").lines().filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix("` |"));
    let mut count = 0;
    for row in rows {
        let (advisory, test) = row.split_once(" | `").unwrap();
        let (file, name) = test.split_once(": ").unwrap();
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let function = text.split_once(&format!("fn {name}() {{")).unwrap_or_else(|| panic!("{advisory}: {test}"));
        assert!(function.0.trim_end().ends_with("#[test]"), "{advisory}: {test}");
        count += 1;
    }
    assert_eq!(count, 11);
}

/// The complete response to these bytes.
fn ask(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

/// The example request with these lines added.
fn request_with(fields: &str) -> Vec<u8> {
    REQUEST.replace("\r\n\r\n", &format!("\r\n{fields}\r\n")).into_bytes()
}

fn response_with(fields: &str) -> Vec<u8> {
    RESPONSE.replace("\r\n\r\n", &format!("\r\n{fields}\r\n")).into_bytes()
}

/// The result of a client for this response, and its request.
fn answered(
    response: impl Into<Vec<u8>>,
    url: impl FnOnce(SocketAddr) -> String,
) -> (stdws::Result<stdws::WebSocket>, String) {
    answered_by(response, url, |client, _| client)
}

/// The same, with a client configured by `set`.
fn answered_by(
    response: impl Into<Vec<u8>>,
    url: impl FnOnce(SocketAddr) -> String,
    set: impl FnOnce(Client, SocketAddr) -> Client,
) -> (stdws::Result<stdws::WebSocket>, String) {
    let response = response.into();
    let (listener, address) = listen();
    let serving = spawn(move || {
        let mut stream = accept(&listener);
        let request = read_head(&mut stream);
        // A client that rejects the first part need not read the rest.
        let _ = stream.write_all(&response);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
        request
    });
    let client = set(client(&url(address)), address);
    let result = spawn(move || {
        client.connect().map(|mut ws| {
            ws.abort();
            ws
        })
    })
    .join();
    (result, serving.join())
}

fn refused(response: impl Into<Vec<u8>>) -> HandshakeError {
    match answered(response, |address| format!("ws://{address}")).0 {
        Err(Error::Handshake(rejection)) => rejection,
        other => panic!("{other:?}"),
    }
}

/// The violation that these bytes cause.
fn violation(side: Side, limits: Limits, bytes: &[u8]) -> ProtocolError {
    let (mut peer, ws) = pair_with(side, limits, Timeouts::default());
    let echo = echo(ws);
    peer.send(bytes);
    assert_eq!(peer.rest().pop().unwrap().0, FIN | CLOSE);
    drop(peer);
    match echo.join().end {
        Err(Error::Protocol(violation)) => violation,
        other => panic!("{other:?}"),
    }
}

// ── heads ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/// faye's websocket-driver stored an unlimited number of headers, also in the response of a proxy to CONNECT. Here,
/// the number of fields and the size of all lines are limited in requests, responses and proxy responses.
#[test]
fn cve_2026_54465_unbounded_header_list() {
    let server = server();
    let rows = [
        ("A: b\r\n".repeat(101), HeadErrorKind::TooManyFields { limit: 100 }),
        (format!("A: {}\r\n", "b".repeat(65_536)), HeadErrorKind::HeadTooLong { limit: 65_536 }),
        (format!("A: {}\r\n", "b".repeat(8000)).repeat(9), HeadErrorKind::HeadTooLong { limit: 65_536 }),
    ];
    for (fields, kind) in rows {
        assert!(ask(server.local_addr().unwrap(), &request_with(&fields)).starts_with("HTTP/1.1 431 "), "{kind}");
        assert_eq!(refused(response_with(&fields)).kind(), &HandshakeErrorKind::Head(kind));
        let (url, proxy) =
            (|_| "ws://far.invalid/".to_owned(), |address: SocketAddr| Proxy::http(&address.to_string()));
        match answered_by(format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), url, |c, at| c.proxy(proxy(at).unwrap())).0 {
            Err(Error::Proxy(error)) => assert_eq!(error.kind(), ProxyErrorKind::Head(kind)),
            other => panic!("{other:?}"),
        }
    }
}

/// An invalid Host raised an uncaught exception.
#[test]
fn cve_2026_61666_malformed_host() {
    let server = server();
    for host in ["[::1", "a b", "@", "a:b:c", "\u{e9}", "[]:80", ":80", "a:99999999999999999999", "%zz", "a,b", "//"] {
        let request = REQUEST.replace("server.example.com", host);
        assert!(ask(server.local_addr().unwrap(), request.as_bytes()).starts_with("HTTP/1.1 400 "), "{host}");
    }
    // The server still responds.
    let mut stream = connect(server.local_addr().unwrap());
    stream.write_all(REQUEST.as_bytes()).unwrap();
    assert_eq!(read_head(&mut stream), RESPONSE);
}

/// ws for Node dropped the headers above its limit, including Upgrade, and then crashed because of the missing header.
#[test]
fn cve_2024_37890_headers_above_the_limit() {
    let server = server();
    let request = |before: usize| REQUEST.replace("Host:", &format!("{}Host:", "X: y\r\n".repeat(before)));
    // 100 fields are within the limit.
    let mut stream = connect(server.local_addr().unwrap());
    stream.write_all(request(95).as_bytes()).unwrap();
    assert_eq!(read_head(&mut stream), RESPONSE);
    for before in [96, 200] {
        let answer = ask(server.local_addr().unwrap(), request(before).as_bytes());
        assert!(answer.starts_with("HTTP/1.1 431 "), "{before}: {answer}");
        let response = RESPONSE.replace("Upgrade: w", &format!("{}Upgrade: w", "X: y\r\n".repeat(before + 2)));
        assert_eq!(refused(response).kind(), &HandshakeErrorKind::Head(HeadErrorKind::TooManyFields { limit: 100 }));
    }
}

/// ws and websocket-extensions took quadratic and exponential time for lists such as an unclosed quoted string.
/// Shows promise P7.
#[test]
fn cve_2021_32640_cve_2020_7662_cve_2020_7663_header_lists_in_one_pass() {
    let server = server();
    let start = Instant::now();
    let unclosed = format!("a; b=\"{}", "\\c".repeat(4000));
    let lists = [
        unclosed.clone(),
        "a,".repeat(4000) + "=",
        "a; b".repeat(1900) + "\"",
        " ".repeat(8000) + "\"",
        "\"".repeat(8000),
    ];
    for list in lists {
        let field = format!("Sec-WebSocket-Extensions: {list}\r\n");
        assert!(ask(server.local_addr().unwrap(), &request_with(&field)).starts_with("HTTP/1.1 400 "));
        refused(response_with(&field));
    }
    let field = format!("Sec-WebSocket-Extensions: {unclosed}\r\n").repeat(7);
    assert!(ask(server.local_addr().unwrap(), &request_with(&field)).starts_with("HTTP/1.1 400 "));
    // Subprotocols are compared with each other: the maximum number in a head.
    let names: Vec<String> = (0..1500).map(|n| format!("{n:x}")).collect();
    let field = format!("Sec-WebSocket-Protocol: {}\r\n", names.join(",")).repeat(7);
    assert!(ask(server.local_addr().unwrap(), &request_with(&field)).starts_with("HTTP/1.1 400 "));
    for name in ["Connection", "Upgrade"] {
        let field = format!("{name}: {}\r\n", ",".repeat(8000)).repeat(6);
        let mut stream = connect(server.local_addr().unwrap());
        stream.write_all(&request_with(&field)).unwrap();
        stream.read_exact(&mut [0; 12]).unwrap();
    }
    assert!(start.elapsed() < LONG / 4, "{:?}", start.elapsed());
}

/// tungstenite parsed the whole head again after every read: 20 MB in small pieces cost five minutes. Byte by byte, 64
/// KiB would be two billion parsed bytes; here they are rejected at the limit, in time.
/// Shows promise P7.
#[test]
fn cve_2023_43669_head_parsed_once() {
    let fields = format!("X: {}\r\n", "y".repeat(4000)).repeat(17);
    let _watchdog = watchdog();
    // So many writes take long on a slow machine.
    let timeouts = Timeouts { connect: LONG, handshake: LONG, ..Timeouts::default() };

    let server = Server::bind("127.0.0.1:0").unwrap().timeouts(timeouts).start(|_| Ok(())).unwrap();
    let mut stream = connect(server.local_addr().unwrap());
    let request = request_with(&fields);
    // All but the end, which would still be in flight when the response arrives.
    let limit = 65_536;
    request[..=limit].chunks(1).for_each(|byte| stream.write_all(byte).unwrap());
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");

    let (listener, address) = listen();
    let client = Client::new(format!("ws://{address}")).unwrap().timeouts(timeouts);
    let connecting = spawn(move || client.connect());
    let mut stream = accept(&listener);
    read_head(&mut stream);
    for byte in response_with(&fields)[..=limit].chunks(1) {
        stream.write_all(byte).unwrap();
    }
    match connecting.join() {
        Err(Error::Handshake(rejection)) => {
            assert_eq!(rejection.kind(), &HandshakeErrorKind::Head(HeadErrorKind::HeadTooLong { limit: 65_536 }));
        }
        other => panic!("{other:?}"),
    }
}

/// Autobahn copied the URL of a redirect into a header: a line break in it started another header.
#[test]
fn cve_2020_35678_header_injection() {
    let client = || Client::new("ws://h/").unwrap();
    for bad in ["a\r\nX: y", "a\nX: y", "a\rb", "a\0b", "a\u{e9}", "a\x7f", "a\x1b"] {
        let error = client().header("X", bad).unwrap_err();
        assert!(matches!(error, Error::Usage(UsageError::HeaderValue(_))), "{bad:?}");
        assert!(matches!(client().header(bad, "x"), Err(Error::Usage(UsageError::HeaderName(_)))), "{bad:?}");
        assert!(matches!(client().origin(bad), Err(Error::Usage(UsageError::Origin(_)))), "{bad:?}");
        assert!(matches!(client().subprotocol(bad), Err(Error::Usage(UsageError::Subprotocol(_)))), "{bad:?}");
        for url in [format!("ws://h/{bad}"), format!("ws://h/?{bad}"), format!("ws://{bad}/"), format!("ws://h:{bad}/")]
        {
            match Client::new(&url) {
                Err(Error::Usage(UsageError::Url(_))) => {}
                // Letters are converted; what is sent is visible ASCII.
                Ok(_) if bad == "a\u{e9}" => {
                    let uri = Uri::parse(&url).unwrap();
                    let sent = [uri.resource(), &uri.host_header()].concat();
                    assert!(sent.bytes().all(|byte| byte.is_ascii_graphic()), "{url:?}");
                }
                other => panic!("{url:?}: {other:?}"),
            }
        }
    }
    // A percent-encoded line break is encoded in base64 or rejected.
    assert!(matches!(Client::new("ws://u:a%0D%0AX@h/"), Err(Error::Usage(UsageError::Credentials))));
    // The URL of a redirect is requested unchanged or rejected.
    let asked = redirected("/a?%0D%0AX-Evil:%20yes");
    assert!(asked.starts_with("GET /a?%0D%0AX-Evil:%20yes HTTP/1.1\r\nHost: "), "{asked}");
    assert!(!asked.to_ascii_lowercase().contains("\nx-evil"), "{asked}");
}

/// Follows a redirect to this location on the same server, and returns the second request.
fn redirected(location: &str) -> String {
    let (listener, address) = listen();
    let answers = [format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n"), RESPONSE.to_owned()];
    let serving = spawn(move || {
        let [_, second] = answers.map(|answer| {
            let mut stream = accept(&listener);
            let request = read_head(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
            request
        });
        second
    });
    let client = client(&format!("ws://{address}")).max_redirects(1);
    // The second request has another key, so the sample response is invalid.
    assert!(matches!(spawn(move || client.connect()).join(), Err(Error::Redirect(_))));
    serving.join()
}

/// Any web page could connect with the user's cookies to servers that did not check Origin.
/// Shows the answer to opera-33.
/// Shows promise P14.
#[test]
fn cve_2019_13611_cross_site_hijacking() {
    let server = server();
    for origin in [
        "http://evil.example",
        "null",
        "http://server.example.com.evil.example",
        "http://server.example.com@evil.example",
    ] {
        let answer =
            ask(server.local_addr().unwrap(), &request_with(&format!("Origin: {origin}\r\nCookie: session=1\r\n")));
        assert!(answer.starts_with("HTTP/1.1 403 "), "{origin}: {answer}");
    }
}

/// ws and websockets sent Authorization and Cookie to the target of a redirect. Here, redirects are followed only on
/// request, and without these headers. See also `redirects.rs`.
#[test]
fn credentials_do_not_follow_a_redirect() {
    let (elsewhere, target) = listen();
    let response = format!("HTTP/1.1 302 Found\r\nLocation: ws://{target}/\r\nContent-Length: 0\r\n\r\n");
    let rejection = refused(response.clone());
    assert_eq!((rejection.status(), rejection.header("location")), (Some(302), Some(&*format!("ws://{target}/"))));
    elsewhere.set_nonblocking(true).unwrap();
    assert_eq!(elsewhere.accept().unwrap_err().kind(), ErrorKind::WouldBlock);

    elsewhere.set_nonblocking(false).unwrap();
    let away = spawn(move || {
        let mut stream = accept(&elsewhere);
        let request = read_head(&mut stream);
        stream.write_all(RESPONSE.as_bytes()).unwrap();
        request
    });
    let with_secrets = |client: Client, _| {
        let client = client.basic_auth("ann", "S3CRET").unwrap().cookie("session", "S3CRET").unwrap();
        client.header("Proxy-Authorization", "S3CRET").unwrap().max_redirects(1)
    };
    let (result, first) = answered_by(response, |address| format!("ws://u:S3CRET@{address}"), with_secrets);
    // The second request has another key, so the sample response is invalid.
    assert!(matches!(result, Err(Error::Redirect(_))), "{result:?}");
    let second = away.join();
    assert!(
        first.contains("Authorization: Basic YW5uOlMzQ1JFVA==") && first.contains("Cookie: session=S3CRET"),
        "{first}"
    );
    for secret in ["uthorization", "ookie", "S3CRET"] {
        assert!(!second.contains(secret), "{second}");
    }
}

/// Mint accepted "+0" as a length and others did not, so that they disagreed about the end of a message.
#[test]
fn cve_2026_49753_content_length_plus_zero() {
    let server = server();
    for length in ["+0", "-0", "0x0", "0, 1", "", "00000000000000000000000000000000000000001"] {
        let answer = ask(server.local_addr().unwrap(), &request_with(&format!("Content-Length: {length}\r\n")));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{length}: {answer}");
        let rejection = refused(format!("HTTP/1.1 403 No\r\nContent-Length: {length}\r\n\r\nbody"));
        assert_eq!((rejection.status(), rejection.body()), (Some(403), &b""[..]), "{length}");
    }
}

// ── frames ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// ws 8.21 and undici had a high cost for each fragment and did not count empty ones: millions of them took minutes.
/// Shows promise P7.
#[test]
fn ws_2026_05_undici_2026_06_tiny_fragments() {
    for side in SIDES {
        for payload in [&b""[..], b"x"] {
            let one = side.frame(CONTINUATION, payload);
            let mut bytes = side.frame(BINARY, payload);
            bytes.extend(one.repeat(131_071));
            let (mut peer, ws) = pair(side);
            let echo = echo(ws);
            peer.send(&bytes);
            // The maximum number, and one more.
            peer.send_frame(FIN | PING, b"still there");
            assert_eq!(peer.next(), (FIN | PONG, b"still there".to_vec()));
            peer.send(&one);
            assert_eq!(peer.rest(), [(FIN | CLOSE, close_body(1009, "at most 131072 fragments in a message"))]);
            drop(peer);
            let Err(Error::Protocol(violation)) = echo.join().end else { panic!("no violation") };
            assert_eq!(violation, ProtocolError::TooManyFragments { limit: 131_072 });
        }
    }
}

/// Bandit assembled fragments without a limit; the first fix counted all of them again for each fragment.
#[test]
fn cve_2026_42786_cve_2026_65623_unbounded_reassembly() {
    for side in SIDES {
        let limit = 1 << 20;
        let mut bytes = side.frame(BINARY, b"x");
        bytes.extend(side.frame(CONTINUATION, b"x").repeat(99_999));
        bytes.extend(side.frame(CONTINUATION, &vec![0; limit - 100_000]));
        // After the header: the payload byte is not sent.
        bytes.extend(side.header(CONTINUATION, 1));
        let violation = violation(side, Limits::with_max_message_size(limit as u64), &bytes);
        assert_eq!(violation, ProtocolError::MessageTooBig { length: limit as u64 + 1, limit: limit as u64 });
    }
}

/// Bandit inverted the check whether a client frame is masked.
#[test]
fn ghsa_rhh8_5xw9_c3gm_wrong_masking() {
    let limits = Limits::client();
    assert_eq!(violation(Side::Server, limits, &Side::Client.frame(FIN | TEXT, b"a")), ProtocolError::UnmaskedFrame);
    assert_eq!(violation(Side::Client, limits, &Side::Server.frame(FIN | TEXT, b"a")), ProtocolError::MaskedFrame);
}

/// gorilla, NATS and Tomcat let a 64-bit length overflow, become negative, or cause an endless loop.
#[test]
fn cve_2020_27813_cve_2026_27889_cve_2020_13935_lengths_of_64_bits() {
    for side in SIDES {
        let limits = Limits::with_max_message_size(1000);
        for top in [0x80, 0xFF] {
            // 6455-5.2-5: the first byte of the length is enough.
            let bytes = [0x82, if side == Side::Server { 0xFF } else { 0x7F }, top];
            assert_eq!(violation(side, limits, &bytes), ProtocolError::LengthMostSignificantBit, "{side:?}");
        }
        let most = i64::MAX as u64;
        let bytes = side.header(FIN | BINARY, most);
        assert_eq!(violation(side, limits, &bytes), ProtocolError::MessageTooBig { length: most, limit: 1000 });
        // Also not by addition.
        let bytes = [side.frame(BINARY, &[0; 1000]), side.header(FIN | CONTINUATION, most)].concat();
        assert_eq!(violation(side, limits, &bytes), ProtocolError::MessageTooBig { length: most + 1000, limit: 1000 });
    }
}

/// undici combined the length incorrectly from two halves of 32 bits; two libraries for the drafts read 2^32 + 2 as 2
/// and parsed the payload as frames. Tests every power of two and its neighbours.
#[test]
fn undici_2026_02_and_lengths_of_64_bits_read_as_32() {
    for side in SIDES {
        for power in 7..63 {
            for length in [(1_u64 << power) - 1, 1 << power, (1 << power) + 2] {
                let limits = Limits::with_max_message_size(126);
                let bytes = [side.header(FIN | BINARY, length), side.frame(FIN | TEXT, b"hi")].concat();
                let violation = violation(side, limits, &bytes);
                assert_eq!(violation, ProtocolError::MessageTooBig { length, limit: 126 }, "{side:?}");
            }
        }
    }
}

/// curl masked all frames of a connection with one key.
#[test]
fn cve_2025_10148_one_masking_key_per_connection() {
    let (listener, address) = listen();
    // The random source of the system; a server of this crate answers the handshake key.
    let server = server();
    let connecting = spawn(move || stdws::connect(format!("ws://{address}")).unwrap());
    let mut stream = accept(&listener);
    let request = read_head(&mut stream);
    let mut real = connect(server.local_addr().unwrap());
    real.write_all(request.as_bytes()).unwrap();
    stream.write_all(read_head(&mut real).as_bytes()).unwrap();
    let mut ws = connecting.join();
    for _ in 0..100 {
        ws.send("same").unwrap();
    }
    ws.abort();
    let frames = parse_all(&read_all(&mut stream));
    let mut keys: Vec<_> = frames.iter().map(|frame| frame.key.unwrap()).collect();
    assert_eq!(keys.len(), 100);
    keys.sort_unstable();
    keys.dedup();
    assert!(keys.len() > 98, "{} keys for 100 frames", keys.len());
}

/// curl answered Pings in an endless loop and queued Pongs without a bound. 6455-5.5.3-1: a peer that sends Pings and
/// does not read gets only what fits into the buffers; of the Pings without room, only the latest is answered.
#[test]
fn cve_2025_5399_cve_2026_11586_pongs_without_bound() {
    const COUNT: u32 = 150_000;
    for side in SIDES {
        let (mut peer, ws) = pair(side);
        let echo = echo(ws);
        let payload = |n: u32| [n.to_be_bytes().as_slice(), &[b'.'; 121]].concat();
        for first in (0..COUNT).step_by(1000) {
            let bytes: Vec<u8> = (first..first + 1000).flat_map(|n| side.frame(FIN | PING, &payload(n))).collect();
            peer.send(&bytes);
        }
        let mut last = None;
        let mut answers = 0;
        while last != Some(COUNT - 1) {
            let (first, answer) = peer.next();
            assert_eq!(first, FIN | PONG);
            let number = u32::from_be_bytes(answer[..4].try_into().unwrap());
            assert!(answer == payload(number) && last < Some(number), "{last:?}, {number}");
            last = Some(number);
            answers += 1;
        }
        assert!(answers < COUNT, "nothing was left out");
        peer.send_close(1000, "");
        assert_eq!(peer.rest_and_end(), [(FIN | CLOSE, close_body(1000, ""))]);
        echo.join().end.unwrap();
    }
}

/// The websocket crate allocated the length that a header declared; another library reserves 16 MiB for a header of 14
/// bytes. No machine has the memory declared here: reserving it aborts the process.
/// Shows promise P6.
#[test]
fn cve_2022_35922_allocates_the_declared_length() {
    for side in SIDES {
        for first in [FIN | TEXT, BINARY, FIN | BINARY] {
            let (mut peer, ws) = pair_with(side, Limits::with_max_message_size(u64::MAX), Timeouts::default());
            let echo = echo(ws);
            peer.send(&side.header(first, 1 << 62));
            peer.send(&[KEY; 5000].concat());
            peer.end();
            let outcome = echo.join();
            assert!(matches!(outcome.end, Err(Error::Closed(None)) | Err(Error::Protocol(_))), "{outcome:?}");
        }
    }
}

/// The output buffer of ws for Rust grew without a bound when the peer did not read.
#[test]
fn cve_2020_35896_outgoing_buffer_without_bound() {
    for side in SIDES {
        let timeouts = Timeouts { write: Duration::from_millis(200), ..Timeouts::default() };
        let (_peer, mut ws) = pair_with(side, Limits::client(), timeouts);
        let mut queued = 0_u64;
        let error = loop {
            match ws.queue(&[0; 1000]) {
                Ok(()) => queued += 1000,
                Err(error) => break error,
            }
            // More than the buffers of any system.
            assert!(queued < 256 << 20, "there is no end to it");
        };
        assert!(matches!(error, Error::Timeout(Step::Write)), "{error:?}");
    }
}

/// websockets 1715 silently truncated data one byte over its limit. (There it was the output of compression.)
#[test]
fn websockets_1715_one_byte_over_the_limit() {
    for side in SIDES {
        for cut in [0, 1, 500, 1000] {
            let (mut peer, ws) = pair_with(side, Limits::with_max_message_size(1000), Timeouts::default());
            let echo = echo(ws);
            peer.send_frame(BINARY, &vec![1; cut]);
            peer.send_frame(FIN | CONTINUATION, &vec![1; 1000 - cut]);
            assert_eq!(peer.next(), (FIN | BINARY, vec![1; 1000]));
            peer.send_frame(BINARY, &vec![1; cut]);
            peer.send_frame(FIN | CONTINUATION, &vec![1; 1001 - cut]);
            assert_eq!(peer.rest(), [(FIN | CLOSE, close_body(1009, "at most 1000 bytes in a message"))]);
            drop(peer);
            assert_eq!(echo.join().messages.len(), 1);
        }
    }
}

/// A runtime lost the code of a Close that arrived in two reads.
#[test]
fn close_split_over_reads() {
    for side in SIDES {
        let bytes = side.frame(FIN | CLOSE, &close_body(4321, "why"));
        for cut in 1..bytes.len() {
            let (mut peer, mut ws) = pair(side);
            peer.send(&bytes[..cut]);
            // The first part has been read when the call returns.
            assert!(ws.recv_timeout(Duration::from_millis(2)).unwrap_err().is_timeout());
            let echo = echo(ws);
            peer.send(&bytes[cut..]);
            assert_eq!(peer.rest_and_end(), [(FIN | CLOSE, close_body(4321, ""))]);
            let info = echo.join().info.unwrap();
            assert_eq!((info.code().as_u16(), info.reason()), (4321, "why"), "{side:?}, {cut}");
        }
    }
}

/// wsproto lost the state of a message at a Ping between its fragments.
#[test]
fn wsproto_205_ping_between_fragments() {
    for side in SIDES {
        let (mut peer, ws) = pair(side);
        let echo = echo(ws);
        peer.send_frame(TEXT, b"\xE2\x82");
        for opcode in [PING, PONG, PING] {
            peer.send_frame(FIN | opcode, b"\xFF");
        }
        peer.send_frame(CONTINUATION, b"\xAC");
        peer.send_frame(FIN | PING, b"");
        peer.send_frame(FIN | CONTINUATION, b"!");
        let mut frames: Vec<_> = (0..4).map(|_| peer.next()).collect();
        frames.retain(|frame| frame.0 != FIN | PONG);
        assert_eq!(frames, [(FIN | TEXT, "\u{20ac}!".into())], "{side:?}");
        peer.send_close(1000, "");
        peer.rest_and_end();
        echo.join().end.unwrap();
    }
}

/// Several libraries wait for the end of a text frame of 1 MiB that begins with 0xFF.
#[test]
fn text_frame_that_begins_with_an_invalid_byte() {
    for side in SIDES {
        let whole = side.frame(FIN | TEXT, &vec![0xFF; 1 << 20]);
        let begin = &whole[..side.header(FIN | TEXT, 1 << 20).len() + 1];
        assert_eq!(violation(side, Limits::client(), begin), ProtocolError::TextNotUtf8 { offset: 0 });
    }
}

// ── complaints of users about a popular library ─────────────────────────────────────────────────────────────────────

/// It continues to read after reserved bits, invalid UTF-8 and wrong masking, and sends nothing.
#[test]
fn complaint_reads_on_after_a_violation() {
    for side in SIDES {
        let wrong = if side == Side::Client { Side::Server } else { Side::Client };
        let masking = if side == Side::Client { "6455-5.1-5" } else { "6455-5.1-2" };
        let rows = [
            (side.frame(FIN | 0x40 | TEXT, b"a"), 1002, "6455-5.2-3"),
            (side.frame(FIN | TEXT, &[0xC3, 0x28]), 1007, "6455-8.1-1"),
            (wrong.frame(FIN | TEXT, b"a"), 1002, masking),
        ];
        for (bytes, code, reason) in rows {
            let (mut peer, ws) = pair(side);
            let echo = echo(ws);
            peer.send(&bytes);
            peer.send_frame(FIN | TEXT, b"next");
            assert_eq!(peer.rest(), [(FIN | CLOSE, close_body(code, reason))], "{side:?}");
            drop(peer);
            assert_eq!(echo.join().messages, [""; 0]);
        }
    }
}

/// A plain GET and an unsupported version get no response.
#[test]
fn complaint_no_answer_to_plain_http() {
    let server = server();
    let plain = ask(server.local_addr().unwrap(), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(plain.starts_with("HTTP/1.1 426 ") && plain.contains("\r\nUpgrade: websocket\r\n"), "{plain}");
    let version = ask(server.local_addr().unwrap(), REQUEST.replace("Version: 13", "Version: 8").as_bytes());
    assert!(version.starts_with("HTTP/1.1 426 ") && version.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{version}");
    let garbage = ask(server.local_addr().unwrap(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC");
    assert!(garbage.starts_with("HTTP/1.1 400 "), "{garbage}");
}

#[test]
fn complaint_accepts_an_extension_that_was_not_offered() {
    let rejection = refused(response_with("Sec-WebSocket-Extensions: permessage-deflate\r\n"));
    assert_eq!(rejection.kind(), &HandshakeErrorKind::Response(ResponseErrorKind::ExtensionNotOffered));
}

#[test]
fn complaint_accepts_no_host_and_two_keys() {
    let server = server();
    for request in [
        REQUEST.replace("Host: server.example.com\r\n", ""),
        REQUEST.replace("\r\n\r\n", "\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n\r\n"),
    ] {
        assert!(ask(server.local_addr().unwrap(), request.as_bytes()).starts_with("HTTP/1.1 400 "), "{request}");
    }
}

#[test]
fn complaint_rejects_a_list_in_connection() {
    for list in ["keep-alive, Upgrade", "Upgrade,keep-alive", "KEEP-ALIVE ,\tupgrade"] {
        let response = RESPONSE.replace("Connection: Upgrade", &format!("Connection: {list}"));
        answered(response, |address| format!("ws://{address}")).0.unwrap();
    }
}

#[test]
fn complaint_a_query_without_a_path() {
    let (_, request) = answered(RESPONSE, |address| format!("ws://{address}?x=1"));
    assert!(request.starts_with("GET /?x=1 HTTP/1.1\r\n"), "{request}");
}

/// Userinfo and fragments are dropped silently.
#[test]
fn complaint_parts_of_the_url_are_dropped() {
    let (_, request) = answered(RESPONSE, |address| format!("ws://Aladdin:open%20sesame@{address}/"));
    assert!(request.contains("\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"), "{request}");
    for url in ["ws://h/#part", "ws://h/a#", "ws://h#"] {
        assert!(matches!(Client::new(url), Err(Error::Usage(UsageError::Url(UriErrorKind::Fragment)))), "{url}");
    }
}

/// A 503 in HTTP/1.0 is reported as an invalid version, and the status is lost.
#[test]
fn complaint_an_old_version_hides_the_status() {
    let rejection = refused("HTTP/1.0 503 Busy\r\nRetry-After: 7\r\n\r\ntry later");
    assert_eq!(rejection.kind(), &HandshakeErrorKind::Response(ResponseErrorKind::Status(503)));
    assert_eq!((rejection.header("Retry-After"), rejection.body()), (Some("7"), &b"try later"[..]));
}

#[test]
fn complaint_the_body_of_a_rejection_is_truncated() {
    let body = "because ".repeat(5000);
    for framing in [format!("Content-Length: {}\r\n", body.len()), String::new()] {
        let rejection = refused(format!("HTTP/1.1 403 No\r\n{framing}\r\n{body}"));
        assert!(rejection.status() == Some(403) && rejection.body() == body.as_bytes(), "{framing}");
    }
}

#[test]
fn complaint_the_cause_of_a_failed_connection_is_lost() {
    // The local port of a connection has no listener and cannot get one.
    let (_listener, address) = listen();
    let stream = connect(address);
    let closed = stream.local_addr().unwrap();
    let Err(Error::Connect(error)) = stdws::connect(format!("ws://{closed}")) else { panic!("connected") };
    let [attempt] = error.attempts() else { panic!("{error:?}") };
    assert_eq!((attempt.address(), attempt.error().kind()), (closed, ErrorKind::ConnectionRefused));
}
