//! A stream that fails at its first operation, its second, its third, and so on until a whole exchange succeeds. No
//! failure causes a hang, a panic, or a message that was not sent.

#[path = "support/live.rs"]
mod live;
#[path = "support/variants.rs"]
mod variants;

use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use stdws::{CloseCode, Error, Message, MessageKind, Result, Server, SplitStream, Step, WebSocket};

use live::{long_timeouts, pipe, sample_client, watchdog, Drain, Random, Side, Source};
use variants::{ProtocolVariant, RFC};

/// The failure of an operation.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The operation and all later ones fail.
    Broken(ErrorKind),
    /// Reading returns the end of the stream; writing accepts nothing. So do all later operations.
    Ended,
    /// The operation fails once, with an error that allows a retry.
    Once(ErrorKind),
}

/// The operations of both halves, counted together.
#[derive(Clone)]
struct Operations {
    fault: Fault,
    left: Arc<Mutex<u32>>,
    random: Arc<Mutex<Random>>,
}

impl Operations {
    fn new(fault: Fault, at: u32) -> Operations {
        Operations { fault, left: Arc::new(Mutex::new(at)), random: Arc::new(Mutex::new(Random::seeded(at.into()))) }
    }

    /// `Some` if this operation is the one that fails.
    fn next(&self) -> Option<io::Result<usize>> {
        let mut left = self.left.lock().unwrap();
        match (*left, self.fault) {
            (2.., _) => {
                *left -= 1;
                None
            }
            (0, _) => None,
            (1, Fault::Broken(kind)) => Some(Err(kind.into())),
            (1, Fault::Ended) => Some(Ok(0)),
            (1, Fault::Once(kind)) => {
                *left = 0;
                Some(Err(kind.into()))
            }
        }
    }

    /// Whether the fault has occurred.
    fn fault_occurred(&self) -> bool {
        *self.left.lock().unwrap() < 2
    }

    /// Streams may read and write fewer bytes than requested.
    fn partial_len(&self, most: usize) -> usize {
        most.min(1 + self.random.lock().unwrap().next() as usize % 9000)
    }
}

struct Reader(Source, Operations);

impl Read for Reader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let most = self.1.partial_len(to.len());
        self.1.next().unwrap_or_else(|| self.0.read(&mut to[..most]))
    }
}

struct Writer(Drain, Operations);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = self.1.partial_len(bytes.len());
        self.1.next().unwrap_or_else(|| self.0.write(&bytes[..most]))
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.1.next() {
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => Ok(()),
        }
    }
}

/// The capabilities of the version that are used.
fn messages(variant: ProtocolVariant) -> Vec<Message> {
    let binary = |bytes: Vec<u8>| match variant.has_binary() {
        true => Message::from(bytes),
        false => Message::from("x".repeat(bytes.len())),
    };
    vec![
        Message::from("one"),
        binary(Random::seeded(1).bytes(70_000)),
        Message::from("three, in fragments"),
        binary(Vec::new()),
        Message::from("the last"),
    ]
}

fn open(variant: ProtocolVariant, side: Side, halves: SplitStream) -> Result<WebSocket> {
    match side {
        Side::Client => variant.client(sample_client("ws://127.0.0.1")).timeouts(long_timeouts()).connect_over(halves),
        Side::Server => {
            variant.server(Server::without_listener()).timeouts(long_timeouts()).accept_over(halves).map(Option::unwrap)
        }
    }
}

/// Sends all messages, receives their echoes, pings and closes.
fn converse(variant: ProtocolVariant, side: Side, halves: SplitStream, echoes: &mut Vec<Message>) -> Result<CloseCode> {
    let mut ws = open(variant, side, halves)?;
    let end = converse_on(variant, &mut ws, echoes);
    if end.is_err() {
        // All further calls return an error, and only sent messages are received.
        while let Ok(Some(message)) = ws.recv() {
            echoes.push(message);
        }
        assert!(ws.send("late").is_err());
        assert!(ws.flush().is_err());
        assert!(ws.ping().is_err());
        assert!(!ws.sender().is_open());
    }
    end
}

fn converse_on(variant: ProtocolVariant, ws: &mut WebSocket, echoes: &mut Vec<Message>) -> Result<CloseCode> {
    for (number, message) in messages(variant).iter().enumerate() {
        match number {
            2 if variant.has_fragments() => {
                let mut stream = ws.send_stream(MessageKind::Text)?;
                for part in message.as_bytes().chunks(7) {
                    stream.write_all(part).and_then(|()| stream.flush()).map_err(cause)?;
                }
                stream.finish()?;
            }
            3 => ws.queue(message)?,
            _ => ws.send(message)?,
        }
        match ws.recv()? {
            Some(message) => echoes.push(message),
            None => return Ok(CloseCode::NO_STATUS),
        }
        if number == 1 && variant.has_ping() {
            ws.ping()?;
        }
    }
    Ok(ws.close(CloseCode::NORMAL, if variant.has_codes() { "bye" } else { "" })?.code())
}

fn cause(error: io::Error) -> Error {
    error.get_ref().and_then(|e| e.downcast_ref::<Error>()).expect("an error without a cause").clone()
}

