//! What a caller can ask for that must not be done. Nothing was sent when one of these comes back.

use std::fmt;

/// The call was wrong. Nothing was sent; a connection is as it was before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsageError {
    /// The URL is not a `ws` or `wss` URL this side can use (RFC 6455 section 3).
    Url(UriErrorKind),
    /// `wss://` was asked of a build without TLS.
    TlsNotEnabled,
    /// A header name that is not a token (RFC 9110 section 5.6.2).
    HeaderName(String),
    /// A header the handshake writes itself; it cannot be given. The name is kept, the value is not.
    ReservedHeader(String),
    /// A header value with CR, LF, NUL, another control character, or a character outside ASCII. Only the name is kept.
    HeaderValue(String),
    /// A subprotocol that is not a token, or is named twice (RFC 6455 section 4.1).
    Subprotocol(String),
    /// A hook of a server chose a subprotocol that the client did not offer (RFC 6455 section 4.2.2).
    SubprotocolNotOffered(String),
    /// The status of a [`Response`](crate::Response) is not one from 200 to 599.
    Status(u16),
    /// The headers of a [`Response`](crate::Response) are more than 64 KiB.
    HeadersTooLarge,
    /// An origin that cannot stand in a header.
    Origin(String),
    /// User name or password that cannot be sent as Basic credentials (RFC 7617): a colon in the name, or a control character.
    Credentials,
    /// The URL of a proxy cannot be used. If it came from the environment, the name of the variable.
    ProxyUrl(UriErrorKind, Option<&'static str>),
    /// User name or password that cannot be sent to a proxy: for HTTP as in [`UsageError::Credentials`]; for SOCKS5 each of them
    /// has 1 to 255 bytes (RFC 1929).
    ProxyCredentials,
    /// An entry for [`Proxy::no_proxy`](crate::Proxy::no_proxy) that is neither a host, an IP address, a network nor `*`.
    NoProxy(String),
    /// A host name too long for SOCKS5, which takes 255 bytes (RFC 1928 section 5). Its length.
    HostNameTooLong(usize),
    /// A cookie whose name is not a token, or whose value has a character that cannot stand there (RFC 6265 section 4.1.1). Only
    /// the name is kept.
    Cookie(String),
    /// An entry in a list of trusted proxies that is no IP address, no network (`10.0.0.0/8`), and not `unix`.
    TrustedProxy(String),
    /// A reason longer than 123 bytes (RFC 6455 section 5.5: 125, less the code).
    CloseReasonTooLong(usize),
    /// A close code that must not be sent (RFC 6455 section 7.4).
    CloseCode(u16),
    /// The version of the protocol that is spoken here cannot do this. Its name, and what it lacks. Feature `legacy`.
    UnsupportedByVersion {
        /// What was asked for.
        feature: &'static str,
        /// The version, as `Version::name` has it.
        version: &'static str,
    },
    /// A stream of text was ended inside a character, or given bytes that are not UTF-8.
    TextNotUtf8,
    /// The name of a topic is longer than [`HubLimits::max_topic_length`](crate::HubLimits) bytes.
    TopicNameTooLong {
        /// Bytes in the name.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A member of a hub has so many topics already: [`HubLimits::max_topics`](crate::HubLimits).
    TooManyTopics(usize),
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UsageError::Url(kind) => write!(f, "the URL cannot be used: {kind}"),
            UsageError::TlsNotEnabled => f.write_str(
                "wss:// needs TLS, which this build leaves out; in Cargo.toml: stdws = { version = \"0.1\", features = [\"native-tls\"] }; \
                 a TLS stream of your own goes to Client::connect_over",
            ),
            UsageError::HeaderName(name) => write!(f, "{name:?} is not a header name"),
            UsageError::ReservedHeader(name) => write!(f, "the header {name} is written by the handshake and cannot be given"),
            UsageError::HeaderValue(name) => {
                write!(f, "the value for header {name} has a control character or one outside ASCII")
            }
            UsageError::Subprotocol(name) => write!(f, "the subprotocol {name:?} is not a token, or is named twice"),
            UsageError::SubprotocolNotOffered(name) => write!(f, "the client did not offer the subprotocol {name:?}"),
            UsageError::Status(status) => write!(f, "a response cannot have the status {status}, only one from 200 to 599"),
            UsageError::HeadersTooLarge => f.write_str("the headers of a response have at most 64 KiB"),
            UsageError::Origin(origin) => write!(f, "the origin {origin:?} cannot stand in a header"),
            UsageError::Credentials => {
                f.write_str("user name or password cannot be sent as Basic credentials (colon or control character)")
            }
            UsageError::ProxyUrl(kind, None) => write!(f, "the proxy's URL cannot be used: {kind}"),
            UsageError::ProxyUrl(kind, Some(name)) => {
                write!(f, "the proxy's URL in the environment variable {name} cannot be used: {kind}")
            }
            UsageError::ProxyCredentials => f.write_str(
                "user name or password cannot be sent to the proxy (HTTP: a colon in the name, or a control character; \
                 SOCKS5: each has 1 to 255 bytes)",
            ),
            UsageError::NoProxy(entry) => {
                write!(f, "{entry:?} is not a host, an IP address, a network such as 10.0.0.0/8, or *")
            }
            UsageError::HostNameTooLong(n) => write!(f, "a host name for SOCKS5 has at most 255 bytes, not {n}"),
            UsageError::Cookie(name) => write!(f, "the cookie {name:?} has a character that cannot stand in its name or value"),
            UsageError::TrustedProxy(entry) => write!(f, "{entry:?} is no IP address, no network such as 10.0.0.0/8, and not unix"),
            UsageError::CloseReasonTooLong(n) => write!(f, "the reason for closing has at most 123 bytes, not {n}"),
            UsageError::CloseCode(code) => write!(f, "close code {code} must not be sent"),
            UsageError::UnsupportedByVersion { feature, version } => write!(f, "{version} has no {feature}"),
            UsageError::TextNotUtf8 => f.write_str("the text to send is not UTF-8"),
            UsageError::TopicNameTooLong { length, limit } => {
                write!(f, "the name of the topic has {length} bytes, and HubLimits::max_topic_length is {limit}")
            }
            UsageError::TooManyTopics(limit) => {
                write!(f, "this member has subscribed to {limit} topics, and HubLimits::max_topics allows no more")
            }
        }
    }
}

