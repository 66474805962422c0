//! System limits: how many connections and threads fit the limits of the operating system.
//!
//! Knows the files of `/proc` and `/sys`, and no connections. They are read once, when a server starts. Each row
//! yields `(limit - used - reserve) / cost`. The reserve is at most a quarter of the limit. The smallest row holds:
//!
//! | resource | limit | used | reserve | cost |
//! |---|---|---|---|---|
//! | memory mappings | `vm.max_map_count`, or else 65,530 | `/proc/self/maps`, less those of threads | 2,048 | 6 |
//! | address space | `Max address space`; half of all addresses | `VmSize`, less that of threads; unknown if above all addresses | 256 MiB | stack + 256 KiB |
//! | threads | `Max processes`, `kernel.threads-max`, `kernel.pid_max` | threads of this process | 256 | 1 |
//! | threads of a control group | `pids.max` of the group and of all its parents | `pids.current` | 256 | 1 |
//! | descriptors | `Max open files` | `/proc/self/fd` | 128 | 1 |
//!
//! Only mappings and address space endanger the process, and `net::threads` refuses to start a thread before that. A missing
//! descriptor, or a thread that another limit forbids, is an error. This plan keeps a reserve for the application, and
//! answers 503 early.
//!
//! A connection costs six mappings: four for its thread and two for large buffers. Allocators map large buffers one by
//! one, and a peer decides when it begins a large message. The reserve of mappings is for the arenas of the allocator
//! (in glibc eight for each core, two mappings each), for libraries, and for threads that start or end at this moment.
//!
//! The invariant:
//!
//! > Connections alone never bring the process to the start of a thread that `std` cannot survive.
//!
//! | threads | bound |
//! |---|---|
//! | that serve connections | [`SystemLimits::connections`] caps `max_connections`, an explicit one too |
//! | that wait in `accept` | [`WAITING`] are subtracted beforehand |
//! | of other servers, handlers, hubs, senders, clients | [`SystemLimits::allow_thread`] before a server starts a thread, and `net::threads` before any |
//!
//! A connection whose stream was handed over, or whose handler has returned, no longer counts. It costs a descriptor,
//! and its thread counts in the last row. Mappings that the application makes later count in `net::threads`, when it reads
//! them again. Not counted is the commitment limit of the whole system (`vm.overcommit_memory=2`).
//!
//! At least [`MINIMUM`] connections are served from the reserves, whatever the files contain. On systems other than
//! Linux nothing is read: no limit on mappings is known there.

use std::fs;

use crate::net::threads::{
    count, field, mappings, number, read, running, stack_bytes, BYTES_BESIDE_STACK, DEFAULT_MAPPINGS,
    MAPPINGS_OF_CONNECTION, MAPPINGS_OF_THREAD,
};

const RESERVED_MAPPINGS: u64 = 2_048;
const RESERVED_THREADS: u64 = 256;
const RESERVED_BYTES: u64 = 256 << 20;
/// Refused sockets stay open for a moment, and threads in `accept` have one each.
const RESERVED_DESCRIPTORS: u64 = 128;

/// Maximum number of threads that wait in `accept` without a connection.
pub(super) const WAITING: usize = 16;
/// Minimum number of connections, taken from the reserves.
const MINIMUM: usize = 8;

/// What fits into this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SystemLimits {
    /// Maximum number of connections of a server that starts now.
    pub(super) connections: usize,
    /// Maximum number of threads of the process.
    pub(super) threads: usize,
}

impl SystemLimits {
    /// Reads the limits. `stack`: bytes for each thread, if they are set.
    pub(super) fn read(stack: Option<usize>) -> SystemLimits {
        match cfg!(any(target_os = "linux", target_os = "android")) {
            true => Readings::take().limits(stack_bytes(stack)),
            false => SystemLimits { connections: usize::MAX, threads: usize::MAX },
        }
    }

    /// Whether the process may have one more thread: one system call.
    pub(super) fn allow_thread(&self) -> bool {
        self.allow_thread_beside(running())
    }

    fn allow_thread_beside(&self, running: Option<u64>) -> bool {
        running.map_or(true, |threads| saturated(threads) < self.threads)
    }
}

