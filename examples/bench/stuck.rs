//! Handshakes one after the other, and senders whose peers do not read: what each of them costs a server.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Client, Server, Timeouts};

use super::load::cpu_time;
use super::server::{open_connection, Clients};
use super::Failure;

/// Longer than a network that still has room takes to have none.
const SETTLE: Duration = Duration::from_secs(2);
/// Longer than any measurement.
const TIMEOUT: Duration = Duration::from_secs(600);

/// `bench handshakes PORT COUNT raw|stdws`: opens connections one after the other. A raw one is ended by the end of its stream,
/// one of stdws with a Close.
pub(super) fn run_handshakes(port: &str, count: &str, kind: &str) -> Result<(), Failure> {
    let (port, count): (u16, usize) = (port.parse()?, count.parse()?);
    let client = Client::new(format!("ws://127.0.0.1:{port}"))?;
    for _ in 0..count {
        match kind {
            "raw" => {
                let socket = open_connection(port)?;
                socket.shutdown(std::net::Shutdown::Write)?;
                // The server has ended the connection, and its next one begins after that.
                let _ = (&socket).read(&mut [0])?;
            }
            "stdws" => {
                client.connect()?.close(stdws::CloseCode::NORMAL, "")?;
            }
            _ => return Err("the kind is raw or stdws".into()),
        }
    }
    Ok(())
}

/// `bench stuck COUNT SECONDS`: what senders cost that wait for peers which do not read, as one line of JSON: the number of times
/// that one of them wakes in a second, and the share of a core that all of them take.
pub(super) fn run(count: &str, seconds: &str) -> Result<(), Failure> {
    let (count, seconds): (usize, f64) = (count.parse()?, seconds.parse()?);
    let timeouts = Timeouts { write: TIMEOUT, ping_interval: TIMEOUT, ..Timeouts::default() };
    let server = Server::bind("127.0.0.1:0")?.timeouts(timeouts).max_connections(count).max_handshakes(count);
    let (sent, begin) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(count + 1)));
    let (counted, opened) = (sent.clone(), begin.clone());
    let server = server.start(move |mut ws| {
        opened.wait();
        loop {
            ws.send(&[7_u8; 16 << 10])?;
            counted.fetch_add(1, Ordering::Relaxed);
        }
    })?;
    let port = server.local_addr().ok_or("the server has no address")?.port();
    let peers = Clients::run(&["crowd", &port.to_string(), &count.to_string()])?;
    begin.wait();
    let mut before = 0;
    while sent.load(Ordering::Relaxed) != before || before == 0 {
        before = sent.load(Ordering::Relaxed);
        thread::sleep(SETTLE);
    }
    let (start, switches, cpu) = (Instant::now(), switches(), cpu_time(None));
    thread::sleep(Duration::from_secs_f64(seconds));
    let (time, cpu) = (start.elapsed().as_secs_f64(), cpu_time(None) - cpu);
    let wakes = self::switches().zip(switches).map_or(f64::NAN, |(now, before)| now.saturating_sub(before) as f64);
    println!(
        "{{\"mode\":\"stuck\",\"senders\":{count},\"seconds\":{time:.1},\"wakes\":{:.3},\"core_percent\":{:.3}}}",
        wakes / time / count as f64,
        cpu / time / 1e7
    );
    drop(peers);
    drop(server);
    Ok(())
}

/// Number of times that the threads of this process have begun to wait (Linux).
fn switches() -> Option<u64> {
    let mut sum = 0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let status = std::fs::read_to_string(task.ok()?.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        sum += line.trim().parse::<u64>().ok()?;
    }
    Some(sum)
}
