//! Downloads: what is retried, what is resumed, what is refused and how it is told.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use config::location::{Bucket, Key};
use storage::{Download, Progress, StorageError};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{any, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::support::{MIB, content, failure, provider, server, stores};

/// What a download gave, what it left in its directory, and what it counted.
struct Outcome {
    result: Result<u64, StorageError>,
    directory: TempDir,
    progress: Progress,
}

impl Outcome {
    fn content(&self) -> Vec<u8> {
        fs::read(self.directory.path().join("file")).unwrap()
    }

    /// The error, which must have left nothing.
    fn error(self) -> StorageError {
        assert_eq!(
            fs::read_dir(self.directory.path()).unwrap().count(),
            0,
            "nothing is left"
        );
        let error = self.result.unwrap_err();
        assert!(!error.to_string().contains("very-secret-key"));
        error
    }
}

async fn download(endpoint: &str, version: Option<&str>, size_hint: Option<u64>) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let (bucket, key) = (
        Bucket::new("bucket").unwrap(),
        Key::new("a b/ü+.bin").unwrap(),
    );
    let what = Download {
        bucket: &bucket,
        key: &key,
        version,
        size_hint,
    };
    let progress = Progress::default();
    let store = stores(endpoint).get(&provider()).await.unwrap();
    let result = store
        .download(&what, &directory.path().join("file"), &progress)
        .await;
    Outcome {
        result,
        directory,
        progress,
    }
}

/// First and last byte of a `Range` header.
fn parse_range(value: &str) -> (usize, usize) {
    let (first, last) = value
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    (first.parse().unwrap(), last.parse().unwrap())
}

/// Serves an object as S3 does, ranges and preconditions included.
struct Object {
    content: Vec<u8>,
    /// Tag of the n-th answer; the last one is repeated.
    etags: Vec<&'static str>,
    answers: AtomicUsize,
}

impl Object {
    fn new(content: Vec<u8>) -> Self {
        Self {
            content,
            etags: vec!["\"one\""],
            answers: AtomicUsize::new(0),
        }
    }
}

impl Respond for Object {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let number = self.answers.fetch_add(1, Ordering::SeqCst);
        let etag = self.etags[number.min(self.etags.len() - 1)];
        let header = |name: &str| {
            request
                .headers
                .get(name)
                .map(|value| value.to_str().unwrap())
        };
        if header("if-match").is_some_and(|wanted| wanted != etag) {
            return failure(412, "PreconditionFailed");
        }
        let Some(range) = header("range") else {
            return ResponseTemplate::new(200)
                .insert_header("etag", etag)
                .set_body_bytes(self.content.clone());
        };
        let (first, last) = parse_range(range);
        let last = last.min(self.content.len().saturating_sub(1));
        if first >= self.content.len() {
            return failure(416, "InvalidRange");
        }
        let content_range = format!("bytes {first}-{last}/{}", self.content.len());
        ResponseTemplate::new(206)
            .insert_header("etag", etag)
            .insert_header("content-range", content_range.as_str())
            .set_body_bytes(&self.content[first..=last])
    }
}

#[tokio::test]
async fn objects_of_every_size_arrive_whole() {
    for size in [1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 37 * MIB + 17] {
        let object = content(size);
        let server = server(Object::new(object.clone())).await;
        let outcome = download(&server.uri(), None, None).await;
        assert_eq!(outcome.result.as_ref().unwrap(), &(size as u64));
        assert_eq!(outcome.progress.bytes(), size as u64);
        assert!(outcome.content() == object, "{size} bytes differ");
        let requests = server.received_requests().await.unwrap().len();
        assert_eq!(
            requests,
            size.div_ceil(8 * MIB),
            "no request but the ranges themselves"
        );
    }
}

#[tokio::test]
async fn an_empty_object_arrives() {
    for hint in [None, Some(0)] {
        let server = server(Object::new(Vec::new())).await;
        let outcome = download(&server.uri(), None, hint).await;
        assert_eq!(outcome.result.as_ref().unwrap(), &0);
        assert_eq!(outcome.content(), b"");
    }
}

