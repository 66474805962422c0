//! Proxies that are reached over TLS: to `ws` servers, and to `wss` servers, which is TLS inside TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use stdws::{Client, Error, Proxy, ProxyErrorKind, Server, ServerHandle, Step, TlsErrorKind, WebSocket};

use super::live::{assert_soon, assert_took, ms, read_head, timed, watchdog, Watched};
use super::support::{certificates, relay, Facing};
use super::tunnel::tunnel;

const OPEN: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// A proxy for one connection. The script reads and writes inside TLS.
fn proxy<T: Send + 'static>(script: impl FnOnce(TcpStream) -> T + Send + 'static) -> (Proxy, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = thread::spawn(move || script(relay(listener.accept().unwrap().0, Facing::Client)));
    (trusted(&format!("https://127.0.0.1:{port}")), serving)
}

fn trusted(url: &str) -> Proxy {
    Proxy::new(url).unwrap().tls(certificates().connect()).unwrap()
}

/// A proxy that connects to this address, whatever the request is.
fn leading(to: SocketAddr) -> (Proxy, JoinHandle<Vec<u8>>) {
    proxy(move |mut stream| {
        let asked = read_head(&mut stream);
        stream.write_all(OPEN).unwrap();
        tunnel(stream, to);
        asked
    })
}

fn echo(tls: bool) -> ServerHandle {
    let server = Server::bind("127.0.0.1:0").unwrap().watched().max_message_size(4 << 20);
    let server = if tls { server.tls(certificates().accept("right")) } else { server };
    let serve = |mut ws: WebSocket| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    };
    server.start(serve).unwrap()
}

fn client(tls: bool, server: &ServerHandle) -> Client {
    let port = server.local_addr().unwrap().port();
    let url = format!("{}://localhost:{port}/", if tls { "wss" } else { "ws" });
    Client::new(&url).unwrap().watched().tls(certificates().connect()).unwrap().connect_timeout(ms(20_000))
}

