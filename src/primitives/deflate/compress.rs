//! Writing DEFLATE: the public face of `matcher`, `tokens`, `lengths` and `block`.
//!
//! Data go through three stages, a block at a time: the matcher turns bytes into tokens (literals and matches), which are counted as they
//! come; from the counts the codes are chosen; then the tokens are written in those codes.

mod block;
mod lengths;
mod matcher;
mod search;
mod tokens;

use std::fmt;

use super::bits::BitWriter;
use super::WindowBits;
use matcher::Matcher;
use search::Effort;
use tokens::Tokens;

/// How hard a [`Compress`] looks for repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Level {
    /// One candidate per position.
    Fast,
    /// As small as zlib at its default level, in half the time.
    #[default]
    Default,
    /// As small as zlib at level 9.
    Best,
}

impl Level {
    fn effort(self) -> Effort {
        match self {
            Level::Fast => Effort { candidates: 1, good: 0, lazy: 0, then: 0 },
            Level::Default => Effort { candidates: 32, good: 128, lazy: 16, then: 8 },
            Level::Best => Effort { candidates: 256, good: 258, lazy: 258, then: 256 },
        }
    }
}

/// A compressor to raw DEFLATE (RFC 1951).
pub struct Compress {
    level: Level,
    window: WindowBits,
    parts: Option<Box<Parts>>,
}

struct Parts {
    matcher: Matcher,
    tokens: Tokens,
}

impl Compress {
    /// A compressor that uses distances up to `window` exactly: 256 bytes at 8 bits, too.
    pub fn new(level: Level, window: WindowBits) -> Compress {
        Compress { level, window, parts: None }
    }

    /// Compresses `data` and appends it to `out`, as blocks that end on a byte boundary with a sync flush.
    pub fn push(&mut self, data: &[u8], out: &mut Vec<u8>) {
        let (level, window) = (self.level, self.window);
        let parts = self.parts.get_or_insert_with(|| {
            Box::new(Parts { matcher: Matcher::new(level.effort(), window), tokens: Tokens::new() })
        });
        let mut writer = BitWriter::new(out);
        parts.tokens.clear();
        let (mut raw, mut rest) = (data, data);
        while !raw.is_empty() {
            rest = &rest[parts.matcher.take(rest)..];
            let all = parts.matcher.find(&mut parts.tokens, !rest.is_empty());
            if parts.tokens.is_full() || (all && rest.is_empty()) {
                let (block, after) = raw.split_at(parts.tokens.bytes);
                block::write(&parts.tokens, block, &mut writer);
                parts.tokens.clear();
                raw = after;
            }
        }
        block::write_sync(&mut writer);
    }

    /// Ends the stream: appends an empty block marked as the last, then begins anew.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        // Fixed codes, seven zeros for the end of the block; what is before ends on a byte boundary.
        out.extend_from_slice(&[0x03, 0x00]);
        self.reset();
    }

    /// Forgets the window (no context takeover). What is allocated stays.
    pub fn reset(&mut self) {
        if let Some(parts) = &mut self.parts {
            parts.matcher.forget();
        }
    }
}

impl fmt::Debug for Compress {
    /// Without the window: that is somebody's data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compress").field("level", &self.level).field("window", &self.window).finish_non_exhaustive()
    }
}
