//! TLS settings of a client (feature `native-tls`): what it trusts, and its certificate. Knows no bytes of the network.

use std::fmt;

use native_tls::{Certificate, Identity, Protocol, TlsConnector};

use super::error::settings_error;
use super::handshake;
use super::identity::TlsIdentity;
use crate::error::Result;
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;

/// TLS settings of a client: trusted authorities, and the client's own certificate. For [`Client::tls`](crate::Client::tls).
/// Features `client` and `native-tls`.
///
/// By default the authorities of the system are trusted. The server's certificate must be issued by one of them, be valid now,
/// and be for the host of the URL, which is sent to the server (SNI). TLS 1.2 or newer.
///
/// An existing `native_tls::TlsConnector` can be used instead: `TlsConnect::from(connector)`.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use stdws::{Client, TlsConnect};
/// let tls = TlsConnect::new().add_root(&std::fs::read("ca.pem")?)?;
/// let mut ws = Client::new("wss://intern.example.com/feed")?.tls(tls)?.connect()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[doc(alias = "wss")]
pub struct TlsConnect(ConnectorSource);

#[derive(Clone)]
enum ConnectorSource {
    Connector(TlsConnector),
    Options(TlsOptions),
}

#[derive(Clone, Default)]
struct TlsOptions {
    roots: Vec<Certificate>,
    only_added_roots: bool,
    identity: Option<Identity>,
    accept_any_certificate: bool,
    accept_any_host: bool,
}

impl TlsConnect {
    /// Creates settings that trust the authorities of the system.
    pub fn new() -> TlsConnect {
        TlsConnect(ConnectorSource::Options(TlsOptions::default()))
    }

    /// Also trusts these authorities: one certificate in DER, or any number in PEM.
    ///
    /// # Errors
    /// [`Error::Tls`](crate::Error::Tls) with [`TlsErrorKind::InvalidSettings`](crate::TlsErrorKind::InvalidSettings) if the bytes are neither.
    pub fn add_root(self, certificate: &[u8]) -> Result<TlsConnect> {
        let pem = certificate.windows(PEM_MARKER.len()).any(|part| part == PEM_MARKER);
        let parsed = match pem {
            true => Certificate::stack_from_pem(certificate),
            false => Certificate::from_der(certificate).map(|one| vec![one]),
        };
        let roots = parsed.map_err(settings_error)?;
        Ok(self.with_options(|options| options.roots.extend(roots)))
    }

    /// Trusts only the authorities that were added, and not those of the system.
    pub fn only_added_roots(self) -> TlsConnect {
        self.with_options(|options| options.only_added_roots = true)
    }

    /// Sends this certificate to servers that request one.
    pub fn identity(self, identity: TlsIdentity) -> TlsConnect {
        self.with_options(|options| options.identity = Some(identity.0))
    }

    /// Accepts every certificate: self-signed, expired, or from any issuer.
    ///
    /// **Danger**: an attacker on the network can then pose as the server, and read and change everything. For a server with a
    /// self-signed certificate, pass that certificate to [`add_root`](TlsConnect::add_root) instead.
    pub fn danger_accept_any_certificate(self) -> TlsConnect {
        self.with_options(|options| options.accept_any_certificate = true)
    }

    /// Accepts a certificate for any host.
    ///
    /// **Danger**: the owner of any certificate from a trusted authority can then pose as the server.
    pub fn danger_accept_any_host(self) -> TlsConnect {
        self.with_options(|options| options.accept_any_host = true)
    }

    /// Changes the settings. Those of a supplied connector cannot be changed, so they are replaced by the defaults first.
    fn with_options(self, set: impl FnOnce(&mut TlsOptions)) -> TlsConnect {
        let mut options = match self.0 {
            ConnectorSource::Options(options) => options,
            ConnectorSource::Connector(_) => TlsOptions::default(),
        };
        set(&mut options);
        TlsConnect(ConnectorSource::Options(options))
    }

    pub(crate) fn build(self) -> Result<Connector> {
        let options = match self.0 {
            ConnectorSource::Connector(connector) => return Ok(Connector(connector)),
            ConnectorSource::Options(options) => options,
        };
        let mut builder = TlsConnector::builder();
        // 6455-10.6-s1
        builder.min_protocol_version(Some(Protocol::Tlsv12));
        builder.disable_built_in_roots(options.only_added_roots);
        builder.danger_accept_invalid_certs(options.accept_any_certificate);
        builder.danger_accept_invalid_hostnames(options.accept_any_host);
        options.roots.into_iter().for_each(|root| {
            builder.add_root_certificate(root);
        });
        if let Some(identity) = options.identity {
            builder.identity(identity);
        }
        builder.build().map(Connector).map_err(settings_error)
    }
}

impl Default for TlsConnect {
    fn default() -> TlsConnect {
        TlsConnect::new()
    }
}

impl From<TlsConnector> for TlsConnect {
    /// Uses the settings of this connector. The setters of this type would replace it by the defaults.
    fn from(connector: TlsConnector) -> TlsConnect {
        TlsConnect(ConnectorSource::Connector(connector))
    }
}

impl fmt::Debug for TlsConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ConnectorSource::Connector(_) => f.debug_struct("TlsConnect").finish_non_exhaustive(),
            ConnectorSource::Options(options) => f
                .debug_struct("TlsConnect")
                .field("added_roots", &options.roots.len())
                .field("only_added_roots", &options.only_added_roots)
                .field("identity", &options.identity.is_some())
                .field("danger_accept_any_certificate", &options.accept_any_certificate)
                .field("danger_accept_any_host", &options.accept_any_host)
                .finish(),
        }
    }
}

/// The finished TLS settings of a client, shared by its connections.
#[derive(Clone)]
pub(crate) struct Connector(TlsConnector);

impl Connector {
    /// Returns the connector that was set, or one with the default settings.
    pub(crate) fn or_default(connector: Option<&Connector>) -> Result<Connector> {
        connector.map_or_else(|| TlsConnect::new().build(), |connector| Ok(connector.clone()))
    }

    /// Makes the TLS handshake of a client on this stream, which may be a tunnel through TLS to a proxy.
    pub(crate) fn connect(&self, host: &str, stream: Stream, deadline: Deadline) -> Result<Stream> {
        handshake::connect(&self.0, host, stream, deadline).map(Stream::Tls)
    }
}

const PEM_MARKER: &[u8] = b"-----BEGIN ";
