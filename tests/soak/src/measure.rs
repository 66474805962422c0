//! Descriptors, threads and memory of this process, and when they are flat.
//!
//! The first quarter of a run is warm-up. Of the rest, the median of the last third is compared with that of the first:
//!
//! | what | may be higher by |
//! |---|---|
//! | descriptors, threads | a tenth, and 16 |
//! | memory that malloc has given out and not got back | 4 MiB, because how many connections are open changes |
//! | memory of the process (RSS) | 12 MiB |
//!
//! The process may need more, step by step, for the same memory in use: stacks and the pages between pieces in use. After the end,
//! when the servers and the hub are gone, descriptors and threads are exactly as at the start, and the memory in use at most
//! 64 KiB higher: what OpenSSL and `std` make once. A leak of twenty bytes for each connection is more in two minutes.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

const MEMORY_MARGIN: usize = 12 << 20;
const HEAP_MARGIN: usize = 4 << 20;
const HEAP_LEFT: usize = 64 << 10;
const COUNT_MARGIN: usize = 16;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
    pub(crate) bytes: usize,
    /// In use, of what malloc has.
    pub(crate) heap: usize,
}

impl Sample {
    pub(crate) fn take() -> Sample {
        let entries = |path: &str| fs::read_dir(path).map_or(0, Iterator::count);
        let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
        // The descriptor of the folder itself is one of them, each time.
        Sample {
            descriptors: entries("/proc/self/fd"),
            threads: entries("/proc/self/task"),
            bytes: pages * 4096,
            heap: heap_in_use(),
        }
    }
}

/// Bytes, for Rust and for C.
fn heap_in_use() -> usize {
    // SAFETY: it takes nothing, and locks what it reads.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

/// The median of each, of the samples between these fractions of the run.
fn median(samples: &[Sample], from: usize, to: usize) -> Sample {
    let part = &samples[samples.len() * from / 12..samples.len() * to / 12];
    let of = |get: fn(&Sample) -> usize| {
        let mut values: Vec<_> = part.iter().map(get).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or(0)
    };
    Sample {
        descriptors: of(|s| s.descriptors),
        threads: of(|s| s.threads),
        bytes: of(|s| s.bytes),
        heap: of(|s| s.heap),
    }
}

/// Prints the medians, and returns what is not flat.
pub(crate) fn judge(samples: &[Sample]) -> Vec<String> {
    let (first, middle, last) = (median(samples, 3, 6), median(samples, 6, 9), median(samples, 9, 12));
    let course = |get: fn(&Sample) -> usize| {
        let parts: Vec<_> = (0..12).map(|part| (get(&median(samples, part, part + 1)) >> 10).to_string()).collect();
        parts.join(" ")
    };
    println!("soak: KiB in use, by twelfths: {}", course(|s| s.heap));
    println!("soak: KiB of memory, by twelfths: {}", course(|s| s.bytes));
    let mut faults = Vec::new();
    let mut compare = |what: &str, get: fn(&Sample) -> usize, margin: usize| {
        let (first, middle, last) = (get(&first), get(&middle), get(&last));
        println!("soak: {what}: {first}, {middle}, {last}; at most {}", first + margin);
        if last > first + margin {
            faults.push(format!("{what}: {first} at first, {last} at last"));
        }
    };
    compare("descriptors", |s| s.descriptors, first.descriptors / 10 + COUNT_MARGIN);
    compare("threads", |s| s.threads, first.threads / 10 + COUNT_MARGIN);
    compare("KiB in use", |s| s.heap >> 10, HEAP_MARGIN >> 10);
    compare("KiB of memory", |s| s.bytes >> 10, MEMORY_MARGIN >> 10);
    faults
}

/// Waits until descriptors and threads are as before: the system lists a thread for a moment after it was joined.
pub(crate) fn compare_after(before: Sample) -> Vec<String> {
    let start = Instant::now();
    loop {
        let after = Sample::take();
        let is_as_before = after.descriptors == before.descriptors && after.threads == before.threads;
        if is_as_before && after.heap <= before.heap + HEAP_LEFT {
            println!(
                "soak: at the end {} descriptors and {} threads, as at the start; {} KiB in use, {} at the start",
                after.descriptors,
                after.threads,
                after.heap >> 10,
                before.heap >> 10
            );
            return Vec::new();
        }
        if start.elapsed() > Duration::from_secs(30) {
            return vec![format!("after the end: {after:?}, before: {before:?}")];
        }
        thread::sleep(Duration::from_millis(20));
    }
}
