//! The limit of one connection attempt at a time for each peer. Knows addresses and names, but no sockets.
//!
//! | version | text | a peer is |
//! |---|---|---|
//! | hixie-55, hixie-75 | wait for a connection to the same IP address, "even if known by another name" | an IP address |
//! | hybi-00 to hybi-05 | also, attempts to "the same IP address" are serialized | an IP address |
//! | hybi-06 | also, "no more than one connection in a CONNECTING state" | an IP address |
//! | hybi-07 to RFC 6455 section 4.1 item 2 | the first sentence now names "host (IP address) … and port … pair" | IP address and port |
//!
//! RFC 6455 keeps the older sentences, which have no port, after the first. They are read with it: if they spoke of every
//! port, the port that hybi-07 added to the first sentence would have no effect. "No more than one connection in a
//! CONNECTING state" is also read for one peer, because the paragraph after it allows several hosts at a time. An IPv4
//! address that is written as IPv6 is the same peer, and a zone is part of an IPv6 address.
//!
//! An attempt in a version up to hybi-06 waits for those in other versions to the same IP address, and they for it.
//!
//! | route | a peer is | also |
//! |---|---|---|
//! | direct, or through a proxy to an IP address | IP address, with the port as above | |
//! | through a proxy that resolves the name | name, with the port as above | at most [`MAX_BY_NAME`] attempts at a time |
//!
//! At most one [`ConnectGuard`] per peer exists in a process, from before TCP until the opening handshake has succeeded or
//! failed. A thread holds at most one, and then waits for nothing but the network, so guards cannot deadlock.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use super::deadline::Deadline;
use crate::primitives::lock::{Condition, Lock, Locked};

/// Which connection attempts wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queueing {
    /// Those to one IP address and port.
    OnePerPort,
    /// Those to one IP address.
    #[cfg_attr(not(feature = "legacy"), allow(dead_code))]
    OnePerAddress,
    /// None. Breaks 6455-4.1-5 to 6455-4.1-9, at the request of the caller.
    None,
}

/// The peer of a connection attempt, as far as this side knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConnectTarget {
    host: Host,
    /// `None`: every port.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// A known address, and the scope id of an IPv6 address.
    Address(IpAddr, u32),
    /// 6455-4.1-8: the proxy resolves the name, so each name counts as a peer of its own.
    #[cfg(feature = "proxy")]
    Name(String),
}

impl ConnectTarget {
    /// The peer at an address. `None` if nothing waits for it.
    pub(crate) fn address(address: SocketAddr, queueing: Queueing) -> Option<ConnectTarget> {
        let scope = match address {
            SocketAddr::V6(address) => address.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        ConnectTarget::new(Host::Address(address.ip().to_canonical(), scope), address.port(), queueing)
    }

    /// The peer with a name. `None` if nothing waits for it.
    #[cfg(feature = "proxy")]
    pub(crate) fn name(name: &str, port: u16, queueing: Queueing) -> Option<ConnectTarget> {
        ConnectTarget::new(Host::Name(name.to_owned()), port, queueing)
    }

    fn new(host: Host, port: u16, queueing: Queueing) -> Option<ConnectTarget> {
        match queueing {
            Queueing::OnePerPort => Some(ConnectTarget { host, port: Some(port) }),
            // hixie55-4.1-1, hybi06-5.1-1
            Queueing::OnePerAddress => Some(ConnectTarget { host, port: None }),
            Queueing::None => None,
        }
    }

    /// Whether one of the two waits for the other.
    fn conflicts_with(&self, other: &ConnectTarget) -> bool {
        self.host == other.host && (self.port == other.port || self.port.is_none() || other.port.is_none())
    }
}

/// What the attempts of one call and the call share.
#[derive(Debug, Default)]
pub(crate) struct AttemptState {
    /// Set when no result is needed any more.
    cancelled: AtomicBool,
    /// Set when an attempt has its guard.
    begun: AtomicBool,
}

impl AttemptState {
    /// Ends the attempts that wait for a guard.
    pub(crate) fn cancel(&self) {
        // Under the lock, so that no attempt looks before and waits after.
        let connecting = lock_connecting();
        self.cancelled.store(true, Ordering::SeqCst);
        drop(connecting);
        RELEASED.notify_all();
    }

    /// Notes that an attempt is more than a wait.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }
}

/// Maximum number of attempts by name. 6455-4.1-9: one server may have many names, so all names share a limit.
#[cfg(feature = "proxy")]
const MAX_BY_NAME: usize = 16;

/// The peers to which this process is connecting.
static CONNECTING: Lock<Vec<ConnectTarget>> = Lock::new(Vec::new());
/// Notified when a peer is removed from [`CONNECTING`], and when attempts are cancelled.
static RELEASED: Condition = Condition::new();

/// The exclusive permit to connect to a peer, within this process. Dropping it releases the peer. 6455-4.1-5, 6455-4.1-6,
/// 6455-4.1-7
#[derive(Debug)]
pub(crate) struct ConnectGuard(ConnectTarget);

impl ConnectGuard {
    /// Waits until no other attempt to the peer is pending. Returns `None` when the deadline passes first, or the attempt
    /// is cancelled.
    pub(crate) fn acquire(target: ConnectTarget, deadline: Deadline, state: &AttemptState) -> Option<ConnectGuard> {
        let mut connecting = lock_connecting();
        loop {
            if state.cancelled.load(Ordering::SeqCst) {
                return None;
            }
            if has_room(&connecting, &target) {
                connecting.push(target.clone());
                return Some(ConnectGuard(target));
            }
            let left = deadline.remaining();
            if left.is_zero() {
                return None;
            }
            connecting = connecting.wait(&RELEASED, left);
        }
    }
}

fn has_room(connecting: &[ConnectTarget], target: &ConnectTarget) -> bool {
    #[cfg(feature = "proxy")]
    if let Host::Name(_) = target.host {
        let names = connecting.iter().filter(|other| matches!(other.host, Host::Name(_)));
        if names.count() >= MAX_BY_NAME {
            return false;
        }
    }
    !connecting.iter().any(|other| other.conflicts_with(target))
}

impl Drop for ConnectGuard {
    fn drop(&mut self) {
        let mut connecting = lock_connecting();
        connecting.retain(|target| *target != self.0);
        drop(connecting);
        RELEASED.notify_all();
    }
}

fn lock_connecting() -> Locked<'static, Vec<ConnectTarget>> {
    CONNECTING.lock()
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn acquire(target: &ConnectTarget, limit: Duration) -> Option<ConnectGuard> {
        ConnectGuard::acquire(target.clone(), Deadline::after(limit), &AttemptState::default())
    }

