//! Certificates that servers and we show each other.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Those of an authority (`ca.crt`), a server at 127.0.0.1 and a client, in a directory that everybody can read.
pub(crate) struct Certificates(PathBuf);

impl Certificates {
    pub(crate) fn new(dir: &Path) -> Certificates {
        let key = || KeyPair::generate().unwrap();
        // By their names OpenSSL tells who signed what.
        let params = |name: &str, host: &[String]| {
            let mut params = CertificateParams::new(host).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let mut authority = params("authority", &[]);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, key()).unwrap();
        let write = |name: &str, text: String| {
            let path = dir.join(name);
            fs::write(&path, text).unwrap();
            // Servers that run as somebody else have to read them.
            fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
        };
        for (name, host) in [("server", "127.0.0.1"), ("client", "falco")] {
            let key = key();
            let params = params(name, &[host.to_owned()]);
            let certificate = params.signed_by(&key, &authority).unwrap();
            write(&format!("{name}.crt"), certificate.pem());
            write(&format!("{name}.key"), key.serialize_pem());
        }
        write("ca.crt", authority.pem());
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
        Certificates(dir.into())
    }

    /// The path of one of the files.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// The keys of a sink by which both sides know each other.
    pub(crate) fn keys(&self) -> [(&'static str, String); 3] {
        [
            ("ca", self.path("ca.crt")),
            ("cert", self.path("client.crt")),
            ("key", self.path("client.key")),
        ]
    }
}
