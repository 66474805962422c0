//! Runs a few threads in every order in which they can take their locks with at most a given number of preemptions. For tests.
//!
//! [`explore`] runs a scenario again and again, and lets one of its threads run at a time. Threads change only where one takes a
//! [`Lock`](super::lock::Lock) or waits for a change, because what they share changes only under a lock:
//!
//! | a thread | can continue | afterwards |
//! |---|---|---|
//! | is ready | always | runs to its next lock |
//! | wants a lock | while no other thread has it | has the lock |
//! | waits for a change | never | wants the lock again, from the next notification of all threads on, or of one if it is chosen |
//! | the same, for less than [`SHORT`] | never | the same, or when no other thread can continue |
//! | has ended | never | |
//!
//! Each run records the choices between the threads that can continue. The next run repeats them up to the last choice with an
//! option that is left, and takes that option: a depth-first search through these orders. A preemption is a choice against the
//! thread that ran last and can continue; a scenario limits their number. If no thread can continue and one has not ended, a
//! notification is missing or two threads wait for each other, and the test fails.
//!
//! Threads that no scenario started are not affected.

use std::cell::RefCell;
use std::collections::HashMap;
use std::mem;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// A shorter wait may end by its time. A longer one needs a notification.
const SHORT: Duration = Duration::from_secs(10);

/// Maximum number of choices of a run.
const MAX_CHOICES: usize = 10_000;

/// The work of one thread.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

thread_local! {
    static CURRENT: RefCell<Option<(Arc<Schedule>, usize)>> = const { RefCell::new(None) };
}

/// One run of a scenario.
struct Schedule {
    state: Mutex<State>,
    /// For each thread: it may be its turn. One for all of them would wake them all for each choice.
    turns: Vec<Condvar>,
}

struct State {
    threads: Vec<Status>,
    /// The thread that runs.
    running: Option<usize>,
    /// Locks and the threads that have them.
    held: HashMap<usize, usize>,
    choices: Vec<Choice>,
    /// Number of choices of this run.
    made: usize,
    preemptions: usize,
    max_preemptions: usize,
    is_stuck: bool,
}

/// Which option was taken, of how many.
#[derive(Debug, Clone, Copy)]
struct Choice {
    taken: usize,
    options: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Ready,
    Lock(usize),
    Change { of: usize, lock: usize, is_short: bool },
    Ended,
}

impl State {
    fn can_continue(&self, thread: usize) -> bool {
        match self.threads[thread] {
            Status::Ready => true,
            Status::Lock(lock) => !self.held.contains_key(&lock),
            Status::Change { .. } | Status::Ended => false,
        }
    }

    /// Waiting threads for which this is true want their locks again.
    fn end_waits(&mut self, ends: impl Fn(bool, usize) -> bool) {
        for status in &mut self.threads {
            match *status {
                Status::Change { of, lock, is_short } if ends(is_short, of) => *status = Status::Lock(lock),
                _ => {}
            }
        }
    }

    /// Chooses the next thread. The one that ran last is the first option.
    fn choose(&mut self) {
        let last = self.running.take();
        if !self.threads.iter().enumerate().any(|(thread, _)| self.can_continue(thread)) {
            self.end_waits(|is_short, _| is_short);
        }
        let mut options: Vec<_> = (0..self.threads.len()).filter(|&thread| self.can_continue(thread)).collect();
        options.sort_by_key(|&thread| Some(thread) != last);
        let preempts = options.first().copied() == last && last.is_some();
        if preempts && self.preemptions == self.max_preemptions {
            options.truncate(1);
        }
        if options.is_empty() {
            self.is_stuck = self.threads.iter().any(|&status| status != Status::Ended);
            return;
        }
        let taken = self.take_choice(options.len());
        self.preemptions += usize::from(preempts && taken > 0);
        let next = options[taken];
        if let Status::Lock(lock) = self.threads[next] {
            self.held.insert(lock, next);
        }
        self.threads[next] = Status::Ready;
        self.running = Some(next);
    }

