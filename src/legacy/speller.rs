//! Reads the frames of a draft byte by byte, for those who explain them. It is the readers of connections that read here, so
//! nothing is right for one and wrong for the other.

use super::hixie::{self, ClosingFrame};
use super::hybi;
use super::parts::Framing;
use super::plain::Plain;
use super::table::Row;
use crate::error::Violation;
use crate::message::Kind;
use crate::wire::frame::Role;

/// Reads what one side sends.
#[derive(Debug)]
pub(crate) struct Speller {
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    Sentinel(hixie::Reader),
    Length(Box<hybi::Reader>),
}

/// A byte that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spelled {
    /// What it is without the mask.
    pub(crate) plain: u8,
    /// Whether a frame ends with it.
    pub(crate) ends: bool,
}

impl Speller {
    /// For the one who receives in this role. `connection` is the masking key of hybi-04.
    pub(crate) fn new(row: &Row, to: Role, connection: [u8; 20]) -> Speller {
        let reader = match row.framing {
            Framing::Sentinel => Reader::Sentinel(hixie::Reader::new(ClosingFrame::of(row), u64::MAX)),
            Framing::Length(rules) => Reader::Length(Box::new(hybi::Reader::new(to, rules, connection, u64::MAX))),
        };
        Speller { reader }
    }

    /// Takes the next byte.
    pub(crate) fn take(&mut self, byte: u8) -> Result<Spelled, Violation> {
        // Nobody wants what comes out of it.
        let mut out = Plain::new(Kind::Text);
        let mut raw = [byte];
        let midway = match &mut self.reader {
            Reader::Sentinel(reader) => {
                reader.read(&raw, &mut out)?;
                reader.is_midway()
            }
            Reader::Length(reader) => {
                reader.read(&mut raw, &mut out)?;
                reader.is_midway()
            }
        };
        let [plain] = raw;
        Ok(Spelled { plain, ends: !midway })
    }
}
