//! RFC 6455 sections 3, 4 and 7.2.2 on the wire, beyond `client.rs` and `server.rs`: when a connection is open, and
//! what both peers know of each other.

#[path = "support/wire.rs"]
mod wire;

use std::io::{ErrorKind, Write};
use std::sync::mpsc;

use stdws::{Client, Error, Server, UriErrorKind, UsageError};
use wire::*;

/// 6455-4.1-2, 6455-4.1-11, 6455-4.1-18, 6455-4.1-s3: a client opens a TCP connection to host and port,
/// sends its request, and is open when the response has arrived, not before.
/// Shows the answer to opera-24.
#[test]
fn a_client_opens_a_connection_from_a_url() {
    let _watchdog = watchdog();
    let (listener, address) = listen();
    let url = format!("ws://LOCALHOST:{}/chat", address.port());
    let client = client(&url).subprotocol("a").unwrap().subprotocol("b").unwrap();
    let connecting = spawn(move || client.connect().unwrap());
    let mut stream = accept(&listener);
    let request = read_head(&mut stream);
    assert!(request.starts_with(&format!("GET /chat HTTP/1.1\r\nHost: localhost:{}\r\n", address.port())), "{request}");
    let response = RESPONSE.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: b\r\nX-More: here\r\n\r\n");
    let (most, last) = response.split_at(response.len() - 1);
    stream.write_all(most.as_bytes()).unwrap();
    assert!(connecting.is_running());
    stream.write_all(last.as_bytes()).unwrap();
    let ws = connecting.join();
    assert_eq!((ws.subprotocol(), ws.peer_addr()), (Some("b"), Some(address)));
    let response = ws.response().unwrap();
    assert_eq!((response.status(), response.header("x-more")), (101, Some("here")));
    assert_eq!(response.headers().count(), 5);
    assert!(ws.request().is_none());
}

/// 6455-4.2.2-1, 6455-4.2.2-s7, 6455-4.2.2-s8, 6455-4.2.1-s8, 6455-11.3.4-1: a server reads the list of
/// subprotocols, selects one, and is open: data right after the request is received.
#[test]
fn a_server_opens_a_connection_from_a_request() {
    let (sender, receiver) = mpsc::channel();
    let server = Server::bind("127.0.0.1:0").unwrap().subprotocols(["y", "x"]);
    let server = server
        .start(move |ws| {
            drop(sender.send(ws));
            Ok(())
        })
        .unwrap();
    let mut stream = connect(server.local_addr().unwrap());
    let fields =
        "Sec-WebSocket-Protocol: w, x\r\nSec-WebSocket-Protocol: y\r\nSec-WebSocket-Extensions: foo; bar=\"baz\"\r\n";
    let request = REQUEST.replace("\r\n\r\n", &format!("\r\n{fields}\r\n")).replace("/chat", "/a%20b?q=1");
    stream.write_all(&[request.as_bytes(), &Side::Server.frame(FIN | TEXT, b"early")].concat()).unwrap();
    let expected = RESPONSE.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: x\r\n\r\n");
    assert_eq!(read_head(&mut stream), expected);
    let mut ws = receiver.recv_timeout(LONG).unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("early"));
    assert_eq!((ws.subprotocol(), ws.peer_addr()), (Some("x"), stream.local_addr().ok()));
    assert!(ws.response().is_none());
    let request = ws.request().unwrap();
    assert_eq!((request.path(), request.query(), request.host()), ("/a%20b", Some("q=1"), "server.example.com"));
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["w", "x", "y"]);
    ws.send("open").unwrap();
    ws.abort();
    assert_eq!(read_all(&mut stream), b"\x81\x04open");
}

/// 6455-3-2, 6455-3-3: a fragment is rejected before anything is sent; %23 is not a fragment, and stays unchanged.
#[test]
fn fragments_of_a_url() {
    for url in ["ws://h/a#b", "ws://h#", "ws://h/?q#", "ws://h/##"] {
        let result = Client::new(url);
        assert!(matches!(result, Err(Error::Usage(UsageError::Url(UriErrorKind::Fragment)))), "{result:?}");
    }
    let (listener, address) = listen();
    let connecting = spawn(move || Client::new(format!("ws://{address}/a%23b?c%23")).unwrap().connect());
    let mut stream = accept(&listener);
    assert!(read_head(&mut stream).starts_with("GET /a%23b?c%23 HTTP/1.1\r\n"));
    drop(stream);
    connecting.join().unwrap_err();
}

/// 6455-4.1-40: nothing is written to a stream after its opening handshake was rejected.
#[test]
fn a_rejected_client_writes_nothing_more() {
    let (listener, address) = listen();
    let connecting = spawn(move || stdws::connect(format!("ws://{address}")).unwrap_err());
    let mut stream = accept(&listener);
    read_head(&mut stream);
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n\x81\x02hi").unwrap();
    assert!(matches!(connecting.join(), Error::Handshake(_)));
    let mut rest = Vec::new();
    match std::io::Read::read_to_end(&mut stream, &mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    assert_eq!(rest, b"");
}
