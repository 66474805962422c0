//! The registry of connections: how many there are, their limits, and how a shutdown reaches each of them.
//!
//! A plain value under the lock of the accept loop. It never waits.
//!
//! | an entry | while |
//! |---|---|
//! | counts for every limit | from its admission until its thread has served it |
//! | counts as a handshake | from its admission until its connection is open |
//! | stays, and counts for no limit | its handler has returned, and another thread still uses the open connection |
//!
//! The last kind stays so that a shutdown closes those connections as well.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::handshake_config::PendingHandshake;
use crate::connection::shared::Connection;
use crate::error::OverloadKind;

/// Default maximum number of connections, if the system limits allow as many. With the default limits they hold at most
/// 16 GiB of incomplete messages, and 200 to 400 MiB when they are idle.
const MAX_CONNECTIONS: usize = 16_384;
/// Default maximum number of opening handshakes: a quarter, so that silent peers cannot use up all connections.
const MAX_HANDSHAKES: usize = 4_096;

/// The limits of the registry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capacity {
    pub(super) connections: usize,
    pub(super) handshakes: usize,
    pub(super) per_address: Option<usize>,
}

impl Default for Capacity {
    fn default() -> Capacity {
        Capacity { connections: MAX_CONNECTIONS, handshakes: MAX_HANDSHAKES, per_address: None }
    }
}

/// The number of an entry, never reused.
pub(super) type EntryId = u64;

struct ConnectionEntry {
    address: Option<IpAddr>,
    phase: EntryPhase,
}

enum EntryPhase {
    /// Admitted; its thread has not registered a stream yet.
    Accepted,
    /// The opening handshake is in progress.
    Handshaking(Weak<PendingHandshake>),
    /// The connection is open, or was.
    Open(Weak<Connection>),
}

/// The entries at the beginning of a shutdown, with strong references.
#[derive(Default)]
pub(super) struct Snapshot {
    pub(super) handshaking: Vec<(EntryId, Arc<PendingHandshake>)>,
    pub(super) open: Vec<Arc<Connection>>,
    /// Number of entries without a stream. Their handshake fails when it begins.
    pub(super) accepted: usize,
}

pub(super) struct ConnectionRegistry {
    capacity: Capacity,
    next: EntryId,
    entries: HashMap<EntryId, ConnectionEntry>,
    active: usize,
    handshaking: usize,
    by_address: HashMap<IpAddr, usize>,
    /// Number of entries that no longer count at which the ended ones are removed.
    sweep_threshold: usize,
    /// `Some`: the registry is closed. The connections that opened since then.
    opened_after_close: Option<Vec<Arc<Connection>>>,
}

impl ConnectionRegistry {
    pub(super) fn new(capacity: Capacity) -> ConnectionRegistry {
        ConnectionRegistry {
            capacity,
            next: 0,
            entries: HashMap::new(),
            active: 0,
            handshaking: 0,
            by_address: HashMap::new(),
            sweep_threshold: 64,
            opened_after_close: None,
        }
    }

    /// Admits a connection, or returns the limit that it exceeds. `peer`: the address under which it counts; `None` for
    /// a trusted proxy, see [`count_client`](ConnectionRegistry::count_client).
    pub(super) fn try_insert(&mut self, peer: Option<SocketAddr>) -> Result<EntryId, OverloadKind> {
        let address = peer.filter(|_| self.capacity.per_address.is_some()).map(|peer| network(peer.ip()));
        if self.active >= self.capacity.connections {
            return Err(OverloadKind::Connections);
        }
        if self.handshaking >= self.capacity.handshakes {
            return Err(OverloadKind::Handshakes);
        }
        if let Some(address) = address {
            self.count_address(address)?;
        }
        self.active = self.active.saturating_add(1);
        self.handshaking = self.handshaking.saturating_add(1);
        self.next = self.next.wrapping_add(1);
        self.entries.insert(self.next, ConnectionEntry { address, phase: EntryPhase::Accepted });
        Ok(self.next)
    }

