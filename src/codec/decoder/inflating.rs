//! Compressed messages (RFC 7692 section 6.2): payload bytes are decompressed into the payload buffer.
//!
//! | the message is | payload bytes per step | the output |
//! |---|---|---|
//! | assembled | all that have arrived | is appended to the payload buffer, up to the limit of a message |
//! | streamed | 64, which expand to at most 66 KiB | is lent in the payload buffer and replaced in the next step |
//! | skipped | 64 | is dropped; it still has to enter the window |

use crate::codec::assembly::{unmask, ReceiveMode};
use crate::codec::decoder::{Decoder, DecoderState, FrameInProgress, PayloadLocation};
use crate::codec::event::DecoderEvent;
use crate::error::ProtocolError;

/// Number of payload bytes per step when no limit applies to the output.
const INFLATE_STEP: u64 = 64;

impl Decoder {
    /// Begins a message, which may be compressed.
    pub(super) fn begin_inflating(&mut self, compressed: bool) {
        if let (true, Some(inflater)) = (compressed, &mut self.inflater) {
            inflater.begin_message();
        }
    }

    /// Ends a message, which may be compressed.
    pub(super) fn end_inflating(&mut self, compressed: bool) -> Result<(), ProtocolError> {
        match (compressed, &mut self.inflater) {
            (true, Some(inflater)) => inflater.end_message(),
            _ => Ok(()),
        }
    }

    /// Processes payload bytes of a compressed message, and the end of the frame. Returns as `payload_part`.
    pub(super) fn inflated_part(
        &mut self,
        mut frame: FrameInProgress,
    ) -> Result<Option<Option<DecoderEvent>>, ProtocolError> {
        let progress = self.inflate_part(&mut frame)?;
        self.state = DecoderState::Payload(frame);
        match progress {
            Some(None) if frame.remaining == 0 => {
                self.state = DecoderState::Header;
                self.end_of_frame(frame).map(Some)
            }
            progress => Ok(progress),
        }
    }

