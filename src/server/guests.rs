//! Who is in the house: how many may be, and how to reach each of them when the house is closed.
//!
//! Knows counts and handles, under the lock of the door; must not wait for anything. A guest is entered when it is let
//! in and struck out when its thread is done with it, but for a connection that a handler gave to another thread: that one
//! no longer counts, and stays on the list as long as it lives, for it too has to be told when the house is closed.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Weak};

use crate::error::HandshakeFault;
use crate::upgrade::Visit;
use crate::websocket::Link;

/// Maximum number of connections by default, where as many fit the system. With the default limits 16,384 of them can hold
/// 16 GiB of half-sent messages at worst, and need 200 to 400 MiB when they are idle.
const MAX_CONNECTIONS: usize = 16_384;
/// Opening handshakes at a time by default: a quarter, so that peers that say nothing cannot take all places.
const MAX_HANDSHAKES: usize = 4_096;

/// How many may be in the house.
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

/// The number of a guest, never used again.
pub(super) type Id = u64;

struct Guest {
    address: Option<IpAddr>,
    place: Place,
}

enum Place {
    /// Its thread has only just begun.
    Door,
    /// Its request is awaited, judged, or answered.
    Arriving(Weak<Visit>),
    /// Its connection is open.
    Open(Weak<Link>),
}

/// Those who are in the house when it is closed, held fast so that each of them can be told, and seen to leave.
#[derive(Default)]
pub(super) struct Present {
    pub(super) arriving: Vec<(Id, Arc<Visit>)>,
    pub(super) open: Vec<Arc<Link>>,
    /// They will be told that it is too late.
    pub(super) at_door: usize,
}

pub(super) struct Guests {
    capacity: Capacity,
    next: Id,
    list: HashMap<Id, Guest>,
    let_in: usize,
    arriving: usize,
    by_address: HashMap<IpAddr, usize>,
    /// The list is swept when it has so many that are not let in any more.
    sweep_at: usize,
    /// The house is closed: connections that opened since then.
    late: Option<Vec<Arc<Link>>>,
}

impl Guests {
    pub(super) fn new(capacity: Capacity) -> Guests {
        Guests {
            capacity,
            next: 0,
            list: HashMap::new(),
            let_in: 0,
            arriving: 0,
            by_address: HashMap::new(),
            sweep_at: 64,
            late: None,
        }
    }

    /// Enters a guest, or says why not. `peer`: by whom it counts; a proxy that speaks for others does not, see
    /// [`names`](Guests::names).
    pub(super) fn let_in(&mut self, peer: Option<SocketAddr>) -> Result<Id, HandshakeFault> {
        let address = peer.filter(|_| self.capacity.per_address.is_some()).map(|peer| network(peer.ip()));
        if self.let_in >= self.capacity.connections {
            return Err(HandshakeFault::Full);
        }
        if self.arriving >= self.capacity.handshakes {
            return Err(HandshakeFault::TooManyHandshakes);
        }
        if let Some(address) = address {
            self.count_in(address)?;
        }
        self.let_in = self.let_in.saturating_add(1);
        self.arriving = self.arriving.saturating_add(1);
        self.next = self.next.wrapping_add(1);
        self.list.insert(self.next, Guest { address, place: Place::Door });
        Ok(self.next)
    }

    /// A guest that did not count by an address when it was let in is this client of a proxy. Says whether that one has too
    /// many.
    pub(super) fn names(&mut self, id: Id, client: Option<IpAddr>) -> Result<(), HandshakeFault> {
        let unnamed = self.list.get(&id).is_some_and(|guest| guest.address.is_none());
        let Some(address) = client.filter(|_| unnamed && self.capacity.per_address.is_some()).map(network) else {
            return Ok(());
        };
        self.count_in(address)?;
        if let Some(guest) = self.list.get_mut(&id) {
            guest.address = Some(address);
        }
        Ok(())
    }

    /// One more from this address, unless it has as many as it may have.
    fn count_in(&mut self, address: IpAddr) -> Result<(), HandshakeFault> {
        let count = self.by_address.get(&address).copied().unwrap_or(0);
        if self.capacity.per_address.is_some_and(|most| count >= most) {
            return Err(HandshakeFault::TooManyFromAddress);
        }
        self.by_address.insert(address, count.saturating_add(1));
        Ok(())
    }

    /// The guest's request is awaited. False: the house is closed, and it is too late for that.
    pub(super) fn arrives(&mut self, id: Id, visit: &Arc<Visit>) -> bool {
        if self.late.is_some() {
            return false;
        }
        if let Some(guest) = self.list.get_mut(&id) {
            guest.place = Place::Arriving(Arc::downgrade(visit));
        }
        true
    }

    /// The guest's connection is open. False: the house is closed, so it has to go again.
    pub(super) fn opens(&mut self, id: Id, link: &Arc<Link>) -> bool {
        if let Some(guest) = self.list.get_mut(&id) {
            guest.place = Place::Open(Arc::downgrade(link));
            self.arriving = self.arriving.saturating_sub(1);
        }
        if let Some(late) = &mut self.late {
            late.push(link.clone());
        }
        self.late.is_none()
    }

