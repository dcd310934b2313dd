//! TLS that the router terminates.

use std::{path::Path, sync::Arc};

use futures_rustls::{
    TlsAcceptor,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    rustls::{ServerConfig, crypto::aws_lc_rs::default_provider},
};

/// An acceptor with the certificate in one file and the key in the other, both PEM.
///
/// # Errors
///
/// The error and the file.
pub fn acceptor(certificate: &Path, key: &Path, alpn: &[String]) -> Result<TlsAcceptor, String> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| format!("certificate {}: {error}", certificate.display()))?;
    if chain.is_empty() {
        return Err(format!("certificate {}: the file contains none", certificate.display()));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("key {}: {error}", key.display()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| format!("certificate {}: {error}", certificate.display()))?;
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}
