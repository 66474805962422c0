//! The codec of one connection: the decoder and the encoder of RFC 6455 or of a draft (feature `legacy`), chosen once.
//!
//! Without the feature each type has one variant, and the dispatch costs nothing. Knows the codecs; must not know the stream
//! or the threads.

use std::io;

use super::protocol::{CloseFrame, Protocol};
use crate::close::CloseCode;
use crate::codec::close as close_body;
use crate::codec::decoder;
use crate::codec::encoder;
use crate::codec::event::DecoderEvent;
use crate::codec::frame::{Opcode, Role};
use crate::config::Limits;
use crate::deflate::extension::Inflater;
use crate::error::ProtocolError;
#[cfg(feature = "legacy")]
use crate::legacy;
#[cfg(feature = "legacy")]
use crate::legacy::handshake::NegotiatedDraft;
#[cfg(feature = "legacy")]
use crate::legacy::table::DraftSpec;
use crate::message::MessageKind;
#[cfg(feature = "legacy")]
use crate::primitives::random::RandomSource;

/// Both directions of a connection after its opening handshake.
pub(crate) struct Codec {
    pub(crate) role: Role,
    pub(crate) protocol: Protocol,
    pub(crate) decoder: Decoder,
    pub(crate) encoder: Encoder,
}

impl Codec {
    /// RFC 6455. `early` are bytes received after the opening handshake.
    #[inline(never)]
    pub(crate) fn rfc6455(
        role: Role,
        limits: Limits,
        early: &[u8],
        (encoder, inflater): (encoder::Encoder, Option<Inflater>),
    ) -> Codec {
        let decoder = Decoder::Rfc6455(decoder::Decoder::with_early(role, limits, early).with_compression(inflater));
        Codec { role, protocol: Protocol::Rfc6455, decoder, encoder: Encoder::Rfc6455(encoder) }
    }

    /// Reports headers of received frames if there is an event handler.
    #[cfg(feature = "trace")]
    pub(super) fn set_events(&mut self, events: &crate::events::sink::EventSink) {
        if events.is_enabled() {
            self.decoder.report_headers();
        }
    }

    /// A draft. A client needs `keys`.
    #[cfg(feature = "legacy")]
    pub(crate) fn draft(
        role: Role,
        (spec, agreed): (&'static DraftSpec, &NegotiatedDraft),
        limits: Limits,
        early: &[u8],
        keys: Option<RandomSource>,
    ) -> Codec {
        let (decoder, encoder) = legacy::codec::codec(spec, agreed, role, limits, early, keys);
        let protocol = Protocol::Draft(spec, role);
        Codec { role, protocol, decoder: Decoder::Draft(Box::new(decoder)), encoder: Encoder::Draft(Box::new(encoder)) }
    }
}

/// Decodes bytes to events. See [`decoder::Decoder`] for each method.
#[derive(Debug)]
// The small variant is rare. A box for the large one would cost an indirection for each message.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Decoder {
    Rfc6455(decoder::Decoder),
    #[cfg(feature = "legacy")]
    Draft(Box<legacy::decoder::Decoder>),
}

