//! `bench --growth`: how cost grows with what a peer, or the application, chooses: sizes, numbers, lengths of lists.
//!
//! Each line varies one number and keeps the rest. Its exponent is the slope of a line through the points (log size, log
//! time): 0 where the size costs nothing, 1 where the cost is proportional, 2 where it is quadratic. A fixed cost makes the
//! exponent of small sizes low and would hide what begins late. So a second exponent is that of the larger half of the
//! sizes. [`MAX_EXPONENT`] and [`MAX_LATE_EXPONENT`] are what they may be.
//!
//! Time is CPU time of the process, threads that have ended included, so that a busy machine changes little. It is read
//! from `/proc/self/stat`, whose unit is 10 ms: each point repeats its work until that is precise enough. (On other systems
//! than Linux, it is the time that passed.) The rounds run through all sizes in turn, and the least time of each size
//! counts, because whatever else the machine does only adds to it. A line that still misses is measured again, as a whole.

mod crowd;
mod heads;
mod messages;

use std::time::{Duration, Instant};

use super::Failure;

/// Maximum exponent of a line.
const MAX_EXPONENT: f64 = 1.1;
/// Maximum exponent of the larger half of its sizes. Caches are small: from 100 to 10,000 connections, plain threads and
/// sockets reach 1.2, as the lines of reference show.
const MAX_LATE_EXPONENT: f64 = 1.3;
/// Number of sizes up to which CI measures all of a line.
const MAX_QUICK_SIZES: usize = 6;
/// Number of further measurements of a line whose exponent was too large.
const MORE_ATTEMPTS: usize = 5;

/// How long to measure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Full,
    /// For CI: fewer rounds, and fewer sizes of what takes long.
    Quick,
}

impl Extent {
    fn rounds(self) -> usize {
        match self {
            Extent::Full => 5,
            Extent::Quick => 2,
        }
    }

    /// Minimum CPU time of a point.
    fn point(self) -> Duration {
        match self {
            Extent::Full => Duration::from_millis(200),
            Extent::Quick => Duration::from_millis(100),
        }
    }
}

/// What the exponents of a line are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Judged,
    /// Work without this crate, to compare with.
    Reference,
}

/// One number that varies.
struct Line {
    name: &'static str,
    kind: Kind,
    sizes: Vec<usize>,
    /// Prepares a size, and returns what is measured.
    prepare: Box<dyn FnMut(usize) -> Result<Work, Failure>>,
}

/// Does the work of one size once.
type Work = Box<dyn FnMut() -> Result<(), Failure>>;

impl Line {
    fn new(
        name: &'static str,
        sizes: Vec<usize>,
        prepare: impl FnMut(usize) -> Result<Work, Failure> + 'static,
    ) -> Line {
        Line { name, kind: Kind::Judged, sizes, prepare: Box::new(prepare) }
    }

    fn reference(
        name: &'static str,
        sizes: Vec<usize>,
        prepare: impl FnMut(usize) -> Result<Work, Failure> + 'static,
    ) -> Line {
        Line { kind: Kind::Reference, ..Line::new(name, sizes, prepare) }
    }
}

/// From a first size by a factor to the last, which is always among them.
fn sizes(first: usize, factor: usize, last: usize) -> Vec<usize> {
    let mut sizes: Vec<usize> =
        std::iter::successors(Some(first), |size| size.checked_mul(factor)).take_while(|size| *size < last).collect();
    sizes.push(last);
    sizes
}

impl Extent {
    /// For CI, every second size of a line with many, the largest included.
    fn choose(self, sizes: &[usize]) -> Vec<usize> {
        let few = self == Extent::Full || sizes.len() <= MAX_QUICK_SIZES;
        let last = sizes.len() % 2;
        sizes.iter().enumerate().filter(|(at, _)| few || at % 2 != last).map(|(_, size)| *size).collect()
    }
}

/// Measures all lines whose name contains `filter`.
pub(super) fn measure(extent: Extent, filter: &str) -> Result<(), Failure> {
    println!(
        "CPU time against size, the least of {} rounds; an exponent above {MAX_EXPONENT} fails\n",
        extent.rounds()
    );
    println!(
        "{:<52} {:>8} {:>10} {:>11} {:>11} {:>9} {:>9}",
        "", "smallest", "largest", "us, small", "us, large", "exponent", "larger"
    );
    let (mut missed, mut count) = (Vec::new(), 0);
    let mut lines = messages::lines(extent);
    lines.extend(heads::lines());
    lines.extend(crowd::lines(extent)?);
    for mut line in lines.into_iter().filter(|line| line.name.contains(filter)) {
        count += 1;
        if !measure_line(&mut line, extent)? {
            missed.push(line.name);
        }
    }
    println!("\ngrowth: {count} lines, {} above {MAX_EXPONENT}", missed.len());
    match missed.as_slice() {
        [] if count > 0 => Ok(()),
        [] => Err(format!("no line has a name with '{filter}'").into()),
        missed => Err(format!("grows faster than its size: {}", missed.join("; ")).into()),
    }
}