/// The echoing peer. Returns what it received.
fn echo(variant: ProtocolVariant, side: Side, halves: SplitStream) -> Vec<Message> {
    let mut received = Vec::new();
    if let Ok(mut ws) = open(variant, side, halves) {
        while let Ok(Some(message)) = ws.recv() {
            let _ = ws.send(&message);
            received.push(message);
        }
    }
    received
}

/// One run with the fault at one operation. Returns false if the exchange ended before.
fn run(variant: ProtocolVariant, side: Side, fault: Fault, at: u32) -> bool {
    let ((up, from_near), (down, from_far)) = (pipe(), pipe());
    let operations = Operations::new(fault, at);
    let halves = SplitStream::new(Reader(from_far, operations.clone()), Writer(up, operations.clone()));
    let theirs = match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    };
    let far = thread::spawn(move || echo(variant, theirs, SplitStream::new(from_near, down)));
    let mut echoes = Vec::new();
    let end = converse(variant, side, halves, &mut echoes);
    let received = far.join().unwrap();
    let case = format!("{variant:?}, {side:?}, {fault:?} at {at}: {end:?}");
    assert!(messages(variant).starts_with(&received), "{case}: the far end has received what was not sent");
    assert!(received.starts_with(&echoes), "{case}: an echo without a message");
    match (&end, fault) {
        (Ok(code), _) => {
            let good = if variant.has_codes() { CloseCode::NORMAL } else { CloseCode::NO_STATUS };
            assert_eq!((*code, echoes), (good, messages(variant)), "{case}");
        }
        (Err(_), Fault::Once(_)) => panic!("{case}: one try was not enough"),
        (Err(Error::Io(_) | Error::Closed(_) | Error::Handshake(_)), _) => {
            assert!(operations.fault_occurred(), "{case}")
        }
        (Err(_), _) => panic!("{case}: the wrong error"),
    }
    operations.fault_occurred()
}

fn all(fault: Fault) {
    every(RFC, fault);
}

fn every(variant: ProtocolVariant, fault: Fault) {
    let _watchdog = watchdog();
    let both = [Side::Client, Side::Server].map(|side| {
        thread::spawn(move || {
            let runs = (1..).take_while(|at| run(variant, side, fault, *at)).count();
            // Two heads, five messages in both directions, Ping and Close: fewer operations mean that something was not
            // exercised.
            assert!(runs > 20, "only {runs} operations");
        })
    });
    both.into_iter().for_each(|thread| thread.join().unwrap());
}

/// 6455-7.2.1-2
#[test]
fn a_stream_that_fails() {
    all(Fault::Broken(ErrorKind::ConnectionReset));
}

#[test]
fn a_stream_that_fails_with_an_unusual_error() {
    all(Fault::Broken(ErrorKind::Other));
}

#[test]
fn a_stream_that_ends() {
    all(Fault::Ended);
}

#[test]
fn a_stream_that_is_interrupted() {
    all(Fault::Once(ErrorKind::Interrupted));
}

/// The same in one draft for each framing. Not in hixie-75, where the end of the stream is a clean close.
#[cfg(feature = "legacy")]
#[test]
fn drafts_over_a_stream_that_fails_or_ends() {
    use stdws::Version;
    let few = [Version::Hybi00, Version::Hybi05];
    let drafts = variants::drafts().filter(|variant| few.contains(&variant.version) && !variant.deflates());
    let running: Vec<_> = drafts
        .flat_map(|variant| [Fault::Broken(ErrorKind::ConnectionReset), Fault::Ended].map(|fault| (variant, fault)))
        .map(|(variant, fault)| thread::spawn(move || every(variant, fault)))
        .collect();
    assert_eq!(running.len(), 4);
    running.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Without random bytes, nothing is sent.
#[test]
fn a_random_source_that_fails() {
    let _watchdog = watchdog();
    let mut completed = false;
    for at in 0..100 {
        let ((up, from_near), (down, from_far)) = (pipe(), pipe());
        let far = thread::spawn(move || echo(RFC, Side::Server, SplitStream::new(from_near, down)));
        let left = AtomicU64::new(at);
        let client =
            stdws::Client::new("ws://127.0.0.1").unwrap().timeouts(long_timeouts()).random_source(move |out| {
                let next = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
                next.map_err(|_| io::Error::other("no more"))?;
                out.fill(0x5A);
                Ok(())
            });
        let mut echoes = Vec::new();
        let end = client
            .connect_over(SplitStream::new(from_far, up))
            .and_then(|mut ws| converse_on(RFC, &mut ws, &mut echoes));
        let received = far.join().unwrap();
        assert!(messages(RFC).starts_with(&received) && received.starts_with(&echoes), "{at}");
        match end {
            Ok(code) => {
                assert_eq!((code, echoes), (CloseCode::NORMAL, messages(RFC)));
                completed = true;
                break;
            }
            Err(Error::Io(error)) => assert_eq!(error.step(), Step::RandomSource, "{at}"),
            Err(error) => panic!("{at}: {error:?}"),
        }
    }
    assert!(completed);
}
