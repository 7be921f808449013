//! The way to an API server: TLS by its certificates, and a token.

use std::{fs, path::PathBuf, sync::Arc};

use hyper::http::{HeaderValue, Uri};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{Failure, http::Stream};

/// The longest token and the longest file of certificates.
const TOKEN_MAX: u64 = 64 << 10;
const CA_MAX: u64 = 4 << 20;

/// An API server.
#[derive(Debug)]
pub(crate) struct Server {
    authority: String,
    host: String,
    port: u16,
    secure: bool,
    token: Option<PathBuf>,
    ca: PathBuf,
}

impl Server {
    pub(super) fn new(url: &str, token: Option<PathBuf>, ca: PathBuf) -> Result<Server, Failure> {
        let wrong = || Failure::Broken("it is no https://HOST:PORT".into());
        let uri: Uri = url.trim_end_matches('/').parse().map_err(|_| wrong())?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        if !matches!(uri.path(), "" | "/") || authority.as_str().contains('@') {
            return Err(wrong());
        }
        let host = authority.host().trim_matches(['[', ']']);
        Ok(Server {
            authority: authority.to_string(),
            host: host.to_owned(),
            port: authority
                .port_u16()
                .unwrap_or(if secure { 443 } else { 80 }),
            secure,
            token,
            ca,
        })
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// What we are known by.
    pub(crate) fn authorization(&self) -> Result<Option<HeaderValue>, Failure> {
        let Some(token) = &self.token else {
            return Ok(None);
        };
        let text = read(token, TOKEN_MAX)?;
        let value = [b"Bearer ", text.trim_ascii()].concat();
        let value = HeaderValue::from_bytes(&value);
        let mut value = value.map_err(|_| {
            let path = token.display();
            Failure::Broken(format!("{path}: it holds no token"))
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    pub(crate) async fn connect(&self) -> Result<Box<dyn Stream>, Failure> {
        let absent = |cause: std::io::Error| Failure::Absent(cause.to_string());
        let stream = TcpStream::connect((&*self.host, self.port)).await;
        let stream = stream.map_err(absent)?;
        if !self.secure {
            return Ok(Box::new(stream));
        }
        let connector = TlsConnector::from(Arc::new(self.tls()?));
        let name = ServerName::try_from(self.host.clone());
        let name = name.map_err(|cause| Failure::Broken(cause.to_string()))?;
        Ok(Box::new(
            connector.connect(name, stream).await.map_err(absent)?,
        ))
    }

    fn tls(&self) -> Result<ClientConfig, Failure> {
        let text = read(&self.ca, CA_MAX)?;
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok);
        roots.add_parsable_certificates(certificates);
        if roots.is_empty() {
            let path = self.ca.display();
            return Err(Failure::Broken(format!("{path}: it holds no certificate")));
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|cause| Failure::Broken(cause.to_string()))?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

fn read(path: &PathBuf, max: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let mut text = Vec::new();
    let file = fs::File::open(path);
    let read = file.and_then(|file| file.take(max).read_to_end(&mut text));
    read.map_err(|cause| Failure::Broken(format!("{}: {cause}", path.display())))?;
    Ok(text)
}
