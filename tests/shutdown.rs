//! The shutdown of a server: which connections get a Close, which are aborted, and that no thread or socket remains.
//!
//! Every test that could hang runs under a watchdog that aborts the process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use stdws::{CloseCode, Decision, Error, Response, Result, Server, ServerHandle, ShutdownReport, WebSocket};

#[path = "support/live.rs"]
mod live;
use live::{ms, read_head, watchdog, RawPeer, Watched, CLOSE, LONG, REQUEST, RESPONSE, SLACK, TEXT};
#[path = "support/serving.rs"]
mod serving;
use serving::echo;

/// A server with timeouts that do not expire during a test.
fn server() -> Server {
    Server::bind("127.0.0.1:0").unwrap().watched().timeouts(live::long_timeouts())
}

fn raw(addr: SocketAddr) -> RawPeer {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(REQUEST).unwrap();
    assert_eq!(read_head(&mut stream), RESPONSE);
    RawPeer::client_side(stream)
}

/// A connection whose handler has been called and echoes.
fn settled(addr: SocketAddr) -> RawPeer {
    let mut peer = raw(addr);
    peer.send(TEXT, b"x");
    assert_eq!(peer.read().payload, b"x");
    peer
}

/// Clean, timed out, aborted, threads left.
fn counts(report: ShutdownReport) -> [usize; 4] {
    [report.clean(), report.timed_out(), report.aborted(), report.threads_left()]
}

fn wait_until(mut done: impl FnMut() -> bool) {
    while !done() {
        thread::yield_now();
    }
}

fn timed(server: ServerHandle, limit: Duration) -> ([usize; 4], Duration) {
    let start = Instant::now();
    let report = server.shutdown(limit);
    (counts(report), start.elapsed())
}

#[test]
fn a_server_without_connections() {
    let _watchdog = watchdog();
    for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
        let server = match Server::bind(address) {
            Ok(server) => server.watched().start(echo).unwrap(),
            Err(error) => {
                println!("not tried with {address}, which cannot be had here: {error}");
                continue;
            }
        };
        let port = server.local_addr().unwrap().port();
        let ip = if address.starts_with('[') { "[::1]" } else { "127.0.0.1" };
        let (report, took) = timed(server, LONG);
        assert!(took < SLACK, "{address}: {took:?}");
        assert_eq!(report, [0, 0, 0, 0]);
        assert!(TcpStream::connect(format!("{ip}:{port}")).is_err(), "{address}");
    }
}

