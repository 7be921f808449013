use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use falco_alerts::{Priority, Tally};
use falco_event::{EventCode, Origin};
use falco_sources::probe::Program;

use super::{frame::Digest, *};
use crate::set::Labels;

/// Upstream's names at Prometheus, with their types; those of one label each CPU or cause stand once.
const UPSTREAM: &str = "
falco_version_info gauge
falco_sha256_rules_files_info gauge
falco_sha256_config_files_info gauge
falco_rules_matches_total counter
scap_engine_name_info gauge
scap_n_evts_total counter
scap_n_drops_buffer_total counter
scap_n_drops_scratch_map_total counter
scap_n_drops_total counter
scap_n_evts_cpu_total counter
scap_n_drops_cpu_total counter
scap_sys_exit_run_cnt_total counter
scap_sys_exit_run_time_nanoseconds_total counter
scap_sys_exit_avg_time_nanoseconds gauge
scap_sched_proc_exit_run_cnt_total counter
scap_n_evts_task_total counter
scap_n_evts_task_file_pipe_total counter
scap_n_evts_task_file_memfd_total counter
scap_n_evts_task_file_regular_total counter
scap_n_evts_task_file_directory_total counter
scap_n_evts_task_file_socket_inet_total counter
scap_n_evts_task_file_socket_inet6_total counter
scap_n_evts_task_file_socket_unix_total counter
scap_n_evts_task_file_socket_netlink_total counter
scap_n_evts_task_file_anon_inode_total counter
scap_n_drops_max_event_size_total counter
scap_n_drops_task_total counter
scap_n_drops_task_file_pipe_total counter
scap_n_drops_task_file_memfd_total counter
scap_n_drops_task_file_regular_total counter
scap_n_drops_task_file_directory_total counter
scap_n_drops_task_file_socket_inet_total counter
scap_n_drops_task_file_socket_inet6_total counter
scap_n_drops_task_file_socket_unix_total counter
scap_n_drops_task_file_socket_netlink_total counter
scap_n_drops_task_file_anon_inode_total counter
falco_cpu_usage_ratio gauge
falco_memory_rss_bytes gauge
falco_memory_vsz_bytes gauge
falco_memory_pss_bytes gauge
falco_container_memory_used_bytes gauge
falco_host_cpu_usage_ratio gauge
falco_host_memory_used_bytes gauge
falco_host_procs_running_total gauge
falco_host_open_fds_total gauge
scap_n_threads_total gauge
scap_n_fds_total gauge
scap_n_noncached_fd_lookups_total counter
scap_n_cached_fd_lookups_total counter
scap_n_failed_fd_lookups_total counter
scap_n_added_fds_total counter
scap_n_removed_fds_total counter
scap_n_stored_evts_total counter
scap_n_store_evts_drops_total counter
scap_n_retrieved_evts_total counter
scap_n_retrieve_evts_drops_total counter
scap_n_noncached_thread_lookups_total counter
scap_n_cached_thread_lookups_total counter
scap_n_failed_thread_lookups_total counter
scap_n_added_threads_total counter
scap_n_removed_threads_total counter
scap_n_drops_full_threadtable_total counter
plugins_container_n_containers_total counter
plugins_container_n_missing_container_images_total counter
falco_kernel_release_info gauge
evt_hostname_info gauge
falco_outputs_queue_num_drops_total counter
falco_reload_timestamp_nanoseconds gauge
falco_start_timestamp_nanoseconds gauge
falco_duration_seconds_total counter
falco_host_boot_timestamp_nanoseconds gauge
falco_host_num_cpus_total gauge
";

fn digest(name: &str) -> Vec<Digest> {
    vec![Digest {
        name: name.into(),
        sha256: "0f".into(),
    }]
}

fn frame(yaml: &str) -> Frame {
    let label = |name: &str| Labels {
        name: name.into(),
        source: "syscall".into(),
        tags: ["a-b".into(), "c".into()].into(),
        priority: Priority::Notice,
    };
    let rules = vec![label("A \"quoted\" rule (one)"), label("Silent")];
    let tally = Tally::new(rules.iter().map(|rule| Arc::clone(&rule.name)));
    tally.count(0, Priority::Notice);
    Frame {
        config: crate::config::tests::checked(yaml).unwrap().metrics,
        engine: Some("modern_bpf"),
        hostname: "host".into(),
        machine: machine::Machine::look(),
        loaded_ns: 7,
        config_files: digest("falco.yaml"),
        rules_files: digest("my rules.yaml"),
        rules,
        tally: Arc::new(tally),
    }
}

fn figures() -> Figures {
    let dumped = EventCode::all().filter(|code| code.info().origin == Origin::Iter);
    let program = |name: &str, runs, run_ns| Program {
        name: name.into(),
        runs,
        run_ns,
    };
    let interface = |name: &str, address: &str| Interface {
        name: name.as_bytes().into(),
        address: address.parse().unwrap(),
        mask: IpAddr::from([0; 4]),
    };
    Figures {
        events: 10,
        per_cpu: vec![Stats::default(); 2],
        programs: vec![
            program("one_openat", 3, 10),
            program("one_close", 1, 2),
            program("exited", 0, 0),
        ],
        dumped: dumped.map(|code| (code.info().name, 1)).collect(),
        threads: 5,
        containers: 2,
        interfaces: vec![
            interface("lo", "127.0.0.1"),
            interface("eth0", "10.0.0.1"),
            interface("eth0", "10.0.0.2"),
            interface("eth0", "fd00::2"),
        ],
        channels: vec![Counts {
            name: "file".into(),
            delivered: 4,
            failed: 0,
            dropped: 0,
        }],
        ..Figures::default()
    }
}

