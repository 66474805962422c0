//! A counting allocator: the number of allocations, the bytes in use, and their maximum.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    /// Needs no memory itself, and no destructor.
    static TIMES: Cell<usize> = const { Cell::new(0) };
}

/// Forwards every call to the allocator of the system, and counts.
pub struct Counting;

static ALL_TIMES: AtomicUsize = AtomicUsize::new(0);
static IN_USE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn taken(bytes: usize) {
    // A thread that is ending no longer counts.
    let _ = TIMES.try_with(|times| times.set(times.get() + 1));
    ALL_TIMES.fetch_add(1, Ordering::Relaxed);
    let in_use = IN_USE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST.fetch_max(in_use, Ordering::Relaxed);
}

fn given(bytes: usize) {
    IN_USE.fetch_sub(bytes, Ordering::Relaxed);
}

// SAFETY: every call is forwarded to the system's allocator with the same arguments; counting uses only its own memory.
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
        // Both blocks may exist while the system copies.
        taken(size);
        given(layout.size());
        System.realloc(at, layout, size)
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        given(layout.size());
        System.dealloc(at, layout);
    }
}

/// Number of allocations of this thread. Other threads, which may be starting, do not count.
pub fn times() -> usize {
    TIMES.with(Cell::get)
}

/// Number of allocations of all threads.
pub fn all_times() -> usize {
    ALL_TIMES.load(Ordering::SeqCst)
}

/// Number of bytes in use.
pub fn in_use() -> usize {
    IN_USE.load(Ordering::SeqCst)
}

/// Maximum number of bytes in use since the last call.
pub fn most() -> usize {
    MOST.swap(in_use(), Ordering::SeqCst)
}