    /// The option to take at the next choice between this number of them.
    fn take_choice(&mut self, options: usize) -> usize {
        assert!(self.made < MAX_CHOICES, "a run does not end");
        if self.made == self.choices.len() {
            self.choices.push(Choice { taken: 0, options });
        }
        let choice = self.choices[self.made];
        assert_eq!(choice.options, options, "the scenario is not the same in each run");
        self.made += 1;
        choice.taken
    }

    /// Ends the wait of one thread, which is a choice between those that wait for this change.
    fn end_one_wait(&mut self, changed: usize) {
        let waits = |&thread: &usize| matches!(self.threads[thread], Status::Change { of, .. } if of == changed);
        let waiting: Vec<_> = (0..self.threads.len()).filter(waits).collect();
        if waiting.is_empty() {
            return;
        }
        let chosen = waiting[self.take_choice(waiting.len())];
        if let Status::Change { lock, .. } = self.threads[chosen] {
            self.threads[chosen] = Status::Lock(lock);
        }
    }
}

impl Schedule {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets another thread run, and returns when it is this one's turn again.
    fn pause(&self, thread: usize, status: Status) {
        let mut state = self.lock();
        state.threads[thread] = status;
        state.choose();
        if state.running != Some(thread) {
            self.wake(state);
            self.wait_for_turn(thread);
        }
    }

    /// Wakes the thread whose turn it is, or all of them if none can continue.
    fn wake(&self, state: MutexGuard<'_, State>) {
        let (running, is_stuck) = (state.running, state.is_stuck);
        // Whoever wakes up needs the lock.
        drop(state);
        for (thread, turn) in self.turns.iter().enumerate() {
            if is_stuck || running == Some(thread) {
                turn.notify_one();
            }
        }
    }

    fn wait_for_turn(&self, thread: usize) {
        let waited =
            self.turns[thread].wait_while(self.lock(), |state| state.running != Some(thread) && !state.is_stuck);
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        let (is_stuck, threads) = (state.is_stuck, state.threads.clone());
        drop(state);
        assert!(!is_stuck || thread::panicking(), "no thread can continue: {threads:?}");
    }

    fn end(&self, thread: usize) {
        let mut state = self.lock();
        state.threads[thread] = Status::Ended;
        if !state.is_stuck {
            state.choose();
        }
        self.wake(state);
    }
}

/// The schedule of this thread. `None` also if the schedule is stuck: its threads only unwind.
fn current() -> Option<(Arc<Schedule>, usize)> {
    let current = CURRENT.try_with(|current| current.borrow().clone()).ok().flatten();
    current.filter(|(schedule, _)| !schedule.lock().is_stuck)
}

/// Whether this thread belongs to a scenario.
pub(crate) fn is_scheduled() -> bool {
    current().is_some()
}

/// Waits until this thread may take the lock.
pub(crate) fn acquire(lock: usize) {
    if let Some((schedule, thread)) = current() {
        schedule.pause(thread, Status::Lock(lock));
    }
}

/// Lets other threads take the lock.
pub(crate) fn release(lock: usize) {
    if let Some((schedule, _)) = current() {
        schedule.lock().held.remove(&lock);
    }
}

/// Waits, without the lock, for a notification, and then until this thread may take the lock again.
pub(crate) fn wait(of: usize, lock: usize, limit: Duration) {
    if let Some((schedule, thread)) = current() {
        schedule.lock().held.remove(&lock);
        schedule.pause(thread, Status::Change { of, lock, is_short: limit < SHORT });
    }
}

/// Threads that wait for this change want their locks again.
pub(crate) fn notify(changed: usize) {
    if let Some((schedule, _)) = current() {
        schedule.lock().end_waits(|_, of| of == changed);
    }
}

/// One of the threads that wait for this change wants its lock again.
pub(crate) fn notify_one(changed: usize) {
    if let Some((schedule, _)) = current() {
        schedule.lock().end_one_wait(changed);
    }
}

