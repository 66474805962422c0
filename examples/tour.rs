//! One WebSocket connection on this machine, with each byte explained. `tour --help` lists the settings.
//!
//! A relay between the client and the server copies all bytes to a channel before it forwards them. When a call of the client
//! returns with an answer, all bytes up to that answer are in the channel in order, so the tour need not wait for them.

use std::env;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::thread;
use std::time::Duration;

use stdws::explain::Explainer;
use stdws::{Client, CloseCode, Message, MessageKind, Server, WebSocket};

#[cfg(feature = "legacy")]
#[path = "tour/drafts.rs"]
mod drafts;

#[cfg(not(feature = "legacy"))]
mod drafts {
    pub(super) fn tour(_: &[String], _: bool) -> Result<(), super::Failure> {
        Err("--version and --legacy need the feature legacy, which this build leaves out".into())
    }
}

const HELP: &str = "\
Shows one WebSocket connection, with every byte of it explained: a server and a client open a
connection, exchange messages and close it. Nothing leaves this machine.

usage: tour [--deflate] [--version NAME]... [--legacy]

  --deflate        with compression of messages (permessage-deflate, RFC 7692)
  --version NAME   in a draft of the protocol: hixie-55, hixie-75, hixie-76, hybi-00 ... hybi-12
  --legacy         in every version, one after another

The text is plain ASCII, 100 columns wide, and fits a pager: tour | less
";

