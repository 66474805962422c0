//! Replacements for the types of `sink` in a build without the feature `trace`: types that have no size.

use crate::error::Error;

#[derive(Debug, Clone, Default)]
pub(crate) struct EventCallback();

impl EventCallback {
    pub(crate) fn for_connection(&self) -> EventSink {
        EventSink()
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct EventSink();

impl EventSink {
    pub(crate) fn connection_id(&self) -> Option<u64> {
        None
    }

    pub(crate) fn emit_failed_handshake(&self, _: &Error) {}
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin {
    Outside,
}

impl Origin {
    pub(crate) fn current() -> Origin {
        Origin::Outside
    }
}