/// Whether both exponents are low enough.
fn measure_line(line: &mut Line, extent: Extent) -> Result<bool, Failure> {
    for attempt in 0..=MORE_ATTEMPTS {
        let points = points(line, extent)?;
        let (whole, late) = exponents(&points);
        let fits = fits((whole, late)) || line.kind == Kind::Reference;
        if let (Some(first), Some(last)) = (points.first(), points.last()) {
            let verdict = match (line.kind, fits, attempt < MORE_ATTEMPTS) {
                (Kind::Reference, ..) => "reference",
                (Kind::Judged, true, _) => "ok",
                (Kind::Judged, false, true) => "again",
                (Kind::Judged, false, false) => "TOO STEEP",
            };
            let name = line.name;
            let (smallest, largest) = (first.0, last.0);
            let (small, large) = (first.1 * 1e6, last.1 * 1e6);
            println!(
                "{name:<52} {smallest:>8} {largest:>10} {small:>11.2} {large:>11.2} {whole:>9.2} {late:>9.2}  {verdict}"
            );
        }
        if fits {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Sizes, and the seconds of each.
fn points(line: &mut Line, extent: Extent) -> Result<Vec<(usize, f64)>, Failure> {
    let mut points: Vec<(usize, f64)> =
        extent.choose(&line.sizes).into_iter().map(|size| (size, f64::INFINITY)).collect();
    for _ in 0..extent.rounds() {
        for (size, least) in &mut points {
            *least = least.min(time((line.prepare)(*size)?, extent)?);
        }
    }
    Ok(points)
}

/// Seconds that the work takes once. It is repeated until that can be measured.
fn time(mut work: Work, extent: Extent) -> Result<f64, Failure> {
    // What happens only the first time does not count.
    work()?;
    let (start, mut total, mut step) = (Clock::now(), 0, 1);
    loop {
        for _ in 0..step {
            work()?;
        }
        total += step;
        let spent = start.elapsed();
        if spent >= extent.point() {
            return Ok(spent.as_secs_f64() / total as f64);
        }
        // Reading the clock must not count either.
        step = total.min(1 << 20);
    }
}

/// CPU time of this process, or the time of day where the system does not report it.
enum Clock {
    Process(Duration),
    Wall(Instant),
}

impl Clock {
    fn now() -> Clock {
        process_time().map_or_else(|| Clock::Wall(Instant::now()), Clock::Process)
    }

    fn elapsed(&self) -> Duration {
        match self {
            Clock::Process(start) => process_time().unwrap_or_default().saturating_sub(*start),
            Clock::Wall(start) => start.elapsed(),
        }
    }
}

/// User and system time of all threads, also of those that have ended: fields 14 and 15, in units of 10 ms.
pub(super) fn process_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may have spaces.
    let (_, fields) = text.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    Some(Duration::from_millis((user + system) * 10))
}

/// The exponents of all points and of the larger half.
fn exponents(points: &[(usize, f64)]) -> (f64, f64) {
    let larger = points.get(points.len() / 2..).unwrap_or_default();
    (exponent(points), exponent(larger))
}

fn fits((whole, late): (f64, f64)) -> bool {
    whole <= MAX_EXPONENT && late <= MAX_LATE_EXPONENT
}

/// The slope of the line through (log size, log time) with the least squares.
fn exponent(points: &[(usize, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(size, time)| ((*size as f64).ln(), time.ln())).collect();
    let count = logs.len() as f64;
    let (mean_x, mean_y) = logs.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let products = |with: fn(f64, f64) -> f64| -> f64 { logs.iter().map(|(x, y)| with(x - mean_x, y - mean_y)).sum() };
    products(|x, y| x * y) / products(|x, _| x * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cost: fn(f64) -> f64) -> (f64, f64) {
        let points: Vec<(usize, f64)> = sizes(1, 4, 65_536).into_iter().map(|size| (size, cost(size as f64))).collect();
        exponents(&points)
    }

    #[test]
    fn exponents_of_known_costs() {
        for (cost, wanted) in [((|_| 3.0) as fn(f64) -> f64, 0.0), (|size| 5.0 * size, 1.0), (|size| size * size, 2.0)]
        {
            let (whole, late) = of(cost);
            assert!((whole - wanted).abs() < 1e-9 && (late - wanted).abs() < 1e-9, "{whole} {late} {wanted}");
        }
    }

    #[test]
    fn a_square_that_begins_late_is_seen() {
        let late = of(|size| 1000.0 + size + size * size / 1000.0);
        assert!(late.0 <= MAX_EXPONENT && !fits(late), "{late:?}");
        let linear = of(|size| 1000.0 + size);
        assert!(fits(linear), "{linear:?}");
    }

    #[test]
    fn the_last_size_is_always_there() {
        assert_eq!(sizes(1, 10, 1000), [1, 10, 100, 1000]);
        assert_eq!(sizes(16, 4, 100), [16, 64, 100]);
        assert_eq!(sizes(1, 4, 1), [1]);
    }
}
