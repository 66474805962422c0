//! What a server agrees to: the settings of every request at its door.

use std::fmt;
use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::AtomicBool;
use std::sync::Arc;

use super::credentials::Credentials;
use super::decision::Decision;
use super::request::Request;
use super::response::Response;
use super::vouching::Vouching;
use crate::config::{Limits, Timeouts};
use crate::error::{Error, HandshakeFault, Refusal, Result};
use crate::protocol::deflate::Deflate;
use crate::tls::TlsAccept;
use crate::trace::Events;
use crate::transport::deadline::Deadline;
use crate::transport::stream::Stream;

/// What a server agrees to.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    /// Allowed besides the host that is asked. `None`: any.
    pub(crate) origins: Option<Vec<String>>,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) deflate: Option<Deflate>,
    /// `None`: connections are not encrypted here. Only for those that this server accepts by itself.
    pub(crate) tls: Option<TlsAccept>,
    pub(crate) vouching: Vouching,
    pub(crate) hooks: Hooks,
    #[cfg(feature = "legacy")]
    pub(crate) drafts: super::drafts::Enabled,
    pub(crate) events: Events,
}

impl Terms {
    /// The versions of the protocol that are spoken, as `Sec-WebSocket-Version` lists them (6455-4.4-1).
    pub(super) fn versions(&self) -> String {
        #[cfg(feature = "legacy")]
        return self.drafts.list();
        #[cfg(not(feature = "legacy"))]
        "13".to_owned()
    }
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            limits: Limits::server(),
            timeouts: Timeouts::default(),
            origins: Some(Vec::new()),
            subprotocols: Vec::new(),
            deflate: None,
            tls: None,
            vouching: Vouching::default(),
            hooks: Hooks::default(),
            #[cfg(feature = "legacy")]
            drafts: Default::default(),
            events: Events::default(),
        }
    }
}

/// The addresses of a connection, as far as they are known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ends {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
}

/// A stream at the door, on which nothing has been said yet.
pub(crate) struct Visit {
    pub(crate) stream: Arc<Stream>,
    pub(crate) ends: Ends,
    /// The opening handshake has to be over by then.
    pub(crate) deadline: Deadline,
    /// The request has been read; it has a right to an answer.
    pub(crate) heard: AtomicBool,
}

impl Visit {
    pub(crate) fn new(stream: Stream, ends: Ends, deadline: Deadline) -> Visit {
        Visit { stream: Arc::new(stream), ends, deadline, heard: AtomicBool::new(false) }
    }
}

/// Asked about a request, by any thread.
type Hook<T> = Box<dyn Fn(&Request) -> T + Send + Sync>;

/// The application's part in answering requests.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) basic_auth: Option<BasicAuth>,
    pub(crate) http: Option<Hook<Response>>,
    pub(crate) on_request: Option<Hook<Decision>>,
}

/// Whom [`Server::basic_auth`](crate::Server::basic_auth) lets in.
pub(crate) struct BasicAuth {
    /// The answer to those it does not know.
    pub(crate) challenge: Response,
    pub(crate) check: Box<dyn Fn(&Credentials) -> bool + Send + Sync>,
}

impl Hooks {
    /// 7617-2-s3, 6455-4.2.2-s1: the answer to one who is not known, if credentials are asked for.
    pub(super) fn stranger(&self, request: &Request) -> Result<Option<Response>> {
        let Some(BasicAuth { challenge, check }) = &self.basic_auth else { return Ok(None) };
        let known = match request.basic_auth() {
            Some(credentials) => guarded(|| check(&credentials))?,
            None => false,
        };
        Ok((!known).then(|| challenge.clone()))
    }

    /// What the application decides; without a hook, it accepts.
    pub(super) fn decide(&self, request: &Request) -> Result<Decision> {
        self.on_request.as_ref().map_or_else(|| Ok(Decision::accept()), |hook| guarded(|| hook(request)))
    }

    /// What the application answers to a request that does not ask for a WebSocket. `None`: there is no such hook.
    pub(super) fn answer(&self, request: &Request) -> Option<Result<Response>> {
        self.http.as_ref().map(|hook| guarded(|| hook(request)))
    }

    pub(super) fn any(&self) -> bool {
        self.http.is_some() || self.on_request.is_some() || self.basic_auth.is_some()
    }
}

/// A hook that panics spoils one request. The panic itself was reported by the panic hook.
fn guarded<T>(hook: impl FnOnce() -> T) -> Result<T> {
    panic::catch_unwind(AssertUnwindSafe(hook)).map_err(|_| Error::Handshake(Refusal::new(HandshakeFault::Hook)))
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
