//! `ws inspect --page`: the page on the port of the relay, and everything else for the server.

use std::io::{Read, Write};
use std::net::TcpStream;

use stdws::{Client, Server, WebSocket};

use crate::tool::{Tool, WATCHDOG};

fn echo() -> stdws::ServerHandle {
    let server = Server::bind("127.0.0.1:0").unwrap().start(|mut ws| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    });
    server.unwrap()
}

/// The tool in front of this server, and its host and port.
fn inspect(server: &str) -> (Tool, String) {
    let mut tool =
        Tool::start(["inspect", "--listen", "127.0.0.1:0", "--page", "--quiet", "--until-stdin-ends", server]);
    let lines = tool.output();
    let host = lines.next().strip_prefix("listening on ws://").unwrap().to_owned();
    assert_eq!(lines.next(), format!("the page: http://{host}/-ws-inspect/"));
    (tool, host)
}

fn get(host: &str, path: &str) -> String {
    let mut tcp = TcpStream::connect(host).unwrap();
    tcp.set_read_timeout(Some(WATCHDOG)).unwrap();
    write!(tcp, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    tcp.read_to_string(&mut response).unwrap();
    response
}

/// Skips events until one has this text.
fn until(page: &mut WebSocket, text: &str) -> String {
    loop {
        let message = page.recv_timeout(WATCHDOG).unwrap().expect("the page was closed");
        if message.to_string().contains(text) {
            return message.to_string();
        }
    }
}

#[test]
fn the_page_shows_what_passes_and_closes_with_the_tool() {
    let server = echo();
    let (mut tool, host) = inspect(&server.url());
    assert!(get(&host, "/-ws-inspect/").contains("<title>WebSocket, frame by frame</title>"));
    assert!(get(&host, "/-ws-inspect/page.js").starts_with("HTTP/1.1 200 "));
    // What is not for the page is for the server, which has no pages.
    assert!(!get(&host, "/-ws-inspector/").contains("frame by frame"));
    assert!(!get(&host, "/").contains("frame by frame"));

    let live = format!("ws://{host}/-ws-inspect/live");
    let foreign = Client::new(&live).unwrap().origin("http://evil.example").unwrap().connect();
    assert!(foreign.is_err_and(|error| error.to_string().contains("403")));
    let mut page = Client::new(&live).unwrap().origin(&format!("http://{host}")).unwrap().connect().unwrap();
    until(&mut page, "\"title\":\"ws inspect\"");

    let mut client = stdws::connect(format!("ws://{host}/chat")).unwrap();
    client.send("Hello").unwrap();
    assert_eq!(client.recv_timeout(WATCHDOG).unwrap().unwrap().as_text(), Some("Hello"));
    until(&mut page, "GET /chat");
    until(&mut page, "\"side\":\"server\",\"header\":\"8105\",\"length\":\"5\",\"received\":5,\"wire\":\"48656c6c6f\"");

    // A frame built by hand: the library names the rule, and the server behind the relay closes with 1002 (0x03ea).
    page.send("send /made 810548656c6c6f").unwrap();
    // The events and the answer come in any order.
    let mut wanted = vec![
        "\"event\":\"verdict\",\"side\":\"client\",\"said\":\"\",\"violation\":{\"text\":\"a frame from a client is not masked",
        "\"violation\":{\"text\":\"a frame from a client is not masked (6455-5.1-2)\",\"rule\":\"6455-5.1-2\",\"code\":1002}}",
        "\"side\":\"server\",\"header\":\"880c\",\"length\":\"12\",\"received\":12,\"wire\":\"03ea",
    ];
    while !wanted.is_empty() {
        let event = until(&mut page, "");
        wanted.retain(|wanted| !event.contains(wanted));
    }

    drop(tool.stdin.take());
    while page.recv_timeout(WATCHDOG).unwrap().is_some() {}
    assert_eq!(page.close_info().unwrap().code().as_u16(), 1001);
    drop(client);
    assert_eq!(tool.wait(), 0);
}

/// The composer has no certificate to trust, and reaches the tool without TLS.
#[cfg(all(unix, feature = "native-tls"))]
#[test]
fn the_composer_sends_behind_tls_too() {
    let (folder, made) = (crate::tool::Folder::new(), crate::tls::certificates());
    let file = |name: &str| folder.file(name, made.file(name));
    let (pem, key, ca) = (file("right.pem"), file("right.key"), file("authority.pem"));
    let server = Server::bind("127.0.0.1:0").unwrap().tls(made.accept("right")).start(|mut ws| ws.recv().map(drop));
    let server = server.unwrap();
    let args = ["inspect", "--listen", "127.0.0.1:0", "--page", "--quiet", "--until-stdin-ends", "--tls", &pem];
    let mut tool = Tool::start(args.into_iter().chain(["--tls-key", &key, "--ca", &ca, &server.url()]));
    let host = tool.output().next().strip_prefix("listening on wss://").unwrap().to_owned();
    let page = Client::new(format!("wss://{host}/-ws-inspect/live")).unwrap().tls(made.connect()).unwrap();
    let mut page = page.origin(&format!("https://{host}")).unwrap().connect().unwrap();
    assert!(until(&mut page, "\"hello\"").contains("\"target\":\"/\""));
    page.send("send /made 818000000000").unwrap();
    let mut wanted =
        vec!["\"sent\":\"\"", "GET /made", "\"side\":\"client\",\"header\":\"818000000000\"", "\"header\":\"8802\""];
    while !wanted.is_empty() {
        let event = until(&mut page, "");
        wanted.retain(|wanted| !event.contains(wanted));
    }
    drop(tool.stdin.take());
    assert_eq!(tool.wait(), 0);
}
