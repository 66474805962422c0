//! Speed of stdws compared with raw TCP in the same run.
//!
//! `bench` starts a second process of itself with two echo servers, raw TCP and stdws, and drives both in turns, round by
//! round. It prints ratios of medians, which vary less between machines and runs than absolute figures.
//! CPU time is the kernel's, of all threads (Linux; elsewhere only rates are shown).
//!
//! `bench client PORT SIZE COUNT WINDOW bin|text` is one measured run of the client against a running echo server. It prints one
//! line of JSON, for other benchmark programs.
//!
//! `bench --tls` compares stdws over TLS with native-tls used directly. `bench --deflate` compares
//! the echo of JSON with and without compression.

mod full;
mod growth;
mod load;
mod server;
mod stuck;
mod table;
#[cfg(feature = "native-tls")]
mod tls;

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use stdws::{Client, Limits, MessageRef, Server, WebSocket};

use load::{cpu_time, json, measure, payload, Cell, Figure, Load, CELLS, JSON_CELLS};

const HELP: &str = "\
usage: bench [--rounds N] [--millis MS] [--deflate | --tls]
       bench --server [CONNECTIONS]
       bench --full [--half-sent]
       bench --growth [--quick] [LINE]
       bench client [--deflate] PORT SIZE COUNT WINDOW bin|text|json
       bench handshakes PORT COUNT raw|stdws
       bench stuck COUNT SECONDS

Without arguments: raw TCP echo, stdws echo and stdws client, interleaved; prints ratios of medians. Takes a minute.
The results are valid only on an idle machine.
  --rounds N     rounds of each measurement (default 5)
  --millis MS    length of one measurement in milliseconds (default 300)
  --deflate      instead: stdws client and server, JSON compressed (permessage-deflate) next to JSON uncompressed
  --tls          instead: stdws over TLS next to native-tls used directly (needs the feature native-tls, and openssl)
--server: holds 10,000 connections (or another number) at once, measures the cost of each, broadcasts to all, and
measures the resources left after their end; then a hundred hostile ones beside a hundred others. Prints figures and goals,
and fails if a goal is missed. Needs twice as many descriptors as connections in all: raise the limit before, with ulimit -n 20000.
--full: fills a server with default settings up to the limit that it computed for this system, and beyond: it has to keep
running, to answer 503, and to serve the open connections. Needs as many descriptors in each of two processes. With --half-sent, every
connection also holds the beginning of a large message, which takes some 3 GB.
--growth: how the cost grows with the sizes of messages, the lengths of lists, the numbers of fragments, connections, members
and others. Fails if an exponent is above 1.1. Some ten minutes; with --quick, two. Needs a descriptor for each of 10,000
connections in each of two processes: ulimit -n 12000. LINE: only lines whose name contains this.
client: sends COUNT messages of SIZE bytes to ws://127.0.0.1:PORT, WINDOW of them before reading as many answers (above
64 KiB, the last of a window is a new copy that is sent by value, as from a program that makes its messages), and prints one line of JSON: messages, seconds, messages per second, CPU nanoseconds per message.
handshakes: opens COUNT connections to ws://127.0.0.1:PORT one after the other, over a socket or with the client.
stuck: COUNT threads of a server send to peers that do not read. Prints one line of JSON: how often one of them wakes in a
second, and the share of a core that all of them take.";

