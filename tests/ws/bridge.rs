//! `ws bridge` both ways, alone and two in a row, with real TCP peers.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use stdws::{Client, CloseCode, Message};

use crate::echo::Listening;
use crate::tool::{run, Folder, WATCHDOG};

/// A TCP server for one connection, on a free port.
fn target<T: Send + 'static>(handler: impl FnOnce(TcpStream) -> T + Send + 'static) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let serving = thread::spawn(move || {
        let tcp = listener.accept().unwrap().0;
        tcp.set_read_timeout(Some(WATCHDOG)).unwrap();
        handler(tcp)
    });
    (addr, serving)
}

fn connect(server: &Listening) -> TcpStream {
    let tcp = TcpStream::connect(server.authority()).unwrap();
    tcp.set_read_timeout(Some(WATCHDOG)).unwrap();
    tcp
}

fn read_all(mut tcp: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    tcp.read_to_end(&mut bytes).unwrap();
    bytes
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n / 3 + n / 1000) as u8).collect()
}

/// A bridge to this target, and one to that bridge.
fn two(to: &str, more: &[&str]) -> (Listening, Listening) {
    let inner = Listening::start(&[&["bridge", "--to", to], more].concat());
    let outer = Listening::start(&["bridge", &inner.url]);
    (outer, inner)
}

#[test]
fn a_websocket_reaches_its_target() {
    let (addr, serving) = target(|mut tcp| {
        let mut first = [0; 5];
        tcp.read_exact(&mut first).unwrap();
        tcp.write_all(b"\x00answer\xff").unwrap();
        (first, read_all(&tcp))
    });
    let server = Listening::start(&["bridge", "--to", &addr]);
    let client = Client::new(&server.url).unwrap().subprotocol("binary").unwrap();
    let mut ws = client.connect().unwrap();
    assert_eq!(ws.subprotocol(), Some("binary"));
    ws.send(b"by").unwrap();
    ws.send("tes").unwrap();
    let mut answer = Vec::new();
    while answer.len() < 8 {
        let Some(Message::Binary(bytes)) = ws.recv().unwrap() else { panic!("bytes") };
        answer.extend(bytes);
    }
    assert_eq!(answer, b"\x00answer\xff");
    // Sent before the Close, so all of it arrives.
    let rest = pattern(3_000_000);
    ws.send(&rest).unwrap();
    ws.close(1000, "").unwrap();
    let (first, received) = serving.join().unwrap();
    assert_eq!(&first, b"bytes");
    assert!(received == rest, "{} bytes", received.len());
}

#[test]
fn the_end_of_the_target_is_a_close() {
    let (addr, serving) = target(|tcp| {
        tcp.shutdown(Shutdown::Write).unwrap();
        read_all(&tcp)
    });
    let server = Listening::start(&["bridge", "--to", &addr]);
    let mut ws = stdws::connect(&server.url).unwrap();
    assert!(ws.recv().unwrap().is_none());
    assert_eq!(ws.close_info().unwrap().code(), CloseCode::NORMAL);
    assert_eq!(serving.join().unwrap(), b"");
}

#[test]
fn targets_have_names() {
    let folder = Folder::new();
    let answering = |text: &'static str| {
        let (addr, _) = target(move |mut tcp| tcp.write_all(text.as_bytes()).unwrap());
        addr
    };
    let status = |server: &Listening, path: &str| match stdws::connect(format!("{}{path}", server.url)) {
        Ok(mut ws) => ws.recv().unwrap().map(|message| String::from_utf8(message.into_bytes()).unwrap()),
        Err(stdws::Error::Handshake(rejection)) => rejection.status().map(|status| status.to_string()),
        Err(error) => panic!("{error}"),
    };
    let (a, b, c) = (answering("a"), answering("b"), answering("c"));
    let file = folder.file("targets", format!("# comment\n\n b = {b}\n"));
    let server = Listening::start(&["bridge", "--to", &format!("a.1={a}"), "--targets", &file]);
    assert_eq!(status(&server, "/a.1").as_deref(), Some("a"));
    assert_eq!(status(&server, "/any?x=1&token=b").as_deref(), Some("b"));
    // A client cannot name an address.
    for path in ["/", "/other", &format!("/{c}"), &format!("/?token={c}"), "/a.1/", "/a%2e1", "/a.1=x"] {
        assert_eq!(status(&server, path).as_deref(), Some("404"), "{path}");
    }
    // The file is read again for each connection.
    folder.file("targets", format!("c={c}\n"));
    assert_eq!(status(&server, "/b").as_deref(), Some("404"));
    assert_eq!(status(&server, "/c").as_deref(), Some("c"));
    folder.file("targets", "wrong\n");
    assert_eq!(status(&server, "/c").as_deref(), Some("500"));
}

