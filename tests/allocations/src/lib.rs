//! An allocator that counts: how often memory was asked for, how much is in use, and how much was at most.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    /// Needs no memory itself, and no destructor.
    static TIMES: Cell<usize> = const { Cell::new(0) };
}

/// Hands everything to the system, and counts.
pub struct Counting;

static ALL_TIMES: AtomicUsize = AtomicUsize::new(0);
static IN_USE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn taken(bytes: usize) {
    // A thread that is ending is not counted any more.
    let _ = TIMES.try_with(|times| times.set(times.get() + 1));
    ALL_TIMES.fetch_add(1, Ordering::Relaxed);
    let in_use = IN_USE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST.fetch_max(in_use, Ordering::Relaxed);
}

fn given(bytes: usize) {
    IN_USE.fetch_sub(bytes, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator with the same arguments; counting touches no memory but its own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        System.alloc(layout)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        System.alloc_zeroed(layout)
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The system may need both while it copies.
        taken(size);
        given(layout.size());
        System.realloc(at, layout, size)
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        given(layout.size());
        System.dealloc(at, layout);
    }
}

/// How often this thread has asked for memory. Others, which may just be starting, do not count.
pub fn times() -> usize {
    TIMES.with(Cell::get)
}

/// How often any thread has.
pub fn all_times() -> usize {
    ALL_TIMES.load(Ordering::SeqCst)
}

/// Bytes in use.
pub fn in_use() -> usize {
    IN_USE.load(Ordering::SeqCst)
}

/// The most that was in use since this was called last.
pub fn most() -> usize {
    MOST.swap(in_use(), Ordering::SeqCst)
}
