//! Every draft over each way to a server, with client and server of this crate: TLS, proxies, redirects, reconnecting. And
//! hixie-55, whose peers may send before they have read.
#![cfg(feature = "legacy")]

#[path = "support/live.rs"]
mod live;
#[path = "support/tunnel.rs"]
mod tunnel;
#[path = "support/variants.rs"]
mod variants;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use live::{long_timeouts, ms, read_head, watchdog, Watched};
use stdws::{Backoff, Client, CloseCode, Error, Proxy, Server, ServerHandle, Version, WebSocket};
use tunnel::tunnel;
use variants::{all, drafts, ProtocolVariant};

/// How a server and its clients are reached: plain, or with TLS.
#[derive(Clone, Copy, PartialEq)]
enum Scheme {
    Ws,
    #[cfg(feature = "native-tls")]
    Wss,
}

impl Scheme {
    fn all() -> Vec<Scheme> {
        vec![
            Scheme::Ws,
            #[cfg(feature = "native-tls")]
            Scheme::Wss,
        ]
    }

    fn server(self, variant: ProtocolVariant) -> Server {
        let server = variant.server(Server::bind("127.0.0.1:0").unwrap().watched()).timeouts(long_timeouts());
        match self {
            Scheme::Ws => server,
            #[cfg(feature = "native-tls")]
            Scheme::Wss => server.tls(live::tls::certificates().accept("right")),
        }
    }

    fn url(self, server: SocketAddr) -> String {
        match self {
            Scheme::Ws => format!("ws://localhost:{}/chat?x", server.port()),
            #[cfg(feature = "native-tls")]
            Scheme::Wss => format!("wss://localhost:{}/chat?x", server.port()),
        }
    }

    fn client(self, variant: ProtocolVariant, url: &str) -> Client {
        let client = variant.client(Client::new(url).unwrap().watched()).timeouts(long_timeouts());
        match self {
            Scheme::Ws => client,
            #[cfg(feature = "native-tls")]
            Scheme::Wss => client.tls(live::tls::certificates().connect().only_added_roots()).unwrap(),
        }
    }
}

/// A server that returns each message. Its connections report their version and how they ended.
fn echo_server(server: Server) -> (ServerHandle, mpsc::Receiver<(Version, CloseCode)>) {
    let (ended, ends) = mpsc::channel();
    let echo = move |mut ws: WebSocket| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        ended.send((ws.version(), ws.close_info().unwrap().code())).map_err(Error::other)
    };
    (server.start(echo).unwrap(), ends)
}

/// Text of many lengths in both directions, then a closing handshake.
fn exchange(mut ws: WebSocket, variant: ProtocolVariant, ends: &mpsc::Receiver<(Version, CloseCode)>) {
    assert_eq!(ws.version(), variant.version);
    for length in [0, 1, 125, 126, 70_000] {
        let text = "ö".repeat(length);
        ws.send(&text).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(text.as_str()), "{variant:?}");
    }
    ws.close(CloseCode::NORMAL, "").unwrap();
    let code = if variant.has_codes() || variant.version == Version::Rfc6455 {
        CloseCode::NORMAL
    } else {
        CloseCode::NO_STATUS
    };
    assert_eq!(ends.recv().unwrap(), (variant.version, code), "{variant:?}");
}

/// The location in the response is the URL of the client, whatever is between them.
fn assert_location(ws: &WebSocket, url: &str, variant: ProtocolVariant) {
    let response = ws.response().unwrap();
    let location = response.header("WebSocket-Location").or_else(|| response.header("Sec-WebSocket-Location"));
    assert_eq!(location, (variant.version <= Version::Hybi03).then_some(url), "{variant:?}");
}

/// hixie75-4.1-1, hixie76-5.2-2, hixie55-3.2-2, hixie55-4.1-4: the location has the scheme of the request, which is `wss` over TLS.
#[test]
fn every_version_over_every_scheme() {
    for scheme in Scheme::all() {
        for variant in all() {
            let _watchdog = watchdog();
            let (server, ends) = echo_server(scheme.server(variant));
            let url = scheme.url(server.local_addr().unwrap());
            let ws = scheme.client(variant, &url).connect().unwrap_or_else(|error| panic!("{variant:?}: {error}"));
            assert_location(&ws, &url, variant);
            exchange(ws, variant, &ends);
        }
    }
}

/// A proxy for one connection. Its thread returns the request.
fn proxy(reply: fn(&mut TcpStream) -> Vec<u8>, to: SocketAddr) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let request = reply(&mut stream);
        tunnel(stream, to);
        request
    });
    (address, serving)
}

