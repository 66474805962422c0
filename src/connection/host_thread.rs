//! The thread of a server, which finishes the work for its connection if a handler dropped that before its end.
//!
//! Knows only closures; must not know a connection.

use std::mem;
use std::sync::Arc;

use super::background::Work;
use crate::primitives::lock::{Lock, UserDrop};

/// Guard in the thread of a server that runs a handler. A drop, after the handler has returned, runs the work that was handed
/// over.
pub(crate) struct HostThread(Arc<Host>);

/// The state that a host thread and its connection share.
#[derive(Default)]
pub(super) struct Host(Lock<HostState>);

#[derive(Default)]
enum HostState {
    /// The handler runs, and no work was handed over.
    #[default]
    Running,
    HandedOver(UserDrop<Work>),
    /// The handler has returned, and the thread is no longer available.
    Finished,
}

impl HostThread {
    pub(super) fn new(host: Arc<Host>) -> HostThread {
        HostThread(host)
    }
}

impl Drop for HostThread {
    fn drop(&mut self) {
        let state = mem::replace(&mut *self.0 .0.lock(), HostState::Finished);
        if let HostState::HandedOver(work) = state {
            work.into_inner()();
        }
    }
}

impl Host {
    /// Hands the work over, once. An error returns it: the thread has other work, or is not available.
    pub(super) fn hand_over(&self, work: Work) -> Result<(), Work> {
        let mut state = self.0.lock();
        match *state {
            HostState::Running => {
                *state = HostState::HandedOver(UserDrop::new(work));
                Ok(())
            }
            HostState::HandedOver(_) | HostState::Finished => Err(work),
        }
    }
}
