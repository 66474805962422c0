//! `ws conform --listen`: judges a client that connects again and again, and returns each message.
//!
//! | path of a connection | what it is for |
//! |---|---|
//! | `/getCaseCount` | a text message with the number of cases, and a Close |
//! | `/runCase?case=N` | case N, from 1 |
//! | `/updateReports` | a Close; the run ends |
//! | any other | the next case |
//!
//! The first three are those of the Autobahn TestSuite, so its clients run unchanged. They end when a connection is not
//! opened, so the cases whose response must be refused come last, and are not counted for them.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::case::{self, Finding, Verdict};
use super::head::{watch_request, Head};
use super::judge::{self, Judged};
use super::peer::{Event, Peer, Side};
use super::report::Row;
use super::watch::Watch;
use super::Listed;

/// What is seen in a case for which no client came.
const NOT_CONNECTED: &str = "the client did not connect for this case";

/// The state of a run. Locked only between connections' steps, never while something is sent or received.
struct Run {
    next: usize,
    running: usize,
    counted: bool,
    reported: bool,
    last: Instant,
    judged: Vec<Option<Finding>>,
    watch: Watch,
    keys: Vec<String>,
}

/// Accepts connections until all cases were run, or no client has come for this time.
pub(super) fn run(listener: &TcpListener, cases: &[Listed], wait: Duration, idle: Duration) -> (Vec<Row>, Watch) {
    let judged = cases.iter().map(|_| None).collect();
    let state = Mutex::new(Run {
        next: 0,
        running: 0,
        counted: false,
        reported: false,
        last: Instant::now(),
        judged,
        watch: Watch::default(),
        keys: Vec::new(),
    });
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    // Accepting without waiting, so that the end of the run is noticed.
    let _ = listener.set_nonblocking(true);
    thread::scope(|scope| loop {
        let done = {
            let run = lock();
            let all = run.judged.iter().all(Option::is_some);
            let ended = if run.counted { run.reported } else { all };
            run.running == 0 && (ended || run.last.elapsed() > idle)
        };
        if done {
            return;
        }
        match listener.accept() {
            Ok((tcp, _)) => {
                lock().running += 1;
                let state = &state;
                scope.spawn(move || {
                    serve(tcp, cases, wait, state);
                    let mut run = state.lock().unwrap_or_else(PoisonError::into_inner);
                    run.running -= 1;
                    run.last = Instant::now();
                });
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    });
    let run = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let missing = || Finding {
        verdict: Verdict::Unseen,
        sent: String::new(),
        expected: String::new(),
        seen: NOT_CONNECTED.to_owned(),
        note: String::new(),
    };
    let rows = cases
        .iter()
        .zip(run.judged)
        .map(|(listed, found)| Row::new(listed.area, &listed.case, found.unwrap_or_else(missing)));
    (rows.collect(), run.watch)
}

/// One connection.
fn serve(mut tcp: TcpStream, cases: &[Listed], wait: Duration, state: &Mutex<Run>) {
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    // Some systems hand the setting of the listener on.
    let _ = tcp.set_nonblocking(false);
    let Ok((request, early)) = Head::read(&mut tcp, wait) else { return };
    let mut watch = Watch::default();
    watch_request(&request, &early, &mut watch);
    let target = request.start.split(' ').nth(1).unwrap_or_default().to_owned();
    let number = {
        let mut run = lock();
        run.last = Instant::now();
        let key = request.first("Sec-WebSocket-Key").to_owned();
        watch.check("fresh-nonce", !run.keys.contains(&key), || format!("{key} twice"));
        run.keys.push(key);
        match target.split('?').next().unwrap_or_default() {
            "/getCaseCount" => {
                run.counted = true;
                None
            }
            "/updateReports" => {
                run.reported = true;
                None
            }
            "/runCase" => {
                let number =
                    target.split(['?', '&']).find_map(|part| part.strip_prefix("case=")?.parse::<usize>().ok());
                Some(number.unwrap_or(0).wrapping_sub(1))
            }
            _ => {
                run.next += 1;
                Some(run.next - 1)
            }
        }
    };
    let mut peer = Peer::new(tcp, Side::Client, wait, early);
    let listed = number.and_then(|number| cases.get(number).map(|listed| (number, listed)));
    let Some((number, listed)) = listed else {
        peer.raw(&judge::response(&request, &[]));
        if number.is_none() && target.starts_with("/getCaseCount") {
            let count = cases.iter().filter(|listed| listed.case.opens()).count();
            peer.send(&[case::text(count.to_string())], false);
        }
        goodbye(&mut peer);
        return lock().watch.merge("no case", watch);
    };
    let Judged { finding, watch: seen } = judge::client(&listed.case, &request, peer);
    let mut run = lock();
    run.watch.merge(&listed.case.name, watch);
    run.watch.merge(&listed.case.name, seen);
    if let Some(place) = run.judged.get_mut(number) {
        *place = Some(finding);
    }
}

/// Closes a connection that is no case.
fn goodbye(peer: &mut Peer) {
    peer.send(&[case::close(1000, "")], false);
    loop {
        match peer.next() {
            Event::Close(_) | Event::End { .. } | Event::Quiet | Event::Broken(_) => break,
            _ => {}
        }
    }
    peer.shutdown();
}
