//! The listening socket, TCP or Unix, bound here or handed over ([`Server::from_listener`](crate::Server::from_listener)), and
//! how a blocked `accept` is woken. Does not know the threads that accept.
//!
//! `std` has no call that wakes a thread in `accept`. There are two ways, and [`Wakeup`] is a value and not a `cfg`, so the
//! tests run both on every system:
//!
//! | | [`Wakeup::Shutdown`] | [`Wakeup::Connect`] |
//! |---|---|---|
//! | used for | a listener of this server, where the system can do it: Linux | other systems; a listener that was handed over |
//! | how | the listening socket is shut down | a connection to it |
//! | wakes | every thread, at once and permanently | one thread, perhaps of another process |
//! | clients meanwhile | are refused | are accepted, and served by the thread that one wakes |
//!
//! A listener that was handed over may have other users: the service manager that created it, or the next process of the
//! same service. Shutting it down would end the listening for them too.

use std::io;
#[cfg(unix)]
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

#[cfg(unix)]
use unix::UnixPathListener;

#[cfg(unix)]
use crate::net::deadline::Deadline;
use crate::net::deadline::WRITE_QUANTUM;
use crate::net::socket::{InheritedOptions, Socket};
use crate::net::tcp::Waits;
use crate::primitives::lock::Lock;

/// Maximum time for the first byte of a connection that is accepted after the stop.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_millis(50);

/// An accepted socket and the address of its peer. A Unix peer has none.
pub(super) struct AcceptedSocket {
    pub(super) socket: Socket,
    pub(super) peer: Option<SocketAddr>,
    /// The socket has inherited the options that a stream needs.
    pub(super) has_options: bool,
}

impl AcceptedSocket {
    /// Whether the peer has ended the connection without a byte, as a connection that wakes a thread does. A client sends
    /// first, so this waits only a moment.
    pub(super) fn has_ended(&self) -> bool {
        let limited = self.socket.set_read_timeout(Some(FIRST_BYTE_TIMEOUT));
        limited.and_then(|()| self.socket.peek(&mut [0])).is_ok_and(|count| count == 0)
    }
}

/// How the threads in `accept` are woken; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wakeup {
    Shutdown,
    Connect,
}

impl Wakeup {
    /// The way for a listener that no other process uses.
    fn of_own_listener() -> Wakeup {
        if cfg!(unix) && !cfg!(stdws_portable) {
            Wakeup::Shutdown
        } else {
            Wakeup::Connect
        }
    }
}

#[derive(Debug)]
pub(super) struct Listener {
    socket: ListeningSocket,
    wakeup: Wakeup,
    /// `None`: accepted sockets do not inherit options, or other processes accept from this listener too.
    options: Option<InheritedOptions>,
}

#[derive(Debug)]
enum ListeningSocket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixPathListener),
}

impl Listener {
    /// A listener that this server has bound.
    pub(super) fn bound(listener: TcpListener) -> Listener {
        let wakeup = Wakeup::of_own_listener();
        let listener = Listener { socket: ListeningSocket::Tcp(listener), wakeup, options: None };
        let options = listener.set_options();
        Listener { options, ..listener }
    }

    /// Sets the options of streams on the listening socket. A failure costs only system calls for each connection.
    fn set_options(&self) -> Option<InheritedOptions> {
        let socket = self.try_clone().ok().filter(|_| Waits::SYSTEM == Waits::Kernel)?;
        InheritedOptions::set(&socket, WRITE_QUANTUM).ok()
    }

    /// A listener that was handed over. Threads wait in `accept`, so it must block. Fails if it is no TCP socket.
    pub(super) fn given(listener: TcpListener) -> io::Result<Listener> {
        listener.local_addr()?;
        listener.set_nonblocking(false)?;
        Ok(Listener { socket: ListeningSocket::Tcp(listener), wakeup: Wakeup::Connect, options: None })
    }

    pub(super) fn accept(&self) -> io::Result<AcceptedSocket> {
        let (socket, peer) = match &self.socket {
            ListeningSocket::Tcp(listener) => listener.accept().map(|(socket, peer)| (socket.into(), Some(peer)))?,
            #[cfg(unix)]
            ListeningSocket::Unix(at) => at.socket.accept().map(|(socket, _)| (socket.into(), None))?,
        };
        let has_options = self.options.as_ref().is_some_and(|options| options.have_passed_to(&socket));
        Ok(AcceptedSocket { socket, peer, has_options })
    }

