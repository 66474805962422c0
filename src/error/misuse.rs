//! What a caller can ask for that must not be done. Nothing was sent when one of these comes back.

use std::fmt;

/// The call was wrong. Nothing was sent; a connection is as it was before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The URL is not a `ws` or `wss` URL this side can use (RFC 6455 section 3).
    Url(UriFault),
    /// `wss://` was asked of a build without TLS.
    TlsNotBuilt,
    /// A header name that is not a token (RFC 9110 section 5.6.2).
    HeaderName(String),
    /// A header the handshake writes itself; it cannot be given. The name is kept, the value is not.
    HeaderOwned(String),
    /// A header value with CR, LF, NUL, another control character, or a character outside ASCII. Only the name is kept.
    HeaderValue(String),
    /// A subprotocol that is not a token, or is named twice (RFC 6455 section 4.1).
    Subprotocol(String),
    /// A hook of a server chose a subprotocol that the client did not offer (RFC 6455 section 4.2.2).
    SubprotocolNotOffered(String),
    /// The status of a [`Response`](crate::Response) is not one from 200 to 599.
    Status(u16),
    /// The headers of a [`Response`](crate::Response) are more than 64 KiB.
    HeadersTooLong,
    /// An origin that cannot stand in a header.
    Origin(String),
    /// User name or password that cannot be sent as Basic credentials (RFC 7617): a colon in the name, or a control character.
    Credentials,
    /// The URL of a proxy cannot be used. If it came from the environment, the name of the variable.
    Proxy(UriFault, Option<&'static str>),
    /// User name or password that cannot be sent to a proxy: for HTTP as in [`Misuse::Credentials`]; for SOCKS5 each of them
    /// has 1 to 255 bytes (RFC 1929).
    ProxyCredentials,
    /// A host name too long for SOCKS5, which takes 255 bytes (RFC 1928 section 5). Its length.
    HostTooLong(usize),
    /// A cookie whose name is not a token, or whose value has a character that cannot stand there (RFC 6265 section 4.1.1). Only
    /// the name is kept.
    Cookie(String),
    /// An entry in a list of trusted proxies that is no IP address, no network (`10.0.0.0/8`), and not `unix`.
    Network(String),
    /// A reason longer than 123 bytes (RFC 6455 section 5.5: 125, less the code).
    ReasonTooLong(usize),
    /// A close code that must not be sent (RFC 6455 section 7.4).
    CloseCode(u16),
    /// The version of the protocol that is spoken here cannot do this. Its name, and what it lacks. Feature `legacy`.
    NotInVersion {
        /// What was asked for.
        what: &'static str,
        /// The version, as `Version::name` has it.
        version: &'static str,
    },
    /// A stream of text was ended inside a character, or given bytes that are not UTF-8.
    TextNotUtf8,
    /// The name of a topic is longer than [`HubLimits::topic_name`](crate::HubLimits) bytes.
    TopicName {
        /// Bytes in the name.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A member of a hub has so many topics already: [`HubLimits::topics`](crate::HubLimits).
    TooManyTopics(usize),
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misuse::Url(fault) => write!(f, "the URL cannot be used: {fault}"),
            Misuse::TlsNotBuilt => f.write_str(
                "wss:// needs TLS, which this build leaves out; in Cargo.toml: stdws = { version = \"0.1\", features = [\"native-tls\"] }; \
                 a TLS stream of your own goes to Client::connect_over",
            ),
            Misuse::HeaderName(name) => write!(f, "{name:?} is not a header name"),
            Misuse::HeaderOwned(name) => write!(f, "the header {name} is written by the handshake and cannot be given"),
            Misuse::HeaderValue(name) => {
                write!(f, "the value for header {name} has a control character or one outside ASCII")
            }
            Misuse::Subprotocol(name) => write!(f, "the subprotocol {name:?} is not a token, or is named twice"),
            Misuse::SubprotocolNotOffered(name) => write!(f, "the client did not offer the subprotocol {name:?}"),
            Misuse::Status(status) => write!(f, "a response cannot have the status {status}, only one from 200 to 599"),
            Misuse::HeadersTooLong => f.write_str("the headers of a response have at most 64 KiB"),
            Misuse::Origin(origin) => write!(f, "the origin {origin:?} cannot stand in a header"),
            Misuse::Credentials => {
                f.write_str("user name or password cannot be sent as Basic credentials (colon or control character)")
            }
            Misuse::Proxy(fault, None) => write!(f, "the proxy's URL cannot be used: {fault}"),
            Misuse::Proxy(fault, Some(name)) => {
                write!(f, "the proxy's URL in the environment variable {name} cannot be used: {fault}")
            }
            Misuse::ProxyCredentials => f.write_str(
                "user name or password cannot be sent to the proxy (HTTP: a colon in the name, or a control character; \
                 SOCKS5: each has 1 to 255 bytes)",
            ),
            Misuse::HostTooLong(n) => write!(f, "a host name for SOCKS5 has at most 255 bytes, not {n}"),
            Misuse::Cookie(name) => write!(f, "the cookie {name:?} has a character that cannot stand in its name or value"),
            Misuse::Network(entry) => write!(f, "{entry:?} is no IP address, no network such as 10.0.0.0/8, and not unix"),
            Misuse::ReasonTooLong(n) => write!(f, "the reason for closing has at most 123 bytes, not {n}"),
            Misuse::CloseCode(code) => write!(f, "close code {code} must not be sent"),
            Misuse::NotInVersion { what, version } => write!(f, "{version} has no {what}"),
            Misuse::TextNotUtf8 => f.write_str("the text to send is not UTF-8"),
            Misuse::TopicName { length, limit } => {
                write!(f, "the name of the topic has {length} bytes, and HubLimits::topic_name is {limit}")
            }
            Misuse::TooManyTopics(limit) => {
                write!(f, "this member has subscribed to {limit} topics, and HubLimits::topics allows no more")
            }
        }
    }
}

impl std::error::Error for Misuse {}

/// Why a URL is not usable (RFC 6455 section 3, RFC 3986). Never holds the URL: it may carry a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriFault {
    /// The scheme is neither `ws` nor `wss`.
    Scheme,
    /// There is no host.
    NoHost,
    /// The host has a character outside ASCII; it has to be given in punycode (`xn--…`).
    HostNotAscii,
    /// The host has a character that cannot stand there.
    HostCharacter,
    /// What stands in brackets is not an IPv6 address.
    Ipv6,
    /// The port is not a number from 1 to 65535.
    Port,
    /// The path or query has a character that must be percent-encoded, or a broken percent-encoding.
    PathCharacter,
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

impl fmt::Display for UriFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UriFault::Scheme => "the scheme must be ws or wss",
            UriFault::NoHost => "there is no host",
            UriFault::HostNotAscii => "the host is not ASCII; give it in punycode (xn--…)",
            UriFault::HostCharacter => "the host has a character that cannot stand there",
            UriFault::Ipv6 => "what stands in brackets is not an IPv6 address",
            UriFault::Port => "the port is not a number from 1 to 65535",
            UriFault::PathCharacter => "the path or query has a character that must be percent-encoded",
            UriFault::Fragment => "a fragment has no meaning in a WebSocket URL; a literal # is written %23",
            UriFault::Userinfo => "the user name or password has a broken percent-encoding",
            UriFault::ProxyScheme => "the scheme of a proxy is http or socks5",
            UriFault::ProxyPath => "the URL of a proxy ends with the port",
            UriFault::TooLong => "it is longer than a request line may be",
        })
    }
}

impl std::error::Error for UriFault {}
