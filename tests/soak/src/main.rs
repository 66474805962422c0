//! Everything at the same time: see the script `run`, which sends the signals.
//!
//!     stdws-soak SECONDS CERTIFICATES [PLANT]
//!
//! Ends with status 0 if every message is accounted for and nothing grows, otherwise with 1, and with 2 if it does not end.

mod broadcast;
mod clients;
mod hostile;
mod ledger;
mod measure;
mod servers;

use std::error::Error as StdError;
use std::fs;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Client, Hub, HubLimits, TlsAccept, TlsConnect, TlsIdentity};

use broadcast::{Progress, PUBLISHERS};
use clients::Route;
use ledger::Ledger;
use measure::Sample;
use servers::{Plant, Servers, PLANNED};

type Result<T> = std::result::Result<T, Box<dyn StdError>>;

/// Number of measurements of a run.
const SAMPLES: u32 = 600;
/// The time after the run within which everything has to end.
const GRACE: Duration = Duration::from_secs(240);

fn main() -> ExitCode {
    match run() {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            faults.iter().for_each(|fault| println!("soak: FAULT: {fault}"));
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::from(1)
        }
    }
}

/// Returns the faults.
fn run() -> Result<Vec<String>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (Some(seconds), Some(folder)) = (arguments.first(), arguments.get(1)) else {
        return Err("usage: stdws-soak SECONDS CERTIFICATES [PLANT]".into());
    };
    let time = Duration::from_secs(seconds.parse()?);
    let plant = match arguments.get(2) {
        Some(name) => Plant::from_name(name).ok_or("unknown fault to plant")?,
        None => Plant::Nothing,
    };
    silence_planned_panics();
    thread::spawn(move || {
        thread::sleep(time + GRACE);
        eprintln!("soak: FAULT: the run does not end");
        std::process::exit(2);
    });
    let folder = Path::new(folder);
    let identity = TlsIdentity::from_pkcs12(&fs::read(folder.join("right.p12"))?, "secret")?;
    let (accept, connect) =
        (TlsAccept::new(identity)?, TlsConnect::new().add_root(&fs::read(folder.join("authority.pem"))?)?);
    rehearse(&accept, &connect)?;
    let before = Sample::take();
    let (ledger, mut samples) = (Ledger::default(), Vec::with_capacity(SAMPLES as usize));
    let hub = Hub::with_limits(HubLimits { max_queue_bytes: 256 << 10, ..HubLimits::default() })?;
    let servers = Servers::start(accept, &hub, plant)?;
    let (plain, secure) = (port(&servers.plain)?, port(&servers.secure)?);
    let routes = routes(plain.port(), secure.port(), connect);
    let (progress, start) = (Progress::default(), Instant::now());
    let copies = thread::scope(|scope| {
        let (ledger, hub, progress) = (&ledger, &hub, &progress);
        let [over_tcp, over_tls, compressed, both] = &routes;
        let calm = [(over_tcp, 1), (over_tls, 2), (compressed, 3), (both, 4)];
        for (route, seed) in calm {
            scope.spawn(move || clients::calm(route, seed, &[], ledger));
        }
        scope.spawn(move || clients::calm(over_tcp, 5, &servers::VERSIONS, ledger));
        scope.spawn(move || clients::calm(over_tls, 11, &servers::SECURE_VERSIONS, ledger));
        for (route, seed) in [(over_tcp, 6), (both, 7)] {
            scope.spawn(move || clients::reconnecting(route, seed, ledger));
        }
        for seed in [8, 9] {
            scope.spawn(move || hostile::clients(&[plain, secure], seed, ledger));
        }
        scope.spawn(|| hostile::servers(10, ledger));
        scope.spawn(|| count_interruptions(ledger));
        for (reader, route) in [over_tcp, both].into_iter().enumerate() {
            scope.spawn(move || broadcast::read_all(route, reader, progress, ledger));
        }
        scope.spawn(|| broadcast::come_and_go(compressed, ledger));
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|publisher| scope.spawn(move || broadcast::publish(hub, publisher, progress, ledger)))
            .collect();
        while start.elapsed() < time && !ledger.is_stopped() {
            thread::sleep(time / SAMPLES);
            samples.push(Sample::take());
        }
        ledger.stop();
        let copies: u64 = publishers.into_iter().map(|publisher| publisher.join().unwrap()).sum();
        hub.publish(servers::TOPIC, broadcast::END);
        copies
    });
    let faults = finish(servers, hub, before, copies, &ledger, &samples);
    println!("soak: {}", summary(&ledger, start.elapsed(), &faults));
    Ok(faults)
}

