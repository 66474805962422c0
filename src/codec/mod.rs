//! RFC 6455 sections 5 to 8 without I/O: bytes to events, messages to bytes. For reading, teaching, and other event loops.
//!
//! **No promise of stability before 1.0.** Applications use [`WebSocket`](crate::WebSocket), which is built on this module.
//!
//! The module has no sockets, clock or threads. Only [`Encoder::new`](encoder::Encoder::new) for a client needs randomness.
//! Each page documents the section that its file implements, and has an example. In the order of the RFC:
//!
//! | RFC 6455 | module | subject |
//! |---|---|---|
//! | 5.2 | [`frame`] | the frame header, read and written; every rule that a header alone can break |
//! | 5.3 | [`mask`] | masking and unmasking |
//! | 5.4, 6.2 | [`decoder`], [`event`] | bytes to events; the message in progress (private: `assembly`, `buffers`) |
//! | 5.5.1 | [`close`] | the body of a Close frame |
//! | 6.1 | [`encoder`] | messages to frames |
//! | 7 | [`closing`] | the closing handshake as one table |
//! | 8.1 | [`utf8`] | incremental validation of text |
//!
//! A server receives the masked frame of RFC 6455 section 5.7, and sends the message back:
//!
//! ```
//! use stdws::codec::decoder::Decoder;
//! use stdws::codec::encoder::Encoder;
//! use stdws::codec::event::DecoderEvent;
//! use stdws::codec::frame::{Opcode, Role};
//! use stdws::Limits;
//!
//! let received = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
//! let mut decoder = Decoder::new(Role::Server, Limits::server());
//! let mut encoder = Encoder::new(Role::Server);
//! let mut sent = Vec::new();
//!
//! // An event loop reads from its socket into `space`.
//! decoder.space()[..received.len()].copy_from_slice(&received);
//! decoder.filled(received.len());
//! while let Some(event) = decoder.next_event()? {
//!     if let DecoderEvent::Message(kind) = event {
//!         encoder.encode(&mut sent, Opcode::Data(kind), decoder.payload())?;
//!     }
//! }
//! assert_eq!(sent, *b"\x81\x05Hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod assembly;
pub(crate) mod buffers;
pub mod close;
pub mod closing;
pub mod decoder;
pub mod encoder;
pub mod event;
pub mod frame;
pub mod mask;
pub mod utf8;