#[test]
fn prometheus_is_told_all_that_upstream_tells() {
    let text = prometheus::text(&frame("metrics: {enabled: true}"), &figures());
    let mut types = BTreeMap::new();
    let (mut samples, mut family) = (BTreeSet::new(), "");
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("# TYPE falcosecurity_") {
            let (name, kind) = line.split_once(' ').unwrap();
            assert!(types.insert(name, kind).is_none(), "{name} has two heads");
            family = name;
        } else if !line.starts_with('#') {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            assert_eq!(name, format!("falcosecurity_{family}"), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(samples.insert(sample), "{line} is there twice");
        }
    }
    for want in UPSTREAM.lines().filter(|line| !line.is_empty()) {
        let (name, kind) = want.split_once(' ').unwrap();
        assert_eq!(types.get(name), Some(&kind), "{name}");
    }
    for line in [
        r#"falcosecurity_falco_rules_matches_total{priority="5",rule_name="A \"quoted\" rule (one)",source="syscall",tag_a_b="true",tag_c="true"} 1"#,
        r#"falcosecurity_scap_n_drops_buffer_total{dir="exit",drop="proc"} 0"#,
        r#"falcosecurity_scap_n_drops_buffer_total{dir="enter",drop="other_interest"} 0"#,
        r#"falcosecurity_scap_n_drops_cpu_total{cpu="1"} 0"#,
        r#"falcosecurity_falco_output_delivered_total{output="file"} 4"#,
        "falcosecurity_scap_sys_exit_run_cnt_total 4",
        "falcosecurity_scap_sys_exit_avg_time_nanoseconds 3",
        "falcosecurity_scap_one_openat_run_time_nanoseconds_total 10",
        "falcosecurity_falco_reload_timestamp_nanoseconds 7",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\n{text}");
    }
    assert!(!text.contains("Silent"));
}

#[test]
fn groups_can_be_switched_off() {
    let off: Vec<String> = Group::ALL
        .into_iter()
        .filter_map(Group::key)
        .map(|key| format!("{key}: false"))
        .collect();
    let frame = frame(&format!("metrics: {{enabled: true, {}}}", off.join(", ")));
    let text = prometheus::text(&frame, &figures());
    for gone in [
        "n_evts",
        "rules_matches",
        "memory",
        "n_threads",
        "run_cnt",
        "plugins",
    ] {
        assert!(!text.contains(gone), "{gone}\n{text}");
    }
    assert!(text.contains("falco_version_info") && text.contains("host_num_cpus"));
}

/// What a reporter tells the first and the second time.
fn told(yaml: &str) -> [BTreeMap<String, serde_json::Value>; 2] {
    let frame = frame(yaml);
    let mut reporter = Reporter::new(&frame.config).unwrap().unwrap();
    let mut figures = figures();
    [10, 30].map(|events| {
        figures.events = events;
        let alert = reporter.report(&frame, &figures).unwrap();
        assert_eq!(
            (&*alert.rule, alert.priority),
            ("Falco internal: metrics snapshot", Priority::Informational)
        );
        alert.fields
    })
}

#[test]
fn alerts_tell_the_same_under_other_names() {
    let [first, second] = told("metrics: {enabled: true, output_rule: true, interval: 1h}");
    for (name, value) in [
        ("evt.source", "\"syscall\""),
        ("evt.hostname", "\"host\""),
        ("scap.engine_name", "\"modern_bpf\""),
        ("falco.sha256_rules_file.my_rules_yaml", "\"0f\""),
        ("falco.sha256_config_file.falco_yaml", "\"0f\""),
        (
            "falco.host_netinfo.interfaces.eth0.protocols.ipv4.addresses",
            "\"10.0.0.1,10.0.0.2\"",
        ),
        (
            "falco.host_netinfo.interfaces.eth0.protocols.ipv6.addresses",
            "\"fd00::2\"",
        ),
        ("falco.num_evts", "10"),
        ("falco.num_evts_prev", "0"),
        ("falco.rules.matches_total", "1"),
        ("falco.rules.A_quoted_rule_one", "1"),
        ("falco.n_threads", "5"),
        // Always there, zero or not.
        ("scap.n_evts", "0"),
        ("scap.n_drops", "0"),
        ("scap.n_drops_perc", "0.0"),
        ("scap.evts_rate_sec", "0.0"),
        ("scap.one_openat.avg_time_ns", "3"),
        ("scap.n_evts_task", "1"),
        ("plugins.container.n_containers", "2"),
        ("falco.output.file.delivered", "4"),
    ] {
        let found = first.get(name).map(ToString::to_string);
        assert_eq!(found.as_deref(), Some(value), "{name}");
    }
    for name in [
        "falco.rules.Silent",
        "falco.n_fds",
        "falco.memory_rss_kb",
        "falco.evts_rate_sec",
        "scap.n_drops_buffer_total",
    ] {
        assert!(!first.contains_key(name), "{name}");
    }
    assert!(first["falco.memory_rss_mb"].as_f64().unwrap() > 0.1);
    assert!(second["falco.evts_rate_sec"].as_f64().unwrap() > 0.0);
    assert_eq!(second["falco.num_evts_prev"], 10);
}

#[test]
fn zeros_and_plain_memory_on_request() {
    let [fields, _] = told(
        "metrics: {enabled: true, output_rule: true, include_empty_values: true, convert_memory_to_mb: false}",
    );
    for name in [
        "falco.rules.Silent",
        "falco.n_fds",
        "scap.n_drops_buffer_total",
        "scap.n_drops_buffer_connect_enter",
        "scap.n_drops_cpu_1",
    ] {
        assert_eq!(fields[name], 0, "{name}");
    }
    assert!(fields["falco.memory_rss_kb"].as_u64().unwrap() > 100);
    assert!(!fields.contains_key("falco.memory_rss_mb"));
}
