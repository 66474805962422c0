//! The threads of a server: started, counted, and joined when the server is shut down.
//!
//! Knows threads; must not know what they do. While the server runs, a thread that ends strikes itself out, and the
//! system takes it back. From [`Threads::keep`] on, those that end stay on the list, to be joined.

use std::collections::HashMap;
use std::io;
use std::thread::{self, JoinHandle};

#[derive(Default)]
pub(super) struct Threads {
    /// `None`: what `std` takes.
    pub(super) stack: Option<usize>,
    next: u64,
    alive: HashMap<u64, JoinHandle<()>>,
    ended: Vec<JoinHandle<()>>,
    keeps: bool,
}

impl Threads {
    pub(super) fn new(stack: Option<usize>) -> Threads {
        Threads { stack, ..Threads::default() }
    }

    /// Starts one. It is told its number, by which it strikes itself out; it cannot do so before this has returned, because
    /// that takes the lock under which this is called.
    pub(super) fn start(&mut self, life: impl FnOnce(u64) + Send + 'static) -> io::Result<()> {
        let number = self.next;
        let mut builder = thread::Builder::new().name("stdws-server".into());
        if let Some(stack) = self.stack {
            builder = builder.stack_size(stack);
        }
        let handle = builder.spawn(move || life(number))?;
        self.next = self.next.wrapping_add(1);
        self.alive.insert(number, handle);
        Ok(())
    }

    /// The last thing a thread does.
    pub(super) fn ends(&mut self, number: u64) {
        if let (Some(handle), true) = (self.alive.remove(&number), self.keeps) {
            self.ended.push(handle);
        }
    }

    /// From now on threads that end are kept.
    pub(super) fn keep(&mut self) {
        self.keeps = true;
    }

    pub(super) fn alive(&self) -> usize {
        self.alive.len()
    }

    /// Those that have ended, to be joined without the lock.
    pub(super) fn take_ended(&mut self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.ended)
    }
}
