//! The faults that `ws inspect` makes on purpose, and the rules that they break.

use std::io::{Read, Write};

use stdws::{Client, Deflate, Error};

use crate::cat::server;
use crate::inspect::{echo, echo_server, noise, raw, read_head, read_rest, Inspecting, REQUEST, RESPONSE};
use crate::tool::WATCHDOG;

/// 6455-5.1-2, 6455-5.2-3, 6455-5.2-4, 6455-5.2-5, 6455-5.2-6, 6455-5.5-2, 6455-5.4-s2, 6455-8.1-1, 7692-6.2-1, 6455-7.4.1-3:
/// the server names the rule that a corrupted frame breaks, and so does the event.
#[test]
fn corrupted_frames_break_the_rule_that_is_meant() {
    let server = echo_server();
    let text = "text ".repeat(100);
    for (kind, requirement) in [
        ("mask", "6455-5.1-2"),
        ("rsv", "6455-5.2-3"),
        ("opcode", "6455-5.2-4"),
        ("length", "6455-5.2-6"),
        ("huge", "6455-5.2-5"),
        ("continuation", "6455-5.4-s2"),
        ("utf8", "6455-8.1-1"),
        ("deflate", "7692-6.2-1"),
        ("fin", "6455-5.5-2"),
        ("close", "6455-7.4.1-3"),
    ] {
        let inspecting = Inspecting::start(&server.url(), &["--json", "--from=client", "--corrupt", kind]);
        let client = Client::new(inspecting.url()).unwrap();
        let client = if kind == "deflate" { client.deflate(Deflate::default()) } else { client };
        let mut ws = client.connect().unwrap();
        match kind {
            "fin" | "close" => drop(ws.start_close(1000, "")),
            _ => ws.send(&text).unwrap(),
        }
        let fault = inspecting.event("fault");
        assert!(fault.get("text").contains(requirement), "{kind}: {}", fault.get("text"));
        // Its client sends what is complete. A frame whose length is wrong never is, so its event has to wait for the end.
        if kind != "huge" {
            let frame = inspecting.event("frame");
            assert_eq!(frame.get("requirement"), requirement, "{kind}");
        }
        while let Ok(Some(_)) = ws.recv_timeout(WATCHDOG) {}
        let reason = ws.close_info().map(|info| info.reason().to_owned());
        assert_eq!(reason.as_deref(), Some(requirement), "{kind}");
    }
}

#[test]
fn what_a_server_sends_is_corrupted_too() {
    let server = server(echo);
    for kind in ["mask", "accept", "payload"] {
        let inspecting = Inspecting::start(&server.url(), &["--json", "--from=server", "--at=2", "--corrupt", kind]);
        let connected = stdws::connect(inspecting.url());
        if kind == "accept" {
            let Err(Error::Handshake(rejection)) = connected else { panic!("{connected:?}") };
            assert!(rejection.to_string().contains("Sec-WebSocket-Accept"), "{rejection}");
            continue;
        }
        let mut ws = connected.unwrap();
        // The first frame is left as it is.
        ws.send("a").unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("a"));
        ws.send("a").unwrap();
        match kind {
            "payload" => assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("`")),
            _ => assert!(ws.recv().unwrap_err().to_string().contains("6455-5.1-5")),
        }
    }
}

#[test]
fn fragments_are_the_same_message() {
    let server = server(echo);
    let inspecting = Inspecting::start(&server.url(), &["--json", "--fragment=7", "--pieces=3", "--from=client"]);
    let mut ws = stdws::connect(inspecting.url()).unwrap();
    let bytes = noise(100);
    ws.send(&bytes).unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_bytes(), bytes);
    let mut lengths = Vec::new();
    loop {
        let frame = inspecting.event("frame");
        assert_eq!((frame.get("from"), frame.get("name") == "binary"), ("client", lengths.is_empty()));
        lengths.push(frame.get("length").parse::<u64>().unwrap());
        if frame.get("fin") == "true" {
            break;
        }
    }
    assert_eq!(lengths, [[7; 14].as_slice(), &[2]].concat());
}

#[test]
fn connections_are_dropped_where_it_is_asked_for() {
    let server = server(echo);
    let inspecting = Inspecting::start(&server.url(), &["--json", "--drop-after=4", "--delay=1"]);
    let mut ws = stdws::connect(inspecting.url()).unwrap();
    for _ in 0..2 {
        ws.send("x").unwrap();
        assert!(ws.recv().unwrap().is_some());
    }
    assert!(ws.recv().is_err());
    assert_eq!(inspecting.event("ended").get("reason"), "dropped on purpose");
    // In the middle of the response.
    let (url, serving) = raw(|mut tcp| {
        read_head(&mut tcp);
        tcp.write_all(RESPONSE).unwrap();
        let _ = tcp.read(&mut [0]);
    });
    let limit = format!("--drop-after-bytes={}", REQUEST.len() + 10);
    let inspecting = Inspecting::start(&url, &["--json", &limit]);
    let mut tcp = inspecting.connect();
    tcp.write_all(REQUEST).unwrap();
    assert_eq!(read_rest(&mut tcp), RESPONSE[..10]);
    serving.join().unwrap();
    assert_eq!(inspecting.event("ended").get("reason"), "dropped on purpose");
}
