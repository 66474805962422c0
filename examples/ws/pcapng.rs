//! Captures in the format pcapng (draft-ietf-opsawg-pcapng), which Wireshark, tshark and tcpdump read and write.
//!
//! | file | content |
//! |---|---|
//! | here | the blocks of a file: written whole, read with their errors |
//! | `packet.rs` | IP and TCP: the packets that are written, and those that are read |
//! | `capture.rs` | writes connections, of which only the bytes are known |
//! | `streams.rs` | reads connections: the bytes of both directions in their order |

pub(crate) mod capture;
mod packet;
pub(crate) mod streams;

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

/// The types of blocks that are known here.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const PACKET: u32 = 6;

/// Tells the order of the bytes in a section.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Packets begin with the header of IP.
const LINK_RAW: u16 = 101;

const OPTION_COMMENT: u16 = 1;
const OPTION_APPLICATION: u16 = 4;
const OPTION_RESOLUTION: u16 = 9;

/// Maximum number of bytes in a block. Packets have at most 64 KiB, and blocks that are skipped may have more.
const MAX_BLOCK: u32 = 16 << 20;
/// Maximum number of interfaces in a section.
const MAX_INTERFACES: usize = 1024;

// ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Writes each block with one call, so that a file that is cut has whole blocks.
struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    fn new(mut out: W) -> io::Result<Writer<W>> {
        let mut section = Vec::new();
        section.extend(BYTE_ORDER.to_le_bytes());
        // Version 1.0, and a length that is not known.
        section.extend([1, 0, 0, 0]);
        section.extend(u64::MAX.to_le_bytes());
        push_option(&mut section, OPTION_APPLICATION, concat!("ws ", env!("CARGO_PKG_VERSION")));
        let mut interface = Vec::new();
        interface.extend(LINK_RAW.to_le_bytes());
        // Reserved, and packets of any length.
        interface.extend([0; 6]);
        let mut begin = block(SECTION, &section);
        begin.extend(block(INTERFACE, &interface));
        out.write_all(&begin)?;
        Ok(Writer { out })
    }

    fn packet(&mut self, at: Duration, packet: &[u8], comment: Option<&str>) -> io::Result<()> {
        let micros = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        let length = u32::try_from(packet.len()).map_err(io::Error::other)?;
        let mut body = vec![0; 4];
        body.extend(((micros >> 32) as u32).to_le_bytes());
        body.extend((micros as u32).to_le_bytes());
        body.extend(length.to_le_bytes());
        body.extend(length.to_le_bytes());
        body.extend_from_slice(packet);
        pad(&mut body);
        if let Some(comment) = comment {
            push_option(&mut body, OPTION_COMMENT, comment);
        }
        self.out.write_all(&block(PACKET, &body))
    }
}

/// A block: its type, its length, the body, and the length once more.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).saturating_add(12).to_le_bytes();
    [&kind.to_le_bytes()[..], &length, body, &length].concat()
}

