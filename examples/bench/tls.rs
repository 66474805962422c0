//! `bench --tls`: WebSocket over TLS next to native-tls used directly on a socket, in the same process and in turns.
//!
//! Both sides of a connection run in this process, each in a thread. The direct use is `write_all` and `read` on a
//! `TlsStream<TcpStream>`. It carries as many bytes as the frames have: with 16 KiB, the header of the frame makes two records
//! of one.
//!
//! The placement of the threads by the system can change a rate threefold at any time. So both are measured in many short turns
//! on the same connections, and each turn is compared with the one beside it. With `taskset -c 0` both threads share one
//! processor, and the work is compared without parallelism.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use native_tls::{Certificate, Identity, TlsAcceptor, TlsConnector, TlsStream};
use stdws::{Client, Limits, Server, TlsAccept, TlsConnect, WebSocket};

use super::load::{cpu_time, header, Figure};
use super::{median, Failure};

/// A measurement.
#[derive(Clone, Copy)]
enum Workload {
    /// A message and its echo.
    RoundTrip(usize),
    /// Messages from the client, and a short answer after all.
    Up,
    /// A short message, and then messages from the server.
    Down,
}

const CELLS: [(&str, Workload); 7] = [
    ("round trip 16 B", Workload::RoundTrip(16)),
    ("round trip 1 KiB", Workload::RoundTrip(1 << 10)),
    ("round trip 8 KiB", Workload::RoundTrip(8 << 10)),
    ("round trip 16 KiB", Workload::RoundTrip(16 << 10)),
    ("round trip 64 KiB", Workload::RoundTrip(64 << 10)),
    ("up, 8 of 1 MiB", Workload::Up),
    ("down, 8 of 1 MiB", Workload::Down),
];
const LARGE: usize = 1 << 20;
const MANY: usize = 8;
/// Number of turns in a round.
const TURNS: u32 = 4;

pub(super) fn compare(rounds: usize, time: Duration) -> Result<(), Failure> {
    let (certificate, key) = certificate()?;
    let acceptor = TlsAcceptor::new(Identity::from_pkcs8(&certificate, &key)?)?;
    let connector = TlsConnector::builder().add_root_certificate(Certificate::from_pem(&certificate)?).build()?;
    let server = Server::bind("127.0.0.1:0")?
        .limits(Limits::with_max_message_size(64 << 20))
        .tls(TlsAccept::from(acceptor.clone()));
    let server = server.start(serve)?;
    let tls = TlsConnect::from(connector.clone());
    let url = format!("wss://localhost:{}", server.local_addr().ok_or("the server has no address")?.port());
    println!("WebSocket over TLS next to native-tls alone, medians of {rounds} rounds of {} ms", time.as_millis());
    println!("rate: of stdws by that of native-tls, more is better; CPU: of both sides together, less is better\n");
    println!("{:<24} {:>14} {:>14} {:>8} {:>8}", "per second", "native-tls", "stdws", "rate", "CPU");
    for (name, workload) in CELLS {
        let mut stream = open(&acceptor, &connector, workload)?;
        let path = match workload {
            Workload::RoundTrip(_) => "echo",
            Workload::Up => "up",
            Workload::Down => "down",
        };
        let client =
            Client::new(format!("{url}/{path}"))?.limits(Limits::with_max_message_size(64 << 20)).tls(tls.clone())?;
        let mut ws = client.connect()?;
        let (mut direct, mut ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds.saturating_mul(TURNS as usize) {
            direct.push(rate(time / TURNS, || direct_round(&mut stream, workload))?);
            ours.push(rate(time / TURNS, || our_round(&mut ws, workload))?);
            if let (Some(direct), Some(ours)) = (direct.last(), ours.last()) {
                ratios.push(Figure { rate: ours.rate / direct.rate, cpu: ours.cpu / direct.cpu });
            }
        }
        let (direct, ours) = (median(&direct, |figure| figure.rate), median(&ours, |figure| figure.rate));
        let (rate, cpu) = (median(&ratios, |figure| figure.rate), median(&ratios, |figure| figure.cpu));
        println!("{name:<24} {direct:>14.0} {ours:>14.0} {rate:>8.2} {cpu:>8.2}");
    }
    Ok(())
}

fn rate(time: Duration, mut round: impl FnMut() -> Result<(), Failure>) -> Result<Figure, Failure> {
    for _ in 0..3 {
        round()?;
    }
    let (start, cpu, mut count) = (Instant::now(), cpu_time(None), 0.0);
    while start.elapsed() < time {
        round()?;
        count += 1.0;
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Figure { rate: count / seconds, cpu: (cpu_time(None) - cpu) / count })
}

// ── native-tls alone ────────────────────────────────────────────────────────────────────────────────────────────────

fn open(acceptor: &TlsAcceptor, connector: &TlsConnector, workload: Workload) -> Result<TlsStream<TcpStream>, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (address, acceptor) = (listener.local_addr()?, acceptor.clone());
    thread::spawn(move || {
        let (socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        let stream = acceptor.accept(socket).map_err(|error| io::Error::other(error.to_string()))?;
        direct_serve(stream, workload)
    });
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    Ok(connector.connect("localhost", socket)?)
}

/// Number of bytes in a server's frame with a message of this size.
fn of_server(size: usize) -> usize {
    header(size) + size
}

/// Number of bytes in a client's frame, which has a masking key.
fn of_client(size: usize) -> usize {
    of_server(size) + 4
}

fn direct_serve(mut stream: TlsStream<TcpStream>, workload: Workload) -> io::Result<()> {
    let mut buffer = vec![0; of_client(LARGE)];
    loop {
        match workload {
            Workload::RoundTrip(size) => {
                stream.read_exact(&mut buffer[..of_client(size)])?;
                stream.write_all(&buffer[..of_server(size)])?;
            }
            Workload::Up => {
                (0..MANY).try_for_each(|_| stream.read_exact(&mut buffer))?;
                stream.write_all(&buffer[..of_server(1)])?;
            }
            Workload::Down => {
                stream.read_exact(&mut buffer[..of_client(1)])?;
                (0..MANY).try_for_each(|_| stream.write_all(&buffer[..of_server(LARGE)]))?;
            }
        }
    }
}

fn direct_round(stream: &mut TlsStream<TcpStream>, workload: Workload) -> Result<(), Failure> {
    thread_local!(static BUFFER: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![7; of_client(LARGE)]));
    BUFFER.with_borrow_mut(|buffer| {
        match workload {
            Workload::RoundTrip(size) => {
                stream.write_all(&buffer[..of_client(size)])?;
                stream.read_exact(&mut buffer[..of_server(size)])?;
            }
            Workload::Up => {
                (0..MANY).try_for_each(|_| stream.write_all(buffer))?;
                stream.read_exact(&mut buffer[..of_server(1)])?;
            }
            Workload::Down => {
                stream.write_all(&buffer[..of_client(1)])?;
                (0..MANY).try_for_each(|_| stream.read_exact(&mut buffer[..of_server(LARGE)]))?;
            }
        }
        Ok(())
    })
}

