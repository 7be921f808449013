//! The section `kubernetes`, and the entry of the plugin `k8smeta`.

use std::{env, fs, path::PathBuf};

use falco_containers::{Kubernetes, KubernetesSource};
use serde_json::Value;

use super::{Keys, plugins::Plugin};
use crate::plugins;

/// What a pod is given.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
const CA: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
/// Whom the machine trusts.
const CA_OF_MACHINE: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Where deployments of falco have the name of the machine.
const NODE: [&str; 2] = ["FALCO_K8S_NODE_NAME", "FALCO_HOSTNAME"];

/// Who is asked about pods. The section comes first: who has both is leaving the collector.
pub(super) fn kubernetes(keys: &Keys<'_>, plugins: &[Plugin]) -> Option<Kubernetes> {
    if keys.truth("kubernetes.enabled", false) {
        return Some(api(keys));
    }
    let mut plugins = plugins.iter();
    let plugin = plugins.find(|plugin| plugin.name == plugins::KUBERNETES);
    plugin.map(|plugin| collector(&plugin.init))
}

fn api(keys: &Keys<'_>) -> Kubernetes {
    let given = |key: &str| keys.text(key).filter(|text| !text.is_empty());
    let path = |key: &str| given(key).map(PathBuf::from);
    let of_pod = || {
        let host = env::var("KUBERNETES_SERVICE_HOST").ok()?;
        let port = env::var("KUBERNETES_SERVICE_PORT").unwrap_or_else(|_| "443".into());
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host
        };
        Some(format!("https://{host}:{port}"))
    };
    // Rules are checked on machines that are in no cluster as well: nobody to ask is a matter of who asks.
    let (url, token, ca) = given("kubernetes.api_server").map_or_else(
        || (of_pod().unwrap_or_default(), Some(TOKEN.into()), CA),
        |url| (url.to_owned(), None, CA_OF_MACHINE),
    );
    let node = given("kubernetes.node_name").map(str::to_owned);
    let of_environment = || NODE.iter().find_map(|name| env::var(name).ok());
    let of_machine = || fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let node = node.or_else(of_environment).or_else(of_machine);
    Kubernetes {
        node: node.unwrap_or_default().trim().to_owned(),
        from: KubernetesSource::Api {
            url,
            token: path("kubernetes.token_file").or(token),
            ca: path("kubernetes.ca_file").unwrap_or_else(|| ca.into()),
        },
    }
}

/// What the plugin is started with; whether that is right is looked at when it is loaded.
fn collector(init: &Value) -> Kubernetes {
    let text = |key: &str| match init.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let ca = text("caPEMBundle");
    Kubernetes {
        node: text("nodeName"),
        from: KubernetesSource::Collector {
            address: format!("{}:{}", text("collectorHostname"), text("collectorPort")),
            ca: (!ca.is_empty()).then(|| ca.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::Places, *};

    fn of(section: &Value, init: Option<Value>) -> Option<Kubernetes> {
        let plugin = init.map(|init| Plugin {
            name: plugins::KUBERNETES.into(),
            library: "libk8smeta.so".into(),
            init,
        });
        let tree = json!({"kubernetes": section});
        let places = Places::new();
        kubernetes(&Keys::new(&tree, "", &places), plugin.as_slice())
    }

    #[test]
    fn who_is_asked() {
        let entry = |ca: &str| json!({"collectorHostname": "collector", "collectorPort": "45000", "nodeName": "one", "caPEMBundle": ca});
        let collector = |ca: Option<&str>| Kubernetes {
            node: "one".into(),
            from: KubernetesSource::Collector {
                address: "collector:45000".into(),
                ca: ca.map(PathBuf::from),
            },
        };
        assert_eq!(of(&json!({}), None), None);
        assert_eq!(of(&json!({"enabled": "false"}), None), None);
        assert_eq!(of(&json!({}), Some(entry(""))), Some(collector(None)));
        assert_eq!(
            of(&json!({}), Some(entry("/ca.pem"))),
            Some(collector(Some("/ca.pem")))
        );
        let section = json!({"enabled": "true", "node_name": "two", "api_server": "https://10.0.0.1:6443", "token_file": "/t"});
        let api = Kubernetes {
            node: "two".into(),
            from: KubernetesSource::Api {
                url: "https://10.0.0.1:6443".into(),
                token: Some("/t".into()),
                ca: CA_OF_MACHINE.into(),
            },
        };
        assert_eq!(of(&section, Some(entry(""))), Some(api));
    }
}
