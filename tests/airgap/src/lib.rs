//! Nothing. This crate only depends on stdws, so that the tests of stdws run without a registry; `Cargo.toml` says how.