#[tokio::test]
async fn a_wrong_size_hint_costs_nothing_but_time() {
    let object = content(20 * MIB);
    for hint in [5, 1 << 40] {
        let server = server(Object::new(object.clone())).await;
        let outcome = download(&server.uri(), None, Some(hint)).await;
        assert!(outcome.content() == object, "hint {hint}");
    }
}

#[tokio::test]
async fn a_damaged_body_is_fetched_again() {
    let server = MockServer::start().await;
    let answer = |body: &str| {
        let answer = ResponseTemplate::new(200).insert_header("etag", "\"one\"");
        answer
            .insert_header("x-amz-checksum-crc32", "y/Q5Jg==")
            .set_body_string(body)
    };
    Mock::given(any())
        .respond_with(answer("123456780"))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(answer("123456789"))
        .mount(&server)
        .await;
    let outcome = download(&server.uri(), None, Some(9)).await;
    assert_eq!(outcome.content(), b"123456789");
    assert_eq!(outcome.progress.bytes(), 9);
}

#[tokio::test]
async fn a_store_that_ignores_ranges_is_understood() {
    let object = content(20 * MIB);
    let server = server(ResponseTemplate::new(200).set_body_bytes(object.clone())).await;
    assert!(download(&server.uri(), None, None).await.content() == object);
}

#[tokio::test]
async fn a_busy_store_is_asked_again() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(failure(503, "SlowDown"))
        .up_to_n_times(2)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(Object::new(content(100)))
        .mount(&server)
        .await;
    assert_eq!(
        download(&server.uri(), None, None).await.result.unwrap(),
        100
    );
}

/// Status and code of an answer, the error it must become, and words of its message.
type Refusal = (u16, &'static str, fn(&StorageError) -> bool, &'static str);

#[tokio::test]
async fn refusals_are_told_apart() {
    let cases: [Refusal; 7] = [
        (
            403,
            "AccessDenied",
            |e| matches!(e, StorageError::AccessDenied { .. }),
            "403 for a missing object",
        ),
        (
            404,
            "NoSuchKey",
            |e| matches!(e, StorageError::NotFound { .. }),
            "check the key",
        ),
        (
            404,
            "NoSuchBucket",
            |e| matches!(e, StorageError::NoSuchBucket { .. }),
            "no such bucket",
        ),
        (
            403,
            "InvalidAccessKeyId",
            |e| matches!(e, StorageError::InvalidCredentials { .. }),
            "access_key",
        ),
        (
            403,
            "SignatureDoesNotMatch",
            |e| matches!(e, StorageError::InvalidCredentials { .. }),
            "secret_key",
        ),
        (
            400,
            "ExpiredToken",
            |e| matches!(e, StorageError::ExpiredCredentials { .. }),
            "session token",
        ),
        (
            400,
            "InvalidRequest",
            |e| matches!(e, StorageError::Other { .. }),
            "InvalidRequest: no; HTTP 400",
        ),
    ];
    for (status, code, expected, advice) in cases {
        let server = server(failure(status, code)).await;
        let error = download(&server.uri(), None, None).await.error();
        assert!(expected(&error), "{code}: {error:?}");
        let message = error.to_string();
        for part in ["download", "s3://bucket/a b/ü+.bin", "minio.test", advice] {
            assert!(message.contains(part), "{code}: no {part:?} in {message}");
        }
    }
}

