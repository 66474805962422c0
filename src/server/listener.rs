//! What is listened on: an address, or (on Unix) a path. Knows sockets that listen; must not know who waits at them.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

#[cfg(unix)]
use unix::UnixPathListener;

use crate::net::socket::Socket;

/// Someone who has connected, and from where, if it has an address.
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

    /// The address; none at a path.
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr(),
            #[cfg(unix)]
            Listener::Unix(_) => {
                Err(io::Error::new(ErrorKind::Unsupported, "a server at a Unix socket has no IP address"))
            }
        }
    }

    /// What brings back the threads that wait in `accept`.
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

/// Wakes those who wait in `accept`, for which `std` has no call of its own.
#[derive(Debug)]
pub(super) struct AcceptWaker {
    /// The listening socket, under the type that can be shut down. It is taken beforehand, so that no descriptor has to be
    /// free when it is needed.
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
    /// Ends the listening itself: every `accept`, under way or to come, fails. Linux does that; elsewhere nothing may happen.
    pub(super) fn shutdown_listener(&self) {
        #[cfg(unix)]
        drop(self.listener.shutdown(std::net::Shutdown::Both));
    }

    /// Wakes one thread by being a visitor. That may fail, for there may be no descriptors, or a packet filter.
    pub(super) fn wake_by_connecting(&self, limit: Duration) {
        match &self.target {
            // A limit of zero is an error, and as good as one that is over.
            WakeTarget::Tcp(addr) => drop(TcpStream::connect_timeout(addr, limit)),
            #[cfg(unix)]
            WakeTarget::Unix(path) => drop(std::os::unix::net::UnixStream::connect(path)),
        }
    }
}

/// Where to reach, from this machine, what listens on this address.
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
    //! A socket in the file system.

    use std::fs;
    use std::io::{self, ErrorKind};
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};

    /// Dropped, it removes its file, unless another one stands there by then.
    #[derive(Debug)]
    pub(in crate::server) struct UnixPathListener {
        pub(super) socket: UnixListener,
        pub(super) path: PathBuf,
        /// Device and number of the file.
        file_id: Option<(u64, u64)>,
    }

    impl UnixPathListener {
        /// Takes the place of a socket that nobody listens on any more; of nothing else.
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