/// Timeout of each step, which usually takes milliseconds.
const LIMIT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let settings = match Settings::parse(env::args().skip(1)) {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("tour: {problem}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let result = match settings.legacy || !settings.versions.is_empty() {
        true => drafts::tour(&settings.versions, settings.legacy),
        false => tour(settings.deflate),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output has closed it.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Output(error)) => {
            eprintln!("tour: cannot write: {error}");
            ExitCode::FAILURE
        }
        Err(Failure::Tour(error)) => {
            eprintln!("tour: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Settings {
    deflate: bool,
    versions: Vec<String>,
    legacy: bool,
}

impl Settings {
    /// `None`: `--help` was given.
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Settings>, String> {
        let mut settings = Settings { deflate: false, versions: Vec::new(), legacy: false };
        while let Some(name) = args.next() {
            match name.as_str() {
                "--help" | "-h" => return Ok(None),
                "--deflate" => settings.deflate = true,
                "--legacy" => settings.legacy = true,
                "--version" => settings.versions.push(args.next().ok_or("--version needs a name")?),
                other => return Err(format!("there is no setting {other:?}")),
            }
        }
        Ok(Some(settings))
    }
}

fn tour(deflate: bool) -> Result<(), Failure> {
    let mut server = Server::bind((Ipv4Addr::LOCALHOST, 0))?;
    if deflate {
        server = server_with_deflate(server)?;
    }
    let server = server.start(|mut ws| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    })?;
    let (address, relayed) = relay(server.local_addr().ok_or("the server has no address")?)?;
    let url = format!("ws://{address}/tour");
    let mut presenter = Presenter {
        relayed,
        client: Explainer::client(),
        server: Explainer::server(),
        sent: [0, 0],
        ends: 0,
        frames: 0,
    };

    presenter.print(&format!(
        "A WebSocket server and a client, both on this machine, and every byte that passes between them.\n\
         The client connects to {url}. The server sends back every message it gets.\n"
    ))?;
    presenter.heading("1. The opening handshake (RFC 6455 section 4)", OPENING)?;
    let mut client = Client::new(&url)?.connect_timeout(LIMIT);
    if deflate {
        client = client_with_deflate(client)?;
    }
    let mut ws = client.connect()?;
    presenter.show()?;
    messages(&mut presenter, &mut ws)?;
    if deflate {
        compressed(&mut presenter, &mut ws)?;
    }
    presenter.heading("5. The closing handshake (sections 5.5.1 and 7)", CLOSING)?;
    let info = ws.close(CloseCode::NORMAL, "bye")?;
    if info.code() != CloseCode::NORMAL {
        return Err("the connection was not closed cleanly".into());
    }
    drop(ws);
    presenter.show_end()?;
    presenter.print_summary()
}

fn messages(presenter: &mut Presenter, ws: &mut WebSocket) -> Result<(), Failure> {
    presenter.heading("2. A text, and its echo (sections 5.2, 5.3 and 5.6)", TEXT)?;
    ws.send("Hello!")?;
    expect(ws, "Hello!".into())?;
    presenter.show()?;

    presenter.heading("3. A binary message (sections 5.2 and 5.6)", BINARY)?;
    let bytes: Vec<u8> = (0..200).collect();
    ws.send(&bytes)?;
    expect(ws, bytes.into())?;
    presenter.show()?;

    presenter.heading("4. A message in fragments, with a Ping between them (sections 5.4 and 5.5)", FRAGMENTS)?;
    let mut stream = ws.send_stream(MessageKind::Text)?;
    stream.write_all(b"One, ")?;
    stream.flush()?;
    ws.ping()?;
    stream.write_all(b"two.")?;
    stream.finish()?;
    expect(ws, "One, two.".into())?;
    presenter.show()
}

fn compressed(presenter: &mut Presenter, ws: &mut WebSocket) -> Result<(), Failure> {
    presenter.heading("4 1/2. The first text again, compressed (RFC 7692)", COMPRESSED)?;
    ws.send("Hello!")?;
    expect(ws, "Hello!".into())?;
    presenter.show()?;
    presenter.frames = 1;
    Ok(())
}

/// Compresses short messages too, to show compression.
#[cfg(feature = "deflate")]
fn server_with_deflate(server: Server) -> Result<Server, Failure> {
    Ok(server.deflate(stdws::Deflate::default().threshold(0)))
}

#[cfg(feature = "deflate")]
fn client_with_deflate(client: Client) -> Result<Client, Failure> {
    Ok(client.deflate(stdws::Deflate::default().threshold(0)))
}

#[cfg(not(feature = "deflate"))]
fn server_with_deflate(_: Server) -> Result<Server, Failure> {
    Err("--deflate needs the feature deflate, which this build leaves out".into())
}

#[cfg(not(feature = "deflate"))]
fn client_with_deflate(_: Client) -> Result<Client, Failure> {
    Err("--deflate needs the feature deflate, which this build leaves out".into())
}

const OPENING: &str = "\
A WebSocket begins as an HTTP request. The client asks to upgrade the connection; the server agrees
with status 101, and proves that it understood. After that the connection is no longer HTTP.";

const TEXT: &str = "\
Now each side may send frames at any time. A frame is a header of 2 to 14 bytes and a payload. The
columns are the bytes in hexadecimal, their bits, and their meaning. A client masks its payloads, so
that no web page can choose the bytes on the wire.";

const BINARY: &str = "\
Another opcode, and a payload that only the application understands. It has 200 bytes, but the 7
bits for the length count up to 125: 126 means that the length is in the 2 bytes that follow, and
127 that it is in 8 bytes. Only the beginning of a long payload is shown.";

const FRAGMENTS: &str = "\
A sender need not know the length of a message: it can begin with one frame and continue with more.
Control frames may stand between them. A Ping has to be answered by a Pong with the same payload,
which shows that the peer is alive. The echo is one frame: the fragments have no meaning.";

const COMPRESSED: &str = "\
Both sides keep a window: the last 32,768 bytes of their compressed messages. A text that was sent
before, such as this one, is sent as a reference to it: a length and a distance back.";

const CLOSING: &str = "\
A side that ends the connection sends a Close, and the peer answers with a Close. Nothing is sent
after that, and both sides know that nothing was lost. Then the server closes TCP.";

const SUMMARY: &str = "\
Read on in RFC 6455, https://www.rfc-editor.org/rfc/rfc6455
    section 1.2   the protocol at a glance         section 5.5   Close, Ping and Pong
    section 4     the opening handshake            section 7     closing, and the codes in 7.4
    section 5.2   the frame, bit by bit            section 8     errors in text
    section 5.4   fragments                        section 10    security; 10.3 on why clients mask
and in the sources: src/codec/frame.rs is section 5.2, src/handshake is section 4.
To use a server of your own, one command in each terminal:
    cargo run --example echo_server
    cargo run --example client -- ws://127.0.0.1:9001 --trace
";

/// Waits for the echo.
fn expect(ws: &mut WebSocket, message: Message) -> Result<(), Failure> {
    match ws.recv_timeout(LIMIT)? {
        Some(echo) if echo == message => Ok(()),
        Some(_) => Err("the echo is not what was sent".into()),
        None => Err("the server closed the connection".into()),
    }
}

/// Prints the bytes that pass the relay, explained.
struct Presenter {
    relayed: Receiver<Relayed>,
    client: Explainer,
    server: Explainer,
    /// Bytes from the client, and from the server.
    sent: [usize; 2],
    /// Number of directions that have ended.
    ends: u8,
    /// Frames of each side that are not among the usual ones.
    frames: u8,
}

impl Presenter {
    fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Output)
    }

    fn heading(&self, title: &str, text: &str) -> Result<(), Failure> {
        self.print(&format!("\n\n==== {title} {:=<1$}\n\n{text}\n", "", 94 - title.len()))
    }

    /// Explains all bytes until now.
    fn show(&mut self) -> Result<(), Failure> {
        while let Ok(relayed) = self.relayed.try_recv() {
            self.explain(relayed)?;
        }
        Ok(())
    }

    /// Explains the rest, up to the end of both directions.
    fn show_end(&mut self) -> Result<(), Failure> {
        while self.ends < 2 {
            let relayed = self.relayed.recv_timeout(LIMIT).map_err(|_| "the TCP connection does not end")?;
            self.explain(relayed)?;
        }
        self.print("\nBoth sides have ended the TCP connection.\n")
    }

    fn explain(&mut self, relayed: Relayed) -> Result<(), Failure> {
        let text = match relayed {
            Relayed::FromClient(bytes) => {
                self.sent[0] += bytes.len();
                self.client.feed(&bytes)
            }
            Relayed::FromServer(bytes) => {
                self.sent[1] += bytes.len();
                self.server.feed(&bytes)
            }
            Relayed::End => {
                self.ends += 1;
                String::new()
            }
        };
        self.print(&text)
    }

    fn print_summary(&self) -> Result<(), Failure> {
        let [client, server] = self.sent;
        self.heading(
            "That was all of it",
            &format!(
                "Two HTTP heads, {} frames from the client and {} from the server: {client} bytes there and {server} back.\n\
                 \n{SUMMARY}",
                6 + self.frames,
                5 + self.frames
            ),
        )
    }
}

