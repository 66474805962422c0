//! Messages, fragments, senders and reconnects: a client and a server in this process, over TCP. CPU time is that of both.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use stdws::{Client, Limits, MessageKind, Sender, Server, ServerHandle, WebSocket};

use super::{sizes, Extent, Line, Work};
use crate::server::{frame, open_connection};
use crate::Failure;

/// Maximum size of a message here.
const LARGEST: usize = 16 << 20;
/// Bytes of a fragment, and of a message of many.
const SMALL: usize = 16;
/// Number of messages that each of several senders sends.
const EACH: usize = 256;

pub(super) fn lines(extent: Extent) -> Vec<Line> {
    let message_sizes = sizes(16, 4, LARGEST);
    let fragments = sizes(1, 8, 131_072);
    let senders = sizes(1, 2, 64);
    // The first connection has no delay.
    let reconnects = sizes(4, 4, if extent == Extent::Full { 1024 } else { 256 });
    vec![
        Line::new("bytes of a message, echoed", message_sizes.clone(), |size| echo(vec![7; size])),
        Line::new("bytes of a text of several bytes a character", message_sizes.clone(), |size| {
            echo_text("\u{20ac}1".repeat(size / 4))
        }),
        #[cfg(feature = "deflate")]
        Line::new("bytes of a compressed message", message_sizes, |size| echo_compressed(crate::json(size))),
        Line::new("fragments without bytes, received", fragments.clone(), |count| fragments_received(count, 0)),
        Line::new("fragments of 16 bytes, received", fragments.clone(), |count| fragments_received(count, SMALL)),
        Line::new("fragments of 16 bytes, sent", fragments, fragments_sent),
        Line::new("messages queued, and flushed together", sizes(1, 8, 32_768), queued),
        Line::new("senders on one connection, 256 messages each", senders, senders_on_one),
        Line::new("reconnects", reconnects, reconnect),
    ]
}

fn limits() -> Limits {
    Limits::with_max_message_size(LARGEST as u64)
}