/// Makes one connection with TLS, so that what a process opens once (the random device) is open before anything is measured.
fn rehearse(accept: &TlsAccept, connect: &TlsConnect) -> Result<()> {
    let hub = Hub::new()?;
    let servers = Servers::start(accept.clone(), &hub, Plant::Nothing)?;
    let [_, over_tls, ..] = routes(0, port(&servers.secure)?.port(), connect.clone());
    (over_tls.client)("/calm")?.connect()?.close(1000, "")?;
    servers.plain.shutdown(Duration::from_secs(60));
    servers.secure.shutdown(Duration::from_secs(60));
    Ok(())
}

/// Ends the servers, and returns all faults.
fn finish(servers: Servers, hub: Hub, before: Sample, copies: u64, ledger: &Ledger, samples: &[Sample]) -> Vec<String> {
    let mut faults = ledger.faults();
    let start = Instant::now();
    while servers.connection_count() > 0 && start.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(20));
    }
    if servers.connection_count() > 0 {
        faults.push(format!("{} connections do not end", servers.connection_count()));
    }
    let stats = hub.stats();
    println!("soak: hub: {copies} copies queued, {stats:?}");
    // Welcomes and the end of the run are counted too, so there are more, but none waits.
    if stats.waiting > 0 || stats.sent + stats.lost < copies {
        faults.push(format!("hub: {copies} copies were queued: {stats:?}"));
    }
    for server in [servers.plain, servers.secure] {
        let report = server.shutdown(Duration::from_secs(60));
        if report.threads_left() + report.aborted() + report.timed_out() > 0 {
            faults.push(format!("shutdown: {report:?}"));
        }
    }
    drop(hub);
    if ledger.sent.get() != ledger.echoed.get() + ledger.ended.get() {
        faults.push("sent is not echoed and ended".to_owned());
    }
    if faults.is_empty() {
        faults.extend(measure::judge(samples));
    }
    faults.extend(measure::compare_after(before));
    faults
}

fn summary(ledger: &Ledger, time: Duration, faults: &[String]) -> String {
    format!(
        "{} s: {} messages sent, {} echoed, {} on connections that ended; {} calm connections, {} disturbed, {} hostile, \
         {} with hostile servers; hub: {} published, {} received; {} reads interrupted; {} faults",
        time.as_secs(),
        ledger.sent.get(),
        ledger.echoed.get(),
        ledger.ended.get(),
        ledger.calm.get(),
        ledger.disturbed.get(),
        ledger.hostile.get(),
        ledger.hostile_servers.get(),
        ledger.published.get(),
        ledger.received.get(),
        ledger.interrupted.get(),
        faults.len(),
    )
}

fn port(server: &stdws::ServerHandle) -> Result<SocketAddr> {
    server.local_addr().ok_or_else(|| "no port".into())
}

/// TCP, TLS, compression, and TLS with compression.
fn routes(plain: u16, secure: u16, tls: TlsConnect) -> [Route; 4] {
    let over_tcp =
        Route { name: "tcp", client: Arc::new(move |target| Client::new(format!("ws://127.0.0.1:{plain}{target}"))) };
    let over_tls = Route {
        name: "tls",
        client: Arc::new(move |target| Client::new(format!("wss://localhost:{secure}{target}"))?.tls(tls.clone())),
    };
    let (compressed, both) = (over_tcp.clone().deflate("deflate"), over_tls.clone().deflate("tls-deflate"));
    [over_tcp, over_tls, compressed, both]
}

/// Shows that the signals arrive: counts how often they interrupt the reads of a socket that `std` alone uses.
fn count_interruptions(ledger: &Ledger) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let _far = listener.accept().unwrap();
    near.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    while !ledger.is_stopped() {
        if near.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::Interrupted) {
            ledger.interrupted.add(1);
        }
    }
}

/// The handlers panic on purpose. Other panics are shown.
fn silence_planned_panics() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<String>().map_or(true, |text| text != PLANNED)
            && info.payload().downcast_ref::<&str>().map_or(true, |text| *text != PLANNED)
        {
            usual(info);
        }
    }));
}
