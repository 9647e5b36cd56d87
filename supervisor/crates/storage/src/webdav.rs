//! Objects on a `WebDAV` server (RFC 4918), such as a dCache door: the bucket is the first folder, the key the path below it.
//!
//! Needs GET, PUT and, where folders are missing, MKCOL; MOVE makes files appear only when they are complete.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use http::header::{CONTENT_LENGTH, ETAG, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::error::{Operation, Protocol, StorageError, Target};
use super::web::{self, Ask, Dialect, Folder, Place, Server, refusal};
use super::{Download, ObjectInfo, ObjectStore, Progress};
use config::WebdavProvider;
use config::location::{Bucket, Key};
use net::transport::Transport;

/// One `WebDAV` server.
#[derive(Debug)]
pub struct WebdavStore {
    provider: String,
    server: Arc<Server>,
}

impl WebdavStore {
    /// Connects to nothing yet; `provider` is what error messages call the store.
    pub(super) fn new(
        provider: String,
        settings: &WebdavProvider,
        transport: Transport,
    ) -> Result<Self, StorageError> {
        let credentials = web::basic(settings.login.expose(), settings.password.expose());
        let Some(credentials) = credentials else {
            let reason = String::from("its login and password cannot be sent; correct them");
            return Err(StorageError::Provider { provider, reason });
        };
        let server = Server::new(&settings.server, "", credentials, transport);
        Ok(Self {
            provider,
            server: Arc::new(server),
        })
    }

    fn target(&self, operation: Operation, bucket: &Bucket, key: &Key) -> Target {
        Target::new(operation, bucket, key, &self.provider).over(Protocol::Webdav)
    }
}

#[async_trait]
impl ObjectStore for WebdavStore {
    async fn head(
        &self,
        bucket: &Bucket,
        key: &Key,
        _version: Option<&str>,
    ) -> Result<ObjectInfo, StorageError> {
        let target = self.target(Operation::Inspect, bucket, key);
        let ask = Ask::new(Method::HEAD, self.server.url(&Place::of(&target)?));
        let response = self.server.send(&ask, &target).await?.response;
        if !response.status().is_success() {
            return Err(refusal(response, &target).await);
        }
        let text = |name: HeaderName| response.headers().get(name)?.to_str().ok();
        Ok(ObjectInfo {
            size: text(CONTENT_LENGTH)
                .and_then(|size| size.parse().ok())
                .unwrap_or(0),
            etag: text(ETAG).map(str::to_owned),
        })
    }

    async fn download(
        &self,
        what: &Download<'_>,
        destination: &Path,
        progress: &Progress,
    ) -> Result<u64, StorageError> {
        let target = self.target(Operation::Download, what.bucket, what.key);
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
        let target = self.target(Operation::Upload, bucket, key);
        web::upload(&self.server, &Webdav, file, target, content_type, progress).await
    }
}

struct Webdav;

impl Dialect for Webdav {
    /// 405 says that the folder is there (RFC 4918, 9.3.1).
    fn make_folder(&self, server: &Server, folder: Folder<'_>) -> Ask {
        Ask::new(extension("MKCOL"), server.folder_url(folder))
    }

    /// With a whole URL as destination: not every server takes a path alone. Some decode it before they look for a query
    /// or parameters (`WsgiDAV`), and would cut a name with these signs short.
    fn rename(&self, server: &Server, from: &Place, to: &Place) -> Option<Ask> {
        if to.plain().contains(['?', ';']) {
            return None;
        }
        let destination = HeaderValue::from_str(&server.url(to)).ok()?;
        let ask = Ask::new(extension("MOVE"), server.url(from))
            .header(
                HeaderName::from_static("overwrite"),
                HeaderValue::from_static("T"),
            )
            .header(HeaderName::from_static("destination"), destination);
        Some(ask)
    }

    /// 409 by RFC 4918, 9.7.1; some say 404.
    fn folder_is_missing(&self, status: StatusCode) -> bool {
        [StatusCode::CONFLICT, StatusCode::NOT_FOUND].contains(&status)
    }

    /// Not known, not allowed, or not understood: behind a proxy a server may not know its own name (502).
    fn cannot_rename(&self, status: StatusCode) -> bool {
        matches!(status.as_u16(), 403 | 405 | 501 | 502)
    }
}

/// A method of `WebDAV`'s. Names of letters are always accepted; GET would change nothing.
fn extension(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).unwrap_or(Method::GET)
}
