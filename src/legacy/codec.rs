//! Both directions of a connection that speaks a draft, made when its opening handshake is over.

use super::decoder::Decoder;
use super::deflate_stream::{StreamDeflater, StreamInflater};
use super::encoder::Encoder;
use super::handshake::NegotiatedDraft;
use super::table::DraftSpec;
use crate::codec::frame::Role;
use crate::config::Limits;
use crate::primitives::random::RandomSource;

/// The decoder and the encoder. `early` came behind the handshake; `masking_keys` are for a client.
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
