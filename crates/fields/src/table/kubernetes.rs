//! Fields of the pod that Kubernetes' API server tells.

use super::fields;

fields! {
    /// Fields of a pod and what it belongs to, as Kubernetes itself tells them.
    Kubernetes {
    PodName      "k8smeta.pod.name"   CharBuf Natural [SUGGESTED] "The name of the pod."
    PodUid       "k8smeta.pod.uid"    CharBuf Natural [] "The uid of the pod."
    PodLabel     "k8smeta.pod.label"  CharBuf Natural [ARG_REQUIRED ARG_KEY] "The value of one label of the pod: k8smeta.pod.label[app]."
    PodLabels    "k8smeta.pod.labels" CharBuf Natural [LIST] "All labels of the pod, key:value."
    PodIp        "k8smeta.pod.ip"     CharBuf Natural [] "The address of the pod."
    NsName       "k8smeta.ns.name"    CharBuf Natural [SUGGESTED] "The namespace of the pod."
    NsUid        "k8smeta.ns.uid"     CharBuf Natural [] "The uid of the namespace."
    NsLabel      "k8smeta.ns.label"   CharBuf Natural [ARG_REQUIRED ARG_KEY] "The value of one label of the namespace: k8smeta.ns.label[team]."
    NsLabels     "k8smeta.ns.labels"  CharBuf Natural [LIST] "All labels of the namespace, key:value."
    DeploymentName   "k8smeta.deployment.name"   CharBuf Natural [] "The deployment that the pod belongs to."
    DeploymentUid    "k8smeta.deployment.uid"    CharBuf Natural [] "The uid of the deployment."
    DeploymentLabel  "k8smeta.deployment.label"  CharBuf Natural [ARG_REQUIRED ARG_KEY] "The value of one label of the deployment: k8smeta.deployment.label[app]."
    DeploymentLabels "k8smeta.deployment.labels" CharBuf Natural [LIST] "All labels of the deployment, key:value."
    SvcName      "k8smeta.svc.name"   CharBuf Natural [LIST] "The names of the services that select the pod."
    SvcUid       "k8smeta.svc.uid"    CharBuf Natural [LIST] "The uids of these services."
    SvcLabel     "k8smeta.svc.label"  CharBuf Natural [ARG_REQUIRED ARG_KEY LIST] "The values of one label of these services: k8smeta.svc.label[app]."
    SvcLabels    "k8smeta.svc.labels" CharBuf Natural [LIST] "All labels of these services, key:value."
    RsName       "k8smeta.rs.name"    CharBuf Natural [] "The replica set that the pod belongs to."
    RsUid        "k8smeta.rs.uid"     CharBuf Natural [] "The uid of the replica set."
    RsLabel      "k8smeta.rs.label"   CharBuf Natural [ARG_REQUIRED ARG_KEY] "The value of one label of the replica set: k8smeta.rs.label[app]."
    RsLabels     "k8smeta.rs.labels"  CharBuf Natural [LIST] "All labels of the replica set, key:value."
    RcName       "k8smeta.rc.name"    CharBuf Natural [] "The replication controller that the pod belongs to."
    RcUid        "k8smeta.rc.uid"     CharBuf Natural [] "The uid of the replication controller."
    RcLabel      "k8smeta.rc.label"   CharBuf Natural [ARG_REQUIRED ARG_KEY] "The value of one label of the replication controller: k8smeta.rc.label[app]."
    RcLabels     "k8smeta.rc.labels"  CharBuf Natural [LIST] "All labels of the replication controller, key:value."
    }
}
