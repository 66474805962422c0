//! The certificate of one side (feature `native-tls`). Knows no bytes of the network.

use std::fmt;

use native_tls::Identity;

use super::error::settings_error;
use crate::error::Result;

/// A certificate with its chain and private key. `Debug` shows none of them. Feature `native-tls`.
#[derive(Clone)]
pub struct TlsIdentity(pub(super) Identity);

impl TlsIdentity {
    /// Reads PKCS#12, usually from a file that ends with `.p12` or `.pfx`.
    ///
    /// # Errors
    /// [`Error::Tls`](crate::Error::Tls) with [`TlsErrorKind::InvalidSettings`](crate::TlsErrorKind::InvalidSettings), also for a wrong password.
    pub fn from_pkcs12(file: &[u8], password: &str) -> Result<TlsIdentity> {
        Identity::from_pkcs12(file, password).map(TlsIdentity).map_err(settings_error)
    }

    /// Reads PEM: the certificate, followed by its chain, and the key in PKCS#8 (`-----BEGIN PRIVATE KEY-----`).
    ///
    /// # Errors
    /// [`Error::Tls`](crate::Error::Tls) with [`TlsErrorKind::InvalidSettings`](crate::TlsErrorKind::InvalidSettings).
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<TlsIdentity> {
        Identity::from_pkcs8(certificates, key).map(TlsIdentity).map_err(settings_error)
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}
