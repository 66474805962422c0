//! A connection in any version, and a peer of this crate whose output the test can hold back, change and send. So every
//! version has a misbehaving peer without handwritten frames.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;

use stdws::{Client, Limits, Server, SplitStream, Timeouts, WebSocket};

use crate::live::{long_timeouts, watchdog, Side, Watched};
use crate::variants::{drafts, ProtocolVariant};

/// The output of the peer.
#[derive(Clone)]
pub(crate) struct Tap {
    pub(crate) stream: Arc<TcpStream>,
    /// Bytes that are held back. `None`: bytes are sent immediately.
    held: Arc<Mutex<Option<Vec<u8>>>>,
    /// Disconnected after the last write of the peer.
    finished: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Tap {
    fn halves(stream: TcpStream) -> (Tap, SplitStream) {
        stream.set_nodelay(true).unwrap();
        let (writing, finished) = mpsc::channel();
        let tap = Tap { stream: Arc::new(stream), held: Arc::default(), finished: Arc::new(Mutex::new(finished)) };
        let halves = SplitStream::new(Reader(tap.clone()), Writer(tap.clone(), writing));
        (tap, halves)
    }

    /// Holds back all further bytes.
    pub(crate) fn hold(&self) {
        self.held.lock().unwrap().get_or_insert_with(Vec::new);
    }

    /// Returns the first bytes that are held back.
    pub(crate) fn first_bytes(&self) -> Vec<u8> {
        loop {
            match &*self.held.lock().unwrap() {
                Some(held) if !held.is_empty() => return held.clone(),
                Some(_) | None => thread::yield_now(),
            }
        }
    }

    /// Ends the peer and returns all its bytes. The stream stays open.
    pub(crate) fn finish(&self, mut peer: WebSocket) -> Vec<u8> {
        peer.abort();
        drop(peer);
        // A thread forwards the bytes and ends after the last of them.
        assert!(self.finished.lock().unwrap().recv().is_err());
        self.held.lock().unwrap().take().unwrap_or_default()
    }

    /// Sends these bytes immediately.
    pub(crate) fn send(&self, bytes: &[u8]) {
        (&*self.stream).write_all(bytes).unwrap();
    }
}

/// The sender is there to be dropped.
struct Writer(Tap, #[allow(dead_code)] mpsc::Sender<()>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.held.lock().unwrap() {
            Some(held) => {
                held.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            None => (&*self.0.stream).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Reader(Tap);

impl Read for Reader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        (&*self.0.stream).read(to)
    }
}

/// A connection with these timeouts, its peer, and the output of the peer.
pub(crate) fn connection(variant: ProtocolVariant, side: Side, timeouts: Timeouts) -> (WebSocket, WebSocket, Tap) {
    limited(variant, side, timeouts, Limits::with_max_message_size(64 << 20))
}

pub(crate) fn limited(
    variant: ProtocolVariant,
    side: Side,
    timeouts: Timeouts,
    limits: Limits,
) -> (WebSocket, WebSocket, Tap) {
    match side {
        Side::Client => {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("ws://{}", listener.local_addr().unwrap());
            let client = variant.client(Client::new(&url).unwrap().watched()).timeouts(timeouts).limits(limits);
            let connecting = thread::spawn(move || client.connect().unwrap());
            let (tap, halves) = Tap::halves(listener.accept().unwrap().0);
            let server = variant
                .server(Server::without_listener().watched())
                .timeouts(long_timeouts())
                .limits(Limits::with_max_message_size(64 << 20));
            let peer = server.accept_over(halves).unwrap().unwrap();
            (connecting.join().unwrap(), peer, tap)
        }
        Side::Server => {
            let (give, take) = mpsc::channel();
            let server =
                variant.server(Server::bind("127.0.0.1:0").unwrap().watched()).timeouts(timeouts).limits(limits);
            let running = server
                .start(move |ws| {
                    let _ = give.send(ws);
                    Ok(())
                })
                .unwrap();
            let address = running.local_addr().unwrap();
            let (tap, halves) = Tap::halves(TcpStream::connect(address).unwrap());
            let client =
                variant.client(Client::new(format!("ws://{address}")).unwrap().watched()).timeouts(long_timeouts());
            let peer = client.limits(Limits::with_max_message_size(64 << 20)).connect_over(halves).unwrap();
            (take.recv().unwrap(), peer, tap)
        }
    }
}

/// Runs a test for every draft, as client and as server at once, under a watchdog.
pub(crate) fn each(test: fn(ProtocolVariant, Side)) {
    for variant in drafts() {
        let _watchdog = watchdog();
        let client = thread::spawn(move || test(variant, Side::Client));
        test(variant, Side::Server);
        client.join().unwrap_or_else(|_| panic!("{variant:?} failed as client"));
    }
}

/// The same for all drafts in parallel, for tests that wait for a timeout.
pub(crate) fn each_at_once(test: fn(ProtocolVariant, Side)) {
    let _watchdog = watchdog();
    let cases = drafts().flat_map(|variant| [Side::Client, Side::Server].map(|side| (variant, side)));
    let running: Vec<_> =
        cases.map(|(variant, side)| (variant, side, thread::spawn(move || test(variant, side)))).collect();
    for (variant, side, thread) in running {
        thread.join().unwrap_or_else(|_| panic!("{variant:?} failed as {side:?}"));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.0.held.lock().unwrap().is_none() {
            let _ = self.0.stream.shutdown(Shutdown::Write);
        }
    }
}
