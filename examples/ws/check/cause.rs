//! What a failed connection means: the check that failed, and likely causes. Knows no network.

use stdws::handshake::uri::Uri;
use stdws::{Error, HandshakeError, HandshakeErrorKind, HeadErrorKind, ProxyErrorKind, ResponseErrorKind, Step};
use stdws::{TlsError, TlsErrorKind};

/// The check that failed. Each has an exit code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Other,
    Name,
    Address,
    Proxy,
    Tls,
    Http,
    /// The response claims to open a WebSocket, and does not.
    Response(&'static str),
    Session(&'static str),
}

impl Check {
    pub(super) fn name(self) -> &'static str {
        match self {
            Check::Other => "connection",
            Check::Name => "name",
            Check::Address => "address",
            Check::Proxy => "proxy",
            Check::Tls => "tls",
            Check::Http => "http",
            Check::Response(name) | Check::Session(name) => name,
        }
    }

    pub(super) fn code(self) -> u8 {
        match self {
            Check::Other => 1,
            Check::Name => 3,
            Check::Address => 4,
            Check::Proxy => 5,
            Check::Tls => 6,
            Check::Http => 7,
            Check::Response(_) => 8,
            Check::Session(_) => 9,
        }
    }

    /// The check that this error of connecting belongs to.
    pub(super) fn of(error: &Error) -> Check {
        match error {
            Error::Connect(error) if error.is_proxy() => Check::Proxy,
            Error::Connect(error) if error.attempts().is_empty() => Check::Name,
            Error::Connect(_) => Check::Address,
            Error::Proxy(_) => Check::Proxy,
            Error::Tls(_) => Check::Tls,
            Error::Handshake(error) => of_response(error.kind()),
            Error::Io(error) => of_step(error.step()),
            Error::Timeout(step) => of_step(*step),
            _ => Check::Other,
        }
    }
}

fn of_step(step: Step) -> Check {
    match step {
        Step::Resolve => Check::Name,
        Step::ConnectQueue | Step::Connect => Check::Address,
        Step::Proxy => Check::Proxy,
        Step::Tls => Check::Tls,
        Step::Handshake | Step::Read | Step::Write => Check::Http,
        _ => Check::Other,
    }
}

fn of_response(kind: &HandshakeErrorKind) -> Check {
    match kind {
        HandshakeErrorKind::MissingHeader(name)
        | HandshakeErrorKind::DuplicateHeader(name)
        | HandshakeErrorKind::InvalidHeader(name) => Check::Response(of_header(name)),
        HandshakeErrorKind::Response(ResponseErrorKind::InvalidProof) => Check::Response("accept key"),
        HandshakeErrorKind::Response(
            ResponseErrorKind::SubprotocolNotOffered | ResponseErrorKind::EmptySubprotocol,
        ) => Check::Response("subprotocol"),
        HandshakeErrorKind::Response(ResponseErrorKind::ExtensionNotOffered) => Check::Response("extensions"),
        _ => Check::Http,
    }
}

fn of_header(name: &str) -> &'static str {
    match name {
        "Sec-WebSocket-Accept" => "accept key",
        "Sec-WebSocket-Protocol" => "subprotocol",
        "Sec-WebSocket-Extensions" => "extensions",
        _ => "headers",
    }
}

/// What further requests have shown about a rejection.
#[derive(Default)]
pub(super) struct Probes {
    /// The connection opens with this Origin.
    pub(super) opens_with_origin: Option<String>,
    /// The status of the response to the same request without `Upgrade`.
    pub(super) plain_status: Option<u16>,
    pub(super) sent_origin: bool,
    pub(super) sent_host: String,
}

/// Likely causes of an error, the likeliest first.
pub(super) fn causes(error: &Error, uri: &Uri, probes: &Probes) -> Vec<String> {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    match error {
        Error::Connect(error) if error.attempts().is_empty() => {
            own(&["the name is misspelt, or this machine has no resolver that knows it"])
        }
        Error::Connect(error) if error.is_proxy() => own(&["the proxy does not run there, or has another port"]),
        Error::Connect(_) => own(&[
            "nothing listens at this port, or a firewall refuses or drops the connection",
            "if the network has a proxy, --proxy env or --proxy URL uses it",
        ]),
        Error::Timeout(Step::Connect) => own(&["a firewall drops the connection", "the network needs --proxy URL"]),
        Error::Timeout(Step::Handshake) => own(&[
            "the server is not a web server, expects TLS (wss://), or is overloaded",
            "a proxy waits for a server that does not answer",
        ]),
        Error::Timeout(Step::Tls) => own(&["the port does not have TLS: try ws://"]),
        Error::Proxy(error) => proxy(error.kind()),
        Error::Tls(error) => tls(error),
        Error::Handshake(error) => handshake(error, uri, probes),
        _ => Vec::new(),
    }
}

fn proxy(kind: ProxyErrorKind) -> Vec<String> {
    vec![match kind {
        ProxyErrorKind::Status(407) | ProxyErrorKind::NoAcceptableMethod | ProxyErrorKind::AuthenticationFailed => {
            "the proxy needs --proxy-user NAME and its password".to_owned()
        }
        ProxyErrorKind::Status(403 | 405) => "the proxy allows no CONNECT to this host or port".to_owned(),
        ProxyErrorKind::Status(500..=599) => "the proxy cannot reach the server".to_owned(),
        ProxyErrorKind::Reply(_) => "the proxy forbids this server, or cannot reach it".to_owned(),
        _ => "it is not a proxy of this kind: compare the scheme and the port of --proxy".to_owned(),
    }]
}

