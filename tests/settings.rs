//! Every duration and every limit with zero, a tiny and the largest value: a usage error before anything is sent, or the
//! meaning in the table at `Timeouts`. Nothing panics, floods or hangs.

use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use stdws::{
    Backoff, Client, CloseCode, Error, Hub, HubLimits, Limits, Server, SplitStream, Timeouts, UsageError, WebSocket,
};

#[path = "support/serving.rs"]
mod serving;
use serving::echo;

/// A test that waits longer hangs.
const LONG: Duration = Duration::from_secs(240);
const NANO: Duration = Duration::from_nanos(1);

type Set<S, V> = fn(&mut S, V);

/// Name, setter, least value.
fn durations() -> [(&'static str, Set<Timeouts, Duration>, Duration); 7] {
    let ms = Duration::from_millis;
    [
        ("Timeouts::connect", |t, value| t.connect = value, ms(1)),
        ("Timeouts::handshake", |t, value| t.handshake = value, ms(1)),
        ("Timeouts::write", |t, value| t.write = value, ms(1)),
        ("Timeouts::message", |t, value| t.message = value, ms(1)),
        ("Timeouts::ping_interval", |t, value| t.ping_interval = value, ms(10)),
        ("Timeouts::pong_timeout", |t, value| t.pong_timeout = value, ms(1)),
        ("Timeouts::close", |t, value| t.close = value, ms(1)),
    ]
}

/// Name, setter, least and largest value.
fn limits() -> [(&'static str, Set<Limits, u64>, u64, u64); 5] {
    let all = u64::from(u32::MAX);
    [
        ("Limits::max_frame_size", |l, value| l.max_frame_size = value, 1, u64::MAX),
        ("Limits::max_message_size", |l, value| l.max_message_size = value, 1, u64::MAX),
        ("Limits::max_fragments", |l, value| l.max_fragments = u32::try_from(value).unwrap(), 1, all),
        ("Limits::max_head_size", |l, value| l.max_head_size = u32::try_from(value).unwrap(), 256, 1 << 20),
        ("Limits::max_head_fields", |l, value| l.max_head_fields = u32::try_from(value).unwrap(), 8, 10_000),
    ]
}

fn bind() -> Server {
    Server::bind("127.0.0.1:0").unwrap()
}

/// A client for an address at which no connection may arrive.
fn nowhere() -> (Client, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    (Client::new(format!("ws://{}", listener.local_addr().unwrap())).unwrap(), listener)
}

#[track_caller]
fn refused<T>(result: Result<T, Error>, setting: &str) {
    match result {
        Err(Error::Usage(UsageError::SettingTooSmall { name, .. } | UsageError::SettingTooLarge { name, .. })) => {
            assert_eq!(name, setting);
        }
        Err(error) => panic!("{setting}: {error:?}"),
        Ok(_) => panic!("{setting} was accepted"),
    }
}

fn split() -> SplitStream {
    SplitStream::new(std::io::empty(), std::io::sink())
}

fn refused_everywhere(timeouts: Timeouts, limits: Limits, setting: &str) {
    let (client, listener) = nowhere();
    let client = client.timeouts(timeouts).limits(limits);
    refused(client.connect(), setting);
    refused(client.connect_over(split()), setting);
    let socket = std::net::TcpStream::connect(bind().local_addr().unwrap()).unwrap();
    refused(client.connect_tcp(socket), setting);
    #[cfg(unix)]
    refused(client.connect_unix("/nowhere"), setting);
    refused(client.reconnect(Backoff::default()).next().unwrap(), setting);
    assert!(listener.accept().is_err(), "{setting}: a client has connected");
    refused(bind().timeouts(timeouts).limits(limits).start(echo), setting);
    refused(bind().timeouts(timeouts).limits(limits).run(echo), setting);
    refused(Server::without_listener().timeouts(timeouts).limits(limits).accept_over(split()), setting);
}

#[test]
fn zero_and_tiny_values_are_refused_before_anything_is_sent() {
    for (name, set, least) in durations() {
        for value in [Duration::ZERO, NANO, least - NANO] {
            let mut timeouts = Timeouts::default();
            set(&mut timeouts, value);
            refused_everywhere(timeouts, Limits::client(), name);
        }
    }
    for (name, set, least, _) in limits() {
        for value in [0, least - 1] {
            let mut limits = Limits::client();
            set(&mut limits, value);
            refused_everywhere(Timeouts::default(), limits, name);
        }
    }
    let (client, _listener) = nowhere();
    refused(client.clone().connect_timeout(Duration::ZERO).connect(), "Timeouts::connect");
    refused(client.max_message_size(0).connect(), "Limits::max_frame_size");
    refused(bind().max_message_size(0).start(echo), "Limits::max_frame_size");
    refused(bind().max_connections(0).start(echo), "Server::max_connections");
    refused(bind().max_handshakes(0).start(echo), "Server::max_handshakes");
    refused(bind().max_per_address(0).start(echo), "Server::max_per_address");
    for bytes in [0, 1, (64 << 10) - 1, (1 << 30) + 1, usize::MAX] {
        refused(bind().stack_size(bytes).start(echo), "Server::stack_size");
    }
}

#[test]
fn values_above_the_largest_are_refused_before_anything_is_sent() {
    for (name, set, _, most) in limits() {
        // The others may have every value of their type.
        if most < u64::from(u32::MAX) {
            for value in [most + 1, u64::from(u32::MAX)] {
                let mut limits = Limits::client();
                set(&mut limits, value);
                refused_everywhere(Timeouts::default(), limits, name);
            }
        }
    }
}

#[test]
fn settings_of_hubs_and_backoffs() {
    let hub = |set: Set<HubLimits, usize>, value| {
        let mut limits = HubLimits::default();
        set(&mut limits, value);
        Hub::with_limits(limits)
    };
    refused(hub(|limits, value| limits.max_queue_bytes = value, 0), "HubLimits::max_queue_bytes");
    refused(hub(|limits, value| limits.max_topic_length = value, 0), "HubLimits::max_topic_length");
    let all: [Set<HubLimits, usize>; 3] = [
        |limits, value| limits.max_queue_bytes = value,
        |limits, value| limits.max_topic_length = value,
        |limits, value| limits.max_topics = value,
    ];
    for set in all {
        let hub = hub(set, usize::MAX).unwrap();
        assert_eq!(hub.broadcast("to nobody"), 0);
        for limit in [Duration::ZERO, NANO, Duration::MAX] {
            assert_eq!(hub.flush(limit), 0);
        }
    }
    assert!(hub(|limits, value| limits.max_topics = value, 0).is_ok());

    let backoff = Backoff::default;
    for value in [Duration::ZERO, NANO] {
        let (client, listener) = nowhere();
        refused(client.reconnect(backoff().initial_delay(value)).next().unwrap(), "Backoff::initial_delay");
        refused(client.reconnect(backoff().max_delay(value)).next().unwrap(), "Backoff::max_delay");
        assert!(listener.accept().is_err());
    }
    let (client, _listener) = nowhere();
    let mut connections = client.reconnect(backoff().max_attempts(0));
    refused(connections.next().unwrap(), "Backoff::max_attempts");
    assert!(connections.next().is_none());
    // With the largest values the second attempt is never due, and the wait for it ends by a stop.
    // The local end of a connection, where no socket can listen meanwhile.
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = std::net::TcpStream::connect(held.local_addr().unwrap()).unwrap();
    let gone = near.local_addr().unwrap();
    for reset_after in [Duration::ZERO, Duration::MAX] {
        let (failed, failures) = mpsc::channel();
        let backoff = backoff().initial_delay(Duration::MAX).max_delay(Duration::MAX).max_attempts(u32::MAX);
        let backoff = backoff.reset_after(reset_after).policy(move |disconnect| {
            let _ = failed.send(());
            disconnect.retry()
        });
        let mut connections = Client::new(format!("ws://{gone}")).unwrap().reconnect(backoff);
        let handle = connections.handle();
        let waiting = thread::spawn(move || connections.next().is_none());
        failures.recv_timeout(LONG).unwrap();
        handle.stop();
        assert!(waiting.join().unwrap());
    }
}

/// Sends, receives, pings and closes with these settings on both sides.
fn works(timeouts: Timeouts, limits: Limits, what: &str) {
    let (done, result) = mpsc::channel();
    thread::spawn(move || {
        let server = bind().timeouts(timeouts).limits(limits);
        let server = server.max_connections(usize::MAX).max_handshakes(usize::MAX).max_per_address(usize::MAX);
        let server = server.start(echo).unwrap();
        let mut ws = Client::new(server.url()).unwrap().timeouts(timeouts).limits(limits).connect().unwrap();
        exchange(&mut ws);
        let shutdown = server.shutdown_handle();
        assert_eq!(server.shutdown(Duration::MAX).threads_left(), 0);
        shutdown.shutdown_spread(Duration::MAX, Duration::MAX);
        done.send(()).unwrap();
    });
    assert!(result.recv_timeout(LONG).is_ok(), "{what}");
}

fn exchange(ws: &mut WebSocket) {
    for limit in [Duration::ZERO, NANO] {
        assert!(matches!(ws.recv_timeout(limit), Err(Error::Timeout(_))));
    }
    ws.send("hello").unwrap();
    assert_eq!(ws.recv_timeout(Duration::MAX).unwrap().unwrap().as_text(), Some("hello"));
    ws.send(&[7; 100_000]).unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().len(), 100_000);
    ws.ping().unwrap();
    assert_eq!(ws.close(CloseCode::NORMAL, "bye").unwrap().code(), CloseCode::NORMAL);
}

#[test]
fn the_largest_values_mean_no_limit() {
    let mut all = (Timeouts::default(), Limits::client());
    for (name, set, _) in durations() {
        let mut timeouts = Timeouts::default();
        for large in [Duration::from_secs(1 << 40), Duration::MAX] {
            set(&mut timeouts, large);
            works(timeouts, Limits::client(), name);
        }
        set(&mut all.0, Duration::MAX);
    }
    for (name, set, _, most) in limits() {
        let mut limits = Limits::client();
        set(&mut limits, most);
        works(Timeouts::default(), limits, name);
        set(&mut all.1, most);
    }
    works(all.0, all.1, "all of them");
}

#[test]
fn the_least_values_end_in_a_timeout_and_not_in_a_flood() {
    for (name, set, least) in durations() {
        let mut timeouts = Timeouts::default();
        set(&mut timeouts, least);
        let start = Instant::now();
        let server = bind().start(echo).unwrap();
        // A limit of 1 ms may well pass on a busy machine. It is a timeout then, or the end that it caused.
        let result = Client::new(server.url()).unwrap().timeouts(timeouts).connect().and_then(|mut ws| {
            ws.send("hello")?;
            ws.recv_timeout(Duration::from_millis(200))?;
            ws.close(CloseCode::NORMAL, "")
        });
        assert!(!matches!(result, Err(Error::Usage(_) | Error::Protocol(_))), "{name}: {result:?}");
        assert!(start.elapsed() < LONG, "{name}");
    }
}
