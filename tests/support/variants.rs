//! The versions of the protocol that a test runs with: RFC 6455, and with feature `legacy` every draft. Drafts with
//! `deflate-stream` run without and with it.
#![allow(dead_code)] // Each test program uses a part of it.

use std::fmt;

#[cfg(feature = "legacy")]
use stdws::{Capability, Version};
use stdws::{Client, Server};

/// A version of the protocol, with or without `deflate-stream`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProtocolVariant {
    #[cfg(feature = "legacy")]
    pub(crate) version: Version,
    deflate_stream: bool,
}

/// RFC 6455.
pub(crate) const RFC: ProtocolVariant = ProtocolVariant {
    #[cfg(feature = "legacy")]
    version: Version::Rfc6455,
    deflate_stream: false,
};

/// The drafts, the oldest first.
#[cfg(feature = "legacy")]
pub(crate) fn drafts() -> impl Iterator<Item = ProtocolVariant> {
    let plain = Version::ALL.into_iter().filter(|version| *version != Version::Rfc6455);
    plain.flat_map(|version| {
        let packed = version.supports(Capability::Extensions);
        [false, true]
            .into_iter()
            .filter(move |deflate| packed || !deflate)
            .map(move |deflate_stream| ProtocolVariant { version, deflate_stream })
    })
}

#[cfg(not(feature = "legacy"))]
pub(crate) fn drafts() -> impl Iterator<Item = ProtocolVariant> {
    std::iter::empty()
}

/// All versions.
pub(crate) fn all() -> impl Iterator<Item = ProtocolVariant> {
    drafts().chain([RFC])
}

impl ProtocolVariant {
    pub(crate) fn deflates(self) -> bool {
        self.deflate_stream
    }
}

#[cfg(feature = "legacy")]
impl ProtocolVariant {
    pub(crate) fn client(self, client: Client) -> Client {
        let client = client.version(self.version);
        if self.deflate_stream {
            client.deflate_stream()
        } else {
            client
        }
    }

    pub(crate) fn server(self, server: Server) -> Server {
        if self == RFC {
            return server;
        }
        let server = server.legacy_versions([self.version]);
        if self.deflate_stream {
            server.deflate_stream()
        } else {
            server
        }
    }

    pub(crate) fn has_binary(self) -> bool {
        self.version.supports(Capability::BinaryMessages)
    }

    pub(crate) fn has_fragments(self) -> bool {
        self.version.supports(Capability::Fragmentation)
    }

    pub(crate) fn has_ping(self) -> bool {
        self.version.supports(Capability::Ping)
    }

    pub(crate) fn has_codes(self) -> bool {
        self.version.supports(Capability::CloseCodes)
    }

    pub(crate) fn has_close(self) -> bool {
        self.version.supports(Capability::ClosingHandshake)
    }
}

#[cfg(not(feature = "legacy"))]
impl ProtocolVariant {
    pub(crate) fn client(self, client: Client) -> Client {
        client
    }

    pub(crate) fn server(self, server: Server) -> Server {
        server
    }

    pub(crate) fn has_binary(self) -> bool {
        true
    }

    pub(crate) fn has_fragments(self) -> bool {
        true
    }

    pub(crate) fn has_ping(self) -> bool {
        true
    }

    pub(crate) fn has_codes(self) -> bool {
        true
    }

    pub(crate) fn has_close(self) -> bool {
        true
    }
}

impl fmt::Debug for ProtocolVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(feature = "legacy")]
        f.write_str(self.version.name())?;
        #[cfg(not(feature = "legacy"))]
        f.write_str("rfc6455")?;
        f.write_str(if self.deflate_stream { " with deflate-stream" } else { "" })
    }
}