    fn inflate_part(&mut self, frame: &mut FrameInProgress) -> Result<Option<Option<DecoderEvent>>, ProtocolError> {
        // The check of the header prevents both errors. A result that reports progress would be repeated for ever.
        let message = self.message.as_mut().ok_or(ProtocolError::UnexpectedContinuation)?;
        let inflater = self.inflater.as_mut().ok_or(ProtocolError::ReservedBits(4))?;
        let (step, limit) = match message.mode {
            ReceiveMode::Assemble => (frame.remaining, self.limits.max_message_size),
            ReceiveMode::Stream | ReceiveMode::Skip => {
                self.payload_buffer.clear();
                (frame.remaining.min(INFLATE_STEP), u64::MAX)
            }
        };
        let (_, bytes) = self.input.part(0, step);
        unmask(bytes, frame.key);
        let here = bytes.len();
        frame.rotate_key(here);
        frame.remaining = frame.remaining.saturating_sub(here as u64);
        // 7692-6.2-1, 6455-6.2-6
        let result = inflater.push(bytes, self.payload_buffer.appender(), limit);
        let plain = self.payload_buffer.appended();
        // 7692-6.1-s1: the output is validated as text. Output before a fault is checked before the fault.
        message.validate(plain, false)?;
        result?;
        let produced = !plain.is_empty();
        self.input.consume(here);
        if message.mode == ReceiveMode::Stream && produced {
            self.payload_location = PayloadLocation::PayloadBuffer;
            return Ok(Some(Some(DecoderEvent::MessageChunk)));
        }
        Ok(match frame.remaining {
            0 => Some(None),
            _ if here > 0 => Some(None),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::encoder::Encoder;
    use crate::codec::frame::{Opcode, Role};
    use crate::config::Limits;
    use crate::deflate::extension::negotiation::Agreed;
    use crate::deflate::extension::{codec, Deflate, Direction};
    use crate::deflate::WindowBits;
    use crate::message::MessageKind;
    use crate::primitives::random::RandomSource;

    const ROLES: [Role; 2] = [Role::Client, Role::Server];
    const TEXT: Opcode = Opcode::Data(MessageKind::Text);
    const BINARY: Opcode = Opcode::Data(MessageKind::Binary);

    /// A decoder for compressed messages, and the encoder of its peer.
    fn sides(role: Role, max_message_size: u64) -> (Decoder, Encoder) {
        sides_with(role, max_message_size, true)
    }

    /// `takeover`: whether the decoder keeps the window.
    fn sides_with(role: Role, max_message_size: u64, takeover: bool) -> (Decoder, Encoder) {
        let send = Direction { bits: WindowBits::MAX, takeover: true };
        let agreed = Agreed { send, receive: Direction { takeover, ..send } };
        let (inflater, deflater) = codec(&agreed, &Deflate::default());
        let peer = match role {
            Role::Client => Encoder::server(),
            Role::Server => Encoder::client(RandomSource::system()),
        };
        let decoder = Decoder::new(role, Limits::with_max_message_size(max_message_size));
        (decoder.with_compression(Some(inflater)), peer.with_compression(Some(deflater)))
    }

    /// A compressed message in fragments of these bytes.
    fn message(peer: &mut Encoder, opcode: Opcode, fragments: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for (at, fragment) in fragments.iter().enumerate() {
            let opcode = if at == 0 { opcode } else { Opcode::Continuation };
            peer.encode_compressed(&mut out, at + 1 == fragments.len(), opcode, fragment).unwrap();
        }
        out
    }

    type Seen = Result<Vec<(DecoderEvent, Vec<u8>)>, ProtocolError>;

    /// All events of `sent`, in reads of at most `read` bytes, and the bytes they lend.
    fn events(decoder: &mut Decoder, mut sent: &[u8], read: usize) -> Seen {
        let mut seen = Vec::new();
        loop {
            while let Some(event) = decoder.next_event()? {
                let lends = !matches!(event, DecoderEvent::MessageStart(_) | DecoderEvent::MessageEnd);
                seen.push((event, if lends { decoder.payload().to_vec() } else { Vec::new() }));
            }
            if sent.is_empty() {
                return Ok(seen);
            }
            let space = decoder.space();
            let count = space.len().min(read).min(sent.len());
            space[..count].copy_from_slice(&sent[..count]);
            decoder.filled(count);
            sent = &sent[count..];
        }
    }

    /// Words of text, which are no UTF-8 if `byte` is not ASCII.
    fn data(length: usize, byte: u8) -> Vec<u8> {
        (0..length).map(|i| if i % 37 == 0 { byte } else { b'a' + (i * i % 23) as u8 }).collect()
    }

    /// Messages of one connection, whatever the reads and the fragments. 7692-6.2-1, 7692-6.2-2
    #[test]
    fn compressed_messages_are_assembled() {
        for role in ROLES {
            for read in [1, 5, 1 << 20] {
                let (mut decoder, mut peer) = sides(role, 1 << 20);
                for length in [0, 1, 50, 3000, 40_000] {
                    for (opcode, kind, byte) in [(TEXT, MessageKind::Text, b' '), (BINARY, MessageKind::Binary, 0xff)] {
                        let plain = data(length, byte);
                        let cut = length / 3;
                        for fragments in [&[&plain[..]][..], &[&[], &plain[..cut], &[], &plain[cut..], &[]]] {
                            let sent = message(&mut peer, opcode, fragments);
                            let want = vec![(DecoderEvent::Message(kind), plain.clone())];
                            assert!(events(&mut decoder, &sent, read) == Ok(want), "{role:?} {read} {length}");
                            assert!(!decoder.is_incomplete());
                        }
                    }
                }
            }
        }
    }

    /// A stream lends a step of 64 bytes at a time, and an event that lends nothing does not occur. When the stream is
    /// stopped, the rest of its message still enters the window.
    #[test]
    fn compressed_messages_are_streamed_and_skipped() {
        for (role, read) in ROLES.into_iter().flat_map(|role| [(role, 3), (role, 1 << 20)]) {
            let (mut decoder, mut peer) = sides(role, 1 << 20);
            let plain = [data(5000, b' '), vec![b'x'; 1 << 20]].concat();
            decoder.start_streaming();
            let sent = message(&mut peer, TEXT, &[&plain[..9000], &[], &plain[9000..]]);
            let seen = events(&mut decoder, &sent, read).unwrap();
            assert_eq!(seen.first().unwrap().0, DecoderEvent::MessageStart(MessageKind::Text));
            assert_eq!(seen.last().unwrap().0, DecoderEvent::MessageEnd);
            let pieces = &seen[1..seen.len() - 1];
            assert!(pieces.iter().all(|(event, bytes)| {
                *event == DecoderEvent::MessageChunk && (1..=66 << 10).contains(&bytes.len())
            }));
            assert!(pieces.iter().map(|(_, bytes)| bytes.as_slice()).collect::<Vec<_>>().concat() == plain);
            // The beginning of a message is streamed, its rest is skipped, and the next one refers to both.
            let sent = message(&mut peer, TEXT, &[&plain[..100], &plain[100..6000]]);
            events(&mut decoder, &sent[..40], read).unwrap();
            decoder.stop_streaming();
            assert_eq!(events(&mut decoder, &sent[40..], read), Ok(Vec::new()));
            let sent = message(&mut peer, BINARY, &[&plain[3000..6000]]);
            let want = vec![(DecoderEvent::Message(MessageKind::Binary), plain[3000..6000].to_vec())];
            assert!(events(&mut decoder, &sent, read) == Ok(want));
        }
    }

    /// Without a limit on the output, a step reads 64 bytes: here of a stored block, whose head has five.
    #[test]
    fn a_step_of_a_stream_reads_64_bytes() {
        let block = [&[0x00, 200, 0, !200, 0xff][..], &[b'x'; 200], &[0x00]].concat();
        let sent = [&[0xc2, 126, 0, 206], &block[..]].concat();
        let (mut decoder, _) = sides(Role::Client, 1 << 20);
        decoder.start_streaming();
        let seen = events(&mut decoder, &sent, sent.len()).unwrap();
        let lengths: Vec<usize> = seen.iter().map(|(_, bytes)| bytes.len()).collect();
        assert_eq!(lengths, [0, 59, 64, 64, 13, 0]);
        // A step without output is followed by the next one: bytes that have arrived do not wait for others.
        let (mut decoder, _) = sides(Role::Client, 1 << 20);
        decoder.start_streaming();
        assert_eq!(events(&mut decoder, &sent[..20], 20).map(|seen| seen.len()), Ok(2));
        decoder.stop_streaming();
        assert_eq!(events(&mut decoder, &sent[20..], sent.len()), Ok(Vec::new()));
        assert!(!decoder.is_incomplete());
    }

    /// 7692-6.1-s1: text is validated after decompression. The limit of a message applies to the output.
    #[test]
    fn faults_of_compressed_messages() {
        let too_big = ProtocolError::MessageTooBig { length: 101, limit: 100 };
        type Row<'a> = (&'a [&'a [u8]], Opcode, Result<usize, ProtocolError>);
        let rows: [Row; 7] = [
            (&[&[b'a'; 100]], TEXT, Ok(100)),
            (&[&[b'a'; 101]], TEXT, Err(too_big)),
            (&[&[b'a'; 50], &[b'b'; 51]], BINARY, Err(too_big)),
            (&[b"ab\xff"], BINARY, Ok(3)),
            (&[b"ab\xff"], TEXT, Err(ProtocolError::TextNotUtf8 { offset: 2 })),
            (&[b"abc\xc3", b"\xa9\xff"], TEXT, Err(ProtocolError::TextNotUtf8 { offset: 5 })),
            (&[b"abc\xc3"], TEXT, Err(ProtocolError::TextNotUtf8 { offset: 4 })),
        ];
        for (fragments, opcode, want) in rows {
            for (role, read) in ROLES.into_iter().flat_map(|role| [(role, 1), (role, 1 << 20)]) {
                let (mut decoder, mut peer) = sides(role, 100);
                let sent = message(&mut peer, opcode, fragments);
                let seen = events(&mut decoder, &sent, read).map(|seen| seen[0].1.len());
                assert_eq!(seen, want, "{fragments:?}");
            }
        }
        // A block of the reserved kind, after text that is wrong and text that is not.
        for (plain, want) in
            [(&b"ab\xff"[..], ProtocolError::TextNotUtf8 { offset: 2 }), (b"abc", ProtocolError::InvalidDeflate)]
        {
            let (mut decoder, mut peer) = sides(Role::Client, 100);
            let mut sent = Vec::new();
            peer.encode_compressed(&mut sent, false, TEXT, plain).unwrap();
            sent.push(0x06);
            sent[1] += 1;
            assert_eq!(events(&mut decoder, &sent, 100), Err(want));
        }
        // A message that refers to the one before, where no window is kept. 7692-7.2.2-1
        for (takeover, is_accepted) in [(true, true), (false, false)] {
            let (mut decoder, mut peer) = sides_with(Role::Client, 100, takeover);
            for is_accepted in [true, is_accepted] {
                let sent = message(&mut peer, BINARY, &[b"all of this is repeated"]);
                assert_eq!(events(&mut decoder, &sent, 100).is_ok(), is_accepted);
            }
        }
        // The end of a message inside a block.
        let (mut decoder, _) = sides(Role::Client, 100);
        assert_eq!(events(&mut decoder, &[0xc1, 0x01, 0x4a], 100), Err(ProtocolError::InvalidDeflate));
    }
}
