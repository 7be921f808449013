//! The sections `grpc` and `grpc_output`, as upstream had them until 0.43.

use falco_sinks::grpc::Options;

use super::Keys;

/// The server, if there is to be one.
pub(super) fn grpc(keys: &Keys<'_>) -> Option<Options> {
    let text = |key: &str, default: &str| {
        let text = keys.text(&format!("grpc.{key}"));
        text.filter(|text| !text.is_empty())
            .unwrap_or(default)
            .to_owned()
    };
    keys.truth("grpc.enabled", false).then(|| Options {
        address: text("bind_address", "unix:///run/falco/falco.sock"),
        threads: keys.number("grpc.threadiness", 0) as usize,
        private_key: text("private_key", "/etc/falco/certs/server.key").into(),
        cert_chain: text("cert_chain", "/etc/falco/certs/server.crt").into(),
        root_certs: text("root_certs", "/etc/falco/certs/ca.crt").into(),
    })
}
