//! Unpredictable random bytes from the operating system or a source of the caller. Independent of their use.
//!
//! `std` has no stable cryptographic generator. The sources are:
//!
//! * On Unix, `/dev/urandom`, opened once per process. (Linux returns bytes from it even directly after power-on, before it
//!   has collected entropy. Programs that run so early have to use a source of their own.)
//! * Elsewhere, [`RandomState`](std::collections::hash_map::RandomState), which holds a secret key that `std` draws from the
//!   operating system once. The bytes are SipHash-1-3 with that key over a counter that never repeats. Without the key no
//!   known method distinguishes them from random bytes, but this is not a guarantee. Read access to the memory of the
//!   process reveals all of them.
//! * A source of the caller.
//!
//! It fails closed: when a source fails, the caller gets the error and no bytes. No byte is used twice.
//!
//! Masking keys are taken from a pool, so that one system call serves 128 of them. Invariant: `pool[used..]` is from the
//! source and was never returned; `pool[..used]` is never returned again, and returned bytes are zero in the pool.

use std::fmt;
use std::io;
#[cfg(feature = "client")]
use std::panic::{self, AssertUnwindSafe};
#[cfg(feature = "client")]
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "client")]
use super::lock::assert_unlocked;
use super::lock::UserDrop;

/// A function that fills the whole slice with unpredictable bytes, or fails.
type FillFn = Box<dyn FnMut(&mut [u8]) -> io::Result<()> + Send>;

/// Length of a pool: 128 keys of four bytes. That makes the system call negligible, and each connection can have a pool.
const POOL_SIZE: usize = 512;
/// Threshold in bytes below which the pool is low: eight keys, the maximum that is used under one lock.
#[cfg(any(feature = "client", feature = "server"))]
const LOW_WATERMARK: usize = 8 * 4;

/// A source, and a pool of bytes drawn in advance.
pub(crate) struct RandomSource {
    source: UserDrop<FillFn>,
    /// Empty until the first key is drawn.
    pool: Vec<u8>,
    used: usize,
}

impl RandomSource {
    /// The source of the operating system.
    pub(crate) fn system() -> RandomSource {
        RandomSource::from_fn(Box::new(fill_from_system))
    }

    /// A source of the caller. The function fills the whole slice, or returns an error.
    pub(crate) fn from_fn(source: FillFn) -> RandomSource {
        RandomSource { source: UserDrop::new(source), pool: Vec::new(), used: 0 }
    }

    /// Fills `out` from the source, not from the pool. After an error the contents of `out` must not be used.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn fill(&mut self, out: &mut [u8]) -> io::Result<()> {
        // 6455-4.1-30: a nonce is drawn when it is needed, and never stored.
        (self.source)(out)
    }

    /// Four bytes from the pool.
    #[inline]
    pub(crate) fn masking_key(&mut self) -> io::Result<[u8; 4]> {
        // 6455-5.3-2, 6455-10.3-1: every key is new. 6455-5.3-4: it does not depend on the key before.
        if self.used >= self.pool.len() {
            self.refill()?;
        }
        let next = self.pool.get_mut(self.used..).and_then(|rest| rest.first_chunk_mut::<4>());
        let next = next.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.used = self.used.saturating_add(4);
        // This leaves zeros in the pool, so that a key cannot be read there, or returned again.
        Ok(std::mem::take(next))
    }

    #[cold]
    fn refill(&mut self) -> io::Result<()> {
        // 6455-5.3-3: from the source only. Until it succeeds, the whole pool counts as used.
        self.pool.resize(POOL_SIZE, 0);
        self.used = POOL_SIZE;
        (self.source)(&mut self.pool)?;
        self.used = 0;
        Ok(())
    }
}

/// The same, for several threads at a time.
#[cfg(feature = "client")]
type CallerFn = dyn Fn(&mut [u8]) -> io::Result<()> + Send + Sync;

/// A source of the caller, shared by all connections of a client and its clones. No lock is held while it is called, so it
/// can use the client itself.
#[cfg(feature = "client")]
pub(crate) struct CallerSource {
    call: Box<CallerFn>,
    panicked: AtomicBool,
}

