//! Heads of the opening handshake: bytes, fields and lists. The lines named `handshake` are the whole one of a server, on a
//! stream in memory, which needs two threads; the others are the functions of `stdws::handshake` and of a request.

use std::io;

use stdws::handshake::client::{check_response, HandshakeRequest};
use stdws::handshake::header::MAX_ELEMENTS;
use stdws::handshake::http::{HeadParser, Progress};
use stdws::handshake::origin::OriginPolicy;
use stdws::handshake::server::{accept_key, check_request};
use stdws::handshake::uri::Uri;
use stdws::{Server, SplitStream};

use super::{sizes, Line, Work};
use crate::Failure;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// Default maximum number of bytes of a head and of fields, less what a valid request needs.
const HEAD: usize = (64 << 10) - 512;
const FIELDS: usize = 100 - 8;
/// Number of bytes of a long line.
const LINE: usize = (8 << 10) - 64;
/// An extension that is offered, and declined.
const OFFER: &str = "permessage-deflate; x=1";
/// Maximum number of elements of a list that is read as a whole.
const ELEMENTS: usize = MAX_ELEMENTS;

pub(super) fn lines() -> Vec<Line> {
    let (bytes, fields, elements) = (sizes(512, 2, HEAD), sizes(1, 2, FIELDS), sizes(1, 2, ELEMENTS));
    // An element and its parameter count for two.
    let offers = sizes(1, 2, ELEMENTS / 2);
    let (cookies, hops) = (sizes(1, 4, 4096), sizes(1, 4, 4096));
    vec![
        Line::new("bytes of a request, in one piece", bytes.clone(), |size| parse(request(&filler(size)), usize::MAX)),
        Line::new("bytes of a request, one at a time", bytes.clone(), |size| parse(request(&filler(size)), 1)),
        Line::new("fields of a request", fields.clone(), |count| parse(request(&short_fields(count)), usize::MAX)),
        Line::new("bytes of a response", bytes.clone(), |size| check(&filler(size))),
        Line::new("fields of a response", fields.clone(), |count| check(&short_fields(count))),
        Line::new("extensions of a request", offers.clone(), |count| {
            parse(request(&list("Sec-WebSocket-Extensions", OFFER, count)), usize::MAX)
        }),
        Line::new("cookies, the last looked up", cookies.clone(), last_cookie),
        Line::new("handshake, bytes of the request", bytes, |size| handshake(Server::without_listener(), filler(size))),
        Line::new("handshake, fields of the request", fields, |count| {
            handshake(Server::without_listener(), short_fields(count))
        }),
        Line::new("handshake, extensions offered", offers, |count| {
            handshake(compressing(), list("Sec-WebSocket-Extensions", OFFER, count))
        }),
        Line::new("handshake, subprotocols offered", elements, |count| {
            let names: Vec<String> = (0..count).map(|index| format!("x{index}")).collect();
            let fields = format!("Sec-WebSocket-Protocol: {}\r\n", names.join(", "));
            handshake(Server::without_listener().subprotocols(["y"]), fields)
        }),
        Line::new("handshake, cookies", cookies, |count| {
            handshake(Server::without_listener(), list("Cookie", "a=b", count))
        }),
        // Every hop is trusted, so that all have to be looked at.
        Line::new("handshake, hops in Forwarded", hops.clone(), |count| {
            let server = Server::without_listener().trust_forwarded(["unix", "10.0.0.0/8"])?;
            handshake(server, list("Forwarded", "for=10.0.0.1", count))
        }),
        Line::new("handshake, hops in X-Forwarded-For", hops, |count| {
            let server = Server::without_listener().trust_x_forwarded_for(["unix", "10.0.0.0/8"])?;
            handshake(server, list("X-Forwarded-For", "10.0.0.1", count))
        }),
    ]
}

fn compressing() -> Server {
    let server = Server::without_listener();
    #[cfg(feature = "deflate")]
    let server = server.deflate(stdws::Deflate::default());
    server
}

/// A valid request with these further fields.
fn request(fields: &str) -> Vec<u8> {
    format!(
        "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{fields}\r\n"
    )
    .into_bytes()
}

/// A list in fields of at most this length.
fn list(name: &str, element: &str, count: usize) -> String {
    let separator = if name == "Cookie" { "; " } else { ", " };
    let in_one = (LINE / (element.len() + separator.len())).min(count);
    let mut fields = String::new();
    for first in (0..count).step_by(in_one) {
        let elements = vec![element; in_one.min(count - first)].join(separator);
        fields += &format!("{name}: {elements}\r\n");
    }
    fields
}

/// Fields with values of this many bytes in all.
fn filler(mut size: usize) -> String {
    let mut fields = String::new();
    while size > 0 {
        let value = size.min(LINE);
        fields += &format!("X-Filler: {}\r\n", "x".repeat(value));
        size -= value;
    }
    fields
}

fn short_fields(count: usize) -> String {
    (0..count).map(|index| format!("X-{index}: some value\r\n")).collect()
}

/// Parses and checks a request that arrives in pieces of so many bytes.
fn parse(request: Vec<u8>, piece: usize) -> Result<Work, Failure> {
    Ok(Box::new(move || {
        let mut parser = HeadParser::request();
        for bytes in request.chunks(piece) {
            if let Progress::Done { .. } = parser.feed(bytes)? {
                break;
            }
        }
        let head = parser.finish().ok_or("the head is not complete")?;
        check_request(&head, OriginPolicy::SameHostAnd(&[]))?;
        Ok(())
    }))
}

/// Parses and checks a response.
fn check(fields: &str) -> Result<Work, Failure> {
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{fields}\r\n",
        accept_key(KEY)
    );
    let uri = Uri::parse("ws://example.com/chat")?;
    Ok(Box::new(move || {
        let mut parser = HeadParser::response();
        parser.feed(response.as_bytes())?;
        let head = parser.finish().ok_or("the head is not complete")?;
        check_response(&head, &HandshakeRequest::new(&uri, KEY))?;
        Ok(())
    }))
}

fn last_cookie(count: usize) -> Result<Work, Failure> {
    let fields = format!("{}Cookie: last=1\r\n", list("Cookie", "a=b", count));
    let stream = SplitStream::new(io::Cursor::new(request(&fields)), io::sink());
    let ws = Server::without_listener().accept_over(stream)?.ok_or("there is no connection")?;
    Ok(Box::new(move || match ws.request().and_then(|request| request.cookie("last")) {
        Some("1") => Ok(()),
        _ => Err("the cookie was not found".into()),
    }))
}

fn handshake(server: Server, fields: String) -> Result<Work, Failure> {
    let request = request(&fields);
    Ok(Box::new(move || {
        let stream = SplitStream::new(io::Cursor::new(request.clone()), io::sink());
        server.accept_over(stream)?.ok_or("there is no connection")?.abort();
        Ok(())
    }))
}
