//! What stdws allocates, counted by an allocator: nothing for a message in steady state, nothing because a peer
//! announced it, and nothing that stays when a connection is idle.

#[path = "../../support/live.rs"]
mod live;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use stdws::{Client, Deflate, Error, Hub, HubLimits, Limits, Server, SplitStream, Step, Timeouts, WebSocket};
use stdws_allocations::{all_times, in_use, most, times, Counting};

use live::{limited, ms, long_timeouts, Side, RawPeer, BINARY, CLOSE, CONTINUATION, LONG, PING, PONG, TEXT};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let tests: [(&str, fn()); 17] = [
        // The first, because memory that an earlier test frees late would hide some of its own.
        ("a_connection_at_its_worst_keeps_the_formula", a_connection_at_its_worst_keeps_the_formula),
        ("messages_that_ping_keeps_take_their_limit", messages_that_ping_keeps_take_their_limit),
        ("a_callers_stream_takes_what_its_queues_may", a_callers_stream_takes_what_its_queues_may),
        ("a_message_in_steady_state_allocates_nothing", a_message_in_steady_state_allocates_nothing),
        ("an_owned_message_is_not_copied", an_owned_message_is_not_copied),
        ("queued_messages_allocate_nothing", queued_messages_allocate_nothing),
        ("an_announced_frame_allocates_nothing", an_announced_frame_allocates_nothing),
        ("a_message_takes_at_most_twice_its_limit", a_message_takes_at_most_twice_its_limit),
        ("fragments_without_bytes_take_no_memory", fragments_without_bytes_take_no_memory),
        ("pings_without_end_take_no_memory", pings_without_end_take_no_memory),
        ("after_a_large_message_the_memory_goes_back", after_a_large_message_the_memory_goes_back),
        ("an_idle_connection_is_small", an_idle_connection_is_small),
        (
            "a_compressed_message_in_steady_state_allocates_nothing",
            a_compressed_message_in_steady_state_allocates_nothing,
        ),
        ("compression_takes_what_its_documentation_says", compression_takes_what_its_documentation_says),
        ("a_large_compressed_message_leaves_nothing_behind", a_large_compressed_message_leaves_nothing_behind),
        (
            "a_broadcast_allocates_as_much_for_many_members_as_for_one",
            a_broadcast_allocates_as_much_for_many_members_as_for_one,
        ),
        ("what_waits_for_many_members_is_kept_once", what_waits_for_many_members_is_kept_once),
    ];
    let count = tests.len();
    println!("running {count} tests");
    for (name, test) in tests {
        // A separate thread, because the watchdog shows its name.
        let run = move || {
            let _watchdog = live::watchdog();
            test();
        };
        if thread::Builder::new().name(name.into()).spawn(run).unwrap().join().is_err() {
            println!("test {name} ... FAILED");
            std::process::exit(101);
        }
        println!("test {name} ... ok");
    }
    println!("\ntest result: ok. {count} passed; 0 failed; 0 ignored");
}

const ROLES: [Side; 2] = [Side::Client, Side::Server];
const KIB: usize = 1 << 10;

/// Number of allocations of the thread of the server's connection, up to the last received message.
static AT_SERVER: AtomicUsize = AtomicUsize::new(0);

fn at_both() -> usize {
    times() + AT_SERVER.load(Ordering::SeqCst)
}

/// A client and an echoing server of this crate.
fn echo(queue: bool, test: impl FnOnce(WebSocket)) {
    echo_with(queue, None, test);
}

fn echo_with(queue: bool, deflate: Option<Deflate>, test: impl FnOnce(WebSocket)) {
    let mut server = Server::bind("127.0.0.1:0").unwrap().timeouts(long_timeouts()).max_message_size(2 << 20);
    if let Some(deflate) = &deflate {
        server = server.deflate(deflate.clone());
    }
    let server = server
        .start(move |mut ws| {
            let sender = ws.sender();
            while let Some(message) = ws.recv_ref()? {
                AT_SERVER.store(times(), Ordering::SeqCst);
                if queue { sender.queue(message) } else { sender.send(message) }?;
            }
            Ok(())
        })
        .unwrap();
    let url = server.url();
    let mut client = Client::new(&url).unwrap().timeouts(long_timeouts()).limits(Limits::with_max_message_size(2 << 20));
    if let Some(deflate) = deflate {
        client = client.deflate(deflate);
    }
    test(client.connect().unwrap());
}

