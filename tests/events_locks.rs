//! Event handlers with everything that holds a lock: a hub, a shutdown, both roles. All calls return, whatever a
//! handler does.
//!
//! A watchdog ends the program if a test hangs.

use std::panic;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{mpsc, Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use stdws::events::{Direction, Event, EventKind};
use stdws::{Client, CloseCode, Error, Hub, Member, Sender, Server, ServerHandle, WebSocket};

#[path = "support/live.rs"]
mod live;
use live::{long_timeouts, watchdog, SLACK};

/// The action of a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Nothing,
    Panics,
}

const ALL: [Does; 2] = [Does::Nothing, Does::Panics];

impl Does {
    fn handler(self) -> impl Fn(&Event) + Send + Sync + 'static {
        move |_| match self {
            Does::Nothing => {}
            // Without the output of the panic hook.
            Does::Panics => panic::resume_unwind(Box::new("a planted panic")),
        }
    }
}

fn server(does: Does) -> Server {
    Server::bind("127.0.0.1:0").unwrap().timeouts(long_timeouts()).on_event(does.handler())
}

fn connect(server: &ServerHandle, does: Does) -> WebSocket {
    let client = Client::new(server.url()).unwrap().timeouts(long_timeouts());
    client.on_event(does.handler()).connect().unwrap()
}

fn wait_until(mut done: impl FnMut() -> bool) {
    while !done() {
        thread::yield_now();
    }
}

fn text(ws: &mut WebSocket) -> String {
    ws.recv().unwrap().unwrap().as_text().unwrap().to_owned()
}

#[test]
fn a_server_with_a_handler_shuts_down() {
    let _watchdog = watchdog();
    for does in ALL {
        let server = server(does).start(|mut ws| ws.recv().map(drop)).unwrap();
        let mut ws = connect(&server, does);
        let client = thread::spawn(move || ws.recv().map(|message| (message, ws.close_info())));
        let report = server.shutdown(SLACK);
        assert_eq!((report.clean(), report.threads_left()), (1, 0), "{does:?}: {report}");
        let (message, info) = client.join().unwrap().unwrap();
        assert_eq!((message, info.map(|info| info.code())), (None, Some(CloseCode::GOING_AWAY)));
    }
}

#[test]
fn a_hub_with_an_event_handler_keeps_delivering() {
    let _watchdog = watchdog();
    for does in ALL {
        // Members on both sides: server connections, and client connections, which are masked.
        let (here, there) = (Hub::new().unwrap(), Hub::new().unwrap());
        let everyone = there.clone();
        let server = server(does);
        let server = server.start(move |mut ws| {
            let _member = everyone.add(ws.sender());
            while let Some(message) = ws.recv()? {
                ws.send(&message)?;
            }
            Ok(())
        });
        let server = server.unwrap();
        let mut ws = connect(&server, does);
        let member = here.add(ws.sender());
        ws.send("joined").unwrap();
        assert_eq!(text(&mut ws), "joined");
        for number in 0..20 {
            assert_eq!(here.broadcast(format!("echo {number}")), 1);
            assert_eq!(text(&mut ws), format!("echo {number}"));
            assert_eq!(there.broadcast(format!("news {number}")), 1);
            assert_eq!(text(&mut ws), format!("news {number}"));
        }
        assert_eq!((here.flush(SLACK), there.flush(SLACK)), (0, 0));
        assert_eq!((here.stats().sent, there.stats().sent, member.stats().lost), (20, 20, 0), "{does:?}");
    }
}

#[test]
fn a_slow_member_is_closed() {
    // Closed by the thread of the hub.
    let _watchdog = watchdog();
    for does in ALL {
        let limits = stdws::HubLimits { max_queue_bytes: 1, ..stdws::HubLimits::default() };
        let hub = Hub::with_limits(limits).unwrap();
        let everyone = hub.clone();
        let server = server(does);
        let server = server.start(move |mut ws| {
            let member = everyone.add(ws.sender());
            while everyone.stats().closed == 0 {
                member.send(vec![0; 64 << 10]);
                thread::yield_now();
            }
            ws.recv().map(drop)
        });
        let server = server.unwrap();
        let mut ws = connect(&server, does);
        // Until the network is full, and the queue too.
        wait_until(|| hub.stats().closed == 1);
        while ws.recv().unwrap().is_some() {}
        assert_eq!(ws.close_info().map(|info| info.code()), Some(CloseCode::TRY_LATER));
    }
}

/// The objects that a handler uses.
#[derive(Default)]
struct Tools {
    sender: Option<Sender>,
    last: Option<Sender>,
    hub: Option<Hub>,
    member: Option<Member>,
}

