//! The protocol as state machines: bytes in, events out; messages in, bytes out. No socket, no clock, no randomness.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation
    )
)]

mod assembly;
pub(crate) mod buffers;
pub(crate) mod closing;
pub(crate) mod decoder;
#[cfg(feature = "deflate")]
pub(crate) mod deflate;
#[cfg(not(feature = "deflate"))]
#[path = "no_deflate.rs"]
pub(crate) mod deflate;
pub(crate) mod encoder;
pub(crate) mod event;
pub(crate) mod handshake;
