//! Full duplex over TLS, byte for byte.

use std::sync::mpsc;
use std::thread;

use stdws::{Client, CloseCode, Error, Limits, Server, Step, WebSocket};

use crate::live::{long_timeouts, ms, watchdog, Random, Watched};
use crate::support::certificates;

fn pair() -> (WebSocket, WebSocket) {
    let (give, take) = mpsc::channel();
    let limits = Limits::with_max_message_size(16 << 20);
    let server = Server::bind("127.0.0.1:0").unwrap().watched().timeouts(long_timeouts()).limits(limits);
    let server = server.tls(certificates().accept("right")).start(move |ws| {
        drop(give.send(ws));
        Ok(())
    });
    let server = server.unwrap();
    let url = format!("wss://localhost:{}", server.local_addr().unwrap().port());
    let client = Client::new(&url)
        .unwrap()
        .watched()
        .timeouts(long_timeouts())
        .limits(limits)
        .tls(certificates().connect())
        .unwrap();
    (client.connect().unwrap(), take.recv().unwrap())
}

/// Lengths around the boundaries of records, pieces and buffers.
const SIZES: [usize; 12] =
    [0, 1, 125, 126, 16 << 10, (16 << 10) + 1, 65_535, 65_536, 65_537, (128 << 10) - 64, 1 << 20, 14 << 20];

fn send_all(ws: &WebSocket, seed: u64) -> thread::JoinHandle<()> {
    let sender = ws.sender();
    thread::spawn(move || {
        let mut sent = 0;
        for round in 0.. {
            let size = SIZES[round % SIZES.len()];
            sender.send(Random::seeded(seed + round as u64).bytes(size)).unwrap();
            sent += size;
            if sent >= 64 << 20 {
                break;
            }
            if round % 5 == 0 {
                sender.ping().unwrap();
            }
        }
        sender.send("that was all").unwrap();
    })
}

fn exchange(mut ws: WebSocket, mine: u64, theirs: u64) -> WebSocket {
    let sending = send_all(&ws, mine);
    for round in 0.. {
        let message = ws.recv().unwrap().unwrap();
        if message.as_text() == Some("that was all") {
            break;
        }
        let expected = Random::seeded(theirs + round).bytes(SIZES[round as usize % SIZES.len()]);
        assert!(message.as_bytes() == expected, "round {round}");
    }
    while !sending.is_finished() {
        match ws.recv_timeout(ms(5)) {
            Err(Error::Timeout(Step::Receive)) => {}
            end => assert!(matches!(end, Ok(None)), "{end:?}"),
        }
    }
    sending.join().unwrap();
    ws
}

#[test]
fn sixty_four_mebibytes_both_ways_at_once() {
    let _watchdog = watchdog();
    let (client, server) = pair();
    let other = thread::spawn(move || exchange(server, 1000, 2000).recv().unwrap().is_none());
    let info = exchange(client, 2000, 1000).close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(info.code(), CloseCode::NORMAL);
    assert!(other.join().unwrap());
}

#[test]
fn many_threads_send_small_messages_while_one_receives() {
    let _watchdog = watchdog();
    let (mut client, mut server) = pair();
    const EACH: u32 = 500;
    let threads: Vec<_> = (0..4u32)
        .map(|thread| {
            let sender = server.sender();
            thread::spawn(move || {
                (0..EACH).for_each(|n| sender.send([thread.to_be_bytes(), n.to_be_bytes()].concat()).unwrap())
            })
        })
        .collect();
    let mut next = [0; 4];
    for _ in 0..4 * EACH {
        let message = client.recv().unwrap().unwrap();
        let (thread, number) = message.as_bytes().split_at(4);
        let thread = u32::from_be_bytes(thread.try_into().unwrap()) as usize;
        assert_eq!(u32::from_be_bytes(number.try_into().unwrap()), next[thread]);
        next[thread] += 1;
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let closing = thread::spawn(move || server.recv().map(|end| end.is_none()));
    client.close(CloseCode::NORMAL, "").unwrap();
    assert!(closing.join().unwrap().unwrap());
}
