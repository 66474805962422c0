//! A connection with TLS through an HTTP proxy: what the proxy sees, and what it does not.

use std::cell::RefCell;
use std::fs;
use std::rc::Rc;

use stdws::explain::Explainer;
use stdws::{Client, Proxy, TlsAccept, TlsConnect, TlsIdentity, WebSocket};

use super::chapters::{Context, TlsFiles};
use super::output::{Failure, Output};
use super::proxies::http_proxy;
use super::relay::{local_server, start_echo, Relay, Wire, LIMIT};

/// Text that must not be readable between the ends.
const SECRET: [&str; 3] = ["/secret-path", "Hello!", "Sec-WebSocket-Key"];

/// What TLS hides.
pub(super) fn hides(context: &Context) -> Result<(), Failure> {
    let out = context.out;
    let files = context.tls.as_ref().ok_or("there is no identity")?;
    out.print(HIDES)?;
    let server = local_server()?.tls(TlsAccept::new(identity(files)?)?);
    let (_server, address) = start_echo(server)?;
    let relay = Relay::start(http_proxy(address)?)?;
    let url = format!("wss://localhost:{}/secret-path", address.port());
    let proxy = Proxy::http(&relay.address.to_string())?.credentials("tour", "sesame")?;
    let client = Client::new(url)?.proxy(proxy).tls(trust(files)?)?.connect_timeout(LIMIT);
    let ws = client.connect()?;

    let seen = Rc::new(RefCell::new(Vec::new()));
    let (mut client, mut server) = (Side::client(&seen), Side::server(&seen));
    let mut wire = relay.read_by(out, move |bytes| client.feed(bytes), move |bytes| server.feed(bytes))?;
    wire.show()?;
    out.outcome(
        "The proxy has read the host and the port, and the name of the server in the first record (SNI). In TLS 1.2 it also reads \
         the certificate. The request with its path and headers, and the response, are encrypted.",
    )?;
    exchange(out, &mut wire, ws)?;
    check(&seen.borrow())?;
    out.outcome(
        "The proxy has seen when something was sent, and how much. The path, the name of a header and the text were looked for \
         in all bytes that passed it. They are not there.",
    )?;
    out.behind(
        "RFC 6455 sections 4.1, 4.2.2 and 10.6. 6455-4.1-14: TLS after the proxy and before the opening handshake; 6455-4.1-16 \
         and 6455-4.2.2-2: everything goes through it; 6455-4.1-18: SNI; 6455-5.1-1: frames are masked nevertheless.",
    )
}

const HIDES: &str = "
The client opens wss:// through the HTTP proxy of the chapter connect, with credentials from the
start. The relay shows what the proxy forwards: first the head of CONNECT, then records of TLS, of
which only type, version and length can be read. Each record is one line here.
";

/// One text and its echo, and the end, each above the records that carry it.
fn exchange(out: Output, wire: &mut Wire, mut ws: WebSocket) -> Result<(), Failure> {
    out.outcome(
        "The client sends the text \"Hello!\": a frame of 2 + 4 + 6 = 12 bytes, masked. The echo is a frame of 2 + 6 = 8 bytes. \
         Each is one record, which is longer: it carries a proof that nobody changed it.",
    )?;
    ws.send("Hello!")?;
    super::connection::expect(&mut ws, "Hello!".into())?;
    wire.show()?;
    out.outcome(
        "The client closes with the code 1000 and the reason \"bye\": a frame of 11 bytes, and its answer of 7.",
    )?;
    ws.close(1000, "bye")?;
    drop(ws);
    wire.show_end()
}

fn identity(files: &TlsFiles) -> Result<TlsIdentity, Failure> {
    let file = read(&files.identity)?;
    let password = String::from_utf8(read(&files.password)?).map_err(|_| "the password is not UTF-8")?;
    let password = password.lines().next().unwrap_or_default();
    Ok(TlsIdentity::from_pkcs12(&file, password).map_err(|error| format!("{}: {error}", files.identity))?)
}

