//! DEFLATE (RFC 1951) by itself: [`Inflate`] and [`Compress`], made for messages that share a window (RFC 7692).
//!
//! # The format in one page
//!
//! A stream is a chain of *blocks*. A block opens with three bits: is it the last one (BFINAL), and which kind (BTYPE):
//!
//! | BTYPE | kind | then |
//! |---|---|---|
//! | 00 | stored | padding up to a byte, LEN and its complement (16 bits each), LEN bytes as they are |
//! | 01 | fixed | symbols in two codes that RFC 1951 prints |
//! | 10 | dynamic | two codes, described with the help of a third, then symbols in them |
//! | 11 | reserved | an error |
//!
//! A *symbol* says one of three things: here is a byte (a *literal*); repeat `length` bytes from `distance` bytes back
//! (a *match*); the block ends. A match is two symbols from two codes: 257 to 285 of the first code give a length, 0 to
//! 29 of the second a distance. Most of them stand for a range, and *extra bits* after the symbol say where in it.
//!
//! # What surprises people
//!
//! * **Bits are read from the bottom of each byte, codes from their top.** Numbers (lengths, extra bits) lie in the
//!   stream with their lowest bit first; the bits of a Huffman code come with the highest first. So whoever holds the
//!   stream in an integer, first bit lowest, must turn codes round, once, when the tables are made. Nothing else is
//!   ever reversed.
//! * **A code is nothing but a list of lengths** (`huffman.rs`): sorted by length, then by symbol, codes count
//!   upwards.
//! * **A match may overlap what it produces**: distance 1, length 100 means a hundred times the last byte.
//! * **A match may reach into earlier blocks, and earlier messages**: the *window* is the last 256 to 32,768 bytes of
//!   output, and it knows nothing of blocks.
//! * **Blocks do not end on byte boundaries.** Only stored blocks align. That is what *sync flush* uses: an empty
//!   stored block (`00 00 FF FF` after its three bits and the padding) puts everything so far on whole bytes. RFC 7692
//!   has the sender cut these four bytes off every message.
//! * Length 258 has a symbol to itself (285), although 284 with all extra bits set means 258 too. Both are read; we
//!   write 285.
//!
//! # Files
//!
//! Below both: `bits` reads and writes bits, `huffman` turns lengths into codes and into tables for reading.
//!
//! Reading is `inflate`: `blocks` goes through blocks one unit at a time, `symbols` through what is in them, fast;
//! `output` has the limit and does the copying, `window` remembers.
//!
//! Writing is `compress`: `matcher` remembers, `search` finds repetitions, `tokens` counts what is found, `lengths`
//! chooses codes, `block` chooses the shortest kind of block and writes it. None of them knows anything of WebSocket.
//!
//! # Example
//!
//! ```
//! use stdws::deflate::{Compress, Inflate, Level, WindowBits};
//!
//! let mut compress = Compress::new(Level::Default, WindowBits::MAX);
//! let mut inflate = Inflate::new(WindowBits::MAX);
//! for text in ["so much in common", "so much more in common"] {
//!     // What RFC 7692 sends: everything but the four bytes that end a sync flush.
//!     let mut payload = Vec::new();
//!     compress.push(text.as_bytes(), &mut payload);
//!     payload.truncate(payload.len() - 4);
//!
//!     // What it receives, in pieces of any size, and never more than 1,000 bytes.
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
pub(crate) mod extension;
mod format;
mod huffman;
mod inflate;

pub use compress::{Compress, Level};
pub use format::WindowBits;
pub use inflate::{Inflate, InflateError};
