//! Messages that many connections send, encoded once: how a hub's thread writes them without waiting for anyone.
//!
//! Knows one connection; must not know the hub. The token is the right to write here too (see `connection`):
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

use super::shared::{Connection, Writer};
use super::write_permit::WritePermit;
use crate::close::CloseCode;
use crate::codec::frame::Opcode;
use crate::error::{Error, Step};
use crate::events::sink::Origin;
use crate::message::MessageKind;
use crate::net::deadline::Deadline;

/// As soon as so many bytes wait, they are written before more is put to them.
const BATCH_SIZE: usize = 16 << 10;
/// Looks at the gate in one call: to make room, to write, and for what others came to owe meanwhile.
const MAX_PASSES: u32 = 4;

/// A message for many connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SharedFrame {
    /// A frame as servers send it.
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) encoding: Encoding,
    /// Where it was handed to the hub.
    pub(crate) origin: Origin,
}

/// How a parcel becomes bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As it is.
    AsIs,
    /// As it is, and its message is compressed, without reference to any other.
    Deflated,
    /// The connection makes a frame of its own from the payload, which begins here. It is not compressed.
    Payload(MessageKind, usize),
}

impl SharedFrame {
    /// 6455-5.1-1: a client's frame is masked, so it is its own; so is a draft's.
    pub(crate) fn append_to(self, writer: &mut Writer) -> io::Result<()> {
        match self.encoding {
            Encoding::Payload(kind, from) => {
                let payload = self.bytes.get(from..).unwrap_or_default();
                return writer.frame_of(|| self.origin, true, Opcode::Data(kind), payload);
            }
            Encoding::Deflated => writer.encoder.reset_window(),
            Encoding::AsIs => {}
        }
        writer.append_shared(self.bytes, self.origin);
        Ok(())
    }

    /// Whether this costs so little that it can be done under the gate.
    fn is_cheap(&self) -> bool {
        match self.encoding {
            Encoding::AsIs | Encoding::Deflated => true,
            Encoding::Payload(..) => self.bytes.len() <= BATCH_SIZE,
        }
    }
}

/// What came of handing parcels over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WriteReport {
    pub(crate) status: ConnectionStatus,
    /// So many bytes were written, of parcels and of other frames.
    pub(crate) bytes_written: usize,
    /// At some point of the call, all that had been handed over until then was with the kernel.
    pub(crate) drained: bool,
    /// So many parcels were taken after that point, or in the whole call: they are on their way.
    pub(crate) in_flight: usize,
}

/// How a connection was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionStatus {
    /// It takes more at once.
    Ready,
    /// The network is full.
    Full,
    /// Another thread writes, or sends a stream.
    Busy,
    /// No more can be sent.
    Closed,
}

impl Connection {
    /// Whether messages of this kind can be sent.
    pub(crate) fn supports(&self, kind: MessageKind) -> bool {
        self.protocol.check_message(Opcode::Data(kind)).is_ok()
    }

    /// Hands over from the front what goes without waiting; what is left in `frames` has not been touched. Without any,
    /// it goes on with those on their way.
    pub(crate) fn write_shared(&self, frames: &mut VecDeque<SharedFrame>) -> WriteReport {
        let mut report =
            WriteReport { status: ConnectionStatus::Ready, bytes_written: 0, drained: false, in_flight: 0 };
        for _ in 0..MAX_PASSES {
            let pass = match self.try_acquire_permit(frames, &mut report) {
                Ok(permit) => self.append_and_write(permit, frames, &mut report),
                Err(status) => Err(status),
            };
            match pass {
                Ok(pending) if pending || !frames.is_empty() => {}
                Ok(_) => break,
                Err(status) => {
                    report.status = status;
                    break;
                }
            }
        }
        report
    }

