//! Messages, with the fields that are used and their numbers.

use std::collections::HashMap;

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct VersionAsked {
    #[prost(string, tag = "1")]
    pub(super) version: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct VersionAnswer {
    #[prost(string, tag = "2")]
    pub(super) runtime_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ListAsked {
    #[prost(message, optional, tag = "1")]
    pub(super) filter: Option<ContainerFilter>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerFilter {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Listed {
    #[prost(message, repeated, tag = "1")]
    pub(super) containers: Vec<Container>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Container {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) pod_sandbox_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerStatusAsked {
    #[prost(string, tag = "1")]
    pub(super) container_id: String,
    #[prost(bool, tag = "2")]
    pub(super) verbose: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerStatusAnswer {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<ContainerStatus>,
    #[prost(map = "string, string", tag = "2")]
    pub(super) info: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<ContainerMetadata>,
    #[prost(int64, tag = "4")]
    pub(super) created_at: i64,
    #[prost(message, optional, tag = "8")]
    pub(super) image: Option<ImageSpec>,
    #[prost(string, tag = "9")]
    pub(super) image_ref: String,
    #[prost(map = "string, string", tag = "12")]
    pub(super) labels: HashMap<String, String>,
    #[prost(message, repeated, tag = "14")]
    pub(super) mounts: Vec<Mount>,
    #[prost(message, optional, tag = "16")]
    pub(super) resources: Option<Resources>,
    #[prost(string, tag = "17")]
    pub(super) image_id: String,
    #[prost(message, optional, tag = "18")]
    pub(super) user: Option<User>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ImageSpec {
    #[prost(string, tag = "1")]
    pub(super) image: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Mount {
    #[prost(string, tag = "1")]
    pub(super) container_path: String,
    #[prost(string, tag = "2")]
    pub(super) host_path: String,
    #[prost(bool, tag = "3")]
    pub(super) readonly: bool,
    #[prost(int32, tag = "5")]
    pub(super) propagation: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Resources {
    #[prost(message, optional, tag = "1")]
    pub(super) linux: Option<LinuxResources>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LinuxResources {
    #[prost(int64, tag = "1")]
    pub(super) cpu_period: i64,
    #[prost(int64, tag = "2")]
    pub(super) cpu_quota: i64,
    #[prost(int64, tag = "3")]
    pub(super) cpu_shares: i64,
    #[prost(int64, tag = "4")]
    pub(super) memory_limit_in_bytes: i64,
    #[prost(string, tag = "6")]
    pub(super) cpuset_cpus: String,
    #[prost(int64, tag = "10")]
    pub(super) memory_swap_limit_in_bytes: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct User {
    #[prost(message, optional, tag = "1")]
    pub(super) linux: Option<LinuxUser>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LinuxUser {
    #[prost(int64, tag = "1")]
    pub(super) uid: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SandboxAsked {
    #[prost(string, tag = "1")]
    pub(super) pod_sandbox_id: String,
    #[prost(bool, tag = "2")]
    pub(super) verbose: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SandboxAnswer {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<Sandbox>,
    #[prost(map = "string, string", tag = "2")]
    pub(super) info: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Sandbox {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<SandboxMetadata>,
    #[prost(message, optional, tag = "5")]
    pub(super) network: Option<Network>,
    #[prost(message, optional, tag = "6")]
    pub(super) linux: Option<LinuxSandbox>,
    #[prost(map = "string, string", tag = "7")]
    pub(super) labels: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SandboxMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) uid: String,
    #[prost(string, tag = "3")]
    pub(super) namespace: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Network {
    #[prost(string, tag = "1")]
    pub(super) ip: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LinuxSandbox {
    #[prost(message, optional, tag = "1")]
    pub(super) namespaces: Option<Namespaces>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Namespaces {
    #[prost(message, optional, tag = "2")]
    pub(super) options: Option<NamespaceOptions>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct NamespaceOptions {
    #[prost(int32, tag = "1")]
    pub(super) network: i32,
    #[prost(int32, tag = "2")]
    pub(super) pid: i32,
    #[prost(int32, tag = "3")]
    pub(super) ipc: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct EventsAsked {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerEvent {
    #[prost(string, tag = "1")]
    pub(super) container_id: String,
    #[prost(int32, tag = "2")]
    pub(super) kind: i32,
}
