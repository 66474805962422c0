//! Compresses or inflates messages from standard input to standard output, with nothing but `stdws::deflate`.
//!
//! ```text
//! deflate_filter compress fast|default|best WINDOW keep|reset    what RFC 7692 sends for each message
//! deflate_filter inflate WINDOW PIECE keep|reset                 and back, fed in pieces of PIECE bytes
//! deflate_filter stream WINDOW PIECE                             each message is a separate DEFLATE stream
//! ```
//!
//! A message is its length as four bytes, lowest first, and its bytes. An answer has one more byte before it: 0 for
//! success, 1 for an error, whose text follows. WINDOW is 8 to 15. `tests/interop` compares this program with zlib.

use std::io::{self, BufWriter, Read, Write};
use stdws::deflate::{Compress, Inflate, Level, WindowBits};

/// Maximum size of an inflated message.
const LIMIT: usize = 64 << 20;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["compress", level, window, context] => {
            let level = match level {
                "fast" => Level::Fast,
                "best" => Level::Best,
                _ => Level::Default,
            };
            let mut compress = Compress::new(level, window_bits(window)?);
            each_message(|message| {
                let mut out = Vec::new();
                compress.push(message, &mut out);
                out.truncate(out.len() - 4);
                if context == "reset" {
                    compress.reset();
                }
                Ok(out)
            })
        }
        ["inflate", window, piece, context] => {
            let (mut inflate, piece) = (Inflate::new(window_bits(window)?), number(piece)?);
            each_message(|message| {
                let mut out = Vec::new();
                let pushed = message.chunks(piece).try_for_each(|part| inflate.push(part, &mut out, LIMIT));
                let result = pushed.and_then(|()| inflate.end_message()).map_err(|error| error.to_string());
                if context == "reset" || result.is_err() {
                    inflate.reset();
                }
                result.map(|()| out)
            })
        }
        ["stream", window, piece] => {
            let (mut inflate, piece) = (Inflate::new(window_bits(window)?), number(piece)?);
            each_message(|message| {
                let mut out = Vec::new();
                inflate.reset();
                for part in message.chunks(piece) {
                    inflate.push_to_end(part, &mut out, LIMIT).map_err(|error| error.to_string())?;
                    if inflate.at_end() {
                        return Ok(out);
                    }
                }
                Err(format!("unfinished after {} bytes", out.len()))
            })
        }
        _ => Err(wrong("see the first lines of examples/deflate_filter.rs")),
    }
}

fn each_message(mut answer: impl FnMut(&[u8]) -> Result<Vec<u8>, String>) -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), BufWriter::new(io::stdout().lock()));
    let mut length = [0; 4];
    while input.read_exact(&mut length).is_ok() {
        let mut message = Vec::new();
        input.by_ref().take(u64::from(u32::from_le_bytes(length))).read_to_end(&mut message)?;
        let (status, bytes) = match answer(&message) {
            Ok(bytes) => (0, bytes),
            Err(words) => (1, words.into_bytes()),
        };
        output.write_all(&[status])?;
        output.write_all(&(bytes.len() as u32).to_le_bytes())?;
        output.write_all(&bytes)?;
        output.flush()?;
    }
    Ok(())
}

fn window_bits(word: &str) -> io::Result<WindowBits> {
    word.parse().ok().and_then(WindowBits::new).ok_or_else(|| wrong("WINDOW is 8 to 15"))
}

fn number(word: &str) -> io::Result<usize> {
    word.parse().ok().filter(|n| *n > 0).ok_or_else(|| wrong("PIECE is a number above zero"))
}

fn wrong(words: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, words)
}
