//! The start of threads. Every thread of this crate starts in [`spawn`].
//!
//! `std` maps a stack, a signal stack, and a guard for each. If the stack cannot be mapped, the start is an error. If the signal
//! stack cannot be mapped, `std` panics in the new thread, where nothing can unwind: the process is aborted. So a start is
//! refused before the process comes so near to a limit:
//!
//! | resource | limit | used | reserve | cost of a thread |
//! |---|---|---|---|---|
//! | memory mappings | `vm.max_map_count`, or else 65,530 | `/proc/self/maps`, and the cost of each thread since | 1,024 | 6 |
//! | address space | `Max address space`, if there is one | `VmSize` | 8 MiB | stack + 256 KiB |
//!
//! The reserve of mappings is at most an eighth of the limit. It is for other code, and for threads that start at the same
//! moment. All other limits are errors of the start, which need no check. On systems other than Linux nothing is read: no limit
//! on mappings is known there.
//!
//! `/proc/self/maps` has up to 65,530 lines, so it is not read for each thread. It is read again after [`MAX_AGE`], or before a
//! refusal after [`MAX_AGE_OF_REFUSAL`]. In between, the number of threads that run is known from one system call.
//!
//! A server refuses connections earlier, from its own plan: `server::system_limits`.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::primitives::lock::Lock;

/// Maximum number of memory mappings, if it cannot be read: the default of Linux.
pub(crate) const DEFAULT_MAPPINGS: u64 = 65_530;
/// Memory mappings that `std` makes for a thread: stack, signal stack, and a guard for each.
pub(crate) const MAPPINGS_OF_THREAD: u64 = 4;
/// Memory mappings of a connection: those of its thread, and two large buffers.
pub(crate) const MAPPINGS_OF_CONNECTION: u64 = MAPPINGS_OF_THREAD + 2;
/// Address space of a thread beside its stack: the signal stack and buffers.
pub(crate) const BYTES_BESIDE_STACK: u64 = 256 << 10;
/// The stack of a thread that sets none.
const DEFAULT_STACK: u64 = 2 << 20;

/// The stack of a thread that runs code of this crate alone.
pub(crate) const SMALL_STACK: usize = 128 << 10;

const RESERVED_MAPPINGS: u64 = 1_024;
const RESERVED_BYTES: u64 = 8 << 20;

/// Maximum age of what was read, for a thread that fits.
const MAX_AGE: Duration = Duration::from_secs(10);
/// Maximum age of what was read, for a thread that does not fit.
const MAX_AGE_OF_REFUSAL: Duration = Duration::from_secs(1);

/// What was read last.
static ROOM: Lock<Option<Room>> = Lock::new(None);

/// Starts a thread. `stack`: number of bytes of its stack, if they are set.
///
/// An error of the kind `WouldBlock`: there is no room, or the system has refused it.
pub(crate) fn spawn(
    name: &str,
    stack: Option<usize>,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    spawn_boxed(name, stack, Box::new(work))
}

/// Not generic, because `std` compiles 3 KB for each type of work.
fn spawn_boxed(name: &str, stack: Option<usize>, work: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
    if !has_room(running(), stack_bytes(stack)) {
        return Err(no_room());
    }
    let builder = Builder::new().name(name.into());
    match stack {
        Some(stack) => builder.stack_size(stack),
        None => builder,
    }
    .spawn(work)
}

/// The error of a start that is refused.
pub(crate) fn no_room() -> io::Error {
    io::Error::new(ErrorKind::WouldBlock, "the limits of the system leave no room for another thread")
}

fn has_room(running: Option<u64>, stack: u64) -> bool {
    let Some(running) = running else { return true };
    let mut known = ROOM.lock();
    let room = known.filter(|room| room.is_current(running, stack)).unwrap_or_else(|| Room::read(running));
    *known = Some(room);
    room.fits(running, stack)
}

/// The room for threads at one time.
#[derive(Debug, Clone, Copy)]
struct Room {
    at: Instant,
    /// Number of threads at that time.
    running: u64,
    /// Number of mappings that were free at that time, without the reserve.
    mappings: u64,
    /// Number of bytes. `None`: no limit.
    max_address_space: Option<u64>,
}

impl Room {
    /// What cannot be read is no limit, or the default.
    fn read(running: u64) -> Room {
        Room {
            at: Instant::now(),
            running,
            mappings: free_mappings(number(&read("/proc/sys/vm/max_map_count")), mappings()),
            max_address_space: field(&read("/proc/self/limits"), "Max address space"),
        }
    }

    /// Whether it need not be read again.
    fn is_current(&self, running: u64, stack: u64) -> bool {
        self.at.elapsed() < if self.fits(running, stack) { MAX_AGE } else { MAX_AGE_OF_REFUSAL }
    }

    /// Whether one more thread fits beside those that run now.
    fn fits(&self, running: u64, stack: u64) -> bool {
        let started = running.saturating_sub(self.running).saturating_add(1);
        let fits = started.saturating_mul(MAPPINGS_OF_CONNECTION) <= self.mappings;
        fits && self.max_address_space.map_or(true, |max| fits_address_space(max, address_space(), stack))
    }
}

/// Number of mappings that are free, without the reserve.
fn free_mappings(limit: Option<u64>, used: u64) -> u64 {
    let limit = limit.unwrap_or(DEFAULT_MAPPINGS);
    limit.saturating_sub(used).saturating_sub(RESERVED_MAPPINGS.min(limit / 8))
}

fn fits_address_space(max: u64, used: u64, stack: u64) -> bool {
    used.saturating_add(stack).saturating_add(BYTES_BESIDE_STACK).saturating_add(RESERVED_BYTES) <= max
}

