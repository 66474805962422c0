//! Errors of the caller: invalid arguments and calls. Nothing was sent when a call returns one of them.

use std::fmt;

use crate::redact;

/// An invalid argument or call. Nothing was sent; a connection is unchanged.
///
/// Some variants hold the argument. `Debug` and `Display` show of it only what identifies it, because it may be a secret.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsageError {
    /// The URL is not a valid `ws` or `wss` URL (RFC 6455 section 3).
    Url(UriErrorKind),
    /// A name for `Client::server_name` that is not a host name or an IP address.
    ServerName(UriErrorKind),
    /// A `wss://` URL, or an `https://` proxy, in a build without TLS.
    TlsNotEnabled,
    /// A header name that is not a token (RFC 9110 section 5.6.2).
    HeaderName(String),
    /// A header that the handshake writes, so that the caller must not give it. Holds only the name.
    ReservedHeader(String),
    /// A header value with a control character (CR, LF and NUL among them) or a character outside ASCII, or one that does not
    /// follow the grammar of its header. Holds only the name.
    HeaderValue(String),
    /// A subprotocol that is not a token, or is given twice (RFC 6455 section 4.1).
    Subprotocol(String),
    /// A subprotocol that a server chose, and the client did not offer (RFC 6455 section 4.2.2).
    SubprotocolNotOffered(String),
    /// The status of a [`Response`](crate::Response) is not one from 200 to 599.
    Status(u16),
    /// The headers of a [`Response`](crate::Response) exceed 64 KiB.
    HeadersTooLarge,
    /// An origin that is empty, or has a character other than visible ASCII.
    Origin(String),
    /// A value for [`Server::allow_host`](crate::Server::allow_host) that is not a host with an optional port.
    Host(String),
    /// A user name with a colon, or a control character in the user name or the password (RFC 7617).
    Credentials,
    /// The URL of a proxy is invalid. Holds the name of the environment variable, if the URL is from there.
    ProxyUrl(UriErrorKind, Option<&'static str>),
    /// A user name or a password that cannot be sent to a proxy. HTTP has the rules of [`UsageError::Credentials`]. SOCKS5
    /// requires 1 to 255 bytes for each (RFC 1929).
    ProxyCredentials,
    /// An entry for [`Proxy::no_proxy`](crate::Proxy::no_proxy) that is not a host, an IP address, a network or `*`.
    NoProxy(String),
    /// A host name of more than 255 bytes for a SOCKS5 proxy (RFC 1928 section 5). Holds the length.
    HostNameTooLong(usize),
    /// A cookie whose name is not a token, or whose value has a forbidden character (RFC 6265 section 4.1.1). Holds only the
    /// name.
    Cookie(String),
    /// An entry in a list of trusted proxies that is not an IP address, a network (`10.0.0.0/8`) or `unix`.
    TrustedProxy(String),
    /// The payload of a Ping or a Pong has more than 125 bytes (RFC 6455 section 5.5). Holds the length.
    ControlPayloadTooLong(usize),
    /// A setting has a value below the least one in the table at [`Timeouts`](crate::Timeouts).
    SettingTooSmall {
        /// The name of the setting.
        name: &'static str,
        /// The least value.
        least: String,
    },
    /// A setting has a value above the largest one in that table.
    SettingTooLarge {
        /// The name of the setting.
        name: &'static str,
        /// The largest value.
        most: String,
    },
    /// A close reason of more than 123 bytes (RFC 6455 section 5.5: 125 bytes minus the code), from
    /// [`codec::close::check`](crate::codec::close::check). Calls that close a connection cut it. Holds the length.
    CloseReasonTooLong(usize),
    /// A close code that must not be sent (RFC 6455 section 7.4).
    CloseCode(u16),
    /// The version of the protocol of this connection does not support the call. Feature `legacy`.
    UnsupportedByVersion {
        /// The unsupported feature.
        feature: &'static str,
        /// The name of the version (`Version::name`).
        version: &'static str,
    },
    /// A text message to send has bytes that are not UTF-8, or ends inside a character.
    TextNotUtf8,
    /// The name of a topic exceeds [`HubLimits::max_topic_length`](crate::HubLimits).
    TopicNameTooLong {
        /// The length of the name in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A member of a hub has reached [`HubLimits::max_topics`](crate::HubLimits). Holds the limit.
    TooManyTopics(usize),
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UsageError::Url(kind) => write!(f, "the URL is invalid: {kind}"),
            UsageError::ServerName(kind) => write!(f, "the server name is invalid: {kind}"),
            UsageError::TlsNotEnabled => f.write_str(
                "wss:// and https:// proxies need TLS, which this build does not have; in Cargo.toml: stdws = { version = \"0.1\", features = [\"native-tls\"] }; \
                 for a TLS stream of your own use Client::connect_over",
            ),
            UsageError::HeaderName(name) => write!(f, "{:?} is not a valid header name (a token of RFC 9110 section 5.6.2)", redact::name(name)),
            UsageError::ReservedHeader(name) => write!(f, "the handshake writes the header {name}; remove it from the call"),
            UsageError::HeaderValue(name) => {
                write!(f, "the value of header {name} is invalid; only visible ASCII and spaces in the grammar of the header are allowed")
            }
            UsageError::Subprotocol(name) => write!(f, "the subprotocol {} is not a token (RFC 9110 section 5.6.2), or is given twice", subprotocol(name)),
            UsageError::SubprotocolNotOffered(name) => write!(f, "the client did not offer the subprotocol {}", subprotocol(name)),
            UsageError::Status(status) => write!(f, "the status {status} of the response is invalid; use one from 200 to 599"),
            UsageError::HeadersTooLarge => f.write_str("the headers of the response exceed 64 KiB"),
            UsageError::Origin(origin) => write!(f, "the origin {} is invalid; only visible ASCII without spaces is allowed", redact::url(origin)),
            UsageError::Host(host) => write!(f, "{:?} is not a host with an optional port, such as chat.example.com or [::1]:9001", redact::host(host)),
            UsageError::Credentials => {
                f.write_str("the user name has a colon, or it or the password has a control character (RFC 7617 section 2)")
            }
            UsageError::ProxyUrl(kind, None) => write!(f, "the URL of the proxy is invalid: {kind}"),
            UsageError::ProxyUrl(kind, Some(name)) => {
                write!(f, "the URL of the proxy in the environment variable {name} is invalid: {kind}")
            }
            UsageError::ProxyCredentials => f.write_str(
                "the user name or the password for the proxy is invalid (HTTP: no colon in the name, no control characters; \
                 SOCKS5: 1 to 255 bytes each)",
            ),
            UsageError::NoProxy(entry) => {
                write!(f, "{:?} is not a host, an IP address, a network such as 10.0.0.0/8, or *", redact::host(entry))
            }
            UsageError::HostNameTooLong(n) => write!(f, "the host name has {n} bytes; SOCKS5 allows at most 255"),
            UsageError::Cookie(name) => write!(f, "the name or the value of the cookie {:?} has a forbidden character (RFC 6265 section 4.1.1)", redact::name(name)),
            UsageError::TrustedProxy(entry) => write!(f, "{:?} is not an IP address, a network such as 10.0.0.0/8, or unix", redact::host(entry)),
            UsageError::ControlPayloadTooLong(n) => {
                write!(f, "the payload of a Ping or a Pong has {n} bytes; RFC 6455 section 5.5 allows at most 125")
            }
            UsageError::SettingTooSmall { name, least } => write!(f, "{name} must be at least {least}"),
            UsageError::SettingTooLarge { name, most } => write!(f, "{name} must be at most {most}"),
            UsageError::CloseReasonTooLong(n) => write!(f, "the close reason has {n} bytes; RFC 6455 section 5.5 allows at most 123"),
            UsageError::CloseCode(code) => write!(f, "close code {code} must not be sent (RFC 6455 section 7.4); see CloseCode::is_sendable"),
            UsageError::UnsupportedByVersion { feature, version } => write!(f, "the protocol version {version} has no {feature}"),
            UsageError::TextNotUtf8 => f.write_str("the text to send is not UTF-8"),
            UsageError::TopicNameTooLong { length, limit } => {
                write!(f, "the name of the topic has {length} bytes; HubLimits::max_topic_length is {limit}")
            }
            UsageError::TooManyTopics(limit) => {
                write!(f, "the member has {limit} topics already; HubLimits::max_topics is {limit}")
            }
        }
    }
}

