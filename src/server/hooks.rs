//! The hooks of a server: the application's part in answering requests.

use super::builder::Server;
use super::decision::Decision;
use crate::http::request::Request;
use crate::http::response::Response;

impl Server {
    /// Answers what does not ask for a WebSocket: pages, health checks, on the same port. Without this it is answered 426.
    ///
    /// The hook is asked about GET and HEAD, over HTTP/1.0 too; other methods are answered 405. It is called in the thread of
    /// the connection, and sees the head of the request alone: a body is never given to it, and up to 1 MiB of one is dropped
    /// after the answer. After each answer the connection is closed. All of it, with the time the hook takes, has to be over
    /// within [`Timeouts::handshake`](crate::Timeouts::handshake). A hook that panics is answered 500.
    ///
    /// Which pages may read the answer is decided by headers of its own; [`allow_origin`](Server::allow_origin) is about
    /// WebSockets.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Response, Server};
    /// let server = Server::bind("127.0.0.1:0")?.http(|request| match request.path() {
    ///     "/" => Response::html(200, "<!doctype html><title>Chat</title>"),
    ///     "/health" => Response::text(200, "ok"),
    ///     _ => Response::text(404, "not here"),
    /// });
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn http(mut self, hook: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Server {
        self.config.hooks.http = Some(Box::new(hook));
        self
    }

    /// Decides about each request before it is answered: accepts it with settings of its own, answers it in HTTP (401, a
    /// redirect, 404; RFC 6455 section 4.2.2), or hands the stream over. See [`Decision`].
    ///
    /// The hook is asked about WebSocket requests that are in order and whose Origin is allowed, and about everything else that is
    /// a request of HTTP/1.x, of any method; [`Request::is_websocket`] tells them apart. It is called in the thread of the
    /// connection, and its time counts towards [`Timeouts::handshake`](crate::Timeouts::handshake). A hook that panics is answered 500.
    pub fn on_request(mut self, hook: impl Fn(&Request) -> Decision + Send + Sync + 'static) -> Server {
        self.config.hooks.on_request = Some(Box::new(hook));
        self
    }
}