#[cfg(feature = "client")]
impl CallerSource {
    pub(crate) fn new(call: impl Fn(&mut [u8]) -> io::Result<()> + Send + Sync + 'static) -> CallerSource {
        CallerSource { call: Box::new(call), panicked: AtomicBool::new(false) }
    }

    /// Calls the source, unless it has panicked before: its bytes may be predictable then.
    pub(crate) fn fill(&self, out: &mut [u8]) -> io::Result<()> {
        assert_unlocked();
        if self.panicked.load(Ordering::SeqCst) {
            return Err(io::Error::other("the random source panicked before; connect with a new Client"));
        }
        panic::catch_unwind(AssertUnwindSafe(|| (self.call)(out))).unwrap_or_else(|payload| {
            self.panicked.store(true, Ordering::SeqCst);
            panic::resume_unwind(payload)
        })
    }
}

/// For senders that encode under a lock.
#[cfg(any(feature = "client", feature = "server"))]
impl RandomSource {
    /// Whether one of the next eight calls of [`masking_key`](RandomSource::masking_key) may call the source.
    #[inline]
    pub(crate) fn is_low(&self) -> bool {
        self.pool.len().saturating_sub(self.used) < LOW_WATERMARK
    }

    /// Refills the pool if it is low. The caller holds no lock: the source is the user's code.
    pub(crate) fn prefetch(&mut self) -> io::Result<()> {
        match self.is_low() {
            true => self.refill(),
            false => Ok(()),
        }
    }
}

impl fmt::Debug for RandomSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RandomSource").finish_non_exhaustive()
    }
}

/// Fills `out` from the operating system.
pub(crate) fn fill_from_system(out: &mut [u8]) -> io::Result<()> {
    system::fill(out)
}

#[cfg(unix)]
mod system {
    use std::fs::File;
    use std::io::{self, Read};
    use std::os::unix::fs::FileTypeExt;
    use std::sync::OnceLock;

    pub(super) fn fill(out: &mut [u8]) -> io::Result<()> {
        static DEVICE: OnceLock<File> = OnceLock::new();
        let device = match DEVICE.get() {
            Some(device) => device,
            None => {
                // Concurrent threads open one device each, and close all but one. A failure is not stored.
                let device = open("/dev/urandom")?;
                DEVICE.get_or_init(|| device)
            }
        };
        read(device, out)
    }

    /// Fills `out` with as many reads as needed, and fails at the end of the file.
    pub(super) fn read(mut device: &File, out: &mut [u8]) -> io::Result<()> {
        device.read_exact(out)
    }

    /// Opens the device. A broken container may have an ordinary file in its place, with the same bytes each time.
    pub(super) fn open(path: &str) -> io::Result<File> {
        let device = File::open(path)?;
        if device.metadata()?.file_type().is_char_device() {
            Ok(device)
        } else {
            Err(io::Error::new(io::ErrorKind::Unsupported, "the system's random device is not a device"))
        }
    }
}

#[cfg(not(unix))]
use keyed as system;

/// Compiled for tests on all systems, so that it is tested on Unix too.
#[cfg(any(not(unix), test))]
mod keyed {
    use std::collections::hash_map::RandomState;
    use std::hash::BuildHasher;
    use std::io;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::OnceLock;