#[test]
fn a_handler_uses_the_whole_api() {
    // The handler sends, broadcasts, closes, and drops the last sender of a connection and the last clone of a hub. It
    // is called by the threads of a hub and of a server.
    let _watchdog = watchdog();
    let tools: Arc<Mutex<Tools>> = Arc::default();
    let (at, busy) = (tools.clone(), AtomicBool::new(false));
    let (prepare, prepared) = mpsc::channel();
    let handler = move |event: &Event| {
        let sent = matches!(event.kind(), EventKind::Frame(Direction::Sent, _));
        // Other threads deliver the messages that are broadcast here.
        if !sent || busy.swap(true, Ordering::SeqCst) {
            return;
        }
        let Tools { sender, last, hub, member } = std::mem::take(&mut *at.lock().unwrap());
        let Some(sender) = sender else { return busy.store(false, Ordering::SeqCst) };
        sender.send("from the handler").unwrap();
        drop(last);
        if let (Some(hub), Some(member)) = (hub, member) {
            let done = (hub.broadcast("by broadcast"), member.send("to one"));
            hub.flush(Duration::from_millis(50));
            prepare.send((done, hub, member)).unwrap();
        }
    };
    let hub = Hub::new().unwrap();
    let (give, take) = mpsc::channel();
    let everyone = hub.clone();
    let server = Server::bind("127.0.0.1:0").unwrap().timeouts(long_timeouts()).on_event(handler);
    let server = server.start(move |ws| give.send(ws).map_err(|_| Error::Closed(None)));
    let server = server.unwrap();
    let (mut one, mut at_one) = (connect(&server, Does::Nothing), take.recv().unwrap());
    let (mut other, at_other) = (connect(&server, Does::Nothing), take.recv().unwrap());
    let member = everyone.add(at_one.sender());
    *tools.lock().unwrap() = Tools {
        sender: Some(at_one.sender()),
        last: Some(at_other.into_sender().unwrap()),
        hub: Some(everyone),
        member: Some(hub.add(at_one.sender())),
    };
    assert_eq!(hub.broadcast("first"), 2);
    // The first message and the broadcast of the handler go to two members. The handler sends two more to one of them.
    let texts: Vec<_> = (0..6).map(|_| text(&mut one)).collect();
    let count = |what| texts.iter().filter(|text| *text == what).count();
    let counts = [count("first"), count("from the handler"), count("by broadcast"), count("to one")];
    assert_eq!(counts, [2, 1, 2, 1], "{texts:?}");
    let (done, everyone, second) = prepared.recv().unwrap();
    assert_eq!(done, (2, stdws::QueueOutcome::Queued));
    drop((everyone, second));
    assert!(other.recv().unwrap().is_none(), "its last sender was dropped");
    drop(member);
    let closing = thread::spawn(move || while one.recv().unwrap().is_some() {});
    at_one.close(CloseCode::NORMAL, "").unwrap();
    closing.join().unwrap();
    let report = server.shutdown(SLACK);
    assert_eq!(report.threads_left(), 0, "{report}");
}

#[test]
fn a_handler_called_by_a_shutdown_shuts_down_again() {
    let _watchdog = watchdog();
    let handle: Arc<Mutex<Option<stdws::ShutdownHandle>>> = Arc::default();
    let (at, (reports, report)) = (handle.clone(), mpsc::channel());
    let handler = move |event: &Event| {
        let handle = at.lock().unwrap().clone();
        if let (EventKind::Close(Direction::Sent, _), Some(handle)) = (event.kind(), handle) {
            reports.send(handle.shutdown(SLACK)).unwrap();
        }
    };
    let server = Server::bind("127.0.0.1:0").unwrap().timeouts(long_timeouts()).on_event(handler);
    *handle.lock().unwrap() = Some(server.shutdown_handle());
    // No thread receives before the Close is sent, so the shutdown emits the event.
    let (report, again) = (Mutex::new(report), Arc::new(Mutex::new(None)));
    let seen = again.clone();
    let (enter, entered) = mpsc::channel();
    let server = server.start(move |mut ws| {
        enter.send(()).unwrap();
        *seen.lock().unwrap() = report.lock().unwrap().recv().ok();
        ws.recv().map(drop)
    });
    let server = server.unwrap();
    let mut ws = connect(&server, Does::Nothing);
    let client = thread::spawn(move || ws.recv());
    entered.recv().unwrap();
    let report = server.shutdown(SLACK);
    assert_eq!((report.clean(), report.threads_left()), (1, 0), "{report}");
    assert_eq!(*again.lock().unwrap(), Some(stdws::ShutdownReport::default()));
    assert!(client.join().unwrap().unwrap().is_none());
}

