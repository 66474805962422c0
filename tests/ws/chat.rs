//! `ws chat`: its page, its rooms, and its limit of a message. The pages in a browser are tested in `tests/browser.rs`.

use stdws::{CloseCode, WebSocket};

use crate::echo::Listening;

fn connect(server: &Listening) -> WebSocket {
    stdws::connect(format!("ws://{}/chat", server.authority())).unwrap()
}

fn lines(ws: &mut WebSocket, count: usize) -> Vec<String> {
    (0..count).map(|_| ws.recv().unwrap().unwrap().as_text().unwrap().to_owned()).collect()
}

#[test]
fn the_page_and_the_chat_are_on_one_port() {
    let mut server = Listening::start(&["chat", "--until-stdin-ends"]);
    assert!(server.url.starts_with("http://"), "{}", server.url);
    let host = server.authority().to_owned();
    let get = |path: &str| server.http(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    let page = get("/");
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("chat.js"), "{page}");
    assert!(get("/chat.css").contains("text/css") && get("/nothing").starts_with("HTTP/1.1 404 "));
    let (mut ann, mut ben) = (connect(&server), connect(&server));
    ann.send("join lobby ann").unwrap();
    assert_eq!(lines(&mut ann, 2), ["joined lobby ann", "came ann"]);
    ben.send("join lobby ben").unwrap();
    assert_eq!(lines(&mut ben, 2), ["joined lobby ben", "came ben"]);
    ben.send("say hello").unwrap();
    let said = lines(&mut ann, 2);
    assert!(said[0] == "came ben" && said[1].contains(" ben ") && said[1].ends_with(" hello"), "{said:?}");
    drop(ben);
    // The end of the input is a shutdown.
    drop(server.tool.stdin.take());
    while ann.recv().unwrap().is_some() {}
    assert_eq!(ann.close_info().unwrap().code(), CloseCode::GOING_AWAY);
    assert_eq!(server.tool.wait(), 0);
}

#[test]
fn messages_are_short_unless_a_flag_allows_more() {
    let code = |args: &[&str]| {
        let server = Listening::start(args);
        let mut ws = connect(&server);
        ws.send("x".repeat(9000)).unwrap();
        while ws.recv().unwrap().is_some() {}
        ws.close_info().unwrap().code()
    };
    assert_eq!(code(&["chat"]), CloseCode::TOO_BIG);
    // It is no message of the chat either.
    assert_eq!(code(&["chat", "--max-message=10000"]), CloseCode::POLICY);
}
