//! Messages that many connections send, encoded once: how a hub's thread writes them without waiting for anyone.
//!
//! Knows one connection; must not know the hub. The token is the right to write here too (see `link`):
//!
//! | the token is | and the network | then |
//! |---|---|---|
//! | in the gate | has room | the parcels are written, with what is owed |
//! | in the gate | is full | what is left of a frame stays in the outbox, where whoever writes next finds it |
//! | with a sender | | one parcel is left in the gate; that sender writes it before it gives the token back |
//! | with a stream of fragments under way | | nothing: no message may begin before that one ends |
//!
//! In none of these cases does the caller wait. A shared frame is not copied, unless something has to come behind a part
//! of it.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::link::{Link, Writer};
use super::turn::Turn;
use crate::close::CloseCode;
use crate::error::{Error, Step};
use crate::message::Kind;
use crate::trace::Origin;
use crate::transport::deadline::Deadline;
use crate::wire::frame::Opcode;

/// As soon as so many bytes wait, they are written before more is put to them.
const TOGETHER: usize = 16 << 10;
/// Looks at the gate in one call: to make room, to write, and for what others came to owe meanwhile.
const PASSES: u32 = 4;

/// A message for many connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    /// A frame as servers send it.
    pub(crate) frame: Arc<[u8]>,
    pub(crate) wrap: Wrap,
    /// Where it was handed to the hub.
    pub(crate) origin: Origin,
}

/// How a parcel becomes bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrap {
    /// As it is.
    Frame,
    /// As it is, and its message is compressed, without reference to any other.
    Deflated,
    /// The connection makes a frame of its own from the payload, which begins here. It is not compressed.
    Payload(Kind, usize),
}

impl Parcel {
    /// 6455-5.1-1: a client's frame is masked, so it is its own; so is a draft's.
    pub(super) fn put(self, writer: &mut Writer) -> io::Result<()> {
        match self.wrap {
            Wrap::Payload(kind, from) => {
                let payload = self.frame.get(from..).unwrap_or_default();
                return writer.frame_of(|| self.origin, true, Opcode::Data(kind), payload);
            }
            Wrap::Deflated => writer.encoder.passed_by(),
            Wrap::Frame => {}
        }
        writer.share(self.frame, self.origin);
        Ok(())
    }

    /// Whether this costs so little that it can be done under the gate.
    fn is_light(&self) -> bool {
        match self.wrap {
            Wrap::Frame | Wrap::Deflated => true,
            Wrap::Payload(..) => self.frame.len() <= TOGETHER,
        }
    }
}

/// What came of handing parcels over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handed {
    pub(crate) found: Found,
    /// So many bytes were written, of parcels and of other frames.
    pub(crate) moved: usize,
    /// At some point of the call, all that had been handed over until then was with the kernel.
    pub(crate) clear: bool,
    /// So many parcels were taken after that point, or in the whole call: they are on their way.
    pub(crate) flying: usize,
}

/// How a connection was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It takes more at once.
    Ready,
    /// The network is full.
    Full,
    /// Another thread writes, or sends a stream.
    Busy,
    /// No more can be sent.
    Over,
}

impl Link {
    /// Whether messages of this kind can be sent.
    pub(crate) fn carries(&self, kind: Kind) -> bool {
        self.dialect.check_message(Opcode::Data(kind)).is_ok()
    }

    /// Hands over from the front what goes without waiting; what is left in `parcels` has not been touched. Without any,
    /// it goes on with those on their way.
    pub(crate) fn hand_over(&self, parcels: &mut VecDeque<Parcel>) -> Handed {
        let mut handed = Handed { found: Found::Ready, moved: 0, clear: false, flying: 0 };
        for _ in 0..PASSES {
            let pass = match self.turn_beside(parcels, &mut handed) {
                Ok(turn) => self.put(turn, parcels, &mut handed),
                Err(found) => Err(found),
            };
            match pass {
                Ok(owed) if owed || !parcels.is_empty() => {}
                Ok(_) => break,
                Err(found) => {
                    handed.found = found;
                    break;
                }
            }
        }
        handed
    }

