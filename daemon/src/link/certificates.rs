//! The native socket's certificate and key. They are read again when their files change, so that a
//! renewal needs no restart.
//!
//! Whoever renews writes two files, one after the other, and may write them wrongly: what cannot be
//! used is told once, what served until then goes on serving, and the next change is tried again.

use std::sync::Arc;

use anyhow::Context;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use crate::config::ServerTls;

pub struct Certificates {
    files: ServerTls,
    acceptor: TlsAcceptor,
    /// What the files held when they were last looked at, of use or not.
    seen: Held,
}

/// A digest of what both files hold; none: one cannot be read.
type Held = Option<[u8; 32]>;

impl Certificates {
    /// # Errors
    /// They cannot be read, or do not belong together.
    pub fn open(files: &ServerTls) -> anyhow::Result<Certificates> {
        let seen = held(files);
        Ok(Certificates { files: files.clone(), acceptor: acceptor(files)?, seen })
    }

    /// With what was last found to be of use.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Takes over what the files hold by now.
    pub async fn look(&mut self) {
        let (files, seen) = (self.files.clone(), self.seen);
        let read = move || {
            let held = held(&files);
            (held, (held != seen).then(|| acceptor(&files)))
        };
        // A panic while reading changes nothing either.
        let Ok((held, news)) = spawn_blocking(read).await else { return };
        self.seen = held;
        let cert = self.files.cert_file.display();
        match news {
            None => {}
            Some(Ok(acceptor)) => {
                self.acceptor = acceptor;
                info!("the native socket shows the certificate that {cert} holds now");
            }
            Some(Err(error)) => {
                warn!(
                    "the native socket's new certificate cannot be used, and the one before goes on serving: {error:#}"
                );
            }
        }
    }
}

fn held(files: &ServerTls) -> Held {
    let digest = |file| std::fs::read(file).ok().map(Sha256::digest);
    let (cert, key) = (digest(&files.cert_file)?, digest(&files.key_file)?);
    Some(Sha256::new().chain_update(cert).chain_update(key).finalize().into())
}

fn acceptor(files: &ServerTls) -> anyhow::Result<TlsAcceptor> {
    Ok(TlsAcceptor::from(Arc::new(server_config(files)?)))
}

/// For our side.
///
/// # Errors
/// Certificate and key cannot be read, or do not belong together.
pub fn server_config(files: &ServerTls) -> anyhow::Result<ServerConfig> {
    let (cert, key) = (files.cert_file.display(), files.key_file.display());
    let chain = chain(files)?;
    let private = PrivateKeyDer::from_pem_file(&files.key_file)
        .with_context(|| format!("key_file {key} in [native] cannot be read"))?;
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .with_context(|| format!("certificate {cert} and key {key} in [native] do not belong together"))
}

/// Our certificate first.
///
/// # Errors
/// The file cannot be read, or holds none.
pub fn chain(files: &ServerTls) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let cert = files.cert_file.display();
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.cert_file)
        .and_then(Iterator::collect)
        .with_context(|| format!("cert_file {cert} in [native] cannot be read"))?;
    anyhow::ensure!(!chain.is_empty(), "cert_file {cert} in [native] holds no certificate in PEM form");
    Ok(chain)
}
