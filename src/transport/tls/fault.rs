//! What is wrong, in our words. native-tls gives an error of the system with no more than a text, so the text is looked at:
//! OpenSSL's, which is English and stable, and for Windows the number of the error. What is not recognised keeps the
//! system's text and is a [`TlsFault::Handshake`].

use std::io::{self, ErrorKind};

use crate::error::{TlsError, TlsFault};

/// The first row one of whose texts is found decides. Lower case.
const TEXTS: [(TlsFault, &[&str]); 9] = [
    (
        TlsFault::WrongHost,
        &[
            "hostname mismatch",
            "host name mismatch",
            "ip address mismatch",
            "(os error -2146762481)",
            "(os error -2146893022)",
        ],
    ),
    (TlsFault::NotYetValid, &["certificate is not yet valid"]),
    (
        TlsFault::Expired,
        &["certificate has expired", "certificate is expired", "(os error -2146762495)", "(os error -2146893016)"],
    ),
    (
        TlsFault::UnknownAuthority,
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
    (TlsFault::Certificate, &["certificate verify failed", "(os error -2146762484)"]),
    // The peer says so; what it thinks of our certificate is in the text.
    (TlsFault::Refused, &[" alert "]),
    (
        TlsFault::NotTls,
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
        TlsFault::NothingInCommon,
        &[
            "unsupported protocol",
            "no shared cipher",
            "no protocols available",
            "version too low",
            "(os error -2146893007)",
        ],
    ),
    (TlsFault::Ended, &["unexpected eof"]),
];

/// A handshake failed. `ended`: the peer had ended the stream by then.
pub(super) fn of_handshake(error: native_tls::Error, host: Option<&str>, ended: bool) -> TlsError {
    let fault = match of_text(&error.to_string()) {
        TlsFault::Handshake if ended => TlsFault::Ended,
        fault => fault,
    };
    TlsError::new(fault, host, error)
}

/// What was given for an identity, a certificate or a connector cannot be used.
pub(crate) fn settings(error: native_tls::Error) -> TlsError {
    TlsError::new(TlsFault::Settings, None, error)
}

/// The engine failed on a connection that was open. An alert is what the peer says, and it may come late: a server of TLS
/// 1.3 looks at a client's certificate when the client is through with the handshake.
pub(super) fn broken(error: io::Error) -> io::Error {
    let fault = match of_text(&error.to_string()) {
        TlsFault::Refused => TlsFault::Refused,
        _ => TlsFault::Broken,
    };
    io::Error::new(ErrorKind::InvalidData, TlsError::new(fault, None, error))
}

fn of_text(text: &str) -> TlsFault {
    let text = text.to_lowercase();
    let found = TEXTS.iter().find(|(_, parts)| parts.iter().any(|part| text.contains(part)));
    found.map_or(TlsFault::Handshake, |(fault, _)| *fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_systems() {
        let rows = [
            ("error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:ssl/statem/statem_clnt.c:2091: (certificate has expired)", TlsFault::Expired),
            ("certificate verify failed (Hostname mismatch)", TlsFault::WrongHost),
            ("certificate verify failed (IP address mismatch)", TlsFault::WrongHost),
            ("certificate verify failed (self-signed certificate in certificate chain)", TlsFault::UnknownAuthority),
            ("certificate verify failed (certificate revoked)", TlsFault::Certificate),
            ("error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca", TlsFault::Refused),
            ("error:0A00010B:SSL routines:ssl3_get_record:wrong version number", TlsFault::NotTls),
            ("error:0A0000C1:SSL routines:tls_post_process_client_hello:no shared cipher", TlsFault::NothingInCommon),
            ("Das Zertifikat ist abgelaufen. (os error -2146762495)", TlsFault::Expired),
            ("something else", TlsFault::Handshake),
        ];
        for (text, fault) in rows {
            assert_eq!(of_text(text), fault, "{text}");
        }
    }
}
