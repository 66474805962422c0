//! The properties of a [`WebSocket`] that the opening handshake has determined.

use std::any::Any;
use std::net::SocketAddr;

use super::websocket::WebSocket;
#[cfg(feature = "server")]
use crate::http::request::Request;
use crate::http::response::Response;

impl WebSocket {
    /// The negotiated subprotocol (RFC 6455 section 1.9).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.subprotocols(["v2.feed"]).start(|mut ws| ws.recv().map(drop))?;
    /// let ws = stdws::Client::new(server.url())?.subprotocol("v2.feed")?.subprotocol("v1.feed")?.connect()?;
    /// assert_eq!(ws.subprotocol(), Some("v2.feed"));
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn subprotocol(&self) -> Option<&str> {
        self.info.subprotocol.as_deref()
    }

    /// The request that opened the connection. `None` for a client. Feature `server`.
    ///
    /// ```
    /// let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
    ///     let path = ws.request().map(|request| request.path().to_owned());
    ///     ws.send(path.unwrap_or_default())
    /// })?;
    /// let mut ws = stdws::connect(server.url() + "/room/7")?;
    /// assert_eq!(ws.recv()?.unwrap(), "/room/7");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[cfg(feature = "server")]
    pub fn request(&self) -> Option<&Request> {
        self.info.request.as_ref()
    }

    /// The server's response. `None` for a server.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let ws = stdws::connect(server.url())?;
    /// assert_eq!(ws.response().map(|response| response.status()), Some(101));
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn response(&self) -> Option<&Response> {
        self.info.response.as_ref()
    }

    /// The address of the peer, or of the proxy before it. Over a stream that the caller has opened, that of
    /// [`SplitStream::peer_addr`](crate::SplitStream::peer_addr).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let ws = stdws::connect(server.url())?;
    /// assert_eq!(ws.peer_addr(), server.local_addr());
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.info.peer
    }

    /// The address of this side. Over a stream that the caller has opened, that of
    /// [`SplitStream::local_addr`](crate::SplitStream::local_addr).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let ws = stdws::connect(server.url())?;
    /// println!("connected from {:?}", ws.local_addr());
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.info.local
    }

    /// The value of this type that [`Accept::with`](crate::Accept::with) added when the server accepted the connection. `None`
    /// if there is none, and for a client.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// let ws = stdws::connect(server.url())?;
    /// assert_eq!(ws.extension::<String>(), None);
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[doc(alias = "state")]
    pub fn extension<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.info.values.get()
    }

    /// The number of this connection in [events](crate::events::event::Event), which links the lines of a log. `None` without
    /// [`Client::on_event`](crate::Client::on_event) or [`Server::on_event`](crate::Server::on_event).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let ws = stdws::Client::new(server.url())?.on_event(|event| println!("{event}")).connect()?;
    /// println!("connection {:?} is open", ws.connection_id());
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn connection_id(&self) -> Option<u64> {
        self.info.events.connection_id()
    }
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "server")]
    use super::{Request, Response};
    use crate::connection::testing::{long_timeouts, websocket, ROLES};

    #[test]
    fn a_connection_has_what_its_handshake_has_determined() {
        for role in ROLES {
            let (mut ws, _peer) = websocket(role, long_timeouts());
            assert_eq!(
                (ws.subprotocol(), ws.peer_addr(), ws.local_addr(), ws.connection_id()),
                (None, None, None, None)
            );
            assert!(ws.response().is_none() && ws.extension::<u32>().is_none());
            let [peer, local] = ["192.0.2.1:80", "192.0.2.2:1024"].map(|addr| addr.parse().unwrap());
            ws.info.subprotocol = Some("chat".to_owned());
            (ws.info.peer, ws.info.local) = (Some(peer), Some(local));
            assert_eq!((ws.subprotocol(), ws.peer_addr(), ws.local_addr()), (Some("chat"), Some(peer), Some(local)));
            #[cfg(feature = "server")]
            {
                ws.info.response = Some(Response::empty(200));
                assert_eq!(ws.response().map(Response::status), Some(200));
                assert!(ws.request().is_none());
                let mut parser = crate::handshake::http::HeadParser::request();
                parser.feed(b"GET /room/7 HTTP/1.1\r\n\r\n").unwrap();
                ws.info.request = Some(Request::new(parser.finish().unwrap(), None, None));
                assert_eq!(ws.request().map(Request::path), Some("/room/7"));
                ws.info.values.insert(7_u32);
                assert_eq!((ws.extension(), ws.extension::<u64>()), (Some(&7_u32), None));
            }
            #[cfg(feature = "trace")]
            {
                ws.info.events = crate::events::sink::EventCallback::new(|_| {}).for_connection();
                assert!(ws.connection_id().is_some());
            }
        }
    }
}
