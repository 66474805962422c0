//! The manual's chapter `bounds`. Each public method has a row in the tables of blocking, unless the chapter says that its type is a
//! value; each row is a method. The methods are those of the list of the public API, which `tests/api/run` compares with the crate.
//! Each number of the chapter is that of the sources. Each part of the formula of memory is measured by a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What a trait of `std` adds.
const TRAITS: [(&str, &[&str]); 4] =
    [("Read", &["read"]), ("Write", &["write", "flush"]), ("Iterator", &["next"]), ("Drop", &["drop"])];

/// A file of the repository. A checkout on Windows may have other ends of lines.
fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap().replace("\r\n", "\n")
}

const PAGE: &str = "src/manual/bounds.rs";

#[test]
fn every_call_has_a_bound() {
    let (api, page) = (read("tests/api/linux.txt"), read(PAGE));
    let values = values(&page);
    let (methods, rows) = (methods(&api, &values), rows(&page));
    assert!(methods.len() > 120, "{methods:?}");
    let listed: BTreeSet<String> = rows.iter().cloned().collect();
    assert_eq!(&methods - &listed, BTreeSet::new(), "no row in {PAGE}, and their types are not in its list of values");
    assert_eq!(&listed - &methods, BTreeSet::new(), "no public method");
    assert_eq!(listed.len(), rows.len(), "a method has two rows");
    let is_type = |value: &&String| api.contains(&format!("pub fn stdws::{value}::"));
    assert_eq!(values.iter().filter(|value| !is_type(value)).count(), 0, "no public type with methods: {values:?}");
}

/// The public methods of the types of the root that are no values, without the setters: those take `self` and return it.
fn methods(api: &str, values: &BTreeSet<String>) -> BTreeSet<String> {
    // The name of a module is lower case.
    let is_listed = |of: &str| of.starts_with(char::is_uppercase) && !values.contains(of);
    let mut found = BTreeSet::new();
    for line in api.lines() {
        if let Some(rest) = line.strip_prefix("pub fn stdws::") {
            let path = rest.split(['(', '<']).next().unwrap();
            let of = path.split("::").next().unwrap();
            let returned = rest.rsplit(" -> ").next().unwrap();
            let own = [format!("stdws::{of}"), format!("stdws::Result<stdws::{of}>")];
            let setter = rest.contains("(self") && own.contains(&returned.to_owned());
            let root = ["connect", "serve"].contains(&path);
            if root || (is_listed(of) && path.matches("::").count() == 1 && !setter) {
                found.insert(path.to_owned());
            }
        }
        let Some((implemented, of)) = line.strip_prefix("impl ").and_then(|rest| rest.split_once(" for stdws::"))
        else {
            continue;
        };
        let of = of.split(['<', ':']).next().unwrap();
        let methods = TRAITS.iter().find(|(name, _)| *name == implemented).map_or(&[][..], |(_, methods)| methods);
        found.extend(methods.iter().filter(|_| is_listed(of)).map(|method| format!("{of}::{method}")));
    }
    found
}

/// The rows of a table with names, between two markers.
fn table<'a>(page: &'a str, begin: &str) -> Vec<&'a str> {
    let rest = page.split_once(begin).unwrap().1.split_once("<!-- end -->").unwrap().0;
    rest.lines().filter_map(|line| line.strip_prefix("//! | ")).filter(|line| line.starts_with('`')).collect()
}

/// The names in a text.
fn names(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// The types whose methods only compute.
fn values(page: &str) -> BTreeSet<String> {
    table(page, "<!-- values -->").into_iter().flat_map(names).collect()
}

/// The methods of both tables: paths in the first cells of one, names beside a type in the other.
fn rows(page: &str) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for row in table(page, "<!-- blocking -->") {
        rows.extend(names(row.split('|').next().unwrap()));
    }
    for row in table(page, "<!-- not blocking -->") {
        let (of, calls) = row.split_once('|').unwrap();
        rows.extend(names(calls).map(|call| format!("{}::{call}", of.trim().trim_matches('`'))));
    }
    rows
}