// ── stdws ───────────────────────────────────────────────────────────────────────────────────────────────────────────

fn serve(mut ws: WebSocket) -> stdws::Result<()> {
    let path = ws.request().map(|request| request.path().to_owned()).unwrap_or_default();
    let (sender, large) = (ws.sender(), vec![7; LARGE]);
    let mut count = 0;
    while let Some(message) = ws.recv_ref()? {
        count += 1;
        match path.as_str() {
            "/up" if count % MANY == 0 => sender.send(&[1][..])?,
            "/up" => {}
            "/down" => (0..MANY).try_for_each(|_| sender.send(&large))?,
            _ => sender.send(message)?,
        }
    }
    Ok(())
}

fn our_round(ws: &mut WebSocket, workload: Workload) -> Result<(), Failure> {
    thread_local!(static PAYLOAD: Vec<u8> = vec![7; LARGE]);
    let answers = PAYLOAD.with(|payload| {
        match workload {
            Workload::RoundTrip(size) => ws.send(&payload[..size])?,
            Workload::Up => (0..MANY).try_for_each(|_| ws.send(payload))?,
            Workload::Down => ws.send(&payload[..1])?,
        }
        Ok::<_, Failure>(if matches!(workload, Workload::Down) { MANY } else { 1 })
    })?;
    for _ in 0..answers {
        ws.recv_ref()?.ok_or("the server closed the connection")?;
    }
    Ok(())
}

// ── a certificate ───────────────────────────────────────────────────────────────────────────────────────────────────

/// A self-signed certificate for `localhost` and its key, made by the `openssl` command.
fn certificate() -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let folder = std::env::temp_dir();
    let file = |end: &str| -> PathBuf { folder.join(format!("stdws-bench-{}.{end}", std::process::id())) };
    let (certificate, key) = (file("pem"), file("key"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    let made = openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate).output();
    let read = made.and_then(|_| Ok((std::fs::read(&certificate)?, std::fs::read(&key)?)));
    let _ = (std::fs::remove_file(&certificate), std::fs::remove_file(&key));
    Ok(read.map_err(|error| format!("the openssl command is needed for a certificate: {error}"))?)
}