    /// Its thread is done with a guest.
    pub(super) fn leaves(&mut self, id: Id) {
        let Some(guest) = self.list.get(&id) else { return };
        self.let_in = self.let_in.saturating_sub(1);
        if let Some(address) = guest.address {
            if let Some(count) = self.by_address.get_mut(&address) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.by_address.remove(&address);
                }
            }
        }
        let stays = match &guest.place {
            Place::Open(link) => lives_on(link),
            Place::Door | Place::Arriving(_) => {
                self.arriving = self.arriving.saturating_sub(1);
                false
            }
        };
        if !stays {
            self.list.remove(&id);
        }
        self.sweep();
    }

    /// Strikes out the connections that handlers gave away and that have ended since. Each sweep costs no more than the
    /// entries made since the last one.
    fn sweep(&mut self) {
        if self.list.len().saturating_sub(self.let_in) < self.sweep_at {
            return;
        }
        self.list.retain(|_, guest| match &guest.place {
            Place::Open(link) => lives_on(link),
            Place::Door | Place::Arriving(_) => true,
        });
        self.sweep_at = self.list.len().saturating_sub(self.let_in).saturating_mul(2).max(64);
    }

    /// Closes the house: nobody arrives from now on. Gives those who are in it.
    pub(super) fn close(&mut self) -> Present {
        self.late = Some(Vec::new());
        let mut present = Present::default();
        for (&id, guest) in &self.list {
            match &guest.place {
                Place::Door => present.at_door = present.at_door.saturating_add(1),
                Place::Arriving(visit) => present.arriving.extend(visit.upgrade().map(|visit| (id, visit))),
                Place::Open(link) => present.open.extend(link.upgrade().filter(|link| link.end().is_none())),
            }
        }
        present
    }

    /// All connections of which somebody has a part, those that are over too.
    pub(super) fn connected(&self) -> Vec<Arc<Link>> {
        let link = |guest: &Guest| match &guest.place {
            Place::Open(link) => link.upgrade(),
            Place::Door | Place::Arriving(_) => None,
        };
        self.list.values().filter_map(link).collect()
    }

    /// Those whose connection opened since the house was closed, or since the last call.
    pub(super) fn late(&mut self) -> Vec<Arc<Link>> {
        self.late.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whether the guest is still on the list and has no open connection.
    pub(super) fn is_arriving(&self, id: Id) -> bool {
        self.list.get(&id).is_some_and(|guest| matches!(guest.place, Place::Arriving(_)))
    }

    pub(super) fn count(&self) -> usize {
        self.let_in
    }
}

fn lives_on(link: &Weak<Link>) -> bool {
    link.upgrade().is_some_and(|link| link.end().is_none())
}

/// What counts as one address. With IPv6 a peer commonly has a network of 64 bits to choose its addresses from.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guests(connections: usize, handshakes: usize, per_address: Option<usize>) -> Guests {
        Guests::new(Capacity { connections, handshakes, per_address })
    }

    #[test]
    fn an_address_is_counted_as_what_one_peer_has() {
        let rows = [
            ("10.0.0.1:1", "10.0.0.1:2", true),
            ("10.0.0.1:1", "10.0.0.2:1", false),
            ("10.0.0.1:1", "[::ffff:10.0.0.1]:1", true),
            ("[2001:db8::1]:1", "[2001:db8::ffff:0:0:1]:1", true),
            ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false),
            ("[::1]:1", "127.0.0.1:1", false),
        ];
        for (one, other, same) in rows {
            let mut guests = guests(9, 9, Some(1));
            let first = guests.let_in(one.parse().ok()).unwrap();
            assert_eq!(guests.let_in(other.parse().ok()).is_err(), same, "{one} {other}");
            guests.leaves(first);
            assert!(guests.let_in(one.parse().ok()).is_ok());
        }
        // Who has no address is not counted by it, and nobody is without the limit.
        let mut some = guests(9, 9, Some(1));
        assert!((0..3).all(|_| some.let_in(None).is_ok()));
        let mut all = guests(9, 9, None);
        assert!((0..3).all(|_| all.let_in("10.0.0.1:1".parse().ok()).is_ok()));
        assert!(all.by_address.is_empty());
    }

    #[test]
    fn clients_of_a_proxy_count_when_they_are_named() {
        let (one, other) = ("192.0.2.1".parse().ok(), "192.0.2.2".parse().ok());
        let mut guests = guests(9, 9, Some(1));
        let ids: Vec<Id> = (0..4).map(|_| guests.let_in(None).unwrap()).collect();
        assert_eq!(guests.names(ids[0], one), Ok(()));
        assert_eq!(guests.names(ids[1], one), Err(HandshakeFault::TooManyFromAddress));
        assert_eq!(guests.names(ids[2], other), Ok(()));
        assert_eq!(guests.names(ids[3], None), Ok(()), "nobody was named");
        // It has been counted; and so has one that came by itself.
        assert_eq!(guests.names(ids[0], one), Ok(()));
        assert_eq!(guests.let_in("192.0.2.1:7".parse().ok()), Err(HandshakeFault::TooManyFromAddress));
        guests.leaves(ids[0]);
        let direct = guests.let_in("192.0.2.1:7".parse().ok()).unwrap();
        assert_eq!(guests.names(direct, other), Ok(()), "it counts as who it is");
        for id in ids.into_iter().chain([direct]) {
            guests.leaves(id);
        }
        assert!(guests.by_address.is_empty());
        // Without the limit nobody is counted at all.
        let mut all = self::guests(9, 9, None);
        let id = all.let_in(None).unwrap();
        assert_eq!(all.names(id, one), Ok(()));
        assert!(all.by_address.is_empty());
    }

    #[test]
    fn nothing_is_kept_of_who_has_left() {
        let mut guests = guests(1000, 1000, Some(1000));
        let ids: Vec<Id> = (0..1000).map(|_| guests.let_in("10.0.0.1:1".parse().ok()).unwrap()).collect();
        assert_eq!(guests.let_in(None), Err(HandshakeFault::Full));
        ids.iter().for_each(|&id| guests.leaves(id));
        assert_eq!((guests.let_in, guests.arriving, guests.list.len(), guests.by_address.len()), (0, 0, 0, 0));
        // Twice is once.
        guests.leaves(ids[0]);
        assert_eq!(guests.count(), 0);
    }
}