fn a_message_in_steady_state_allocates_nothing() {
    for queue in [false, true] {
        echo(queue, |mut ws| {
            for (size, rounds) in [(16, 500), (KIB, 500), (64 * KIB, 100), (1024 * KIB, 20)] {
                for text in [false, true] {
                    let bytes = vec![b'a'; size];
                    let text = text.then(|| String::from_utf8(bytes.clone()).unwrap());
                    let mut round = || {
                        match &text {
                            Some(text) => ws.send(text).unwrap(),
                            None => ws.send(&bytes).unwrap(),
                        }
                        assert_eq!(ws.recv_ref().unwrap().unwrap().as_bytes().len(), size);
                    };
                    (0..50).for_each(|_| round());
                    let before = at_both();
                    (0..rounds).for_each(|_| round());
                    let allocated = at_both() - before;
                    assert_eq!(allocated, 0, "{size} bytes, queue {queue}, {rounds} messages");
                }
            }
        });
    }
}

/// A client masks the payload in place. Neither role copies more of it than its first 64 KiB.
fn an_owned_message_is_not_copied() {
    for side in ROLES {
        let (mut ws, mut peer) = connection(side, long_timeouts(), 1 << 20);
        // The buffer for headers, and for the first 64 KiB, which one write sends together.
        ws.send(vec![1; 100_000]).unwrap();
        peer.read();
        let (binary, text) = (vec![7; 1 << 20], "a".repeat(1 << 20));
        let reading = thread::spawn(move || (peer.read(), peer.read()));
        let before = times();
        ws.send(binary).unwrap();
        ws.send(text).unwrap();
        assert_eq!(times() - before, 0, "{side:?}");
        drop(reading.join().unwrap());
    }
}

fn queued_messages_allocate_nothing() {
    echo(true, |mut ws| {
        for (size, window) in [(16, 256), (KIB, 64), (64 * KIB, 4)] {
            let bytes = vec![7; size];
            let mut round = || {
                (0..window).for_each(|_| ws.queue(&bytes).unwrap());
                ws.flush().unwrap();
                (0..window).for_each(|_| assert_eq!(ws.recv_ref().unwrap().unwrap().as_bytes().len(), size));
            };
            (0..20).for_each(|_| round());
            let before = at_both();
            (0..50).for_each(|_| round());
            assert_eq!(at_both() - before, 0, "{window} messages of {size} bytes at a time");
        }
    });
}

fn connection(side: Side, timeouts: Timeouts, message: u64) -> (WebSocket, RawPeer) {
    let mut limits = Limits::with_max_message_size(message);
    limits.max_fragments = u32::MAX;
    limited(side, timeouts, limits)
}

/// Receives what has arrived, which is not a whole message.
fn receive_nothing(ws: &mut WebSocket) {
    for _ in 0..10 {
        let end = ws.recv_timeout(ms(5)).map(|_| "a message");
        assert!(matches!(end, Err(Error::Timeout(Step::Receive))), "{end:?}");
    }
}

/// 6455-10.4-1
fn an_announced_frame_allocates_nothing() {
    for side in ROLES {
        let (mut ws, mut peer) = connection(side, long_timeouts(), 16 << 20);
        let whole = peer.frame(true, BINARY, &vec![0; 16 << 20]);
        let start = in_use();
        most();
        peer.stream.write_all(&whole[..30]).unwrap();
        receive_nothing(&mut ws);
        let after_header = most() - start;
        assert!(after_header <= 80 * KIB, "{side:?}: {after_header} bytes for a header");
        peer.stream.write_all(&whole[30..300 * KIB]).unwrap();
        receive_nothing(&mut ws);
        let after_part = most() - start;
        assert!(after_part <= 1100 * KIB, "{side:?}: {after_part} bytes for 300 KiB");
    }
}