/// The contents of the files.
#[derive(Debug, Default)]
struct Readings {
    max_map_count: String,
    /// `/proc/self/limits`
    limits: String,
    threads_max: String,
    pid_max: String,
    /// `pids.max` and `pids.current`
    groups: Vec<(String, String)>,
    /// `/proc/self/status`
    status: String,
    mappings: u64,
    descriptors: u64,
}

impl Readings {
    /// What cannot be read is empty.
    fn take() -> Readings {
        let groups = folders_of_groups(&read("/proc/self/cgroup")).into_iter();
        let groups =
            groups.map(|folder| (read(&format!("{folder}/pids.max")), read(&format!("{folder}/pids.current"))));
        Readings {
            max_map_count: read("/proc/sys/vm/max_map_count"),
            limits: read("/proc/self/limits"),
            threads_max: read("/proc/sys/kernel/threads-max"),
            pid_max: read("/proc/sys/kernel/pid_max"),
            groups: groups.collect(),
            status: read("/proc/self/status"),
            mappings: mappings(),
            descriptors: fs::read_dir("/proc/self/fd").map(|entries| count(entries.count())).unwrap_or_default(),
        }
    }

    fn limits(&self, stack: u64) -> SystemLimits {
        let running = field(&self.status, "Threads:").unwrap_or(1);
        let threads = self.threads_by_mappings(running).min(self.threads_by_number(running));
        let threads = threads.min(self.threads_by_address_space(running, stack));
        let free = saturated(threads.saturating_sub(running));
        let connections = free.saturating_sub(WAITING).min(saturated(self.connections_by_descriptors()));
        let connections = connections.max(MINIMUM);
        let threads = free.max(MINIMUM.saturating_add(WAITING)).saturating_add(saturated(running));
        SystemLimits { connections, threads }
    }

    fn threads_by_mappings(&self, running: u64) -> u64 {
        let limit = number(&self.max_map_count).unwrap_or(DEFAULT_MAPPINGS);
        let others = self.mappings.saturating_sub(running.saturating_mul(MAPPINGS_OF_THREAD));
        fitting(limit, others, RESERVED_MAPPINGS, MAPPINGS_OF_CONNECTION)
    }

    fn threads_by_number(&self, running: u64) -> u64 {
        let of_system = [field(&self.limits, "Max processes"), number(&self.threads_max), number(&self.pid_max)];
        let of_system = of_system.into_iter().flatten().map(|limit| fitting(limit, 0, RESERVED_THREADS, 1));
        let of_groups = self.groups.iter().filter_map(|(max, current)| {
            let others = number(current).unwrap_or_default().saturating_sub(running);
            Some(fitting(number(max)?, others, RESERVED_THREADS, 1))
        });
        of_system.chain(of_groups).min().unwrap_or(u64::MAX)
    }

    fn threads_by_address_space(&self, running: u64, stack: u64) -> u64 {
        let addresses = u64::try_from(usize::MAX / 2).unwrap_or(u64::MAX);
        let limit = field(&self.limits, "Max address space").unwrap_or(u64::MAX).min(addresses);
        let cost = stack.saturating_add(BYTES_BESIDE_STACK);
        let size = field(&self.status, "VmSize:").unwrap_or_default().saturating_mul(1024);
        // An emulator of 32 bits states its own size, more than all addresses of this program: then nothing is known.
        let size = count(usize::try_from(size).unwrap_or_default());
        fitting(limit, size.saturating_sub(running.saturating_mul(cost)), RESERVED_BYTES, cost)
    }

    fn connections_by_descriptors(&self) -> u64 {
        let limit = field(&self.limits, "Max open files");
        limit.map_or(u64::MAX, |limit| fitting(limit, self.descriptors, RESERVED_DESCRIPTORS, 1))
    }
}

fn fitting(limit: u64, used: u64, reserve: u64, cost: u64) -> u64 {
    limit.saturating_sub(used).saturating_sub(reserve.min(limit / 4)).checked_div(cost).unwrap_or_default()
}

