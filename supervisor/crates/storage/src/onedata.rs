//! Objects in a space of Onedata, through the CDMI endpoint of a Oneprovider (Onedata documentation, "CDMI"; SNIA CDMI 1.1.1):
//! `/cdmi/<space>/<path>`. The space is the bucket. Content travels as it is, without CDMI's envelope of JSON; folders,
//! sizes and renaming take the CDMI requests, which the version header tells apart.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use http::header::{ACCEPT, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::error::{Operation, Protocol, StorageError, Target};
use super::web::{self, Ask, Content, Dialect, Folder, Place, Server, refusal};
use super::{Download, ObjectInfo, ObjectStore, Progress};
use config::OnedataProvider;
use config::location::{Bucket, Key};
use net::transport::Transport;

/// Path of the endpoint.
const ROOT: &str = "/cdmi";
const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
const VERSION: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-cdmi-specification-version"),
    HeaderValue::from_static("1.1.1"),
);
const OBJECT: &str = "application/cdmi-object";
const CONTAINER: &str = "application/cdmi-container";
/// Most bytes of an answer about an object; it holds no content.
const METADATA: usize = 64 * 1024;

/// One space.
#[derive(Debug)]
pub struct OnedataStore {
    provider: String,
    space: Bucket,
    server: Arc<Server>,
}

impl OnedataStore {
    /// Connects to nothing yet; `provider` is what error messages call the store.
    pub(super) fn new(
        provider: String,
        settings: &OnedataProvider,
        transport: Transport,
    ) -> Result<Self, StorageError> {
        let Some(token) = web::secret(settings.token.expose()) else {
            let reason = String::from("its token cannot be sent; correct it");
            return Err(StorageError::Provider { provider, reason });
        };
        let server = Server::new(&settings.server, ROOT, (TOKEN, token), transport);
        Ok(Self {
            provider,
            space: settings.space.clone(),
            server: Arc::new(server),
        })
    }

    /// Names an operation; the token may be good for other spaces, but the configuration speaks of one.
    fn target(
        &self,
        operation: Operation,
        bucket: &Bucket,
        key: &Key,
    ) -> Result<Target, StorageError> {
        let target = Target::new(operation, bucket, key, &self.provider).over(Protocol::Onedata);
        if *bucket == self.space {
            return Ok(target);
        }
        Err(StorageError::Provider {
            provider: self.provider.clone(),
            reason: format!(
                "{target}: its space is {}; configure a provider for the space {bucket}",
                self.space
            ),
        })
    }
}

#[async_trait]
impl ObjectStore for OnedataStore {
    async fn head(
        &self,
        bucket: &Bucket,
        key: &Key,
        _version: Option<&str>,
    ) -> Result<ObjectInfo, StorageError> {
        let target = self.target(Operation::Inspect, bucket, key)?;
        let url = format!(
            "{}?metadata:cdmi_size",
            self.server.url(&Place::of(&target)?)
        );
        let ask = Ask::new(Method::GET, url)
            .header(VERSION.0, VERSION.1)
            .header(ACCEPT, HeaderValue::from_static(OBJECT));
        let response = self.server.send(&ask, &target).await?.response;
        if !response.status().is_success() {
            return Err(refusal(response, &target).await);
        }
        let answer = web::read_text(response, METADATA).await;
        let size = size(&answer).ok_or_else(|| StorageError::Other {
            target: Box::new(target),
            detail: String::from("the store did not tell the object's size"),
        })?;
        Ok(ObjectInfo { size, etag: None })
    }

    async fn download(
        &self,
        what: &Download<'_>,
        destination: &Path,
        progress: &Progress,
    ) -> Result<u64, StorageError> {
        let target = self.target(Operation::Download, what.bucket, what.key)?;
        web::download(&self.server, &target, destination, progress).await
    }

    async fn upload(
        &self,
        file: &Path,
        bucket: &Bucket,
        key: &Key,
        content_type: &str,
        progress: &Progress,
    ) -> Result<u64, StorageError> {
        let target = self.target(Operation::Upload, bucket, key)?;
        web::upload(&self.server, &Cdmi, file, target, content_type, progress).await
    }
}

/// `{"metadata": {"cdmi_size": "12"}}`: CDMI writes numbers as text (CDMI 1.1.1, 16.3).
fn size(answer: &str) -> Option<u64> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    let size = answer.get("metadata")?.get("cdmi_size")?;
    size.as_u64().or_else(|| size.as_str()?.parse().ok())
}

struct Cdmi;

impl Dialect for Cdmi {
    /// A path that ends with a slash is a container's (CDMI 1.1.1, 9.2).
    fn make_folder(&self, server: &Server, folder: Folder<'_>) -> Ask {
        Ask::new(Method::PUT, server.folder_url(folder))
            .header(VERSION.0, VERSION.1)
            .content(CONTAINER, Content::Text(String::from("{}")))
    }

    /// An object made by moving another (CDMI 1.1.1, 8.2: the field `move`).
    fn rename(&self, server: &Server, from: &Place, to: &Place) -> Option<Ask> {
        let source = json!({ "move": from.plain() }).to_string();
        let ask = Ask::new(Method::PUT, server.url(to))
            .header(VERSION.0, VERSION.1)
            .content(OBJECT, Content::Text(source));
        Some(ask)
    }

    /// A Oneprovider passes on what its file system says, `enoent`, as 400 in older versions.
    fn folder_is_missing(&self, status: StatusCode) -> bool {
        matches!(status.as_u16(), 400 | 404 | 409)
    }

    /// Moving is a capability that a server may not have, and an object that is there already may be in its way.
    fn cannot_rename(&self, status: StatusCode) -> bool {
        matches!(status.as_u16(), 400 | 403 | 405 | 409 | 501)
    }
}
