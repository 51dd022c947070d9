//! TLS of the public ports: TLS 1.2 and 1.3, and a certificate that can be exchanged while the server runs.
//!
//! Who connects is not asked for a certificate: what clients may do is decided by what they sign.
//! The handshake has [`HANDSHAKE_TIME_MAX`]; connections that are open keep the certificate that they began with.

use parking_lot::RwLock;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{io, sync::Arc, time::Duration};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a client may take to agree on keys.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Certificates of one chain.
const CHAIN_MAX: usize = 16;

/// Why a certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The certificate is not one.
    #[error("the certificate cannot be used: {0}: it is a chain in PEM, the server's own certificate first")]
    Certificate(String),
    /// The key is not one.
    #[error("the private key cannot be used: {0}: it is one key in PEM (PKCS#8, SEC1 or PKCS#1) without a passphrase")]
    Key(String),
    /// They are not a pair.
    #[error("the private key does not belong to the certificate: {0}")]
    Pair(String),
}

/// Certificate and key of a server. Clones share them.
#[derive(Clone)]
pub struct Tls {
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// What new connections are shown.
struct Current(RwLock<Arc<CertifiedKey>>);

impl std::fmt::Debug for Current {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Current")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().clone())
    }
}

impl Tls {
    /// Takes a certificate chain and its private key, both in PEM.
    pub fn new(certificate_pem: &[u8], key_pem: &[u8]) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pair = pair(&provider, certificate_pem, key_pem)?;
        let current = Arc::new(Current(RwLock::new(Arc::new(pair))));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Pair(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { current, config: Arc::new(config) })
    }

    /// Shows another certificate to new connections. One that cannot be used changes nothing.
    pub fn replace(&self, certificate_pem: &[u8], key_pem: &[u8]) -> Result<(), TlsError> {
        let pair = pair(self.config.crypto_provider(), certificate_pem, key_pem)?;
        *self.current.0.write() = Arc::new(pair);
        Ok(())
    }

    /// Agrees on keys with a client that has just connected.
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        let handshake = TlsAcceptor::from(self.config.clone()).accept(stream);
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake in time");
        tokio::time::timeout(HANDSHAKE_TIME_MAX, handshake).await.map_err(late)?
    }
}

/// Whether a handshake failed because the other side does not speak TLS. Who speaks it and found no common ground, or
/// does not trust the certificate and says so by an alert, is no such.
pub(crate) fn is_no_tls(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    matches!(error, Some(rustls::Error::InvalidMessage(_)))
}

fn pair(provider: &Arc<CryptoProvider>, certificate_pem: &[u8], key_pem: &[u8]) -> Result<CertifiedKey, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate_pem).take(CHAIN_MAX + 1).collect();
    let chain = chain.map_err(|error| TlsError::Certificate(error.to_string()))?;
    if chain.is_empty() || chain.len() > CHAIN_MAX {
        return Err(TlsError::Certificate(format!("{} certificates, 1 to {CHAIN_MAX} make a chain", chain.len())));
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|error| TlsError::Key(error.to_string()))?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| TlsError::Key(error.to_string()))?;
    let pair = CertifiedKey::new(chain, key);
    pair.keys_match().map_err(|error| TlsError::Pair(error.to_string()))?;
    Ok(pair)
}
