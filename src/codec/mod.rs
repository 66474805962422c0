//! RFC 6455 sections 5 to 8 without I/O: bytes to events, messages to bytes. No clock and no randomness of its own.
//!
//! | RFC 6455 | file | subject |
//! |---|---|---|
//! | 5.2 | `frame` | the frame header, read and written; every rule that a header can break |
//! | 5.3 | `mask` | masking and unmasking |
//! | 5.4, 6.2 | `decoder`, `assembly`, `event` | bytes to events; the message in progress |
//! | 5.5.1 | `close` | the body of a Close frame |
//! | 6.1 | `encoder` | messages to frames |
//! | 7 | `closing` | the closing handshake as one table |
//! | 8.1 | `utf8` | incremental validation of text |
//! | | `buffers` | the read buffer and the payload buffer |

pub(crate) mod assembly;
pub(crate) mod buffers;
pub(crate) mod close;
pub(crate) mod closing;
pub(crate) mod decoder;
pub(crate) mod encoder;
pub(crate) mod event;
pub(crate) mod frame;
pub(crate) mod mask;
pub(crate) mod utf8;