fn reply_http(stream: &mut TcpStream) -> Vec<u8> {
    let request = read_head(stream);
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    request
}

fn reply_socks(stream: &mut TcpStream) -> Vec<u8> {
    stream.read_exact(&mut [0; 3]).unwrap();
    stream.write_all(b"\x05\x00").unwrap();
    let mut request = vec![0; 4 + 1 + "localhost".len() + 2];
    stream.read_exact(&mut request).unwrap();
    stream.write_all(b"\x05\x00\x00\x03\x04name\x00\x50").unwrap();
    request
}

/// hixie55-4.1-2
#[test]
fn every_version_through_proxies() {
    for scheme in Scheme::all() {
        for variant in drafts() {
            let _watchdog = watchdog();
            let (server, ends) = echo_server(scheme.server(variant));
            let to = server.local_addr().unwrap();
            let url = scheme.url(to);
            let asked = format!("CONNECT localhost:{0} HTTP/1.1\r\nHost: localhost:{0}\r\n\r\n", to.port());
            let (address, serving) = proxy(reply_http, to);
            let by_http = Proxy::http(&address.to_string()).unwrap();
            let ws = scheme.client(variant, &url).proxy(by_http).connect().unwrap();
            assert_location(&ws, &url, variant);
            exchange(ws, variant, &ends);
            assert_eq!(String::from_utf8(serving.join().unwrap()).unwrap(), asked, "{variant:?}");

            let asked = [b"\x05\x01\x00\x03\x09localhost", &to.port().to_be_bytes()[..]].concat();
            let (address, serving) = proxy(reply_socks, to);
            let by_socks = Proxy::socks5(&address.to_string()).unwrap();
            let ws = scheme.client(variant, &url).proxy(by_socks).connect().unwrap();
            assert_location(&ws, &url, variant);
            exchange(ws, variant, &ends);
            assert_eq!(serving.join().unwrap(), asked, "{variant:?}");
        }
    }
}

/// hixie55-4.1-6: 407 of a proxy is an error of the proxy, and 407 of a server one of the server, in every version.
#[test]
fn a_proxy_that_requires_credentials() {
    const REQUIRED: &[u8] = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
    for variant in all() {
        let _watchdog = watchdog();
        for by_proxy in [true, false] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let answering = thread::spawn(move || {
                let mut stream = listener.accept().unwrap().0;
                read_head(&mut stream);
                stream.write_all(REQUIRED).unwrap();
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            });
            let error = match by_proxy {
                true => Scheme::Ws.client(variant, "ws://far.invalid/").proxy(Proxy::http(&address).unwrap()).connect(),
                false => Scheme::Ws.client(variant, &format!("ws://{address}/")).connect(),
            };
            match error.map(drop) {
                Err(Error::Proxy(error)) if by_proxy => assert_eq!(error.status(), Some(407), "{variant:?}"),
                Err(Error::Handshake(error)) if !by_proxy => assert_eq!(error.status(), Some(407), "{variant:?}"),
                other => panic!("{variant:?}, {by_proxy}: {other:?}"),
            }
            answering.join().unwrap();
        }
    }
}

/// A redirect from one server to another of the same scheme: hybi07-5.1-1, hixie76-4.1-6.
#[test]
fn every_version_with_redirects() {
    for scheme in Scheme::all() {
        for variant in all() {
            let _watchdog = watchdog();
            let (server, ends) = echo_server(scheme.server(variant));
            let location = scheme.url(server.local_addr().unwrap());
            let to = location.clone();
            let redirecting = scheme.server(variant).on_request(move |_| stdws::Response::redirect(302, &to).into());
            let redirecting = redirecting.start(|_| Ok(())).unwrap();
            let client = scheme.client(variant, &scheme.url(redirecting.local_addr().unwrap())).max_redirects(3);
            match client.connect() {
                Ok(ws) => {
                    assert!(variant.version >= Version::Hybi07, "{variant:?}");
                    assert_location(&ws, &location, variant);
                    exchange(ws, variant, &ends);
                }
                // A server of these versions rejects by ending the stream.
                Err(Error::Handshake(_) | Error::Io(_)) => assert!(variant.version < Version::Hybi07, "{variant:?}"),
                Err(other) => panic!("{variant:?}: {other:?}"),
            }
        }
    }
}

