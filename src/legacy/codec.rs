//! Creates the decoder and the encoder of a connection in a draft, after its opening handshake.

use super::decoder::Decoder;
use super::deflate_stream::{StreamDeflater, StreamInflater};
use super::encoder::Encoder;
use super::handshake::NegotiatedDraft;
use super::table::DraftSpec;
use crate::codec::frame::Role;
use crate::config::Limits;
use crate::primitives::random::RandomSource;

/// Creates the decoder and the encoder. `early` is what was received after the handshake; a client passes
/// `masking_keys`.
pub(crate) fn codec(
    spec: &'static DraftSpec,
    agreed: &NegotiatedDraft,
    role: Role,
    limits: Limits,
    early: &[u8],
    masking_keys: Option<RandomSource>,
) -> (Decoder, Encoder) {
    let key = agreed.masking_key.unwrap_or_default();
    let deflate_stream = agreed.deflate_stream;
    let decoder = Decoder::new(spec, role, limits, early, key, deflate_stream.then(StreamInflater::new));
    (decoder, Encoder::new(spec, masking_keys, key, deflate_stream.then(StreamDeflater::new)))
}

#[cfg(test)]
mod tests;
