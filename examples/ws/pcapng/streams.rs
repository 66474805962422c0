//! Reads connections from a file: the bytes of both directions in their order, without what was sent twice.
//!
//! Only connections whose client begins with `GET ` are returned. Memory is bounded by the limits below: for each connection, what
//! came too early.
//!
//! | segment of a direction | does |
//! |---|---|
//! | begins at the next byte | its bytes, and those that were waiting for them |
//! | begins before it | what is new |
//! | begins behind it | waits |
//! | FIN, when all bytes before it have come | the direction has ended |
//! | RST | the connection has ended |
//! | SYN of a client that has one already | the connection has ended, and another begins |

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use super::packet::{segment, Segment, ACK, FIN, RST, SYN};
use super::Reader;
use crate::session::Side;

/// Maximum number of connections at a time.
const MAX_OPEN: usize = 16_384;
/// Maximum number of segments and of bytes of a direction that wait.
const MAX_WAITING: usize = 4_096;
const MAX_WAITING_BYTES: usize = 8 << 20;

/// Why a connection is not whole.
const MISSING: &str = "bytes are missing in the file";
const CUT: &str = "bytes are missing: a packet was captured without its end";

/// Something that happened on a connection.
pub(crate) struct Item {
    /// Since 1970.
    pub(crate) at: Duration,
    /// Counts from 1.
    pub(crate) connection: u64,
    pub(crate) what: What,
}

pub(crate) enum What {
    Opened {
        client: SocketAddr,
        server: SocketAddr,
    },
    Bytes(Side, Vec<u8>),
    HalfClosed(Side),
    /// No bytes follow. The reason is a clause.
    Closed(&'static str),
}

/// The connections of a file, as their packets come.
pub(crate) struct Streams<R> {
    reader: Reader<R>,
    flows: HashMap<(SocketAddr, SocketAddr), Flow>,
    /// Number of connections until now.
    count: u64,
    ready: VecDeque<Item>,
    last: Duration,
    has_ended: bool,
}

struct Flow {
    /// 0 until the first bytes have come.
    number: u64,
    client: SocketAddr,
    server: SocketAddr,
    /// Other than WebSocket.
    is_ignored: bool,
    of_client: Direction,
    of_server: Direction,
}

#[derive(Default)]
struct Direction {
    /// The number of the next byte.
    next: Option<u32>,
    waiting: BTreeMap<u32, Vec<u8>>,
    waiting_bytes: usize,
    /// The number of the end.
    fin: Option<u32>,
    has_ended: bool,
}

impl<R: Read> Streams<R> {
    pub(crate) fn new(input: R) -> Streams<R> {
        Streams {
            reader: Reader::new(input),
            flows: HashMap::new(),
            count: 0,
            ready: VecDeque::new(),
            last: Duration::ZERO,
            has_ended: false,
        }
    }

