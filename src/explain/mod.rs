//! Explanations of the bytes on a connection, for learning the protocol and for diagnosis. Feature `trace`.
//!
//! [`Explainer`] reads one direction of a connection. It uses the parsers of the connections themselves, so that it
//! accepts and rejects exactly what they do.
//!
//! | file | subject |
//! |---|---|
//! | `explainer` | the state machine: handshake head, frame header, payload |
//! | `settings` | what it has to know before the first byte |
//! | `state` | the payload and the message that are being received |
//! | `finish` | the end of the input |
//! | `head` | the rows for the opening handshake |
//! | `frame` | the rows for a frame |
//! | `inflate` | compressed payloads |
//! | `layout` | columns, line width, escaping |

mod explainer;
mod finish;
pub(crate) mod frame;
mod head;
#[cfg(feature = "deflate")]
mod inflate;
pub(crate) mod layout;
mod settings;
pub(crate) mod state;

pub use explainer::Explainer;
