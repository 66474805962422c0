//! A message, encoded once for each kind of connection.

use std::sync::Arc;

use crate::lock::Lock;
use crate::message::{Kind, MessageRef};
use crate::protocol::deflate::Press as Compression;
use crate::protocol::encoder::{Encoder, Shape};
use crate::trace::Origin;
use crate::websocket::share::{Parcel, Wrap};
use crate::wire::frame::{self, Opcode};

/// A larger buffer is not kept.
const KEEP: usize = 64 << 10;

/// Makes frames. Its lock is held while one thread compresses; no member is waited for meanwhile.
#[derive(Default)]
pub(super) struct Press(Lock<Tools>);

#[derive(Default)]
struct Tools {
    /// One for each kind of compression that is in use.
    encoders: Vec<(Compression, Encoder)>,
    buffer: Vec<u8>,
}

/// One message in all its shapes.
pub(super) struct Print {
    pub(super) kind: Kind,
    origin: Origin,
    /// As a server sends it, and where the payload begins in that.
    plain: Arc<[u8]>,
    header: usize,
    deflated: Vec<(Compression, Arc<[u8]>)>,
}

impl Press {
    pub(super) fn print(&self, message: MessageRef<'_>, shapes: &[Shape]) -> Print {
        let mut tools = self.0.lock();
        let Tools { encoders, buffer } = &mut *tools;
        encoders.retain(|(known, _)| shapes.contains(&Shape::Deflated(*known)));
        let (kind, payload) = (message.kind(), message.as_bytes());
        buffer.clear();
        frame::emit(buffer, true, Opcode::Data(kind), payload.len() as u64, None);
        let header = buffer.len();
        buffer.extend_from_slice(payload);
        let mut print = Print {
            kind,
            origin: Origin::current(),
            plain: Arc::from(buffer.as_slice()),
            header,
            deflated: Vec::new(),
        };
        for shape in shapes {
            let Shape::Deflated(compression) = *shape else { continue };
            if !encoders.iter().any(|(known, _)| *known == compression) {
                encoders.push((compression, Encoder::shared(*shape)));
            }
            let Some((_, encoder)) = encoders.iter_mut().find(|(known, _)| *known == compression) else { continue };
            if !encoder.compresses(payload.len()) {
                continue;
            }
            buffer.clear();
            let done = encoder.compressed(buffer, true, Opcode::Data(kind), payload);
            // 7692-6.1-2: one that does not get shorter goes as it is.
            if done.is_ok() && buffer.len() < print.plain.len() {
                print.deflated.push((compression, Arc::from(buffer.as_slice())));
            }
        }
        if buffer.capacity() > KEEP {
            *buffer = Vec::new();
        }
        print
    }
}

impl Print {
    /// For a connection of this shape. One of a shape that was not there when the message was printed gets it as it is,
    /// which every connection understands.
    pub(super) fn parcel(&self, shape: Shape) -> Parcel {
        let plain = |wrap| Parcel { frame: self.plain.clone(), wrap, origin: self.origin };
        match shape {
            Shape::Own => plain(Wrap::Payload(self.kind, self.header)),
            Shape::Plain => plain(Wrap::Frame),
            Shape::Deflated(compression) => match self.deflated.iter().find(|(known, _)| *known == compression) {
                Some((_, frame)) => Parcel { frame: frame.clone(), wrap: Wrap::Deflated, origin: self.origin },
                None => plain(Wrap::Frame),
            },
        }
    }
}
