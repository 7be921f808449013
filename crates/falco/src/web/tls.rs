//! TLS of the web server, from one PEM file with the certificates and their key.

use std::{fs, path::Path, sync::Arc};

use anyhow::Context as _;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsAcceptor;

pub(super) fn acceptor(file: &Path) -> anyhow::Result<TlsAcceptor> {
    let text = fs::read(file)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .context("the certificate cannot be read")?;
    anyhow::ensure!(!certificates.is_empty(), "there is no certificate in it");
    let key = PrivateKeyDer::from_pem_slice(&text)
        .context("there is no private key in it; certificate and key belong into the same file")?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .context("certificate and key do not belong together, or are of a kind that is too weak")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
