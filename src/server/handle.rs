//! [`ServerHandle`]: a running server and the ways to end it. Does not know how connections are accepted or served.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::accept_loop::AcceptLoop;
use super::listener::connectable_addr;
use super::shutdown::{run_shutdown, ShutdownHandle};
use super::shutdown_report::ShutdownReport;
use crate::error::{Error, Result, Step};
use crate::net::deadline::Deadline;

/// Maximum time for [`ServerHandle::stop`] to free the address.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// A running server. Dropping the handle stops it like [`stop`](ServerHandle::stop). Feature `server`.
#[must_use = "a server stops when its handle is dropped"]
pub struct ServerHandle {
    /// `None`: a Unix socket.
    addr: Option<SocketAddr>,
    /// Of the URL: `ws`, or `wss` with TLS.
    scheme: &'static str,
    accept_loop: Arc<AcceptLoop>,
    shutdown: ShutdownHandle,
}

impl ServerHandle {
    pub(super) fn new(
        (addr, scheme): (Option<SocketAddr>, &'static str),
        accept_loop: Arc<AcceptLoop>,
        shutdown: ShutdownHandle,
    ) -> ServerHandle {
        ServerHandle { addr, scheme, accept_loop, shutdown }
    }

    /// The address on which the server listens. `None` for a Unix socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.addr
    }

    /// The URL of the server for clients on this machine, without a path: `ws://127.0.0.1:9001`, or `wss://…` with
    /// `Server::tls` (feature `native-tls`).
    ///
    /// A server on all addresses (`0.0.0.0`, `[::]`) has the URL of the loopback address. The certificate of a TLS
    /// server commonly names a host instead of this address. For a Unix socket the URL is `ws://localhost`, which suits
    /// [`Client::connect_unix`](crate::Client::connect_unix).
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.send("welcome"))?;
    /// let mut ws = stdws::connect(&server.url())?;
    /// assert_eq!(ws.recv()?.unwrap().as_text(), Some("welcome"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn url(&self) -> String {
        let scheme = self.scheme;
        match self.addr {
            Some(addr) => format!("{scheme}://{}", connectable_addr(addr)),
            None => format!("{scheme}://localhost"),
        }
    }

    /// Stops listening. Open connections stay open until their handlers return.
    ///
    /// It returns when the address is free again, after at most one second. On Linux it shuts the listening socket
    /// down. Elsewhere, and for [`Server::from_listener`](crate::Server::from_listener), it wakes the threads in `accept`
    /// by connections, because `std` has no call for that. Clients that connect meanwhile are served. If these connections
    /// fail (no descriptors, a packet filter), the next clients wake the threads, and are served too.
    pub fn stop(self) {}

    /// Stops listening, sends Close 1001 to all connections, waits for the answers, aborts the rest at the deadline,
    /// and joins the threads (RFC 6455 section 7.4.1). It returns at most half a second after the deadline, whatever
    /// peers and handlers do.
    ///
    /// A connection whose peer does not answer within [`Timeouts::close`](crate::Timeouts::close) is aborted then.
    /// Requests that have not arrived after 250 ms are aborted. Requests that are being answered have until the deadline.
    /// For handlers the connection ends as usual: `recv` returns `None`, and sending returns [`Closed`](Error::Closed).
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use std::time::Duration;
    /// let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// let mut ws = stdws::connect(&server.url())?;
    /// let client = std::thread::spawn(move || ws.recv().map(|_| ws.close_info()));
    /// let report = server.shutdown(Duration::from_secs(5));
    /// assert_eq!((report.clean(), report.timed_out(), report.aborted(), report.threads_left()), (1, 0, 0, 0));
    /// assert_eq!(client.join().unwrap()?.unwrap().code(), stdws::CloseCode::GOING_AWAY);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "graceful shutdown")]
    pub fn shutdown(self, timeout: Duration) -> ShutdownReport {
        run_shutdown(&self.accept_loop, Duration::ZERO, timeout)
    }

    /// Shuts the server down like [`shutdown`](ServerHandle::shutdown), but spreads the Closes evenly over `window`, at
    /// most until the deadline. So the clients do not all reconnect at the same moment.
    pub fn shutdown_spread(self, window: Duration, timeout: Duration) -> ShutdownReport {
        run_shutdown(&self.accept_loop, window, timeout)
    }

    /// A handle that shuts this server down from anywhere, see [`ShutdownHandle`].
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        self.shutdown.clone()
    }

    /// Number of connections that count for [`max_connections`](crate::Server::max_connections): opening handshakes,
    /// open connections whose handlers have not returned, and failed connections whose peers have not read the Close
    /// yet.
    pub fn connection_count(&self) -> usize {
        self.accept_loop.lock().registry.active_count()
    }

    /// Waits until a [`ShutdownHandle`] has shut the server down, and all its threads have ended or the time of the
    /// shutdown has ended. Without a shutdown it waits forever.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`] if the server cannot accept connections any more.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// let shutdown = server.shutdown_handle();
    /// std::thread::spawn(move || shutdown.shutdown(std::time::Duration::from_secs(5)));
    /// server.join()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn join(self) -> Result<()> {
        let closed = self.accept_loop.wait_stopped().map_err(|error| Error::io(Step::Listen, error));
        self.accept_loop.shutdown.wait();
        closed
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.accept_loop.stop_listening(Deadline::after(STOP_TIMEOUT));
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle").field("local_addr", &self.addr).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "client"))]
mod tests {
    use super::*;
    use crate::client::builder::Client;
    use crate::close::CloseCode;
    use crate::server::builder::Server;
    use crate::server::decision::Decision;
    use std::sync::OnceLock;

    /// The shutdown has collected the connections after the request was read and before this one was open.
    #[test]
    fn a_connection_that_opens_during_a_shutdown_is_closed() {
        let started: Arc<OnceLock<Arc<AcceptLoop>>> = Arc::default();
        let closing = started.clone();
        // Pages of any origin, and one of these: the second setting adds nothing.
        let server = Server::bind("127.0.0.1:0").unwrap().danger_allow_any_origin().allow_origin("https://one.example");
        let server = server.on_request(move |_| {
            drop(closing.get().unwrap().lock().registry.close());
            Decision::accept()
        });
        let server = server.start(|_| panic!("no handler runs")).unwrap();
        assert!(started.set(server.accept_loop.clone()).is_ok());
        let client = Client::new(server.url()).unwrap().origin("https://other.example").unwrap();
        let mut ws = client.connect().unwrap();
        assert_eq!(ws.recv().unwrap(), None);
        assert_eq!(ws.close_info().unwrap().code(), CloseCode::GOING_AWAY);
        // From now on the request of another connection is not even read.
        assert!(client.connect().is_err());
    }
}