    /// The address of a TCP listener.
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.socket {
            ListeningSocket::Tcp(listener) => listener.local_addr(),
            #[cfg(unix)]
            ListeningSocket::Unix(_) => {
                Err(io::Error::new(ErrorKind::Unsupported, "a server on a Unix socket has no IP address"))
            }
        }
    }

    /// Creates the waker of the threads in `accept`.
    pub(super) fn waker(&self) -> io::Result<AcceptWaker> {
        let state = match self.wakeup {
            Wakeup::Shutdown => self.try_clone().map(WakeState::Armed)?,
            Wakeup::Connect => WakeState::Connects,
        };
        let target = match &self.socket {
            ListeningSocket::Tcp(listener) => WakeTarget::Tcp(connectable_addr(listener.local_addr()?)),
            #[cfg(unix)]
            ListeningSocket::Unix(at) => WakeTarget::Unix(at.socket.local_addr()?),
        };
        Ok(AcceptWaker { state: Lock::new(state), target })
    }

    /// The listening socket as a type with `shutdown`.
    #[cfg(unix)]
    fn try_clone(&self) -> io::Result<Socket> {
        let descriptor = match &self.socket {
            ListeningSocket::Tcp(listener) => std::os::fd::OwnedFd::from(listener.try_clone()?),
            ListeningSocket::Unix(at) => at.socket.try_clone()?.into(),
        };
        Ok(TcpStream::from(descriptor).into())
    }

    #[cfg(not(unix))]
    fn try_clone(&self) -> io::Result<Socket> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Wakes threads that block in `accept`.
#[derive(Debug)]
pub(super) struct AcceptWaker {
    state: Lock<WakeState>,
    target: WakeTarget,
}

enum WakeState {
    /// A handle to the listening socket. It is cloned in advance, because descriptors may have run out when it is needed.
    /// It is closed once it is used: as long as it exists, some systems keep the address.
    Armed(Socket),
    /// The listening socket has been shut down.
    ShutDown,
    /// Only connections wake threads.
    Connects,
}

#[derive(Debug)]
enum WakeTarget {
    Tcp(SocketAddr),
    #[cfg(unix)]
    Unix(std::os::unix::net::SocketAddr),
}

impl AcceptWaker {
    /// Shuts the listening socket down. True: every current and later `accept` fails. False: only connections wake threads,
    /// because the listener has other users, or because the system refuses to shut it down.
    pub(super) fn shutdown_listener(&self) -> bool {
        let mut state = self.state.lock();
        if let WakeState::Armed(listener) = &*state {
            *state = match listener.shutdown(std::net::Shutdown::Both) {
                Ok(()) => WakeState::ShutDown,
                Err(_) => WakeState::Connects,
            };
        }
        matches!(*state, WakeState::ShutDown)
    }

