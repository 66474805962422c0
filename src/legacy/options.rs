//! The settings of a client that concern drafts. Must not know the client.

use super::version::Version;

/// The versions a client offers.
#[derive(Debug, Clone, Default)]
pub(crate) struct LegacyOptions {
    pub(super) version: Version,
    pub(super) fallback_versions: Vec<Version>,
    pub(super) deflate_stream: bool,
}