/// 6455-4.1-10, 6455-4.1-14: TLS to the proxy, CONNECT, and then the same bytes as without a proxy, TLS among them.
#[test]
fn messages_in_both_directions_at_once() {
    let _watchdog = watchdog();
    for tls in [false, true] {
        let server = echo(tls);
        let (proxy, serving) = leading(server.local_addr().unwrap());
        let proxy = proxy.header("User-Agent", "station/7").unwrap().credentials("ann", "x").unwrap();
        let mut ws = client(tls, &server).proxy(proxy).connect().unwrap();
        #[cfg(unix)]
        assert!(ws.as_fd().is_some());
        let long: Vec<u8> = (0..3_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let sender = ws.sender();
        let sent = long.clone();
        let sending = thread::spawn(move || {
            for length in [0, 1, 125, 126, 16 << 10, 65_536, sent.len()] {
                sender.send(&sent[..length]).unwrap();
            }
        });
        for length in [0, 1, 125, 126, 16 << 10, 65_536, long.len()] {
            assert_eq!(ws.recv().unwrap().unwrap().as_bytes(), &long[..length]);
        }
        sending.join().unwrap();
        assert!(matches!(ws.try_recv(), Err(Error::Timeout(Step::Receive))));
        ws.close(stdws::CloseCode::NORMAL, "").unwrap();
        drop(ws);
        let asked = String::from_utf8(serving.join().unwrap()).unwrap();
        let port = server.local_addr().unwrap().port();
        assert_eq!(
            asked,
            format!(
                "CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\n\
                 Proxy-Authorization: Basic YW5uOng=\r\nUser-Agent: station/7\r\n\r\n"
            )
        );
    }
}

#[test]
fn an_abort_ends_a_call_that_waits() {
    let _watchdog = watchdog();
    for tls in [false, true] {
        let server = echo(tls);
        let (proxy, _serving) = leading(server.local_addr().unwrap());
        let mut ws = client(tls, &server).proxy(proxy).connect().unwrap();
        let sender = ws.sender();
        let waiting = timed(move || ws.recv().map(drop));
        thread::sleep(ms(100));
        sender.abort();
        let (result, took) = waiting.join().unwrap();
        assert!(result.is_err(), "{result:?}");
        assert_soon(took, ms(100));
    }
}

/// Bytes of the server in the same record as the response of the proxy are not lost.
#[test]
fn bytes_after_the_reply_are_the_servers() {
    let _watchdog = watchdog();
    let (proxy, serving) = proxy(|mut stream| {
        read_head(&mut stream);
        stream.write_all(&[OPEN, b"HTTP/1.1 404 Early\r\nContent-Length: 4\r\n\r\nbody"].concat()).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let error = Client::new("ws://far.invalid/").unwrap().watched().proxy(proxy).connect().unwrap_err();
    let Error::Handshake(rejection) = error else { panic!("{error:?}") };
    assert_eq!((rejection.status(), rejection.body()), (Some(404), &b"body"[..]));
    serving.join().unwrap();
}

#[test]
fn a_rejection_keeps_status_and_body() {
    let _watchdog = watchdog();
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 4\r\n\r\nbody";
    let (proxy, _serving) = proxy(move |mut stream| {
        read_head(&mut stream);
        stream.write_all(answer.as_bytes()).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    match Client::new("wss://far.invalid/").unwrap().watched().proxy(proxy).connect() {
        Err(Error::Proxy(error)) => {
            assert_eq!((error.kind(), error.body()), (ProxyErrorKind::Status(407), &b"body"[..]));
            assert_eq!(error.challenges()[0].realm(), Some("x"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_certificate_is_that_of_the_proxy() {
    let _watchdog = watchdog();
    let tls_error = |proxy: Proxy| match Client::new("ws://far.invalid/").unwrap().watched().proxy(proxy).connect() {
        Err(Error::Tls(error)) => error,
        other => panic!("{other:?}"),
    };
    for (certificate, kind) in
        [("wrong_host", TlsErrorKind::HostnameMismatch), ("unknown_authority", TlsErrorKind::UnknownIssuer)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = certificates().native_acceptor(certificate);
        thread::spawn(move || drop(acceptor.accept(listener.accept().unwrap().0)));
        let error = tls_error(trusted(&format!("https://localhost:{port}")));
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains("localhost"), "{error}");
    }
    // A proxy without TLS.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert_eq!(tls_error(trusted(&format!("https://localhost:{port}"))).kind(), TlsErrorKind::NotTls);
}

/// One deadline for all steps, and the error names the step.
#[test]
fn a_silent_proxy() {
    let _watchdog = watchdog();
    // Enough for the steps before the one that does not end: some times as long as the whole takes here.
    let (server, start) = (echo(true), Instant::now());
    let (whole, _serving) = leading(server.local_addr().unwrap());
    drop(client(true, &server).proxy(whole).connect().unwrap());
    let limit = ms(1500).max(start.elapsed() * 10);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = trusted(&format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port()));
    let (after_tls, _serving) = proxy(|mut stream| stream.read_to_end(&mut Vec::new()).map(drop));
    let dripping = proxy(|mut stream| {
        while stream.write_all(b"H").is_ok() {
            thread::sleep(ms(20));
        }
    });
    // The tunnel is open, and no server answers behind it.
    let unanswered = TcpListener::bind("127.0.0.1:0").unwrap();
    let (open, _opened) = leading(unanswered.local_addr().unwrap());
    let connecting = |url: &str, proxy| {
        let client =
            Client::new(url).unwrap().watched().proxy(proxy).connect_timeout(limit).dangerously_connect_in_parallel();
        timed(move || client.connect())
    };
    let unfinished = [(silent, Step::Tls), (after_tls, Step::Proxy), (open, Step::Tls)]
        .map(|(proxy, step)| (connecting("wss://far.invalid/", proxy), step));
    let dripped = connecting("ws://far.invalid/", dripping.0);
    for (connecting, step) in unfinished {
        let (result, took) = connecting.join().unwrap();
        assert!(matches!(result, Err(Error::Timeout(at)) if at == step), "{step:?}: {result:?}");
        assert_took(took, limit);
    }
    let (result, took) = dripped.join().unwrap();
    assert!(matches!(result, Err(Error::Timeout(Step::Proxy) | Error::Proxy(_))), "{result:?}");
    assert_soon(took, limit);
}
