//! Tests of `attempts`. The attempts are injected, so no packet is sent to the addresses of the tests.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Instant;

use super::*;
use crate::net::connect_guard::{ConnectGuard, ConnectTarget, Queueing};

const LONG: Duration = Duration::from_secs(900);

/// Places of one test alone: threads of other tests in this process do not take any.
fn places() -> &'static Places {
    Box::leak(Box::new(Places::new()))
}

fn target() -> DialTarget {
    DialTarget { host_port: "h:1".into(), is_proxy: false }
}

fn v4(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 1))
}

fn v6(last: u16) -> SocketAddr {
    SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 1))
}

/// A connection, and its far end.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

fn peer(address: SocketAddr) -> ConnectTarget {
    ConnectTarget::address(address, Queueing::OnePerPort).unwrap()
}

fn causes(result: Result<Connected, Error>) -> Vec<(SocketAddr, ErrorKind)> {
    match result {
        Err(Error::Connect(e)) => e.attempts().iter().map(|a| (a.address(), a.error().kind())).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_families_take_turns_and_ipv6_begins() {
    let order = |addresses: &[SocketAddr]| Vec::from(in_turn_of_families(addresses));
    assert_eq!(order(&[v4(1), v4(2), v6(1), v6(2), v6(3)]), [v6(1), v4(1), v6(2), v4(2), v6(3)]);
    assert_eq!(order(&[v4(2), v4(1)]), [v4(2), v4(1)]);
    assert_eq!(order(&[v6(1)]), [v6(1)]);
    assert_eq!(order(&[]), []);
}

/// RFC 8305 section 5: an address that does not answer costs one stagger, and not its share of the time.
#[test]
fn an_address_that_does_not_answer_does_not_delay_the_next() {
    let (near, _far) = pair();
    let (near, (release, hang)) = (Mutex::new(Some(near)), mpsc::channel::<()>());
    let hang = Mutex::new(hang);
    let begun = Instant::now();
    let connected =
        connect_any_in(places(), target(), vec![v6(1), v4(1)], Deadline::after(LONG), move |address, _, state| {
            state.begin();
            if address.is_ipv6() {
                let _ = hang.lock().unwrap().recv();
                return Err(ErrorKind::TimedOut.into());
            }
            assert!(begun.elapsed() >= STAGGER, "before the first had its time");
            Ok((near.lock().unwrap().take().unwrap(), None))
        });
    assert!(connected.is_ok(), "{connected:?}");
    assert!(begun.elapsed() < LONG / 2);
    drop(release);
}

/// Each attempt here fails, and none waits for the stagger.
#[test]
fn after_a_failure_the_next_address_is_attempted_at_once() {
    let addresses: Vec<SocketAddr> = (0..250).map(v4).collect();
    let begun = Instant::now();
    let kinds = |address: SocketAddr| match address == v4(7) {
        true => ErrorKind::PermissionDenied,
        false => ErrorKind::ConnectionRefused,
    };
    let result =
        connect_any_in(places(), target(), addresses.clone(), Deadline::after(LONG), move |address, _, state| {
            state.begin();
            Err(kinds(address).into())
        });
    // With one stagger for each, this takes a minute.
    assert!(begun.elapsed() < STAGGER * 125, "{:?}", begun.elapsed());
    let expected: Vec<_> = addresses.into_iter().map(|address| (address, kinds(address))).collect();
    assert_eq!(causes(result), expected);
}

/// The winner closes those that come later, and those that wait for their guard end.
#[test]
fn losers_are_closed_and_their_guards_released() {
    let (winner, _far) = pair();
    let (loser, mut loser_far) = pair();
    let streams = Mutex::new((Some(winner), Some(loser)));
    let (won, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let held = ConnectGuard::acquire(peer(v4(50)), Deadline::now(), &AttemptState::default());
    let (queued, queue_ended) = mpsc::channel();
    let connected = connect_any_in(
        places(),
        target(),
        vec![v4(50), v4(51), v4(52)],
        Deadline::never(),
        move |address, deadline, state| {
            let guard = ConnectGuard::acquire(peer(address), deadline, state);
            match address == v4(50) {
                true => queued.send(guard.is_none()).unwrap(),
                false => state.begin(),
            }
            let guard = guard.ok_or(ErrorKind::TimedOut)?;
            if address == v4(51) {
                let _ = wait.lock().unwrap().recv();
                return Ok((streams.lock().unwrap().1.take().unwrap(), Some(guard)));
            }
            Ok((streams.lock().unwrap().0.take().unwrap(), Some(guard)))
        },
    );
    let (_stream, guard) = connected.unwrap();
    assert!(guard.is_some());
    assert_eq!(queue_ended.recv_timeout(Duration::from_secs(60)), Ok(true), "the wait for the guard goes on");
    drop(held);
    drop(won);
    // The attempt that lost has connected now; its connection is closed, and its guard is free.
    loser_far.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    assert_eq!(loser_far.read(&mut [0]).unwrap(), 0, "the connection that lost is open");
    let free = ConnectGuard::acquire(peer(v4(51)), Deadline::after(Duration::from_secs(60)), &AttemptState::default());
    assert!(free.is_some());
}

#[test]
fn the_number_of_attempts_at_a_time_is_limited() {
    let running = Arc::new((Mutex::new((0_usize, 0_usize)), Condvar::new()));
    let seen = Arc::clone(&running);
    let addresses: Vec<SocketAddr> = (0..8).map(v4).collect();
    let result =
        connect_any_in(places(), target(), addresses.clone(), Deadline::after(LONG), move |_, share, state| {
            state.begin();
            let (counts, changed) = &*seen;
            let mut locked = counts.lock().unwrap();
            locked.0 += 1;
            locked.1 = locked.1.max(locked.0);
            changed.notify_all();
            // As long as the others need to start, and one too many after them. Much less than the share.
            let wait = share.remaining().min(LONG / 4);
            drop(changed.wait_timeout_while(locked, wait, |counts| counts.1 < MAX_PARALLEL).unwrap());
            thread::sleep(STAGGER * 2);
            counts.lock().unwrap().0 -= 1;
            Err(ErrorKind::ConnectionRefused.into())
        });
    assert_eq!(causes(result), addresses.iter().map(|&a| (a, ErrorKind::ConnectionRefused)).collect::<Vec<_>>());
    assert_eq!(running.0.lock().unwrap().1, MAX_PARALLEL);
}

/// Dead addresses: nothing answers. Each has its share, and the whole ends at its deadline.
#[test]
fn attempts_that_are_not_answered_end_at_the_deadline() {
    let (limit, begun) = (STAGGER * 3, Instant::now());
    let addresses: Vec<SocketAddr> = (0..8).map(v4).collect();
    let result =
        connect_any_in(places(), target(), addresses.clone(), Deadline::after(limit), move |_, share, state| {
            state.begin();
            assert!(share.remaining() <= limit * MAX_PARALLEL as u32 / 5, "more than a share");
            thread::sleep(share.remaining());
            Err(ErrorKind::TimedOut.into())
        });
    assert!(begun.elapsed() >= limit);
    assert!(result.as_ref().is_err_and(Error::is_timeout));
    assert_eq!(causes(result), addresses.iter().map(|&a| (a, ErrorKind::TimedOut)).collect::<Vec<_>>());
}

#[test]
fn shares_use_all_places_and_all_of_the_time() {
    let part = |places, left| share(Deadline::after(LONG), places, left).remaining().as_secs_f64() / LONG.as_secs_f64();
    for (places, left, expected) in [(1, 3, 1.0 / 3.0), (1, 1, 1.0), (4, 8, 0.5), (4, 4, 1.0), (4, 1, 1.0), (2, 5, 0.4)]
    {
        let share = part(places, left);
        assert!((expected - 0.05..=expected).contains(&share), "{share} instead of {expected}");
    }
    // Half of forever. Some systems represent it, and others do not.
    assert!(share(Deadline::never(), 4, 8).remaining() > Duration::from_secs(1 << 60));
}

/// Without places for threads, the addresses are attempted on the thread of the caller.
#[test]
fn without_threads_the_addresses_are_attempted_in_turn() {
    let places = places();
    let all: Vec<_> = std::iter::from_fn(|| places.reserve(MAX_PARALLEL)).take(1000).collect();
    assert_eq!(all.len(), MAX_THREADS / MAX_PARALLEL);
    let caller = thread::current().id();
    let addresses = vec![v4(1), v4(2)];
    let result = connect_any_in(places, target(), addresses.clone(), Deadline::after(LONG), move |_, _, state| {
        state.begin();
        assert_eq!(thread::current().id(), caller);
        Err(ErrorKind::ConnectionRefused.into())
    });
    assert_eq!(causes(result), addresses.iter().map(|&a| (a, ErrorKind::ConnectionRefused)).collect::<Vec<_>>());
    drop(all);
    // The last of these would be one too many.
    assert_eq!(std::iter::from_fn(|| places.reserve(3)).take(1000).collect::<Vec<_>>().len(), 42);
    assert!(places.reserve(MAX_PARALLEL).is_some(), "the places are not released");
    assert!(places.reserve(1).is_none(), "one address needs no thread");
}

#[test]
fn after_the_deadline_each_address_is_listed_and_none_is_attempted() {
    for addresses in [vec![v4(1)], vec![v4(1), v4(2)]] {
        let (ran, has_run) = mpsc::channel();
        let result =
            connect_any_in(places(), target(), addresses.clone(), Deadline::now(), move |_, deadline, state| {
                state.begin();
                if !deadline.is_expired() {
                    ran.send(()).unwrap();
                }
                Err(ErrorKind::TimedOut.into())
            });
        assert!(result.as_ref().is_err_and(Error::is_timeout), "{result:?}");
        assert_eq!(has_run.recv_timeout(Duration::from_secs(60)), Err(RecvTimeoutError::Disconnected));
    }
}

#[test]
fn a_name_without_addresses_is_an_error_without_attempts() {
    assert_eq!(
        causes(connect_any_in(places(), target(), vec![], Deadline::after(LONG), |_, _, _| panic!("attempted"))),
        []
    );
}

/// 6455-4.1-5: no attempt began.
#[test]
fn attempts_that_all_stay_queued_are_a_timeout_of_the_queue() {
    for addresses in [vec![v4(1)], vec![v4(1), v4(2)]] {
        let queued = |_, _, _: &AttemptState| Err(ErrorKind::TimedOut.into());
        let result = connect_any_in(places(), target(), addresses, Deadline::after(LONG), queued);
        assert!(matches!(result, Err(Error::Timeout(Step::ConnectQueue))), "{result:?}");
    }
}

/// A panic ends its attempt, and not the time of the others.
#[test]
fn an_attempt_that_panics_has_failed() {
    let addresses = vec![v4(1), v4(2)];
    let begun = Instant::now();
    let result = connect_any_in(places(), target(), addresses.clone(), Deadline::after(LONG), move |_, _, state| {
        state.begin();
        panic!("on purpose: in an attempt");
    });
    assert!(begun.elapsed() < LONG / 2);
    assert_eq!(causes(result), addresses.iter().map(|&a| (a, ErrorKind::Other)).collect::<Vec<_>>());
}

#[test]
fn a_loser_is_closed_while_another_one_hangs() {
    let ((winner, _far), (loser, mut loser_far)) = (pair(), pair());
    let streams = Mutex::new((Some(winner), Some(loser)));
    let ((won, wait), (release, hang)) = (mpsc::channel::<()>(), mpsc::channel::<()>());
    let (wait, hang) = (Mutex::new(wait), Mutex::new(hang));
    let addresses = vec![v4(60), v4(61), v4(62)];
    let connected = connect_any_in(places(), target(), addresses, Deadline::after(LONG), move |address, _, _| {
        if address == v4(60) {
            let _ = hang.lock().unwrap().recv();
            return Err(ErrorKind::TimedOut.into());
        }
        if address == v4(61) {
            let _ = wait.lock().unwrap().recv();
            return Ok((streams.lock().unwrap().1.take().unwrap(), None));
        }
        Ok((streams.lock().unwrap().0.take().unwrap(), None))
    });
    assert!(connected.is_ok(), "{connected:?}");
    drop(won);
    loser_far.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    assert_eq!(loser_far.read(&mut [0]).unwrap(), 0, "the connection that lost is open");
    drop(release);
}

/// The deadline is earlier than the stagger, so the second address is not attempted.
#[test]
fn a_deadline_before_the_stagger_ends_the_attempts() {
    let ((release, hang), (attempted, all_attempted)) = (mpsc::channel::<()>(), mpsc::channel());
    let hang = Mutex::new(hang);
    let attempt = Arc::new(move |address: SocketAddr, _: Deadline, _: &AttemptState| {
        attempted.send(address).unwrap();
        let _ = hang.lock().unwrap().recv();
        Err(ErrorKind::ConnectionRefused.into())
    });
    let (places, mut record) = (places().reserve(2).unwrap(), Record::default());
    let addresses = [v6(1), v4(1)].into();
    assert!(connect_in_parallel(addresses, Deadline::after(STAGGER / 10), places, attempt, &mut record).is_none());
    let ends: Vec<_> = record.attempts.iter().map(|a| (a.address(), a.error().kind())).collect();
    assert_eq!(ends, [(v6(1), ErrorKind::TimedOut), (v4(1), ErrorKind::TimedOut)]);
    drop(release);
    assert_eq!(all_attempted.iter().collect::<Vec<_>>(), [v6(1)]);
}

/// With all places taken, the next address waits for one of them. One that gets none is reported all the same.
#[test]
fn no_more_attempts_run_at_a_time_than_there_are_places() {
    for number in [1, 2] {
        let places = Arc::new(Reservation { places: places(), number });
        places.places.0.store(number, Ordering::SeqCst);
        let (begun, begins) = mpsc::channel();
        let (release, hang) = mpsc::channel::<()>();
        let both = Mutex::new((begun, hang));
        let attempt = Arc::new(move |address: SocketAddr, _: Deadline, _: &AttemptState| {
            both.lock().unwrap().0.send(address).unwrap();
            // The thread of the test releases each of them.
            while matches!(both.lock().unwrap().1.try_recv(), Err(mpsc::TryRecvError::Empty)) {
                thread::yield_now();
            }
            Err(ErrorKind::ConnectionRefused.into())
        });
        let dialing = thread::spawn(move || {
            let (addresses, mut record) = ([v4(1), v4(2), v4(3)].into(), Record::default());
            let connected = connect_in_parallel(addresses, Deadline::after(LONG), places, attempt, &mut record);
            (connected.is_none(), record.attempts.len())
        });
        let mut running = 0;
        for _ in 0..3 {
            if running == number {
                assert!(begins.try_recv().is_err(), "{number} at a time");
                release.send(()).unwrap();
                running -= 1;
            }
            begins.recv_timeout(LONG).unwrap();
            running += 1;
        }
        drop(release);
        assert_eq!(dialing.join().unwrap(), (true, 3));
    }
}

/// Each attempt fails at once, so all the time is left for the others.
#[test]
fn each_attempt_has_its_share_of_the_time() {
    let addresses = || VecDeque::from([v4(1), v4(2), v4(3), v4(4)]);
    let shares = |parallel: usize| {
        let (begun, begins) = mpsc::channel();
        let begun = Mutex::new(begun);
        let attempt = move |_: SocketAddr, share: Deadline, _: &AttemptState| {
            begun.lock().unwrap().send(share.remaining().as_secs_f64() / LONG.as_secs_f64()).unwrap();
            Err(ErrorKind::ConnectionRefused.into())
        };
        let mut record = Record::default();
        if parallel > 1 {
            let places = Arc::new(Reservation { places: places(), number: parallel });
            places.places.0.store(parallel, Ordering::SeqCst);
            connect_in_parallel(addresses(), Deadline::after(LONG), places, Arc::new(attempt), &mut record);
        } else {
            connect_in_turn(addresses(), Deadline::after(LONG), attempt, &mut record);
        }
        let mut shares: Vec<f64> = begins.iter().collect();
        // Threads that begin after each other may be heard in another order.
        shares.sort_by(f64::total_cmp);
        shares
    };
    for (parallel, expected) in [(1, [1.0 / 4.0, 1.0 / 3.0, 0.5, 1.0]), (2, [0.5, 2.0 / 3.0, 1.0, 1.0])] {
        let shares = shares(parallel);
        let near = |(share, expected): (&f64, f64)| (expected - 0.06..=expected).contains(share);
        assert!(shares.len() == 4 && shares.iter().zip(expected).all(near), "{parallel}: {shares:?}");
    }
}

/// The deadline passes while an attempt has no result. The addresses without an attempt are reported too.
#[test]
fn the_deadline_ends_attempts_that_have_no_result() {
    for number in [1, 2] {
        let places = Arc::new(Reservation { places: places(), number });
        places.places.0.store(number, Ordering::SeqCst);
        let (release, hang) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let (begun, hang) = (Mutex::new(begun), Mutex::new(hang));
        let attempt = Arc::new(move |_: SocketAddr, _: Deadline, _: &AttemptState| {
            begun.lock().unwrap().send(()).unwrap();
            let _ = hang.lock().unwrap().recv();
            Err(ErrorKind::ConnectionRefused.into())
        });
        let (addresses, mut record) = ([v4(1), v4(2), v4(3)].into(), Record::default());
        // Time for one more after each that has a place.
        let deadline = Deadline::after(STAGGER * 5 / 2);
        assert!(connect_in_parallel(addresses, deadline, places, attempt, &mut record).is_none());
        let kinds: Vec<_> = record.attempts.iter().map(|attempt| attempt.error().kind()).collect();
        assert_eq!(kinds, [ErrorKind::TimedOut; 3]);
        drop(release);
        assert!(begins.iter().count() <= number, "{number} at a time");
    }
}
