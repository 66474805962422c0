//! Reads the frames of a draft byte by byte, for those who explain them. It is the readers of connections that read here, so
//! nothing is right for one and wrong for the other.

use super::hixie;
use super::hixie::ClosingFrame;
use super::hybi;
use super::parts::Framing;
use super::plain::TranslatedFrames;
use super::table::DraftSpec;
use crate::codec::frame::Role;
use crate::error::ProtocolError;
use crate::message::MessageKind;

/// Reads what one side sends.
#[derive(Debug)]
pub(crate) struct FrameTracer {
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    Sentinel(hixie::Reader),
    Length(Box<hybi::Reader>),
}

/// A byte that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TracedByte {
    /// What it is without the mask.
    pub(crate) unmasked: u8,
    /// Whether a frame ends with it.
    pub(crate) ends_frame: bool,
}

impl FrameTracer {
    /// For the one who receives in this role. `connection_key` is the masking key of hybi-04.
    pub(crate) fn new(spec: &DraftSpec, to: Role, connection_key: [u8; 20]) -> FrameTracer {
        let reader = match spec.framing {
            Framing::Sentinel => Reader::Sentinel(hixie::Reader::new(ClosingFrame::of(spec), u64::MAX)),
            Framing::Length(rules) => Reader::Length(Box::new(hybi::Reader::new(to, rules, connection_key, u64::MAX))),
        };
        FrameTracer { reader }
    }

    /// Takes the next byte.
    pub(crate) fn take(&mut self, byte: u8) -> Result<TracedByte, ProtocolError> {
        // Nobody wants what comes out of it.
        let mut out = TranslatedFrames::new(MessageKind::Text);
        let mut raw = [byte];
        let midway = match &mut self.reader {
            Reader::Sentinel(reader) => {
                reader.read(&raw, &mut out)?;
                reader.is_incomplete()
            }
            Reader::Length(reader) => {
                reader.read(&mut raw, &mut out)?;
                reader.is_incomplete()
            }
        };
        let [plain] = raw;
        Ok(TracedByte { unmasked: plain, ends_frame: !midway })
    }
}
