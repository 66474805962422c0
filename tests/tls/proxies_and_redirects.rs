//! `wss` through proxies, which forward TLS unread, and along redirects, which never lead to plain text.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use stdws::{
    Backoff, Client, CloseCode, Error, HandshakeErrorKind, Proxy, RedirectErrorKind, ResponseErrorKind, Result, Server,
    ServerHandle, Step, TlsErrorKind, WebSocket,
};

use crate::live::{assert_took, long_timeouts, ms, read_head, watchdog, Watched};
use crate::support::{certificates, relay as tls_relay, Facing};
use crate::tunnel::tunnel;

fn echo_server(certificate: &str) -> ServerHandle {
    let echo = |mut ws: WebSocket| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    };
    let server = Server::bind("127.0.0.1:0").unwrap().watched().timeouts(long_timeouts());
    server.tls(certificates().accept(certificate)).start(echo).unwrap()
}

fn client(url: &str) -> Client {
    Client::new(url).unwrap().watched().timeouts(long_timeouts()).tls(certificates().connect()).unwrap()
}

/// A proxy for one connection, which it forwards to `to`. Returns the request.
fn http_proxy(to: SocketAddr) -> (Proxy, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::http(&listener.local_addr().unwrap().to_string()).unwrap();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let asked = read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        tunnel(stream, to);
        asked
    });
    (proxy, serving)
}

fn socks_proxy(to: SocketAddr) -> (Proxy, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::socks5(&listener.local_addr().unwrap().to_string()).unwrap();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 3]).unwrap();
        stream.write_all(b"\x05\x00").unwrap();
        let mut asked = vec![0; 4 + 1 + "localhost".len() + 2];
        stream.read_exact(&mut asked).unwrap();
        stream.write_all(b"\x05\x00\x00\x03\x04name\x00\x50").unwrap();
        tunnel(stream, to);
        asked
    });
    (proxy, serving)
}

/// 6455-4.1-14: the proxy, then TLS, then the opening handshake. The name that is verified is the server's.
#[test]
fn through_proxies() {
    let _watchdog = watchdog();
    let server = echo_server("right");
    let (to, url) = (server.local_addr().unwrap(), format!("wss://localhost:{}/", server.local_addr().unwrap().port()));
    let message: Vec<u8> = (0..1_u32 << 20).map(|i| (i * 7) as u8).collect();
    let (by_http, by_socks) = (http_proxy(to), socks_proxy(to));
    let asked = format!("CONNECT localhost:{0} HTTP/1.1\r\nHost: localhost:{0}\r\n\r\n", to.port());
    let port = to.port().to_be_bytes();
    let socks_asked = [b"\x05\x01\x00\x03\x09localhost", &port[..]].concat();
    for ((proxy, serving), asked) in [(by_http, asked.into_bytes()), (by_socks, socks_asked)] {
        let mut ws = client(&url).proxy(proxy).connect().unwrap();
        ws.send(&message).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_bytes(), message);
        drop(ws);
        assert_eq!(serving.join().unwrap(), asked);
    }
}

/// A proxy that connects to another server is detected, whatever it answers.
#[test]
fn a_proxy_that_leads_elsewhere() {
    let _watchdog = watchdog();
    let other = echo_server("wrong_host");
    let plain = Server::bind("127.0.0.1:0").unwrap().watched().start(|_| Ok(())).unwrap();
    for (to, expected) in [
        (other.local_addr().unwrap(), TlsErrorKind::HostnameMismatch),
        (plain.local_addr().unwrap(), TlsErrorKind::NotTls),
    ] {
        let (proxy, _serving) = http_proxy(to);
        match client("wss://localhost/").proxy(proxy).connect() {
            Err(Error::Tls(error)) => assert_eq!(error.kind(), expected),
            other => panic!("{other:?}"),
        }
    }
}

/// One deadline, also with TLS behind the proxy.
#[test]
fn a_silent_server_behind_a_proxy() {
    let _watchdog = watchdog();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (proxy, _serving) = http_proxy(silent.local_addr().unwrap());
    // Enough for the proxy to answer.
    let (limit, start) = (ms(2000), Instant::now());
    let error = client("wss://localhost/").proxy(proxy).connect_timeout(limit).connect().unwrap_err();
    assert_took(start.elapsed(), limit);
    assert!(matches!(error, Error::Timeout(Step::Tls)), "{error:?}");
}

