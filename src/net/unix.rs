//! Addresses of Unix sockets, and connecting to one by a deadline.

use std::io;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::sync::Arc;

use super::deadline::Deadline;
use super::mailbox::Mailbox;
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
    let mailbox = Arc::new(Mailbox::new());
    let result = Arc::clone(&mailbox);
    let work = move || result.put(UnixStream::connect_addr(&address));
    threads::spawn("stdws-connect", None, work).map_err(|error| Error::io(Step::Thread, error))?;
    let connected = mailbox.take(deadline).ok_or(Error::Timeout(Step::Connect))?;
    connected.map_err(|error| Error::io(Step::Connect, error))
}
