//! Helpers of the tests over TLS: certificates made by the `openssl` command line, and a relay with TLS on one side and
//! plain bytes on the other, for peers that write handmade frames.
#![allow(dead_code)] // Each test program uses a part of it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use native_tls::{HandshakeError, TlsConnector, TlsStream};
use stdws::{TlsAccept, TlsConnect, TlsIdentity};

pub(crate) const PASSWORD: &str = "correct horse";

/// Certificates in files. All are for `localhost`, `127.0.0.1` and `::1`, are valid and come from one authority, but for
/// what their names say: `right`, `wrong_host`, `expired`, `unknown_authority`.
pub(crate) struct Certificates {
    folder: PathBuf,
}

pub(crate) fn certificates() -> &'static Certificates {
    static MADE: OnceLock<Certificates> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("certificates-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/certificates.sh");
        let made = Command::new("bash").arg(script).arg(&folder).arg(PASSWORD).output().expect("bash is needed");
        assert!(made.status.success(), "the openssl command is needed: {}", String::from_utf8_lossy(&made.stderr));
        Certificates { folder }
    })
}

impl Certificates {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// A server's identity, from PKCS#12.
    pub(crate) fn identity(&self, name: &str) -> TlsIdentity {
        TlsIdentity::from_pkcs12(&self.file(&format!("{name}.p12")), PASSWORD).unwrap()
    }

    pub(crate) fn accept(&self, name: &str) -> TlsAccept {
        TlsAccept::new(self.identity(name)).unwrap()
    }

    /// A client that trusts the authority of these certificates, besides those of the system.
    pub(crate) fn connect(&self) -> TlsConnect {
        TlsConnect::new().add_root(&self.file("authority.pem")).unwrap()
    }

    pub(crate) fn native_acceptor(&self, name: &str) -> native_tls::TlsAcceptor {
        let file = self.file(&format!("{name}.p12"));
        native_tls::TlsAcceptor::new(native_tls::Identity::from_pkcs12(&file, PASSWORD).unwrap()).unwrap()
    }

    pub(crate) fn native_connector(&self) -> TlsConnector {
        let root = native_tls::Certificate::from_pem(&self.file("authority.pem")).unwrap();
        TlsConnector::builder().add_root_certificate(root).build().unwrap()
    }
}

/// What is on the other side of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Facing {
    /// The relay is a TLS server.
    Client,
    /// The relay is a TLS client.
    Server,
}

/// Does the handshake, and then passes on bytes both ways, in a thread: what is written to the socket that is returned
/// goes out over TLS, and the other way round. Its end is `close_notify`, and the other way round.
pub(crate) fn relay(socket: TcpStream, facing: Facing) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let far = listener.accept().unwrap().0;
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    socket.set_nodelay(true).unwrap();
    let begun = match facing {
        Facing::Client => certificates().native_acceptor("right").accept(socket).map_err(handshake),
        Facing::Server => certificates().native_connector().connect("localhost", socket).map_err(handshake),
    };
    let tls = begun.unwrap();
    thread::spawn(move || pass(tls, far));
    near
}

fn handshake(error: HandshakeError<TcpStream>) -> String {
    error.to_string()
}

/// One direction: bytes that were read and are not written yet.
#[derive(Default)]
struct Direction {
    bytes: Vec<u8>,
    ended: bool,
    done: bool,
}

impl Direction {
    /// Moves what moves; true if anything did. An error ends both sides, as one that is passed on.
    fn step(&mut self, from: &mut impl Read, to: &mut impl Write) -> io::Result<bool> {
        let mut moved = false;
        if self.bytes.is_empty() && !self.ended {
            let mut part = vec![0; 64 << 10];
            match from.read(&mut part) {
                Ok(0) => (self.ended, moved) = (true, true),
                Ok(count) => {
                    part.truncate(count);
                    (self.bytes, moved) = (part, true);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Over TLS, an end without `close_notify`.
                Err(_) => (self.ended, moved) = (true, true),
            }
        }
        if !self.bytes.is_empty() {
            match to.write(&self.bytes) {
                Ok(count) => {
                    self.bytes.drain(..count);
                    moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(moved)
    }
}

fn pass(mut tls: TlsStream<TcpStream>, mut plain: TcpStream) {
    tls.get_ref().set_nonblocking(true).unwrap();
    plain.set_nonblocking(true).unwrap();
    let (mut inward, mut outward) = (Direction::default(), Direction::default());
    while !(inward.done && outward.done) {
        let moved = inward.step(&mut tls, &mut plain).and_then(|moved| Ok(moved | outward.step(&mut plain, &mut tls)?));
        if inward.ended && !inward.done && inward.bytes.is_empty() {
            inward.done = true;
            let _ = plain.shutdown(Shutdown::Write);
        }
        if outward.ended && !outward.done && outward.bytes.is_empty() {
            outward.done = true;
            let _ = tls.shutdown();
            let _ = tls.get_ref().shutdown(Shutdown::Write);
        }
        match moved {
            Ok(true) => {}
            Ok(false) => thread::sleep(Duration::from_micros(500)),
            Err(_) => break,
        }
    }
    let _ = tls.get_ref().shutdown(Shutdown::Both);
    let _ = plain.shutdown(Shutdown::Both);
}
