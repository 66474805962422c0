//! DEFLATE (RFC 1951): [`Inflate`] and [`Compress`], for messages that share a window (RFC 7692). Feature `deflate`.
//!
//! # The format in one page
//!
//! A stream is a sequence of *blocks*. A block starts with three bits: whether it is the last (BFINAL), and its kind (BTYPE):
//!
//! | BTYPE | kind | then |
//! |---|---|---|
//! | 00 | stored | padding up to a byte, LEN and its complement (16 bits each), LEN bytes as they are |
//! | 01 | fixed | symbols in two codes that RFC 1951 prints |
//! | 10 | dynamic | two codes, described with the help of a third, then symbols in them |
//! | 11 | reserved | an error |
//!
//! A *symbol* is one of three: a byte (a *literal*), a repetition of `length` bytes from `distance` bytes back (a *match*),
//! or the end of the block. A match is two symbols from two codes: 257 to 285 of the first are lengths, 0 to 29 of the
//! second are distances. Most of these symbols stand for a range, and the *extra bits* after the symbol select a value.
//!
//! # Common pitfalls
//!
//! * **Bits are read from the lowest bit of each byte, codes from their highest bit.** Numbers (lengths, extra bits) stand
//!   in the stream with the lowest bit first, Huffman codes with the highest first. This implementation holds the stream
//!   in an integer, first bit lowest, so it reverses codes once, when it builds the tables. Nothing else is reversed.
//! * **A list of lengths defines a code** (`huffman.rs`): sorted by length, then by symbol, codes count
//!   upwards.
//! * **A match may overlap its own output**: distance 1, length 100 means a hundred times the last byte.
//! * **A match may reach into earlier blocks, and earlier messages**: the *window* is the last 256 to 32,768 bytes of
//!   output, independent of blocks.
//! * **Blocks do not end on byte boundaries.** Only stored blocks align. A *sync flush* relies on that: an empty
//!   stored block (`00 00 FF FF` after its three bits and the padding) completes the last byte. In RFC 7692 the sender
//!   removes these four bytes from every message.
//! * Length 258 has a symbol of its own (285), although 284 with all extra bits set means 258 too. Both are read; 285 is
//!   written.
//!
//! # Files
//!
//! For both directions: `format` has the tables of the RFC, `bits` reads and writes bits, `huffman` turns lengths into codes
//! and into tables for reading.
//!
//! Reading is `inflate`: `blocks` reads blocks one unit at a time, `symbols` decodes their contents, `output` applies the
//! limit and copies, `window` holds earlier output, `error` lists the faults of a stream.
//!
//! Writing is `compress`: `matcher` holds earlier input, `search` finds repetitions, `tokens` counts them, `lengths` chooses
//! codes, `block` chooses the shortest kind of block and writes it. Only `extension` knows WebSocket.
//!
//! # Example
//!
//! ```
//! use stdws::deflate::{Compress, Inflate, Level, WindowBits};
//!
//! let mut compress = Compress::new(Level::Default, WindowBits::MAX);
//! let mut inflate = Inflate::new(WindowBits::MAX);
//! for text in ["so much in common", "so much more in common"] {
//!     // RFC 7692: the payload is the output without the four bytes that end a sync flush.
//!     let mut payload = Vec::new();
//!     compress.push(text.as_bytes(), &mut payload);
//!     payload.truncate(payload.len() - 4);
//!
//!     // The payload arrives in pieces of any size. The message has at most 1,000 bytes.
//!     let mut message = Vec::new();
//!     for piece in payload.chunks(3) {
//!         inflate.push(piece, &mut message, 1_000)?;
//!     }
//!     inflate.end_message()?;
//!     assert_eq!(message, text.as_bytes());
//! }
//! # Ok::<(), stdws::deflate::InflateError>(())
//! ```

mod bits;
mod compress;
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) mod extension;
// Without connections, a type that has no values.
#[cfg(not(any(feature = "client", feature = "server")))]
pub(crate) mod extension {
    pub(crate) use std::convert::Infallible as Inflater;
}
mod format;
mod huffman;
mod inflate;

pub use compress::{Compress, Level};
pub use format::WindowBits;
pub use inflate::{Inflate, InflateError};
