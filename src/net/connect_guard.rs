//! The gate for connections that are not open yet (RFC 6455 section 4.1 item 2): one attempt at a time for each peer.
//!
//! | the way | what a peer is | beside that |
//! |---|---|---|
//! | direct, or through a proxy to an IP address | IP address and port | |
//! | through a proxy that resolves the name | name and port | at most [`MAX_BY_NAME`] attempts at a time |
//!
//! At most one [`ConnectGuard`] of this process exists per peer, from before TCP until the opening handshake has ended, well
//! or not. A thread holds at most one while it waits for nothing but the network, so the gate cannot deadlock.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::deadline::Deadline;

/// Who is connected to, as far as this side knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ConnectTarget {
    /// The address is known.
    Address(SocketAddr),
    /// 6455-4.1-8: it is the proxy that resolves the name, so each name counts as a peer of its own.
    Name(String, u16),
}

/// 6455-4.1-9: names of one server could be many, so all of them together have a limit.
const MAX_BY_NAME: usize = 16;

/// The peers this process is connecting to.
static CONNECTING: Mutex<BTreeSet<ConnectTarget>> = Mutex::new(BTreeSet::new());
/// Told whenever a peer leaves [`CONNECTING`].
static RELEASED: Condvar = Condvar::new();

/// The right to connect to a peer. 6455-4.1-5, 6455-4.1-6, 6455-4.1-7: nobody else in this process has it meanwhile.
#[derive(Debug)]
pub(crate) struct ConnectGuard(ConnectTarget);

impl ConnectGuard {
    /// Waits until no other attempt to the peer is pending. `None` when the deadline passes first.
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
    let by_name = |target: &&ConnectTarget| matches!(target, ConnectTarget::Name(..));
    !connecting.contains(target) && (!by_name(&target) || connecting.iter().filter(by_name).count() < MAX_BY_NAME)
}

impl Drop for ConnectGuard {
    fn drop(&mut self) {
        lock_connecting().remove(&self.0);
        RELEASED.notify_all();
    }
}

/// A thread that panicked with the lock held leaves a set that is still right: a peer goes in and out in one step.
fn lock_connecting() -> MutexGuard<'static, BTreeSet<ConnectTarget>> {
    CONNECTING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn now() -> Deadline {
        Deadline::after(Duration::ZERO)
    }

    /// 6455-4.1-5: an attempt that fails, or a thread that panics, lets the next one in.
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

    /// 6455-4.1-8, 6455-4.1-9: one for each name and port, and no more than so many of them.
    #[test]
    fn each_name_is_a_peer_and_all_names_have_a_limit() {
        let name = |n: usize| ConnectTarget::Name(format!("h{n}.example"), 80);
        let mut held: Vec<ConnectGuard> =
            (1..MAX_BY_NAME).map(|n| ConnectGuard::acquire(name(n), now()).unwrap()).collect();
        assert!(ConnectGuard::acquire(name(1), now()).is_none());
        held.push(ConnectGuard::acquire(ConnectTarget::Name("h1.example".into(), 81), now()).unwrap());
        assert!(ConnectGuard::acquire(name(99), now()).is_none(), "more names than may be");
        // Addresses are not counted among them.
        let address = ConnectTarget::Address(SocketAddr::from(([192, 0, 2, 79], 1)));
        let _address = ConnectGuard::acquire(address, now()).unwrap();
        // Whoever waits comes in when one leaves.
        let (waits, came) = mpsc::channel();
        let waiting = thread::spawn(move || {
            waits.send(()).unwrap();
            ConnectGuard::acquire(name(99), Deadline::after(LONG)).is_some()
        });
        came.recv().unwrap();
        held.remove(0);
        assert!(waiting.join().unwrap());
    }
}