/// Runs the threads of `scenario` in every order with at most this number of preemptions, and after each run the check of what
/// they share. Returns the number of runs.
pub(crate) fn explore<S>(
    max_preemptions: usize,
    mut scenario: impl FnMut() -> (S, Vec<Work>),
    mut check: impl FnMut(S),
) -> usize {
    let mut choices = Vec::new();
    for run in 1.. {
        let (shared, work) = scenario();
        choices = run_once(max_preemptions, mem::take(&mut choices), work);
        let checked = catch_unwind(AssertUnwindSafe(|| check(shared)));
        if let Err(panic) = checked {
            eprintln!("run {run}, choices {:?}", choices.iter().map(|choice| choice.taken).collect::<Vec<_>>());
            resume_unwind(panic);
        }
        while choices.last().is_some_and(|choice| choice.taken + 1 == choice.options) {
            choices.pop();
        }
        match choices.last_mut() {
            Some(last) => last.taken += 1,
            None => return run,
        }
    }
    0
}

/// Repeats these choices, and then takes the first option of each. Returns all choices.
fn run_once(max_preemptions: usize, choices: Vec<Choice>, work: Vec<Work>) -> Vec<Choice> {
    let state = State {
        threads: vec![Status::Ready; work.len()],
        running: None,
        held: HashMap::new(),
        choices,
        made: 0,
        preemptions: 0,
        max_preemptions,
        is_stuck: false,
    };
    let turns = work.iter().map(|_| Condvar::new()).collect();
    let schedule = Arc::new(Schedule { state: Mutex::new(state), turns });
    let threads: Vec<_> = work.into_iter().enumerate().map(|(thread, work)| start(&schedule, thread, work)).collect();
    let mut state = schedule.lock();
    state.choose();
    schedule.wake(state);
    let results: Vec<_> = threads.into_iter().map(thread::JoinHandle::join).collect();
    let mut state = schedule.lock();
    if let Some(panic) = results.into_iter().find_map(Result::err) {
        eprintln!("choices {:?}", state.choices.iter().map(|choice| choice.taken).collect::<Vec<_>>());
        drop(state);
        resume_unwind(panic);
    }
    let made = state.made;
    state.choices.truncate(made);
    mem::take(&mut state.choices)
}

