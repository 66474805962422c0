//! The limits on the number of connections, and what counts towards them.
//!
//! | a connection counts | from | until |
//! |---|---|---|
//! | as a connection | its admission | its release |
//! | as an opening handshake | its admission | it is open, or its release |
//! | under an address | its admission, or when a trusted proxy has named its client | its release |
//!
//! A [`Ticket`] states what one connection counts for. [`Admission`] is a plain value under a lock of its owner: the
//! registry of a server that listens, or a [`AdmittedStream`] for each caller-supplied stream.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use crate::config;
use crate::error::{OverloadKind, UsageError};
use crate::primitives::lock::Lock;

/// Default maximum number of connections, if the system limits allow as many. With the default limits they hold at most
/// 16 GiB of incomplete messages, and 200 to 400 MiB when they are idle.
const MAX_CONNECTIONS: usize = 16_384;
/// Default maximum number of opening handshakes: a quarter, so that silent peers cannot use up all connections.
const MAX_HANDSHAKES: usize = 4_096;

/// The limits.
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

impl Capacity {
    /// Checks the values against the table at [`Timeouts`](crate::Timeouts).
    pub(super) fn check(&self) -> Result<(), UsageError> {
        let check = |name, count: usize| config::count_at_least(name, u64::try_from(count).unwrap_or(u64::MAX), 1);
        check("Server::max_connections", self.connections)?;
        check("Server::max_handshakes", self.handshakes)?;
        check("Server::max_per_address", self.per_address.unwrap_or(1))
    }

    /// With at most this number of connections. Opening handshakes keep their share, so that silent peers cannot use up all.
    pub(super) fn fitting(self, connections: usize) -> Capacity {
        if connections >= self.connections {
            return self;
        }
        Capacity { connections, handshakes: self.handshakes.min((connections / 4).max(64)), ..self }
    }
}

/// What one admitted connection counts for. Released once.
#[derive(Debug)]
#[must_use = "a ticket that is not released counts for ever"]
pub(super) struct Ticket {
    address: Option<IpAddr>,
    handshaking: bool,
}

/// The limits and the counts.
#[derive(Default)]
pub(super) struct Admission {
    capacity: Capacity,
    active: usize,
    handshaking: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Admission {
    pub(super) fn new(capacity: Capacity) -> Admission {
        Admission { capacity, ..Admission::default() }
    }

    /// Admits a connection, or returns the limit that it exceeds. `address`: the address under which it counts; `None`
    /// for a trusted proxy, see [`count_client`](Admission::count_client).
    pub(super) fn admit(&mut self, address: Option<IpAddr>) -> Result<Ticket, OverloadKind> {
        if self.active >= self.capacity.connections {
            return Err(OverloadKind::Connections);
        }
        if self.handshaking >= self.capacity.handshakes {
            return Err(OverloadKind::Handshakes);
        }
        let mut ticket = Ticket { address: None, handshaking: true };
        self.count_client(&mut ticket, address)?;
        self.active = self.active.saturating_add(1);
        self.handshaking = self.handshaking.saturating_add(1);
        Ok(ticket)
    }

    /// Counts a connection under the address of its client, unless it counts under an address already.
    pub(super) fn count_client(&mut self, ticket: &mut Ticket, client: Option<IpAddr>) -> Result<(), OverloadKind> {
        let Some((address, most)) = client.map(network).zip(self.capacity.per_address) else { return Ok(()) };
        if ticket.address.is_some() {
            return Ok(());
        }
        let count = self.by_address.get(&address).copied().unwrap_or(0);
        if count >= most {
            return Err(OverloadKind::Address);
        }
        self.by_address.insert(address, count.saturating_add(1));
        ticket.address = Some(address);
        Ok(())
    }

    /// The opening handshake of a connection has succeeded.
    pub(super) fn end_handshake(&mut self, ticket: &mut Ticket) {
        if std::mem::replace(&mut ticket.handshaking, false) {
            self.handshaking = self.handshaking.saturating_sub(1);
        }
    }

    /// The connection no longer counts.
    pub(super) fn release(&mut self, mut ticket: Ticket) {
        self.end_handshake(&mut ticket);
        self.active = self.active.saturating_sub(1);
        let Some(address) = ticket.address else { return };
        if let Some(count) = self.by_address.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }

    pub(super) fn active_count(&self) -> usize {
        self.active
    }
}

/// The address under which a peer counts. With IPv6 a peer commonly owns a network of 64 bits.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        ip => ip,
    }
}

