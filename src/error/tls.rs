//! The error of TLS. The type is the same in every build, and occurs only in builds with `native-tls`.

use std::error;
use std::fmt;
use std::sync::Arc;

/// A failure of TLS with the peer. Its [`source`](error::Error::source) is the error of the system's TLS library.
///
/// ```
/// use stdws::{Error, TlsErrorKind};
/// fn advice(error: &Error) -> &str {
///     match error {
///         Error::Tls(tls) if tls.kind() == TlsErrorKind::UnknownIssuer => "add the authority with TlsConnect::add_root",
///         Error::Tls(_) => "ask the operator of the server",
///         _ => "",
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct TlsError {
    kind: TlsErrorKind,
    /// The host that the certificate has to name.
    host: Option<String>,
    source: Arc<dyn error::Error + Send + Sync>,
}

/// The kind of a TLS failure. Systems report different details: an unrecognised failure is [`TlsErrorKind::Handshake`] or
/// [`TlsErrorKind::InvalidCertificate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsErrorKind {
    /// The certificate was not issued by a trusted authority.
    UnknownIssuer,
    /// The certificate does not name the host of the URL.
    HostnameMismatch,
    /// The certificate, or one of its chain, has expired.
    Expired,
    /// The certificate, or one of its chain, is not valid yet; or the clock of this machine is wrong.
    NotYetValid,
    /// The certificate is invalid for another reason.
    InvalidCertificate,
    /// The peer sent an alert, because it did not accept this side. Examples are a server that requires a client certificate,
    /// and a client that does not trust the server.
    AlertReceived,
    /// The bytes of the peer are not TLS. The port may be one for `ws://` and not for `wss://`.
    NotTls,
    /// Both sides have no common TLS version or cipher.
    NoCommonParameters,
    /// The peer ended the stream in the middle of the handshake.
    UnexpectedEof,
    /// The handshake failed for another reason.
    Handshake,
    /// On an open connection: the bytes of the peer could not be decrypted, or were modified on the way.
    DecryptionFailed,
    /// A certificate, key or password in the settings of this side is invalid. Nothing was sent.
    InvalidSettings,
}

impl TlsError {
    #[cfg(all(feature = "native-tls", any(feature = "client", feature = "server")))]
    pub(crate) fn new(
        kind: TlsErrorKind,
        host: Option<&str>,
        source: impl error::Error + Send + Sync + 'static,
    ) -> TlsError {
        TlsError { kind, host: host.map(str::to_owned), source: Arc::new(source) }
    }

    /// The kind of the failure.
    pub fn kind(&self) -> TlsErrorKind {
        self.kind
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or("the peer");
        match self.kind {
            TlsErrorKind::UnknownIssuer => write!(f, "the certificate of {host} was not issued by a trusted authority"),
            TlsErrorKind::HostnameMismatch => write!(f, "the certificate does not name {host}"),
            TlsErrorKind::Expired => write!(f, "the certificate of {host} has expired"),
            TlsErrorKind::NotYetValid => {
                write!(f, "the certificate of {host} is not valid yet; check the clock of this machine")
            }
            TlsErrorKind::InvalidCertificate => write!(f, "the certificate of {host} is invalid"),
            TlsErrorKind::AlertReceived => write!(f, "{host} sent an alert"),
            TlsErrorKind::NotTls => write!(f, "{host} does not use TLS at this port"),
            TlsErrorKind::NoCommonParameters => write!(f, "no common version or cipher with {host}"),
            TlsErrorKind::UnexpectedEof => write!(f, "{host} ended the stream during the handshake"),
            TlsErrorKind::Handshake => write!(f, "the handshake with {host} failed"),
            TlsErrorKind::DecryptionFailed => write!(f, "the bytes from {host} could not be decrypted"),
            TlsErrorKind::InvalidSettings => f.write_str("a certificate, key or password in the settings is invalid"),
        }?;
        write!(f, " ({})", self.source)
    }
}

impl error::Error for TlsError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&*self.source)
    }
}

#[cfg(all(test, feature = "native-tls", any(feature = "client", feature = "server")))]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn each_error_names_the_host_and_has_the_text_of_the_library() {
        let rows = [
            (TlsErrorKind::UnknownIssuer, "the certificate of a.example was not issued by a trusted authority"),
            (TlsErrorKind::HostnameMismatch, "the certificate does not name a.example"),
            (TlsErrorKind::Expired, "the certificate of a.example has expired"),
            (
                TlsErrorKind::NotYetValid,
                "the certificate of a.example is not valid yet; check the clock of this machine",
            ),
            (TlsErrorKind::InvalidCertificate, "the certificate of a.example is invalid"),
            (TlsErrorKind::AlertReceived, "a.example sent an alert"),
            (TlsErrorKind::NotTls, "a.example does not use TLS at this port"),
            (TlsErrorKind::NoCommonParameters, "no common version or cipher with a.example"),
            (TlsErrorKind::UnexpectedEof, "a.example ended the stream during the handshake"),
            (TlsErrorKind::Handshake, "the handshake with a.example failed"),
            (TlsErrorKind::DecryptionFailed, "the bytes from a.example could not be decrypted"),
            (TlsErrorKind::InvalidSettings, "a certificate, key or password in the settings is invalid"),
        ];
        for (kind, text) in rows {
            let error = TlsError::new(kind, Some("a.example"), fmt::Error);
            assert_eq!(error.to_string(), format!("{text} ({})", fmt::Error));
            assert_eq!(error.source().map(ToString::to_string), Some(fmt::Error.to_string()));
        }
        assert!(TlsError::new(TlsErrorKind::AlertReceived, None, fmt::Error).to_string().starts_with("the peer sent"));
    }

    /// The text has two parts. When the first cannot be written, the second is not.
    #[test]
    fn a_formatter_that_fails_is_reported_at_once() {
        use std::fmt::Write;
        struct Full(usize);
        impl Write for Full {
            fn write_str(&mut self, _: &str) -> fmt::Result {
                self.0 += 1;
                Err(fmt::Error)
            }
        }
        let (mut full, error) = (Full(0), TlsError::new(TlsErrorKind::InvalidSettings, None, fmt::Error));
        assert_eq!((write!(full, "{error}"), full.0), (Err(fmt::Error), 1));
    }
}
