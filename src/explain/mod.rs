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
//! | `head` | the rows for the opening handshake, and for a request to an HTTP proxy |
//! | `tunnel` | the exchange with a proxy before the opening handshake |
//! | `finish` | the end of the input |
//! | `frame` | the rows for a frame |
//! | `inflate` | compressed payloads |
//! | `layout` | columns, line width, escaping |
//! | `exact` | tests: what is printed, character by character |

#[cfg(all(test, feature = "deflate", feature = "proxy"))]
mod exact;
mod explainer;
mod finish;
pub(crate) mod frame;
mod head;
#[cfg(feature = "deflate")]
mod inflate;
pub(crate) mod layout;
mod settings;
pub(crate) mod state;
#[cfg(feature = "proxy")]
mod tunnel;

pub use explainer::Explainer;