    pub(super) fn fill(out: &mut [u8]) -> io::Result<()> {
        if cfg!(all(target_family = "wasm", target_os = "unknown")) {
            // On this target std has no system source, and its key is a constant.
            return Err(io::ErrorKind::Unsupported.into());
        }
        static KEY: OnceLock<RandomState> = OnceLock::new();
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let key = KEY.get_or_init(RandomState::new);
        for part in out.chunks_mut(8) {
            // One key and one counter for the process: no thread hashes a number twice.
            let bytes = key.hash_one(COUNTER.fetch_add(1, Ordering::Relaxed)).to_le_bytes();
            part.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::Arc;

    /// A source that counts: 1, 2, 3, … as four bytes each, and how often it was called. Fails in the calls given.
    fn counting(fails: &'static [usize]) -> (RandomSource, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&calls);
        let mut number = 0u32;
        let source = move |out: &mut [u8]| {
            let call = seen.fetch_add(1, Ordering::Relaxed) + 1;
            for part in out.chunks_mut(4) {
                number += 1;
                part.copy_from_slice(&number.to_be_bytes()[4 - part.len()..]);
                if fails.contains(&call) {
                    // Fails after some bytes were written already.
                    return Err(io::Error::other("no entropy today"));
                }
            }
            Ok(())
        };
        (RandomSource::from_fn(Box::new(source)), calls)
    }

    fn is_send<T: Send>(_: &T) {}

    #[test]
    fn one_call_for_128_keys_and_none_twice() {
        // 6455-5.3-2, 6455-10.3-1
        let (mut random_source, calls) = counting(&[]);
        is_send(&random_source);
        assert_eq!(random_source.pool.capacity(), 0);
        for n in 1..=1000u32 {
            assert_eq!(random_source.masking_key().unwrap(), n.to_be_bytes());
            assert_eq!(calls.load(Ordering::Relaxed), n.div_ceil(128) as usize, "key {n}");
        }
        assert_eq!(random_source.pool.len(), 512);
    }

    #[test]
    fn keys_are_wiped_from_the_pool() {
        // 6455-5.3-4
        let (mut random_source, _) = counting(&[]);
        for n in 1..=128 {
            random_source.masking_key().unwrap();
            assert!(random_source.pool[..4 * n].iter().all(|&byte| byte == 0), "key {n}");
            assert!(random_source.pool[4 * n..].chunks(4).all(|key| key != [0; 4]), "key {n}");
        }
    }

    #[test]
    fn a_failing_source_returns_no_key() {
        // 6455-5.3-3: in its first call, in its second between two pools, and twice in a row.
        let (mut random_source, calls) = counting(&[1, 3, 4]);
        assert_eq!(random_source.masking_key().unwrap_err().to_string(), "no entropy today");
        let mut keys = HashSet::new();
        for _ in 0..128 {
            assert!(keys.insert(random_source.masking_key().unwrap()));
        }
        assert!(random_source.masking_key().is_err());
        assert!(random_source.masking_key().is_err());
        assert_eq!(calls.load(Ordering::Relaxed), 4);
        for _ in 0..128 {
            assert!(keys.insert(random_source.masking_key().unwrap()));
        }
        // No key is from a failed call.
        assert!(!keys.contains(&[0; 4]) && !keys.contains(&1u32.to_be_bytes()));
        assert_eq!(calls.load(Ordering::Relaxed), 5);
    }

    #[test]
    fn fill_bypasses_the_pool() {
        // 6455-4.1-30
        let (mut random_source, calls) = counting(&[3]);
        let mut nonce = [0; 16];
        random_source.fill(&mut nonce).unwrap();
        assert_eq!(nonce, *b"\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04");
        assert_eq!(random_source.masking_key().unwrap(), 5u32.to_be_bytes());
        assert!(random_source.fill(&mut nonce).is_err());
        assert_eq!(random_source.masking_key().unwrap(), 6u32.to_be_bytes());
        assert_eq!(calls.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn debug_shows_no_bytes() {
        let (mut random_source, _) = counting(&[]);
        random_source.masking_key().unwrap();
        assert_eq!(format!("{random_source:?}"), "RandomSource { .. }");
    }

    /// 4,096 numbers of 16 bytes, all different; among their bits as many ones as zeros, but for one in a thousand.
    fn looks_random(mut fill: impl FnMut(&mut [u8]) -> io::Result<()>) {
        let mut seen = HashSet::new();
        let mut ones = 0;
        for _ in 0..4096 {
            let mut bytes = [0; 16];
            fill(&mut bytes).unwrap();
            ones += u128::from_be_bytes(bytes).count_ones();
            assert!(seen.insert(bytes));
        }
        // 524,288 bits: the deviation is 362, and eight of it do not happen.
        assert!(ones.abs_diff(262_144) < 8 * 362, "{ones}");
    }

    #[test]
    fn the_system_gives_different_bytes_each_time() {
        looks_random(fill_from_system);
        looks_random(keyed::fill);
        let mut random_source = RandomSource::system();
        looks_random(|out| random_source.fill(out));
        looks_random(|out| {
            for part in out.chunks_mut(4) {
                part.copy_from_slice(&random_source.masking_key()?);
            }
            Ok(())
        });
    }

    #[test]
    fn every_length_is_filled_to_its_end() {
        for fill in [fill_from_system, keyed::fill] {
            for length in 0..40 {
                // In 20 runs every byte is at least once not zero.
                let mut all = vec![0; length];
                for _ in 0..20 {
                    let mut bytes = vec![0; length];
                    fill(&mut bytes).unwrap();
                    all.iter_mut().zip(bytes).for_each(|(all, byte)| *all |= byte);
                }
                assert!(all.iter().all(|&byte| byte != 0), "{length}");
            }
        }
    }

    #[test]
    fn two_sources_share_no_keys() {
        let (mut a, mut b) = (RandomSource::system(), RandomSource::system());
        let keys: HashSet<_> = (0..128).flat_map(|_| [a.masking_key().unwrap(), b.masking_key().unwrap()]).collect();
        // Two of 256 random keys are equal once in 130,000 runs. A shared pool would halve the number of keys.
        assert!(keys.len() > 250);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_not_a_device_is_rejected() {
        assert!(system::open("/dev/no such device").is_err());
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert_eq!(system::open(file).unwrap_err().kind(), io::ErrorKind::Unsupported);
        // Reading a device that ends is an error and returns no zeros.
        let empty = system::open("/dev/null").unwrap();
        assert_eq!(system::read(&empty, &mut [0; 4]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[cfg(any(feature = "client", feature = "server"))]
    #[test]
    fn a_pool_is_refilled_early_only_if_it_is_low() {
        let (mut random_source, calls) = counting(&[]);
        random_source.prefetch().unwrap();
        random_source.prefetch().unwrap();
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        while !random_source.is_low() {
            random_source.masking_key().unwrap();
        }
        random_source.prefetch().unwrap();
        assert_eq!((calls.load(Ordering::Relaxed), random_source.is_low()), (2, false));
    }

    #[cfg(any(feature = "client", feature = "server"))]
    #[test]
    fn a_pool_is_low_below_eight_keys() {
        let (mut random_source, _) = counting(&[]);
        for key in 1..=128 {
            random_source.masking_key().unwrap();
            assert_eq!(random_source.is_low(), key > 120, "{key}");
        }
    }

    #[cfg(feature = "client")]
    #[test]
    fn a_source_of_the_caller_is_called_until_it_panics() {
        let source = CallerSource::new(|out| match out {
            [] => panic!("on purpose: in a source"),
            [7, ..] => Err(io::ErrorKind::Interrupted.into()),
            _ => {
                out.fill(5);
                Ok(())
            }
        });
        let mut out = [0; 3];
        for _ in 0..2 {
            source.fill(&mut out).unwrap();
            assert_eq!(out, [5; 3]);
            assert_eq!(source.fill(&mut [7]).unwrap_err().kind(), io::ErrorKind::Interrupted);
        }
        assert!(panic::catch_unwind(AssertUnwindSafe(|| source.fill(&mut []))).is_err());
        let mut out = [0; 3];
        assert_eq!(source.fill(&mut out).unwrap_err().kind(), io::ErrorKind::Other);
        assert_eq!(out, [0; 3]);
    }

    #[cfg(all(feature = "client", debug_assertions))]
    #[test]
    fn a_source_of_the_caller_is_not_called_under_a_lock() {
        let source = CallerSource::new(|_| Ok(()));
        let lock = crate::primitives::lock::Lock::new(());
        let held = lock.lock();
        assert!(panic::catch_unwind(AssertUnwindSafe(|| source.fill(&mut [0]))).is_err());
        drop(held);
        source.fill(&mut [0]).unwrap();
    }
}
