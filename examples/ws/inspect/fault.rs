//! Faults on purpose: connections that are dropped, frames that are split, and frames that break one rule.
//!
//! Without a fault the bytes pass as they are. With one, a direction is read as a head and then frames, and each frame is written
//! again: unchanged, in fragments, or corrupted. Only the header and the first two bytes of a payload are ever changed, so the
//! payload passes in pieces.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use stdws::codec::mask;

use super::corrupt::{Changed, Kind};
use super::frames::{Framer, Part, RawHeader};
use crate::args::{Args, Failure, Flag, Group};
use crate::session::Side;

pub(super) const FAULTS: Group = Group {
    title: "Faults on purpose",
    flags: &[
        Flag("--delay", "MS", "hold each block of up to 16 KiB for this number of milliseconds"),
        Flag("--pieces", "N", "write at most N bytes at a time, which are TCP segments of their own"),
        Flag("--fragment", "N", "split the payloads of messages into fragments of at most N bytes"),
        Flag("--drop-after", "N", "close both connections after N frames of both directions, without a Close"),
        Flag("--drop-after-bytes", "N", "the same after N bytes, handshake included; also inside a frame"),
        Flag("--corrupt", "KIND", super::corrupt::HELP),
        Flag("--at", "N", "which of the frames that KIND can change: the Nth of its direction (1); 0: all"),
        Flag("--from", "SIDE", "fragment and corrupt only what the client sends, or only what the server sends"),
    ],
};

/// Maximum number of bytes of a head that is held.
const MAX_HEAD: usize = 64 << 10;

/// What is to go wrong.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pieces: usize,
    fragment: Option<u64>,
    drop_after: Option<u64>,
    drop_after_bytes: Option<u64>,
    corrupt: Option<Kind>,
    at: u64,
    from: Option<Side>,
}

impl Settings {
    pub(super) fn new(args: &Args) -> Result<Settings, Failure> {
        let kind =
            |name: &str| Kind::from_name(name).ok_or_else(|| Failure::usage(format!("there is no KIND {name:?}")));
        let from = match args.value("--from")? {
            None => None,
            Some("client") => Some(Side::Client),
            Some("server") => Some(Side::Server),
            Some(other) => return Err(Failure::usage(format!("--from takes client or server, not {other:?}"))),
        };
        if args.has("--at") && !args.has("--corrupt") {
            return Err(Failure::usage("--at needs --corrupt KIND"));
        }
        let (pieces, fragment) = (args.number("--pieces")?, args.number("--fragment")?);
        if pieces == Some(0) || fragment == Some(0) {
            return Err(Failure::usage("--pieces and --fragment take 1 or more"));
        }
        Ok(Settings {
            pieces: pieces.unwrap_or(usize::MAX),
            fragment,
            drop_after: args.number("--drop-after")?,
            drop_after_bytes: args.number("--drop-after-bytes")?,
            corrupt: args.value("--corrupt")?.map(kind).transpose()?,
            at: args.number("--at")?.unwrap_or(1),
            from,
        })
    }

    /// Those of the directions of one connection, first that of the client.
    pub(super) fn faults(&self) -> [Faults; 2] {
        let counts = Arc::new(Counts::default());
        [Side::Client, Side::Server].map(|side| Faults::new(self.clone(), side, counts.clone()))
    }
}

/// Whether the connection goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    Drop,
}

/// Of both directions together.
#[derive(Debug, Default)]
struct Counts {
    frames: AtomicU64,
    bytes: AtomicU64,
}

/// The faults of one direction.
pub(super) struct Faults {
    settings: Settings,
    side: Side,
    counts: Arc<Counts>,
    stage: Stage,
    framer: Framer,
    frame: Option<Rewriting>,
    /// Number of frames that could be corrupted.
    seen: u64,
    notes: Vec<String>,
}

enum Stage {
    Head(Vec<u8>),
    Frames,
    /// Nothing is changed any more.
    Through,
}

/// The frame that is being written again.
enum Rewriting {
    Unchanged,
    /// The header, and the number of payload bytes before the next fragment.
    Fragments(RawHeader, u64),
    Corrupted(Changed),
}

impl Faults {
    fn new(settings: Settings, side: Side, counts: Arc<Counts>) -> Faults {
        let reads = settings.fragment.is_some() || settings.corrupt.is_some() || settings.drop_after.is_some();
        let stage = if reads { Stage::Head(Vec::new()) } else { Stage::Through };
        Faults { settings, side, counts, stage, framer: Framer::default(), frame: None, seen: 0, notes: Vec::new() }
    }

    /// Adds to `out` what is passed on instead of these bytes.
    pub(super) fn apply(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Fault {
        let fault = match &mut self.stage {
            Stage::Through => {
                out.extend_from_slice(bytes);
                Fault::None
            }
            Stage::Head(_) => self.head(bytes, out),
            Stage::Frames => self.frames(bytes, out),
        };
        let Some(limit) = self.settings.drop_after_bytes else { return fault };
        let before = self.counts.bytes.fetch_add(out.len() as u64, Ordering::Relaxed);
        let left = limit.saturating_sub(before);
        if left > out.len() as u64 {
            return fault;
        }
        out.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        Fault::Drop
    }

    /// What was done, since the last call.
    pub(super) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    pub(super) fn pieces<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        bytes.chunks(self.settings.pieces)
    }

