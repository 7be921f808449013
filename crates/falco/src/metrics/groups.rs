//! The figures, group by group.

use falco_sources::probe::{DropCause, Program, Stats};

use super::{Figures, Frame, Group, Kind, Metric, Shown, Unit, Value};

/// Events and losses by cause, over all CPUs.
pub(super) fn kernel(_: &Frame, figures: &Figures, metrics: &mut Vec<Metric>) {
    if figures.per_cpu.is_empty() {
        return;
    }
    let sum: Stats = figures.per_cpu.iter().copied().sum();
    let count = |name, count| Metric::counter(Group::Kernel, name, count);
    let by_ring = |cause: DropCause| {
        let name = cause.name();
        Metric {
            prometheus: Shown::As(
                "n_drops_buffer",
                vec![("dir".into(), "exit".into()), ("drop".into(), name.into())],
            ),
            ..Metric::counter(
                Group::Kernel,
                format!("n_drops_buffer_{name}_exit"),
                sum.dropped(cause),
            )
        }
    };
    metrics.push(count("n_evts", sum.events));
    metrics.push(count("n_drops_buffer_total", sum.dropped_by_rings()).hidden());
    metrics.push(by_ring(DropCause::CloneFork));
    metrics.push(by_ring(DropCause::Execve));
    // Upstream still has these, always 0.
    metrics.push(count("n_drops_buffer_connect_enter", 0).hidden());
    metrics.push(by_ring(DropCause::Connect));
    metrics.push(count("n_drops_buffer_open_enter", 0).hidden());
    for cause in [
        DropCause::Open,
        DropCause::DirFile,
        DropCause::Other,
        DropCause::Close,
        DropCause::ProcExit,
    ] {
        metrics.push(by_ring(cause));
    }
    metrics.push(count("n_drops_scratch_map", sum.dropped_elsewhere()));
    metrics.push(count("n_drops", sum.dropped_total()));
    // Ours: events that no rule needs, and parameters left empty because their memory could not be read.
    metrics.push(count("n_evts_filtered", sum.filtered));
    metrics.push(count("n_params_unreadable", sum.unreadable));
}

/// Events and losses by CPU.
pub(super) fn per_cpu(_: &Frame, figures: &Figures, metrics: &mut Vec<Metric>) {
    for (cpu, stats) in figures.per_cpu.iter().enumerate() {
        for (family, plain, count) in [
            ("n_evts_cpu", "n_evts_cpu_", stats.events),
            ("n_drops_cpu", "n_drops_cpu_", stats.dropped_total()),
        ] {
            metrics.push(
                Metric::counter(Group::PerCpu, format!("{plain}{cpu}"), count).shown_as(
                    family,
                    "cpu",
                    cpu.to_string(),
                ),
            );
        }
    }
}

/// What the programs of the probe cost: all calls together and the tracepoints of processes under upstream's names, then each program
/// under its own.
pub(super) fn programs(_: &Frame, figures: &Figures, metrics: &mut Vec<Metric>) {
    if figures.programs.is_empty() {
        return;
    }
    let sum = |name: &str, is: &dyn Fn(&str) -> bool| {
        let those = figures.programs.iter().filter(|program| is(&program.name));
        those.fold(Program::default(), |sum, program| Program {
            name: name.to_owned(),
            runs: sum.runs + program.runs,
            run_ns: sum.run_ns + program.run_ns,
        })
    };
    let upstreams = [
        sum("sys_exit", &|name| {
            name.starts_with("one_") || name == "dispatch"
        }),
        sum("sched_proc_exit", &|name| name == "exited"),
        sum("sched_p_exec", &|name| name == "executed"),
    ];
    let there = |program: &&Program| !program.name.is_empty();
    for program in upstreams.iter().filter(there).chain(&figures.programs) {
        let name = &program.name;
        let nanoseconds = |what: &str, unit, kind, ns| Metric {
            kind,
            ..Metric::new(
                Group::Programs,
                format!("{name}.{what}"),
                unit,
                Value::Whole(ns),
            )
        };
        metrics.push(Metric::counter(
            Group::Programs,
            format!("{name}.run_cnt"),
            program.runs,
        ));
        metrics.push(nanoseconds(
            "run_time_ns",
            Unit::NanosecondsTotal,
            Kind::Counter,
            program.run_ns,
        ));
        metrics.push(nanoseconds(
            "avg_time_ns",
            Unit::Nanoseconds,
            Kind::Gauge,
            program.run_ns.checked_div(program.runs).unwrap_or(0),
        ));
    }
}

/// What the kernel's iterators gave at the start. They lose nothing: where they fail, `/proc` is read instead.
pub(super) fn iterators(_: &Frame, figures: &Figures, metrics: &mut Vec<Metric>) {
    let count = |name: String, count| Metric::counter(Group::Iterators, name, count);
    for (name, given) in &figures.dumped {
        metrics.push(count(format!("n_evts_{name}"), *given));
    }
    if !figures.dumped.is_empty() {
        metrics.push(count("n_drops_max_event_size".into(), 0));
    }
    for (name, _) in &figures.dumped {
        metrics.push(count(format!("n_drops_{name}"), 0));
    }
}

/// What the tables hold and how they were used. There is no cache before the tables, and so nothing is found there.
pub(super) fn state(_: &Frame, figures: &Figures, metrics: &mut Vec<Metric>) {
    let state = figures.state;
    metrics.push(Metric::gauge(Group::State, "n_threads", figures.threads));
    metrics.push(Metric::gauge(Group::State, "n_fds", figures.fds));
    for (name, count) in [
        ("n_noncached_fd_lookups", state.fd_lookups),
        ("n_cached_fd_lookups", 0),
        ("n_failed_fd_lookups", state.fds_missing),
        ("n_added_fds", state.fds_added),
        ("n_removed_fds", state.fds_removed),
        ("n_stored_evts", state.enters_kept),
        ("n_store_evts_drops", state.enters_dropped),
        ("n_retrieved_evts", state.enters_found),
        ("n_retrieve_evts_drops", state.enters_missing),
        ("n_noncached_thread_lookups", state.thread_lookups),
        ("n_cached_thread_lookups", 0),
        ("n_failed_thread_lookups", state.threads_missing),
        ("n_added_threads", state.threads_added),
        ("n_removed_threads", state.threads_removed),
        ("n_drops_full_threadtable", state.threads_dropped),
    ] {
        metrics.push(Metric::counter(Group::State, name, count));
    }
}

/// Of the plugin `container`, which is built in. It calls both of its figures counters.
pub(super) fn plugins(_: &Frame, figures: &Figures, metrics: &mut Vec<Metric>) {
    for (name, count) in [
        ("container.n_containers", figures.containers),
        (
            "container.n_missing_container_images",
            figures.state.images_missing,
        ),
    ] {
        metrics.push(Metric::counter(Group::Plugins, name, count));
    }
}

/// Ours: what became of the alerts of each channel.
pub(super) fn outputs(_: &Frame, figures: &Figures, metrics: &mut Vec<Metric>) {
    for channel in &figures.channels {
        for (what, family, count) in [
            ("delivered", "output_delivered", channel.delivered),
            ("failed", "output_failed", channel.failed),
            ("dropped", "output_dropped", channel.dropped),
        ] {
            let name = format!("output.{}.{what}", channel.name);
            metrics.push(Metric::counter(Group::Outputs, name, count).shown_as(
                family,
                "output",
                channel.name.clone(),
            ));
        }
    }
}