/// The formula of `Limits`: the message at most twice, and the read buffer.
fn a_message_takes_at_most_twice_its_limit() {
    for side in ROLES {
        for fragment in [700, 5000, 70_000, 3 << 20] {
            let (mut ws, mut peer) = connection(side, long_timeouts(), 3 << 20);
            let (message, start) = (vec![7; 3 << 20], in_use());
            let frames: Vec<u8> = {
                let count = message.chunks(fragment).count();
                let frame = |(number, part)| {
                    let opcode = if number == 0 { BINARY } else { CONTINUATION };
                    peer.frame(number + 1 == count, opcode, part)
                };
                message.chunks(fragment).enumerate().flat_map(frame).collect()
            };
            let prepared = in_use() - start;
            let writing = thread::spawn(move || {
                peer.stream.write_all(&frames).unwrap();
                (peer, frames)
            });
            most();
            assert!(ws.recv_ref().unwrap().unwrap().as_bytes() == message);
            let taken = most() - prepared - start;
            writing.join().unwrap();
            assert!(taken <= (6 << 20) + 100 * KIB, "{side:?}: {taken} bytes, fragments of {fragment}");
        }
    }
}

/// The formula of the manual's chapter `bounds`, with all its parts at the same time: a message of the maximum size, a
/// read buffer under load, Pings that cannot be answered, queued messages, and one that is being sent to a peer that does not read.
fn a_connection_at_its_worst_keeps_the_formula() {
    for (side, copy) in [(Side::Client, 384 * KIB), (Side::Server, 64 * KIB)] {
        let limit = 1 << 20;
        let (mut ws, mut peer) = connection(side, long_timeouts(), limit as u64);
        // More than the sockets buffer. It belongs to the application and does not count.
        let sent = vec![7; 64 << 20];
        let pings = peer.frame(true, PING, &[7; 125]).repeat(100);
        let received = [pings, peer.frame(false, BINARY, &vec![7; limit - 1]), peer.frame(true, CONTINUATION, &[7])];
        let start = in_use();
        most();
        for _ in 0..127 {
            ws.queue(&[7; KIB - 10]).unwrap();
        }
        let sender = ws.sender();
        thread::scope(|scope| {
            let sending = scope.spawn(|| sender.send(&sent));
            // The first piece of the message is copied before it is written, behind what was queued.
            let mut first = vec![0; 200 * KIB];
            peer.stream.read_exact(&mut first).unwrap();
            drop(first);
            let writing = scope.spawn(|| received.iter().for_each(|bytes| peer.stream.write_all(bytes).unwrap()));
            assert_eq!(ws.recv_ref().unwrap().unwrap().as_bytes().len(), limit);
            writing.join().unwrap();
            ws.abort();
            assert!(sending.join().unwrap().is_err(), "{side:?}: the peer has read it all");
        });
        let taken = most() - start;
        let formula = 2 * limit + 68 * KIB + 128 * KIB + copy + 8 * KIB;
        println!("memory of a connection at its worst, {side:?}: {taken} bytes, by the formula at most {formula}");
        // Two threads of this test, and its buffer for what the peer reads first.
        assert!(taken <= formula + 16 * KIB, "{side:?}: {taken} bytes");
        assert!(taken >= limit + copy, "{side:?}: {taken} bytes are not the worst case");
    }
}

/// While `ping` waits, messages of this length are kept up to the limit, and one of the maximum size after them.
fn messages_that_ping_keeps_take_their_limit() {
    let limit = 1 << 20;
    // One large message; some whose buffers grew for their last byte; many that are empty.
    for length in [limit - 65, (64 << 10) + 1, 0] {
        for side in ROLES {
            let (mut ws, mut peer) = connection(side, long_timeouts(), limit as u64);
            let message = |length: usize| match length {
                0 => peer.frame(true, BINARY, b""),
                _ => [peer.frame(false, BINARY, &vec![7; length - 1]), peer.frame(true, CONTINUATION, &[7])].concat(),
            };
            let count = (limit - 1) / (length + 64);
            let bytes = [message(length).repeat(count), message(limit)].concat();
            let start = in_use();
            let writing = thread::spawn(move || {
                assert_eq!(peer.read().opcode, PING);
                peer.stream.write_all(&bytes).unwrap();
                (peer, bytes)
            });
            most();
            let ended = ws.ping();
            let taken = most() - start;
            assert!(matches!(ended, Err(Error::Timeout(Step::Pong))), "{side:?}: {ended:?}");
            let formula = limit + 2 * limit + 68 * KIB;
            println!("memory while ping waits, {count} messages of {length} bytes, {side:?}: {taken} bytes, by the formula at most {formula}");
            // A thread of this test.
            assert!(taken <= formula + 8 * KIB, "{side:?}: {taken} bytes");
            assert!(taken >= count * length + limit, "{side:?}: {taken} bytes are not the worst case");
            for _ in 0..count {
                assert_eq!(ws.recv().unwrap().unwrap().len(), length);
            }
            assert_eq!(ws.recv().unwrap().unwrap().len(), limit);
            drop(writing.join().unwrap());
        }
    }
}

