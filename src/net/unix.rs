//! Addresses of Unix sockets, and connecting to one by a deadline.

use std::io;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};

use super::deadline::Deadline;
use super::threads;
use crate::error::{Error, Step};

/// The address for a path or, on Linux, for an abstract name after a NUL byte.
pub(crate) fn address(path: &Path) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let [0, name @ ..] = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()) {
        return <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    }
    SocketAddr::from_pathname(path)
}

/// Connects within a deadline. The system waits without a limit while the accept queue of the server is full, so a
/// thread does it. After a missed deadline that thread ends when the server accepts or exits.
pub(crate) fn connect(address: SocketAddr, deadline: Deadline) -> Result<UnixStream, Error> {
    let (sender, receiver) = mpsc::channel();
    // After a missed deadline the receiver is gone, and the send fails without effect.
    let work = move || drop(sender.send(UnixStream::connect_addr(&address)));
    threads::spawn("stdws-connect", None, work).map_err(|error| Error::io(Step::Thread, error))?;
    match receiver.recv_timeout(deadline.remaining()) {
        Ok(connected) => connected.map_err(|error| Error::io(Step::Connect, error)),
        Err(RecvTimeoutError::Timeout) => Err(Error::Timeout(Step::Connect)),
        Err(RecvTimeoutError::Disconnected) => {
            Err(Error::io(Step::Connect, io::Error::other("the connecting thread ended without a result")))
        }
    }
}