/// An option, and the end of all options.
fn push_option(body: &mut Vec<u8>, code: u16, value: &str) {
    let value = value.as_bytes().get(..1024).unwrap_or(value.as_bytes());
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
    body.extend([0; 4]);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

// ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A packet of a file.
struct Packet {
    /// Since 1970. Zero in blocks without a time.
    at: Duration,
    /// The type of the link, which says with which header the bytes begin.
    link: u16,
    bytes: Vec<u8>,
    /// Not all bytes were captured.
    is_cut: bool,
}

#[derive(Clone, Copy)]
struct Interface {
    link: u16,
    /// Units of time in a second.
    units: u64,
    /// Maximum number of bytes of a packet that were captured. 0: all.
    snap: u32,
}

/// The packets of a file, which is read block by block.
struct Reader<R> {
    input: R,
    /// Number of bytes before the block that is read.
    offset: u64,
    is_big_endian: bool,
    has_begun: bool,
    interfaces: Vec<Interface>,
}

impl<R: Read> Reader<R> {
    fn new(input: R) -> Reader<R> {
        Reader { input, offset: 0, is_big_endian: false, has_begun: false, interfaces: Vec::new() }
    }

    /// The next packet. `None`: the file ends.
    fn next(&mut self) -> Result<Option<Packet>, String> {
        loop {
            let at = self.offset;
            let Some((kind, body)) = self.block().map_err(|problem| format!("byte {at}: {problem}"))? else {
                return Ok(None);
            };
            let packet = match kind {
                SECTION => self.section(),
                INTERFACE => self.interface(&body),
                PACKET => self.packet(&body),
                SIMPLE_PACKET => self.simple_packet(&body),
                // Names, statistics, secrets, and whatever others have defined.
                _ => Ok(None),
            };
            let packet = packet.map_err(|problem| format!("byte {at}: {problem}"))?;
            if packet.is_some() {
                return Ok(packet);
            }
        }
    }

    fn block(&mut self) -> Result<Option<(u32, Vec<u8>)>, String> {
        let mut head = [0; 12];
        match self.fill(&mut head[..8])? {
            0 if self.has_begun => return Ok(None),
            0 => return Err("the file is empty".to_owned()),
            8 => {}
            count => return Err(format!("the file ends {count} bytes after the begin of a block")),
        }
        // The type of a section reads the same in both orders.
        let kind = self.number(&head);
        if !self.has_begun && kind != SECTION {
            return Err(not_pcapng(&head));
        }
        let mut body = Vec::new();
        if kind == SECTION {
            self.need(&mut head[8..])?;
            let order = &head[8..];
            self.is_big_endian = match order {
                _ if order == BYTE_ORDER.to_be_bytes() => true,
                _ if order == BYTE_ORDER.to_le_bytes() => false,
                _ => return Err("the section has no valid byte-order magic".to_owned()),
            };
            body.extend_from_slice(order);
        }
        let length = self.number(&head[4..]);
        let least = if kind == SECTION { 28 } else { 12 };
        if length % 4 != 0 || !(least..=MAX_BLOCK).contains(&length) {
            return Err(format!("a block has the length {length}; it is a multiple of 4 from {least} to {MAX_BLOCK}"));
        }
        let begun = body.len();
        let rest = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(12);
        self.read_body(&mut body, begun, rest)?;
        let mut trailer = [0; 4];
        self.need(&mut trailer)?;
        let repeated = self.number(&trailer);
        if repeated != length {
            return Err(format!("a block has the length {length} at its begin and {repeated} at its end"));
        }
        self.offset = self.offset.saturating_add(u64::from(length));
        self.has_begun = true;
        Ok(Some((kind, body)))
    }

    /// Takes memory only for what the file has.
    fn read_body(&mut self, body: &mut Vec<u8>, begun: usize, length: usize) -> Result<(), String> {
        let left = length.saturating_sub(begun);
        let read = (&mut self.input).take(left as u64).read_to_end(body).map_err(|error| error.to_string())?;
        match read == left {
            true => Ok(()),
            false => Err(format!("the file ends inside a block, after {} of {length} bytes", begun + read)),
        }
    }

    fn need(&mut self, to: &mut [u8]) -> Result<(), String> {
        match self.fill(to)? == to.len() {
            true => Ok(()),
            false => Err("the file ends inside a block".to_owned()),
        }
    }

    /// The number of bytes that were read, which is less only at the end.
    fn fill(&mut self, to: &mut [u8]) -> Result<usize, String> {
        let mut count = 0;
        while let Some(rest) = to.get_mut(count..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(count)
    }

    /// The number with which these bytes begin, in the order of the section.
    fn number(&self, bytes: &[u8]) -> u32 {
        let digits: [u8; 4] = bytes.get(..4).and_then(|digits| digits.try_into().ok()).unwrap_or_default();
        if self.is_big_endian {
            u32::from_be_bytes(digits)
        } else {
            u32::from_le_bytes(digits)
        }
    }

    fn short(&self, bytes: &[u8]) -> u16 {
        let digits: [u8; 2] = bytes.get(..2).and_then(|digits| digits.try_into().ok()).unwrap_or_default();
        if self.is_big_endian {
            u16::from_be_bytes(digits)
        } else {
            u16::from_le_bytes(digits)
        }
    }

    /// Interfaces are numbered in their section.
    fn section(&mut self) -> Result<Option<Packet>, String> {
        self.interfaces.clear();
        Ok(None)
    }

    fn interface(&mut self, body: &[u8]) -> Result<Option<Packet>, String> {
        if body.len() < 8 || self.interfaces.len() >= MAX_INTERFACES {
            return Err("an interface is cut, or one of more than 1024".to_owned());
        }
        let resolution = self.option(body.get(8..).unwrap_or_default(), OPTION_RESOLUTION);
        let units = match resolution.and_then(|value| value.first().copied()) {
            None => 1_000_000,
            Some(power) if power & 0x80 == 0 && power <= 18 => 10_u64.pow(u32::from(power)),
            Some(power) if power & 0x80 != 0 && power & 0x7f < 64 => 1 << (power & 0x7f),
            Some(power) => return Err(format!("an interface has the resolution of time {power}")),
        };
        let snap = self.number(body.get(4..).unwrap_or_default());
        self.interfaces.push(Interface { link: self.short(body), units, snap });
        Ok(None)
    }

    /// The value of an option.
    fn option<'a>(&self, mut options: &'a [u8], wanted: u16) -> Option<&'a [u8]> {
        loop {
            let (code, length) = (self.short(options), usize::from(self.short(options.get(2..)?)));
            let value = options.get(4..4 + length)?;
            match code {
                0 => return None,
                _ if code == wanted => return Some(value),
                _ => options = options.get(4 + length.next_multiple_of(4)..)?,
            }
        }
    }

    fn packet(&self, body: &[u8]) -> Result<Option<Packet>, String> {
        let [number, high, low, captured, length] = [0, 4, 8, 12, 16].map(|at| match body.get(at..) {
            Some(bytes) => self.number(bytes),
            None => 0,
        });
        let interface = usize::try_from(number).ok().and_then(|number| self.interfaces.get(number));
        let interface = interface.ok_or_else(|| format!("a packet is of the interface {number}, which is missing"))?;
        let end = usize::try_from(captured).ok().and_then(|captured| captured.checked_add(20));
        let bytes = end.and_then(|end| body.get(20..end));
        let bytes = bytes.ok_or_else(|| format!("a packet has {captured} bytes, and its block has not"))?;
        let time = u64::from(high) << 32 | u64::from(low);
        let nanos = u128::from(time % interface.units) * 1_000_000_000 / u128::from(interface.units);
        let at = Duration::new(time / interface.units, u32::try_from(nanos).unwrap_or_default());
        Ok(Some(Packet { at, link: interface.link, bytes: bytes.to_vec(), is_cut: captured < length }))
    }

    fn simple_packet(&self, body: &[u8]) -> Result<Option<Packet>, String> {
        let interface = self.interfaces.first().ok_or("a packet comes before the first interface")?;
        let length = self.number(body);
        let captured = if interface.snap == 0 { length } else { length.min(interface.snap) };
        let end = usize::try_from(captured).ok().and_then(|captured| captured.checked_add(4));
        let bytes = end.and_then(|end| body.get(4..end));
        let bytes = bytes.ok_or_else(|| format!("a packet has {captured} bytes, and its block has not"))?;
        let is_cut = captured < length;
        Ok(Some(Packet { at: Duration::ZERO, link: interface.link, bytes: bytes.to_vec(), is_cut }))
    }
}

fn not_pcapng(head: &[u8; 12]) -> String {
    match head {
        [0xd4, 0xc3, 0xb2 | 0x3c, 0xa1 | 0x4d, ..] | [0xa1, 0xb2, 0xc3, 0xd4, ..] | [0x4d, 0x3c, 0xb2, 0xa1, ..] => {
            "this is the older format pcap; editcap -F pcapng converts it".to_owned()
        }
        _ => "this is not pcapng: it does not begin with 0a 0d 0d 0a".to_owned(),
    }
}