    /// The next item. `None`: the file ends.
    pub(crate) fn next(&mut self) -> Result<Option<Item>, String> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            if self.has_ended {
                return Ok(None);
            }
            match self.reader.next()? {
                Some(packet) => {
                    self.last = packet.at;
                    if let Some(segment) = segment(packet.link, &packet.bytes) {
                        self.segment(&segment, packet.is_cut)?;
                    }
                }
                None => self.end(),
            }
        }
    }

    fn segment(&mut self, segment: &Segment<'_>, is_cut: bool) -> Result<(), String> {
        let (key, is_known) = self.key(segment);
        let begins = segment.flags & (SYN | ACK) == SYN;
        if begins && is_known && self.flows.get(&key).is_some_and(|flow| flow.number > 0) {
            self.close(key, "another one with the same ports follows");
        }
        if !self.flows.contains_key(&key) {
            // What follows an end does not begin a connection.
            if segment.payload.is_empty() && segment.flags & SYN == 0 {
                return Ok(());
            }
            if self.flows.len() >= MAX_OPEN {
                return Err(format!("more than {MAX_OPEN} connections are open at a time; tshark -Y selects some"));
            }
            self.flows.insert(key, Flow::new(key));
        }
        let Some(flow) = self.flows.get_mut(&key) else { return Ok(()) };
        let side = if segment.from == flow.client { Side::Client } else { Side::Server };
        let mut first = segment.sequence;
        if segment.flags & SYN != 0 {
            first = first.wrapping_add(1);
            flow.direction(side).next = Some(first);
        }
        if flow.is_ignored {
            if segment.flags & (RST | FIN) != 0 {
                self.flows.remove(&key);
            }
            return Ok(());
        }
        let direction = flow.direction(side);
        if segment.flags & FIN != 0 {
            direction.fin = Some(first.wrapping_add(segment.payload.len() as u32));
        }
        let pieces = direction.take(first, segment.payload);
        let is_lost = direction.waiting.len() > MAX_WAITING || direction.waiting_bytes > MAX_WAITING_BYTES;
        for bytes in pieces {
            self.bytes(key, side, bytes);
        }
        if is_lost {
            self.close(key, MISSING);
        }
        if is_cut && !segment.payload.is_empty() {
            self.close(key, CUT);
        }
        if segment.flags & RST != 0 {
            self.close(key, "it was reset");
        }
        self.check_end(key, side);
        Ok(())
    }

    /// The client and the server of a segment, and whether their connection is known.
    fn key(&self, segment: &Segment<'_>) -> ((SocketAddr, SocketAddr), bool) {
        let (forth, back) = ((segment.from, segment.to), (segment.to, segment.from));
        match segment.flags & (SYN | ACK) {
            SYN => (forth, self.flows.contains_key(&forth)),
            _ if self.flows.contains_key(&forth) => (forth, true),
            _ if self.flows.contains_key(&back) => (back, true),
            flags if flags & SYN != 0 => (back, false),
            // The file begins inside the connection: a request comes from a client.
            _ => (forth, false),
        }
    }

    fn bytes(&mut self, key: (SocketAddr, SocketAddr), side: Side, bytes: Vec<u8>) {
        let Some(flow) = self.flows.get_mut(&key) else { return };
        if flow.number == 0 && !flow.is_ignored {
            let length = bytes.len().min(4);
            if side == Side::Server || bytes.get(..length) != b"GET ".get(..length) {
                flow.is_ignored = true;
            } else {
                self.count += 1;
                flow.number = self.count;
                let what = What::Opened { client: flow.client, server: flow.server };
                self.ready.push_back(Item { at: self.last, connection: flow.number, what });
            }
        }
        if flow.number > 0 {
            self.ready.push_back(Item { at: self.last, connection: flow.number, what: What::Bytes(side, bytes) });
        }
    }

    fn check_end(&mut self, key: (SocketAddr, SocketAddr), side: Side) {
        let Some(flow) = self.flows.get_mut(&key) else { return };
        let number = flow.number;
        let direction = flow.direction(side);
        if direction.has_ended || direction.fin.is_none() || direction.fin != direction.next {
            return;
        }
        direction.has_ended = true;
        if number > 0 {
            self.ready.push_back(Item { at: self.last, connection: number, what: What::HalfClosed(side) });
        }
        if flow.of_client.has_ended && flow.of_server.has_ended {
            self.close(key, "both sides have ended");
        }
    }

    fn close(&mut self, key: (SocketAddr, SocketAddr), reason: &'static str) {
        let Some(flow) = self.flows.remove(&key).filter(|flow| flow.number > 0) else { return };
        let is_whole = flow.of_client.waiting.is_empty() && flow.of_server.waiting.is_empty();
        let reason = if is_whole { reason } else { MISSING };
        self.ready.push_back(Item { at: self.last, connection: flow.number, what: What::Closed(reason) });
    }

    fn end(&mut self) {
        self.has_ended = true;
        let mut left: Vec<_> = self.flows.iter().map(|(key, flow)| (flow.number, *key)).collect();
        left.sort_unstable_by_key(|(number, _)| *number);
        for (_, key) in left {
            self.close(key, "the file ends");
        }
    }
}

impl Flow {
    fn new((client, server): (SocketAddr, SocketAddr)) -> Flow {
        let (of_client, of_server) = (Direction::default(), Direction::default());
        Flow { number: 0, client, server, is_ignored: false, of_client, of_server }
    }

    fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Client => &mut self.of_client,
            Side::Server => &mut self.of_server,
        }
    }
}

impl Direction {
    /// Takes a segment, and returns what is complete now.
    fn take(&mut self, first: u32, payload: &[u8]) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        if payload.is_empty() {
            return pieces;
        }
        let next = self.next.get_or_insert(first);
        if is_behind(first, *next) {
            if let std::collections::btree_map::Entry::Vacant(place) = self.waiting.entry(first) {
                place.insert(payload.to_vec());
                self.waiting_bytes += payload.len();
            }
            return pieces;
        }
        pieces.extend(new_part(next, first, payload));
        while let Some((&first, _)) = self.waiting.iter().find(|(first, _)| !is_behind(**first, *next)) {
            if let Some(payload) = self.waiting.remove(&first) {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(payload.len());
                pieces.extend(new_part(next, first, &payload));
            }
        }
        pieces
    }
}

/// Whether bytes are missing between `next` and `first`. Numbers begin again after the largest.
fn is_behind(first: u32, next: u32) -> bool {
    let distance = first.wrapping_sub(next);
    distance != 0 && distance < 1 << 31
}

/// The bytes of a segment from `next` on, which moves behind them.
fn new_part(next: &mut u32, first: u32, payload: &[u8]) -> Option<Vec<u8>> {
    let known = usize::try_from(next.wrapping_sub(first)).unwrap_or(usize::MAX);
    let new = payload.get(known..).filter(|new| !new.is_empty())?;
    *next = next.wrapping_add(new.len() as u32);
    Some(new.to_vec())
}
