//! What TLS can object to. The same in every build; only those with `native-tls` give it.

use std::error;
use std::fmt;
use std::sync::Arc;

/// Why there is no TLS with the peer, or no more of it. What the system's TLS said is its [`source`](error::Error::source).
///
/// ```
/// use stdws::{Error, TlsErrorKind};
/// fn advice(error: &Error) -> &str {
///     match error {
///         Error::Tls(tls) if tls.kind() == TlsErrorKind::UnknownIssuer => "add the authority with TlsConnect::add_root",
///         Error::Tls(_) => "ask who runs the server",
///         _ => "",
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct TlsError {
    kind: TlsErrorKind,
    /// The host that the certificate had to be for.
    host: Option<String>,
    source: Option<Arc<dyn error::Error + Send + Sync>>,
}

/// What is wrong. Systems differ in what they tell apart: what is not recognised is [`TlsErrorKind::Handshake`] or
/// [`TlsErrorKind::InvalidCertificate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsErrorKind {
    /// The certificate was not issued by an authority that is trusted here.
    UnknownIssuer,
    /// The certificate is for other hosts than the one of the URL.
    HostnameMismatch,
    /// The certificate, or one of its chain, has expired.
    Expired,
    /// The certificate, or one of its chain, is not valid yet; or the clock of this machine is wrong.
    NotYetValid,
    /// Something else is wrong with the certificate.
    InvalidCertificate,
    /// The peer sent an alert: it did not accept what this side is or has to offer. A server that does not get the
    /// client certificate it wants does so; so does a client that does not trust a server.
    AlertReceived,
    /// What the peer speaks is not TLS. Perhaps it was `ws://` and not `wss://` at this port.
    NotTls,
    /// Both speak TLS, but no common version or cipher.
    NoCommonParameters,
    /// The peer ended the stream in the middle of the handshake.
    UnexpectedEof,
    /// Something else went wrong in the handshake.
    Handshake,
    /// On a connection that was open: what came could not be deciphered, or had been tampered with.
    DecryptionFailed,
    /// A certificate, key or password given to this side cannot be used. Nothing was sent.
    InvalidSettings,
}

impl TlsError {
    // Only TLS makes one.
    #[cfg_attr(not(feature = "native-tls"), allow(dead_code))]
    pub(crate) fn new(
        kind: TlsErrorKind,
        host: Option<&str>,
        source: impl error::Error + Send + Sync + 'static,
    ) -> TlsError {
        TlsError { kind, host: host.map(str::to_owned), source: Some(Arc::new(source)) }
    }

    /// What is wrong.
    pub fn kind(&self) -> TlsErrorKind {
        self.kind
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or("the peer");
        match self.kind {
            TlsErrorKind::UnknownIssuer => write!(f, "the certificate of {host} is from an unknown authority"),
            TlsErrorKind::HostnameMismatch => write!(f, "the certificate is not for {host}"),
            TlsErrorKind::Expired => write!(f, "the certificate of {host} has expired"),
            TlsErrorKind::NotYetValid => write!(f, "the certificate of {host} is not valid yet"),
            TlsErrorKind::InvalidCertificate => write!(f, "the certificate of {host} cannot be accepted"),
            TlsErrorKind::AlertReceived => write!(f, "{host} refused"),
            TlsErrorKind::NotTls => write!(f, "{host} does not speak TLS at this port"),
            TlsErrorKind::NoCommonParameters => write!(f, "no version or cipher in common with {host}"),
            TlsErrorKind::UnexpectedEof => write!(f, "{host} ended the handshake"),
            TlsErrorKind::Handshake => write!(f, "the handshake with {host} failed"),
            TlsErrorKind::DecryptionFailed => write!(f, "what {host} sent cannot be deciphered"),
            TlsErrorKind::InvalidSettings => {
                f.write_str("a certificate, key or password that was given cannot be used")
            }
        }?;
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl error::Error for TlsError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
