//! Which keys falco.yaml has, and what their values are. Keys in byte order, as the check wants them.
//!
//! [`CONFIG`] is upstream's, shown as such, and its verdict is upstream's. [`OURS`] and [`EARLIER`] add keys of the top level.

use falco_rules::{
    object,
    schema::{Object, Schema, to_json},
};
use serde_json::Value;

use Schema::{Array, Boolean, Integer, Named, Number, Text, Within};

const TEXTS: Schema = Array(&Text);
/// A mapping with whatever keys.
const FREE: Schema = Schema::Object(&Object {
    properties: &[],
    required: &[],
    min: 0,
    open: true,
});

/// falco.yaml.
pub(crate) static CONFIG: Schema = Named(
    "FalcoConfig",
    &object! {
        "append_output": Array(&APPEND_OUTPUT),
        "base_syscalls": BASE_SYSCALLS,
        "buffer_format_base64": Boolean,
        "buffered_outputs": Boolean,
        "capture": CAPTURE,
        "config_files": Array(&Schema::AnyOf(&[Text, CONFIG_FILE])),
        "engine": ENGINE,
        "falco_libs": FALCO_LIBS,
        "file_output": FILE_OUTPUT,
        "http_output": HTTP_OUTPUT,
        "json_include_message_property": Boolean,
        "json_include_output_fields_property": Boolean,
        "json_include_output_property": Boolean,
        "json_include_tags_property": Boolean,
        "json_output": Boolean,
        "libs_logger": Named("LibsLogger", &object! {
            "enabled": Boolean,
            "severity": Text,
            ; &[], 1
        }),
        "load_plugins": TEXTS,
        "log_level": Text,
        "log_stderr": Boolean,
        "log_syslog": Boolean,
        "metrics": METRICS,
        "output_timeout": Integer,
        "outputs_queue": Named("OutputsQueue", &object! {
            "capacity": Integer,
            ; &[], 1
        }),
        "plugins": Array(&PLUGIN),
        "plugins_hostinfo": Boolean,
        "priority": Text,
        "program_output": Named("ProgramOutput", &object! {
            "enabled": Boolean,
            "keep_alive": Boolean,
            "program": Text,
            ; &["program"], 0
        }),
        "rule_files": TEXTS,
        "rule_matching": Text,
        "rules": Array(&Named("Rule", &object! {
            "disable": SELECTED,
            "enable": SELECTED,
            ; &[], 1
        })),
        "rules_files": TEXTS,
        "static_fields": FREE,
        "stdout_output": OUTPUT,
        "syscall_event_drops": Named("SyscallEventDrops", &object! {
            "actions": TEXTS,
            "max_burst": Integer,
            "rate": Number,
            "simulate_drops": Boolean,
            "threshold": Number,
            ; &[], 1
        }),
        "syscall_event_timeouts": Named("SyscallEventTimeouts", &object! {
            "max_consecutives": Integer,
            ; &[], 1
        }),
        "syslog_output": OUTPUT,
        "time_format_iso_8601": Boolean,
        "watch_config_files": Boolean,
        "webserver": WEBSERVER,
        ; &[], 0
    },
);

/// Keys that upstream never had. Its schema is not asked about them.
pub(crate) static OURS: Schema = object! {
    "containers": object! {
        "max_wait_ms": Within(0, 10_000),
        ; &[], 0
    },
    "foreign_calls": Text,
    "json_format": Schema::Words(&["falco", "ocsf", "ecs"]),
    "kubernetes": object! {
        "api_server": Text,
        "ca_file": Text,
        "enabled": Boolean,
        "node_name": Text,
        "token_file": Text,
        ; &[], 0
    },
    "kernel_attach": Schema::Words(&["auto", "functions", "per_call", "all_calls"]),
    "kernel_fair_share": Boolean,
    "kernel_filter": Boolean,
    "outputs_spool": Named("OutputsSpool", &object! {
        "max_age_s": Integer,
        "max_mb": Integer,
        "path": Text,
        ; &[], 1
    }),
    "sinks": Array(&Named("Sink", &object! {
        "batch": Integer,
        "bucket": Text,
        "ca": Text,
        "cert": Text,
        "client_id": Text,
        "condition": Text,
        "content_type": Text,
        "exchange": Text,
        "headers": FREE,
        "index": Text,
        "insecure": Boolean,
        "key": Text,
        "labels": FREE,
        "max_length": Integer,
        "method": Text,
        "minimum_priority": Text,
        "name": Text,
        "password": Text,
        "prefix": Text,
        "queue": Text,
        "region": Text,
        "retries": Integer,
        "stream": Text,
        "table": Text,
        "template": Text,
        "timeout": Integer,
        "tls": Boolean,
        "token": Text,
        "topic": Text,
        "type": Text,
        "url": Text,
        "user": Text,
        ; &["type"], 0
    })),
    "workers": Within(1, 64),
    ; &[], 0
};

