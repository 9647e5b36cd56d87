//! An S3 that makes up the content of its objects, so that a large one costs neither disk nor time.
//!
//! Moto and s3s both take time proportional to an object's size for each ranged request; a gigabyte in parts takes them
//! minutes. This one knows `HEAD` and `GET` with and without `Range`, as S3 answers them (RFC 9110, section 14).

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::Response;

use crate::background::Background;

const MEBIBYTE: u64 = 1 << 20;

/// The server; every key of every bucket is an object of one size.
#[derive(Debug)]
pub struct RangeS3 {
    server: Background,
    ranges: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug, Clone)]
struct Objects {
    size: u64,
    ranges: Arc<Mutex<Vec<String>>>,
}

impl RangeS3 {
    /// Serves objects of `size` bytes, zero but for the first eight of each MiB: these hold its index, little-endian.
    pub fn start(size: u64) -> Self {
        let ranges = Arc::default();
        let objects = Objects {
            size,
            ranges: Arc::clone(&ranges),
        };
        let router = Router::new().fallback(answer).with_state(objects);
        let server =
            Background::start(async move |listener| axum::serve(listener, router).await.unwrap());
        Self { server, ranges }
    }

    /// What to set an endpoint to.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The `Range` headers that were asked for.
    pub fn ranges(&self) -> Vec<String> {
        self.ranges.lock().unwrap().clone()
    }
}

/// Bytes `first..=last` of the content.
fn content(first: u64, last: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(last - first + 1).unwrap()];
    for index in first / MEBIBYTE..=last / MEBIBYTE {
        for (offset, byte) in (index * MEBIBYTE..).zip(index.to_le_bytes()) {
            if (first..=last).contains(&offset) {
                bytes[usize::try_from(offset - first).unwrap()] = byte;
            }
        }
    }
    bytes
}

async fn answer(State(objects): State<Objects>, request: Request) -> Response {
    let all = Response::builder()
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ETAG, "\"0123456789abcdef0123456789abcdef\"")
        .header(header::LAST_MODIFIED, "Sun, 01 Mar 2026 10:20:30 GMT");
    if request.method() == Method::HEAD {
        return all
            .header(header::CONTENT_LENGTH, objects.size)
            .body(Body::empty())
            .unwrap();
    }
    let range = request
        .headers()
        .get(header::RANGE)
        .map(|value| value.to_str().unwrap().to_owned());
    let Some(range) = range else {
        return all.body(Body::from(content(0, objects.size - 1))).unwrap();
    };
    let (first, last) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .unwrap();
    let first: u64 = first.parse().unwrap();
    let last = last.parse().unwrap_or(u64::MAX).min(objects.size - 1);
    objects.ranges.lock().unwrap().push(range);
    if first >= objects.size {
        return all
            .status(StatusCode::RANGE_NOT_SATISFIABLE)
            .body(Body::empty())
            .unwrap();
    }
    all.status(StatusCode::PARTIAL_CONTENT)
        .header(
            header::CONTENT_RANGE,
            format!("bytes {first}-{last}/{}", objects.size),
        )
        .body(Body::from(content(first, last)))
        .unwrap()
}
