//! Both directions of a connection that speaks a draft, made when its opening handshake is over.

use super::decoder::Decoder;
use super::deflate_stream::{Packer, Unpacker};
use super::encoder::Encoder;
use super::handshake::Agreed;
use super::table::Row;
use crate::config::Limits;
use crate::primitives::entropy::Entropy;
use crate::wire::frame::Role;

/// The decoder and the encoder. `early` came behind the handshake; `keys` are for a client.
pub(crate) fn codec(
    row: &'static Row,
    agreed: &Agreed,
    role: Role,
    limits: Limits,
    early: &[u8],
    keys: Option<Entropy>,
) -> (Decoder, Encoder) {
    let key = agreed.masking_key.unwrap_or_default();
    let packed = agreed.deflate_stream;
    let decoder = Decoder::new(row, role, limits, early, key, packed.then(Unpacker::new));
    (decoder, Encoder::new(row, keys, key, packed.then(Packer::new)))
}

#[cfg(test)]
mod tests;