    /// The token, if it is in the gate. If not, whoever has it finds a parcel when giving it back: a thread that sends
    /// without a pause must not keep others from being heard.
    fn turn_beside(&self, parcels: &mut VecDeque<Parcel>, handed: &mut Handed) -> Result<Turn<'_>, Found> {
        let mut gate = self.gate();
        if !gate.is_open() {
            return Err(Found::Over);
        }
        if gate.streaming {
            return Err(Found::Busy);
        }
        let Some(writer) = &gate.writer else {
            if gate.owed.parcel.is_none() && parcels.front().is_some_and(Parcel::is_light) {
                gate.owed.parcel = parcels.pop_front();
                gate.owed.any = true;
                handed.flying = handed.flying.saturating_add(1);
            }
            return Err(Found::Busy);
        };
        // While the network is full, answers stay notes: there is one of each, however many Pings come.
        let settled = if writer.outbox.is_congested() { Ok(()) } else { gate.settle() };
        let turn = settled.map(|()| Turn::new(self, gate.writer.take()));
        drop(gate);
        turn.map_err(|error| {
            self.abort_with(error);
            Found::Over
        })
    }

    fn put(&self, mut turn: Turn<'_>, parcels: &mut VecDeque<Parcel>, handed: &mut Handed) -> Result<bool, Found> {
        let Some(writer) = turn.writer() else { return Err(Found::Busy) };
        while !writer.outbox.is_congested() && writer.outbox.len() < TOGETHER {
            let Some(parcel) = parcels.pop_front() else { break };
            handed.flying = handed.flying.saturating_add(1);
            if let Err(error) = parcel.put(writer) {
                self.no_key(error);
                return Err(Found::Over);
            }
        }
        self.write_beside(turn, handed)
    }

    /// Writes what goes, and gives the token back. Whether others came to owe something meanwhile.
    fn write_beside(&self, mut turn: Turn<'_>, handed: &mut Handed) -> Result<bool, Found> {
        let Some(writer) = turn.writer() else { return Err(Found::Busy) };
        let written = writer.outbox.write_beside(&self.stream);
        let congested = writer.outbox.is_congested();
        if congested && written.as_ref().is_ok_and(|count| *count > 0) {
            self.stream.note_progress();
        }
        turn.release(|gate| {
            match written {
                Ok(count) => handed.moved = handed.moved.saturating_add(count),
                Err(error) => {
                    // What the peer sent before it stopped listening can still be received.
                    gate.ends(Error::io(Step::Write, error));
                    return Err(Found::Over);
                }
            }
            if congested {
                return Err(Found::Full);
            }
            if gate.owed.parcel.is_none() {
                (handed.clear, handed.flying) = (true, 0);
            }
            Ok(gate.owed.any)
        })
    }

    /// Owes the peer a Close, and gives the time by which the connection has to be over; `None`: it is. From now on
    /// [`Link::see_off`] is to be called again and again.
    pub(crate) fn close_beside(&self, code: CloseCode, reason: &str) -> Option<Deadline> {
        let mut gate = self.gate();
        if gate.end.is_some() {
            return None;
        }
        gate.owed.parcel = None;
        gate.owe_close(self.dialect.close(code, reason));
        Some(gate.close_by(self.timeouts.close))
    }

    /// Writes what is owed as far as it goes without waiting.
    pub(crate) fn see_off(&self) -> Found {
        let mut gate = self.gate();
        if gate.end.is_some() {
            return Found::Over;
        }
        if gate.writer.is_none() {
            return Found::Busy;
        }
        if let Err(error) = gate.settle() {
            drop(gate);
            self.abort_with(error);
            return Found::Over;
        }
        let turn = Turn::new(self, gate.writer.take());
        drop(gate);
        let mut handed = Handed { found: Found::Ready, moved: 0, clear: false, flying: 0 };
        match self.write_beside(turn, &mut handed) {
            Ok(_) => {
                self.end_if_closed_by_that();
                Found::Ready
            }
            Err(found) => found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::link::Wants;
    use super::super::testing::{link, patient, until, LONG, MUCH, ROLES, TEXT};
    use super::*;
    use crate::transport::outbox::Limit;
    use crate::transport::stream::tests::WRITES;
    use crate::wire::frame::{self, Role};
    use std::thread;

    fn parcel(role: Role, payload: &[u8]) -> Parcel {
        let mut bytes = Vec::new();
        frame::emit(&mut bytes, true, TEXT, payload.len() as u64, None);
        let header = bytes.len();
        bytes.extend_from_slice(payload);
        let wrap = match role {
            Role::Client => Wrap::Payload(Kind::Text, header),
            Role::Server => Wrap::Frame,
        };
        Parcel { frame: bytes.into(), wrap, origin: Origin::Outside }
    }

    fn handed(found: Found, clear: bool, flying: usize) -> impl Fn(Handed) -> bool {
        move |handed| (handed.found, handed.clear, handed.flying) == (found, clear, flying)
    }

    #[test]
    fn parcels_go_out_in_order_and_small_ones_together() {
        for role in ROLES {
            let (link, mut peer) = link(role, patient());
            let mut parcels: VecDeque<_> = (0..100).map(|n| parcel(role, &[n; 100])).collect();
            link.answer_ping(b"ping");
            let before = WRITES.get();
            let result = link.hand_over(&mut parcels);
            assert!(handed(Found::Ready, true, 0)(result) && parcels.is_empty());
            assert_eq!(WRITES.get(), before, "no write that might wait");
            assert_eq!(peer.frame().unwrap().1, Opcode::Pong);
            for n in 0..100 {
                assert_eq!(peer.frame(), Some((true, TEXT, vec![n; 100])));
            }
            // Nothing to do is nothing to do.
            assert!(handed(Found::Ready, true, 0)(link.hand_over(&mut parcels)));
        }
    }

    #[test]
    fn whoever_has_the_token_writes_what_was_left_in_the_gate() {
        for role in ROLES {
            let (link, mut peer) = link(role, patient());
            let turn = link.turn(Wants::Frame, LONG).unwrap();
            let mut parcels: VecDeque<_> = (0..3).map(|n| parcel(role, &[n; 10])).collect();
            // One of them, however often it is tried.
            assert!(handed(Found::Busy, false, 1)(link.hand_over(&mut parcels)));
            assert!(handed(Found::Busy, false, 0)(link.hand_over(&mut parcels)));
            assert_eq!(parcels.len(), 2);
            turn.finish(&[], Limit::Each(LONG)).unwrap();
            assert_eq!(peer.frame(), Some((true, TEXT, vec![0; 10])));
            assert!(handed(Found::Ready, true, 0)(link.hand_over(&mut parcels)));
            assert_eq!((peer.frame().unwrap().2, peer.frame().unwrap().2), (vec![1; 10], vec![2; 10]));
        }
    }

    #[test]
    fn what_was_left_in_the_gate_comes_first() {
        for role in ROLES {
            let (link, mut peer) = link(role, patient());
            let turn = link.turn(Wants::Frame, LONG).unwrap();
            let mut parcels: VecDeque<_> = (0..2).map(|n| parcel(role, &[n; 10])).collect();
            link.hand_over(&mut parcels);
            drop(turn);
            link.send(TEXT, b"later").unwrap();
            assert_eq!((peer.frame().unwrap().2, peer.frame().unwrap().2), (vec![0; 10], b"later".to_vec()));
            link.hand_over(&mut parcels);
            assert_eq!(peer.frame().unwrap().2, [1; 10]);
        }
    }

    #[test]
    fn between_the_fragments_of_a_message_there_is_none_of_them() {
        // 6455-5.4-4: also when it was left in the gate before the first fragment, or during one.
        for role in ROLES {
            let (link, mut peer) = link(role, patient());
            let mut parcels: VecDeque<_> = (0..2).map(|n| parcel(role, &[n; 10])).collect();
            let turn = link.turn(Wants::Message, LONG).unwrap();
            assert!(handed(Found::Busy, false, 1)(link.hand_over(&mut parcels)));
            link.gate().streaming = true;
            drop(turn);
            link.stream_fragment(false, TEXT, b"one").unwrap();
            assert!(handed(Found::Busy, false, 0)(link.hand_over(&mut parcels)));
            link.answer_ping(b"ping");
            link.stream_fragment(true, Opcode::Continuation, b"two").unwrap();
            link.end_stream();
            assert!(handed(Found::Ready, true, 0)(link.hand_over(&mut parcels)));
            let frames: Vec<_> = (0..5).map(|_| peer.frame().unwrap().2).collect();
            assert_eq!(frames, [&b"one"[..], b"ping", b"two", &[0; 10], &[1; 10]].map(<[u8]>::to_vec));
        }
    }

    #[test]
    fn a_full_network_is_no_reason_to_wait_and_the_rest_comes_first() {
        for role in ROLES {
            let (link, mut peer) = link(role, patient());
            let mut parcels = VecDeque::from([parcel(role, &vec![7; MUCH]), parcel(role, b"next")]);
            let result = link.hand_over(&mut parcels);
            assert!(handed(Found::Full, false, 1)(result) && result.moved > 0);
            assert_eq!(parcels.len(), 1);
            let sending = link.clone();
            let sender = thread::spawn(move || sending.send(TEXT, b"mine"));
            until(|| link.gate().writer.is_none());
            assert!(handed(Found::Busy, false, 1)(link.hand_over(&mut parcels)));
            assert_eq!(peer.frame().unwrap().2.len(), MUCH);
            assert_eq!((peer.frame().unwrap().2, peer.frame().unwrap().2), (b"mine".to_vec(), b"next".to_vec()));
            sender.join().unwrap().unwrap();
            assert!(handed(Found::Ready, true, 0)(link.hand_over(&mut parcels)));
        }
    }

    #[test]
    fn a_close_is_the_last() {
        // 6455-5.5.1-5
        for role in ROLES {
            let (link, mut peer) = link(role, patient());
            let mut parcels = VecDeque::from([parcel(role, &vec![7; MUCH])]);
            assert_eq!(link.hand_over(&mut parcels).found, Found::Full);
            assert!(link.close_beside(CloseCode::POLICY, "slow").is_some());
            assert_eq!(link.see_off(), Found::Full);
            parcels.push_back(parcel(role, b"no"));
            assert_eq!(link.hand_over(&mut parcels).found, Found::Over);
            assert_eq!(parcels.len(), 1);
            let reading = thread::spawn(move || (peer.frame(), peer.frame().unwrap()));
            until(|| link.see_off() == Found::Ready);
            let (large, close) = reading.join().unwrap();
            assert_eq!(large.unwrap().2.len(), MUCH);
            assert_eq!(close, (true, Opcode::Close, [&1008_u16.to_be_bytes()[..], b"slow"].concat()));
            link.abort();
            assert_eq!(link.see_off(), Found::Over);
            assert!(link.close_beside(CloseCode::POLICY, "").is_none());
        }
    }
}
