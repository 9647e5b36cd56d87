//! The transport as the AWS SDK wants it.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::{SendError, Transport};
use crate::Network;
use config::TlsVerify;

/// An HTTP client for one storage provider. Nothing is opened or read before the first request.
pub fn http_client(verify: TlsVerify, network: &Network) -> SharedHttpClient {
    sdk(Transport::new(verify, network))
}

/// A transport as an SDK client's own.
pub fn sdk(transport: Transport) -> SharedHttpClient {
    SharedHttpClient::new(Http(SharedHttpConnector::new(transport)))
}

#[derive(Debug)]
struct Http(SharedHttpConnector);

impl HttpClient for Http {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.clone()
    }
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let answer = self.send(request);
        HttpConnectorFuture::new(async move {
            HttpResponse::try_from(answer.await.map_err(connector_error)?)
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// As the SDK sorts errors: it retries what is about input and output, and what took too long.
fn connector_error(error: SendError) -> ConnectorError {
    match error {
        SendError::Setup(reason) => ConnectorError::user(reason.into()),
        SendError::Untrusted(error) => ConnectorError::other(error.into(), None),
        SendError::Broken(error) => ConnectorError::io(error.into()),
        SendError::Late(_) => ConnectorError::timeout(error.to_string().into()),
    }
}
