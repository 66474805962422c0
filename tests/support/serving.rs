//! Helpers of the tests of servers.
#![allow(dead_code)] // Each test program uses a part of it.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use stdws::{Result, Server, WebSocket};

/// A test that waits longer for its peer hangs.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(120);

pub(crate) fn bind() -> Server {
    Server::bind("127.0.0.1:0").unwrap()
}

pub(crate) fn echo(mut ws: WebSocket) -> Result<()> {
    while let Some(message) = ws.recv()? {
        ws.send(&message)?;
    }
    Ok(())
}

/// A client's socket, whose reads end at the [`WATCHDOG`].
pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(WATCHDOG)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}
