//! What `ws inspect` has to tell: events, and the sinks that take them.

use std::net::SocketAddr;
use std::time::Duration;

use crate::args::Failure;
use crate::session::Side;

/// Maximum number of payload bytes that an event of `ws inspect` holds. The rest is counted.
pub(crate) const SHOWN: usize = 16 << 10;

/// Something that happened on a connection.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Since 1970.
    pub(crate) at: Duration,
    /// Counts from 1.
    pub(crate) connection: u64,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    /// Both TCP connections are open.
    Opened { client: SocketAddr, server: SocketAddr },
    /// The head of a request or of a response.
    Head(Head),
    /// A frame: when it is complete, or when its direction ends inside it.
    Frame(Box<Frame>),
    /// Bytes that are neither: the body of a response, frames of old drafts, what follows a head that is invalid.
    Bytes { from: Side, length: u64, text: String },
    /// The bytes of this direction were changed on purpose. Comes before the event of what was changed.
    Fault { from: Side, text: String },
    /// This side has ended its direction.
    HalfClosed { from: Side },
    /// Both TCP connections are closed.
    Ended { reason: String },
}

/// A head, whose secrets are left out unless they are to be shown.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) from: Side,
    /// Number of bytes.
    pub(crate) length: u64,
    /// The first line, without a query.
    pub(crate) line: String,
    /// Frames follow in this direction, as far as this head decides it.
    pub(crate) opens: Opens,
    /// The explanation, in lines.
    pub(crate) text: String,
}

/// What a head leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opens {
    /// A request, or an interim response.
    Pending,
    /// A response 101. Messages may be compressed in the second case.
    WebSocket,
    Compressed,
    /// Any other response, or a head that is incomplete or invalid.
    Nothing,
}

/// A frame as RFC 6455 section 5.2 draws it.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) from: Side,
    /// Counts the frames of this direction from 1.
    pub(crate) number: u64,
    pub(crate) fin: bool,
    /// RSV1 is 4, RSV2 is 2, RSV3 is 1.
    pub(crate) rsv: u8,
    /// Four bits.
    pub(crate) opcode: u8,
    /// Number of payload bytes that the header announces.
    pub(crate) length: u64,
    /// The masking key, if the frame is masked.
    pub(crate) key: Option<[u8; 4]>,
    /// The header as it was on the wire.
    pub(crate) header: Vec<u8>,
    /// Number of payload bytes that have come: `length`, unless the direction has ended before.
    pub(crate) received: u64,
    /// The payload as it was on the wire, the first of them.
    pub(crate) wire: Vec<u8>,
    /// The same bytes without the mask.
    pub(crate) payload: Vec<u8>,
    /// What the payload of a compressed message decompresses to.
    pub(crate) inflated: Option<Inflated>,
    /// The rule that this frame breaks first.
    pub(crate) broken: Option<Broken>,
    /// The explanation, in lines.
    pub(crate) text: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Inflated {
    /// The first of them.
    pub(crate) bytes: Vec<u8>,
    /// Number of all bytes.
    pub(crate) length: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The id of the requirement, as in `tests/requirements`.
    pub(crate) requirement: &'static str,
    pub(crate) text: String,
}

impl Frame {
    pub(crate) fn opcode_name(&self) -> &'static str {
        match self.opcode {
            0 => "continuation",
            1 => "text",
            2 => "binary",
            8 => "close",
            9 => "ping",
            10 => "pong",
            _ => "reserved",
        }
    }
}

impl What {
    /// The name of the event.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            What::Opened { .. } => "opened",
            What::Head(_) => "head",
            What::Frame(_) => "frame",
            What::Bytes { .. } => "bytes",
            What::Fault { .. } => "fault",
            What::HalfClosed { .. } => "half-closed",
            What::Ended { .. } => "ended",
        }
    }
}

/// The receiver of all events of all connections: a terminal, a file, a page.
///
/// The calls come one after the other, from the threads that relay. The bytes are not passed on before a call returns, so a
/// slow sink slows the peers, and needs no memory for them.
pub(crate) trait Sink: Send {
    /// Bytes as they are passed on, before the events that they complete.
    fn bytes(&mut self, _at: Duration, _connection: u64, _from: Side, _bytes: &[u8]) -> Result<(), Failure> {
        Ok(())
    }

    /// An event. A failure ends the tool.
    fn event(&mut self, event: &Event) -> Result<(), Failure>;
}
