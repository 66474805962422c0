//! The limit of one connection attempt at a time for each peer (RFC 6455 section 4.1 item 2). Knows addresses and names, but
//! no sockets.
//!
//! | route | a peer is | also |
//! |---|---|---|
//! | direct, or through a proxy to an IP address | IP address and port | |
//! | through a proxy that resolves the name | name and port | at most [`MAX_BY_NAME`] attempts at a time |
//!
//! At most one [`ConnectGuard`] per peer exists in a process, from before TCP until the opening handshake has succeeded or
//! failed. A thread holds at most one, and then waits for nothing but the network, so guards cannot deadlock.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::deadline::Deadline;

/// The peer of a connection attempt, as far as this side knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ConnectTarget {
    /// A known address.
    Address(SocketAddr),
    /// 6455-4.1-8: the proxy resolves the name, so each name counts as a peer of its own.
    #[cfg(feature = "proxy")]
    Name(String, u16),
}

/// Maximum number of attempts by name. 6455-4.1-9: one server may have many names, so all names share a limit.
#[cfg(feature = "proxy")]
const MAX_BY_NAME: usize = 16;

/// The peers to which this process is connecting.
static CONNECTING: Mutex<BTreeSet<ConnectTarget>> = Mutex::new(BTreeSet::new());
/// Notified when a peer is removed from [`CONNECTING`].
static RELEASED: Condvar = Condvar::new();

/// The exclusive permit to connect to a peer, within this process. Dropping it releases the peer. 6455-4.1-5, 6455-4.1-6,
/// 6455-4.1-7
#[derive(Debug)]
pub(crate) struct ConnectGuard(ConnectTarget);

impl ConnectGuard {
    /// Waits until no other attempt to the peer is pending. Returns `None` when the deadline passes first.
    pub(crate) fn acquire(target: ConnectTarget, deadline: Deadline) -> Option<ConnectGuard> {
        let mut connecting = lock_connecting();
        while !has_room(&connecting, &target) {
            let left = deadline.remaining();
            if left.is_zero() {
                return None;
            }
            connecting = RELEASED.wait_timeout(connecting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        connecting.insert(target.clone());
        Some(ConnectGuard(target))
    }
}

fn has_room(connecting: &BTreeSet<ConnectTarget>, target: &ConnectTarget) -> bool {
    #[cfg(feature = "proxy")]
    if let ConnectTarget::Name(..) = target {
        let by_name = |target: &&ConnectTarget| matches!(target, ConnectTarget::Name(..));
        return !connecting.contains(target) && connecting.iter().filter(by_name).count() < MAX_BY_NAME;
    }
    !connecting.contains(target)
}

impl Drop for ConnectGuard {
    fn drop(&mut self) {
        lock_connecting().remove(&self.0);
        RELEASED.notify_all();
    }
}

/// Ignores poisoning: a peer is inserted and removed in one step, so the set is right after any panic.
fn lock_connecting() -> MutexGuard<'static, BTreeSet<ConnectTarget>> {
    CONNECTING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn now() -> Deadline {
        Deadline::after(Duration::ZERO)
    }

    /// 6455-4.1-5: after a failed attempt, or a panic, the next attempt begins.
    #[test]
    fn a_panic_releases_the_guard() {
        let target = ConnectTarget::Address(SocketAddr::from(([192, 0, 2, 78], 1)));
        let (inside, again) = (target.clone(), target);
        let panicked = thread::spawn(move || {
            let _guard = ConnectGuard::acquire(inside, Deadline::after(LONG)).unwrap();
            let _poison = CONNECTING.lock();
            panic!("on purpose: the lock is poisoned, and the guard is dropped");
        });
        // The order of dropping is the reverse: first the lock, then the guard.
        assert!(panicked.join().is_err());
        assert!(ConnectGuard::acquire(again, now()).is_some());
    }

    /// 6455-4.1-8, 6455-4.1-9: one for each name and port, and a maximum number of names.
    #[cfg(feature = "proxy")]
    #[test]
    fn each_name_is_a_peer_and_all_names_have_a_limit() {
        let name = |n: usize| ConnectTarget::Name(format!("h{n}.example"), 80);
        let mut held: Vec<ConnectGuard> =
            (1..MAX_BY_NAME).map(|n| ConnectGuard::acquire(name(n), now()).unwrap()).collect();
        assert!(ConnectGuard::acquire(name(1), now()).is_none());
        held.push(ConnectGuard::acquire(ConnectTarget::Name("h1.example".into(), 81), now()).unwrap());
        assert!(ConnectGuard::acquire(name(99), now()).is_none(), "more names than the limit");
        // Addresses do not count towards the limit.
        let address = ConnectTarget::Address(SocketAddr::from(([192, 0, 2, 79], 1)));
        let _address = ConnectGuard::acquire(address, now()).unwrap();
        // An attempt that waits begins when another one ends.
        let (started, start) = std::sync::mpsc::channel();
        let waiting = thread::spawn(move || {
            started.send(()).unwrap();
            ConnectGuard::acquire(name(99), Deadline::after(LONG)).is_some()
        });
        start.recv().unwrap();
        held.remove(0);
        assert!(waiting.join().unwrap());
    }
}