type Failure = Box<dyn Error>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        ["client", "--deflate", job @ ..] => run_client(job, true),
        ["client", job @ ..] => run_client(job, false),
        ["serve"] => serve(),
        ["--server"] => server::measure(10_000),
        ["--server", count] => count.parse().map_err(Failure::from).and_then(server::measure),
        ["--full"] => full::measure(full::Load::Echo),
        ["--full", "--half-sent"] => full::measure(full::Load::HalfSent),
        ["--growth"] => growth::measure(growth::Extent::Full, ""),
        ["--growth", "--quick"] => growth::measure(growth::Extent::Quick, ""),
        ["--growth", "--quick", line] => growth::measure(growth::Extent::Quick, line),
        ["--growth", line] => growth::measure(growth::Extent::Full, line),
        ["fill", port, count] => full::run_fill(port, count),
        ["crowd", port, count] => server::run_crowd(port, count),
        ["stuck", count, seconds] => stuck::run(count, seconds),
        ["handshakes", port, count, kind] => stuck::run_handshakes(port, count, kind),
        ["hostile", port] => server::run_hostile(port),
        options => match parse_options(options) {
            Some((rounds, time, Subject::Tcp)) => compare(rounds, time),
            Some((rounds, time, Subject::Deflate)) => compare_compressed(rounds, time),
            Some((rounds, time, Subject::Tls)) => compare_tls(rounds, time),
            None => {
                eprintln!("{HELP}");
                return ExitCode::from(2);
            }
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The two sides of a comparison.
enum Subject {
    Tcp,
    Deflate,
    Tls,
}

#[cfg(feature = "native-tls")]
use tls::compare as compare_tls;

#[cfg(not(feature = "native-tls"))]
fn compare_tls(_: usize, _: Duration) -> Result<(), Failure> {
    Err("--tls needs the feature native-tls: cargo run --release --features native-tls --example bench -- --tls".into())
}

fn parse_options(options: &[&str]) -> Option<(usize, Duration, Subject)> {
    let (mut rounds, mut time, mut subject) = (5, Duration::from_millis(300), Subject::Tcp);
    let mut options = options.iter();
    while let Some(name) = options.next() {
        match *name {
            "--rounds" => rounds = options.next()?.parse().ok().filter(|rounds| *rounds > 0)?,
            "--millis" => time = Duration::from_millis(options.next()?.parse().ok()?),
            "--deflate" => subject = Subject::Deflate,
            "--tls" => subject = Subject::Tls,
            _ => return None,
        }
    }
    Some((rounds, time, subject))
}

// ── the servers, in a process of their own ──────────────────────────────────────────────────────────────────────────

/// Prints the two ports and serves until its input ends, so that it ends with the process that started it.
fn serve() -> Result<(), Failure> {
    let raw = TcpListener::bind("127.0.0.1:0")?;
    let raw_port = raw.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in raw.incoming().flatten() {
            std::thread::spawn(move || raw_echo(stream));
        }
    });
    // Clients that do not offer compression are served without.
    let server = Server::bind("127.0.0.1:0")?.limits(Limits::with_max_message_size(64 << 20));
    #[cfg(feature = "deflate")]
    let server = server.deflate(stdws::Deflate::default());
    let server = server.start(echo)?;
    println!("{raw_port} {}", server.local_addr().ok_or("the server has no address")?.port());
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn raw_echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count])?,
        }
    }
}

fn echo(mut ws: WebSocket) -> stdws::Result<()> {
    let sender = ws.sender();
    while let Some(message) = ws.recv_ref()? {
        sender.queue(message)?;
    }
    Ok(())
}

struct Servers {
    process: Child,
    raw: u16,
    ws: u16,
}

