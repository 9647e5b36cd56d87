//! Objects in a space of Onedata, through the CDMI endpoint of a Oneprovider (Onedata documentation, "CDMI"; SNIA CDMI 1.1.1):
//! `/cdmi/<space>/<path>`. The space is the bucket. Content travels as it is, without CDMI's envelope of JSON; folders
//! and renaming take the CDMI requests, which the version header tells apart.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use http::header::{HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde_json::json;

use super::error::{Operation, Protocol, StorageError, Target};
use super::web::{self, Ask, Content, Dialect, Folder, Place, Server};
use super::{Download, ObjectStore, Progress};
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
