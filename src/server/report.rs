//! What a server has to say about itself, beside what it tells its visitors: the one place where it all goes through.

use crate::error::Error;

/// Something that nobody else is told. So far nobody is told here either; a panic has been on the standard error output.
pub(super) fn report(_what: What, _error: Option<&Error>) {}

#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    /// The system could not accept a connection. Told once, until it could again.
    Accept,
    /// No thread could be started for a visitor, who was turned away.
    Thread,
    /// A visitor was turned away because the house is full.
    TurnedAway,
    /// A request was refused or answered, or came to nothing.
    Refused,
    /// A handler panicked.
    Panicked,
}
