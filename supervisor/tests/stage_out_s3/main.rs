//! Uploads: in one request or in parts, with checksums; retried, refused, aborted.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use config::OutputRule;
use faas_supervisor::plan::OutputTarget;
use faas_supervisor::stage_out::{StageOutError, UploadReport, stage_out};
use storage::Progress;
use tempfile::TempDir;
use wiremock::matchers::{any, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use support::{MIB, content, failure, provider, server, stores};

#[path = "../../crates/storage/tests/storage_s3/support.rs"]
mod support;

/// Takes parts, but not the third; counts them.
async fn multipart_server(refused: Option<&'static str>) -> MockServer {
    let server = MockServer::start().await;
    let created =
        "<InitiateMultipartUploadResult><UploadId>id-1</UploadId></InitiateMultipartUploadResult>";
    Mock::given(method("POST"))
        .and(query_param("uploads", ""))
        .respond_with(ResponseTemplate::new(200).set_body_raw(created, "application/xml"))
        .mount(&server)
        .await;
    if let Some(number) = refused {
        Mock::given(method("PUT"))
            .and(query_param("partNumber", number))
            .respond_with(failure(403, "AccessDenied"))
            .with_priority(1)
            .mount(&server)
            .await;
    }
    Mock::given(method("PUT"))
        .respond_with(ResponseTemplate::new(200).insert_header("etag", "\"part\""))
        .mount(&server)
        .await;
    let completed = "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>";
    Mock::given(method("POST"))
        .and(query_param("uploadId", "id-1"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(completed, "application/xml"))
        .mount(&server)
        .await;
    Mock::given(method("DELETE"))
        .and(query_param("uploadId", "id-1"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    server
}

fn output(directory: &TempDir, name: &str, content: &[u8]) {
    fs::write(directory.path().join(name), content).unwrap();
}

fn target() -> OutputTarget {
    OutputTarget::new(&OutputRule {
        storage_provider: provider(),
        path: String::from("bucket/out"),
        prefix: Vec::new(),
        suffix: Vec::new(),
    })
    .unwrap()
}

async fn staged(
    server: &MockServer,
    directory: &TempDir,
    progress: &Progress,
) -> Result<UploadReport, StageOutError> {
    let (stores, target) = (stores(&server.uri()), target());
    stage_out(&stores, &[target], directory.path(), progress).await
}

#[tokio::test]
async fn an_upload_refused_half_way_is_aborted_and_named() {
    let server = multipart_server(Some("3")).await;
    let directory = tempfile::tempdir().unwrap();
    output(&directory, "large.bin", &content(40 * MIB));
    output(&directory, "small.txt", b"small");

    let error = staged(&server, &directory, &Progress::default())
        .await
        .unwrap_err();

    assert_eq!(error.failed.len(), 1);
    assert_eq!(error.failed[0].file, Path::new("large.bin"));
    assert_eq!(error.uploaded[0].destination, "s3://bucket/out/small.txt");
    assert!(error.to_string().contains("s3:PutObject"), "{error}");
    let requests = server.received_requests().await.unwrap();
    let aborted = requests
        .iter()
        .filter(|request| request.method.as_str() == "DELETE")
        .count();
    let completed = requests.iter().filter(|request| {
        request.method.as_str() == "POST"
            && request
                .url
                .query_pairs()
                .any(|(name, _)| name == "uploadId")
    });
    assert_eq!((aborted, completed.count()), (1, 0));
}

#[tokio::test]
async fn a_dropped_upload_is_aborted_too() {
    let server = MockServer::start().await;
    let created =
        "<InitiateMultipartUploadResult><UploadId>id-1</UploadId></InitiateMultipartUploadResult>";
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(created, "application/xml"))
        .mount(&server)
        .await;
    Mock::given(method("PUT"))
        .respond_with(ResponseTemplate::new(200).set_delay(std::time::Duration::from_mins(1)))
        .mount(&server)
        .await;
    Mock::given(method("DELETE"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let directory = tempfile::tempdir().unwrap();
    output(&directory, "large.bin", &content(20 * MIB));
    let (stores, targets, progress) = (stores(&server.uri()), [target()], Progress::default());
    let staging = stage_out(&stores, &targets, directory.path(), &progress);
    assert!(
        tokio::time::timeout(std::time::Duration::from_secs(1), staging)
            .await
            .is_err()
    );
    // As at the end of the process: what has not been waited for then never happens.
    stores
        .finish_clearing(std::time::Duration::from_secs(10))
        .await;
    let requests = server.received_requests().await.unwrap();
    let aborts = requests.iter().filter(|r| r.method.as_str() == "DELETE");
    assert_eq!(aborts.count(), 1, "the upload was not aborted");
}

#[tokio::test]
async fn large_files_arrive_in_ordered_parts_with_checksums() {
    let server = multipart_server(None).await;
    let directory = tempfile::tempdir().unwrap();
    let large = content(40 * MIB + 5);
    output(&directory, "large.bin", &large);
    let progress = Progress::default();
    staged(&server, &directory, &progress).await.unwrap();
    assert_eq!(progress.bytes(), large.len() as u64);

    let mut parts = BTreeMap::new();
    for request in server.received_requests().await.unwrap() {
        let number = request
            .url
            .query_pairs()
            .find(|(name, _)| name == "partNumber");
        if let Some((_, number)) = number {
            assert!(request.headers.contains_key("x-amz-checksum-crc32"));
            parts.insert(number.parse::<u32>().unwrap(), request.body);
        }
    }
    assert_eq!(parts.len(), 3);
    assert!(
        parts.into_values().flatten().eq(large),
        "the parts in order are the file"
    );
}

#[tokio::test]
async fn small_files_go_in_one_request_with_type_and_checksum() {
    let server = server(ResponseTemplate::new(200)).await;
    let directory = tempfile::tempdir().unwrap();
    output(&directory, "123456789.json", b"123456789");
    output(&directory, "unknown.zzz", b"");
    staged(&server, &directory, &Progress::default())
        .await
        .unwrap();
    let requests = server.received_requests().await.unwrap();
    // The SDK sends the same again under the same id, should the connection have broken.
    let sent: BTreeSet<_> = requests
        .iter()
        .map(|request| request.headers["amz-sdk-invocation-id"].as_bytes())
        .collect();
    assert_eq!(sent.len(), 2);
    let find = |name: &str| {
        requests
            .iter()
            .find(|request| request.url.path().ends_with(name))
            .unwrap()
    };
    let json = find("/bucket/out/123456789.json");
    assert_eq!(json.body, b"123456789");
    assert_eq!(json.headers["content-type"], "application/json");
    // CRC32 of "123456789" is 0xCBF43926, the check value of the algorithm's catalogue entry.
    assert_eq!(json.headers["x-amz-checksum-crc32"], "y/Q5Jg==");
    assert_eq!(
        find("/unknown.zzz").headers["content-type"],
        "application/octet-stream"
    );
}

#[tokio::test]
async fn an_upload_is_sent_again_after_a_busy_answer() {
    let server = MockServer::start().await;
    Mock::given(path("/bucket/out/file"))
        .respond_with(failure(503, "SlowDown"))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let directory = tempfile::tempdir().unwrap();
    output(&directory, "file", b"content");
    staged(&server, &directory, &Progress::default())
        .await
        .unwrap();
    let requests = server.received_requests().await.unwrap();
    assert!(requests.iter().all(|request| request.body == b"content"));
    assert_eq!(requests.len(), 2);
}