    /// Counts the client that a trusted proxy has named, unless the entry counts under an address already.
    pub(super) fn count_client(&mut self, id: EntryId, client: Option<IpAddr>) -> Result<(), OverloadKind> {
        let unnamed = self.entries.get(&id).is_some_and(|entry| entry.address.is_none());
        let Some(address) = client.filter(|_| unnamed && self.capacity.per_address.is_some()).map(network) else {
            return Ok(());
        };
        self.count_address(address)?;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.address = Some(address);
        }
        Ok(())
    }

    /// Counts one more connection of an address, or returns the limit.
    fn count_address(&mut self, address: IpAddr) -> Result<(), OverloadKind> {
        let count = self.by_address.get(&address).copied().unwrap_or(0);
        if self.capacity.per_address.is_some_and(|most| count >= most) {
            return Err(OverloadKind::Address);
        }
        self.by_address.insert(address, count.saturating_add(1));
        Ok(())
    }

    /// Whether a connection waits whose request has not been read.
    pub(super) fn awaits_request(&self) -> bool {
        self.entries.values().any(|entry| match &entry.phase {
            EntryPhase::Accepted => true,
            EntryPhase::Handshaking(pending) => {
                pending.upgrade().is_some_and(|pending| !pending.request_read.load(Ordering::Relaxed))
            }
            EntryPhase::Open(_) => false,
        })
    }

    /// Whether a shutdown has begun to close the connections.
    pub(super) fn is_closed(&self) -> bool {
        self.opened_after_close.is_some()
    }

    /// Registers the stream of a handshake. False: the registry is closed.
    pub(super) fn begin_handshake(&mut self, id: EntryId, pending: &Arc<PendingHandshake>) -> bool {
        if self.is_closed() {
            return false;
        }
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.phase = EntryPhase::Handshaking(Arc::downgrade(pending));
        }
        true
    }

    /// Registers an open connection. False: the registry is closed, and the caller closes the connection.
    pub(super) fn mark_open(&mut self, id: EntryId, connection: &Arc<Connection>) -> bool {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.phase = EntryPhase::Open(Arc::downgrade(connection));
            self.handshaking = self.handshaking.saturating_sub(1);
        }
        if let Some(late) = &mut self.opened_after_close {
            late.push(connection.clone());
        }
        !self.is_closed()
    }

    /// The thread of the entry has served it.
    pub(super) fn remove(&mut self, id: EntryId) {
        let Some(entry) = self.entries.get(&id) else { return };
        self.active = self.active.saturating_sub(1);
        if let Some(address) = entry.address {
            if let Some(count) = self.by_address.get_mut(&address) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.by_address.remove(&address);
                }
            }
        }
        let stays = match &entry.phase {
            EntryPhase::Open(connection) => is_alive(connection),
            EntryPhase::Accepted | EntryPhase::Handshaking(_) => {
                self.handshaking = self.handshaking.saturating_sub(1);
                false
            }
        };
        if !stays {
            self.entries.remove(&id);
        }
        self.sweep();
    }

    /// Removes connections that outlived their handlers and have ended. The threshold doubles, so the cost of a sweep
    /// is proportional to the entries inserted since the last one.
    fn sweep(&mut self) {
        if self.entries.len().saturating_sub(self.active) < self.sweep_threshold {
            return;
        }
        self.entries.retain(|_, entry| match &entry.phase {
            EntryPhase::Open(connection) => is_alive(connection),
            EntryPhase::Accepted | EntryPhase::Handshaking(_) => true,
        });
        self.sweep_threshold = self.entries.len().saturating_sub(self.active).saturating_mul(2).max(64);
    }

    /// Closes the registry: no handshake begins from now on. Returns the entries.
    pub(super) fn close(&mut self) -> Snapshot {
        self.opened_after_close = Some(Vec::new());
        let mut snapshot = Snapshot::default();
        for (&id, entry) in &self.entries {
            match &entry.phase {
                EntryPhase::Accepted => snapshot.accepted = snapshot.accepted.saturating_add(1),
                EntryPhase::Handshaking(pending) => {
                    snapshot.handshaking.extend(pending.upgrade().map(|pending| (id, pending)))
                }
                EntryPhase::Open(connection) => {
                    snapshot.open.extend(connection.upgrade().filter(|connection| connection.end().is_none()))
                }
            }
        }
        snapshot
    }

    /// All connections that some thread still holds, also those that have ended.
    pub(super) fn connected(&self) -> Vec<Arc<Connection>> {
        let connection = |entry: &ConnectionEntry| match &entry.phase {
            EntryPhase::Open(connection) => connection.upgrade(),
            EntryPhase::Accepted | EntryPhase::Handshaking(_) => None,
        };
        self.entries.values().filter_map(connection).collect()
    }

    /// The connections that opened since the registry was closed, or since the last call.
    pub(super) fn take_opened_after_close(&mut self) -> Vec<Arc<Connection>> {
        self.opened_after_close.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whether the opening handshake is still in progress.
    pub(super) fn is_handshaking(&self, id: EntryId) -> bool {
        self.entries.get(&id).is_some_and(|entry| matches!(entry.phase, EntryPhase::Handshaking(_)))
    }

    pub(super) fn active_count(&self) -> usize {
        self.active
    }
}

