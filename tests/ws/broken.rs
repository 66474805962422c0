//! Endpoints of RFC 6455 that break one rule, written without the library.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use stdws::handshake::server::accept_key;

use crate::tool::WATCHDOG;

/// What an endpoint does wrong.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Break {
    Nothing,
    TakesUnmasked,
    EchoesBadUtf8,
    WrongAccept,
    IgnoresReservedBits,
    IgnoresOpcode,
    TakesFragmentedPing,
    TakesLongPing,
    EndsWithoutClose,
    Closes1005,
    ClosesOneByte,
    SendsAfterClose,
    EndsAtPing,
    OtherPong,
    OtherMask,
    LongLength,
    SetsReservedBit,
    FragmentsPong,
    Interleaves,
    TakesLoneContinuation,
    ReversesFragments,
    UnaskedExtension,
    UnaskedSubprotocol,
    AnyVersion,
    NamesNoVersion,
    NeedsNoUpgrade,
    AgreesToAnyOffer,
    SameKey,
}

/// What is in a message before its end.
type Fragments = Option<(u8, Vec<Vec<u8>>)>;

/// An endpoint that returns messages, and fails connections by ending them. It knows no compression.
fn endpoint(tcp: &mut TcpStream, is_server: bool, breaks: Break) -> io::Result<()> {
    let mut fragments: Fragments = None;
    let mut number = 0_u32;
    let mut send = |tcp: &mut TcpStream, first: u8, payload: &[u8]| {
        number += 1;
        let masks = is_server == (breaks == Break::OtherMask);
        let first = if breaks == Break::SetsReservedBit { first | 0x20 } else { first };
        let mut frame = vec![first];
        let bit = if masks { 0x80 } else { 0 };
        match u16::try_from(payload.len()).unwrap() {
            short @ 0..=125 if breaks != Break::LongLength => frame.push(bit | short as u8),
            length => {
                frame.push(bit | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        let key = if breaks == Break::SameKey { [1, 2, 3, 4] } else { number.to_be_bytes() };
        if masks {
            frame.extend(key);
        }
        let key = if masks { key } else { [0; 4] };
        frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        tcp.write_all(&frame)
    };
    loop {
        let mut head = [0; 2];
        tcp.read_exact(&mut head)?;
        let (first, second) = (head[0], head[1]);
        let (opcode, fin, mut length) = (first & 15, first & 0x80 != 0, usize::from(second & 127));
        let refused = (second & 0x80 != 0) != is_server && breaks != Break::TakesUnmasked
            || first & 0x70 != 0 && breaks != Break::IgnoresReservedBits
            || !matches!(opcode, 0..=2 | 8..=10) && breaks != Break::IgnoresOpcode
            || opcode >= 8 && !fin && breaks != Break::TakesFragmentedPing
            || opcode >= 8 && length > 125 && breaks != Break::TakesLongPing
            || opcode == 0 && fragments.is_none() && breaks != Break::TakesLoneContinuation
            || matches!(opcode, 1 | 2) && fragments.is_some() && breaks != Break::Interleaves;
        if refused {
            return Ok(());
        }
        let extra = [0, 2, 8][length.saturating_sub(125)];
        if extra > 0 {
            let mut bytes = [0; 8];
            tcp.read_exact(&mut bytes[8 - extra..])?;
            length = usize::try_from(u64::from_be_bytes(bytes)).unwrap();
        }
        let (mut key, mut payload) = ([0; 4], vec![0; length]);
        if second & 0x80 != 0 {
            tcp.read_exact(&mut key)?;
        }
        tcp.read_exact(&mut payload)?;
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        match opcode {
            8 => {
                let body: &[u8] = match breaks {
                    Break::EndsWithoutClose => return Ok(()),
                    Break::Closes1005 => &1005_u16.to_be_bytes(),
                    Break::ClosesOneByte => &[3],
                    _ => payload.get(..2).unwrap_or_default(),
                };
                send(tcp, 0x88, body)?;
                if breaks == Break::SendsAfterClose {
                    send(tcp, 0x81, b"one more")?;
                }
                return Ok(());
            }
            9 if breaks == Break::EndsAtPing => return Ok(()),
            9 if breaks == Break::OtherPong => {
                send(tcp, 0x8a, b"other")?;
                return Ok(());
            }
            9 if breaks == Break::FragmentsPong => {
                send(tcp, 0x0a, &payload)?;
                send(tcp, 0x80, b"")?;
            }
            9 => send(tcp, 0x8a, payload.get(..125).unwrap_or(&payload))?,
            10 => {}
            _ => {
                let (kind, mut parts) = fragments.take().unwrap_or((opcode, Vec::new()));
                parts.push(payload);
                if !fin {
                    fragments = Some((kind, parts));
                    continue;
                }
                if breaks == Break::ReversesFragments {
                    parts.reverse();
                }
                let message = parts.concat();
                let is_text = std::str::from_utf8(&message).is_ok();
                if kind == 1 && !is_text && breaks != Break::EchoesBadUtf8 {
                    return Ok(());
                }
                send(tcp, 0x80 | kind.max(1), &message)?;
            }
        }
    }
}

fn read_head(tcp: &mut TcpStream) -> io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        tcp.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8(head).unwrap())
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut found = fields.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim())
}