/// A half that reads at most one byte less than it could: a queue that doubled its room beyond its capacity would take twice as much.
struct Less(TcpStream);

impl Read for Less {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let last = to.len() - 1;
        self.0.read(&mut to[..last])
    }
}

/// Both queues of a stream of the caller are full, because neither side reads.
fn a_callers_stream_takes_what_its_queues_may() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (near, _) = listener.accept().unwrap();
    peer.write_all(live::REQUEST).unwrap();
    let (end, reader) = (near.try_clone().unwrap(), Less(near.try_clone().unwrap()));
    let sent = vec![7; 64 << 20];
    let received = live::frame(true, true, BINARY, &vec![7; 64 << 20]);
    let server = Server::without_listener().timeouts(long_timeouts());
    in_use_at_rest();
    let start = in_use();
    most();
    let stream = SplitStream::new(reader, near).on_end(move || drop(end.shutdown(std::net::Shutdown::Both)));
    let mut ws = server.accept_over(stream).unwrap().unwrap();
    live::read_head(&mut peer);
    let idle = in_use() - start;
    let sender = ws.sender();
    thread::scope(|scope| {
        let sending = scope.spawn(|| sender.send(&sent));
        let mut writing = peer.try_clone().unwrap();
        let writing = scope.spawn(move || writing.write_all(&received));
        // Until nothing moves.
        in_use_at_rest();
        ws.abort();
        assert!(sending.join().unwrap().is_err() && writing.join().unwrap().is_err(), "somebody has read it all");
    });
    let taken = most() - start;
    let formula = 2 * 96 * KIB + 2 * 16 * KIB;
    println!("memory of a stream of the caller: {taken} bytes, {idle} of them idle, by the formula at most {formula}");
    // The connection, four threads and the two of this test.
    assert!(taken <= formula + 16 * KIB, "{taken} bytes");
    assert!(taken >= 2 * 64 * KIB + 2 * 16 * KIB, "{taken} bytes are not the worst case");
}

fn fragments_without_bytes_take_no_memory() {
    for side in ROLES {
        let (mut ws, mut peer) = connection(side, long_timeouts(), 1 << 20);
        let bytes = [peer.frame(false, TEXT, b""), peer.frame(false, CONTINUATION, b"").repeat(1_000_000)].concat();
        let start = in_use();
        let writing = thread::spawn(move || {
            peer.stream.write_all(&bytes).unwrap();
            (peer, bytes)
        });
        most();
        while !writing.is_finished() {
            receive_nothing(&mut ws);
        }
        let taken = most() - start;
        assert!(taken <= 100 * KIB, "{side:?}: {taken} bytes");
        drop(writing.join().unwrap());
    }
}

/// A peer that reads nothing: only the latest answer is kept.
fn pings_without_end_take_no_memory() {
    for side in ROLES {
        let (mut ws, mut peer) = connection(side, long_timeouts(), 1 << 20);
        let bytes = peer.frame(true, PING, &[7; 125]).repeat(100);
        let start = in_use();
        let (finish, finished) = mpsc::channel();
        let writing = thread::spawn(move || {
            for _ in 0..1000 {
                peer.stream.write_all(&bytes).unwrap();
            }
            finish.send(()).unwrap();
            (peer, bytes)
        });
        most();
        while finished.try_recv().is_err() {
            receive_nothing(&mut ws);
        }
        let taken = most() - start;
        assert!(taken <= 120 * KIB, "{side:?}: {taken} bytes");
        drop(writing.join().unwrap());
    }
}