fn saturated(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The folders whose limits bind this process: its own control group, and all above it. `text`: `/proc/self/cgroup`.
fn folders_of_groups(text: &str) -> Vec<String> {
    let mut folders = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let root = match controllers {
            // Version 2 has one hierarchy for all controllers.
            "" => "/sys/fs/cgroup",
            _ if controllers.split(',').any(|controller| controller == "pids") => "/sys/fs/cgroup/pids",
            _ => continue,
        };
        let mut path = path.trim_end_matches('/');
        folders.push(format!("{root}{path}"));
        while let Some((above, _)) = path.rsplit_once('/') {
            folders.push(format!("{root}{above}"));
            path = above;
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    const STACK: u64 = 2 << 20;

    const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max processes             96365                96365                processes 
Max open files            20000                40000                files     
Max address space         unlimited            unlimited            bytes     
";

    /// A common machine, and a process that has just begun.
    fn common() -> Readings {
        Readings {
            max_map_count: "65530\n".into(),
            limits: LIMITS.into(),
            threads_max: "192730\n".into(),
            pid_max: "4194304\n".into(),
            groups: vec![("max\n".into(), "17\n".into())],
            status: "Name:\tserver\nVmSize:\t    4000 kB\nThreads:\t2\n".into(),
            mappings: 48,
            descriptors: 8,
        }
    }

    /// With 32 bits the address space decides: 2 GiB, and 2 MiB for a thread.
    #[test]
    #[cfg(target_pointer_width = "32")]
    fn the_address_space_of_32_bits_decides() {
        let expected = SystemLimits { connections: 778, threads: 796 };
        assert_eq!(common().limits(STACK), expected);
        let of_emulator = Readings { status: common().status.replace("   4000 kB", "4200000 kB"), ..common() };
        assert_eq!(of_emulator.limits(STACK), expected);
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn the_scarcest_resource_decides() {
        assert_eq!(common().limits(STACK), SystemLimits { connections: 10_555, threads: 10_573 }, "mappings");
        let limits = |from: &str, to: &str| Readings { limits: LIMITS.replace(from, to), ..common() };
        let address_space = ("address space         unlimited", "address space         4294967296");
        let rows = [
            // The default of many systems: 1,024 - 8 - 128.
            ("descriptors", limits("20000", "1024 "), 888),
            ("processes", limits("96365", "1000"), 1000 - 250 - 2 - 16),
            ("threads-max", Readings { threads_max: "2000".into(), ..common() }, 2000 - 256 - 2 - 16),
            ("pid_max", Readings { pid_max: "2000".into(), ..common() }, 2000 - 256 - 2 - 16),
            // Of the 100 in the group, two are ours.
            ("group", Readings { groups: vec![("500".into(), "100".into())], ..common() }, 500 - 125 - 100 - 16),
            (
                "large group",
                Readings { groups: vec![("2000".into(), "100".into())], ..common() },
                2000 - 256 - 100 - 16,
            ),
            (
                "above",
                Readings { groups: vec![("500".into(), "0".into()), ("400".into(), "0".into())], ..common() },
                282,
            ),
            ("address space", limits(address_space.0, address_space.1), 1_706 - 2 - 16),
            ("more mappings", Readings { max_map_count: "1048576".into(), ..common() }, 20_000 - 8 - 128),
        ];
        for (what, readings, expected) in rows {
            assert_eq!(readings.limits(STACK).connections, expected, "{what}");
        }
        // A server that starts beside one with 5,000 idle connections may not have more threads than that one.
        let status = "Threads:\t5002\n".into();
        let second = Readings { mappings: 48 + 20_000, status, ..common() }.limits(STACK);
        assert_eq!(second, SystemLimits { connections: 5_555, threads: 10_573 });
    }

    /// In each pair of rows, one unit more is used or less is there.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn each_cost_and_each_reserve_counts_exactly() {
        let mappings = |limit: u64| Readings { max_map_count: limit.to_string(), ..common() };
        let unknown = |mappings| Readings { max_map_count: String::new(), mappings, ..common() };
        let address_space = |limit: u64| Readings {
            limits: LIMITS.replace("space         unlimited", &format!("space         {limit}")),
            status: "VmSize: 8000 kB\nThreads: 2\n".into(),
            ..common()
        };
        let enough = 2_048 + (48 - 2 * 4) + 6 * 10_000;
        // The stacks of both threads are a part of the size.
        let cost = STACK + (256 << 10);
        let addresses = (256 << 20) + (8000 * 1024 - 2 * cost) + 500 * cost;
        let rows = [
            (mappings(enough), 10_000),
            (mappings(enough - 1), 9_999),
            (unknown(8 + 2), 10_580),
            (unknown(8 + 3), 10_579),
            (address_space(addresses), 500),
            (address_space(addresses - 1), 499),
        ];
        for (readings, threads) in rows {
            assert_eq!(readings.limits(STACK).connections, threads - 2 - 16, "{readings:?}");
        }
    }

    #[test]
    fn a_thread_is_allowed_below_the_limit_or_where_none_are_counted() {
        let limits = SystemLimits { connections: 8, threads: 5 };
        for (running, allowed) in [(None, true), (Some(4), true), (Some(5), false), (Some(6), false)] {
            assert_eq!(limits.allow_thread_beside(running), allowed);
        }
    }

    /// With four mappings a thread and two more for buffers, as many as fit leave a reserve.
    #[test]
    fn no_thread_starts_beyond_any_limit() {
        for limit in (1_000..300_000).step_by(777) {
            let readings = Readings { max_map_count: limit.to_string(), ..common() };
            let threads = u64::try_from(readings.limits(STACK).threads).unwrap();
            let used = readings.mappings + (threads - 2) * MAPPINGS_OF_CONNECTION;
            assert!(used + 2 * u64::try_from(WAITING).unwrap() * MAPPINGS_OF_THREAD <= limit, "{limit}: {used}");
        }
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn invalid_contents_are_no_limit() {
        assert_eq!(Readings::default().limits(STACK).connections, 10_563, "mappings have a default");
        for odd in ["", "\n", "unlimited", "max", "-1", "garbage", "1e9", "0x10", "99999999999999999999999", "\u{0}"] {
            let readings = Readings {
                max_map_count: odd.into(),
                limits: LIMITS.replace("96365", odd).replace("20000", odd),
                threads_max: odd.into(),
                pid_max: odd.into(),
                groups: vec![(odd.into(), odd.into())],
                ..common()
            };
            assert_eq!(readings.limits(STACK).connections, 10_555, "{odd:?}");
        }
        let most = u64::MAX.to_string();
        let readings = Readings {
            max_map_count: most.clone(),
            limits: String::new(),
            threads_max: most.clone(),
            pid_max: most.clone(),
            groups: vec![(most.clone(), most)],
            status: format!("VmSize: {}\nThreads: {}", u64::MAX, u64::MAX),
            mappings: u64::MAX,
            descriptors: u64::MAX,
        };
        assert_eq!(readings.limits(u64::MAX).connections, MINIMUM, "everything is used");
    }

    #[test]
    fn a_minimum_is_served_whatever_the_limits() {
        let zero = Readings {
            max_map_count: "0".into(),
            limits: LIMITS.replace("96365", "0").replace("20000", "0"),
            groups: vec![("0".into(), "9".into())],
            ..common()
        };
        assert_eq!(zero.limits(STACK), SystemLimits { connections: 8, threads: 2 + 8 + 16 });
    }

    #[test]
    fn parent_groups_limit_as_well() {
        let rows: [(&str, &[&str]); 7] = [
            ("0::/a/b\n", &["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"]),
            ("0::/\n", &["/sys/fs/cgroup"]),
            ("8:pids:/a\n4:memory:/b\n", &["/sys/fs/cgroup/pids/a", "/sys/fs/cgroup/pids"]),
            ("3:cpu,pids:/\n", &["/sys/fs/cgroup/pids"]),
            ("", &[]),
            ("0:\nnothing\n", &[]),
            ("0::/a:b", &["/sys/fs/cgroup/a:b", "/sys/fs/cgroup"]),
        ];
        for (text, folders) in rows {
            assert_eq!(folders_of_groups(text), folders, "{text}");
        }
    }

    #[test]
    fn this_system_is_read() {
        let limits = SystemLimits::read(None);
        assert!(limits.connections >= MINIMUM && limits.allow_thread());
        if !cfg!(target_os = "linux") {
            return;
        }
        let readings = Readings::take();
        assert!(readings.mappings > 0 && readings.descriptors > 0, "{readings:?}");
        assert!(field(&readings.status, "Threads:").is_some() && field(&readings.status, "VmSize:").is_some());
        assert!(!SystemLimits { connections: 8, threads: 1 }.allow_thread(), "this test has more than one thread");
    }
}