/// The text of `Display`.
impl fmt::Debug for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UsageError({self})")
    }
}

/// A subprotocol in quotes, or what stands for one that is not shown.
fn subprotocol(name: &str) -> String {
    let shown = redact::subprotocol(name);
    if shown == name {
        return format!("{name:?}");
    }
    shown.into_owned()
}

impl std::error::Error for UsageError {}

/// The reason why a URL is invalid (RFC 6455 section 3, RFC 3986). Never holds the URL, which may have a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriErrorKind {
    /// The scheme is neither `ws` nor `wss`.
    Scheme,
    /// The host is missing.
    MissingHost,
    /// The host has a character outside ASCII, and this crate cannot convert it to Punycode (`xn--…`, RFC 3492).
    ///
    /// Lower and upper case letters of Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew, Arabic, Hiragana, Katakana,
    /// Bopomofo, Han and Hangul are converted. Everything for which UTS 46 needs its tables is rejected: combining
    /// marks (`e` and U+0301 in place of `é`), compatibility forms, joiners, symbols, other scripts. So are a label that
    /// mixes directions, one with `-` at its ends, one of more than 63 bytes, and a name of more than 253. Such a name is
    /// to be given as `xn--…`, as browsers and registrars show it.
    UnsupportedHost,
    /// The host has a forbidden character.
    InvalidHostCharacter,
    /// The text in brackets is not an IPv6 address.
    Ipv6Address,
    /// The zone of an IPv6 address (`[fe80::1%25eth0]`, RFC 6874) is empty, or has a character that is not percent-encoded,
    /// a slash or a control character.
    Zone,
    /// The port is not a number from 1 to 65535.
    Port,
    /// The path or the query has a control character, or a `%` without two hexadecimal digits. A literal `%` is written
    /// `%25`. Other characters are percent-encoded where they have to be.
    InvalidPathCharacter,
    /// A fragment (`#…`), which a WebSocket URL must not have. A literal `#` is written `%23`.
    Fragment,
    /// The user name or the password has a character that must be percent-encoded, or an invalid percent-encoding.
    Userinfo,
    /// The URL is longer than 8 KiB. Servers commonly reject longer request lines.
    TooLong,
    /// Proxy: the scheme is not one of `http`, `https`, `socks5`, `socks5h` and `socks`.
    ProxyScheme,
    /// Proxy: there is text after the port.
    ProxyPath,
    /// A URL with a zone through a proxy. The zone names an interface of this machine, which a proxy does not have.
    ProxyZone,
}

