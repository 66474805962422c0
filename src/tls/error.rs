//! Converts errors of native-tls to [`TlsError`]. Such an error contains only a text of the system, so the text is searched:
//! OpenSSL's, which is English and stable, or on Windows the error number. An unknown error is a [`TlsErrorKind::Handshake`].
//! Each error keeps the text of the system. Knows no stream.

use std::io::{self, ErrorKind};

use crate::error::{Error, TlsError, TlsErrorKind};

/// Texts in lower case. The first row that contains a matching text decides.
const TEXTS: [(TlsErrorKind, &[&str]); 9] = [
    (
        TlsErrorKind::HostnameMismatch,
        &[
            "hostname mismatch",
            "host name mismatch",
            "ip address mismatch",
            "(os error -2146762481)",
            "(os error -2146893022)",
        ],
    ),
    (TlsErrorKind::NotYetValid, &["certificate is not yet valid"]),
    (
        TlsErrorKind::Expired,
        &["certificate has expired", "certificate is expired", "(os error -2146762495)", "(os error -2146893016)"],
    ),
    (
        TlsErrorKind::UnknownIssuer,
        &[
            "self-signed certificate",
            "self signed certificate",
            "unable to get local issuer certificate",
            "unable to get issuer certificate",
            "unable to verify the first certificate",
            "not trusted",
            "(os error -2146762487)",
            "(os error -2146762486)",
            "(os error -2146893019)",
        ],
    ),
    (TlsErrorKind::InvalidCertificate, &["certificate verify failed", "(os error -2146762484)"]),
    // The peer sent an alert; its reason, such as a rejected certificate, is in the text.
    (TlsErrorKind::AlertReceived, &[" alert "]),
    (
        TlsErrorKind::NotTls,
        &[
            "wrong version number",
            "http request",
            "https proxy request",
            "bad record type",
            "packet length too long",
            "record layer failure",
            "(os error -2146893048)",
        ],
    ),
    (
        TlsErrorKind::NoCommonParameters,
        &[
            "unsupported protocol",
            "no shared cipher",
            "no protocols available",
            "version too low",
            "(os error -2146893007)",
        ],
    ),
    (TlsErrorKind::UnexpectedEof, &["unexpected eof"]),
];

/// The error of a handshake that failed. `ended`: the peer had ended the stream before.
pub(super) fn handshake_error(error: native_tls::Error, host: Option<&str>, ended: bool) -> TlsError {
    let kind = match classify(&error.to_string()) {
        TlsErrorKind::Handshake if ended => TlsErrorKind::UnexpectedEof,
        kind => kind,
    };
    TlsError::new(kind, host, error)
}

/// The error of an identity, certificate or connector that cannot be used.
pub(super) fn settings_error(error: native_tls::Error) -> Error {
    Error::Tls(TlsError::new(TlsErrorKind::InvalidSettings, None, error))
}

/// The error of the engine on an open connection. An alert may arrive that late: a TLS 1.3 server verifies the client's
/// certificate after the client has finished its handshake.
pub(super) fn connection_error(error: io::Error) -> io::Error {
    let kind = match classify(&error.to_string()) {
        TlsErrorKind::AlertReceived => TlsErrorKind::AlertReceived,
        _ => TlsErrorKind::DecryptionFailed,
    };
    io::Error::new(ErrorKind::InvalidData, TlsError::new(kind, None, error))
}

fn classify(text: &str) -> TlsErrorKind {
    let text = text.to_lowercase();
    let found = TEXTS.iter().find(|(_, parts)| parts.iter().any(|part| text.contains(part)));
    found.map_or(TlsErrorKind::Handshake, |(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_systems_are_classified() {
        let rows = [
            ("error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:ssl/statem/statem_clnt.c:2091: (certificate has expired)", TlsErrorKind::Expired),
            ("certificate verify failed (Hostname mismatch)", TlsErrorKind::HostnameMismatch),
            ("certificate verify failed (IP address mismatch)", TlsErrorKind::HostnameMismatch),
            ("certificate verify failed (self-signed certificate in certificate chain)", TlsErrorKind::UnknownIssuer),
            ("certificate verify failed (certificate revoked)", TlsErrorKind::InvalidCertificate),
            ("error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca", TlsErrorKind::AlertReceived),
            ("error:0A00010B:SSL routines:ssl3_get_record:wrong version number", TlsErrorKind::NotTls),
            ("error:0A0000C1:SSL routines:tls_post_process_client_hello:no shared cipher", TlsErrorKind::NoCommonParameters),
            ("Das Zertifikat ist abgelaufen. (os error -2146762495)", TlsErrorKind::Expired),
            ("something else", TlsErrorKind::Handshake),
        ];
        for (text, kind) in rows {
            assert_eq!(classify(text), kind, "{text}");
        }
    }

    /// OpenSSL 3 names the end itself; the engines of other systems do not.
    #[test]
    fn an_unknown_error_after_the_end_is_the_end() {
        for (ended, kind) in [(false, TlsErrorKind::Handshake), (true, TlsErrorKind::UnexpectedEof)] {
            let Err(unknown) = native_tls::Identity::from_pkcs12(b"no identity", "") else { panic!("an identity") };
            assert_eq!(handshake_error(unknown, Some("h"), ended).kind(), kind);
        }
    }

    #[test]
    fn an_alert_is_told_from_other_faults_of_an_open_connection() {
        for (text, kind) in [
            ("tlsv1 alert unknown ca", TlsErrorKind::AlertReceived),
            ("bad record mac", TlsErrorKind::DecryptionFailed),
        ] {
            let error = connection_error(io::Error::other(text));
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()).unwrap();
            assert_eq!((error.kind(), inner.kind()), (ErrorKind::InvalidData, kind));
        }
    }
}