    fn is_affected(&self) -> bool {
        self.settings.from.map_or(true, |from| from == self.side)
    }

    fn head(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Fault {
        let Stage::Head(head) = &mut self.stage else { return Fault::None };
        let searched = head.len().saturating_sub(3);
        head.extend_from_slice(bytes);
        let end = head.get(searched..).and_then(|new| new.windows(4).position(|window| window == b"\r\n\r\n"));
        let Some(end) = end.map(|at| searched + at + 4) else {
            if head.len() > MAX_HEAD {
                out.append(head);
                self.stage = Stage::Through;
            }
            return Fault::None;
        };
        let rest = head.split_off(end);
        let mut head = std::mem::take(head);
        let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
        self.stage = match self.side {
            Side::Client if text.contains("\r\nupgrade:") => Stage::Frames,
            Side::Server if text.split(' ').nth(1) == Some("101") => Stage::Frames,
            Side::Server if text.split(' ').nth(1).is_some_and(|status| status.starts_with('1')) => {
                Stage::Head(Vec::new())
            }
            _ => Stage::Through,
        };
        if self.settings.corrupt == Some(Kind::Accept) && self.is_affected() {
            self.notes.extend(super::corrupt::corrupt_accept(&mut head));
        }
        out.extend(head);
        match &self.stage {
            Stage::Head(_) => self.head(&rest, out),
            Stage::Frames => self.frames(&rest, out),
            Stage::Through => {
                out.extend(rest);
                Fault::None
            }
        }
    }

    fn frames(&mut self, mut rest: &[u8], out: &mut Vec<u8>) -> Fault {
        // Nothing of a header is held back that is not written with the header.
        while let Some(part) = self.framer.next(&mut rest) {
            match part {
                Part::Header(header) => self.begin(header, out),
                Part::Payload(piece, before) => self.payload(piece, before, out),
                Part::End => {
                    self.frame = None;
                    let frames = self.counts.frames.fetch_add(1, Ordering::Relaxed) + 1;
                    if self.settings.drop_after.is_some_and(|limit| frames >= limit) {
                        return Fault::Drop;
                    }
                }
            }
        }
        Fault::None
    }

    fn begin(&mut self, header: RawHeader, out: &mut Vec<u8>) {
        if let Some(changed) = self.corrupted(&header) {
            self.notes.push(changed.note.clone());
            out.extend(&changed.header);
            self.frame = Some(Rewriting::Corrupted(changed));
            return;
        }
        match self.settings.fragment.filter(|_| self.is_affected()) {
            Some(size) if !header.is_control() && header.length > size => {
                let count = header.length.div_ceil(size);
                self.notes.push(format!("a frame with {} bytes becomes {count} fragments", header.length));
                out.extend(fragment(&header, 0, size));
                self.frame = Some(Rewriting::Fragments(header, size));
            }
            _ => {
                out.extend(&header.bytes);
                self.frame = Some(Rewriting::Unchanged);
            }
        }
    }

    fn corrupted(&mut self, header: &RawHeader) -> Option<Changed> {
        let changed = self.settings.corrupt.filter(|_| self.is_affected())?.change(header, self.side)?;
        self.seen += 1;
        (self.settings.at == 0 || self.settings.at == self.seen).then_some(changed)
    }

    fn payload(&mut self, piece: &[u8], before: u64, out: &mut Vec<u8>) {
        match &mut self.frame {
            None | Some(Rewriting::Unchanged) => out.extend_from_slice(piece),
            Some(Rewriting::Corrupted(changed)) => changed.payload(piece, before, out),
            Some(Rewriting::Fragments(header, left)) => {
                let size = self.settings.fragment.unwrap_or(u64::MAX);
                let (mut piece, mut at) = (piece, before);
                while !piece.is_empty() {
                    if *left == 0 {
                        out.extend(fragment(header, at, size));
                        *left = size;
                    }
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(piece.len());
                    let (now, after) = piece.split_at(count);
                    out.extend_from_slice(now);
                    (piece, at, *left) = (after, at + count as u64, *left - count as u64);
                }
            }
        }
    }
}

/// The header of the fragment that begins at this byte of a payload. The masked bytes stay as they are, because its key is the old
/// one, which begins where the fragment does.
fn fragment(header: &RawHeader, at: u64, size: u64) -> Vec<u8> {
    let (length, is_first) = (header.length.saturating_sub(at).min(size), at == 0);
    let fragment = RawHeader {
        fin: header.fin && at.saturating_add(length) == header.length,
        rsv: if is_first { header.rsv } else { 0 },
        opcode: if is_first { header.opcode } else { 0 },
        key: header.key.map(|key| mask::rotate_key(key, (at % 4) as usize)),
        length,
        bytes: Vec::new(),
    };
    fragment.encode()
}
