//! Messages in, bytes out, for a version of the table.

use std::io;

use super::deflate_stream::StreamDeflater;
use super::hixie;
use super::hixie::ClosingFrame;
use super::hybi;
use super::hybi::MaskingKey;
use super::parts::{CloseMethod, Framing};
use super::table::DraftSpec;
use crate::codec::frame::Opcode;
use crate::primitives::random::RandomSource;

/// Writes frames. A client's encoder has a source of masking keys where the version masks.
#[derive(Debug)]
pub(crate) struct Encoder {
    spec: &'static DraftSpec,
    masking_keys: Option<RandomSource>,
    connection_key: MaskingKey,
    deflater: Option<StreamDeflater>,
}

impl Encoder {
    /// `masking_keys` for a client, `None` for a server.
    pub(super) fn new(
        spec: &'static DraftSpec,
        masking_keys: Option<RandomSource>,
        connection_key: MaskingKey,
        deflater: Option<StreamDeflater>,
    ) -> Encoder {
        Encoder { spec, masking_keys: masking_keys.filter(|_| spec.masks()), connection_key, deflater }
    }

    /// Appends a whole frame. On an error, which only the source of keys can cause, `out` is as before.
    ///
    /// What the version has not (binary and Ping on hixie) must not come here.
    pub(crate) fn encode_frame(
        &mut self,
        out: &mut Vec<u8>,
        fin: bool,
        opcode: Opcode,
        payload: &[u8],
    ) -> io::Result<()> {
        let key = match &mut self.masking_keys {
            Some(masking_keys) => Some(masking_keys.masking_key()?),
            None => None,
        };
        let to = match &mut self.deflater {
            Some(deflater) => &mut deflater.frame,
            None => &mut *out,
        };
        match &self.spec.framing {
            Framing::Sentinel => hixie::write(to, ClosingFrame::of(self.spec), opcode, payload),
            Framing::Length(rules) => hybi::write(to, rules, (key, &self.connection_key), (fin, opcode), payload),
        }
        if let Some(deflater) = &mut self.deflater {
            deflater.deflate_frame(out);
        }
        Ok(())
    }

    /// Whether encoding a few frames may call the source of keys, see [`RandomSource::is_low`].
    #[inline]
    pub(crate) fn is_low_on_keys(&self) -> bool {
        self.masking_keys.as_ref().is_some_and(RandomSource::is_low)
    }

    /// Fetches masking keys ahead of time, see [`RandomSource::prefetch`].
    pub(crate) fn prefetch_keys(&mut self) -> io::Result<()> {
        self.masking_keys.as_mut().map_or(Ok(()), RandomSource::prefetch)
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        if let Some(deflater) = &mut self.deflater {
            deflater.shrink();
        }
    }
}

impl ClosingFrame {
    pub(super) fn of(spec: &DraftSpec) -> ClosingFrame {
        match spec.close_method {
            CloseMethod::Sentinel => ClosingFrame::Known,
            CloseMethod::EndOfStream | CloseMethod::EchoBody | CloseMethod::Initiator | CloseMethod::Codes(_) => {
                ClosingFrame::Unknown
            }
        }
    }
}
