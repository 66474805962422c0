//! What the fuzz targets in `src/bin` share. Each target reads the first bytes of its input as settings, and the rest as what a
//! peer or a user sends. Most compare: one input whole and in pieces, or two implementations.
//!
//! | target | input | compared with |
//! |---|---|---|
//! | `codec` | frames | [`rfc6455`], a decoder written from the RFC alone; whole and in pieces |
//! | `inflate` | DEFLATE | zlib and miniz_oxide: the verdict and the bytes; whole and in pieces; other windows and limits |
//! | `roundtrip` | messages to compress | themselves after decompression, by stdws and by miniz_oxide |
//! | `server_frames`, `client_frames` | frames after a valid opening handshake, of any version | whole and in pieces |
//! | `server_heads`, `client_heads` | requests and responses | whole and in pieces |
//! | `explain` | either direction of a connection, of any version | whole and in pieces |
//! | `strings` | all that a user passes as text | nothing: no panic |

pub mod endpoints;
pub mod messages;
pub mod reference;
pub mod rfc6455;
pub mod streams;

use stdws::Version;

/// RFC 6455 for half of all inputs, else any version.
pub fn version(byte: u8) -> Version {
    match byte {
        0..=127 => Version::Rfc6455,
        128.. => Version::ALL[usize::from(byte) % Version::ALL.len()],
    }
}

/// Splits off the bytes of a target's settings. `None` if the input is too short.
pub fn settings<const N: usize>(input: &[u8]) -> Option<([u8; N], &[u8])> {
    input.split_first_chunk().map(|(settings, rest)| (*settings, rest))
}