fn after_a_large_message_the_memory_goes_back() {
    let mut timeouts = long_timeouts();
    (timeouts.ping_interval, timeouts.pong_timeout) = (ms(50), ms(5000));
    for side in ROLES {
        let (mut ws, mut peer) = connection(side, timeouts, 16 << 20);
        let start = in_use();
        let answering = thread::spawn(move || {
            let frame = peer.frame(true, BINARY, &vec![7; 8 << 20]);
            peer.stream.write_all(&frame).unwrap();
            // The echo of the large message, and two Pings after two idle intervals.
            let (mut large, mut pings) = (false, 0);
            while !large || pings < 2 {
                let frame = peer.read();
                match frame.opcode {
                    PING => {
                        pings += usize::from(large);
                        peer.send(PONG, &frame.payload);
                    }
                    _ => large = frame.payload.len() == 8 << 20,
                }
            }
            peer.send(TEXT, b"the end");
            peer
        });
        assert_eq!(ws.recv_ref().unwrap().unwrap().as_bytes().len(), 8 << 20);
        ws.send(&vec![7; 8 << 20]).unwrap();
        let message = ws.recv().unwrap();
        assert_eq!(message.unwrap().as_text(), Some("the end"));
        let peer = answering.join().unwrap();
        let kept = in_use().saturating_sub(start);
        assert!(kept <= 8 * KIB, "{side:?}: {kept} bytes are kept");
        drop(peer);
    }
}

fn an_idle_connection_is_small() {
    for side in ROLES {
        let mut open = Vec::with_capacity(50);
        // One-time initialization is not counted.
        drop(connection(side, long_timeouts(), 1 << 20));
        let start = in_use();
        for _ in 0..50 {
            let (mut ws, mut peer) = connection(side, long_timeouts(), 1 << 20);
            peer.send(TEXT, b"hello");
            ws.recv_ref().unwrap().unwrap();
            ws.send("hello").unwrap();
            assert_eq!(peer.read().payload, b"hello");
            open.push((ws, peer));
        }
        let each = (in_use() - start) / 50;
        println!("{side:?}: {each} bytes for an idle connection");
        assert!(each <= 8 * KIB, "{side:?}: {each} bytes");
        for (ws, mut peer) in open {
            drop(ws);
            assert_eq!(peer.read().opcode, CLOSE);
        }
    }
}

/// A message as services send them. No two are equal.
fn json(length: usize, number: usize) -> String {
    let mut text = String::with_capacity(length + 200);
    let mut seed = number as u64 + 1;
    while text.len() < length {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text += &format!(
            "{{\"id\":{},\"name\":\"user{}\",\"active\":true,\"score\":0.{}}},",
            seed >> 40,
            seed >> 52,
            seed >> 44
        );
    }
    text.truncate(length);
    text
}

fn a_compressed_message_in_steady_state_allocates_nothing() {
    let settings = [Deflate::default(), Deflate::default().client_no_context_takeover().server_no_context_takeover()];
    for deflate in settings {
        for queue in [false, true] {
            echo_with(queue, Some(deflate.clone()), |mut ws| {
                for (size, rounds) in [(100, 500), (4 * KIB, 200), (64 * KIB, 50)] {
                    let messages: Vec<String> = (0..20).map(|number| json(size, number)).collect();
                    let mut round = |number: usize| {
                        let text = &messages[number % messages.len()];
                        if queue { ws.queue(text) } else { ws.send(text) }.unwrap();
                        assert_eq!(ws.recv_ref().unwrap().unwrap().as_bytes().len(), size);
                    };
                    // Until the windows of both directions are full.
                    (0..50.max(50_000 / size)).for_each(&mut round);
                    let before = at_both();
                    (0..rounds).for_each(&mut round);
                    assert_eq!(at_both() - before, 0, "{size} bytes, queue {queue}, {rounds} messages, {deflate:?}");
                }
            });
        }
    }
}

