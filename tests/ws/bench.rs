//! `ws bench` against servers that echo, that do not, and that refuse. Figures are only checked for being there.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Duration;

use stdws::{Server, ServerHandle, WebSocket};

use crate::cat::server;
use crate::histogram::Histogram;
use crate::tool::{run, Run};

fn echo(mut ws: WebSocket) -> stdws::Result<()> {
    while let Some(message) = ws.recv()? {
        ws.send(&message)?;
    }
    Ok(())
}

fn bench(server: &ServerHandle, more: &[&str], code: i32) -> Run {
    // The number ends it, not the time.
    run(["bench", &*server.url(), "--duration=1000"].iter().chain(more), "").expect(code)
}

/// The number behind this key.
fn figure(run: &Run, key: &str) -> f64 {
    let (_, rest) = run.text().split_once(&format!("\"{key}\":")).unwrap_or_else(|| panic!("{key}: {}", run.text()));
    rest.split([',', '}']).next().unwrap().parse().unwrap()
}

#[test]
fn round_trips_and_throughput_are_counted() {
    let server = server(echo);
    for (measure, answers) in [("round-trips", 1), ("throughput", 0)] {
        let more = ["--measure", measure, "--count=1000", "--connections=3", "--size=1000", "--window=1", "--json"];
        let run = bench(&server, &more, 0);
        assert!(run.text().starts_with(&format!("{{\"measure\":\"{measure}\",")) && run.lines().len() == 1);
        for (key, number) in
            [("count", 1000.0), ("size", 1000.0), ("connections", 3.0), ("different", 0.0), ("failed", 0.0)]
        {
            assert_eq!(figure(&run, key), number, "{measure} {key}: {}", run.text());
        }
        assert!(figure(&run, "rate") > 0.0 && figure(&run, "seconds") > 0.0, "{}", run.text());
        assert!(run.text().contains("\"opening\":{\"count\":3,"), "{}", run.text());
        assert!(run.text().contains(&format!("\"answer\":{{\"count\":{},", answers * 1000)), "{}", run.text());
    }
    let run = bench(&server, &["--count=10", "--text", "--deflate"], 0);
    let starts: Vec<_> = run.lines().iter().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(starts, ["round-trips", "messages", "bytes", "opening", "answer", "failed"], "{}", run.text());
    assert!(run.lines()[4].contains("p99.9"), "{}", run.text());
}

#[test]
fn a_window_is_kept_full_and_not_exceeded() {
    // Answers only when four messages have come. With a smaller window there would be no answer.
    let server = server(|mut ws| loop {
        let mut held = Vec::new();
        while held.len() < 4 {
            let Some(message) = ws.recv()? else { return Ok(()) };
            held.push(message);
        }
        // And a fifth does not come before an answer.
        if !ws.recv_timeout(Duration::from_millis(50)).is_err_and(|error| error.is_timeout()) {
            return ws.close(4000, "more than the window").map(drop);
        }
        for message in &held {
            ws.send(message)?;
        }
    });
    let run = bench(&server, &["--measure=throughput", "--count=20", "--window=4", "--json"], 0);
    assert_eq!((figure(&run, "count"), figure(&run, "failed")), (20.0, 0.0));
}

#[test]
fn handshakes_and_connections_are_counted() {
    let open = Arc::new(AtomicU32::new(0));
    let counting = open.clone();
    let server = server(move |ws| {
        counting.fetch_add(1, Ordering::SeqCst);
        echo(ws)
    });
    let run = bench(&server, &["--measure=handshakes", "--count=30", "--connections=2", "--parallel", "--json"], 0);
    assert_eq!((figure(&run, "count"), open.swap(0, Ordering::SeqCst)), (30.0, 30));
    let more = ["--measure=connections", "--connections=40", "--duration=0.1", "--json"];
    let run = bench(&server, &more, 0);
    assert_eq!((figure(&run, "count"), open.load(Ordering::SeqCst)), (40.0, 40));
    assert!(run.text().contains("\"answer\":{\"count\":40,"), "{}", run.text());
}

