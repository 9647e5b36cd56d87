//! A second, independent S3: the `s3s` server over a directory. Unlike moto it verifies signatures.

use std::path::{Path, PathBuf};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;

use crate::background::Background;

/// An S3 server whose buckets are the subdirectories of a directory.
#[derive(Debug)]
pub struct DiskS3 {
    server: Background,
    directory: PathBuf,
}

impl DiskS3 {
    /// The one access key that the server knows.
    pub const ACCESS_KEY: &str = "AKIADISKEXAMPLE";
    /// And the secret that signatures are made with.
    pub const SECRET_KEY: &str = "disk-secret/with+signs=";

    /// Serves `directory`, which must exist.
    pub fn start(directory: &Path) -> Self {
        let files = FileSystem::new(directory).unwrap();
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(Self::ACCESS_KEY, Self::SECRET_KEY));
        let service = builder.build();
        let server = Background::start(async move |listener| {
            let http = Builder::new(TokioExecutor::new());
            while let Ok((connection, _)) = listener.accept().await {
                let connection = http
                    .serve_connection(TokioIo::new(connection), service.clone())
                    .into_owned();
                tokio::spawn(connection);
            }
        });
        Self {
            server,
            directory: directory.to_path_buf(),
        }
    }

    /// What to set an endpoint to.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Makes a bucket.
    pub fn bucket(&self, name: &str) {
        std::fs::create_dir(self.directory.join(name)).unwrap();
    }

    /// Puts an object, past the server.
    pub fn put(&self, bucket: &str, key: &str, content: &[u8]) {
        let path = self.directory.join(bucket).join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The content of an object, or nothing if there is none of that key.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.directory.join(bucket).join(key)).ok()
    }
}