impl Servers {
    fn start() -> Result<Servers, Failure> {
        let mut process =
            Command::new(std::env::current_exe()?).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().ok_or("no output of the server process")?;
        io::BufReader::new(output).read_line(&mut line)?;
        let mut ports = line.split_whitespace().map(str::parse::<u16>);
        match (ports.next(), ports.next()) {
            (Some(Ok(raw)), Some(Ok(ws))) => Ok(Servers { process, raw, ws }),
            _ => Err("the server process did not start".into()),
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It ends when its input does. A failure to wait for it changes no figure.
        let _ = self.process.wait();
    }
}

// ── the comparison ──────────────────────────────────────────────────────────────────────────────────────────────────

fn compare(rounds: usize, time: Duration) -> Result<(), Failure> {
    let mut out = io::stdout();
    let servers = Servers::start()?;
    let server = Some(servers.process.id());
    writeln!(out, "ratios to raw TCP, medians of {rounds} rounds of {} ms", time.as_millis())?;
    writeln!(
        out,
        "rate: messages per second, more is better; CPU: time per message, less is better; 1.00 is raw TCP\n"
    )?;
    writeln!(out, "{:<24} {:>12} {:>12} {:>12} {:>12}", "", "server rate", "server CPU", "client rate", "client CPU")?;
    for cell in CELLS {
        let mut columns: [Vec<Figure>; 4] = Default::default();
        for _ in 0..rounds {
            let mut raw = Load::raw(servers.raw, cell)?;
            columns[0].push(measure(cell, time, server, || Ok(raw.round()?))?);
            let mut ws = Load::ws(servers.ws, cell)?;
            columns[1].push(measure(cell, time, server, || Ok(ws.round()?))?);
            columns[2].push(measure(cell, time, None, || Ok(raw.round()?))?);
            let mut client = StdwsClient::connect(servers.ws, payload(cell), cell.window, cell.text, false)?;
            columns[3].push(measure(cell, time, None, || client.round())?);
        }
        let [raw, ws, raw_client, client] = columns;
        writeln!(
            out,
            "{:<24} {:>12.2} {:>12.2} {:>12.2} {:>12.2}",
            cell.name,
            median(&ws, |f| f.rate) / median(&raw, |f| f.rate),
            median(&ws, |f| f.cpu) / median(&raw, |f| f.cpu),
            median(&client, |f| f.rate) / median(&raw_client, |f| f.rate),
            median(&client, |f| f.cpu) / median(&raw_client, |f| f.cpu),
        )?;
    }
    Ok(())
}

fn compare_compressed(rounds: usize, time: Duration) -> Result<(), Failure> {
    let mut out = io::stdout();
    let servers = Servers::start()?;
    writeln!(out, "echo between client and server, medians of {rounds} rounds of {} ms", time.as_millis())?;
    writeln!(out, "{:<24} {:>16} {:>16} {:>12}", "", "compressed MB/s", "as it is MB/s", "ratio")?;
    for cell in JSON_CELLS {
        let mut columns: [Vec<Figure>; 2] = Default::default();
        for _ in 0..rounds {
            for (column, deflate) in columns.iter_mut().zip([true, false]) {
                let mut client = StdwsClient::connect(servers.ws, json(cell.size), cell.window, cell.text, deflate)?;
                column.push(measure(cell, time, None, || client.round())?);
            }
        }
        let [compressed, plain] = columns.map(|column| median(&column, |f| f.rate) * cell.size as f64 / 1e6);
        writeln!(out, "{:<24} {compressed:>16.1} {plain:>16.1} {:>12.2}", cell.name, compressed / plain)?;
    }
    Ok(())
}

fn median(figures: &[Figure], of: impl Fn(&Figure) -> f64) -> f64 {
    let mut values: Vec<f64> = figures.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

struct StdwsClient {
    ws: WebSocket,
    payload: Vec<u8>,
    window: usize,
    text: Option<String>,
}

/// Size in bytes above which a message is copied and sent by value, to be masked in place.
const SENT_BY_VALUE: usize = 64 << 10;

impl StdwsClient {
    fn connect(port: u16, payload: Vec<u8>, window: usize, text: bool, deflate: bool) -> Result<StdwsClient, Failure> {
        let mut client = Client::new(format!("ws://127.0.0.1:{port}"))?.limits(Limits::with_max_message_size(64 << 20));
        if deflate {
            client = with_deflate(client)?;
        }
        let text = if text { Some(String::from_utf8(payload.clone())?) } else { None };
        Ok(StdwsClient { ws: client.connect()?, payload, window, text })
    }

    /// Sends a window of messages, the last with all queued before it, and reads as many answers.
    fn round(&mut self) -> Result<(), Failure> {
        let message = self.text.as_ref().map_or(MessageRef::from(&self.payload), MessageRef::from);
        for _ in 1..self.window {
            self.ws.queue(message)?;
        }
        match self.payload.len() > SENT_BY_VALUE {
            true => self.ws.send(message.to_message())?,
            false => self.ws.send(message)?,
        }
        for _ in 0..self.window {
            match self.ws.recv_ref()? {
                Some(answer) if answer.as_bytes().len() == self.payload.len() => {}
                Some(_) => return Err("an answer of the wrong size".into()),
                None => return Err("the server closed the connection".into()),
            }
        }
        Ok(())
    }
}

#[cfg(feature = "deflate")]
fn with_deflate(client: Client) -> Result<Client, Failure> {
    Ok(client.deflate(stdws::Deflate::default()))
}

#[cfg(not(feature = "deflate"))]
fn with_deflate(_: Client) -> Result<Client, Failure> {
    Err("--deflate needs the feature deflate, which this build leaves out".into())
}

fn run_client(job: &[&str], deflate: bool) -> Result<(), Failure> {
    let [port, size, count, window, kind] = job else { return Err(HELP.into()) };
    let (port, size, count): (u16, usize, usize) = (port.parse()?, size.parse()?, count.parse()?);
    let window = window.parse::<usize>()?.max(1);
    let text = match *kind {
        "text" | "json" => true,
        "bin" => false,
        _ => return Err("the kind is bin, text or json".into()),
    };
    let cell = Cell { name: "client", size, window, text };
    let payload = if *kind == "json" { json(size) } else { payload(cell) };
    let mut client = StdwsClient::connect(port, payload, window, text, deflate)?;
    let rounds = count.div_ceil(window);
    for _ in 0..rounds / 10 + 1 {
        client.round()?;
    }
    let (start, cpu) = (Instant::now(), cpu_time(None));
    for _ in 0..rounds {
        client.round()?;
    }
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_time(None) - cpu);
    let messages = (rounds * window) as f64;
    println!(
        "{{\"mode\":\"client\",\"size\":{size},\"window\":{window},\"n\":{messages},\"wall\":{wall:.6},\"rate\":{:.1},\"mbps\":{:.2},\"cpu_ns\":{:.1}}}",
        messages / wall,
        messages * size as f64 / wall / 1e6,
        cpu / messages
    );
    Ok(())
}