    /// The token, if it is in the gate. If not, whoever has it finds a parcel when giving it back: a thread that sends
    /// without a pause must not keep others from being heard.
    fn try_acquire_permit(
        &self,
        frames: &mut VecDeque<SharedFrame>,
        report: &mut WriteReport,
    ) -> Result<WritePermit<'_>, ConnectionStatus> {
        let mut state = self.lock_state_with_keys().map_err(|_| ConnectionStatus::Closed)?;
        if !state.is_open() {
            return Err(ConnectionStatus::Closed);
        }
        if state.streaming {
            return Err(ConnectionStatus::Busy);
        }
        let Some(writer) = &state.writer else {
            if state.pending.shared_frame.is_none() && frames.front().is_some_and(SharedFrame::is_cheap) {
                state.pending.shared_frame = frames.pop_front();
                state.pending.any = true;
                report.in_flight = report.in_flight.saturating_add(1);
            }
            return Err(ConnectionStatus::Busy);
        };
        // While the network is full, answers stay notes: there is one of each, however many Pings come.
        let encoded = if writer.buffer.is_congested() { Ok(()) } else { state.encode_pending() };
        let permit = encoded.map(|()| WritePermit::new(self, state.writer.take()));
        drop(state);
        permit.map_err(|error| {
            self.abort_with(error);
            ConnectionStatus::Closed
        })
    }

    fn append_and_write(
        &self,
        mut permit: WritePermit<'_>,
        frames: &mut VecDeque<SharedFrame>,
        report: &mut WriteReport,
    ) -> Result<bool, ConnectionStatus> {
        let Some(writer) = permit.writer() else { return Err(ConnectionStatus::Busy) };
        while !writer.buffer.is_congested() && writer.buffer.len() < BATCH_SIZE {
            let Some(frame) = frames.pop_front() else { break };
            report.in_flight = report.in_flight.saturating_add(1);
            if let Err(error) = frame.append_to(writer) {
                self.fail_without_key(error);
                return Err(ConnectionStatus::Closed);
            }
        }
        self.try_write_shared(permit, report)
    }

    /// Writes what goes, and gives the token back. Whether others came to owe something meanwhile.
    fn try_write_shared(
        &self,
        mut permit: WritePermit<'_>,
        report: &mut WriteReport,
    ) -> Result<bool, ConnectionStatus> {
        let Some(writer) = permit.writer() else { return Err(ConnectionStatus::Busy) };
        let written = writer.buffer.try_write_shared(&self.stream);
        let congested = writer.buffer.is_congested();
        if congested && written.as_ref().is_ok_and(|count| *count > 0) {
            self.stream.note_progress();
        }
        permit.release(|state| {
            match written {
                Ok(count) => report.bytes_written = report.bytes_written.saturating_add(count),
                Err(error) => {
                    // What the peer sent before it stopped listening can still be received.
                    state.record_end(Error::io(Step::Write, error));
                    return Err(ConnectionStatus::Closed);
                }
            }
            if congested {
                return Err(ConnectionStatus::Full);
            }
            if state.pending.shared_frame.is_none() {
                (report.drained, report.in_flight) = (true, 0);
            }
            Ok(state.pending.any)
        })
    }

    /// Owes the peer a Close, and gives the time by which the connection has to be over; `None`: it is. From now on
    /// [`Connection::poll_close`] is to be called again and again.
    pub(crate) fn begin_close(&self, code: CloseCode, reason: &str) -> Option<Deadline> {
        let mut state = self.lock_state();
        if state.end.is_some() {
            return None;
        }
        state.pending.shared_frame = None;
        state.schedule_close(self.protocol.close(code, reason));
        Some(state.start_close_deadline(self.timeouts.close))
    }

    /// Writes what is owed as far as it goes without waiting.
    pub(crate) fn poll_close(&self) -> ConnectionStatus {
        let Ok(mut state) = self.lock_state_with_keys() else { return ConnectionStatus::Closed };
        if state.end.is_some() {
            return ConnectionStatus::Closed;
        }
        if state.writer.is_none() {
            return ConnectionStatus::Busy;
        }
        if let Err(error) = state.encode_pending() {
            drop(state);
            self.abort_with(error);
            return ConnectionStatus::Closed;
        }
        let permit = WritePermit::new(self, state.writer.take());
        drop(state);
        let mut report =
            WriteReport { status: ConnectionStatus::Ready, bytes_written: 0, drained: false, in_flight: 0 };
        match self.try_write_shared(permit, &mut report) {
            Ok(_) => {
                self.finish_if_closed_by_eof();
                ConnectionStatus::Ready
            }
            Err(status) => status,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame;
    use crate::codec::frame::Role;
    use crate::connection::shared::WriteIntent;
    use crate::connection::testing::{connection, long_timeouts, wait_until, LARGE, LONG, ROLES, TEXT};
    use crate::net::stream::tests::WRITES;
    use crate::net::write_buffer::WriteTimeout;
    use std::thread;

    fn shared_frame(role: Role, payload: &[u8]) -> SharedFrame {
        let mut bytes = Vec::new();
        frame::emit(&mut bytes, true, TEXT, payload.len() as u64, None);
        let header = bytes.len();
        bytes.extend_from_slice(payload);
        let encoding = match role {
            Role::Client => Encoding::Payload(MessageKind::Text, header),
            Role::Server => Encoding::AsIs,
        };
        SharedFrame { bytes: bytes.into(), encoding, origin: Origin::Outside }
    }

    fn report(status: ConnectionStatus, drained: bool, in_flight: usize) -> impl Fn(WriteReport) -> bool {
        move |report| (report.status, report.drained, report.in_flight) == (status, drained, in_flight)
    }

    #[test]
    fn shared_frames_are_written_in_order_and_small_ones_together() {
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let mut frames: VecDeque<_> = (0..100).map(|n| shared_frame(role, &[n; 100])).collect();
            connection.answer_ping(b"ping");
            let before = WRITES.get();
            let result = connection.write_shared(&mut frames);
            assert!(report(ConnectionStatus::Ready, true, 0)(result) && frames.is_empty());
            assert_eq!(WRITES.get(), before, "no write that might wait");
            assert_eq!(peer.frame().unwrap().1, Opcode::Pong);
            for n in 0..100 {
                assert_eq!(peer.frame(), Some((true, TEXT, vec![n; 100])));
            }
            // Nothing to do is nothing to do.
            assert!(report(ConnectionStatus::Ready, true, 0)(connection.write_shared(&mut frames)));
        }
    }

    #[test]
    fn the_permit_holder_writes_the_pending_shared_frame() {
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let permit = connection.acquire_permit(WriteIntent::Frame, LONG).unwrap();
            let mut frames: VecDeque<_> = (0..3).map(|n| shared_frame(role, &[n; 10])).collect();
            // One of them, however often it is tried.
            assert!(report(ConnectionStatus::Busy, false, 1)(connection.write_shared(&mut frames)));
            assert!(report(ConnectionStatus::Busy, false, 0)(connection.write_shared(&mut frames)));
            assert_eq!(frames.len(), 2);
            permit.flush_and_release(&[], WriteTimeout::PerChunk(LONG)).unwrap();
            assert_eq!(peer.frame(), Some((true, TEXT, vec![0; 10])));
            assert!(report(ConnectionStatus::Ready, true, 0)(connection.write_shared(&mut frames)));
            assert_eq!((peer.frame().unwrap().2, peer.frame().unwrap().2), (vec![1; 10], vec![2; 10]));
        }
    }

    #[test]
    fn a_pending_shared_frame_comes_first() {
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let permit = connection.acquire_permit(WriteIntent::Frame, LONG).unwrap();
            let mut frames: VecDeque<_> = (0..2).map(|n| shared_frame(role, &[n; 10])).collect();
            connection.write_shared(&mut frames);
            drop(permit);
            connection.send(TEXT, b"later").unwrap();
            assert_eq!((peer.frame().unwrap().2, peer.frame().unwrap().2), (vec![0; 10], b"later".to_vec()));
            connection.write_shared(&mut frames);
            assert_eq!(peer.frame().unwrap().2, [1; 10]);
        }
    }

    #[test]
    fn between_the_fragments_of_a_message_there_is_none_of_them() {
        // 6455-5.4-4: also when it was left in the gate before the first fragment, or during one.
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let mut frames: VecDeque<_> = (0..2).map(|n| shared_frame(role, &[n; 10])).collect();
            let permit = connection.acquire_permit(WriteIntent::Message, LONG).unwrap();
            assert!(report(ConnectionStatus::Busy, false, 1)(connection.write_shared(&mut frames)));
            connection.lock_state().streaming = true;
            drop(permit);
            connection.stream_fragment(false, TEXT, b"one").unwrap();
            assert!(report(ConnectionStatus::Busy, false, 0)(connection.write_shared(&mut frames)));
            connection.answer_ping(b"ping");
            connection.stream_fragment(true, Opcode::Continuation, b"two").unwrap();
            connection.end_stream();
            assert!(report(ConnectionStatus::Ready, true, 0)(connection.write_shared(&mut frames)));
            let frames: Vec<_> = (0..5).map(|_| peer.frame().unwrap().2).collect();
            assert_eq!(frames, [&b"one"[..], b"ping", b"two", &[0; 10], &[1; 10]].map(<[u8]>::to_vec));
        }
    }

    #[test]
    fn a_full_network_is_no_reason_to_wait_and_the_rest_comes_first() {
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let mut frames = VecDeque::from([shared_frame(role, &vec![7; LARGE]), shared_frame(role, b"next")]);
            let result = connection.write_shared(&mut frames);
            assert!(report(ConnectionStatus::Full, false, 1)(result) && result.bytes_written > 0);
            assert_eq!(frames.len(), 1);
            let sending = connection.clone();
            let sender = thread::spawn(move || sending.send(TEXT, b"mine"));
            wait_until(|| connection.lock_state().writer.is_none());
            assert!(report(ConnectionStatus::Busy, false, 1)(connection.write_shared(&mut frames)));
            assert_eq!(peer.frame().unwrap().2.len(), LARGE);
            assert_eq!((peer.frame().unwrap().2, peer.frame().unwrap().2), (b"mine".to_vec(), b"next".to_vec()));
            sender.join().unwrap().unwrap();
            assert!(report(ConnectionStatus::Ready, true, 0)(connection.write_shared(&mut frames)));
        }
    }

    #[test]
    fn a_close_is_the_last() {
        // 6455-5.5.1-5
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let mut frames = VecDeque::from([shared_frame(role, &vec![7; LARGE])]);
            assert_eq!(connection.write_shared(&mut frames).status, ConnectionStatus::Full);
            assert!(connection.begin_close(CloseCode::POLICY, "slow").is_some());
            assert_eq!(connection.poll_close(), ConnectionStatus::Full);
            frames.push_back(shared_frame(role, b"no"));
            assert_eq!(connection.write_shared(&mut frames).status, ConnectionStatus::Closed);
            assert_eq!(frames.len(), 1);
            let reading = thread::spawn(move || (peer.frame(), peer.frame().unwrap()));
            wait_until(|| connection.poll_close() == ConnectionStatus::Ready);
            let (large, close) = reading.join().unwrap();
            assert_eq!(large.unwrap().2.len(), LARGE);
            assert_eq!(close, (true, Opcode::Close, [&1008_u16.to_be_bytes()[..], b"slow"].concat()));
            connection.abort();
            assert_eq!(connection.poll_close(), ConnectionStatus::Closed);
            assert!(connection.begin_close(CloseCode::POLICY, "").is_none());
        }
    }
}