/// The schema of all keys as it is shown: upstream's, and ours beside its own.
pub(crate) fn json() -> Value {
    let (mut all, mut ours) = (to_json(&CONFIG), to_json(&OURS));
    let definitions = &mut all["definitions"];
    for (into, from) in [
        ("/FalcoConfig/properties", ours["properties"].take()),
        ("", ours["definitions"].take()),
    ] {
        if let (Some(Value::Object(into)), Value::Object(from)) =
            (definitions.pointer_mut(into), from)
        {
            into.extend(from);
        }
    }
    all
}

/// Keys that upstream had once. We take them as it did; its schema calls them unknown.
pub(crate) static EARLIER: Schema = object! {
    "grpc": Named("Grpc", &object! {
        "bind_address": Text,
        "cert_chain": Text,
        "enabled": Boolean,
        "private_key": Text,
        "root_certs": Text,
        "threadiness": Integer,
        ; &[], 1
    }),
    "grpc_output": OUTPUT,
    ; &[], 0
};

const APPEND_OUTPUT: Schema = Named(
    "AppendOutput",
    &object! {
        "extra_fields": Array(&Schema::AnyOf(&[FREE, Text])),
        "extra_output": Text,
        "match": object! {
            "rule": Text,
            "source": Text,
            "tags": TEXTS,
            ; &[], 0
        },
        "suggested_output": Boolean,
        ; &[], 0
    },
);

const BASE_SYSCALLS: Schema = Named(
    "BaseSyscalls",
    &object! {
        "all": Boolean,
        "custom_set": TEXTS,
        "repair": Boolean,
        ; &[], 1
    },
);

const CAPTURE: Schema = Named(
    "Capture",
    &object! {
        "default_duration": Within(0, i64::MAX),
        "enabled": Boolean,
        "max_file_size_mb": Within(0, 1_048_576),
        "mode": Schema::Words(&["rules", "all_rules"]),
        "path_prefix": Text,
        ; &[], 0
    },
);

const CONFIG_FILE: Schema = Named(
    "ConfigFile",
    &object! {
        "path": Text,
        "strategy": Schema::Words(&["append", "override", "add-only"]),
        ; &["path"], 0
    },
);

const ENGINE: Schema = Named(
    "Engine",
    &object! {
        "kind": Text,
        "kmod": Named("Kmod", &object! {
            "buf_size_preset": Integer,
            "drop_failed_exit": Boolean,
            ; &[], 1
        }),
        "modern_ebpf": Named("ModernEbpf", &object! {
            "buf_size_preset": Integer,
            "cpus_for_each_buffer": Integer,
            "disable_iterators": Boolean,
            "drop_failed_exit": Boolean,
            ; &[], 0
        }),
        "replay": Named("Replay", &object! {
            "capture_file": Text,
            ; &["capture_file"], 0
        }),
        ; &["kind"], 0
    },
);

const FALCO_LIBS: Schema = Named(
    "FalcoLibs",
    &object! {
        "snaplen": Integer,
        "thread_table_auto_purging_interval_s": Integer,
        "thread_table_auto_purging_thread_timeout_s": Integer,
        "thread_table_size": Integer,
        ; &[], 1
    },
);

