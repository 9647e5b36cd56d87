//! The server behind one of ours, which passes requests on to it.

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::response::Response;
use reqwest::Client;

/// A server at an address.
#[derive(Debug)]
pub(crate) struct Upstream {
    address: String,
    client: Client,
}

impl Upstream {
    /// Connects to nothing yet.
    pub(crate) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            client: Client::new(),
        }
    }

    /// The server's answer; nothing if it gives none.
    pub(crate) async fn forward(&self, head: Parts, body: Bytes) -> Option<Response> {
        let url = format!("{}{}", self.address, head.uri);
        let request = self.client.request(head.method, url);
        let answer = request.headers(head.headers).body(body).send().await.ok()?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(answer.headers());
        }
        let body = answer.bytes().await.unwrap_or_default();
        Some(response.body(Body::from(body)).unwrap())
    }
}
