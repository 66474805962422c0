//! What the negotiated protocol allows: message kinds, control frames, and the form of a Close.
//!
//! RFC 6455 and each draft (feature `legacy`) differ here and in `framing`, and nowhere else in this folder. Without the
//! feature [`Protocol`] has one variant and no size. Knows the codec; must not know a connection.

use crate::close::CloseCode;
use crate::codec::close as close_body;
#[cfg(feature = "legacy")]
use crate::codec::frame::Role;
use crate::codec::frame::{Opcode, MAX_CONTROL};
use crate::error::UsageError;
#[cfg(feature = "legacy")]
use crate::legacy::table::DraftSpec;
#[cfg(feature = "legacy")]
use crate::legacy::Capability;
#[cfg(feature = "legacy")]
use crate::message::MessageKind;

/// The negotiated protocol: what can be sent, and how the connection is closed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    Rfc6455,
    #[cfg(feature = "legacy")]
    Draft(&'static DraftSpec, Role),
}

impl Protocol {
    /// Whether messages of this kind can be sent.
    #[inline]
    pub(crate) fn check_message(self, _opcode: Opcode) -> Result<(), UsageError> {
        match self {
            Protocol::Rfc6455 => Ok(()),
            #[cfg(feature = "legacy")]
            Protocol::Draft(spec, _) if _opcode == Opcode::Data(MessageKind::Binary) => {
                spec.require(Capability::BinaryMessages)
            }
            #[cfg(feature = "legacy")]
            Protocol::Draft(..) => Ok(()),
        }
    }

    /// Whether messages can be sent in fragments.
    pub(crate) fn check_stream(self) -> Result<(), UsageError> {
        match self {
            Protocol::Rfc6455 => Ok(()),
            #[cfg(feature = "legacy")]
            Protocol::Draft(spec, _) => spec.require(Capability::Fragmentation),
        }
    }

    /// Whether a Ping can be sent. Without Pings there is no keepalive.
    pub(crate) fn check_ping(self) -> Result<(), UsageError> {
        match self {
            Protocol::Rfc6455 => Ok(()),
            #[cfg(feature = "legacy")]
            Protocol::Draft(spec, _) => spec.require(Capability::Ping),
        }
    }

    /// Whether Pings and Pongs of the caller's choice can be sent. Where a Pong without a Ping is a violation, they cannot.
    pub(crate) fn check_control_payload(self, payload: &[u8]) -> Result<(), UsageError> {
        self.check_ping()?;
        // 6455-5.5-1
        if payload.len() > MAX_CONTROL {
            return Err(UsageError::ControlPayloadTooLong(payload.len()));
        }
        match self {
            #[cfg(feature = "legacy")]
            Protocol::Draft(spec, _) if spec.rejects_unsolicited_pongs() => {
                Err(UsageError::UnsupportedByVersion { feature: "Pong without a Ping", version: spec.name })
            }
            _ => Ok(()),
        }
    }

    /// Whether a Ping or a Pong is allowed between the fragments of a message.
    #[inline]
    pub(crate) fn interleaves_control_frames(self) -> bool {
        match self {
            // 6455-5.4-2
            Protocol::Rfc6455 => true,
            #[cfg(feature = "legacy")]
            Protocol::Draft(spec, _) => spec.interleaves_control_frames(),
        }
    }

    /// Whether a caller may close with this code and reason. A long reason is cut, see [`Protocol::close`].
    pub(crate) fn check_close(self, code: CloseCode, reason: &str) -> Result<(), UsageError> {
        let reason = close_body::truncate(reason);
        match self {
            Protocol::Rfc6455 => close_body::check(code, reason),
            #[cfg(feature = "legacy")]
            Protocol::Draft(spec, _) => spec.check_close(code, reason),
        }
    }

    /// A Close that starts the closing handshake. 6455-5.5-1: a control frame carries 123 bytes of a reason.
    pub(crate) fn close(self, code: CloseCode, reason: &str) -> CloseFrame {
        let reason = close_body::truncate(reason);
        match self {
            Protocol::Rfc6455 => CloseFrame { code: Some(code), body: close_body::emit(Some(code), reason) },
            #[cfg(feature = "legacy")]
            Protocol::Draft(spec, role) => {
                let (code, body) = spec.close_frame(role, code, reason);
                CloseFrame { code, body }
            }
        }
    }

    /// The Close that reports a failure to the peer, if the protocol has one.
    pub(crate) fn failure_close(self, code: CloseCode, reason: &str) -> Option<CloseFrame> {
        match self {
            Protocol::Rfc6455 => Some(self.close(code, reason)),
            #[cfg(feature = "legacy")]
            Protocol::Draft(spec, _) => spec.sends_failure_close().then(|| self.close(code, reason)),
        }
    }

    /// Whether the peer's Close needs this answer although a Close was sent before.
    pub(crate) fn needs_second_close(self, _answer: &CloseFrame) -> bool {
        match self {
            // 6455-5.5.1-s3: Closes that cross answer each other.
            Protocol::Rfc6455 => false,
            #[cfg(feature = "legacy")]
            Protocol::Draft(spec, role) => spec.needs_second_close(role, &_answer.body),
        }
    }

    /// Whether the end of the stream is the only Close.
    pub(crate) fn closes_by_eof(self) -> bool {
        match self {
            Protocol::Rfc6455 => false,
            #[cfg(feature = "legacy")]
            Protocol::Draft(spec, _) => spec.closes_by_eof(),
        }
    }

    /// Whether the server ends the TCP connection, while the client waits for it.
    pub(crate) fn server_closes_tcp_first(self) -> bool {
        match self {
            // 6455-5.5.1-12, 6455-7.1.1-6
            Protocol::Rfc6455 => true,
            #[cfg(feature = "legacy")]
            Protocol::Draft(spec, _) => spec.server_closes_tcp_first(),
        }
    }

    /// Whether a Pong without a Ping fails the connection.
    pub(crate) fn rejects_unsolicited_pongs(self) -> bool {
        match self {
            // 6455-5.5.3-s2
            Protocol::Rfc6455 => false,
            #[cfg(feature = "legacy")]
            Protocol::Draft(spec, _) => spec.rejects_unsolicited_pongs(),
        }
    }
}

/// A Close to be sent.
#[derive(Debug)]
pub(crate) struct CloseFrame {
    pub(crate) code: Option<CloseCode>,
    pub(crate) body: Vec<u8>,
}