/// Sends this response to one connection, with or without TLS, and returns the request.
fn answering(tls: Option<Facing>, answer: impl FnOnce(SocketAddr) -> String) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = answer(address);
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = match tls {
            Some(facing) => tls_relay(stream, facing),
            None => stream,
        };
        let request = String::from_utf8(read_head(&mut stream)).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
        request
    });
    (address, serving)
}

fn to(location: &str) -> String {
    format!("HTTP/1.1 301 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

/// The usual redirect, from `http` to `https`. Secrets were sent in plain text before, and are not sent again.
#[test]
fn a_redirect_to_tls_is_followed() {
    let _watchdog = watchdog();
    let server = echo_server("right");
    let location = format!("https://localhost:{}/", server.local_addr().unwrap().port());
    let (address, serving) = answering(None, |_| to(&location));
    let client = client(&format!("ws://{address}/")).header("Cookie", "S3CRET").unwrap().max_redirects(1);
    let mut ws = client.connect().unwrap();
    ws.send("over TLS").unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("over TLS"));
    assert_eq!(ws.peer_addr(), Some(server.local_addr().unwrap()));
    assert!(serving.join().unwrap().contains("Cookie: S3CRET"));
}

/// From `wss` never to plain text, not even on the same host, and nothing is sent there.
/// Shows promise P16.
#[test]
fn a_redirect_away_from_tls_is_not_followed() {
    let _watchdog = watchdog();
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let elsewhere = plain.local_addr().unwrap();
    plain.set_nonblocking(true).unwrap();
    for scheme in ["http", "ws"] {
        let (address, _serving) = answering(Some(Facing::Client), |_| to(&format!("{scheme}://{elsewhere}/")));
        let refused = client(&format!("wss://localhost:{}/", address.port())).max_redirects(10).connect();
        assert_eq!(
            kind(&refused.unwrap_err()),
            &HandshakeErrorKind::Response(ResponseErrorKind::Redirect(RedirectErrorKind::Downgrade))
        );
    }
    // Nor after one that was.
    let (address, _serving) = answering(Some(Facing::Client), |_| to(&format!("ws://{elsewhere}/")));
    let (first, _serving) = answering(None, |_| to(&format!("wss://localhost:{}/", address.port())));
    match client(&format!("ws://{first}/")).max_redirects(10).connect() {
        Err(Error::Redirect(error)) => {
            assert_eq!(
                kind(error.cause()),
                &HandshakeErrorKind::Response(ResponseErrorKind::Redirect(RedirectErrorKind::Downgrade))
            );
            assert_eq!(error.hops().len(), 1);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(plain.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

/// From `wss` to another host with TLS: followed, without secrets.
#[test]
fn a_redirect_over_tls_sends_no_secrets() {
    let _watchdog = watchdog();
    let away = answering(Some(Facing::Client), |_| "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into());
    let (address, home) = answering(Some(Facing::Client), |_| to(&format!("//localhost:{}/", away.0.port())));
    let url = format!("wss://ann:S3CRET@localhost:{}/", address.port());
    let error = client(&url).header("Cookie", "S3CRET").unwrap().max_redirects(1).connect().unwrap_err();
    assert!(
        matches!(&error, Error::Redirect(error) if kind(error.cause()) == &HandshakeErrorKind::Response(ResponseErrorKind::Status(404))),
        "{error:?}"
    );
    let (home, away) = (home.join().unwrap(), away.1.join().unwrap());
    assert!(home.contains("Authorization: Basic ") && home.contains("Cookie: S3CRET"), "{home}");
    assert!(!away.contains("uthorization") && !away.contains("ookie"), "{away}");
}

fn kind(error: &Error) -> &HandshakeErrorKind {
    match error {
        Error::Handshake(rejection) => rejection.kind(),
        other => panic!("{other:?}"),
    }
}

/// The proxy for `ws` is not used for `wss`.
#[test]
fn a_proxy_for_ws_alone() -> Result<()> {
    let _watchdog = watchdog();
    let server = echo_server("right");
    let proxy = Proxy::from_vars(|name| (name == "ws_proxy").then(|| "http://127.0.0.1:1".into()))?;
    let mut ws = client(&format!("wss://localhost:{}/", server.local_addr().unwrap().port())).proxy(proxy).connect()?;
    ws.send("directly")?;
    assert_eq!(ws.recv()?.unwrap().as_text(), Some("directly"));
    Ok(())
}

#[test]
fn a_header_of_the_proxy_protocol_comes_before_tls() {
    let _watchdog = watchdog();
    let greet = |mut ws: WebSocket| {
        let who = ws.request().and_then(|request| request.client_ip()).unwrap().to_string();
        ws.send(&who)?;
        ws.recv().map(drop)
    };
    let server =
        Server::bind("127.0.0.1:0").unwrap().watched().timeouts(long_timeouts()).tls(certificates().accept("right"));
    let server = server.trust_proxy_protocol(["127.0.0.1"]).unwrap().start(greet).unwrap();
    let to = server.local_addr().unwrap();
    // A load balancer without TLS.
    for header in [&b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"[..], &V2[..]] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let balancer = thread::spawn(move || {
            let client = listener.accept().unwrap().0;
            let mut server = TcpStream::connect(to).unwrap();
            server.write_all(header).unwrap();
            let (mut from, mut back) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let there = thread::spawn(move || {
                let _ = io::copy(&mut from, &mut server);
                let _ = server.shutdown(Shutdown::Write);
            });
            let _ = io::copy(&mut back, &mut &client);
            let _ = client.shutdown(Shutdown::Write);
            there.join().unwrap();
        });
        let mut ws = client(&format!("wss://localhost:{port}/")).connect().unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("192.0.2.1"));
        ws.close(CloseCode::NORMAL, "").unwrap();
        balancer.join().unwrap();
    }
    // A peer that begins with TLS is not a proxy.
    assert!(client(&format!("wss://localhost:{}/", to.port())).connect().is_err());
}

const V2: &[u8; 28] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0C\xC0\x00\x02\x01\xC6\x33\x64\x07\xDC\x04\x01\xBB";

#[test]
fn an_untrusted_certificate_is_not_retried() {
    let _watchdog = watchdog();
    let server = echo_server("right");
    // Without the certificate authority of the test.
    let untrusting =
        Client::new(format!("wss://localhost:{}/", server.local_addr().unwrap().port())).unwrap().watched();
    let mut connections = untrusting.timeouts(long_timeouts()).reconnect(Backoff::default());
    match connections.next() {
        Some(Err(Error::Tls(error))) => assert_eq!(error.kind(), TlsErrorKind::UnknownIssuer),
        other => panic!("{other:?}"),
    }
    assert!(connections.next().is_none());
}

/// An attacker on the network can change a page without TLS, so such a page must not open a connection as this host.
#[test]
fn a_page_of_the_same_host_has_to_come_over_tls() {
    let _watchdog = watchdog();
    let server = echo_server("right");
    let host = format!("localhost:{}", server.local_addr().unwrap().port());
    for (scheme, allowed) in [("https", true), ("wss", true), ("http", false), ("ws", false)] {
        let client = client(&format!("wss://{host}")).origin(&format!("{scheme}://{host}")).unwrap();
        match client.connect() {
            Ok(_) => assert!(allowed, "{scheme}"),
            Err(Error::Handshake(rejection)) => {
                assert_eq!((allowed, rejection.status()), (false, Some(403)), "{scheme}")
            }
            Err(error) => panic!("{scheme}: {error}"),
        }
    }
    // A list states the scheme.
    let server = Server::bind("127.0.0.1:0").unwrap().watched().timeouts(long_timeouts());
    let port = server.local_addr().unwrap().port();
    let server = server.allow_origin(format!("http://localhost:{port}")).tls(certificates().accept("right"));
    let _server = server.start(|_| Ok(())).unwrap();
    let url = format!("wss://localhost:{port}");
    client(&url).origin(&format!("http://localhost:{port}")).unwrap().connect().unwrap();
}