impl Decoder {
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<DecoderEvent>, ProtocolError> {
        match self {
            Decoder::Rfc6455(decoder) => decoder.next_event(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.next(),
        }
    }

    /// Whether all bytes read are used up, and no frame of RFC 6455 has begun.
    #[inline]
    pub(super) fn is_drained(&self) -> bool {
        match self {
            Decoder::Rfc6455(decoder) => decoder.is_drained(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(_) => false,
        }
    }

    /// A whole message of RFC 6455 that has arrived. `None`: `next` has the result.
    #[inline]
    pub(super) fn arrived_message(&mut self) -> Option<MessageKind> {
        match self {
            Decoder::Rfc6455(decoder) => decoder.arrived_message(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(_) => None,
        }
    }

    #[inline]
    pub(super) fn payload(&self) -> &[u8] {
        match self {
            Decoder::Rfc6455(decoder) => decoder.payload(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.payload(),
        }
    }

    pub(super) fn take_payload(&mut self) -> Vec<u8> {
        match self {
            Decoder::Rfc6455(decoder) => decoder.take_payload(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.take_payload(),
        }
    }

    /// The reason of the Close that was the last event.
    pub(super) fn reason(&self) -> &str {
        match self {
            Decoder::Rfc6455(decoder) => decoder.reason(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.reason(),
        }
    }

    /// The answer to the Close that was the last event.
    pub(super) fn answer(&self, code: Option<CloseCode>) -> CloseFrame {
        match self {
            // 6455-5.5.1-s2: with the received code.
            Decoder::Rfc6455(_) => CloseFrame { code, body: close_body::emit(code, "") },
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => CloseFrame { code, body: decoder.answer() },
        }
    }

    /// Handles the end of the stream. `true`: it is a clean end, and the next event is its Close.
    pub(super) fn on_eof(&mut self) -> bool {
        match self {
            // 6455-7.2.1-2
            Decoder::Rfc6455(_) => false,
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.on_eof(),
        }
    }

    #[inline]
    pub(super) fn space(&mut self) -> &mut [u8] {
        match self {
            Decoder::Rfc6455(decoder) => decoder.space(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.space(),
        }
    }

    #[inline]
    pub(super) fn filled(&mut self, count: usize) {
        match self {
            Decoder::Rfc6455(decoder) => decoder.filled(count),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.filled(count),
        }
    }

    pub(super) fn discard_space(&mut self) -> &mut [u8] {
        match self {
            Decoder::Rfc6455(decoder) => decoder.discard_space(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.discard_space(),
        }
    }

    #[inline]
    pub(super) fn is_incomplete(&self) -> bool {
        match self {
            Decoder::Rfc6455(decoder) => decoder.is_incomplete(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.is_incomplete(),
        }
    }

    pub(super) fn start_streaming(&mut self) -> Option<(MessageKind, Vec<u8>)> {
        match self {
            Decoder::Rfc6455(decoder) => decoder.start_streaming(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.start_streaming(),
        }
    }

    pub(super) fn stop_streaming(&mut self) {
        match self {
            Decoder::Rfc6455(decoder) => decoder.stop_streaming(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.stop_streaming(),
        }
    }

    pub(super) fn shrink(&mut self) {
        match self {
            Decoder::Rfc6455(decoder) => decoder.shrink(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.shrink(),
        }
    }

    #[cfg(feature = "trace")]
    /// Makes an event of each header too. See [`report_headers`](crate::codec::decoder::Decoder::report_headers).
    pub(super) fn report_headers(&mut self) {
        match self {
            Decoder::Rfc6455(decoder) => decoder.report_headers(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.report_headers(),
        }
    }

    /// Number of bytes that were read and not decoded.
    pub(super) fn unread(&self) -> usize {
        match self {
            Decoder::Rfc6455(decoder) => decoder.unread(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.unread(),
        }
    }
}

/// The part of a frame that is written after [`Encoder::begin_frame`].
#[derive(Debug)]
pub(crate) enum RemainingPayload {
    /// The payload, unchanged.
    Unmasked,
    /// The payload, masked with this key.
    Masked([u8; 4]),
    /// Nothing: the frame is complete.
    #[cfg(feature = "legacy")]
    Complete,
}

/// Encodes frames to bytes. See [`encoder::Encoder`] for each method.
#[derive(Debug)]
pub(crate) enum Encoder {
    Rfc6455(encoder::Encoder),
    #[cfg(feature = "legacy")]
    Draft(Box<legacy::encoder::Encoder>),
}

impl Encoder {
    #[inline]
    pub(super) fn encode_frame(
        &mut self,
        out: &mut Vec<u8>,
        fin: bool,
        opcode: Opcode,
        payload: &[u8],
    ) -> io::Result<()> {
        match self {
            Encoder::Rfc6455(encoder) => encoder.encode_frame(out, fin, opcode, payload),
            #[cfg(feature = "legacy")]
            Encoder::Draft(encoder) => encoder.encode_frame(out, fin, opcode, payload),
        }
    }

    /// Appends the header of a large frame, or a whole frame of a draft.
    pub(super) fn begin_frame(
        &mut self,
        out: &mut Vec<u8>,
        fin: bool,
        opcode: Opcode,
        payload: &[u8],
    ) -> io::Result<RemainingPayload> {
        match self {
            Encoder::Rfc6455(encoder) => Ok(match encoder.encode_header(out, fin, opcode, payload.len())? {
                None => RemainingPayload::Unmasked,
                Some(key) => RemainingPayload::Masked(key),
            }),
            // A draft's frame is always encoded as a whole.
            #[cfg(feature = "legacy")]
            Encoder::Draft(encoder) => {
                encoder.encode_frame(out, fin, opcode, payload)?;
                Ok(RemainingPayload::Complete)
            }
        }
    }

    #[inline]
    pub(super) fn is_low_on_keys(&self) -> bool {
        match self {
            Encoder::Rfc6455(encoder) => encoder.is_low_on_keys(),
            #[cfg(feature = "legacy")]
            Encoder::Draft(encoder) => encoder.is_low_on_keys(),
        }
    }

    pub(super) fn prefetch_keys(&mut self) -> io::Result<()> {
        match self {
            Encoder::Rfc6455(encoder) => encoder.prefetch_keys(),
            #[cfg(feature = "legacy")]
            Encoder::Draft(encoder) => encoder.prefetch_keys(),
        }
    }

    pub(super) fn shrink(&mut self) {
        match self {
            Encoder::Rfc6455(encoder) => encoder.shrink(),
            #[cfg(feature = "legacy")]
            Encoder::Draft(encoder) => encoder.shrink(),
        }
    }
}

#[cfg(feature = "deflate")]
impl Encoder {
    #[inline]
    pub(super) fn should_compress(&self, length: usize) -> bool {
        match self {
            Encoder::Rfc6455(encoder) => encoder.should_compress(length),
            // deflate-stream compresses all bytes, not messages.
            #[cfg(feature = "legacy")]
            Encoder::Draft(_) => false,
        }
    }

    /// Returns the length of the payload.
    pub(super) fn encode_compressed(
        &mut self,
        out: &mut Vec<u8>,
        fin: bool,
        opcode: Opcode,
        of: &[u8],
    ) -> io::Result<usize> {
        match self {
            Encoder::Rfc6455(encoder) => encoder.encode_compressed(out, fin, opcode, of),
            #[cfg(feature = "legacy")]
            Encoder::Draft(encoder) => encoder.encode_frame(out, fin, opcode, of).map(|()| of.len()),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "legacy")]
mod tests {
    //! Connections of each draft, with each other and against bytes. The frames are tested in `legacy`.

    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpStream};
    use std::time::Duration;

    use super::*;
    use crate::close::CloseInfo;
    use crate::config::Timeouts;
    use crate::connection::testing::{long_timeouts, under_watchdog, wait_until, LONG, ROLES};
    use crate::connection::websocket::{ConnectionInfo, WebSocket};
    use crate::error::{Error, Result, Step, UsageError};
    use crate::legacy::{Capability, Version};
    use crate::message::Message;
    use crate::net::stream::tests::sockets;
    use crate::net::stream::Stream;

    fn drafts() -> impl Iterator<Item = Version> {
        Version::ALL.into_iter().filter(|version| *version != Version::Rfc6455)
    }

    fn agreed(version: Version) -> NegotiatedDraft {
        let deflate_stream = version.supports(Capability::Extensions);
        NegotiatedDraft { subprotocol: None, masking_key: Some([7; 20]), deflate_stream }
    }

    fn websocket_over(
        socket: TcpStream,
        role: Role,
        version: Version,
        agreed: &NegotiatedDraft,
        timeouts: Timeouts,
    ) -> WebSocket {
        websocket_with(ConnectionInfo::default(), socket, role, version, agreed, timeouts)
    }

    fn websocket_with(
        info: ConnectionInfo,
        socket: TcpStream,
        role: Role,
        version: Version,
        agreed: &NegotiatedDraft,
        timeouts: Timeouts,
    ) -> WebSocket {
        let keys = (role == Role::Client).then(RandomSource::system);
        let limits = Limits::with_max_message_size(16 << 20);
        let codec = Codec::draft(role, (DraftSpec::for_version(version), agreed), limits, &[], keys);
        let stream = Stream::from_socket(socket).unwrap();
        WebSocket::new(stream, codec, (limits, timeouts), info)
    }

    /// A client and a server.
    fn pair(version: Version) -> (WebSocket, WebSocket) {
        let (near, far) = sockets();
        (
            websocket_over(near, Role::Client, version, &agreed(version), long_timeouts()),
            websocket_over(far, Role::Server, version, &agreed(version), long_timeouts()),
        )
    }

    /// One side of a version without deflate-stream, and a peer that reads and writes bytes.
    fn alone(version: Version, role: Role, timeouts: Timeouts) -> (WebSocket, TcpStream) {
        let (near, far) = sockets();
        far.set_read_timeout(Some(LONG)).unwrap();
        (
            websocket_over(
                near,
                role,
                version,
                &NegotiatedDraft { deflate_stream: false, ..agreed(version) },
                timeouts,
            ),
            far,
        )
    }

    fn rest(mut far: TcpStream) -> Vec<u8> {
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn echo(mut ws: WebSocket) -> Result<CloseInfo> {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(ws.close_info().unwrap())
    }

    fn lacks<T>(result: Result<T>, version: Version, capability: Capability) -> bool {
        let lacks = matches!(&result, Err(Error::Usage(UsageError::UnsupportedByVersion { version: name, .. })) if *name == version.name());
        assert_eq!(lacks, !version.supports(capability), "{version} {capability:?}");
        assert!(lacks || result.is_ok(), "{version} {capability:?}: {:?}", result.err());
        lacks
    }

    #[test]
    fn each_version_rejects_what_it_does_not_support() {
        for version in drafts() {
            for role in ROLES {
                let (client, server) = pair(version);
                let (mut ws, peer) = match role {
                    Role::Client => (client, server),
                    Role::Server => (server, client),
                };
                let info = under_watchdog(move || {
                    let echo = std::thread::spawn(move || echo(peer));
                    for text in ["", "hello", "fünf €", &"long ".repeat(100_000)] {
                        ws.send(text).unwrap();
                        assert_eq!(ws.recv().unwrap(), Some(Message::from(text)), "{version}");
                    }
                    for text in ["one", "two"] {
                        ws.queue(text).unwrap();
                    }
                    assert_eq!(ws.recv().unwrap(), Some(Message::from("one")));
                    assert_eq!(ws.recv().unwrap(), Some(Message::from("two")));
                    let bytes: &[u8] = &[0xFF; 300];
                    for result in [
                        ws.send(bytes),
                        ws.send(bytes.to_vec()),
                        ws.queue(bytes),
                        ws.sender().send(bytes),
                        ws.send_uncompressed(bytes),
                    ] {
                        if !lacks(result, version, Capability::BinaryMessages) {
                            assert_eq!(ws.recv().unwrap(), Some(Message::from(bytes)));
                        }
                    }
                    if let Ok(mut stream) = ws.send_stream(MessageKind::Text) {
                        assert!(version.supports(Capability::Fragmentation));
                        write!(stream, "in {}", "pieces ".repeat(10_000)).unwrap();
                        stream.finish().unwrap();
                        let mut whole = String::new();
                        ws.recv_stream().unwrap().unwrap().read_to_string(&mut whole).unwrap();
                        assert_eq!(whole.len(), 70_003);
                    } else {
                        lacks(ws.send_stream(MessageKind::Text), version, Capability::Fragmentation);
                    }
                    lacks(ws.ping(), version, Capability::Ping);
                    // A draft without codes rejects them, and nothing is sent.
                    let reason = ws.start_close(CloseCode::NORMAL, "why");
                    if lacks(reason, version, Capability::CloseCodes) {
                        lacks(ws.start_close(CloseCode::GOING_AWAY, ""), version, Capability::CloseCodes);
                        ws.send("still there").unwrap();
                        assert_eq!(ws.recv().unwrap(), Some(Message::from("still there")));
                    }
                    let info = ws.close(CloseCode::NORMAL, "").unwrap();
                    (info, echo.join().unwrap().unwrap())
                });
                let code =
                    if version.supports(Capability::CloseCodes) { CloseCode::NORMAL } else { CloseCode::NO_STATUS };
                assert_eq!(info.0.code(), code, "{version} {role:?}");
                assert_eq!(info.1.code(), code, "{version} {role:?}");
                let reason = if version.supports(Capability::CloseCodes) { "why" } else { "" };
                assert_eq!(info.1.reason(), reason);
            }
        }
    }

    #[test]
    fn two_sides_that_close_at_once_end_cleanly() {
        for version in drafts() {
            let (mut client, mut server) = pair(version);
            client.start_close(CloseCode::NORMAL, "").unwrap();
            server.start_close(CloseCode::NORMAL, "").unwrap();
            let server = std::thread::spawn(move || server.recv());
            assert_eq!(client.recv().unwrap(), None, "{version}");
            assert_eq!(server.join().unwrap().unwrap(), None, "{version}");
        }
    }

    #[test]
    fn a_close_that_crossed_ours_is_acknowledged_if_its_body_is_another() {
        // hybi03-4.4-2: `S` of ours, then `C` of the client, which is not an acknowledgement.
        let (mut ws, mut far) = alone(Version::Hybi05, Role::Server, long_timeouts());
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        far.write_all(&[0x37, 0xFA, 0x21, 0x3D, 0xB6, 0xFB, 0x62]).unwrap();
        assert_eq!(ws.recv().unwrap(), None);
        assert_eq!(rest(far), [0x81, 1, b'S', 0x81, 1, b'C']);
        // Its acknowledgement is not acknowledged.
        let (mut ws, mut far) = alone(Version::Hybi05, Role::Server, long_timeouts());
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        far.write_all(&[0, 0, 0, 0, 0x81, 1, b'S']).unwrap();
        assert_eq!(ws.recv().unwrap(), None);
        assert_eq!(rest(far), [0x81, 1, b'S']);
        // Of any body, all is repeated.
        let (mut ws, mut far) = alone(Version::Hybi03, Role::Server, long_timeouts());
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        far.write_all(&[1, 3, b'b', b'y', b'e']).unwrap();
        assert_eq!(ws.recv().unwrap(), None);
        assert_eq!(rest(far), [1, 0, 1, 3, b'b', b'y', b'e']);
    }

    #[test]
    fn the_end_of_the_stream_is_a_good_end_for_hixie_75_alone() {
        for version in drafts() {
            for role in ROLES {
                let (mut ws, far) = alone(version, role, long_timeouts());
                far.shutdown(Shutdown::Write).unwrap();
                match ws.recv() {
                    Ok(None) => assert!(!version.supports(Capability::ClosingHandshake)),
                    other => assert!(matches!(other, Err(Error::Closed(None))), "{version} {other:?}"),
                }
                drop(ws);
                assert_eq!(rest(far), b"", "{version}");
            }
        }
        let (mut ws, mut far) = alone(Version::Hixie75, Role::Server, long_timeouts());
        far.write_all(b"\x00whole\xFF\x00cut").unwrap();
        far.shutdown(Shutdown::Write).unwrap();
        assert_eq!(ws.recv().unwrap(), Some(Message::from("whole")));
        assert!(matches!(ws.recv(), Err(Error::Closed(None))));
    }

    #[test]
    fn violations_are_reported_where_there_are_close_codes() {
        let wrong = [
            (Version::Hixie75, "80ffffffffffff7f", "", "", ""),
            (Version::Hybi00, "80ffffffffffff7f", "", "", ""),
            (Version::Hybi01, "0600", "", "", ""),
            (Version::Hybi05, "0600", "", "", ""),
            (Version::Hybi06, "8600", "81", "03ea", "6455-5.2-4"),
            (Version::Hybi07, "8300", "88", "03ea", "6455-5.2-4"),
            // In these versions 1004 means "too large".
            (Version::Hybi07, "827f0000000100000000", "88", "03ec", "at most 16777216 bytes in a message"),
            (Version::Hybi08, "827f0000000100000000", "88", "03ec", "at most 16777216 bytes in a message"),
            (Version::Hybi08, "8101ff", "88", "03ef", "6455-8.1-1"),
        ];
        for (version, bytes, first, code, reason) in wrong {
            let (mut ws, mut far) =
                alone(version, Role::Client, Timeouts { close: Duration::from_millis(200), ..long_timeouts() });
            let bytes: Vec<u8> =
                (0..bytes.len() / 2).map(|n| u8::from_str_radix(&bytes[2 * n..][..2], 16).unwrap()).collect();
            far.write_all(&bytes).unwrap();
            assert!(matches!(ws.recv(), Err(Error::Protocol(_))), "{version}");
            let mut rest = rest(far);
            // A client masks. With a key of zeros the payload is unchanged.
            if version >= Version::Hybi07 {
                rest = match rest.as_slice() {
                    [first, second, a, b, c, d, code @ ..] => {
                        let code: Vec<u8> =
                            code.iter().zip([a, b, c, d].into_iter().cycle()).map(|(byte, key)| byte ^ key).collect();
                        [&[*first, second & 0x7F][..], &code].concat()
                    }
                    other => panic!("{other:x?}"),
                };
            } else if let [a, b, c, d, frame @ ..] = rest.as_slice() {
                rest = frame.iter().zip([a, b, c, d].into_iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            }
            let hex: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
            let reason_hex: String = reason.bytes().map(|byte| format!("{byte:02x}")).collect();
            let length = if first.is_empty() { String::new() } else { format!("{:02x}", 2 + reason.len()) };
            assert_eq!(hex, [first, &length, code, &reason_hex].concat(), "{version}");
        }
    }

    /// Shows the answer to farrell-c9.
    #[test]
    fn an_unsolicited_pong_ends_hybi_01_and_02() {
        // hybi01-4.4-1
        for version in drafts().filter(|version| version.supports(Capability::Ping)) {
            let (mut ws, mut far) =
                alone(version, Role::Client, Timeouts { close: Duration::from_millis(200), ..long_timeouts() });
            let pong = if version < Version::Hybi04 {
                3
            } else if version < Version::Hybi07 {
                0x83
            } else {
                0x8A
            };
            far.write_all(&[pong, 2, b'h', b'i']).unwrap();
            far.shutdown(Shutdown::Write).unwrap();
            let error = ws.recv().unwrap_err();
            let strict = version <= Version::Hybi02;
            assert_eq!(matches!(error, Error::Protocol(ProtocolError::UnsolicitedPong)), strict, "{version} {error:?}");
            assert_eq!(matches!(error, Error::Closed(None)), !strict, "{version} {error:?}");
        }
    }

    /// The position is the end of the Pong.
    #[cfg(feature = "trace")]
    #[test]
    fn an_unsolicited_pong_is_a_protocol_error_event() {
        use crate::events::event::EventKind;
        use crate::events::sink::EventCallback;
        let (log, events) = std::sync::mpsc::channel();
        let log = std::sync::Mutex::new(log);
        let callback = EventCallback::new(move |event| log.lock().unwrap().send(event.kind().clone()).unwrap());
        let info = ConnectionInfo { events: callback.for_connection(), ..ConnectionInfo::default() };
        let (near, mut far) = sockets();
        let timeouts = Timeouts { close: Duration::from_millis(200), ..long_timeouts() };
        let version = Version::Hybi02;
        let mut ws = websocket_with(info, near, Role::Client, version, &agreed(version), timeouts);
        far.write_all(&[4, 2, b'h', b'i', 3, 0]).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("hi"));
        ws.recv().unwrap_err();
        let errors = events.try_iter().filter(|kind| matches!(kind, EventKind::ProtocolError(..)));
        let errors: Vec<String> = errors.map(|kind| format!("{kind:?}")).collect();
        assert_eq!(errors, ["ProtocolError(UnsolicitedPong, 6)"]);
    }

    #[test]
    fn pongs_wait_for_the_end_of_a_message_where_the_draft_is_unclear() {
        // hybi06-4.4-1
        for version in drafts().filter(|version| version.supports(Capability::Ping)) {
            let (client, server) = pair(version);
            let (mut client, mut server) = (client, server);
            let held = version < Version::Hybi06;
            let mut stream = server.send_stream(MessageKind::Text).unwrap();
            stream.write_all(b"first, ").unwrap();
            stream.flush().unwrap();
            let sender = client.sender();
            let pinging = std::thread::spawn(move || sender.ping());
            let reading = std::thread::spawn(move || {
                let message = client.recv().unwrap();
                (client, message)
            });
            // Receives nothing but Ping and Pong, until something has happened.
            let receive_until = |ws: &mut WebSocket, done: &dyn Fn(&WebSocket) -> bool| {
                wait_until(|| {
                    let result = ws.recv_timeout(Duration::from_millis(1));
                    assert!(matches!(result, Err(Error::Timeout(Step::Receive))), "{version} {result:?}");
                    done(ws)
                });
            };
            if !held {
                receive_until(&mut server, &|_| pinging.is_finished());
                pinging.join().unwrap().unwrap();
                stream.write_all(b"then").unwrap();
                stream.finish().unwrap();
            } else {
                receive_until(&mut server, &|server| server.connection().lock_state().has_pending());
                assert!(!pinging.is_finished(), "{version}");
                stream.write_all(b"then").unwrap();
                stream.finish().unwrap();
                // Before it waits, it sends the Pong.
                let _ = server.recv_timeout(Duration::from_millis(1));
                let (mut client, message) = reading.join().unwrap();
                assert_eq!(message, Some(Message::from("first, then")), "{version}");
                receive_until(&mut client, &|_| pinging.is_finished());
                pinging.join().unwrap().unwrap();
            }
        }
    }

    /// hybi06-4.4-1: so the keepalive waits for another interval.
    #[test]
    fn a_keepalive_ping_does_not_begin_inside_a_message_where_the_draft_is_unclear() {
        use crate::connection::keepalive::Keepalive;
        for version in drafts().filter(|version| version.supports(Capability::Ping)) {
            let held = version < Version::Hybi06;
            let (mut ws, _far) = alone(version, Role::Server, long_timeouts());
            let connection = ws.shared_connection().clone();
            let _stream = ws.send_stream(MessageKind::Text).unwrap();
            let pinged = || connection.lock_state().last_ping_sent > 0;
            // Nothing was written for an interval, or nothing came.
            connection.lock_state().pass(LONG * 2);
            assert_eq!(Keepalive::default().flush(&connection).ping_wait.is_zero(), held, "{version}");
            assert_eq!(pinged(), !held, "{version}");
            let mut keepalive = Keepalive::default();
            keepalive.on_silence(LONG * 2);
            let now = std::time::Instant::now();
            let interval = LONG / 2;
            let mut time_left = || keepalive.time_left(now, (&connection, &mut ws.receiver.decoder), interval);
            assert_eq!(time_left(), if held { interval } else { connection.timeouts.pong_timeout }, "{version}");
            assert_eq!(pinged(), !held, "{version}");
            connection.end_stream();
            assert_eq!(time_left(), if held { interval } else { connection.timeouts.pong_timeout }, "{version}");
            assert_eq!(pinged(), !held, "{version}: another interval");
            // One that was scheduled before the message began is dropped.
            let (ws, far) = alone(version, Role::Server, long_timeouts());
            let connection = ws.shared_connection();
            connection.schedule_ping();
            connection.lock_state().streaming = true;
            connection.flush().unwrap();
            assert!(!connection.lock_state().has_pending());
            connection.stream.shutdown_write(LONG);
            assert_eq!(connection.lock_state().last_ping_sent > 0, !held, "{version}");
            assert_eq!(rest(far).is_empty(), held, "{version}");
        }
    }

    #[test]
    fn a_large_message_that_belongs_to_the_caller_is_sent_once() {
        for version in drafts() {
            let (mut client, mut server) = pair(version);
            let text = "large ".repeat(10_000);
            client.send(text.clone()).unwrap();
            client.send("next").unwrap();
            for expected in [text.as_str(), "next"] {
                assert_eq!(server.recv().unwrap(), Some(Message::from(expected)), "{version}");
            }
        }
    }

    /// The versions that have no Close end the stream instead.
    #[cfg(any(feature = "server", feature = "hub"))]
    #[test]
    fn a_stream_that_stands_for_a_close_ends_with_it() {
        use crate::connection::nonblocking::ConnectionStatus;
        for version in drafts() {
            let (ws, mut far) = alone(version, Role::Server, long_timeouts());
            let connection = ws.shared_connection();
            let ends = connection.protocol.closes_by_eof();
            assert_eq!(connection.poll_close(), ConnectionStatus::Ready);
            ws.sender().send("before").unwrap();
            connection.begin_close(CloseCode::GOING_AWAY, "").unwrap();
            assert_eq!(connection.poll_close(), ConnectionStatus::Ready);
            far.read_exact(&mut [0; 8]).unwrap();
            let mut close = [0];
            assert_eq!(far.read(&mut close).unwrap() == 0, ends, "{version}");
        }
    }

    /// At the deadline of a close by the end of the stream, the peer's silence counts as its answer, but not inside a message.
    #[test]
    fn an_incomplete_message_is_no_answer_to_a_close() {
        for version in drafts() {
            let quick = Timeouts { close: Duration::from_millis(50), ..long_timeouts() };
            let (mut ws, mut far) = alone(version, Role::Client, quick);
            if ws.connection().protocol.closes_by_eof() {
                far.write_all(&[0, b'h']).unwrap();
                let result = ws.close(CloseCode::NORMAL, "");
                assert!(matches!(result, Err(Error::Timeout(Step::Close))), "{version} {result:?}");
            }
        }
    }

    #[test]
    fn there_is_no_keepalive_without_ping() {
        let quick = Timeouts {
            ping_interval: Duration::from_millis(20),
            pong_timeout: Duration::from_millis(20),
            ..long_timeouts()
        };
        for version in drafts() {
            let (mut ws, far) = alone(version, Role::Server, quick);
            let (want, limit) = match version.supports(Capability::Ping) {
                true => (Step::Keepalive, LONG),
                false => (Step::Receive, Duration::from_millis(300)),
            };
            let result = ws.recv_timeout(limit);
            assert!(matches!(result, Err(Error::Timeout(step)) if step == want), "{version} {result:?}");
            drop(far);
        }
    }

    #[test]
    fn a_side_that_only_receives_pings_in_every_version_with_ping() {
        let interval = Duration::from_millis(40);
        let quick = Timeouts { ping_interval: interval, ..long_timeouts() };
        for version in drafts() {
            for role in [Role::Client, Role::Server] {
                let (near, far) = sockets();
                let peer_role = if role == Role::Client { Role::Server } else { Role::Client };
                let mut ws = websocket_over(near, role, version, &agreed(version), quick);
                let mut peer = websocket_over(far, peer_role, version, &agreed(version), long_timeouts());
                // No silence is ever as long as the interval.
                for _ in 0..8 {
                    peer.send("data").unwrap();
                    assert!(ws.recv().unwrap().is_some());
                    std::thread::sleep(interval / 5);
                }
                let pinged = ws.connection().lock_state().last_ping_sent > 0;
                assert_eq!(pinged, version.supports(Capability::Ping), "{version} {role:?}");
            }
        }
    }

    #[test]
    fn pings_and_pongs_of_the_caller_are_sent_where_nothing_forbids_them() {
        for version in drafts() {
            let (mut client, mut server) = pair(version);
            let strict = [Version::Hybi01, Version::Hybi02].contains(&version);
            for result in
                [client.send_ping(b"p"), client.send_pong(b"q"), server.send_ping(b"p"), server.send_pong(b"q")]
            {
                match result {
                    Ok(()) => assert!(version.supports(Capability::Ping) && !strict, "{version}"),
                    Err(Error::Usage(UsageError::UnsupportedByVersion { .. })) => {
                        assert!(!version.supports(Capability::Ping) || strict, "{version}");
                    }
                    Err(error) => panic!("{version}: {error:?}"),
                }
            }
            let changed = client.set_ping_interval(Duration::from_secs(1));
            assert_eq!(changed.is_ok(), version.supports(Capability::Ping), "{version}");
            // Both sides take what the other sent.
            server.send("still open").unwrap();
            assert_eq!(client.recv().unwrap(), Some(Message::from("still open")));
        }
    }

    /// The same for the last sender of a connection that another thread receives from.
    #[test]
    fn a_dropped_sender_ends_a_stream_that_stands_for_a_close() {
        for version in drafts() {
            let (ws, far) = alone(version, Role::Server, long_timeouts());
            let connection = ws.shared_connection();
            let ends = connection.protocol.closes_by_eof();
            connection.queue(Opcode::Data(MessageKind::Text), b"last").unwrap();
            connection.close_nonblocking(CloseCode::GOING_AWAY);
            assert_eq!(connection.stream.try_write(b"more").is_err(), ends, "{version}");
            connection.abort();
            assert!(rest(far).windows(4).any(|bytes| bytes == b"last"), "{version}");
        }
    }

    /// What a large message needed is freed in every version, as by the keepalive.
    #[test]
    fn an_idle_decoder_frees_its_buffers() {
        for version in drafts() {
            let plain = NegotiatedDraft { deflate_stream: false, ..agreed(version) };
            let (near, far) = sockets();
            let mut client = websocket_over(near, Role::Client, version, &plain, long_timeouts());
            let mut server = websocket_over(far, Role::Server, version, &plain, long_timeouts());
            under_watchdog(move || {
                let sending = std::thread::spawn(move || client.send("a".repeat(60_000)).map(|()| client));
                assert_eq!(server.recv().unwrap().unwrap().len(), 60_000);
                let before = server.receiver.decoder.space().len();
                server.receiver.decoder.shrink();
                let after = server.receiver.decoder.space().len();
                assert!(after < before, "{version} {before} {after}");
                drop(sending.join().unwrap().unwrap());
            });
        }
    }

    #[test]
    fn an_idle_encoder_frees_its_buffer() {
        for version in drafts().filter(|version| version.supports(Capability::Extensions)) {
            let (mut client, _server) = pair(version);
            client.send("text").unwrap();
            let held = || match &client.connection().lock_state().writer.as_ref().unwrap().encoder {
                Encoder::Draft(encoder) => encoder.held(),
                encoder => panic!("{encoder:?}"),
            };
            assert!(held() > 0, "{version}");
            client.connection().shrink();
            assert_eq!(held(), 0, "{version}");
        }
    }

    #[cfg(feature = "hub")]
    #[test]
    fn a_hub_knows_what_can_be_sent() {
        for version in drafts() {
            let (client, _server) = pair(version);
            assert!(client.connection().supports(MessageKind::Text), "{version}");
            let binary = client.connection().supports(MessageKind::Binary);
            assert_eq!(binary, version.supports(Capability::BinaryMessages), "{version}");
        }
    }

    /// Where the end of the stream is the only Close, the silence of the peer until the deadline counts as its answer.
    #[test]
    fn a_peer_that_does_not_answer_the_end_of_the_stream_has_closed() {
        for version in drafts() {
            for role in ROLES {
                let quick = Timeouts { close: Duration::from_millis(50), ..long_timeouts() };
                let (mut ws, _far) = alone(version, role, quick);
                let is_answered = ws.connection().protocol.closes_by_eof();
                match ws.close(CloseCode::NORMAL, "") {
                    Ok(_) => assert!(is_answered, "{version}"),
                    Err(Error::Timeout(Step::Close)) => assert!(!is_answered, "{version}"),
                    Err(error) => panic!("{version} {error:?}"),
                }
            }
        }
    }

    /// In versions with close codes a client waits for the server to end the TCP connection.
    #[test]
    fn who_ends_the_tcp_connection() {
        for version in drafts() {
            let (ws, _far) = alone(version, Role::Client, long_timeouts());
            let waits = ws.connection().protocol.server_closes_tcp_first();
            assert_eq!(waits, version.supports(Capability::CloseCodes), "{version}");
        }
    }
}
