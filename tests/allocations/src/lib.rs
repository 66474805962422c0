//! An allocator that counts: how often memory was asked for, how much is in use, and how much was at most.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Hands everything to the system, and counts.
pub struct Counting;

static TIMES: AtomicUsize = AtomicUsize::new(0);
static IN_USE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn taken(bytes: usize) {
    TIMES.fetch_add(1, Ordering::Relaxed);
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

/// How often memory has been asked for.
pub fn times() -> usize {
    TIMES.load(Ordering::SeqCst)
}

/// Bytes in use.
pub fn in_use() -> usize {
    IN_USE.load(Ordering::SeqCst)
}

/// The most that was in use since this was called last.
pub fn most() -> usize {
    MOST.swap(in_use(), Ordering::SeqCst)
}
