//! TLS to a node: TLS 1.2 and 1.3, the server's certificate checked against roots that the caller trusts.

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use std::sync::Arc;

/// Whose signature under a server's certificate is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Roots {
    /// Who this machine trusts.
    #[default]
    System,
    /// Only these, as certificates in PEM.
    Pem(Vec<u8>),
}

/// What a connection over TLS is begun with; says what is wrong with the roots.
pub(crate) fn config(roots: &Roots) -> Result<ClientConfig, String> {
    trusting(store(roots)?)
}

/// The same for a client that never speaks TLS: it trusts nobody.
pub(crate) fn without_roots() -> Result<ClientConfig, String> {
    trusting(RootCertStore::empty())
}

fn trusting(roots: RootCertStore) -> Result<ClientConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn store(roots: &Roots) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::System => {
            // One certificate of the system that cannot be read must not cost all others.
            let found = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(found.certs);
        }
        Roots::Pem(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| format!("the roots of trust: {error}"))?;
                store.add(certificate).map_err(|error| format!("the roots of trust: {error}"))?;
            }
        }
    }
    if store.is_empty() {
        return Err("no root of trust was found, so no certificate can be checked: name a PEM file of them".into());
    }
    Ok(store)
}
