//! Fields of pods and what they belong to, as Kubernetes itself tells them.

use bumpalo::collections::Vec as ArenaVec;
use falco_filter::Value;
use falco_state::{OwnerKind, Resource, pod_of};

use crate::Facts;
use crate::catalogue::Arg;
use crate::table::kubernetes::Kubernetes;
use crate::text::Text;

/// The label by which runtimes know pods.
const POD_UID: &str = "io.kubernetes.pod.uid";

impl<'e> Facts<'e> {
    #[inline(never)]
    pub(crate) fn kubernetes(&self, field: Kubernetes, arg: &Arg) -> Option<Value<'e>> {
        use Kubernetes as K;
        use OwnerKind as O;
        let (uid, pod) = self.pod()?;
        match field {
            K::PodName => text(pod.name.as_ref()),
            K::PodUid => Some(Value::Str(uid.as_bytes())),
            K::PodLabel => label(pod, arg),
            K::PodLabels => self.labels_of([pod]),
            K::PodIp => text(pod.ip.as_ref()),
            K::NsName => text(pod.namespace.as_ref()),
            K::NsUid => text(pod.owners(O::Namespace).first()),
            K::NsLabel => label(self.owner(pod, O::Namespace)?, arg),
            K::NsLabels => self.labels_of([self.owner(pod, O::Namespace)?]),
            K::DeploymentName => text(self.owner(pod, O::Deployment)?.name.as_ref()),
            K::DeploymentUid => text(pod.owners(O::Deployment).first()),
            K::DeploymentLabel => label(self.owner(pod, O::Deployment)?, arg),
            K::DeploymentLabels => self.labels_of([self.owner(pod, O::Deployment)?]),
            K::SvcName => self.list(self.services(pod).filter_map(|it| text(it.name.as_ref()))),
            K::SvcUid => {
                let uids = pod.owners(O::Service).iter();
                self.list(uids.filter_map(|uid| text(Some(uid))))
            }
            K::SvcLabel => self.list(self.services(pod).filter_map(|it| label(it, arg))),
            K::SvcLabels => self.labels_of(self.services(pod)),
            K::RsName => text(self.owner(pod, O::ReplicaSet)?.name.as_ref()),
            K::RsUid => text(pod.owners(O::ReplicaSet).first()),
            K::RsLabel => label(self.owner(pod, O::ReplicaSet)?, arg),
            K::RsLabels => self.labels_of([self.owner(pod, O::ReplicaSet)?]),
            K::RcName => text(self.owner(pod, O::ReplicationController)?.name.as_ref()),
            K::RcUid => text(pod.owners(O::ReplicationController).first()),
            K::RcLabel => label(self.owner(pod, O::ReplicationController)?, arg),
            K::RcLabels => self.labels_of([self.owner(pod, O::ReplicationController)?]),
        }
    }

    /// The pod that the process is in and its uid: as its control groups say, or its container's runtime.
    fn pod(&self) -> Option<(&'e str, &'e Resource)> {
        let thread = self.thread?;
        if let Some(uid) = pod_of(&thread.cgroups) {
            let uid = self.arena.alloc_str(&uid);
            return Some((uid, self.state.kubernetes.pod(uid)?));
        }
        let container = self.state.containers.get(thread.container)?;
        let uid = container.info.as_ref()?.labels.get(POD_UID)?;
        Some((uid, self.state.kubernetes.pod(uid)?))
    }

    fn owner(&self, pod: &Resource, kind: OwnerKind) -> Option<&'e Resource> {
        self.state.kubernetes.get(pod.owners(kind).first()?)
    }

    fn services(&self, pod: &'e Resource) -> impl Iterator<Item = &'e Resource> {
        let uids = pod.owners(OwnerKind::Service).iter();
        uids.filter_map(|uid| self.state.kubernetes.get(uid))
    }

    /// `key:value` of each label.
    fn labels_of(&self, of: impl IntoIterator<Item = &'e Resource>) -> Option<Value<'e>> {
        let labels = of.into_iter().flat_map(|resource| &resource.labels);
        self.list(labels.map(|(key, value)| {
            let mut text = Text::with_capacity(key.len() + 1 + value.len(), self.arena);
            text.push(key.as_bytes());
            text.push(b":");
            text.push(value.as_bytes());
            text.value()
        }))
    }

    /// A list; none without elements.
    fn list(&self, values: impl Iterator<Item = Value<'e>>) -> Option<Value<'e>> {
        let mut list = ArenaVec::new_in(self.arena);
        list.extend(values);
        (!list.is_empty()).then(|| Value::List(list.into_bump_slice()))
    }
}

fn text(text: Option<&String>) -> Option<Value<'_>> {
    Some(Value::Str(text?.as_bytes()))
}

fn label<'e>(of: &'e Resource, arg: &Arg) -> Option<Value<'e>> {
    match arg {
        Arg::Key(key) => text(of.labels.get(&**key)),
        _ => None,
    }
}