/// Bytes that passed the relay.
enum Relayed {
    FromClient(Vec<u8>),
    FromServer(Vec<u8>),
    End,
}

/// Forwards one client to the server. Returns the address for the client, and copies of all bytes.
fn relay(server: SocketAddr) -> io::Result<(SocketAddr, Receiver<Relayed>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let (copies, receiver) = channel();
    thread::spawn(move || -> io::Result<()> {
        let (client, _) = listener.accept()?;
        let server = TcpStream::connect_timeout(&server, LIMIT)?;
        let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
        let other = copies.clone();
        thread::spawn(move || forward(from_client, to_server, Relayed::FromClient, &other));
        forward(server, client, Relayed::FromServer, &copies);
        Ok(())
    });
    Ok((address, receiver))
}

/// Forwards one direction until it ends, after the copy: see the top of this file.
fn forward(mut from: TcpStream, mut to: TcpStream, copy: fn(Vec<u8>) -> Relayed, copies: &Sender<Relayed>) {
    // Small frames are forwarded at once.
    let _ = to.set_nodelay(true);
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..count];
        if copies.send(copy(bytes.to_vec())).is_err() || to.write_all(bytes).is_err() {
            break;
        }
    }
    // The other side may have ended already.
    let _ = copies.send(Relayed::End);
    let _ = to.shutdown(Shutdown::Write);
}

/// Why the tour ended early.
enum Failure {
    Output(io::Error),
    Tour(Box<dyn Error>),
}

impl<E: Into<Box<dyn Error>>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Tour(error.into())
    }
}