    /// Wakes up to `count` threads, one with each connection. Stops at one that fails: descriptors have run out, a packet
    /// filter drops it, or another thread accepts so slowly that the queue is full.
    pub(super) fn wake_by_connecting(&self, count: usize, limit: Duration) {
        for _ in 0..count {
            let connected = match &self.target {
                // A timeout of zero is an error, which is ignored as well.
                WakeTarget::Tcp(addr) => TcpStream::connect_timeout(addr, limit).is_ok(),
                #[cfg(unix)]
                WakeTarget::Unix(addr) => crate::net::unix::connect(addr.clone(), Deadline::after(limit)).is_ok(),
            };
            if !connected {
                return;
            }
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
mod unix {
    //! A listening Unix socket and its file.

    use std::fs;
    use std::io::{self, ErrorKind};
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::os::unix::net::{SocketAddr, UnixListener};
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use super::{Listener, ListeningSocket, Wakeup};
    use crate::error::Error;
    use crate::net::deadline::Deadline;
    use crate::net::unix;

    /// How long the process that listens on a socket may take to accept, before it counts as listening all the same.
    const STALE_LIMIT: Duration = Duration::from_secs(1);

    impl Listener {
        /// Listens on a path or, on Linux, an abstract name. Replaces a socket on which no process listens, and no other file.
        pub(in crate::server) fn bind_unix(path: &Path) -> io::Result<Listener> {
            let address = unix::address(path)?;
            let socket = match UnixListener::bind_addr(&address) {
                Err(error) if error.kind() == ErrorKind::AddrInUse && is_stale(path, &address) => {
                    fs::remove_file(path)?;
                    UnixListener::bind_addr(&address)?
                }
                result => result?,
            };
            let file = file_id(path).map(|id| (path.to_owned(), id));
            let socket = ListeningSocket::Unix(UnixPathListener { socket, file });
            Ok(Listener { socket, wakeup: Wakeup::of_own_listener(), options: None })
        }

        /// A listener that was handed over, as [`given`](Listener::given). Its file stays.
        pub(in crate::server) fn given_unix(socket: UnixListener) -> io::Result<Listener> {
            socket.local_addr()?;
            socket.set_nonblocking(false)?;
            let socket = ListeningSocket::Unix(UnixPathListener { socket, file: None });
            Ok(Listener { socket, wakeup: Wakeup::Connect, options: None })
        }
    }

    /// Removes its file when it is dropped, unless another file has replaced it.
    #[derive(Debug)]
    pub(super) struct UnixPathListener {
        pub(super) socket: UnixListener,
        /// The file that this server has created, with its device and inode number.
        file: Option<(PathBuf, (u64, u64))>,
    }

    impl Drop for UnixPathListener {
        fn drop(&mut self) {
            if let Some((path, id)) = &self.file {
                if file_id(path) == Some(*id) {
                    let _ = fs::remove_file(path);
                }
            }
        }
    }

    /// Whether no process listens on this socket.
    fn is_stale(path: &Path, address: &SocketAddr) -> bool {
        let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
        // A process that listens and does not accept lets a connection wait for ever.
        is_socket
            && matches!(unix::connect(address.clone(), Deadline::after(STALE_LIMIT)),
                Err(Error::Io(error)) if error.kind() == ErrorKind::ConnectionRefused)
    }

    fn file_id(path: &Path) -> Option<(u64, u64)> {
        fs::symlink_metadata(path).ok().map(|file| (file.dev(), file.ino()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::stream::tests::sockets;

    /// As macOS does it. The handle is closed, because it would keep the address.
    #[test]
    #[cfg(unix)]
    fn a_listener_that_cannot_be_shut_down_is_woken_by_connections() {
        let (near, far) = sockets();
        near.shutdown(std::net::Shutdown::Both).unwrap();
        drop(far);
        while near.shutdown(std::net::Shutdown::Both).is_ok() {}
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = WakeTarget::Tcp(listener.local_addr().unwrap());
        let waker = AcceptWaker { state: Lock::new(WakeState::Armed(near.into())), target };
        for _ in 0..2 {
            assert!(!waker.shutdown_listener());
            assert!(matches!(*waker.state.lock(), WakeState::Connects));
        }
        waker.wake_by_connecting(2, Duration::from_secs(10));
        for _ in 0..2 {
            let (socket, peer) = listener.accept().unwrap();
            assert!(AcceptedSocket { socket: socket.into(), peer: Some(peer), has_options: false }.has_ended());
        }
    }

    #[test]
    #[cfg(unix)]
    fn no_connection_follows_one_that_fails() {
        let path = std::env::temp_dir().join(format!("stdws-gone-{}.sock", std::process::id()));
        let missing = path.join("no folder");
        assert_eq!(Listener::bind_unix(&missing).unwrap_err().kind(), ErrorKind::NotFound);
        let listener = Listener::bind_unix(&path).unwrap();
        let waker = listener.waker().unwrap();
        let ListeningSocket::Unix(at) = &listener.socket else { panic!("a TCP socket") };
        at.socket.set_nonblocking(true).unwrap();
        waker.wake_by_connecting(2, Duration::from_secs(60));
        assert!((0..2).all(|_| listener.accept().is_ok()));
        // The file is removed with the listener, and a system without the file cannot connect.
        drop(listener);
        let start = std::time::Instant::now();
        waker.wake_by_connecting(usize::MAX, Duration::from_secs(60));
        assert!(start.elapsed() < Duration::from_secs(60));
    }

    /// This saves two system calls for each connection.
    #[test]
    #[cfg(all(target_os = "linux", not(stdws_portable)))]
    fn only_sockets_of_a_bound_listener_inherit_options() {
        let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
        for (listener, inherits) in [(Listener::bound(bind()), true), (Listener::given(bind()).unwrap(), false)] {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let accepted = listener.accept().unwrap();
            let Socket::Tcp(socket) = &accepted.socket else { panic!("a Unix socket") };
            let options = (socket.nodelay().unwrap(), socket.write_timeout().unwrap().is_some());
            assert_eq!((accepted.has_options, options), (inherits, (inherits, inherits)));
            // Other processes may use the listener that was handed over.
            assert_eq!(listener.wakeup, if inherits { Wakeup::Shutdown } else { Wakeup::Connect });
            drop(client);
        }
    }

    #[test]
    fn a_listener_on_all_addresses_is_reached_over_the_loopback_interface() {
        let rows = [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80"),
        ];
        for (addr, expected) in rows {
            assert_eq!(connectable_addr(addr.parse().unwrap()), expected.parse().unwrap());
        }
    }

    /// Some runtimes pass on sockets that do not block.
    #[test]
    #[cfg(unix)]
    fn an_accept_on_a_socket_that_was_handed_over_waits() {
        use std::os::unix::net::{UnixListener, UnixStream};
        let path = std::env::temp_dir().join(format!("stdws-given-{}.sock", std::process::id()));
        let (tcp, unix) = (TcpListener::bind("127.0.0.1:0").unwrap(), UnixListener::bind(&path).unwrap());
        let addr = tcp.local_addr().unwrap();
        tcp.set_nonblocking(true).unwrap();
        unix.set_nonblocking(true).unwrap();
        for listener in [Listener::given(tcp).unwrap(), Listener::given_unix(unix).unwrap()] {
            std::thread::scope(|scope| {
                let accepting = scope.spawn(|| listener.accept().map(drop));
                std::thread::sleep(FIRST_BYTE_TIMEOUT);
                assert!(!accepting.is_finished());
                match &listener.socket {
                    ListeningSocket::Tcp(_) => drop(TcpStream::connect(addr).unwrap()),
                    ListeningSocket::Unix(_) => drop(UnixStream::connect(&path).unwrap()),
                }
                accepting.join().unwrap().unwrap();
            });
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_client_that_has_sent_or_waits_has_not_ended() {
        for bytes in [&b"GET"[..], b""] {
            let (near, mut far) = sockets();
            std::io::Write::write_all(&mut far, bytes).unwrap();
            let accepted = AcceptedSocket { socket: near.into(), peer: None, has_options: false };
            assert!(!accepted.has_ended());
        }
    }
}
