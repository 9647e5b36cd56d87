//! What both directions need: a provider at a test server, and answers as S3 gives them.

use std::collections::BTreeMap;

use config::{ProviderId, ProviderKind, ProviderSettings, S3Provider, Secret};
use storage::{StoreSettings, Stores};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Respond, ResponseTemplate};

pub(crate) const MIB: usize = 1024 * 1024;

pub(crate) fn provider() -> ProviderId {
    ProviderId::new(ProviderKind::Minio, "test")
}

pub(crate) fn stores(endpoint: &str) -> Stores {
    let settings = S3Provider {
        access_key: Some(Secret::new("AKIDTEST")),
        secret_key: Some(Secret::new("very-secret-key")),
        endpoint: Some(endpoint.to_owned()),
        ..Default::default()
    };
    Stores::new(StoreSettings {
        providers: BTreeMap::from([(provider(), ProviderSettings::S3(settings))]),
        ..Default::default()
    })
}

pub(crate) fn failure(status: u16, code: &str) -> ResponseTemplate {
    let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    ResponseTemplate::new(status).set_body_raw(body, "application/xml")
}

pub(crate) async fn server(response: impl Respond + 'static) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

pub(crate) fn content(size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| u8::try_from(at / 1000 % 251).unwrap())
        .collect()
}
