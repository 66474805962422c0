mod mutation {
    use std::fs::{File, OpenOptions};
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, OnceLock};

    const TRACE: u32 = u32::MAX;
    const MOST: usize = 1 << 16;

    static CHOSEN: OnceLock<u32> = OnceLock::new();
    static REACHED: [AtomicBool; MOST] = [const { AtomicBool::new(false) }; MOST];
    static FILE: OnceLock<Mutex<File>> = OnceLock::new();

    /// Whether the code behaves as this mutant.
    #[inline]
    pub(crate) fn on(mutant: u32) -> bool {
        let chosen = *CHOSEN.get_or_init(read);
        if chosen == TRACE {
            reach(mutant);
        }
        chosen == mutant
    }

    #[cold]
    fn read() -> u32 {
        match std::env::var("STDWS_MUTANT").as_deref() {
            Ok("trace") => TRACE,
            Ok(mutant) => mutant.parse().unwrap_or(0),
            Err(_) => 0,
        }
    }

    #[cold]
    fn reach(mutant: u32) {
        let reached = &REACHED[mutant as usize];
        // Most have been reached before, and a load costs less than a swap.
        if reached.load(Ordering::Relaxed) || reached.swap(true, Ordering::Relaxed) {
            return;
        }
        let file = FILE.get_or_init(|| {
            let path = std::env::var("STDWS_MUTANT_TRACE").unwrap();
            Mutex::new(OpenOptions::new().append(true).create(true).open(path).unwrap())
        });
        let _ = file.lock().unwrap().write_all(format!("{mutant}\n").as_bytes());
    }
}
