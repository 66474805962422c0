//! Messages in, bytes out, for a version of the table.

use std::io;

use super::deflate_stream::Packer;
use super::hixie::{self, ClosingFrame};
use super::hybi::{self, MaskingKey};
use super::parts::{Closing, Framing};
use super::table::Row;
use crate::primitives::entropy::Entropy;
use crate::wire::frame::Opcode;

/// Writes frames. A client's encoder has a source of masking keys where the version masks.
#[derive(Debug)]
pub(crate) struct Encoder {
    row: &'static Row,
    keys: Option<Entropy>,
    connection: MaskingKey,
    packer: Option<Packer>,
}

impl Encoder {
    /// `keys` for a client, `None` for a server.
    pub(super) fn new(
        row: &'static Row,
        keys: Option<Entropy>,
        connection: MaskingKey,
        packer: Option<Packer>,
    ) -> Encoder {
        Encoder { row, keys: keys.filter(|_| row.masks()), connection, packer }
    }

    /// Appends a whole frame. On an error, which only the source of keys can cause, `out` is as before.
    ///
    /// What the version has not (binary and Ping on hixie) must not come here.
    pub(crate) fn frame(&mut self, out: &mut Vec<u8>, fin: bool, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let key = match &mut self.keys {
            Some(keys) => Some(keys.key()?),
            None => None,
        };
        let to = match &mut self.packer {
            Some(packer) => &mut packer.frame,
            None => &mut *out,
        };
        match &self.row.framing {
            Framing::Sentinel => hixie::write(to, ClosingFrame::of(self.row), opcode, payload),
            Framing::Length(rules) => hybi::write(to, rules, (key, &self.connection), (fin, opcode), payload),
        }
        if let Some(packer) = &mut self.packer {
            packer.pack(out);
        }
        Ok(())
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        if let Some(packer) = &mut self.packer {
            packer.shrink();
        }
    }
}

impl ClosingFrame {
    pub(super) fn of(row: &Row) -> ClosingFrame {
        match row.closing {
            Closing::Sentinel => ClosingFrame::Known,
            Closing::EndOfStream | Closing::SameBody | Closing::Initiator | Closing::Codes(_) => ClosingFrame::Unknown,
        }
    }
}
