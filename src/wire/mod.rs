//! Values to bytes and back. No state, no I/O: a reader with the RFC beside them can check each file alone.
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

pub(crate) mod basic;
pub(crate) mod body;
pub(crate) mod challenge;
pub(crate) mod close;
pub(crate) mod cookie;
pub(crate) mod date;
pub(crate) mod forwarded;
pub(crate) mod frame;
pub(crate) mod header;
pub(crate) mod http;
pub(crate) mod mask;
pub(crate) mod network;
pub(crate) mod proxy_header;
pub(crate) mod socks;
pub(crate) mod uri;