impl fmt::Display for UriErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UriErrorKind::Scheme => "the scheme must be ws or wss",
            UriErrorKind::MissingHost => "the host is missing",
            UriErrorKind::UnsupportedHost => "the host is outside ASCII and cannot be converted; write it in Punycode (xn--…)",
            UriErrorKind::InvalidHostCharacter => "the host has a forbidden character",
            UriErrorKind::Ipv6Address => "the text in brackets is not an IPv6 address",
            UriErrorKind::Zone => "the zone of the IPv6 address is invalid; write it as [fe80::1%25eth0]",
            UriErrorKind::Port => "the port is not a number from 1 to 65535",
            UriErrorKind::InvalidPathCharacter => "the path or the query has a control character, or a % without two hexadecimal digits; write a literal % as %25",
            UriErrorKind::Fragment => "a WebSocket URL must not have a fragment; write a literal # as %23",
            UriErrorKind::Userinfo => "the user name or the password has a character that must be percent-encoded, or an invalid percent-encoding",
            UriErrorKind::ProxyScheme => "the scheme of a proxy must be http, https or socks5",
            UriErrorKind::ProxyPath => "the URL of a proxy must end after the port",
            UriErrorKind::ProxyZone => "an IPv6 address with a zone cannot be reached through a proxy",
            UriErrorKind::TooLong => "it is longer than 8 KiB",
        })
    }
}

impl std::error::Error for UriErrorKind {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subprotocol_is_shown_in_quotes_unless_it_is_a_token() {
        assert_eq!(subprotocol("chat"), "\"chat\"");
        assert_eq!(subprotocol("31d4d96e"), "(not shown, 8 bytes)");
    }
}