/// Number of bytes in use after the threads of earlier connections have ended.
fn in_use_at_rest() -> usize {
    let (mut last, mut same) = (in_use(), 0);
    while same < 20 {
        thread::sleep(ms(5));
        let now = in_use();
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    last
}

/// 64 KiB for receiving and 192 KiB for sending, from the first compressed message on.
fn compression_takes_what_its_documentation_says() {
    let text = json(4 * KIB, 1);
    // One-time initialization is not counted.
    echo_with(false, Some(Deflate::default()), |mut ws| ws.send(&text).unwrap());
    let used = |deflate: Option<Deflate>| {
        let (mut idle, mut busy) = (0, 0);
        let start = in_use_at_rest();
        echo_with(false, deflate, |mut ws| {
            ws.send("short").unwrap();
            ws.recv_ref().unwrap().unwrap();
            idle = in_use() - start;
            for number in 0..100 {
                let text = json(4 * KIB, number);
                ws.send(&text).unwrap();
                assert_eq!(ws.recv_ref().unwrap().unwrap().as_text(), Some(text.as_str()));
            }
            busy = in_use() - start;
        });
        (idle, busy)
    };
    let (plain_idle, plain_busy) = used(None);
    let (idle, busy) = used(Some(Deflate::default()));
    // Both ends are in this process.
    let (before, after) = (idle.saturating_sub(plain_idle) / 2, busy.saturating_sub(plain_busy) / 2);
    println!("compression: {before} bytes before the first message, {after} bytes after it");
    assert!(before <= 2 * KIB, "{before} bytes before anything was compressed");
    assert!(after <= (64 + 192) * KIB, "{after} bytes a connection");
}

fn a_large_compressed_message_leaves_nothing_behind() {
    echo_with(false, Some(Deflate::default()), |mut ws| {
        let mut round = |length: usize| {
            let mut random = 1_u64;
            let next = |_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (random >> 33) as u8
            };
            let incompressible: Vec<u8> = (0..length).map(next).collect();
            ws.send(&incompressible).unwrap();
            assert!(ws.recv_ref().unwrap().unwrap().as_bytes() == incompressible);
            drop(incompressible);
        };
        (0..3).for_each(|_| round(4 * KIB));
        let start = in_use();
        round(2048 * KIB - KIB);
        // A message of usual size makes the receivers free their memory; that of senders would stay.
        (0..2).for_each(|_| round(4 * KIB));
        let kept = in_use().saturating_sub(start);
        assert!(kept <= 300 * KIB, "{kept} bytes are kept");
    });
}

/// The frame, and the list of kinds of frames.
fn a_broadcast_allocates_as_much_for_many_members_as_for_one() {
    for count in [1, 50] {
        let hub = Hub::new().unwrap();
        let mut members: Vec<_> = (0..count)
            .map(|_| {
                let (ws, peer) = connection(Side::Server, long_timeouts(), 1 << 20);
                (hub.add(ws.sender()), ws, peer)
            })
            .collect();
        let mut frame = [0; 127];
        let mut round = || {
            assert_eq!(hub.broadcast(&[7; 125]), count);
            for (_, _, peer) in &mut members {
                peer.stream.read_exact(&mut frame).unwrap();
            }
            assert_eq!(hub.flush(LONG), 0);
        };
        (0..50).for_each(|_| round());
        // Every thread of the process counts, so those that still end from earlier tests, and the hub's search for ended
        // connections every five seconds, add to some batches. They never reduce one.
        let batch = |_| {
            let before = all_times();
            (0..100).for_each(|_| round());
            all_times() - before
        };
        let each = (0..10).map(batch).min().unwrap_or(usize::MAX) as f64 / 100.0;
        println!("{count} members: {each} allocations for a broadcast");
        assert!(each <= 2.0, "{count} members: {each}");
    }
}

/// Twenty members that do not read use the memory of one queue. The bound of `HubLimits` would be twenty.
fn what_waits_for_many_members_is_kept_once() {
    let limits = HubLimits { max_queue_bytes: 32 << 20, ..HubLimits::default() };
    let hub = Hub::with_limits(limits).unwrap();
    let members: Vec<_> = (0..20)
        .map(|_| {
            let (ws, peer) = connection(Side::Server, long_timeouts(), 1 << 20);
            (hub.add(ws.sender()), ws, peer)
        })
        .collect();
    let message = vec![7; 1 << 20];
    let start = in_use();
    most();
    for _ in 0..24 {
        assert_eq!(hub.broadcast(&message), 20);
    }
    hub.flush(ms(200));
    let waiting: u64 = hub.stats().waiting;
    let taken = most() - start;
    assert!(waiting > 20 * 8, "{waiting} wait");
    // Each message once, the one that is being encoded, and a little for each member.
    assert!(taken <= (26 << 20) + 20 * 16 * KIB, "{taken} bytes");
    drop(members);
}
