//! The network below a TLS stream: a socket, or another TLS stream. The second is TLS to a server through a tunnel in TLS to a
//! proxy. Every call is bounded as `net::stream` describes.

use std::io;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

#[cfg(feature = "client")]
use super::stream::Tls;
use crate::net::socket::Socket;
use crate::net::tcp::TimedSocket;

pub(crate) enum Transport {
    Socket(TimedSocket),
    #[cfg(feature = "client")]
    Tls(Box<Tls>),
}

impl Transport {
    #[inline]
    pub(super) fn read(&self, to: &mut [u8], wait: Duration) -> io::Result<usize> {
        match self {
            Transport::Socket(socket) => socket.read(to, wait),
            #[cfg(feature = "client")]
            Transport::Tls(tls) => tls.read(to, wait),
        }
    }

    #[inline]
    pub(super) fn write(&self, bytes: &[u8], wait: Duration) -> io::Result<usize> {
        match self {
            Transport::Socket(socket) => socket.write(bytes, wait),
            #[cfg(feature = "client")]
            Transport::Tls(tls) => tls.write(bytes, &[], wait),
        }
    }

    #[inline]
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Socket(socket) => socket.try_write(bytes),
            #[cfg(feature = "client")]
            Transport::Tls(tls) => tls.try_write(bytes),
        }
    }

    /// Whether an engine below has answers to send.
    #[inline]
    pub(super) fn has_unsolicited_output(&self) -> bool {
        match self {
            Transport::Socket(_) => false,
            #[cfg(feature = "client")]
            Transport::Tls(tls) => tls.has_unsolicited_output(),
        }
    }

    pub(super) fn socket(&self) -> &Socket {
        match self {
            Transport::Socket(socket) => socket.socket(),
            #[cfg(feature = "client")]
            Transport::Tls(tls) => tls.socket(),
        }
    }

    pub(super) fn enable_shared_writes(&self) {
        match self {
            Transport::Socket(socket) => socket.enable_shared_writes(),
            #[cfg(feature = "client")]
            Transport::Tls(tls) => tls.enable_shared_writes(),
        }
    }

    pub(super) fn progress(&self) -> &AtomicU64 {
        match self {
            Transport::Socket(socket) => &socket.progress,
            #[cfg(feature = "client")]
            Transport::Tls(tls) => tls.progress(),
        }
    }

    pub(super) fn shrink(&self) {
        match self {
            Transport::Socket(_) => {}
            #[cfg(feature = "client")]
            Transport::Tls(tls) => tls.shrink(),
        }
    }

    #[cfg_attr(not(feature = "client"), allow(unused_variables))]
    pub(super) fn shutdown_write(&self, wait: Duration) {
        match self {
            Transport::Socket(socket) => socket.shutdown_write(),
            #[cfg(feature = "client")]
            Transport::Tls(tls) => tls.shutdown_write(wait),
        }
    }

    pub(super) fn shutdown(&self) {
        match self {
            Transport::Socket(socket) => socket.shutdown(),
            #[cfg(feature = "client")]
            Transport::Tls(tls) => tls.shutdown(),
        }
    }
}
