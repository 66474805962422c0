//! The registry of connections, by which a shutdown reaches each of them. `admission` has their limits.
//!
//! A plain value under the lock of the accept loop. It never waits.
//!
//! | an entry | while |
//! |---|---|
//! | counts for every limit | from its admission until its thread has served it |
//! | counts as a handshake | from its admission until its connection is open |
//! | stays, and counts for no limit | its handler has returned, and another thread still has the connection |
//!
//! The last kind stays so that a shutdown closes those connections as well.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::admission::{Admission, Capacity, Ticket};
use super::handshake_config::PendingHandshake;
use crate::connection::shared::Connection;
use crate::error::OverloadKind;
use crate::primitives::lock::{UserDrop, UserDropWeak};

/// The number of an entry, never reused.
pub(super) type EntryId = u64;

struct ConnectionEntry {
    /// `None`: the thread of the entry has served it, and it counts for no limit.
    ticket: Option<Ticket>,
    phase: EntryPhase,
}

enum EntryPhase {
    /// Admitted; its thread has not registered a stream yet.
    Accepted,
    /// The opening handshake is in progress.
    Handshaking(Weak<PendingHandshake>),
    /// The connection is open, or was.
    Open(UserDropWeak<Connection>),
}

/// The entries at the beginning of a shutdown, with strong references.
#[derive(Default)]
pub(super) struct Snapshot {
    pub(super) handshaking: Vec<(EntryId, Arc<PendingHandshake>)>,
    /// Includes connections that have ended, and that some thread still has.
    pub(super) open: Vec<UserDrop<Arc<Connection>>>,
    /// Number of entries without a stream. Their handshake fails when it begins.
    pub(super) accepted: usize,
}

pub(super) struct ConnectionRegistry {
    admission: Admission,
    next: EntryId,
    entries: HashMap<EntryId, ConnectionEntry>,
    /// Number of entries that no longer count at which the ended ones are removed.
    sweep_threshold: usize,
    /// `Some`: the registry is closed. The connections that opened since then.
    opened_after_close: Option<Vec<UserDrop<Arc<Connection>>>>,
}

impl ConnectionRegistry {
    pub(super) fn new(capacity: Capacity) -> ConnectionRegistry {
        ConnectionRegistry {
            admission: Admission::new(capacity),
            next: 0,
            entries: HashMap::new(),
            sweep_threshold: 64,
            opened_after_close: None,
        }
    }

    /// As [`Admission::admit`].
    pub(super) fn try_insert(&mut self, peer: Option<SocketAddr>) -> Result<EntryId, OverloadKind> {
        let ticket = Some(self.admission.admit(peer.map(|peer| peer.ip()))?);
        self.next = self.next.wrapping_add(1);
        self.entries.insert(self.next, ConnectionEntry { ticket, phase: EntryPhase::Accepted });
        Ok(self.next)
    }

