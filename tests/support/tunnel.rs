//! The tunnel of a proxy after its positive response.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;

/// Passes bytes in both directions until both have ended.
pub(crate) fn tunnel(client: TcpStream, to: SocketAddr) {
    let server = TcpStream::connect(to).unwrap();
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    };
    let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let there = thread::spawn(move || copy(from_client, to_server));
    copy(server, client);
    there.join().unwrap();
}
