//! Version, origin and subprotocols of a request in a draft, as the public API returns them. Independent of the check
//! of the request and of the response.

use std::borrow::Cow;

use super::handshake::server;
use super::parts::{OriginHeader, SubprotocolSyntax};
use super::table::DraftSpec;
use super::Version;
use crate::handshake::header;
use crate::handshake::http::Head;
use crate::http::request::{DraftFields, Request};

impl Request {
    /// Sets the fields of the request by the rules of a draft.
    pub(super) fn with_draft(mut self, spec: &DraftSpec) -> Request {
        let origin = match spec.origin_header {
            OriginHeader::Prefixed { .. } => self.header("Sec-WebSocket-Origin").map(str::to_owned),
            OriginHeader::Plain { .. } => None,
        };
        let subprotocols = subprotocols(spec, self.head());
        self.draft = Some(Box::new(DraftFields { version: spec.version.name(), origin, subprotocols }));
        self
    }

    /// The protocol version of the request, if the server has enabled it; otherwise RFC 6455. Feature `legacy`.
    pub fn version(&self) -> Version {
        self.draft.as_ref().and_then(|draft| Version::from_name(draft.version)).unwrap_or(Version::Rfc6455)
    }
}

/// The offered subprotocols.
fn subprotocols(spec: &DraftSpec, head: &Head) -> Vec<String> {
    match spec.subprotocols {
        SubprotocolSyntax::CommaSeparated => {
            let names = head.get_all(spec.subprotocols.header_name()).flat_map(header::tokens);
            names.filter_map(Result::ok).map(str::to_owned).collect()
        }
        SubprotocolSyntax::SinglePlain
        | SubprotocolSyntax::Single
        | SubprotocolSyntax::SpaceSeparated
        | SubprotocolSyntax::QuotedList => {
            server::subprotocols(spec, head).unwrap_or_default().into_iter().map(Cow::into_owned).collect()
        }
    }
}