    /// As [`Admission::count_client`].
    pub(super) fn count_client(&mut self, id: EntryId, client: Option<IpAddr>) -> Result<(), OverloadKind> {
        match self.entries.get_mut(&id).and_then(|entry| entry.ticket.as_mut()) {
            Some(ticket) => self.admission.count_client(ticket, client),
            None => Ok(()),
        }
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
            entry.phase = EntryPhase::Open(UserDropWeak::new(connection));
            if let Some(ticket) = &mut entry.ticket {
                self.admission.end_handshake(ticket);
            }
        }
        if let Some(late) = &mut self.opened_after_close {
            late.push(UserDrop::new(connection.clone()));
        }
        !self.is_closed()
    }

    /// The thread of the entry has served it.
    pub(super) fn remove(&mut self, id: EntryId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if let Some(ticket) = entry.ticket.take() {
            self.admission.release(ticket);
        }
        let stays = match &entry.phase {
            EntryPhase::Open(connection) => !connection.is_gone(),
            EntryPhase::Accepted | EntryPhase::Handshaking(_) => false,
        };
        if !stays {
            self.entries.remove(&id);
        }
        self.sweep();
    }

    /// Removes connections that outlived their handlers, and that no thread has any more. The threshold doubles, so the cost
    /// of a sweep is proportional to the entries inserted since the last one.
    fn sweep(&mut self) {
        if self.entries.len().saturating_sub(self.active_count()) < self.sweep_threshold {
            return;
        }
        self.entries.retain(|_, entry| match &entry.phase {
            EntryPhase::Open(connection) => !connection.is_gone(),
            EntryPhase::Accepted | EntryPhase::Handshaking(_) => true,
        });
        self.sweep_threshold = self.entries.len().saturating_sub(self.active_count()).saturating_mul(2).max(64);
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
                EntryPhase::Open(connection) => snapshot.open.extend(connection.upgrade()),
            }
        }
        snapshot
    }

    /// All connections that some thread still holds, also those that have ended.
    pub(super) fn connected(&self) -> Vec<UserDrop<Arc<Connection>>> {
        let connection = |entry: &ConnectionEntry| match &entry.phase {
            EntryPhase::Open(connection) => connection.upgrade(),
            EntryPhase::Accepted | EntryPhase::Handshaking(_) => None,
        };
        self.entries.values().filter_map(connection).collect()
    }

    /// The connections that opened since the registry was closed, or since the last call.
    pub(super) fn take_opened_after_close(&mut self) -> Vec<UserDrop<Arc<Connection>>> {
        self.opened_after_close.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whether the opening handshake is still in progress.
    pub(super) fn is_handshaking(&self, id: EntryId) -> bool {
        self.entries.get(&id).is_some_and(|entry| matches!(entry.phase, EntryPhase::Handshaking(_)))
    }

    pub(super) fn active_count(&self) -> usize {
        self.admission.active_count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Role;
    use crate::connection::testing::{connection, long_timeouts};
    use crate::net::deadline::Deadline;
    use crate::net::split_stream::SplitStream;
    use crate::net::stream::Stream;
    use crate::server::handshake_config::Endpoints;

    #[test]
    fn removed_entries_leave_nothing_behind() {
        let capacity = Capacity { connections: 1000, handshakes: 1000, per_address: Some(1000) };
        let mut registry = ConnectionRegistry::new(capacity);
        let ids: Vec<EntryId> = (0..1000).map(|_| registry.try_insert("10.0.0.1:1".parse().ok()).unwrap()).collect();
        assert_eq!(registry.try_insert(None), Err(OverloadKind::Connections));
        ids.iter().for_each(|&id| registry.remove(id));
        assert_eq!((registry.active_count(), registry.entries.len()), (0, 0));
        // A second removal has no effect.
        registry.remove(ids[0]);
        assert_eq!(registry.active_count(), 0);
        // Nor has a client that a trusted proxy names after that.
        assert_eq!(registry.count_client(ids[0], "10.0.0.1".parse().ok()), Ok(()));
    }

    /// A shutdown that begins between two steps of a connection.
    #[test]
    fn a_closed_registry_begins_no_handshake() {
        use crate::net::deadline::Deadline;
        use crate::net::stream::{tests::sockets, Stream};
        use crate::server::handshake_config::Endpoints;
        let mut registry = ConnectionRegistry::new(Capacity { connections: 9, ..Capacity::default() });
        let [waiting, reading, answered] = [(); 3].map(|()| registry.try_insert(None).unwrap());
        let pending = [(); 2].map(|()| {
            let stream = Stream::from_socket(sockets().0).unwrap();
            let endpoints = Endpoints { peer: None, local: None };
            Arc::new(PendingHandshake::new(stream, endpoints, Deadline::now()))
        });
        assert!(registry.awaits_request(), "accepted, and no stream yet");
        assert!(registry.begin_handshake(reading, &pending[0]) && registry.begin_handshake(answered, &pending[1]));
        pending[1].request_read.store(true, Ordering::Relaxed);
        let snapshot = registry.close();
        let mut handshaking: Vec<_> = snapshot.handshaking.iter().map(|(id, _)| *id).collect();
        handshaking.sort_unstable();
        assert_eq!((snapshot.accepted, handshaking), (1, vec![reading, answered]));
        assert!(!registry.begin_handshake(waiting, &pending[0]));
        assert!(!registry.is_handshaking(waiting));
        assert!(registry.awaits_request());
        registry.remove(waiting);
        assert!(registry.awaits_request(), "one is being read");
        registry.remove(reading);
        assert!(!registry.awaits_request());
    }

    fn registry() -> ConnectionRegistry {
        ConnectionRegistry::new(Capacity { connections: 1000, handshakes: 1000, per_address: None })
    }

    fn pending() -> Arc<PendingHandshake> {
        let stream = Stream::from_split(SplitStream::new(std::io::empty(), std::io::sink())).unwrap();
        Arc::new(PendingHandshake::new(stream, Endpoints::default(), Deadline::never()))
    }

    #[test]
    fn a_request_is_awaited_until_it_is_read_or_the_connection_has_ended() {
        let mut registry = registry();
        assert!(!registry.awaits_request());
        let id = registry.try_insert(None).unwrap();
        assert!(registry.awaits_request());
        let first = pending();
        assert!(registry.begin_handshake(id, &first) && registry.awaits_request());
        first.request_read.store(true, Ordering::Relaxed);
        assert!(!registry.awaits_request());
        let second = pending();
        assert!(registry.begin_handshake(id, &second) && registry.awaits_request());
        drop(second);
        assert!(!registry.awaits_request());
        let (connection, _peer) = connection(Role::Server, long_timeouts());
        assert!(registry.mark_open(id, &connection) && !registry.awaits_request());
    }

    #[test]
    fn nothing_opens_unnoticed_after_the_registry_is_closed() {
        let mut registry = registry();
        let (first, second) = (registry.try_insert(None).unwrap(), registry.try_insert(None).unwrap());
        let (connection, _peer) = connection(Role::Server, long_timeouts());
        assert!(registry.take_opened_after_close().is_empty());
        assert_eq!(registry.close().accepted, 2);
        assert!(!registry.begin_handshake(first, &pending()) && !registry.is_handshaking(first));
        assert!(!registry.mark_open(second, &connection));
        assert_eq!((registry.take_opened_after_close().len(), registry.take_opened_after_close().len()), (1, 0));
    }

    /// Otherwise each connection that outlives its handler would leave an entry.
    #[test]
    fn connections_that_outlived_their_handlers_are_swept() {
        let mut registry = registry();
        fn serve(registry: &mut ConnectionRegistry, connection: &Arc<Connection>, times: usize) -> (usize, usize) {
            for _ in 0..times {
                let id = registry.try_insert(None).unwrap();
                registry.mark_open(id, connection);
                registry.remove(id);
            }
            (registry.entries.len(), registry.sweep_threshold)
        }
        let (first, _peer) = connection(Role::Server, long_timeouts());
        assert_eq!(serve(&mut registry, &first, 63), (63, 64));
        drop(first);
        let (second, _peer) = connection(Role::Server, long_timeouts());
        assert_eq!(serve(&mut registry, &second, 1), (1, 64));
        assert_eq!(serve(&mut registry, &second, 63), (64, 128));
        // A connection that is still being served does not count.
        let accepted = registry.try_insert(None).unwrap();
        assert_eq!(serve(&mut registry, &second, 63), (128, 128));
        drop(second);
        let (third, _peer) = connection(Role::Server, long_timeouts());
        assert_eq!(serve(&mut registry, &third, 1), (2, 64));
        registry.remove(accepted);
        assert_eq!((registry.entries.len(), registry.active_count()), (1, 0));
    }
}
