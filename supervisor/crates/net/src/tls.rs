//! Whose certificates are accepted.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use config::TlsVerify;

/// A TLS configuration; `bundle` is a PEM file of further authorities.
pub fn client_config(verify: TlsVerify, bundle: Option<&Path>) -> Result<ClientConfig, String> {
    let crypto = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&crypto))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let builder = match verify {
        TlsVerify::Verify => builder.with_root_certificates(authorities(bundle)?),
        TlsVerify::Skip => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAny(crypto))),
    };
    Ok(builder.with_no_client_auth())
}

/// Whether this link of an error's chain is a refused certificate, which no retry makes acceptable.
pub fn is_refusal(error: &(dyn std::error::Error + 'static)) -> bool {
    let refused = |error: &rustls::Error| matches!(error, rustls::Error::InvalidCertificate(_));
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return refused(error);
    }
    // `io::Error::source` skips the error it wraps, so look inside.
    error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
        .is_some_and(|inner| is_refusal(inner))
}

/// The machine's certificate authorities, those of `bundle`, and the bundled ones where there is none at all.
fn authorities(bundle: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if let Some(bundle) = bundle {
        add_bundle(&mut roots, bundle).map_err(|reason| {
            format!(
                "certificates of AWS_CA_BUNDLE, {}: {reason}",
                bundle.display()
            )
        })?;
    }
    let native = rustls_native_certs::load_native_certs();
    let (found, unusable) = roots.add_parsable_certificates(native.certs);
    tracing::debug!(found, unusable, "certificate authorities of this machine");
    if found == 0 {
        tracing::debug!("no certificate authorities on this machine: using the bundled ones");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Ok(roots)
}

fn add_bundle(roots: &mut RootCertStore, bundle: &Path) -> Result<(), String> {
    let pem = fs::read(bundle).map_err(|error| error.to_string())?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err(String::from("there is none in this file"));
    }
    Ok(())
}

/// Accepts every certificate; the handshake's signatures are still checked.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
