//! The replacement for `deflate::extension` in builds without the feature. Nothing can be negotiated, so the types have no
//! values, and their methods never run.

use crate::error::{HandshakeErrorKind, ProtocolError};
use crate::handshake::header::Extension;

/// Has no values.
#[derive(Debug, Clone)]
pub(crate) enum Deflate {}

/// Has no values.
#[derive(Debug)]
pub(crate) enum Agreed {}

pub(crate) fn offer(own: &Deflate) -> String {
    match *own {}
}

pub(crate) fn accept(_offers: &[Extension<'_>], own: &Deflate) -> Option<(Agreed, String)> {
    match *own {}
}

pub(crate) fn check(_answer: &[Extension<'_>], own: &Deflate) -> Result<Option<Agreed>, HandshakeErrorKind> {
    match *own {}
}

pub(crate) fn codec(agreed: &Agreed, _own: &Deflate) -> (Inflater, Deflater) {
    match *agreed {}
}

/// Has no values.
#[derive(Debug)]
pub(crate) enum Inflater {}

impl Inflater {
    pub(crate) fn permissive() -> Option<Inflater> {
        None
    }

    pub(crate) fn begin_message(&mut self) {
        match *self {}
    }

    pub(crate) fn push(&mut self, _payload: &[u8], _out: &mut Vec<u8>, _limit: u64) -> Result<(), ProtocolError> {
        match *self {}
    }

    pub(crate) fn end_message(&mut self) -> Result<(), ProtocolError> {
        match *self {}
    }
}

/// Has no values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompressionParams {}

/// Has no values.
#[derive(Debug)]
pub(crate) enum Deflater {}

impl Deflater {
    pub(crate) fn no_context_takeover(params: CompressionParams) -> Deflater {
        match params {}
    }

    pub(crate) fn params(&self) -> CompressionParams {
        match *self {}
    }

    pub(crate) fn reset_window(&mut self) {
        match *self {}
    }

    pub(crate) fn should_compress(&self, _length: usize) -> bool {
        match *self {}
    }

    pub(crate) fn compress_fragment(&mut self, _plain: &[u8], _fin: bool) -> &[u8] {
        match *self {}
    }

    pub(crate) fn release_buffer(&mut self) {
        match *self {}
    }

    pub(crate) fn shrink(&mut self) {
        match *self {}
    }
}
