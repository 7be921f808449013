//! The machine and the program as `/proc` shows them.

use std::{env, fs, path::PathBuf, sync::OnceLock};

use super::{Figures, Frame, Group, Metric, Unit, Value, rounded};
use crate::engine::now_ns;

/// What does not change.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) kernel_release: String,
    pub(crate) boot_ns: u64,
    pub(crate) cpus: u64,
    /// When the program started, nanoseconds since 1970.
    pub(crate) start_ns: u64,
}

impl Machine {
    pub(super) fn look() -> Machine {
        let release = rustix::system::uname();
        let stat = read("proc/stat");
        let is_cpu = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
        Machine {
            kernel_release: release.release().to_string_lossy().into_owned(),
            boot_ns: boot_ns(),
            cpus: stat.lines().filter(is_cpu).count() as u64,
            start_ns: start_ns(),
        }
    }
}

/// When the program started: the moment of the first call.
pub(crate) fn start_ns() -> u64 {
    static START: OnceLock<u64> = OnceLock::new();
    *START.get_or_init(now_ns)
}

fn boot_ns() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    let ns = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    };
    ns(ClockId::Realtime).saturating_sub(ns(ClockId::Boottime))
}

/// Whether the kernel counts what BPF programs cost.
pub(super) fn counts_programs() -> bool {
    read("proc/sys/kernel/bpf_stats_enabled").trim() == "1"
}

/// A file of the host, whose root may be seen elsewhere; empty when it is not there.
fn read(path: &str) -> String {
    let root = env::var_os("HOST_ROOT").unwrap_or_else(|| "/".into());
    fs::read_to_string(PathBuf::from(root).join(path)).unwrap_or_default()
}

/// The number behind a word that begins a line.
fn after(text: &str, word: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(word));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// CPU and memory, of the program and of the host.
pub(super) fn resources(frame: &Frame, _: &Figures, metrics: &mut Vec<Metric>) {
    let own = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    let (status, memory, stat) = (own("status"), read("proc/meminfo"), read("proc/stat"));
    let group = Group::Resources;
    let mut put = |name, unit, value| metrics.push(Metric::new(group, name, unit, value));
    let (percent, kib, whole) = (Unit::Percent, Unit::Kibibytes, Value::Whole);

    put(
        "cpu_usage_perc",
        percent,
        Value::Real(cpu_percent(&own("stat"), frame.machine.start_ns)),
    );
    put("memory_rss_kb", kib, whole(after(&status, "VmRSS:")));
    put("memory_vsz_kb", kib, whole(after(&status, "VmSize:")));
    put(
        "memory_pss_kb",
        kib,
        whole(after(&own("smaps_rollup"), "Pss:")),
    );
    put(
        "container_memory_used_bytes",
        Unit::Bytes,
        whole(container_memory()),
    );
    put(
        "host_cpu_usage_perc",
        percent,
        Value::Real(host_cpu_percent(&stat)),
    );
    let unused = ["MemFree:", "Buffers:", "Cached:"].map(|word| after(&memory, word));
    let used = after(&memory, "MemTotal:").saturating_sub(unused.iter().sum());
    put("host_memory_used_kb", kib, whole(used));
    put(
        "host_procs_running",
        Unit::Count,
        whole(after(&stat, "procs_running ")),
    );
    put(
        "host_open_fds",
        Unit::Count,
        whole(after(&read("proc/sys/fs/file-nr"), "")),
    );
}

/// How much of one CPU the program used since it started, from its `stat`.
fn cpu_percent(stat: &str, start_ns: u64) -> f64 {
    // The name in it may hold blanks, and ends with the last bracket.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    let seconds = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
    let elapsed = now_ns().saturating_sub(start_ns) as f64 / 1e9;
    if elapsed > 0.0 {
        rounded(100.0 * seconds / elapsed)
    } else {
        0.0
    }
}

/// How much of all CPUs was used since the machine started.
fn host_cpu_percent(stat: &str) -> f64 {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "));
    let numbers = line.unwrap_or_default().split_whitespace();
    let times: Vec<u64> = numbers.take(7).filter_map(|n| n.parse().ok()).collect();
    let sum: u64 = times.iter().sum();
    match times.get(3) {
        Some(idle) if sum > 0 => rounded(100.0 - *idle as f64 * 100.0 / sum as f64),
        _ => 0.0,
    }
}

/// The memory of the container that the program runs in, as its cgroup says; the path can be set as for upstream.
fn container_memory() -> u64 {
    let set = env::var("FALCO_CGROUP_MEM_PATH").unwrap_or_default();
    let usable = !set.is_empty() && !set.contains("..");
    let paths = if usable {
        [set.as_str(), ""]
    } else {
        // The older hierarchy, where upstream looks, and the one of today.
        [
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
            "/sys/fs/cgroup/memory.current",
        ]
    };
    let mut texts = paths
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    texts
        .next()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_the_machine_are_read() {
        let memory = "MemTotal:  100 kB\nMemFree:   40 kB\n";
        assert_eq!(
            (after(memory, "MemFree:"), after(memory, "Cached:")),
            (40, 0)
        );
        assert_eq!(after("1184\t0\t9223372036854775807\n", ""), 1184);
        let stat = "cpu  10 0 10 70 10 0 0 5 0 0\ncpu0 1 2\nprocs_running 3\n";
        assert!((host_cpu_percent(stat) - 30.0).abs() < 1e-9);
        assert_eq!(after(stat, "procs_running "), 3);
        let own = "7 (a ) b) S 1 7 7 0 -1 0 0 0 0 0 250 50 0 0 20 0";
        let ago = now_ns() - 100_000_000_000;
        let percent = cpu_percent(own, ago);
        assert!((2.9..=3.0).contains(&percent), "{percent}");
        let machine = Machine::look();
        assert!(machine.cpus > 0 && machine.boot_ns < machine.start_ns);
    }
}