/// Connections that end without a Close and with one. Where a Close has no code, the peer's is no reason to stop.
#[test]
fn every_version_with_reconnecting() {
    for scheme in Scheme::all() {
        for variant in all() {
            let _watchdog = watchdog();
            let (accepted, connections) = mpsc::channel();
            let server = scheme.server(variant).start(move |ws| accepted.send(ws).map_err(Error::other)).unwrap();
            let client = scheme.client(variant, &scheme.url(server.local_addr().unwrap()));
            let backoff = Backoff::default().initial_delay(ms(1)).max_delay(ms(2));
            let mut attempts = client.reconnect(backoff);
            for round in 0..3 {
                let mut ws = attempts.next().unwrap().unwrap_or_else(|error| panic!("{variant:?}: {error}"));
                let mut peer: WebSocket = connections.recv().unwrap();
                assert_eq!((ws.version(), peer.version()), (variant.version, variant.version));
                peer.send("hello").unwrap();
                assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("hello"), "{variant:?} {round}");
                match round {
                    0 => peer.abort(),
                    1 => drop(peer),
                    _ => {
                        let closing = thread::spawn(move || peer.close(CloseCode::NORMAL, "").map(drop));
                        while let Ok(Some(_)) = ws.recv() {}
                        closing.join().unwrap().unwrap();
                        continue;
                    }
                }
                while let Ok(Some(_)) = ws.recv() {}
            }
            let has_codes = variant.has_codes();
            match attempts.next() {
                Some(Err(Error::Closed(Some(info)))) => {
                    assert!(has_codes && info.closed_by_peer(), "{variant:?}: {info:?}");
                    assert_eq!(info.code(), CloseCode::NORMAL);
                }
                Some(Ok(ws)) => {
                    assert!(!has_codes, "{variant:?}");
                    drop((ws, connections.recv().unwrap()));
                }
                other => panic!("{variant:?}: {other:?}"),
            }
        }
    }
}

/// Nothing in a response of hixie-55 and -75 depends on the request, so a server can send all of it, and messages, before it
/// has read anything. In later versions the response has a proof.
#[test]
fn a_server_that_answers_before_it_has_read() {
    let _watchdog = watchdog();
    for version in [Version::Hixie55, Version::Hixie75] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answering = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let response = format!(
                "HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
                WebSocket-Origin: http://example.com\r\nWebSocket-Location: ws://{address}/\r\n\r\n"
            );
            stream.write_all(response.as_bytes()).unwrap();
            for number in 0..1000 {
                stream.write_all(format!("\x00{number}").as_bytes()).unwrap();
                stream.write_all(&[0xFF]).unwrap();
            }
            // Only now it reads, first the request and then a message.
            let request = read_head(&mut stream);
            let mut message = [0; 7];
            stream.read_exact(&mut message).unwrap();
            (request, message)
        });
        let client = Client::new(format!("ws://{address}/")).unwrap().watched().timeouts(long_timeouts());
        let mut ws = client.version(version).origin("http://example.com").unwrap().connect().unwrap();
        for number in 0..1000 {
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(number.to_string().as_str()));
        }
        ws.send("hello").unwrap();
        let (request, message) = answering.join().unwrap();
        assert!(request.starts_with(b"GET / HTTP/1.1\r\nUpgrade: WebSocket\r\n"), "{version}");
        assert_eq!(&message, b"\x00hello\xFF");
    }
}

/// The other role: a client that sends messages, and the end, before it has read the response. From hybi-04 on, frames are masked;
/// in hybi-04 itself the key depends on the response.
#[test]
fn a_client_that_sends_before_it_has_read() {
    const HIXIE75: &str = "GET / HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nHost: example.com\r\n\
        Origin: http://example.com\r\n\r\n";
    const HYBI00: &str = "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\
        Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
        Origin: http://example.com\r\n\r\n^n:ds[4U";
    let _watchdog = watchdog();
    for (version, request, frames) in [
        (Version::Hixie55, HIXIE75, b"\x00one\xFF\x00two\xFF".as_slice()),
        (Version::Hixie75, HIXIE75, b"\x00one\xFF\x00two\xFF"),
        (Version::Hybi00, HYBI00, b"\x00one\xFF\x00two\xFF\xFF\x00"),
        (Version::Hybi01, HYBI00, b"\x04\x03one\x04\x03two\x01\x00"),
    ] {
        let variant = drafts().find(|variant| variant.version == version).unwrap();
        let (server, ends) = echo_server(Scheme::Ws.server(variant));
        let mut stream = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        stream.write_all(&[request.as_bytes(), frames].concat()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let response = String::from_utf8_lossy(&read_head(&mut stream)).into_owned();
        assert!(response.starts_with("HTTP/1.1 101 "), "{version}: {response}");
        if version >= Version::Hybi00 {
            stream.read_exact(&mut [0; 16]).unwrap();
        }
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        assert_eq!(received.escape_ascii().to_string(), frames.escape_ascii().to_string(), "{version}");
        assert_eq!(ends.recv().unwrap().0, version);
    }
}