#[test]
fn every_connection_gets_close_1001_and_is_awaited() {
    let _watchdog = watchdog();
    let ended = Arc::new(AtomicUsize::new(0));
    let server = {
        let ended = ended.clone();
        server().start(move |mut ws| {
            ws.send("welcome")?;
            // For handlers the connection ends as usual.
            assert!(ws.recv().unwrap().is_none());
            assert!(matches!(ws.send("more"), Err(Error::Closed(Some(_)))));
            ended.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    };
    let server = server.unwrap();
    let addr = server.local_addr().unwrap();
    let peers: Vec<_> = (0..20)
        .map(|_| {
            let mut peer = raw(addr);
            assert_eq!(peer.read().payload, b"welcome");
            thread::spawn(move || {
                let close = peer.read();
                assert_eq!((close.opcode, close.payload), (CLOSE, b"\x03\xE9".to_vec()));
                peer.send(CLOSE, b"\x03\xE9");
                // The server ends the connection first (RFC 6455 section 7.1.1).
                peer.wait_for_end();
            })
        })
        .collect();
    let (report, took) = timed(server, LONG);
    assert!(took < SLACK, "{took:?}");
    assert_eq!(report, [20, 0, 0, 0]);
    // Every thread has been joined, so every handler has returned.
    assert_eq!(ended.load(Ordering::SeqCst), 20);
    peers.into_iter().for_each(|peer| peer.join().unwrap());
    assert!(TcpStream::connect(addr).is_err());
}

/// A handler, and what tells whether a thread of its server is left.
fn observed(
    handler: impl Fn(WebSocket) -> Result<()> + Send + Sync + 'static,
) -> (impl Fn(WebSocket) -> Result<()> + Send + Sync + 'static, Weak<()>) {
    let threads = Arc::new(());
    let observer = Arc::downgrade(&threads);
    let handler = move |ws| {
        let _threads = &threads;
        handler(ws)
    };
    (handler, observer)
}

/// Checks the counts, and that all threads end. On a busy machine one of them may need more time after the deadline than the
/// shutdown has for that.
#[track_caller]
fn assert_ended(report: [usize; 4], expected: [usize; 3], took: Duration, threads: &Weak<()>) {
    assert_eq!(report[..3], expected);
    assert!(report[3] == 0 || took >= ms(400), "{report:?} after {took:?}");
    wait_until(|| threads.strong_count() == 0);
}

/// Shuts down with a deadline that is far away, then does this, and then sets a deadline: what the first part waits for
/// does not depend on the speed of the machine. Returns how long the rest took.
fn in_two_steps(server: ServerHandle, first: impl FnOnce(), limit: Duration) -> ([usize; 4], Duration) {
    let (patient, impatient) = (server.shutdown_handle(), server.shutdown_handle());
    let shutdown = thread::spawn(move || patient.shutdown(LONG));
    first();
    let start = Instant::now();
    let report = impatient.shutdown(limit);
    let took = start.elapsed();
    assert_eq!(shutdown.join().unwrap(), report);
    (counts(report), took)
}

#[test]
fn peers_that_do_not_answer_are_aborted() {
    let _watchdog = watchdog();
    // At the deadline or after the timeout for closing handshakes, whichever is earlier.
    for (close, deadline) in [(LONG, ms(300)), (ms(2000), LONG)] {
        let mut timeouts = live::long_timeouts();
        timeouts.close = close;
        let (handler, threads) = observed(echo);
        let server = server().timeouts(timeouts).start(handler).unwrap();
        let (mut silent, mut answering) =
            (settled(server.local_addr().unwrap()), settled(server.local_addr().unwrap()));
        let answer = thread::spawn(move || {
            assert_eq!(answering.read().opcode, CLOSE);
            answering.send(CLOSE, b"\x03\xE9");
            answering.wait_for_end();
        });
        let start = Instant::now();
        let (report, took) = in_two_steps(server, || answer.join().unwrap(), deadline);
        assert_ended(report, [1, 1, 0], took, &threads);
        assert!(start.elapsed() >= close.min(deadline) && took < close.min(deadline) + SLACK, "{took:?}");
        assert_eq!(silent.read().opcode, CLOSE);
        silent.wait_for_end();
    }
}

/// Shows promise P11.
#[test]
fn a_peer_that_reads_nothing_delays_no_other() {
    let _watchdog = watchdog();
    // The handler blocks in a write.
    let (handler, threads) = observed(|mut ws| ws.send(vec![0_u8; live::TOO_MUCH]));
    let server = server().start(handler).unwrap();
    let stuck = raw(server.local_addr().unwrap());
    stuck.wait_for_bytes();
    let (report, took) = timed(server, ms(300));
    assert!(took >= ms(300) && took < ms(300) + SLACK, "{took:?}");
    assert_ended(report, [0, 1, 0], took - ms(300), &threads);
}

#[test]
fn a_peer_that_reads_late_gets_the_close_too() {
    let _watchdog = watchdog();
    let server = server().start(|mut ws| {
        ws.send(vec![0_u8; live::TOO_MUCH])?;
        echo(ws)
    });
    let server = server.unwrap();
    let mut late = raw(server.local_addr().unwrap());
    late.wait_for_bytes();
    let handle = server.shutdown_handle();
    let shutdown = thread::spawn(move || handle.shutdown(LONG));
    // A test by connecting could be collected as well.
    wait_until(|| TcpListener::bind(server.local_addr().unwrap()).is_ok());
    assert_eq!(late.read().payload.len(), live::TOO_MUCH);
    assert_eq!(late.read().payload, b"\x03\xE9");
    late.send(CLOSE, b"\x03\xE9");
    late.wait_for_end();
    assert_eq!(counts(shutdown.join().unwrap()), [1, 0, 0, 0]);
}

#[test]
fn connections_that_end_without_a_close_are_counted_as_aborted() {
    let _watchdog = watchdog();
    let server = server().start(echo).unwrap();
    let mut peer = settled(server.local_addr().unwrap());
    let leaves = thread::spawn(move || {
        assert_eq!(peer.read().opcode, CLOSE);
    });
    let (report, took) = timed(server, LONG);
    assert!(took < SLACK);
    assert_eq!(report, [0, 0, 1, 0]);
    leaves.join().unwrap();
}

#[test]
fn closes_are_spread_over_the_window() {
    let _watchdog = watchdog();
    let server = server().start(echo).unwrap();
    let (sender, receiver) = mpsc::channel();
    let peers: Vec<_> = (0..5)
        .map(|_| {
            let (mut peer, sender) = (settled(server.local_addr().unwrap()), sender.clone());
            thread::spawn(move || {
                assert_eq!(peer.read().opcode, CLOSE);
                sender.send(Instant::now()).unwrap();
                peer.send(CLOSE, b"\x03\xE9");
                peer.wait_for_end();
            })
        })
        .collect();
    let start = Instant::now();
    let report = server.shutdown_spread(ms(500), LONG);
    assert_eq!(counts(report), [5, 0, 0, 0]);
    let mut times: Vec<Duration> = (0..5).map(|_| receiver.recv().unwrap() - start).collect();
    // The threads may send them in any order.
    times.sort();
    // No Close arrives before its time, 100 ms after the previous one.
    for (turn, time) in times.iter().enumerate() {
        assert!(*time >= ms(100) * turn as u32, "{times:?}");
    }
    peers.into_iter().for_each(|peer| peer.join().unwrap());
}

#[test]
fn a_connection_that_ends_before_its_close_is_not_awaited() {
    let _watchdog = watchdog();
    let server = server().start(echo).unwrap();
    let peers = [settled(server.local_addr().unwrap()), settled(server.local_addr().unwrap())];
    let handle = server.shutdown_handle();
    let start = Instant::now();
    let shutdown = thread::spawn(move || handle.shutdown_spread(LONG, LONG));
    // The first Close is sent after the shutdown has collected the connections.
    let has_close = |peer: &RawPeer| {
        peer.stream.set_nonblocking(true).unwrap();
        peer.stream.peek(&mut [0]).is_ok()
    };
    wait_until(|| peers.iter().any(has_close));
    drop(peers);
    let report = counts(shutdown.join().unwrap());
    assert!(start.elapsed() < LONG / 2, "{:?}", start.elapsed());
    assert_eq!((report.iter().sum::<usize>(), report[3]), (2, 0));
}

#[test]
fn pending_requests_are_aborted_or_answered() {
    let _watchdog = watchdog();
    let (asked, ask) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let server = server().http(move |_| {
        asked.send(()).unwrap();
        gone.lock().unwrap().recv().unwrap();
        Response::text(200, "still answered")
    });
    let server = server.start(echo).unwrap();
    let addr = server.local_addr().unwrap();
    // Without a request there is no response.
    let mut silent = TcpStream::connect(addr).unwrap();
    let mut half = TcpStream::connect(addr).unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
    let mut whole = TcpStream::connect(addr).unwrap();
    whole.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    ask.recv().unwrap();
    wait_until(|| server.connection_count() == 3);
    let handle = server.shutdown_handle();
    let shutdown = thread::spawn(move || handle.shutdown(LONG));
    for socket in [&mut silent, &mut half] {
        let mut rest = Vec::new();
        // The stream may end with a reset.
        let _ = socket.read_to_end(&mut rest);
        assert_eq!(rest, b"");
    }
    go.send(()).unwrap();
    let mut answer = String::new();
    whole.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nstill answered"), "{answer}");
    drop(whole);
    let report = shutdown.join().unwrap();
    assert_eq!(counts(report), [0, 0, 2, 0]);
}

#[test]
fn streams_handed_over_and_connections_on_other_threads_are_closed() {
    let _watchdog = watchdog();
    let (give, take) = mpsc::channel();
    let server = server().on_request(|request| match request.path() {
        "/mine" => Decision::hand_over(|mut stream| {
            stream.set_timeouts(LONG, LONG);
            // Until the shutdown aborts it.
            assert!(!matches!(stream.read(&mut [0]), Ok(1..)));
        }),
        _ => Decision::accept(),
    });
    let (handler, threads) = observed(move |ws| {
        give.send(ws).unwrap();
        Ok(())
    });
    let server = server.start(handler).unwrap();
    let mut mine = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    mine.write_all(b"GET /mine HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let (mut kept, mut lost) = (raw(server.local_addr().unwrap()), raw(server.local_addr().unwrap()));
    let mut received: WebSocket = take.recv().unwrap();
    let unused: WebSocket = take.recv().unwrap();
    wait_until(|| server.connection_count() == 1);
    let receiving = thread::spawn(move || received.recv().map(|_| received.close_info()));
    let answered = || {
        for peer in [&mut kept, &mut lost] {
            assert_eq!(peer.read().opcode, CLOSE);
            peer.send(CLOSE, b"\x03\xE9");
        }
        assert_eq!(receiving.join().unwrap().unwrap().unwrap().code(), CloseCode::GOING_AWAY);
    };
    let (report, took) = in_two_steps(server, answered, ms(200));
    assert!(took >= ms(200) && took < ms(200) + SLACK, "{took:?}");
    // One connection closed although its handler has returned, no thread received on the other, and the stream was
    // aborted.
    assert_ended(report, [1, 1, 1], took - ms(200), &threads);
    drop(unused);
}

/// They are not on a thread of the server, so all its threads end before.
#[test]
fn connections_on_other_threads_are_awaited_and_ended_ones_do_not_count() {
    let _watchdog = watchdog();
    let (give, take) = mpsc::channel();
    let server = server().start(move |ws| {
        give.send(ws).unwrap();
        Ok(())
    });
    let server = server.unwrap();
    let addr = server.local_addr().unwrap();
    let mut ended = raw(addr);
    let mut kept: WebSocket = take.recv().unwrap();
    ended.send(CLOSE, b"\x03\xE8");
    assert!(kept.recv().unwrap().is_none());
    let mut peers = [raw(addr), raw(addr)];
    let receiving = [(); 2].map(|()| {
        let mut ws = take.recv().unwrap();
        thread::spawn(move || ws.recv().map(drop))
    });
    let (done, result) = mpsc::channel();
    let shutdown = thread::spawn(move || done.send(counts(server.shutdown(LONG))).unwrap());
    for peer in &mut peers {
        assert_eq!(peer.read().opcode, CLOSE);
    }
    // The threads of the server end meanwhile.
    assert!(result.recv_timeout(ms(200)).is_err(), "no answer has come");
    for peer in &mut peers {
        peer.send(CLOSE, b"\x03\xE9");
    }
    assert_eq!(result.recv().unwrap(), [2, 0, 0, 0]);
    shutdown.join().unwrap();
    receiving.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    assert_eq!(kept.close_info().unwrap().code(), CloseCode::NORMAL);
}

/// The shutdown has sent its Closes when this connection opens.
#[test]
fn a_connection_that_opens_during_a_shutdown_is_awaited() {
    let _watchdog = watchdog();
    let (asked, ask) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let server = server().on_request(move |request| {
        if request.path() == "/late" {
            asked.send(()).unwrap();
            gone.lock().unwrap().recv().unwrap();
        }
        Decision::accept()
    });
    let server = server.start(echo).unwrap();
    let addr = server.local_addr().unwrap();
    let mut early = settled(addr);
    let mut late = TcpStream::connect(addr).unwrap();
    late.set_read_timeout(Some(LONG)).unwrap();
    late.write_all(&[b"GET /late", REQUEST.strip_prefix(b"GET /").unwrap()].concat()).unwrap();
    ask.recv().unwrap();
    let shutdown = thread::spawn(move || server.shutdown(LONG));
    assert_eq!(early.read().opcode, CLOSE);
    early.send(CLOSE, b"\x03\xE9");
    early.wait_for_end();
    go.send(()).unwrap();
    assert_eq!(read_head(&mut late), RESPONSE);
    let mut late = RawPeer::client_side(late);
    assert_eq!(late.read().payload, b"\x03\xE9");
    late.send(CLOSE, b"\x03\xE9");
    late.wait_for_end();
    assert_eq!(counts(shutdown.join().unwrap()), [2, 0, 0, 0]);
}

/// It waits, without a shutdown for as long as its time allows, until the peer has read the Close.
#[test]
fn a_connection_that_has_failed_is_aborted_at_the_deadline() {
    let _watchdog = watchdog();
    let (handler, threads) = observed(echo);
    let server = server().start(handler).unwrap();
    let mut peer = settled(server.local_addr().unwrap());
    peer.send(0xF, b"");
    peer.wait_for_bytes();
    let (report, took) = timed(server, ms(100));
    assert!(took >= ms(100) && took < ms(100) + SLACK, "{took:?}");
    assert_ended(report, [0, 0, 0], took - ms(100), &threads);
    assert_eq!(peer.read().payload[..2], 1002_u16.to_be_bytes());
}

/// Drops of thread-local values are the last that a thread does.
#[test]
fn the_threads_of_connections_are_joined_before_the_report_and_the_end_of_run() {
    struct Last(Arc<AtomicUsize>);
    impl Drop for Last {
        fn drop(&mut self) {
            // Longer than the shutdown takes without waiting for this.
            thread::sleep(ms(100));
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    thread_local! {
        static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) };
    }
    let _watchdog = watchdog();
    let server = server();
    let (addr, handle) = (server.local_addr().unwrap(), server.shutdown_handle());
    let (ended, (done, result)) = (Arc::new(AtomicUsize::new(0)), mpsc::channel());
    let counter = ended.clone();
    let running = thread::spawn(move || {
        let end = server.run(move |ws| {
            LAST.with(|last| *last.borrow_mut() = Some(Last(counter.clone())));
            echo(ws)
        });
        done.send(()).unwrap();
        end
    });
    let mut peers = [settled(addr), settled(addr)];
    let shutdown = thread::spawn(move || counts(handle.shutdown(LONG)));
    for peer in &mut peers {
        assert_eq!(peer.read().opcode, CLOSE);
    }
    assert!(result.recv_timeout(ms(100)).is_err(), "no answer has come");
    for peer in &mut peers {
        peer.send(CLOSE, b"\x03\xE9");
    }
    let report = shutdown.join().unwrap();
    assert_eq!((report, ended.load(Ordering::SeqCst)), ([2, 0, 0, 0], 2));
    running.join().unwrap().unwrap();
}

/// The connection has ended, and the thread has not.
#[test]
fn a_handler_that_does_something_else_is_awaited_until_the_deadline() {
    let _watchdog = watchdog();
    let (release, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let server = server().start(move |ws| {
        echo(ws)?;
        let _ = wait.lock().unwrap().recv();
        Ok(())
    });
    let server = server.unwrap();
    let mut peer = settled(server.local_addr().unwrap());
    let answer = thread::spawn(move || {
        assert_eq!(peer.read().opcode, CLOSE);
        peer.send(CLOSE, b"\x03\xE9");
        peer.wait_for_end();
    });
    let (report, took) = in_two_steps(server, || answer.join().unwrap(), ms(1000));
    // Without the wait, it would have the time for threads to end, and no more.
    assert!(took >= ms(1000) && took < ms(1000) + SLACK, "{took:?}");
    assert_eq!(report, [1, 0, 0, 1]);
    release.send(()).unwrap();
}

/// Shows promise P11.
#[test]
fn a_handler_that_does_not_return_is_counted_as_a_thread_left() {
    let _watchdog = watchdog();
    let (release, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let server = server().start(move |mut ws| {
        ws.send("welcome")?;
        let _ = wait.lock().unwrap().recv();
        Ok(())
    });
    let server = server.unwrap();
    let mut peer = raw(server.local_addr().unwrap());
    assert_eq!(peer.read().payload, b"welcome");
    let (report, took) = timed(server, ms(200));
    assert!(took >= ms(200) && took < ms(700) + SLACK, "{took:?}");
    assert_eq!(report, [0, 1, 0, 1]);
    assert_eq!(peer.read().opcode, CLOSE);
    release.send(()).unwrap();
}

#[test]
fn a_handle_shuts_down_a_running_server() {
    let _watchdog = watchdog();
    let server = server();
    let (addr, handle, second) = (server.local_addr().unwrap(), server.shutdown_handle(), server.shutdown_handle());
    let running = thread::spawn(move || server.run(echo));
    let mut peer = raw(addr);
    let answer = thread::spawn(move || {
        assert_eq!(peer.read().opcode, CLOSE);
        peer.send(CLOSE, b"\x03\xE9");
        peer.wait_for_end();
    });
    // All callers get the same report.
    let other = thread::spawn(move || second.shutdown(LONG));
    let report = handle.shutdown(LONG);
    assert_eq!(counts(report), [1, 0, 0, 0]);
    assert_eq!(other.join().unwrap(), report);
    assert_eq!(handle.shutdown(LONG), report);
    running.join().unwrap().unwrap();
    answer.join().unwrap();
    assert_eq!(report.to_string(), "1 closed, 0 timed out, 0 aborted, 0 threads left");
    // A shutdown before the start.
    let server = Server::bind("127.0.0.1:0").unwrap().watched();
    let (addr, handle) = (server.local_addr().unwrap(), server.shutdown_handle());
    assert_eq!(counts(handle.shutdown(LONG)), [0; 4]);
    server.run(echo).unwrap();
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn the_earliest_deadline_of_all_calls_applies() {
    let _watchdog = watchdog();
    for window in [Duration::ZERO, LONG] {
        let server = server();
        let (addr, first, second) = (server.local_addr().unwrap(), server.shutdown_handle(), server.shutdown_handle());
        let (handler, threads) = observed(echo);
        let running = thread::spawn(move || server.run(handler));
        // Neither of them ever answers.
        let mut peers = [settled(addr), settled(addr)];
        let longest = thread::spawn(move || first.shutdown_spread(window, LONG));
        // It has begun when one client has its Close.
        let set_nonblocking = |on| peers.iter().for_each(|peer| peer.stream.set_nonblocking(on).unwrap());
        set_nonblocking(true);
        wait_until(|| peers.iter().any(|peer| peer.stream.peek(&mut [0]).is_ok()));
        set_nonblocking(false);
        let start = Instant::now();
        let report = second.shutdown(ms(100));
        let took = start.elapsed();
        assert!(took < SLACK, "{took:?}");
        assert_eq!(longest.join().unwrap(), report);
        drop(second);
        // Connections at the end of the queue got a Close too.
        for peer in &mut peers {
            assert_eq!(peer.read().opcode, CLOSE);
        }
        running.join().unwrap().unwrap();
        assert_ended(counts(report), [0, 2, 0], took.saturating_sub(ms(100)), &threads);
    }
}

#[test]
fn a_timeout_of_zero_aborts_at_once() {
    let _watchdog = watchdog();
    let (handler, threads) = observed(echo);
    let server = server().start(handler).unwrap();
    let mut peer = settled(server.local_addr().unwrap());
    let (report, took) = timed(server, Duration::ZERO);
    assert!(took < SLACK, "{took:?}");
    assert_eq!(report[..3].iter().sum::<usize>(), 1);
    assert_ended(report, [report[0], report[1], report[2]], took, &threads);
    let mut rest = Vec::new();
    let _ = peer.stream.read_to_end(&mut rest);
}

/// The maximum number of descriptors of this process, and the number in use.
#[cfg(target_os = "linux")]
fn descriptors() -> (usize, usize) {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft = line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX);
    (soft, std::fs::read_dir("/proc/self/fd").unwrap().count())
}

#[test]
#[cfg(target_os = "linux")]
fn a_thousand_connections_with_a_tenth_blocked_are_closed() {
    let _watchdog = watchdog();
    let (most, now) = descriptors();
    // Two for each connection, and some for tests that run at the same time.
    // With 32 bits the addresses suffice for 778 stacks.
    let total = (most.saturating_sub(now + 200) / 2).min(if cfg!(target_pointer_width = "32") { 500 } else { 1000 });
    if total < 1000 {
        println!("{total} connections instead of 1000: {} bits, and {most} descriptors at most", usize::BITS);
    }
    let stuck = total / 10;
    let (handler, threads) = observed(echo);
    let server = server().start(handler).unwrap();
    let addr = server.local_addr().unwrap();
    let mut peers: Vec<RawPeer> = (0..total).map(|_| raw(addr)).collect();
    // Each gets its Close, whatever happens to the blocked ones.
    let mut good = peers.split_off(stuck);
    let answered = || {
        for peer in &mut good {
            assert_eq!(peer.read().opcode, CLOSE);
            peer.send(CLOSE, b"\x03\xE9");
        }
        for peer in &mut good {
            peer.wait_for_end();
        }
    };
    let (report, took) = in_two_steps(server, answered, ms(200));
    assert!(took >= ms(200) && took < ms(200) + SLACK, "{took:?}");
    assert_ended(report, [total - stuck, stuck, 0], took - ms(200), &threads);
}
