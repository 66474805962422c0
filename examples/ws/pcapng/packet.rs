//! IP packets with a TCP segment (RFC 791, RFC 8200, RFC 9293).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

/// The number of TCP in the header of IP.
const TCP: u8 = 6;

/// A segment, and between whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    pub(super) acknowledged: u32,
    pub(super) flags: u8,
    pub(super) payload: &'a [u8],
}

// ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

impl Segment<'_> {
    /// The packet, from the header of IP on. The payload has at most 32 KiB.
    pub(super) fn packet(&self) -> Vec<u8> {
        let mut tcp = Vec::with_capacity(20 + self.payload.len());
        tcp.extend(self.from.port().to_be_bytes());
        tcp.extend(self.to.port().to_be_bytes());
        tcp.extend(self.sequence.to_be_bytes());
        tcp.extend(self.acknowledged.to_be_bytes());
        // 20 bytes of header, the largest window, the checksum, and no urgent data.
        tcp.extend([0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend_from_slice(self.payload);
        let length = u16::try_from(tcp.len()).unwrap_or(u16::MAX);
        let (mut packet, pseudo) = match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => version_4(from, to, length),
            (from, to) => version_6(mapped(from), mapped(to), length),
        };
        let sum = checksum(&[&pseudo, &tcp]).to_be_bytes();
        if let Some(place) = tcp.get_mut(16..18) {
            place.copy_from_slice(&sum);
        }
        packet.extend(tcp);
        packet
    }
}

/// The header of IP, and what the checksum of TCP covers of it.
fn version_4(from: Ipv4Addr, to: Ipv4Addr, length: u16) -> (Vec<u8>, Vec<u8>) {
    let total = length.saturating_add(20).to_be_bytes();
    // Not to be fragmented, 64 hops.
    let mut header = vec![0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, TCP, 0, 0];
    header.extend(from.octets());
    header.extend(to.octets());
    let sum = checksum(&[&header]).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    let pseudo = [&from.octets()[..], &to.octets(), &[0, TCP], &length.to_be_bytes()].concat();
    (header, pseudo)
}

fn version_6(from: Ipv6Addr, to: Ipv6Addr, length: u16) -> (Vec<u8>, Vec<u8>) {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend(length.to_be_bytes());
    header.extend([TCP, 64]);
    header.extend(from.octets());
    header.extend(to.octets());
    let pseudo = [&from.octets()[..], &to.octets(), &u32::from(length).to_be_bytes(), &[0, 0, 0, TCP]].concat();
    (header, pseudo)
}

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// The checksum of these parts, of which all but the last have an even length (RFC 1071).
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let word = |pair: &[u8]| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0));
    let mut sum: u64 = words.map(word).sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

// ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// The segment in a packet. `None`: another protocol, or a fragment of a packet, or a packet that is cut in its headers.
pub(super) fn segment(link: u16, bytes: &[u8]) -> Option<Segment<'_>> {
    let ip = match link {
        // Raw IP, in all its numbers.
        101 | 12 | 14 | 228 | 229 => bytes,
        // Loopback: the family in four bytes.
        0 | 108 => bytes.get(4..)?,
        1 => ethernet(bytes.get(12..)?)?,
        // Linux cooked captures.
        113 => bytes.get(16..)?,
        276 => bytes.get(20..)?,
        _ => return None,
    };
    match ip.first()? >> 4 {
        4 => read_4(ip),
        6 => read_6(ip),
        _ => None,
    }
}

/// What follows the addresses of Ethernet, without the tags of VLANs.
fn ethernet(mut bytes: &[u8]) -> Option<&[u8]> {
    for _ in 0..3 {
        match bytes {
            [0x08, 0x00, ..] | [0x86, 0xdd, ..] => return bytes.get(2..),
            [0x81, 0x00, ..] | [0x88, 0xa8, ..] => bytes = bytes.get(4..)?,
            _ => return None,
        }
    }
    None
}

fn read_4(ip: &[u8]) -> Option<Segment<'_>> {
    let header = usize::from(ip.first()? & 0x0f) * 4;
    let total = usize::from(short(ip, 2)?);
    // More fragments, or not the first.
    let is_fragment = short(ip, 6)? & 0x3fff != 0;
    if header < 20 || *ip.get(9)? != TCP || is_fragment {
        return None;
    }
    let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?));
    // Ethernet pads short packets. A length of 0 is one that the network card would have set.
    let end = if total == 0 { ip.len() } else { total.min(ip.len()) };
    read_tcp(address(12)?.into(), address(16)?.into(), ip.get(header..end)?)
}

/// Without extension headers, which TCP does not come with in practice.
fn read_6(ip: &[u8]) -> Option<Segment<'_>> {
    let length = usize::from(short(ip, 4)?);
    if *ip.get(6)? != TCP {
        return None;
    }
    let address = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(ip.get(at..at + 16)?).ok()?));
    let end = if length == 0 { ip.len() } else { (40 + length).min(ip.len()) };
    read_tcp(address(8)?.into(), address(24)?.into(), ip.get(40..end)?)
}

fn read_tcp(from: IpAddr, to: IpAddr, tcp: &[u8]) -> Option<Segment<'_>> {
    let long = |at: usize| Some(u32::from_be_bytes(tcp.get(at..at + 4)?.try_into().ok()?));
    let header = usize::from(tcp.get(12)? >> 4) * 4;
    Some(Segment {
        from: SocketAddr::new(from, short(tcp, 0)?),
        to: SocketAddr::new(to, short(tcp, 2)?),
        sequence: long(4)?,
        acknowledged: long(8)?,
        flags: *tcp.get(13)?,
        payload: tcp.get(header.max(20)..)?,
    })
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}
