//! The listening socket, TCP or Unix, and how a blocked `accept` is woken. Does not know the threads that accept.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

#[cfg(unix)]
use unix::UnixPathListener;

use crate::net::socket::Socket;

/// An accepted socket and the address of its peer. A Unix peer has none.
pub(super) struct AcceptedSocket {
    pub(super) socket: Socket,
    pub(super) peer: Option<SocketAddr>,
}

#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixPathListener),
}

impl Listener {
    pub(super) fn accept(&self) -> io::Result<AcceptedSocket> {
        match self {
            Listener::Tcp(listener) => {
                listener.accept().map(|(socket, peer)| AcceptedSocket { socket: socket.into(), peer: Some(peer) })
            }
            #[cfg(unix)]
            Listener::Unix(at) => {
                at.socket.accept().map(|(socket, _)| AcceptedSocket { socket: socket.into(), peer: None })
            }
        }
    }

    /// The address of a TCP listener.
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr(),
            #[cfg(unix)]
            Listener::Unix(_) => {
                Err(io::Error::new(ErrorKind::Unsupported, "a server on a Unix socket has no IP address"))
            }
        }
    }

    /// Creates the waker of the threads in `accept`.
    pub(super) fn waker(&self) -> io::Result<AcceptWaker> {
        Ok(match self {
            Listener::Tcp(listener) => AcceptWaker {
                #[cfg(unix)]
                listener: Socket::Tcp(std::os::fd::OwnedFd::from(listener.try_clone()?).into()),
                target: WakeTarget::Tcp(connectable_addr(listener.local_addr()?)),
            },
            #[cfg(unix)]
            Listener::Unix(at) => AcceptWaker {
                listener: Socket::Unix(std::os::fd::OwnedFd::from(at.socket.try_clone()?).into()),
                target: WakeTarget::Unix(at.path.clone()),
            },
        })
    }
}

/// Wakes threads that block in `accept`. `std` has no call for that.
#[derive(Debug)]
pub(super) struct AcceptWaker {
    /// The listening socket as a type with `shutdown`. It is cloned in advance, because descriptors may have run out
    /// when it is needed.
    #[cfg(unix)]
    listener: Socket,
    target: WakeTarget,
}

#[derive(Debug)]
enum WakeTarget {
    Tcp(SocketAddr),
    #[cfg(unix)]
    Unix(std::path::PathBuf),
}

impl AcceptWaker {
    /// Shuts the listening socket down. On Linux every current and later `accept` then fails; elsewhere it may have no
    /// effect.
    pub(super) fn shutdown_listener(&self) {
        #[cfg(unix)]
        drop(self.listener.shutdown(std::net::Shutdown::Both));
    }

    /// Wakes one thread by a connection. It fails if descriptors have run out or a packet filter drops it.
    pub(super) fn wake_by_connecting(&self, limit: Duration) {
        match &self.target {
            // A timeout of zero is an error, which is ignored as well.
            WakeTarget::Tcp(addr) => drop(TcpStream::connect_timeout(addr, limit)),
            #[cfg(unix)]
            WakeTarget::Unix(path) => drop(std::os::unix::net::UnixStream::connect(path)),
        }
    }
}

/// The address at which this machine reaches a listener: loopback for a listener on all addresses.
pub(super) fn connectable_addr(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

#[cfg(unix)]
pub(super) mod unix {
    //! A listening Unix socket and its file.

    use std::fs;
    use std::io::{self, ErrorKind};
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};

    /// Removes its file when it is dropped, unless another file has replaced it.
    #[derive(Debug)]
    pub(in crate::server) struct UnixPathListener {
        pub(super) socket: UnixListener,
        pub(super) path: PathBuf,
        /// Device and inode number of the file.
        file_id: Option<(u64, u64)>,
    }

    impl UnixPathListener {
        /// Replaces a socket on which no process listens, and no other file.
        pub(in crate::server) fn bind(path: &Path) -> io::Result<UnixPathListener> {
            let socket = match UnixListener::bind(path) {
                Err(error) if error.kind() == ErrorKind::AddrInUse && is_stale(path) => {
                    fs::remove_file(path)?;
                    UnixListener::bind(path)?
                }
                result => result?,
            };
            Ok(UnixPathListener { socket, path: path.to_owned(), file_id: file_id(path) })
        }
    }

    impl Drop for UnixPathListener {
        fn drop(&mut self) {
            if self.file_id.is_some() && file_id(&self.path) == self.file_id {
                let _ = fs::remove_file(&self.path);
            }
        }
    }

    fn is_stale(path: &Path) -> bool {
        let socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
        socket && UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }

    fn file_id(path: &Path) -> Option<(u64, u64)> {
        fs::symlink_metadata(path).ok().map(|file| (file.dev(), file.ino()))
    }
}