/// Number of bytes of address space in use.
fn address_space() -> u64 {
    vm_size(&read("/proc/self/status"))
}

fn vm_size(status: &str) -> u64 {
    field(status, "VmSize:").unwrap_or(0).saturating_mul(1024)
}

/// Number of memory mappings.
pub(crate) fn mappings() -> u64 {
    lines("/proc/self/maps")
}

/// Number of lines of a file, read one after the other: there may be 65,530.
fn lines(path: &str) -> u64 {
    File::open(path).map_or(0, |file| count(BufReader::new(file).split(b'\n').count()))
}

/// The stack that `std` uses for a thread.
pub(crate) fn stack_bytes(stack: Option<usize>) -> u64 {
    let of_environment = || number(&std::env::var("RUST_MIN_STACK").ok()?);
    stack.map(count).or_else(of_environment).unwrap_or(DEFAULT_STACK)
}

/// The contents of a file. Empty: it cannot be read.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// A file that contains one number. `None`: no limit (`max`), or nothing that can be understood.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The first number behind a name at the beginning of a line. `None`: no such line, or no number (`unlimited`).
pub(crate) fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| number(line.strip_prefix(name)?.split_whitespace().next()?))
}

pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Number of threads of this process.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn running() -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self/task").ok().and_then(|folder| threads_of(folder.nlink()))
}

/// The folder has a link for each thread, and two of its own.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn threads_of(links: u64) -> Option<u64> {
    links.checked_sub(2).filter(|threads| *threads > 0)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn running() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const STACK: u64 = 2 << 20;

    #[test]
    fn a_thread_fits_until_the_reserve_is_reached() {
        let room = |mappings| Room { at: Instant::now(), running: 10, mappings, max_address_space: None };
        // Each thread since the reading has its cost, and the one that starts.
        for (mappings, running, expected) in [
            (6, 10, true),
            (5, 10, false),
            (0, 10, false),
            (60, 19, true),
            (60, 20, false),
            (6, 3, true),
            (5, 3, false),
        ] {
            assert_eq!(room(mappings).fits(running, STACK), expected, "{mappings} {running}");
        }
        assert!(!room(u64::MAX - 1).fits(u64::MAX, STACK));
    }

    /// Never a thread that fits beside one that does: a busy machine may pause between the two.
    #[test]
    fn what_was_read_is_used_until_it_is_too_old() {
        let now = Instant::now();
        let (earlier, second) = (|age| now.checked_sub(age).unwrap(), Duration::from_secs(1));
        for (at, running, expected) in [
            // An instant that has not come has no age.
            (now + MAX_AGE * 100, 10, true),
            (now + MAX_AGE * 100, 11, true),
            (earlier(MAX_AGE), 10, false),
            (earlier(second), 11, false),
        ] {
            let room = Room { at, running: 10, mappings: 6, max_address_space: None };
            assert_eq!(room.is_current(running, STACK), expected, "{running}");
        }
    }

    #[test]
    fn a_part_of_the_mappings_is_a_reserve() {
        for (limit, used, free) in
            [(None, 0, 64_506), (Some(65_530), 506, 64_000), (Some(800), 100, 600), (Some(7), 1, 6), (Some(8), 9, 0)]
        {
            assert_eq!(free_mappings(limit, used), free, "{limit:?} {used}");
        }
    }

    #[test]
    fn what_is_unknown_is_no_limit() {
        assert!(has_room(None, u64::MAX));
        assert_eq!((vm_size("VmSize:\t 2 kB\n"), vm_size("VmSwap: 2 kB\n")), (2048, 0));
        assert_eq!(lines("/no such file"), 0);
        assert_eq!(count(7), 7);
        assert_eq!(stack_bytes(Some(77)), 77);
        let of_environment = std::env::var("RUST_MIN_STACK").ok().and_then(|bytes| bytes.parse().ok());
        assert_eq!(stack_bytes(None), of_environment.unwrap_or(2 << 20));
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn two_links_are_no_threads() {
        let threads = [0, 1, 2, 3, 10].map(threads_of);
        assert_eq!(threads, [None, None, None, Some(1), Some(8)]);
    }

    #[test]
    fn the_address_space_is_for_the_stack_and_what_is_beside_it() {
        let max = 1 << 30;
        let least = STACK + BYTES_BESIDE_STACK + RESERVED_BYTES;
        assert!(fits_address_space(max, max - least, STACK) && !fits_address_space(max, max - least + 1, STACK));
        assert!(!fits_address_space(max, 0, u64::MAX) && !fits_address_space(0, 0, 0));
    }

    #[test]
    fn invalid_contents_are_no_limit() {
        for odd in ["", "\n", "unlimited", "max", "-1", "garbage", "1e9", "0x10", "99999999999999999999999", "\u{0}"] {
            assert_eq!(number(odd), None, "{odd:?}");
            assert_eq!(field(&format!("Max address space {odd} bytes\n"), "Max address space"), None, "{odd:?}");
        }
        assert_eq!(field("a 1\nb\t 2 kB\n", "b"), Some(2));
    }

    #[test]
    fn this_system_has_room_for_a_thread_with_the_stack_that_is_asked_for() {
        let check = || assert_eq!(std::thread::current().name(), Some("stdws-test"));
        spawn("stdws-test", Some(256 << 10), check).unwrap().join().unwrap();
        if cfg!(target_os = "linux") {
            assert!(running().is_some() && mappings() > 1 && address_space() > 1 << 10);
        }
        // No address space has room for this stack, where it is limited.
        let room = Room { max_address_space: Some(1 << 30), ..Room::read(1) };
        assert!(!room.fits(1, u64::MAX));
    }
}