#[test]
fn a_missing_row_is_found() {
    let api = "impl Drop for stdws::Sender\nimpl Clone for stdws::Sender\nimpl Read for stdws::RecvStream<'_>\n\
               pub fn stdws::Sender::send<'a>(self: &Self) -> stdws::Result<()>\npub fn stdws::Other::wait(self: &Self)\n\
               pub fn stdws::Client::limits(self, stdws::Limits) -> stdws::Client\n\
               pub fn stdws::Client::new(&str) -> stdws::Result<stdws::Client>\npub fn stdws::connect(&str)\n";
    let expected = ["Client::new", "RecvStream::read", "Sender::drop", "Sender::send", "connect"].map(str::to_owned);
    assert_eq!(methods(api, &BTreeSet::from(["Other".to_owned()])), BTreeSet::from(expected));
    assert!(methods(api, &BTreeSet::new()).contains("Other::wait"), "a type that is new");
    let page = "//! <!-- blocking -->\n//! | call | bound |\n//! | `connect`, `A::b` | `write` |\n//! <!-- end -->\n\
                //! <!-- not blocking -->\n//! | `A` | `c`, `d` |\n//! <!-- end -->\n\
                //! <!-- values -->\n//! | `B`, `C` |\n//! <!-- end -->\n";
    assert_eq!(values(page), BTreeSet::from(["B", "C"].map(str::to_owned)));
    assert_eq!(rows(page), ["connect", "A::b", "A::c", "A::d"]);
}

/// Each part of the formula has a row with a test that exists.
#[test]
fn each_part_is_measured() {
    let page = read(PAGE);
    let cells = |line: &str| line.split(" | ").map(|cell| cell.trim_matches([' ', '|']).to_owned()).collect::<Vec<_>>();
    let lines = |begin: &str| {
        let rest = page.split_once(begin).unwrap().1;
        let rows = rest.lines().skip(2).map_while(|line| line.strip_prefix("//! |"));
        rows.map(cells).collect::<Vec<_>>()
    };
    let (formula, measured) =
        (lines("//! | part | bytes | while |"), lines("//! | part | worst case | method | test |"));
    let parts: Vec<&str> = measured.iter().flat_map(|row| row[0].split(", ")).collect();
    assert!(formula.len() > 9, "{formula:?}");
    for row in &formula {
        assert!(parts.contains(&row[0].as_str()), "no test measures: {}", row[0]);
    }
    for row in &measured {
        assert!(["allocator", "resident", "capacities"].contains(&row[2].as_str()), "{row:?}");
        let test: Vec<String> = names(&row[3]).collect();
        assert!(
            read(&test[0]).contains(&format!("\nfn {}() {{", test[1]))
                || read(&test[0]).contains(&format!("    fn {}() {{", test[1])),
            "{row:?}"
        );
    }
}

