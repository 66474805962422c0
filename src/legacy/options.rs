//! Settings of a client for the drafts. Imports nothing of the client.

use super::version::Version;

/// The versions that a client uses.
#[derive(Debug, Clone, Default)]
pub(crate) struct LegacyOptions {
    pub(super) version: Version,
    pub(super) fallback_versions: Vec<Version>,
    pub(super) deflate_stream: bool,
}
