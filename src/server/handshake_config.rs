//! The settings of an opening handshake, and its state while it is pending.
//!
//! Does not know the steps of a handshake.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::Arc;

use super::decision::Decision;
use crate::auth::credentials::Credentials;
use crate::config::{Limits, Timeouts};
#[cfg(feature = "deflate")]
use crate::deflate::extension::Deflate;
use crate::error::{Error, HandshakeError, HandshakeErrorKind, HookErrorKind, Result};
use crate::events::sink::EventCallback;
use crate::handshake::origin::OriginPolicy;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::primitives::panics;
use crate::redact;
#[cfg(feature = "native-tls")]
use crate::tls::accept::TlsAccept;
use crate::trusted_proxy::trust::TrustedProxies;

/// The settings of every opening handshake of a server.
pub(crate) struct HandshakeConfig {
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    /// Origins allowed besides the host of the request. `None`: any.
    pub(crate) origins: Option<Vec<String>>,
    /// Hosts that requests may be for. Empty: any.
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) subprotocols: Vec<String>,
    #[cfg(feature = "deflate")]
    pub(crate) deflate: Option<Deflate>,
    /// `None`: no TLS. Applies to accepted sockets, not to caller-supplied streams.
    #[cfg(feature = "native-tls")]
    pub(crate) tls: Option<TlsAccept>,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) hooks: Hooks,
    #[cfg(feature = "legacy")]
    pub(crate) drafts: crate::legacy::detect::DraftConfig,
    pub(crate) events: EventCallback,
}

impl HandshakeConfig {
    /// The origins that may connect over this stream.
    pub(crate) fn origin_policy(&self, stream: &Stream) -> OriginPolicy<'_> {
        match (&self.origins, stream) {
            (None, _) => OriginPolicy::Any,
            #[cfg(feature = "native-tls")]
            (Some(origins), Stream::Tls(_)) => OriginPolicy::SecureSameHostAnd(origins),
            // A proxy or the caller may have ended TLS.
            (Some(origins), Stream::Plain(_) | Stream::Adapter(_)) => OriginPolicy::SameHostAnd(origins),
        }
    }

    /// The enabled versions of the protocol, in the syntax of `Sec-WebSocket-Version` (6455-4.4-1).
    pub(crate) fn versions(&self) -> String {
        #[cfg(feature = "legacy")]
        return self.drafts.version_list();
        #[cfg(not(feature = "legacy"))]
        "13".to_owned()
    }

    /// Whether accepted sockets use TLS.
    pub(crate) fn has_tls(&self) -> bool {
        #[cfg(feature = "native-tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "native-tls"))]
        false
    }
}

impl Default for HandshakeConfig {
    fn default() -> HandshakeConfig {
        HandshakeConfig {
            limits: Limits::server(),
            timeouts: Timeouts::default(),
            origins: Some(Vec::new()),
            allowed_hosts: Vec::new(),
            subprotocols: Vec::new(),
            #[cfg(feature = "deflate")]
            deflate: None,
            #[cfg(feature = "native-tls")]
            tls: None,
            trusted_proxies: TrustedProxies::default(),
            hooks: Hooks::default(),
            #[cfg(feature = "legacy")]
            drafts: Default::default(),
            events: EventCallback::default(),
        }
    }
}

/// The addresses of a connection, if they are known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Endpoints {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
}

/// A stream whose opening handshake has not completed.
pub(crate) struct PendingHandshake {
    pub(crate) stream: Arc<Stream>,
    pub(crate) endpoints: Endpoints,
    /// The end of the time for the opening handshake.
    pub(crate) deadline: Deadline,
    /// The request has been read. A shutdown then waits for its response.
    pub(crate) request_read: AtomicBool,
}

impl PendingHandshake {
    pub(super) fn new(stream: Stream, endpoints: Endpoints, deadline: Deadline) -> PendingHandshake {
        PendingHandshake { stream: Arc::new(stream), endpoints, deadline, request_read: AtomicBool::new(false) }
    }
}

/// A function of the application, called on any worker thread.
type Hook<T> = Box<dyn Fn(&Request) -> T + Send + Sync>;

/// The functions of the application that decide about requests.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) basic_auth: Option<BasicAuth>,
    pub(crate) http: Option<Hook<Response>>,
    pub(crate) on_request: Option<Hook<Decision>>,
}

/// The check of [`Server::basic_auth`](crate::Server::basic_auth).
pub(crate) struct BasicAuth {
    /// The response 401 to requests without valid credentials.
    pub(crate) challenge: Response,
    pub(crate) check: Box<dyn Fn(&Credentials) -> bool + Send + Sync>,
}

impl Hooks {
    /// 7617-2-s3, 6455-4.2.2-s1: the challenge, if credentials are required and the request has no valid ones.
    fn require_auth(&self, request: &Request) -> Result<Option<Response>> {
        let Some(BasicAuth { challenge, check }) = &self.basic_auth else { return Ok(None) };
        let authorized = match request.basic_auth() {
            Some(credentials) => catch_panic(|| check(&credentials))?,
            None => false,
        };
        Ok((!authorized).then(|| challenge.clone()))
    }

    /// Decides about a request that has passed the checks of its version. Accepts it without a hook.
    pub(crate) fn decide(&self, request: &Request) -> Result<Decision> {
        if let Some(challenge) = self.require_auth(request)? {
            return Ok(challenge.into());
        }
        self.on_request.as_ref().map_or_else(|| Ok(Decision::accept()), |hook| catch_panic(|| hook(request)))
    }

    /// The application's response to a plain HTTP request. `None`: there is no such hook.
    pub(crate) fn http_response(&self, request: &Request) -> Option<Result<Response>> {
        self.http.as_ref().map(|hook| catch_panic(|| hook(request)))
    }

    pub(crate) fn is_any_set(&self) -> bool {
        self.http.is_some() || self.on_request.is_some() || self.basic_auth.is_some()
    }
}

/// A panic in a hook fails one request. The panic hook has reported the panic.
fn catch_panic<T>(hook: impl FnOnce() -> T) -> Result<T> {
    let panicked = || Error::Handshake(HandshakeError::new(HandshakeErrorKind::Hook(HookErrorKind::Panicked)));
    panics::catch(hook).ok_or_else(panicked)
}

/// Without secrets: origins as URLs, and subprotocols only if they read as names.
impl fmt::Debug for HandshakeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: Option<Vec<_>> =
            self.origins.as_ref().map(|list| list.iter().map(|origin| redact::url(origin)).collect());
        let subprotocols: Vec<_> = self.subprotocols.iter().map(|name| redact::subprotocol(name)).collect();
        let mut shown = f.debug_struct("HandshakeConfig");
        shown
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts)
            .field("origins", &origins)
            .field("subprotocols", &subprotocols)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("hooks", &self.hooks);
        #[cfg(feature = "deflate")]
        shown.field("deflate", &self.deflate);
        #[cfg(feature = "native-tls")]
        shown.field("tls", &self.tls);
        #[cfg(feature = "legacy")]
        shown.field("drafts", &self.drafts);
        shown.field("events", &self.events).finish()
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("basic_auth", &self.basic_auth.is_some())
            .field("http", &self.http.is_some())
            .field("on_request", &self.on_request.is_some())
            .finish()
    }
}
