//! Reads the frames of a draft byte by byte, for the explainer. Uses the readers of the connections, so that both
//! accept the same input.

use super::hixie;
use super::hixie::ClosingFrame;
use super::hybi;
use super::parts::Framing;
use super::plain::TranslatedFrames;
use super::table::DraftSpec;
use crate::codec::frame::Role;
use crate::error::ProtocolError;
use crate::message::MessageKind;

/// Reads the frames from one peer.
#[derive(Debug)]
pub(crate) struct FrameTracer {
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    Sentinel(hixie::Reader),
    Length(Box<hybi::Reader>),
}

/// Result of reading one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TracedByte {
    /// The unmasked byte.
    pub(crate) unmasked: u8,
    /// Whether it is the last byte of a frame.
    pub(crate) ends_frame: bool,
}

impl FrameTracer {
    /// `to` is the role of the receiver, `connection_key` the masking key of hybi-04.
    pub(crate) fn new(spec: &DraftSpec, to: Role, connection_key: [u8; 20]) -> FrameTracer {
        let reader = match spec.framing {
            Framing::Sentinel => Reader::Sentinel(hixie::Reader::new(ClosingFrame::of(spec), u64::MAX)),
            Framing::Length(rules) => Reader::Length(Box::new(hybi::Reader::new(to, rules, connection_key, u64::MAX))),
        };
        FrameTracer { reader }
    }

    /// Reads the next byte.
    pub(crate) fn take(&mut self, byte: u8) -> Result<TracedByte, ProtocolError> {
        // The translated frames are not needed.
        let mut out = TranslatedFrames::new(MessageKind::Text);
        let mut raw = [byte];
        let incomplete = match &mut self.reader {
            Reader::Sentinel(reader) => {
                reader.read(&raw, &mut out)?;
                reader.is_incomplete()
            }
            Reader::Length(reader) => {
                reader.read(&mut raw, &mut out)?;
                reader.is_incomplete()
            }
        };
        let [unmasked] = raw;
        Ok(TracedByte { unmasked, ends_frame: !incomplete })
    }
}