#[test]
fn failures_are_counted_and_have_codes() {
    // Two connections, and one too many.
    let limited = Server::bind("127.0.0.1:0").unwrap().max_connections(2).start(echo).unwrap();
    let run = bench(&limited, &["--measure=connections", "--connections=3", "--duration=0.1", "--json"], 3);
    assert_eq!((figure(&run, "count"), figure(&run, "failed")), (2.0, 1.0));
    assert!(run.stderr.contains("ws bench: the first failure: ") && run.stderr.contains("503"), "{}", run.stderr);
    // Connections that end while they are held.
    let ending = server(|mut ws| ws.close(1001, "").map(drop));
    let more = ["--measure=connections", "--connections=3", "--json"];
    let run = run_held(&ending, &more);
    assert_eq!((figure(&run, "count"), figure(&run, "failed")), (3.0, 3.0));
    let different = server(|mut ws| {
        while ws.recv()?.is_some() {
            ws.send("something else")?;
        }
        Ok(())
    });
    let run = bench(&different, &["--count=5", "--json"], 0);
    assert_eq!(figure(&run, "different"), 5.0);
    let silent = server(|mut ws| {
        while ws.recv()?.is_some() {}
        Ok(())
    });
    let run = bench(&silent, &["--timeout=3", "--count=5"], 1);
    assert!(run.stderr.contains("timed out") && run.stderr.lines().count() == 1, "{}", run.stderr);
    for measure in ["throughput", "round-trips"] {
        let run = bench(&ending, &["--connections=2", "--measure", measure], 1);
        assert!(run.stderr.contains("1001"), "{}", run.stderr);
    }
}

/// Ends when all connections have ended.
fn run_held(server: &ServerHandle, more: &[&str]) -> Run {
    run(["bench", &*server.url(), "--duration=1000"].iter().chain(more), "").expect(1)
}

#[test]
fn wrong_use_is_one_line() {
    let cases: [(&[&str], &str); 7] = [
        (&["--measure=speed"], "--measure takes round-trips"),
        (&["--connections=0"], "--connections takes a number from 1"),
        (&["--count=0"], "--count takes a number from 1"),
        (&["--window=0"], "--window takes a number from 1"),
        (&["--size=1073741825"], "--size takes at most 1073741824"),
        (&["--size=-1"], "--size takes a number in its range"),
        (&["--duration=long"], "--duration takes seconds"),
    ];
    for (args, text) in cases {
        let run = run(["bench", "ws://127.0.0.1:1"].iter().chain(args), "").expect(2);
        assert!(run.stderr.contains(text) && run.stderr.lines().count() == 1, "{args:?}: {}", run.stderr);
    }
}

#[test]
fn percentiles_are_near_those_of_a_sorted_list() {
    let mut times: Vec<u64> = (0..10_000_u64).map(|n| n * n * n % 7_919_317 * 100 + n).collect();
    let (mut one, mut two) = (Histogram::default(), Histogram::default());
    for (n, time) in times.iter().enumerate() {
        if n % 3 == 0 { &mut one } else { &mut two }.add(Duration::from_nanos(*time));
    }
    one.merge(&two);
    times.sort_unstable();
    assert_eq!(one.count(), 10_000);
    assert_eq!(one.percentile(0).as_nanos(), u128::from(times[0]));
    assert_eq!(one.percentile(1000).as_nanos(), u128::from(times[9_999]));
    for at in [1, 10, 100, 250, 500, 900, 990, 999] {
        let (exact, found) = (times[at * 10 - 1], one.percentile(at as u64).as_nanos() as u64);
        assert!(found + 100 >= exact && found <= exact + exact / 31 + 100, "{at}: {exact} {found}");
    }
    // Times beyond all buckets, and none at all.
    let mut long = Histogram::default();
    assert_eq!(long.percentile(500), Duration::ZERO);
    long.add(Duration::MAX);
    assert_eq!(long.percentile(500), long.percentile(1000));
}