const FILE_OUTPUT: Schema = Named(
    "FileOutput",
    &object! {
        "enabled": Boolean,
        "filename": Text,
        "keep_alive": Boolean,
        ; &[], 1
    },
);

const HTTP_OUTPUT: Schema = Named(
    "HTTPOutput",
    &object! {
        "ca_bundle": Text,
        "ca_cert": Text,
        "ca_path": Text,
        "client_cert": Text,
        "client_key": Text,
        "compress_uploads": Boolean,
        "echo": Boolean,
        "enabled": Boolean,
        "insecure": Boolean,
        "keep_alive": Boolean,
        "max_consecutive_timeouts": Integer,
        "mtls": Boolean,
        "url": Text,
        "user_agent": Text,
        ; &[], 1
    },
);

const METRICS: Schema = Named(
    "Metrics",
    &object! {
        "convert_memory_to_mb": Boolean,
        "enabled": Boolean,
        "include_empty_values": Boolean,
        "interval": Text,
        "jemalloc_stats_enabled": Boolean,
        "kernel_event_counters_enabled": Boolean,
        "kernel_event_counters_per_cpu_enabled": Boolean,
        "kernel_iter_event_counters_enabled": Boolean,
        "libbpf_stats_enabled": Boolean,
        "output_file": Text,
        "output_rule": Boolean,
        "plugins_metrics_enabled": Boolean,
        "resource_utilization_enabled": Boolean,
        "rules_counters_enabled": Boolean,
        "state_counters_enabled": Boolean,
        ; &[], 1
    },
);

const OUTPUT: Schema = Named(
    "Output",
    &object! {
        "enabled": Boolean,
        ; &[], 1
    },
);

/// The `init_config` of the plugin `container`.
pub(crate) static CONTAINER: Schema = object! {
    "engines": object! {
        "bpm": SWITCH,
        "containerd": SOCKETS,
        "cri": SOCKETS,
        "docker": SOCKETS,
        "libvirt_lxc": SWITCH,
        "lxc": SWITCH,
        "podman": SOCKETS,
        "static": object! {
            "container_id": Text,
            "container_image": Text,
            "container_name": Text,
            "enabled": Boolean,
            ; &["enabled"], 0
        },
        ; &["bpm", "containerd", "cri", "docker", "libvirt_lxc", "lxc", "podman"], 0
    },
    "hooks": Array(&Schema::Words(&["create", "start"])),
    "label_max_len": Integer,
    "log_level": Schema::Words(&["trace", "debug", "info", "warn", "error"]),
    "with_size": Boolean,
    ; &[], 0
};

/// The `init_config` of the plugin `k8smeta`.
pub(crate) static KUBERNETES: Schema = object! {
    "caPEMBundle": Text,
    "collectorHostname": Text,
    "collectorPort": Integer,
    "hostProc": Text,
    "nodeName": Text,
    "verbosity": Schema::Words(&["trace", "debug", "info", "warning", "error", "critical"]),
    ; &["collectorHostname", "collectorPort", "nodeName"], 0
};

const SWITCH: Schema = object! {
    "enabled": Boolean,
    ; &["enabled"], 0
};

const SOCKETS: Schema = object! {
    "enabled": Boolean,
    "sockets": TEXTS,
    ; &["enabled"], 0
};

const PLUGIN: Schema = Named(
    "Plugin",
    &object! {
        "init_config": Schema::AnyOf(&[FREE, Text, Schema::Null]),
        "library_path": Text,
        "name": Text,
        "open_params": Text,
        ; &["library_path", "name"], 0
    },
);

const SELECTED: Schema = Named(
    "Able",
    &object! {
        "rule": Text,
        "tag": Text,
        ; &[], 1
    },
);

const WEBSERVER: Schema = Named(
    "Webserver",
    &object! {
        "enabled": Boolean,
        "k8s_healthz_endpoint": Text,
        "listen_address": Text,
        "listen_port": Integer,
        "prometheus_metrics_enabled": Boolean,
        "ssl_certificate": Text,
        "ssl_enabled": Boolean,
        "threadiness": Integer,
        ; &[], 1
    },
);