/// Where a number comes from, and what the chapter says.
const NUMBERS: [(&str, &str, &str); 31] = [
    // The formula of memory.
    ("src/codec/buffers.rs", "MIN_INPUT_SIZE: usize = 1792;", "| read buffer | 2 KiB; "),
    ("src/codec/buffers.rs", "MAX_INPUT_SIZE: usize = 68 << 10;", "up to 68 KiB under load"),
    ("src/connection/state.rs", "PONG_BUFFER_LIMIT: usize = 8 << 10;", "| answers to control frames | 8 KiB |"),
    ("src/connection/send.rs", "QUEUE_FLUSH_SIZE: usize = 128 << 10;", "| queued outgoing messages | 128 KiB |"),
    ("src/net/write_buffer.rs", "MAX_BUFFERED: usize = 384 << 10;", "| 384 KiB in a client"),
    ("src/net/stream.rs", "GATHER_LIMIT: usize = 64 << 10;", ", 64 KiB in a server |"),
    ("src/net/pipe.rs", "CAPACITY: usize = 64 << 10;", "for each direction 64 KiB"),
    (
        "tests/allocations/tests/allocations.rs",
        "let formula = 2 * 96 * KIB + 2 * 16 * KIB;",
        ", 96 KiB while that grows",
    ),
    ("src/net/split_stream.rs", "input: &Pipe) {\n    let mut part = vec![0; 16 << 10];", "and 16 KiB for its thread"),
    ("src/net/split_stream.rs", "io::Result<()> {\n    let mut part = vec![0; 16 << 10];", "and 16 KiB for its thread"),
    (
        "tests/allocations/tests/allocations.rs",
        "assert!(after <= (64 + 192) * KIB",
        "| 64 KiB for receiving, 192 KiB for sending |",
    ),
    (
        "src/tls/memory_transport.rs",
        "assert!((34 << 10..=64 << 10).contains(&most)",
        "| TLS | 64 KiB for received data, ",
    ),
    ("src/tls/records.rs", "assert!((128 << 10..=160 << 10).contains(&most)", "160 KiB for outgoing data, "),
    // The time of calls.
    (
        "src/net/write_buffer.rs",
        "PROGRESS_UNIT: usize = 64 << 10;",
        "then `write` for the first 64 KiB and for each further 64 KiB",
    ),
    (
        "src/server/listener.rs",
        "STALE_LIMIT: Duration = Duration::from_secs(1);",
        "| 1 s if another process has the path and does not accept;",
    ),
    (
        "src/server/shutdown.rs",
        "JOIN_TIMEOUT: Duration = Duration::from_millis(400);",
        "| 0.5 s if its `ShutdownHandle` was used before;",
    ),
    (
        "src/server/accept_loop.rs",
        "WAKE_TIMEOUT: Duration = Duration::from_millis(100);",
        "| 0.5 s if its `ShutdownHandle` was used before;",
    ),
    (
        "src/net/deadline.rs",
        "WRITE_QUANTUM: Duration = Duration::from_millis(10);",
        "| 10 ms while another thread sends, and 10 ms for a caller-supplied stream or a draft without a Close over TLS;",
    ),
    (
        "src/connection/close.rs",
        "WRITE_QUANTUM",
        "| 10 ms while another thread sends, and 10 ms for a caller-supplied stream or a draft without a Close over TLS;",
    ),
    (
        "src/server/handshake_io.rs",
        "LINGER_TIMEOUT: Duration = Duration::from_secs(1);",
        "| `handshake`, and 1 s for a rejection to arrive |",
    ),
    ("src/connection/state.rs", "interval.checked_div(8)", "1 1/8 × `ping_interval` + `pong_timeout`"),
    ("src/connection/receive.rs", "PROGRESS_UNIT: usize = 64 << 10;", "`message` for each 64 KiB"),
    (
        "src/net/deadline.rs",
        "WRITE_QUANTUM: Duration = Duration::from_millis(10);",
        "| its argument, and 10 ms if the network is full |",
    ),
    (
        "src/net/deadline.rs",
        "WRITE_QUANTUM: Duration = Duration::from_millis(10);",
        "| 10 ms if the network has just become full;",
    ),
    ("src/connection/send.rs", "QUEUE_FLUSH_SIZE: usize = 128 << 10;", "`queue` waits only from 128 KiB on"),
    ("src/connection/send_stream.rs", "FRAGMENT: usize = 16 << 10;", "W for each fragment of 16 KiB"),
    (
        "src/server/shutdown.rs",
        "JOIN_TIMEOUT: Duration = Duration::from_millis(400);",
        "| the argument `timeout`, and 0.5 s |",
    ),
    (
        "src/server/accept_loop.rs",
        "WAKE_TIMEOUT: Duration = Duration::from_millis(100);",
        "| the argument `timeout`, and 0.5 s |",
    ),
    ("src/server/handle.rs", "STOP_TIMEOUT: Duration = Duration::from_secs(1);", "`ServerHandle::drop` | 1 s |"),
    (
        "src/net/write_buffer.rs",
        "PROGRESS_UNIT: usize = 64 << 10;",
        "| `write` for each 64 KiB, or the argument of `set_timeouts` |",
    ),
    ("src/server/raw_stream.rs", "FINISH_TIMEOUT: Duration = Duration::from_secs(1);", "| `RawStream::drop` | 1 s |"),
];

/// What the chapter says is what the sources say, and it has no other number with a unit.
#[test]
fn each_number_is_that_of_the_sources() {
    let page = read(PAGE);
    let mut rest = page.clone();
    for (file, constant, sentence) in NUMBERS {
        assert!(read(file).contains(constant), "{file} has another {constant}: see {PAGE}");
        assert!(page.contains(sentence), "{PAGE} does not say: {sentence}");
        rest = rest.replace(sentence, "");
    }
    assert_eq!(numbers(&rest), Vec::<&str>::new(), "numbers of {PAGE} without a constant");
    assert_eq!(numbers("of 5 s, 2 seconds or 1/8 × `a`: 10 ms,\n16 KiB; 2 × `b`"), ["5 s,", "10 ms,", "16 KiB;"]);
}

/// The numbers of a text that have a unit.
fn numbers(text: &str) -> Vec<&str> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let unit = |word: &str| ["s", "ms", "KiB", "MiB"].contains(&word.trim_end_matches([',', ';', '.', ':']));
    let at = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    let pairs = words.windows(2).filter(|two| two[0].ends_with(|c: char| c.is_ascii_digit()) && unit(two[1]));
    pairs.map(|two| &text[at(two[0])..at(two[1]) + two[1].len()]).collect()
}
