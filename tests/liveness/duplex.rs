//! Two peers that send before they read do not wait for each other.

use std::io::Write;
use std::sync::mpsc;
use std::thread;

use stdws::{Client, CloseCode, Error, Limits, Server, Step, WebSocket};

use crate::live::{
    both, connection, long_timeouts, ms, of_client, of_server, watchdog, Random, Watched, BINARY, CLOSE, PING, PONG,
    TEXT,
};

const LARGE: usize = 8 << 20;
const ROUNDS: u64 = 3;

/// Sends large messages and Pings while it receives those of the peer. Returns the connection after both.
fn exchange(mut ws: WebSocket, mine: u64, theirs: u64) -> WebSocket {
    let sender = ws.sender();
    let sending = thread::spawn(move || {
        for round in 0..ROUNDS {
            sender.send(Random::seeded(mine + round).bytes(LARGE)).unwrap();
            sender.ping().unwrap();
        }
        sender.send("that was all").unwrap();
    });
    for round in 0..ROUNDS {
        let message = ws.recv().unwrap().unwrap();
        assert!(message.as_bytes() == Random::seeded(theirs + round).bytes(LARGE), "round {round}");
    }
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("that was all"));
    // The Pong to the last Ping may be in flight, or the peer has closed because it has received everything.
    while !sending.is_finished() {
        match ws.recv_timeout(ms(5)) {
            Err(Error::Timeout(Step::Receive)) => {}
            end => assert!(matches!(end, Ok(None)), "{end:?}"),
        }
    }
    sending.join().unwrap();
    ws
}

/// Shows promise P8.
#[test]
fn eight_mebibytes_both_ways_with_pings() {
    let _watchdog = watchdog();
    let (give, take) = mpsc::channel();
    let server =
        of_server(Server::bind("127.0.0.1:0").unwrap().watched()).timeouts(long_timeouts()).max_message_size(16 << 20);
    let server = server
        .start(move |ws| {
            // Not here: the panic of a handler would go unnoticed.
            drop(give.send(ws));
            Ok(())
        })
        .unwrap();
    let client = of_client(Client::new(server.url()).unwrap().watched());
    let ws = client.timeouts(long_timeouts()).limits(Limits::with_max_message_size(16 << 20)).connect().unwrap();
    let other = take.recv().unwrap();
    let other = thread::spawn(move || exchange(other, 100, 200).recv().unwrap().is_none());
    let info = exchange(ws, 200, 100).close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(info.code(), CloseCode::NORMAL);
    assert!(other.join().unwrap());
}

/// A peer with one thread that sends everything before it reads, while this side sends too.
/// 6455-5.5.3-1: of all these Pings only the latest has to be answered, and it is.
#[test]
fn four_hundred_thousand_pings_before_the_peer_reads() {
    both(|side| {
        const COUNT: u32 = 400_000;
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let sender = ws.sender();
        let payload = Random::seeded(7).bytes(LARGE);
        let expected = payload.clone();
        let sending = thread::spawn(move || sender.send(&payload).unwrap());
        let peer = thread::spawn(move || {
            let mut bytes = Vec::with_capacity(COUNT as usize * 10);
            for number in 0..COUNT {
                bytes.extend(peer.frame(true, PING, &number.to_be_bytes()));
            }
            bytes.extend(peer.frame(true, TEXT, b"now I listen"));
            peer.stream.write_all(&bytes).unwrap();
            let (mut newest, mut pongs, mut data) = (None, 0, false);
            while newest != Some(COUNT - 1) || !data {
                let frame = peer.read();
                match frame.opcode {
                    PONG => {
                        let number = u32::from_be_bytes(frame.payload.try_into().unwrap());
                        assert!(newest < Some(number), "{number} after {newest:?}");
                        newest = Some(number);
                        pongs += 1;
                    }
                    BINARY => {
                        assert!(frame.payload == expected);
                        data = true;
                    }
                    other => panic!("opcode {other}"),
                }
            }
            assert!(pongs < COUNT);
            peer.send(CLOSE, b"");
            assert_eq!(peer.read().opcode, CLOSE);
        });
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("now I listen"));
        assert!(ws.recv().unwrap().is_none());
        sending.join().unwrap();
        peer.join().unwrap();
    });
}

/// One thread receives and many threads send: frames never interleave. 6455-6.1-1, 6455-6.1-4, 6455-6.1-9
/// Shows promise P8.
#[test]
fn many_senders_and_one_receiver() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let senders: Vec<_> = (0..4_u8)
            .map(|who| {
                let sender = ws.sender();
                thread::spawn(move || {
                    for number in 0..50_usize {
                        let message = vec![who; 1 + number * 700];
                        match number % 3 {
                            0 => sender.send(&message).unwrap(),
                            1 => sender.queue(&message).and_then(|()| sender.flush()).unwrap(),
                            _ => {
                                let mut stream = sender.send_stream(stdws::MessageKind::Binary).unwrap();
                                stream.write_all(&message).unwrap();
                                stream.finish().unwrap();
                            }
                        }
                    }
                })
            })
            .collect();
        let mut pinger = peer.second_handle();
        let pinging = thread::spawn(move || (0..200_u8).for_each(|number| pinger.send(PING, &[number])));
        let receiving = thread::spawn(move || (ws.recv().unwrap().is_none(), ws));
        let (mut open, mut next, mut messages) = (Vec::new(), [0_usize; 4], 0);
        while messages < 200 {
            let frame = peer.read();
            if frame.opcode == PONG {
                continue;
            }
            open.extend(frame.payload);
            if frame.fin {
                let who = usize::from(open[0]);
                assert_eq!(open, vec![who as u8; 1 + next[who] * 700]);
                next[who] += 1;
                messages += 1;
                open.clear();
            }
        }
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        pinging.join().unwrap();
        peer.send(CLOSE, b"");
        while peer.read().opcode != CLOSE {}
        drop(peer);
        assert!(receiving.join().unwrap().0);
    });
}