#[tokio::test]
async fn a_bucket_in_another_region_names_it() {
    let moved = failure(301, "PermanentRedirect").insert_header("x-amz-bucket-region", "eu-west-3");
    let server = server(moved).await;
    let error = download(&server.uri(), None, None).await.error();
    assert!(
        matches!(error, StorageError::WrongRegion { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("eu-west-3"), "{error}");
}

#[tokio::test]
async fn nobody_listening_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = download(&endpoint, None, None).await.error();
    assert!(
        matches!(error, StorageError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn an_object_replaced_meanwhile_is_not_mixed() {
    let object = Object {
        etags: vec!["\"one\"", "\"two\""],
        ..Object::new(content(30 * MIB))
    };
    let server = server(object).await;
    let error = download(&server.uri(), None, None).await.error();
    assert!(matches!(error, StorageError::Changed { .. }), "{error:?}");
}

#[tokio::test]
async fn an_object_larger_than_the_disk_is_refused_before_writing() {
    let huge = 1_u64 << 60;
    let response = ResponseTemplate::new(206)
        .insert_header(
            "content-range",
            format!("bytes 0-{}/{huge}", 8 * MIB - 1).as_str(),
        )
        .set_body_bytes(vec![0; 8 * MIB]);
    let server = server(response).await;
    let error = download(&server.uri(), None, None).await.error();
    assert!(
        matches!(&error, StorageError::NoSpace { needed, .. } if *needed == huge),
        "{error:?}"
    );
}

/// A role with s3:GetObject but not s3:GetObjectVersion.
async fn versioned(latest: &str) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(query_param("versionId", "v1"))
        .respond_with(failure(403, "AccessDenied"))
        .mount(&server)
        .await;
    let found = ResponseTemplate::new(200)
        .insert_header("x-amz-version-id", latest)
        .set_body_bytes("content");
    Mock::given(query_param_is_missing("versionId"))
        .respond_with(found)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn the_latest_version_needs_no_further_permission() {
    let server = versioned("v1").await;
    assert_eq!(
        download(&server.uri(), Some("v1"), None).await.content(),
        b"content"
    );
    let server = versioned("v2").await;
    let error = download(&server.uri(), Some("v1"), None).await.error();
    assert!(
        matches!(error, StorageError::AccessDenied { .. }),
        "{error:?}"
    );
}

/// Serves an object but closes the connection in the middle of each of the first `breaks` bodies. Answers the
/// ranges asked for.
async fn breaking_server(
    object: Vec<u8>,
    breaks: usize,
) -> (String, Arc<Mutex<Vec<(usize, usize)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(connection.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap().to_lowercase();
            let range = head
                .lines()
                .find_map(|line| line.strip_prefix("range: "))
                .unwrap();
            let (first, last) = parse_range(range);
            let last = last.min(object.len() - 1);
            let number = {
                let mut log = log.lock().unwrap();
                log.push((first, last));
                log.len()
            };
            let body = &object[first..=last];
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Length: {}\r\n\
                 Content-Range: bytes {first}-{last}/{}\r\nETag: \"one\"\r\n\r\n",
                body.len(),
                object.len()
            );
            let sent = if number <= breaks {
                body.len() / 2
            } else {
                body.len()
            };
            connection.write_all(head.as_bytes()).await.unwrap();
            connection.write_all(&body[..sent]).await.unwrap();
            connection.shutdown().await.unwrap();
        }
    });
    (endpoint, asked)
}

#[tokio::test]
async fn a_body_cut_off_is_resumed_where_it_broke() {
    let object = content(1_000_000);
    let (endpoint, asked) = breaking_server(object.clone(), 2).await;
    let outcome = download(&endpoint, None, None).await;
    assert!(outcome.content() == object);
    assert_eq!(
        outcome.progress.bytes(),
        1_000_000,
        "no byte is counted twice"
    );
    let expected = [(0, 999_999), (500_000, 999_999), (750_000, 999_999)];
    assert_eq!(*asked.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_connection_that_always_breaks_is_given_up() {
    let (endpoint, asked) = breaking_server(content(1_000_000), usize::MAX).await;
    let error = download(&endpoint, None, None).await.error();
    assert!(
        matches!(error, StorageError::Unreachable { .. }),
        "{error:?}"
    );
    assert_eq!(asked.lock().unwrap().len(), 6);
}