/// An admitted connection on a caller-supplied stream. It counts until it is dropped.
pub(super) struct AdmittedStream {
    admission: Arc<Lock<Admission>>,
    ticket: Option<Ticket>,
}

impl AdmittedStream {
    /// Admits a stream, or returns the limit that it exceeds. `capacity`: the present limits.
    pub(super) fn admit(
        admission: &Arc<Lock<Admission>>,
        capacity: Capacity,
        address: Option<IpAddr>,
    ) -> Result<AdmittedStream, OverloadKind> {
        let mut state = admission.lock();
        state.capacity = capacity;
        let ticket = Some(state.admit(address)?);
        Ok(AdmittedStream { admission: admission.clone(), ticket })
    }

    /// As [`Admission::count_client`].
    pub(super) fn count_client(&mut self, client: Option<IpAddr>) -> Result<(), OverloadKind> {
        self.ticket.as_mut().map_or(Ok(()), |ticket| self.admission.lock().count_client(ticket, client))
    }

    /// As [`Admission::end_handshake`].
    pub(super) fn end_handshake(&mut self) {
        if let Some(ticket) = &mut self.ticket {
            self.admission.lock().end_handshake(ticket);
        }
    }
}

impl Drop for AdmittedStream {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.admission.lock().release(ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(connections: usize, handshakes: usize, per_address: Option<usize>) -> Admission {
        Admission::new(Capacity { connections, handshakes, per_address })
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn an_ipv6_address_counts_as_its_network() {
        let rows = [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("2001:db8::1", "2001:db8::ffff:0:0:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::1", "127.0.0.1", false),
        ];
        for (one, other, same) in rows {
            let mut admission = admission(9, 9, Some(1));
            let first = admission.admit(ip(one)).unwrap();
            assert_eq!(admission.admit(ip(other)).is_err(), same, "{one} {other}");
            admission.release(first);
            assert!(admission.admit(ip(one)).is_ok());
        }
        // Peers without an address do not count, and without the limit none does.
        let mut some = admission(9, 9, Some(1));
        assert!((0..3).all(|_| some.admit(None).is_ok()));
        let mut all = admission(9, 9, None);
        assert!((0..3).all(|_| all.admit(ip("10.0.0.1")).is_ok()));
        assert!(all.by_address.is_empty());
    }

    #[test]
    fn a_client_behind_a_proxy_counts_when_it_is_named() {
        let (one, other) = (ip("192.0.2.1"), ip("192.0.2.2"));
        let mut admission = admission(9, 9, Some(1));
        let mut tickets: Vec<Ticket> = (0..4).map(|_| admission.admit(None).unwrap()).collect();
        assert_eq!(admission.count_client(&mut tickets[0], one), Ok(()));
        assert_eq!(admission.count_client(&mut tickets[1], one), Err(OverloadKind::Address));
        assert_eq!(admission.count_client(&mut tickets[2], other), Ok(()));
        assert_eq!(admission.count_client(&mut tickets[3], None), Ok(()), "no client named");
        // It counts once, and together with a direct connection from its address.
        assert_eq!(admission.count_client(&mut tickets[0], one), Ok(()));
        assert_eq!(admission.admit(one).unwrap_err(), OverloadKind::Address);
        admission.release(tickets.remove(0));
        let mut direct = admission.admit(one).unwrap();
        assert_eq!(admission.count_client(&mut direct, other), Ok(()), "a direct connection keeps its address");
        tickets.into_iter().chain([direct]).for_each(|ticket| admission.release(ticket));
        assert!(admission.by_address.is_empty() && admission.active_count() == 0 && admission.handshaking == 0);
        // Without the limit no address is counted.
        let mut all = self::admission(9, 9, None);
        let mut ticket = all.admit(None).unwrap();
        assert_eq!(all.count_client(&mut ticket, one), Ok(()));
        assert!(all.by_address.is_empty());
    }

    #[test]
    fn a_supplied_stream_counts_until_it_is_dropped_with_the_limits_of_each_call() {
        let (shared, one, other) = (Arc::new(Lock::new(Admission::default())), ip("192.0.2.1"), ip("192.0.2.2"));
        let admit = |connections, handshakes, address| {
            let capacity = Capacity { connections, handshakes, per_address: Some(1) };
            AdmittedStream::admit(&shared, capacity, address)
        };
        let mut first = admit(9, 1, one).map_err(drop).unwrap();
        assert_eq!(admit(9, 1, other).err(), Some(OverloadKind::Handshakes));
        first.end_handshake();
        let mut second = admit(9, 1, None).map_err(drop).unwrap();
        assert_eq!(second.count_client(one), Err(OverloadKind::Address));
        assert_eq!(second.count_client(other), Ok(()));
        assert_eq!(admit(2, 9, None).err(), Some(OverloadKind::Connections));
        assert_eq!(admit(9, 9, one).err(), Some(OverloadKind::Address));
        drop(first);
        assert!(admit(2, 9, one).is_ok());
        drop(second);
        let state = shared.lock();
        assert!(state.active == 0 && state.handshaking == 0 && state.by_address.is_empty());
    }

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let Capacity { connections, handshakes, per_address } = Capacity::default();
        assert_eq!((connections, handshakes, per_address), (16_384, 4_096, None));
    }

    #[test]
    fn opening_handshakes_keep_their_share_of_fewer_connections() {
        let capacity = |handshakes| Capacity { connections: 1000, handshakes, per_address: None };
        let rows = [
            (500, 1001, (1000, 500)),
            (500, 1000, (1000, 500)),
            (500, 999, (999, 249)),
            (500, 400, (400, 100)),
            (500, 200, (200, 64)),
            (500, 10, (10, 64)),
            (9, 400, (400, 9)),
        ];
        for (handshakes, fitting, expected) in rows {
            let fitted = capacity(handshakes).fitting(fitting);
            assert_eq!((fitted.connections, fitted.handshakes), expected);
        }
    }

    #[test]
    fn a_release_frees_one_place() {
        let address = ip("192.0.2.1");
        let mut admission = admission(9, 2, Some(3));
        let mut first = admission.admit(address).unwrap();
        let mut second = admission.admit(address).unwrap();
        assert_eq!(admission.admit(None).unwrap_err(), OverloadKind::Handshakes);
        admission.end_handshake(&mut first);
        let mut third = admission.admit(address).unwrap();
        assert_eq!(admission.admit(None).unwrap_err(), OverloadKind::Handshakes);
        [&mut second, &mut third].into_iter().for_each(|ticket| admission.end_handshake(ticket));
        assert_eq!(admission.admit(address).unwrap_err(), OverloadKind::Address);
        admission.release(first);
        let fourth = admission.admit(address).unwrap();
        assert_eq!(admission.admit(address).unwrap_err(), OverloadKind::Address);
        [second, third, fourth].into_iter().for_each(|ticket| admission.release(ticket));
        assert!(admission.active == 0 && admission.handshaking == 0 && admission.by_address.is_empty());
    }

    #[test]
    fn an_open_connection_is_no_handshake() {
        let mut admission = admission(3, 1, None);
        let mut open = admission.admit(None).unwrap();
        assert_eq!(admission.admit(None).unwrap_err(), OverloadKind::Handshakes);
        admission.end_handshake(&mut open);
        admission.end_handshake(&mut open);
        let second = admission.admit(None).unwrap();
        admission.release(open);
        assert_eq!(admission.admit(None).unwrap_err(), OverloadKind::Handshakes, "the second is one still");
        admission.release(second);
        assert_eq!((admission.active, admission.handshaking), (0, 0));
    }
}