fn is_alive(connection: &Weak<Connection>) -> bool {
    connection.upgrade().is_some_and(|connection| connection.end().is_none())
}

/// The address under which a peer counts. With IPv6 a peer commonly owns a network of 64 bits.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(connections: usize, handshakes: usize, per_address: Option<usize>) -> ConnectionRegistry {
        ConnectionRegistry::new(Capacity { connections, handshakes, per_address })
    }

    #[test]
    fn an_ipv6_address_counts_as_its_network() {
        let rows = [
            ("10.0.0.1:1", "10.0.0.1:2", true),
            ("10.0.0.1:1", "10.0.0.2:1", false),
            ("10.0.0.1:1", "[::ffff:10.0.0.1]:1", true),
            ("[2001:db8::1]:1", "[2001:db8::ffff:0:0:1]:1", true),
            ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false),
            ("[::1]:1", "127.0.0.1:1", false),
        ];
        for (one, other, same) in rows {
            let mut registry = registry(9, 9, Some(1));
            let first = registry.try_insert(one.parse().ok()).unwrap();
            assert_eq!(registry.try_insert(other.parse().ok()).is_err(), same, "{one} {other}");
            registry.remove(first);
            assert!(registry.try_insert(one.parse().ok()).is_ok());
        }
        // Peers without an address do not count, and without the limit none does.
        let mut some = registry(9, 9, Some(1));
        assert!((0..3).all(|_| some.try_insert(None).is_ok()));
        let mut all = registry(9, 9, None);
        assert!((0..3).all(|_| all.try_insert("10.0.0.1:1".parse().ok()).is_ok()));
        assert!(all.by_address.is_empty());
    }

    #[test]
    fn a_client_behind_a_proxy_counts_when_it_is_named() {
        let (one, other) = ("192.0.2.1".parse().ok(), "192.0.2.2".parse().ok());
        let mut registry = registry(9, 9, Some(1));
        let ids: Vec<EntryId> = (0..4).map(|_| registry.try_insert(None).unwrap()).collect();
        assert_eq!(registry.count_client(ids[0], one), Ok(()));
        assert_eq!(registry.count_client(ids[1], one), Err(OverloadKind::Address));
        assert_eq!(registry.count_client(ids[2], other), Ok(()));
        assert_eq!(registry.count_client(ids[3], None), Ok(()), "no client named");
        // It counts once, and together with a direct connection from its address.
        assert_eq!(registry.count_client(ids[0], one), Ok(()));
        assert_eq!(registry.try_insert("192.0.2.1:7".parse().ok()), Err(OverloadKind::Address));
        registry.remove(ids[0]);
        let direct = registry.try_insert("192.0.2.1:7".parse().ok()).unwrap();
        assert_eq!(registry.count_client(direct, other), Ok(()), "a direct connection keeps its address");
        for id in ids.into_iter().chain([direct]) {
            registry.remove(id);
        }
        assert!(registry.by_address.is_empty());
        // Without the limit no address is counted.
        let mut all = self::registry(9, 9, None);
        let id = all.try_insert(None).unwrap();
        assert_eq!(all.count_client(id, one), Ok(()));
        assert!(all.by_address.is_empty());
    }

    #[test]
    fn removed_entries_leave_nothing_behind() {
        let mut registry = registry(1000, 1000, Some(1000));
        let ids: Vec<EntryId> = (0..1000).map(|_| registry.try_insert("10.0.0.1:1".parse().ok()).unwrap()).collect();
        assert_eq!(registry.try_insert(None), Err(OverloadKind::Connections));
        ids.iter().for_each(|&id| registry.remove(id));
        assert_eq!(
            (registry.active, registry.handshaking, registry.entries.len(), registry.by_address.len()),
            (0, 0, 0, 0)
        );
        // A second removal has no effect.
        registry.remove(ids[0]);
        assert_eq!(registry.active_count(), 0);
    }
}