fn start(schedule: &Arc<Schedule>, thread: usize, work: Work) -> thread::JoinHandle<()> {
    let schedule = schedule.clone();
    thread::spawn(move || {
        schedule.wait_for_turn(thread);
        CURRENT.with(|current| *current.borrow_mut() = Some((schedule.clone(), thread)));
        let result = catch_unwind(AssertUnwindSafe(work));
        CURRENT.with(|current| *current.borrow_mut() = None);
        schedule.end(thread);
        if let Err(panic) = result {
            resume_unwind(panic);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::lock::{Condition, Lock};
    use std::collections::BTreeSet;

    /// Three threads, each with two sections: every order of them.
    #[test]
    fn all_orders_are_run() {
        let scenario = || {
            let order = Arc::new(Lock::new(Vec::new()));
            let thread = |thread| {
                let order = order.clone();
                Box::new(move || (0..2).for_each(|_| order.lock().push(thread))) as Work
            };
            let work = (0..3).map(thread).collect();
            (order, work)
        };
        let mut orders = BTreeSet::new();
        let runs = explore(usize::MAX, scenario, |order| {
            let _ = orders.insert(order.lock().clone());
        });
        // 6! / (2! 2! 2!)
        assert_eq!(orders.len(), 90);
        // A thread is chosen when it starts, too.
        assert!(runs >= 90, "{runs}");
        let mut orders = BTreeSet::new();
        explore(0, scenario, |order| {
            let _ = orders.insert(order.lock().clone());
        });
        assert_eq!(orders.len(), 6, "without preemption");
    }

    #[test]
    fn a_lost_update_is_found() {
        let scenario = || {
            let number = Arc::new(Lock::new(0));
            let thread = |_| {
                let number = number.clone();
                Box::new(move || {
                    let read = *number.lock();
                    *number.lock() = read + 1;
                }) as Work
            };
            let work = (0..2).map(thread).collect();
            (number, work)
        };
        assert!(catch_unwind(|| explore(1, scenario, |number| assert_eq!(*number.lock(), 2))).is_err());
    }

    #[test]
    fn a_missing_notification_and_a_deadlock_are_found() {
        let missing = || {
            let shared = Arc::new((Lock::new(false), Condition::default()));
            let (one, other) = (shared.clone(), shared);
            let waits = move || {
                let mut done = one.0.lock();
                while !*done {
                    done = done.wait(&one.1, Duration::MAX);
                }
            };
            let forgets = move || *other.0.lock() = true;
            ((), vec![Box::new(waits) as Work, Box::new(forgets)])
        };
        assert!(catch_unwind(|| explore(usize::MAX, missing, drop)).is_err());
        let deadlock = || {
            let locks = Arc::new((Lock::new(()), Lock::new(())));
            let (one, other) = (locks.clone(), locks);
            let forward = move || drop((one.0.lock(), one.1.lock()));
            let backward = move || drop((other.1.lock(), other.0.lock()));
            ((), vec![Box::new(forward) as Work, Box::new(backward)])
        };
        assert!(catch_unwind(|| explore(usize::MAX, deadlock, drop)).is_err());
    }

    /// Two threads wait, and one is woken: it has to wake the other. Either may be the first.
    #[test]
    fn a_notification_of_one_wakes_one() {
        for passes_on in [true, false] {
            let mut orders = BTreeSet::new();
            let scenario = || {
                let shared = Arc::new((Lock::new((false, Vec::new())), Condition::default()));
                let waits = |thread| {
                    let shared = shared.clone();
                    Box::new(move || {
                        let mut state = shared.0.lock();
                        while !state.0 {
                            state = state.wait(&shared.1, Duration::MAX);
                        }
                        state.1.push(thread);
                        if passes_on {
                            shared.1.notify_one();
                        }
                    }) as Work
                };
                let one = shared.clone();
                let wakes = Box::new(move || {
                    one.0.lock().0 = true;
                    one.1.notify_one();
                });
                let work = vec![waits(1), waits(2), wakes];
                (shared, work)
            };
            let explored = catch_unwind(AssertUnwindSafe(|| {
                explore(usize::MAX, scenario, |shared| {
                    let _ = orders.insert(shared.0.lock().1.clone());
                })
            }));
            assert_eq!(explored.is_ok(), passes_on);
            assert!(!passes_on || orders == BTreeSet::from([vec![1, 2], vec![2, 1]]), "{orders:?}");
        }
    }

    #[test]
    fn a_notification_ends_a_wait() {
        let scenario = || {
            let shared = Arc::new((Lock::new(0), Condition::default()));
            let thread = |thread| {
                let shared = shared.clone();
                Box::new(move || {
                    let mut turn = shared.0.lock();
                    while *turn != thread {
                        turn = turn.wait(&shared.1, Duration::MAX);
                    }
                    *turn += 1;
                    shared.1.notify_all();
                }) as Work
            };
            let work = (0..3).map(thread).collect();
            (shared, work)
        };
        let runs = explore(usize::MAX, scenario, |shared| assert_eq!(*shared.0.lock(), 3));
        assert!(runs > 1);
    }

    #[cfg(feature = "hub")]
    #[test]
    fn a_notification_of_one_thread_ends_its_wait() {
        let scenario = || {
            let shared = Arc::new((Lock::new(false), Condition::default()));
            let (one, other) = (shared.clone(), shared.clone());
            let waits = move || {
                let mut done = one.0.lock();
                while !*done {
                    done = done.wait(&one.1, Duration::MAX);
                }
            };
            let notifies = move || {
                *other.0.lock() = true;
                other.1.notify_one();
            };
            (shared, vec![Box::new(waits) as Work, Box::new(notifies)])
        };
        assert!(explore(usize::MAX, scenario, drop) > 1);
    }
}