fn tls(error: &TlsError) -> Vec<String> {
    let text = match error.kind() {
        TlsErrorKind::UnknownIssuer => {
            "chain: the authority is a private one (--ca FILE trusts it), the server does not send its intermediate \
             certificates, or a proxy decrypts the traffic"
        }
        TlsErrorKind::HostnameMismatch => "host: the certificate is for another name: use that name in the URL",
        TlsErrorKind::Expired => "dates: the operator has to renew the certificate, or the clock here is wrong",
        TlsErrorKind::NotYetValid => "dates: the clock of this machine is wrong, or the certificate is for later",
        TlsErrorKind::NotTls => "the port does not have TLS: try ws://, or another port",
        TlsErrorKind::NoCommonParameters => "versions: the server only has versions or ciphers that are outdated here",
        TlsErrorKind::AlertReceived => "the server requires a client certificate, or knows no such host name (SNI)",
        TlsErrorKind::UnexpectedEof => "the port does not have TLS, or a firewall ended the connection",
        _ => return Vec::new(),
    };
    vec![text.to_owned()]
}

fn handshake(error: &HandshakeError, uri: &Uri, probes: &Probes) -> Vec<String> {
    let text = match error.kind() {
        HandshakeErrorKind::Response(ResponseErrorKind::Status(status)) => {
            return rejected(*status, error, uri, probes);
        }
        HandshakeErrorKind::Response(ResponseErrorKind::InvalidProof)
        | HandshakeErrorKind::MissingHeader("Sec-WebSocket-Accept")
        | HandshakeErrorKind::InvalidHeader("Sec-WebSocket-Accept") => {
            "a cache answered for the server, or the server computes the accept key wrongly"
        }
        HandshakeErrorKind::MissingHeader("Upgrade" | "Connection")
        | HandshakeErrorKind::InvalidHeader("Upgrade" | "Connection") => {
            "a proxy dropped or replaced `Upgrade` or `Connection` in the response"
        }
        HandshakeErrorKind::Response(ResponseErrorKind::SubprotocolNotOffered) => {
            "the server requires a subprotocol: offer it with --subprotocol P"
        }
        HandshakeErrorKind::Response(ResponseErrorKind::ExtensionNotOffered) => {
            "the server, or a proxy, uses an extension without being asked: it breaks RFC 6455 section 4.2.2"
        }
        HandshakeErrorKind::Head(HeadErrorKind::Tls) => "the port has TLS: use wss://",
        HandshakeErrorKind::Head(_) => "the port is not one of a web server",
        HandshakeErrorKind::HttpVersion => "a proxy speaks HTTP/1.0 to its clients, which has no `Upgrade`",
        HandshakeErrorKind::UnexpectedEof => {
            "the port has TLS (wss://), or the server or a firewall ends connections it does not like"
        }
        _ => return Vec::new(),
    };
    vec![text.to_owned()]
}

/// A status other than 101.
fn rejected(status: u16, error: &HandshakeError, uri: &Uri, probes: &Probes) -> Vec<String> {
    let mut causes = Vec::new();
    if let Some(origin) = &probes.opens_with_origin {
        return vec![format!("an Origin rule: with --origin {origin} the connection opens")];
    }
    if let Some(cause) = dropped_upgrade(status, error, probes) {
        causes.push(cause);
    }
    if status == 404 && causes.is_empty() {
        causes.push("the path is wrong".to_owned());
    }
    let by_address = uri.host().parse::<std::net::IpAddr>().is_ok();
    if status == 421 || by_address && matches!(status, 400 | 403 | 404) {
        let host = &probes.sent_host;
        causes.push(format!("a wrong Host: the server may not know {host:?}; --host-header NAME sends another one"));
    }
    let text = match status {
        301 | 302 | 303 | 307 | 308 => "the server is elsewhere: --redirects N follows, or use the URL of Location",
        401 => "the server requires credentials: --user NAME, or a token by --header-file",
        403 if probes.sent_origin => "the Origin, the credentials or the address of this client is not allowed",
        403 => "credentials are missing, or the server requires an Origin: --origin O",
        429 => "too many connections from here: try later",
        500 => "the server failed: its log says why",
        // Python's websockets closes a connection with HTTP/1.0, the version of nginx without further settings.
        502 => {
            "a proxy cannot reach the server behind it, or does not pass `Upgrade` on to it \
             (nginx: proxy_http_version 1.1, and Upgrade and Connection set)"
        }
        504 => "a proxy cannot reach the server behind it",
        503 => "the server is overloaded or stopped",
        _ => return causes,
    };
    causes.push(text.to_owned());
    causes
}

/// The server has not seen that a WebSocket was asked for.
fn dropped_upgrade(status: u16, error: &HandshakeError, probes: &Probes) -> Option<String> {
    let body = String::from_utf8_lossy(error.body()).to_ascii_lowercase();
    // Otherwise the server lists the versions that it has instead.
    let version = error.header("Sec-WebSocket-Version");
    let upgrade_required = status == 426 && version.map_or(true, |versions| versions.contains("13"));
    let same = probes.plain_status == Some(status) && matches!(status, 200 | 400 | 404 | 405 | 426);
    let evidence = match () {
        () if upgrade_required => "the server asks for `Upgrade`, which was sent",
        () if status == 400 && body.contains("upgrade") => "the server misses `Upgrade`, which was sent",
        () if same => "a request without `Upgrade` has the same response",
        () => return None,
    };
    Some(match status {
        404 => format!("{evidence}: the path is wrong, or a proxy dropped `Upgrade`"),
        200 => format!("{evidence}: this path is a page and no WebSocket, or a proxy dropped `Upgrade`"),
        _ => format!("{evidence}: a proxy dropped it (nginx: proxy_http_version 1.1, and Upgrade and Connection set)"),
    })
}
