//! ListObjectsV2, for clients that copy whole prefixes.

use std::io;
use std::path::Path;

use crate::http::{Answer, Request};
use crate::{ETAG, Server};

/// Keys of one page (S3 API reference, ListObjectsV2).
const PAGE: usize = 1000;

impl Server {
    /// The keys below a prefix, without delimiters, page by page.
    pub(crate) fn list(&self, request: &Request) -> io::Result<Answer> {
        let empty = String::new();
        let prefix = request.query.get("prefix").unwrap_or(&empty);
        let after = request.query.get("continuation-token").unwrap_or(&empty);
        let bucket = self.file(request);
        let mut keys = Vec::new();
        collect(&bucket, &bucket, &mut keys)?;
        keys.retain(|(key, _)| key.starts_with(prefix) && key > after);
        keys.sort();
        let truncated = keys.len() > PAGE;
        keys.truncate(PAGE);
        let mut body = format!(
            "<KeyCount>{}</KeyCount><IsTruncated>{truncated}</IsTruncated>",
            keys.len()
        );
        if let (true, Some((last, _))) = (truncated, keys.last()) {
            body += &format!("<NextContinuationToken>{last}</NextContinuationToken>");
        }
        for (key, size) in &keys {
            body += &format!(
                "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>{ETAG}</ETag>\
                 <LastModified>2025-01-01T00:00:00.000Z</LastModified><StorageClass>STANDARD</StorageClass></Contents>"
            );
        }
        Ok(Answer::xml("ListBucketResult", &body))
    }
}

fn collect(bucket: &Path, directory: &Path, keys: &mut Vec<(String, u64)>) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(bucket, &entry.path(), keys)?;
        } else if let Ok(key) = entry.path().strip_prefix(bucket) {
            keys.push((key.to_string_lossy().into_owned(), entry.metadata()?.len()));
        }
    }
    Ok(())
}
