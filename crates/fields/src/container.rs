//! Fields of containers and pods. Containers are not told apart yet: every process is one of the host.

use falco_filter::Value;

use crate::Facts;
use crate::table::container::Container;

/// What stands for a container where there is none.
const HOST: Value<'static> = Value::Str(b"host");
const EMPTY: Value<'static> = Value::Str(b"");

impl<'e> Facts<'e> {
    /// The id of the process's container; empty on the host.
    #[expect(clippy::unused_self, reason = "it will be the thread's")]
    pub(crate) fn container_id(&self) -> &'e [u8] {
        b""
    }

    pub(crate) fn container(&self, field: Container) -> Option<Value<'e>> {
        use Container as C;
        let thread = self.thread?;
        match field {
            C::Id | C::FullId | C::Name | C::Type => Some(HOST),
            C::Privileged | C::HostPid | C::HostNetwork | C::HostIpc => Some(Value::Bool(false)),
            C::Image
            | C::ImageId
            | C::ImageRepository
            | C::ImageTag
            | C::ImageDigest
            | C::Mounts
            | C::Ip
            | C::CniJson
            | C::Labels
            | C::SandboxId
            | C::FullSandboxId
            | C::PodLabels
            | C::PodIp
            | C::PodCniJson => Some(EMPTY),
            C::StartTs | C::Duration => {
                let start = thread.pidns_start_ns;
                let value = match field {
                    C::StartTs => start,
                    _ => self.event.time_ns().wrapping_sub(start),
                };
                (start != 0).then_some(Value::Uint(value))
            }
            C::Mount
            | C::MountSource
            | C::MountDest
            | C::MountMode
            | C::MountRdwr
            | C::MountPropagation
            | C::Label
            | C::PodName
            | C::NsName
            | C::PodId
            | C::PodUid
            | C::PodLabel => None,
            // Upstream gave these up: it has them for the sake of old rules only.
            C::Healthcheck
            | C::Liveness
            | C::Readiness
            | C::IsHealthcheck
            | C::IsLiveness
            | C::IsReadiness
            | C::RcName
            | C::RcId
            | C::RcLabel
            | C::RcLabels
            | C::SvcName
            | C::SvcId
            | C::SvcLabel
            | C::SvcLabels
            | C::NsId
            | C::NsLabel
            | C::NsLabels
            | C::RsName
            | C::RsId
            | C::RsLabel
            | C::RsLabels
            | C::DeploymentName
            | C::DeploymentId
            | C::DeploymentLabel
            | C::DeploymentLabels => None,
        }
    }
}
