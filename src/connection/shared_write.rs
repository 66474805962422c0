//! Writing the frames of a hub without waiting. What [`Connection::write_shared`] does:
//!
//! | the writer | the network | action |
//! |---|---|---|
//! | available | has room | pending frames and the shared frames are written |
//! | available | is full | the rest of a frame stays in the write buffer; the next thread that writes sends it first |
//! | with a sender | | one shared frame is left in the state; the sender writes it before it releases the permit |
//! | available or not, during a [`SendStream`](crate::SendStream) | | nothing: no message may begin before that one ends |
//!
//! A shared frame is not copied, unless other bytes have to follow a part of it.

use std::collections::VecDeque;

use super::nonblocking::{ConnectionStatus, WriteReport};
use super::shared::Connection;
use super::shared_frame::SharedFrame;
use super::write_permit::WritePermit;
use crate::codec::frame::Opcode;
use crate::message::MessageKind;

/// Threshold in bytes from which the buffer is written before more is appended.
const BATCH_SIZE: usize = 16 << 10;
/// Maximum number of times that one call takes the permit.
const MAX_PASSES: u32 = 4;

impl Connection {
    /// Whether messages of this kind can be sent.
    pub(crate) fn supports(&self, kind: MessageKind) -> bool {
        self.protocol.check_message(Opcode::Data(kind)).is_ok()
    }

    /// Takes and writes frames from the front, as far as that needs no waiting. Frames left in `frames` are untouched.
    /// Without any, it continues with those taken before.
    pub(crate) fn write_shared(&self, frames: &mut VecDeque<SharedFrame>) -> WriteReport {
        let mut report = WriteReport::empty();
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

    /// The permit, if the writer is available. If it is not, one shared frame is left in the state for the thread that has
    /// it: a thread that sends without pause must not delay the hub's messages for ever.
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
            let takes = state.pending_shared_frame().is_none() && frames.front().is_some_and(SharedFrame::is_cheap);
            if let Some(frame) = takes.then(|| frames.pop_front()).flatten() {
                state.schedule_shared_frame(frame);
                report.in_flight = report.in_flight.saturating_add(1);
            }
            return Err(ConnectionStatus::Busy);
        };
        // While the network is full, pending frames are not encoded: there is at most one of each kind.
        if !writer.buffer.is_congested() {
            state.encode_pending().map_err(|_| ConnectionStatus::Closed)?;
        }
        let permit = WritePermit::new(self, state.writer.take());
        drop(state);
        Ok(permit)
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
        self.write_and_release(permit, report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::CloseCode;
    use crate::codec::frame;
    use crate::codec::frame::Role;
    use crate::connection::shared_frame::Encoding;
    use crate::connection::testing::{connection, long_timeouts, wait_until, LARGE, LONG, ROLES, TEXT};
    use crate::connection::write_permit::WriteIntent;
    use crate::error::{Error, Step};
    use crate::events::sink::Origin;
    use crate::net::stream::tests::WRITES;
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
            let mut frames: VecDeque<_> = (0..200).map(|n| shared_frame(role, &[n; 100])).collect();
            connection.answer_ping(b"ping");
            let before = WRITES.get();
            let result = connection.write_shared(&mut frames);
            assert!(report(ConnectionStatus::Ready, true, 0)(result) && frames.is_empty());
            assert_eq!(WRITES.get(), before, "no write that might wait");
            assert_eq!(result.bytes_written, if role == Role::Client { 10 + 200 * 106 } else { 6 + 200 * 102 });
            assert_eq!(peer.frame().unwrap().1, Opcode::Pong);
            for n in 0..200 {
                assert_eq!(peer.frame(), Some((true, TEXT, vec![n; 100])));
            }
            // Without frames, a call has no effect.
            assert!(report(ConnectionStatus::Ready, true, 0)(connection.write_shared(&mut frames)));
        }
    }

    #[test]
    fn the_permit_holder_writes_the_pending_shared_frame() {
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let permit = connection.acquire_permit(WriteIntent::Frame, LONG).unwrap();
            let mut frames: VecDeque<_> = (0..3).map(|n| shared_frame(role, &[n; 10])).collect();
            // Only one of them, in any number of calls.
            assert!(report(ConnectionStatus::Busy, false, 1)(connection.write_shared(&mut frames)));
            assert!(report(ConnectionStatus::Busy, false, 0)(connection.write_shared(&mut frames)));
            assert_eq!(frames.len(), 2);
            permit.flush_and_release(&[]).unwrap();
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
    fn no_shared_frame_is_sent_between_fragments() {
        // 6455-5.4-4: also when it was left in the state before the first fragment, or during one.
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
    fn write_shared_does_not_wait_and_keeps_the_order() {
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
    fn a_close_during_a_stream_drops_the_pending_shared_frame() {
        // 6455-5.5.1-5: as long as it was left, the receiver tried again to write it.
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let permit = connection.acquire_permit(WriteIntent::Message, LONG).unwrap();
            connection.write_shared(&mut VecDeque::from([shared_frame(role, b"no")]));
            connection.lock_state().streaming = true;
            drop(permit);
            assert!(connection.lock_state().has_pending());
            assert!(connection.begin_close(CloseCode::NORMAL, "").is_some());
            assert_eq!(connection.poll_close(), ConnectionStatus::Ready);
            assert!(!connection.lock_state().has_pending());
            assert_eq!(peer.frame().unwrap().1, Opcode::Close);
        }
    }

    #[test]
    fn a_close_is_the_last_frame_after_shared_frames() {
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

    #[test]
    fn pending_frames_are_written_too_unless_the_network_is_full() {
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            connection.schedule_ping();
            assert!(report(ConnectionStatus::Ready, true, 0)(connection.write_shared(&mut VecDeque::new())));
            assert_eq!(peer.frame().map(|frame| frame.1), Some(Opcode::Ping));
            let mut frames = VecDeque::from([shared_frame(role, &vec![7; LARGE])]);
            assert_eq!(connection.write_shared(&mut frames).status, ConnectionStatus::Full);
            connection.schedule_ping();
            assert_eq!(connection.write_shared(&mut frames).status, ConnectionStatus::Full);
            assert!(connection.lock_state().has_pending(), "one that is due, however often this is called");
        }
    }

    #[test]
    fn a_failed_write_ends_the_connection() {
        for role in ROLES {
            let (connection, _peer) = connection(role, long_timeouts());
            connection.stream.shutdown_write(LONG);
            let mut frames = VecDeque::from([shared_frame(role, b"a"), shared_frame(role, b"b")]);
            assert_eq!(connection.write_shared(&mut frames).status, ConnectionStatus::Closed);
            assert!(matches!(connection.end(), Some(Error::Io(error)) if error.step() == Step::Write));
            assert_eq!(connection.write_shared(&mut frames).status, ConnectionStatus::Closed);
            assert_eq!(connection.poll_close(), ConnectionStatus::Closed);
        }
    }
}
