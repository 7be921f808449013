//! Which servers are believed, and who we are.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::Trust;

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    #[error("Problem with the SSL CA cert: cannot read {}: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: io::Error },
    #[error("Problem with the SSL CA cert: there is no certificate that can be used in {}", .0.display())]
    Nobody(PathBuf),
    #[error("Problem with the local SSL certificate: {}: {cause}", path.display())]
    Identity { path: PathBuf, cause: String },
    #[error("{0}")]
    Tls(#[from] rustls::Error),
}

/// How to be a client of servers that are believed.
pub(super) fn client(trust: &Trust) -> Result<Arc<ClientConfig>, TrustError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new(trust, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some((certificate, key)) = &trust.identity else {
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let failed = |path: &Path, cause: String| TrustError::Identity {
        path: path.into(),
        cause,
    };
    let chain = read(certificate).map_err(|cause| failed(certificate, cause.to_string()))?;
    if chain.is_empty() {
        return Err(failed(certificate, "there is no certificate in it".into()));
    }
    let secret =
        PrivateKeyDer::from_pem_file(key).map_err(|cause| failed(key, cause.to_string()))?;
    let config = builder.with_client_auth_cert(chain, secret);
    Ok(Arc::new(
        config.map_err(|cause| failed(certificate, cause.to_string()))?,
    ))
}

/// The certificates of a file; what else is in it is left out.
fn read(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let text = fs::read(path)?;
    Ok(CertificateDer::pem_slice_iter(&text)
        .filter_map(Result::ok)
        .collect())
}

/// The certificates of a file or of the files of a directory, each once.
fn authorities(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    if !path.is_dir() {
        return read(path);
    }
    let mut all = Vec::new();
    for entry in fs::read_dir(path)? {
        // Directories of certificates hold other things, too.
        let path = entry?.path();
        if path.is_file() {
            all.extend(read(&path).unwrap_or_default());
        }
    }
    all.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
    all.dedup();
    Ok(all)
}

/// Believes whom authorities vouch for, and who shows a certificate that is itself among those trusted: people put a server's own
/// certificate there, and libcurl takes it.
#[derive(Debug)]
struct Verifier {
    /// None: everybody is believed.
    roots: Option<Arc<WebPkiServerVerifier>>,
    trusted: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Verifier, TrustError> {
        let algorithms = provider.signature_verification_algorithms;
        if trust.insecure {
            return Ok(Verifier {
                roots: None,
                trusted: Vec::new(),
                algorithms,
            });
        }
        let path = &trust.authorities;
        let trusted = authorities(path).map_err(|cause| TrustError::Unreadable {
            path: path.clone(),
            cause,
        })?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(trusted.iter().cloned());
        let roots =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(|_| TrustError::Nobody(path.clone()))?;
        Ok(Verifier {
            roots: Some(roots),
            trusted,
            algorithms,
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(roots) = &self.roots else {
            return Ok(ServerCertVerified::assertion());
        };
        let verdict = roots.verify_server_cert(certificate, between, name, ocsp, now);
        match verdict {
            // Its time and its signature have been looked at; that it may vouch for others is no fault.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_)))
                if self.trusted.contains(certificate) =>
            {
                rustls::client::verify_server_name(
                    &ParsedCertificate::try_from(certificate)?,
                    name,
                )?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