/// A server that answers each message: with itself, or what `answer` sends.
fn start(answer: fn(&Sender, stdws::MessageRef<'_>) -> stdws::Result<()>) -> Result<ServerHandle, Failure> {
    let server = Server::bind("127.0.0.1:0")?.limits(limits());
    #[cfg(feature = "deflate")]
    let server = server.deflate(stdws::Deflate::default());
    Ok(server.start(move |mut ws: WebSocket| {
        let sender = ws.sender();
        while let Some(message) = ws.recv_ref()? {
            answer(&sender, message)?;
        }
        Ok(())
    })?)
}

fn echo_server() -> Result<ServerHandle, Failure> {
    start(|sender, message| sender.send(message))
}

/// A server that answers a message of any size with one byte.
fn receiving_server() -> Result<ServerHandle, Failure> {
    start(|sender, _| sender.send(&[1][..]))
}

fn client(server: &ServerHandle) -> Result<Client, Failure> {
    Ok(Client::new(server.url())?.limits(limits()))
}

/// Receives an answer of this many bytes.
fn expect(ws: &mut WebSocket, size: usize) -> Result<(), Failure> {
    match ws.recv_ref()? {
        Some(answer) if answer.as_bytes().len() == size => Ok(()),
        Some(_) => Err("an answer of the wrong size".into()),
        None => Err("the server closed the connection".into()),
    }
}

fn echo(payload: Vec<u8>) -> Result<Work, Failure> {
    let server = echo_server()?;
    let mut ws = client(&server)?.connect()?;
    Ok(Box::new(move || {
        // The server lives as long as the work.
        let _ = &server;
        ws.send(&payload)?;
        expect(&mut ws, payload.len())
    }))
}

fn echo_text(payload: String) -> Result<Work, Failure> {
    let server = echo_server()?;
    let mut ws = client(&server)?.connect()?;
    Ok(Box::new(move || {
        let _ = &server;
        ws.send(&payload)?;
        expect(&mut ws, payload.len())
    }))
}

/// No message refers to the one before, which is the same.
#[cfg(feature = "deflate")]
fn echo_compressed(payload: Vec<u8>) -> Result<Work, Failure> {
    let server = echo_server()?;
    let deflate = stdws::Deflate::default().client_no_context_takeover().server_no_context_takeover();
    let mut ws = client(&server)?.deflate(deflate).connect()?;
    Ok(Box::new(move || {
        let _ = &server;
        ws.send(&payload)?;
        expect(&mut ws, payload.len())
    }))
}

/// The fragments are made before, and sent by a plain socket.
fn fragments_received(count: usize, size: usize) -> Result<Work, Failure> {
    let server = receiving_server()?;
    let port = server.local_addr().ok_or("the server has no address")?.port();
    let mut socket = open_connection(port)?;
    let mut message = Vec::new();
    for index in 0..count {
        let opcode = if index == 0 { 0x02 } else { 0x00 };
        let fin = if index + 1 == count { 0x80 } else { 0x00 };
        message.extend_from_slice(&frame(fin | opcode, &[7; SMALL][..size]));
    }
    Ok(Box::new(move || {
        let _ = &server;
        socket.write_all(&message)?;
        answer_of_one_byte(&mut socket)
    }))
}

fn answer_of_one_byte(socket: &mut TcpStream) -> Result<(), Failure> {
    let mut answer = [0; 3];
    socket.read_exact(&mut answer)?;
    match answer {
        [0x82, 1, 1] => Ok(()),
        _ => Err("the answer is another".into()),
    }
}

fn fragments_sent(count: usize) -> Result<Work, Failure> {
    let server = receiving_server()?;
    let mut ws = client(&server)?.connect()?;
    Ok(Box::new(move || {
        let _ = &server;
        let mut stream = ws.send_stream(MessageKind::Binary)?;
        // The last fragment is that of `finish`.
        for _ in 1..count {
            stream.write_all(&[7; SMALL])?;
            stream.flush()?;
        }
        stream.write_all(&[7; SMALL])?;
        stream.finish()?;
        expect(&mut ws, 1)
    }))
}

fn queued(count: usize) -> Result<Work, Failure> {
    let server = start(|sender, message| match message.as_bytes() {
        [1, ..] => sender.send(&[1][..]),
        _ => Ok(()),
    })?;
    let mut ws = client(&server)?.connect()?;
    Ok(Box::new(move || {
        let _ = &server;
        for _ in 1..count {
            ws.queue(&[0; SMALL][..])?;
        }
        ws.send(&[1; SMALL][..])?;
        expect(&mut ws, 1)
    }))
}

/// The threads live for the work only: starting one costs less than its messages.
fn senders_on_one(count: usize) -> Result<Work, Failure> {
    let server = start(|sender, message| match message.as_bytes() {
        [1, ..] => sender.queue(&[1][..]),
        _ => Ok(()),
    })?;
    let mut ws = client(&server)?.connect()?;
    Ok(Box::new(move || {
        let _ = &server;
        thread::scope(|scope| {
            let threads: Vec<_> = (0..count)
                .map(|_| {
                    let sender = ws.sender();
                    scope.spawn(move || {
                        (1..EACH).try_for_each(|_| sender.send(&[0; SMALL][..]))?;
                        sender.send(&[1; SMALL][..])
                    })
                })
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().map_err(|_| "a sender panicked")?.map_err(Failure::from))
        })?;
        (0..count).try_for_each(|_| expect(&mut ws, 1))
    }))
}

/// One iterator of connections, each of which the server closes at once.
fn reconnect(count: usize) -> Result<Work, Failure> {
    let server = Server::bind("127.0.0.1:0")?.start(|_| Ok(()))?;
    let client = client(&server)?;
    Ok(Box::new(move || {
        let _ = &server;
        let delay = Duration::from_millis(1);
        let backoff = stdws::Backoff::default().initial_delay(delay).max_delay(delay);
        let backoff = backoff.policy(|_| stdws::Retry::AfterBackoff);
        for connection in client.reconnect(backoff).take(count) {
            let mut ws = connection?;
            while ws.recv()?.is_some() {}
        }
        Ok(())
    }))
}