impl std::error::Error for UsageError {}

/// Why a URL is not usable (RFC 6455 section 3, RFC 3986). Never holds the URL: it may carry a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriErrorKind {
    /// The scheme is neither `ws` nor `wss`.
    Scheme,
    /// There is no host.
    MissingHost,
    /// The host has a character outside ASCII; it has to be given in punycode (`xn--…`).
    HostNotAscii,
    /// The host has a character that cannot stand there.
    InvalidHostCharacter,
    /// What stands in brackets is not an IPv6 address.
    Ipv6Address,
    /// The port is not a number from 1 to 65535.
    Port,
    /// The path or query has a character that must be percent-encoded, or a broken percent-encoding.
    InvalidPathCharacter,
    /// There is a fragment (`#…`), which has no meaning here; a literal `#` is written `%23`.
    Fragment,
    /// User name or password have a broken percent-encoding.
    Userinfo,
    /// Longer than a request line may be (8 KiB).
    TooLong,
    /// Of a proxy: the scheme is not one of `http`, `socks5`, `socks5h` and `socks`.
    ProxyScheme,
    /// Of a proxy: something stands after the port.
    ProxyPath,
}

impl fmt::Display for UriErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UriErrorKind::Scheme => "the scheme must be ws or wss",
            UriErrorKind::MissingHost => "there is no host",
            UriErrorKind::HostNotAscii => "the host is not ASCII; give it in punycode (xn--…)",
            UriErrorKind::InvalidHostCharacter => "the host has a character that cannot stand there",
            UriErrorKind::Ipv6Address => "what stands in brackets is not an IPv6 address",
            UriErrorKind::Port => "the port is not a number from 1 to 65535",
            UriErrorKind::InvalidPathCharacter => "the path or query has a character that must be percent-encoded",
            UriErrorKind::Fragment => "a fragment has no meaning in a WebSocket URL; a literal # is written %23",
            UriErrorKind::Userinfo => "the user name or password has a broken percent-encoding",
            UriErrorKind::ProxyScheme => "the scheme of a proxy is http or socks5",
            UriErrorKind::ProxyPath => "the URL of a proxy ends with the port",
            UriErrorKind::TooLong => "it is longer than a request line may be",
        })
    }
}

impl std::error::Error for UriErrorKind {}