#[test]
fn a_target_that_is_away_is_a_status() {
    // Nobody listens there, and no other test gets this port.
    let server = Listening::start(&["bridge", "--to", "localhost:1"]);
    let refused = stdws::connect(&server.url).unwrap_err();
    let text = format!("{refused} {refused:?}");
    assert!(text.contains("502") && !text.contains("localhost"), "{text}");
    let outer = Listening::start(&["bridge", &server.url]);
    assert_eq!(read_all(&connect(&outer)), b"");
}

#[test]
fn half_closed_connections_stay_half_closed() {
    // The target answers only after the end of the question.
    let (addr, serving) = target(|mut tcp| {
        let question = read_all(&tcp);
        tcp.write_all(&question).unwrap();
        tcp.write_all(b"done").unwrap();
    });
    let (outer, _inner) = two(&addr, &[]);
    let (mut tcp, sent) = (connect(&outer), pattern(1_000_000));
    tcp.write_all(&sent).unwrap();
    tcp.shutdown(Shutdown::Write).unwrap();
    assert!(read_all(&tcp) == [&sent[..], b"done"].concat());
    serving.join().unwrap();
    // And the other way round: the client answers after the end of the target's direction.
    let (addr, serving) = target(|mut tcp| {
        tcp.write_all(b"question").unwrap();
        tcp.shutdown(Shutdown::Write).unwrap();
        read_all(&tcp)
    });
    let (outer, _inner) = two(&addr, &[]);
    let mut tcp = connect(&outer);
    assert_eq!(read_all(&tcp), b"question");
    tcp.write_all(&sent).unwrap();
    tcp.shutdown(Shutdown::Write).unwrap();
    assert!(serving.join().unwrap() == sent);
}

