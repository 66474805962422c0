//! The sending half of a connection in a draft: messages in, bytes out.

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

/// Encodes frames. The encoder of a client has a source of masking keys if the version masks.
#[derive(Debug)]
pub(crate) struct Encoder {
    spec: &'static DraftSpec,
    masking_keys: Option<RandomSource>,
    connection_key: MaskingKey,
    deflater: Option<StreamDeflater>,
}

impl Encoder {
    /// A client passes `masking_keys`, a server `None`.
    pub(super) fn new(
        spec: &'static DraftSpec,
        masking_keys: Option<RandomSource>,
        connection_key: MaskingKey,
        deflater: Option<StreamDeflater>,
    ) -> Encoder {
        Encoder { spec, masking_keys: masking_keys.filter(|_| spec.masks()), connection_key, deflater }
    }

    /// Appends a complete frame. On an error, which only the source of keys can cause, `out` is unchanged.
    ///
    /// The caller rejects opcodes that the version lacks (binary and Ping in hixie).
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

    /// Releases memory that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        if let Some(deflater) = &mut self.deflater {
            deflater.shrink();
        }
    }
}

#[cfg(test)]
impl Encoder {
    /// Capacity that is kept between frames.
    pub(crate) fn held(&self) -> usize {
        self.deflater.as_ref().map_or(0, |deflater| deflater.frame.capacity())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legacy::table::SPECS;
    use crate::message::MessageKind;

    #[test]
    fn keys_are_fetched_where_the_version_masks() {
        for spec in SPECS {
            for client in [false, true] {
                let source = RandomSource::from_fn(Box::new(|out: &mut [u8]| {
                    out.fill(7);
                    Ok(())
                }));
                let mut encoder = Encoder::new(spec, client.then_some(source), [0; 20], None);
                assert_eq!(encoder.is_low_on_keys(), client && spec.masks(), "{}", spec.name);
                encoder.prefetch_keys().unwrap();
                assert!(!encoder.is_low_on_keys(), "{}", spec.name);
            }
        }
    }

    #[test]
    fn shrinking_releases_the_frame_of_a_compressed_stream() {
        let mut encoder = Encoder::new(SPECS[10], None, [0; 20], Some(StreamDeflater::new()));
        encoder.encode_frame(&mut Vec::new(), true, Opcode::Data(MessageKind::Text), b"hello").unwrap();
        assert!(encoder.held() > 0);
        encoder.shrink();
        assert_eq!(encoder.held(), 0);
    }
}