fn trust(files: &TlsFiles) -> Result<TlsConnect, Failure> {
    match &files.authority {
        Some(file) => Ok(TlsConnect::new().add_root(&read(file)?).map_err(|error| format!("{file}: {error}"))?),
        None => Ok(TlsConnect::new()),
    }
}

fn read(file: &str) -> Result<Vec<u8>, Failure> {
    Ok(fs::read(file).map_err(|error| format!("{file}: {error}"))?)
}

/// Looks for text of the connection in all bytes after CONNECT.
fn check(seen: &[u8]) -> Result<(), Failure> {
    let contains = |text: &str| seen.windows(text.len()).any(|window| window == text.as_bytes());
    match SECRET.iter().find(|text| contains(text)) {
        Some(text) => Err(format!("{text:?} passed the proxy without encryption").into()),
        None => Ok(()),
    }
}

/// The bytes of one side: the head of CONNECT or its response, then records.
struct Side {
    arrow: &'static str,
    /// `None` after the head.
    head: Option<Explainer>,
    bytes: Vec<u8>,
    /// Number of records.
    records: usize,
    /// All bytes after the head, of both sides.
    seen: Rc<RefCell<Vec<u8>>>,
}

impl Side {
    fn client(seen: &Rc<RefCell<Vec<u8>>>) -> Side {
        Side::new("client -> server", Explainer::client().through_http_proxy(), seen)
    }

    fn server(seen: &Rc<RefCell<Vec<u8>>>) -> Side {
        Side::new("server -> client", Explainer::server().through_http_proxy(), seen)
    }

    fn new(arrow: &'static str, head: Explainer, seen: &Rc<RefCell<Vec<u8>>>) -> Side {
        Side { arrow, head: Some(head), bytes: Vec::new(), records: 0, seen: Rc::clone(seen) }
    }

    /// Returns the lines that these bytes complete.
    fn feed(&mut self, bytes: &[u8]) -> String {
        self.bytes.extend_from_slice(bytes);
        let mut text = String::new();
        if let Some(head) = &mut self.head {
            let Some(end) = self.bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return text };
            text.push_str(&head.feed(&self.bytes.drain(..end + 4).collect::<Vec<_>>()));
            self.head = None;
        }
        while let Some(length) = record_length(&self.bytes).filter(|&length| length <= self.bytes.len()) {
            let record: Vec<u8> = self.bytes.drain(..length).collect();
            text.push_str(&self.record(&record));
            self.seen.borrow_mut().extend(record);
            self.records += 1;
        }
        text
    }

    /// One line for a record, and one for what can be read in it.
    fn record(&self, record: &[u8]) -> String {
        let (header, payload) = record.split_at(5);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x} ")).collect::<String>();
        let what = match (header[0], payload.first()) {
            (20, _) => "change of the cipher",
            (21, _) => "alert",
            (22, Some(1)) if self.records == 0 => "handshake, readable: ClientHello",
            (22, Some(2)) if self.records == 0 => "handshake, readable: ServerHello",
            (22, _) => "handshake",
            (23, _) => "application data, encrypted",
            _ => "unknown",
        };
        let shown = &payload[..payload.len().min(4)];
        let more = if payload.len() > 4 { "..." } else { "" };
        let size = payload.len();
        let mut text = format!("{}  {}| {:<15}  {size:>5} bytes  {what}\n", self.arrow, hex(header), hex(shown) + more);
        if header[0] == 22 && payload.windows(9).any(|window| window == b"localhost") {
            text.push_str("                  readable in it: the name localhost\n");
        }
        if self.records == 0 {
            text.insert(0, '\n');
        }
        text
    }
}

/// The length of the first record with its header of five bytes: type, version, length.
fn record_length(bytes: &[u8]) -> Option<usize> {
    let length = <[u8; 2]>::try_from(bytes.get(3..5)?).ok()?;
    Some(usize::from(u16::from_be_bytes(length)) + 5)
}