#[test]
fn both_directions_wait_for_slow_readers() {
    const LENGTH: usize = 20_000_000;
    // More than all buffers hold, in both directions at once. The target writes everything before it reads.
    let (addr, serving) = target(|mut tcp| {
        tcp.write_all(&pattern(LENGTH)).unwrap();
        tcp.shutdown(Shutdown::Write).unwrap();
        read_all(&tcp)
    });
    let (outer, _inner) = two(&addr, &[]);
    let tcp = connect(&outer);
    let mut writer = tcp.try_clone().unwrap();
    let writing = thread::spawn(move || {
        writer.write_all(&pattern(LENGTH)).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    assert!(read_all(&tcp) == pattern(LENGTH));
    writing.join().unwrap();
    assert!(serving.join().unwrap() == pattern(LENGTH));
}

#[test]
fn a_target_that_takes_nothing_ends_the_connection() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (addr, serving) = target(move |tcp| {
        let _ = released.recv();
        drop(tcp);
    });
    let server = Listening::start(&["bridge", "--stall=0.1", "--to", &addr]);
    let mut ws = stdws::connect(&server.url).unwrap();
    let (sender, block) = (ws.sender(), vec![0; 64 << 10]);
    let sending = thread::spawn(move || (0..10_000).try_for_each(|_| sender.send(&block)));
    assert!(ws.recv().unwrap().is_none());
    assert_eq!(ws.close_info().unwrap().code(), CloseCode::INTERNAL);
    assert!(sending.join().unwrap().is_err());
    drop(release);
    serving.join().unwrap();
}

#[test]
fn a_lost_peer_ends_the_other_side() {
    let (addr, serving) = target(|mut tcp| {
        let mut byte = [0];
        let _ = tcp.read(&mut byte);
        // The end, or a reset.
        tcp.read(&mut byte).map_or(0, |count| count)
    });
    let server = Listening::start(&["bridge", "--to", &addr]);
    let mut ws = stdws::connect(&server.url).unwrap();
    ws.send(b"x").unwrap();
    ws.abort();
    assert_eq!(serving.join().unwrap(), 0);
    // A peer that answers no Ping.
    let (addr, serving) = target(|tcp| read_all(&tcp));
    let server = Listening::start(&["bridge", "--ping=0.1", "--to", &addr]);
    let silent = stdws::connect(&server.url).unwrap();
    assert_eq!(serving.join().unwrap(), b"");
    drop(silent);
}

#[test]
fn not_more_connections_than_allowed() {
    let (addr, _serving) = target(|mut tcp| {
        tcp.write_all(b"first").unwrap();
        let _ = tcp.read(&mut [0]);
    });
    let inner = Listening::start(&["bridge", "--to", &addr]);
    let outer = Listening::start(&["bridge", &inner.url, "--max-connections=1"]);
    let mut first = connect(&outer);
    first.read_exact(&mut [0; 5]).unwrap();
    let mut second = connect(&outer);
    // The end, or a reset.
    assert!(second.read(&mut [0]).map_or(true, |count| count == 0));
}

#[test]
fn wrong_use_is_one_line() {
    let folder = Folder::new();
    let file = folder.file("targets", "a=h:1\nb = nowhere\n");
    let cases: [(&[&str], i32, &str); 9] = [
        (&[], 2, "a target is missing"),
        (&["--to", "nowhere"], 2, "HOST:PORT"),
        (&["--to", "a=h:99999"], 2, "HOST:PORT"),
        (&["--to", "a b=h:1"], 2, "a name has letters"),
        (&["--targets", &file], 1, "targets, line 2: "),
        (&["--to", "h:1", "ws://h"], 2, "--to means nothing with a URL"),
        (&["--to", "h:1", "--origin", "http://h"], 2, "--origin means nothing without a URL"),
        (&["http://a b"], 2, "ws bridge: "),
        (&["--to", "h:1", "--stall", "0"], 2, "more than 0"),
    ];
    for (args, code, text) in cases {
        let run = run(["bridge", "--addr=127.0.0.1:0"].iter().chain(args), "").expect(code);
        assert!(run.stderr.contains(text) && run.stderr.lines().count() == 1, "{args:?}: {}", run.stderr);
    }
}

#[cfg(all(unix, feature = "native-tls"))]
#[test]
fn tls_on_every_side() {
    use crate::tls::certificates;
    let (folder, made) = (Folder::new(), certificates());
    let file = |name: &str| folder.file(name, made.file(name));
    let (pem, key, ca) = (file("right.pem"), file("right.key"), file("authority.pem"));
    const LENGTH: usize = 2_000_000;
    let acceptor = made.native_acceptor("right");
    let (addr, serving) = target(move |tcp| {
        let mut tls = acceptor.accept(tcp).unwrap();
        let mut bytes = vec![0; LENGTH];
        tls.read_exact(&mut bytes).unwrap();
        tls.write_all(&bytes).unwrap();
        // close_notify, and then that of the peer.
        tls.shutdown().unwrap();
        tls.read_to_end(&mut Vec::new()).unwrap()
    });
    let of_server = ["--tls", &*pem, "--tls-key", &*key, "--ca", &*ca];
    let target = format!("tls://{addr}");
    let inner = Listening::start(&[&["bridge", "--to", &*target], &of_server[..]].concat());
    assert!(inner.url.starts_with("wss://"));
    let outer = Listening::start(&[&["bridge", &*inner.url], &of_server[..]].concat());
    assert!(outer.url.starts_with("tls://"));
    let mut tls = made.native_connector().connect("127.0.0.1", connect(&outer)).unwrap();
    let sent = pattern(LENGTH);
    tls.write_all(&sent).unwrap();
    let mut received = Vec::new();
    tls.read_to_end(&mut received).unwrap();
    assert!(received == sent, "{} bytes", received.len());
    tls.shutdown().unwrap();
    assert_eq!(serving.join().unwrap(), 0);
    // A certificate of nobody is refused.
    let (addr, _serving) = {
        let acceptor = made.native_acceptor("unknown_authority");
        self::target(move |tcp| acceptor.accept(tcp).is_err())
    };
    let server = Listening::start(&["bridge", "--to", &format!("tls://{addr}")]);
    assert!(stdws::connect(&server.url).unwrap_err().to_string().contains("502"));
}