/// The response to a request. `false`: the connection is refused.
fn answer(head: &str, breaks: Break) -> (String, bool) {
    let key = field(head, "Sec-WebSocket-Key");
    let has = |name, word: &str| field(head, name).is_some_and(|value| value.to_lowercase().contains(word));
    let valid =
        head.starts_with("GET ") && head.contains(" HTTP/1.1\r\n") && key.is_some() && field(head, "Host").is_some();
    let upgrades = has("Upgrade", "websocket") && has("Connection", "upgrade") || breaks == Break::NeedsNoUpgrade;
    let version = field(head, "Sec-WebSocket-Version") == Some("13") || breaks == Break::AnyVersion;
    if !valid || !upgrades || !version {
        let names = if breaks == Break::NamesNoVersion { "" } else { "Sec-WebSocket-Version: 13\r\n" };
        return (format!("HTTP/1.1 400 Bad Request\r\n{names}Connection: close\r\nContent-Length: 0\r\n\r\n"), false);
    }
    let key = if breaks == Break::WrongAccept { "other" } else { key.unwrap_or_default() };
    let accept = accept_key(key);
    let more = match breaks {
        Break::UnaskedExtension => "Sec-WebSocket-Extensions: x-unasked\r\n",
        Break::UnaskedSubprotocol => "Sec-WebSocket-Protocol: unasked\r\n",
        Break::AgreesToAnyOffer => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        _ => "",
    };
    let begin = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    (format!("{begin}Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"), true)
}

pub(crate) fn broken_server(breaks: Break) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for tcp in listener.incoming() {
            let mut tcp = tcp.unwrap();
            thread::spawn(move || -> io::Result<()> {
                tcp.set_read_timeout(Some(WATCHDOG))?;
                let (response, accepted) = answer(&read_head(&mut tcp)?, breaks);
                tcp.write_all(response.as_bytes())?;
                if accepted {
                    endpoint(&mut tcp, true, breaks)?;
                }
                // What has not been read would reset the connection, and could discard a Close.
                tcp.shutdown(Shutdown::Write)?;
                io::copy(&mut tcp, &mut io::sink()).map(drop)
            });
        }
    });
    url
}

pub(crate) fn broken_client(address: &str, breaks: Break) -> io::Result<()> {
    let mut tcp = TcpStream::connect(address)?;
    tcp.set_read_timeout(Some(WATCHDOG))?;
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let fields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\n{fields}Sec-WebSocket-Key: {key}\r\n\r\n");
    tcp.write_all(request.as_bytes())?;
    let response = read_head(&mut tcp)?;
    let right = field(&response, "Sec-WebSocket-Accept") == Some(&accept_key(key));
    match right || breaks == Break::WrongAccept {
        true => endpoint(&mut tcp, false, breaks),
        false => Ok(()),
    }
}