    fn now(target: &ConnectTarget) -> Option<ConnectGuard> {
        acquire(target, Duration::ZERO)
    }

    fn at(address: &str) -> ConnectTarget {
        ConnectTarget::address(address.parse().unwrap(), Queueing::OnePerPort).unwrap()
    }

    fn at_any_port(address: &str) -> ConnectTarget {
        ConnectTarget::address(address.parse().unwrap(), Queueing::OnePerAddress).unwrap()
    }

    /// 6455-4.1-5: after a failed attempt, or a panic, the next attempt begins.
    #[test]
    fn a_panic_releases_the_guard() {
        let target = at("192.0.2.78:1");
        let inside = target.clone();
        let panicked = thread::spawn(move || {
            let _guard = acquire(&inside, LONG).unwrap();
            let _poison = CONNECTING.lock();
            panic!("on purpose: the lock is poisoned, and the guard is dropped");
        });
        // The order of dropping is the reverse: first the lock, then the guard.
        assert!(panicked.join().is_err());
        assert!(now(&target).is_some());
    }

    /// hixie55-4.1-1, hybi06-5.1-1, 6455-4.1-5, 6455-4.1-6, 6455-4.1-7: a peer is an address in the drafts, and an address
    /// with a port since hybi-07. All forms of an address are the same.
    /// Shows the answer to opera-20.
    #[test]
    fn a_peer_is_an_ip_address_on_every_port_or_on_one() {
        let held = now(&at("192.0.2.80:1")).unwrap();
        for (target, free) in [
            (at("192.0.2.80:1"), false),
            (at("[::ffff:192.0.2.80]:1"), false),
            (at("192.0.2.80:2"), true),
            (at("192.0.2.81:1"), true),
            (at_any_port("192.0.2.80:2"), false),
            (at_any_port("192.0.2.81:1"), true),
        ] {
            assert_eq!(now(&target).is_some(), free, "{target:?}");
        }
        drop(held);
        let held = now(&at_any_port("192.0.2.80:1")).unwrap();
        for target in [at("192.0.2.80:2"), at_any_port("[::ffff:192.0.2.80]:3")] {
            assert!(now(&target).is_none(), "{target:?}");
        }
        drop(held);
        assert!(now(&at("192.0.2.80:2")).is_some());
        let _link = now(&at("[fe80::80%1]:1")).unwrap();
        assert!(now(&at("[fe80::80%1]:1")).is_none());
        assert!(now(&at("[fe80::80%2]:1")).is_some(), "another host on another link");
        assert_eq!(ConnectTarget::address("192.0.2.80:1".parse().unwrap(), Queueing::None), None);
    }

    #[test]
    fn a_cancelled_attempt_does_not_wait() {
        let target = at("192.0.2.82:1");
        let _held = now(&target).unwrap();
        let state = std::sync::Arc::new(AttemptState::default());
        let (other, waiting_for) = (std::sync::Arc::clone(&state), target.clone());
        let waiting = thread::spawn(move || ConnectGuard::acquire(waiting_for, Deadline::never(), &other).is_none());
        state.cancel();
        assert!(waiting.join().unwrap());
        assert!(ConnectGuard::acquire(at("192.0.2.83:1"), Deadline::never(), &state).is_none(), "cancelled before");
    }

    /// 6455-4.1-8, 6455-4.1-9: one for each name and port, and a maximum number of names.
    #[cfg(feature = "proxy")]
    #[test]
    fn each_name_is_a_peer_and_all_names_have_a_limit() {
        let name = |n: usize| ConnectTarget::name(&format!("h{n}.example"), 80, Queueing::OnePerPort).unwrap();
        let mut held: Vec<ConnectGuard> = (1..MAX_BY_NAME).map(|n| now(&name(n)).unwrap()).collect();
        assert!(now(&name(1)).is_none());
        assert!(now(&ConnectTarget::name("h1.example", 81, Queueing::OnePerAddress).unwrap()).is_none());
        held.push(now(&ConnectTarget::name("h1.example", 81, Queueing::OnePerPort).unwrap()).unwrap());
        assert!(now(&name(99)).is_none(), "more names than the limit");
        // Addresses do not count towards the limit.
        let _address = now(&at("192.0.2.79:1")).unwrap();
        // An attempt that waits begins when another one ends.
        let (started, start) = std::sync::mpsc::channel();
        let waiting = thread::spawn(move || {
            started.send(()).unwrap();
            acquire(&name(99), LONG).is_some()
        });
        start.recv().unwrap();
        held.remove(0);
        assert!(waiting.join().unwrap());
    }
}