#[test]
fn actions_of_a_handler_emit_no_events_on_any_thread() {
    let _watchdog = watchdog();
    // In both roles: frames of servers are shared, frames of clients are not.
    for masked in [false, true] {
        let hub = Hub::new().unwrap();
        let (at, codes) = (hub.clone(), Arc::new(Mutex::new(Vec::new())));
        let seen = codes.clone();
        let handler = move |event: &Event| {
            seen.lock().unwrap().push(event.name());
            if matches!(event.kind(), EventKind::Frame(Direction::Sent, _)) {
                at.broadcast("of the handler");
            }
        };
        let (give, take) = mpsc::channel();
        let server = Server::bind("127.0.0.1:0").unwrap().timeouts(long_timeouts());
        let server = if masked { server } else { server.on_event(handler.clone()) };
        let server = server.start(move |ws| give.send(ws).map_err(|_| Error::Closed(None))).unwrap();
        let client = Client::new(server.url()).unwrap().timeouts(long_timeouts());
        let client = if masked { client.on_event(handler) } else { client };
        let there = client.connect().unwrap();
        let here = take.recv().unwrap();
        let (mut member, mut other) = if masked { (there, here) } else { (here, there) };
        let _member = hub.add(member.sender());
        hub.broadcast("from outside");
        // One for the broadcast from outside. The handler answers it with a broadcast that emits no event.
        assert_eq!((text(&mut other), text(&mut other)), ("from outside".into(), "of the handler".into()));
        member.send("last").unwrap();
        assert_eq!((text(&mut other), text(&mut other)), ("last".into(), "of the handler".into()));
        assert_eq!(hub.flush(SLACK), 0);
        let closing = thread::spawn(move || other.recv());
        member.close(CloseCode::NORMAL, "").unwrap();
        closing.join().unwrap().unwrap();
        assert_eq!(hub.flush(SLACK), 0);
        let sent = codes.lock().unwrap().iter().filter(|code| **code == "frame-sent").count();
        assert_eq!(sent, 3, "{:?}", codes.lock().unwrap());
        assert_eq!(hub.stats().sent + hub.stats().lost, 4);
    }
}

#[test]
fn a_source_of_keys_uses_the_connection_it_is_for() {
    // It is called without a lock of the connection: here by the sender, by a hub, and in the closing handshake.
    let _watchdog = watchdog();
    let server = Server::bind("127.0.0.1:0").unwrap().timeouts(long_timeouts()).start(|mut ws| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    });
    let server = server.unwrap();
    let sender: Arc<Mutex<Option<Sender>>> = Arc::default();
    let (at, number) = (sender.clone(), AtomicU64::new(0));
    let client = Client::new(server.url()).unwrap().timeouts(long_timeouts());
    let client = client.random_source(move |out| {
        let sender = at.lock().unwrap().clone();
        assert!(sender.map_or(true, |sender| sender.is_open()));
        out.fill(number.fetch_add(1, Ordering::SeqCst) as u8);
        Ok(())
    });
    let mut ws = client.connect().unwrap();
    *sender.lock().unwrap() = Some(ws.sender());
    let hub = Hub::new().unwrap();
    let _member = hub.add(ws.sender());
    // One fill of the pool is 128 keys.
    for number in 0..150 {
        ws.queue(format!("queued {number}")).unwrap();
        assert_eq!(text(&mut ws), format!("queued {number}"));
        hub.broadcast(format!("by the hub {number}"));
        assert_eq!(text(&mut ws), format!("by the hub {number}"));
        ws.ping().unwrap();
    }
    *sender.lock().unwrap() = None;
    ws.close(CloseCode::NORMAL, "").unwrap();
}

#[test]
fn a_source_of_keys_connects_with_its_own_client() {
    // For the handshake key of one connection, and later for the masking keys of another one.
    let _watchdog = watchdog();
    let server = Server::bind("127.0.0.1:0").unwrap().timeouts(long_timeouts()).start(|mut ws| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    });
    let server = server.unwrap();
    let own: Arc<OnceLock<Client>> = Arc::default();
    let (connects, connections) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (client, next, opened) = (own.clone(), connects.clone(), connections.clone());
    let source = move |out: &mut [u8]| {
        if next.swap(false, Ordering::SeqCst) {
            let mut ws = client.get().unwrap().connect().unwrap();
            ws.send("from the source").unwrap();
            assert_eq!(text(&mut ws), "from the source");
            opened.fetch_add(1, Ordering::SeqCst);
        }
        out.fill(opened.load(Ordering::SeqCst) as u8);
        Ok(())
    };
    let client = Client::new(server.url()).unwrap().timeouts(long_timeouts()).random_source(source);
    let client = own.get_or_init(|| client);
    connects.store(true, Ordering::SeqCst);
    let mut ws = client.connect().unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    connects.store(true, Ordering::SeqCst);
    // One fill of the pool is 128 keys.
    for number in 0..150 {
        ws.send(number.to_string()).unwrap();
        assert_eq!(text(&mut ws), number.to_string());
    }
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    ws.close(CloseCode::NORMAL, "").unwrap();
}
