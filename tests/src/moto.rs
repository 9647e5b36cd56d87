//! Moto's server: an AWS in one process, here for S3.

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::blocking::{Body, Client, Response};
use reqwest::header::{AUTHORIZATION, HeaderValue};

use crate::background::{Program, free_port, start_program};
use crate::paths;

/// One moto server for all tests of a test program; each takes buckets of its own from it.
///
/// Objects are put and read with plain HTTP, so that what the supervisor's client writes is read by another.
#[derive(Debug)]
pub struct Moto {
    _program: Program,
    url: String,
    client: Client,
    buckets: AtomicU32,
}

impl Moto {
    /// The server, started at the first call.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Moto> = OnceLock::new();
        SHARED.get_or_init(|| {
            let port = free_port();
            let mut command = Command::new(paths::tool("moto_server"));
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
            // It ends with this process: what is shared is not dropped.
            let program = start_program(&command, port, Duration::from_mins(1));
            // Moto reads the signature's account only; without one it serves public objects.
            let signature = "AWS4-HMAC-SHA256 Credential=AKIDTEST/20260101/us-east-1/s3/aws4_request, \
                SignedHeaders=host, Signature=0";
            let headers = [(AUTHORIZATION, HeaderValue::from_static(signature))];
            let client = Client::builder()
                .default_headers(headers.into_iter().collect())
                .timeout(Duration::from_mins(2))
                .build()
                .unwrap();
            Self {
                _program: program,
                url: format!("http://127.0.0.1:{port}"),
                client,
                buckets: AtomicU32::new(0),
            }
        })
    }

    /// What to set `AWS_ENDPOINT_URL` to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes a bucket of a name nobody else has.
    pub fn bucket(&self) -> String {
        let name = format!("bucket-{}", self.buckets.fetch_add(1, Ordering::Relaxed));
        self.expect(
            self.client.put(format!("{}/{name}", self.url)).send(),
            "create a bucket",
        );
        name
    }

    /// Puts an object.
    pub fn put(&self, bucket: &str, key: &str, content: impl Into<Body>) {
        self.expect(
            self.client
                .put(self.object(bucket, key))
                .body(content)
                .send(),
            "put an object",
        );
    }

    /// The content of an object, or nothing if there is none of that key.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let response = self.client.get(self.object(bucket, key)).send().unwrap();
        (response.status() == 200).then(|| response.bytes().unwrap().to_vec())
    }

    /// The content of an object, as text.
    pub fn text(&self, bucket: &str, key: &str) -> Option<String> {
        self.get(bucket, key)
            .map(|content| String::from_utf8(content).expect("the object is text"))
    }

    /// Removes an object.
    pub fn delete(&self, bucket: &str, key: &str) {
        self.expect(
            self.client.delete(self.object(bucket, key)).send(),
            "delete an object",
        );
    }

    /// Size and content type of an object.
    pub fn head(&self, bucket: &str, key: &str) -> (u64, String) {
        let response = self.expect(
            self.client.head(self.object(bucket, key)).send(),
            "head an object",
        );
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        (
            header("content-length").unwrap().parse().unwrap(),
            header("content-type").unwrap_or_default(),
        )
    }

    /// The keys of a bucket, in order.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let (mut keys, mut after) = (Vec::new(), String::new());
        loop {
            let start = utf8_percent_encode(&after, NON_ALPHANUMERIC);
            let url = format!(
                "{}/{bucket}?list-type=2&max-keys=1000&start-after={start}",
                self.url
            );
            let page = self
                .expect(self.client.get(url).send(), "list a bucket")
                .text()
                .unwrap();
            let found = page
                .split("<Key>")
                .skip(1)
                .map(|rest| unescape(rest.split("</Key>").next().unwrap_or("")));
            let before = keys.len();
            keys.extend(found);
            if keys.len() == before || !page.contains("<IsTruncated>true") {
                return keys;
            }
            after.clone_from(keys.last().unwrap());
        }
    }

    fn object(&self, bucket: &str, key: &str) -> reqwest::Url {
        // Slashes too: a key may hold `..`, which this client would resolve if it saw path segments.
        let key = utf8_percent_encode(key, NON_ALPHANUMERIC).to_string();
        format!("{}/{bucket}/{key}", self.url).parse().unwrap()
    }

    fn expect(&self, answer: reqwest::Result<Response>, what: &str) -> Response {
        let answer =
            answer.unwrap_or_else(|error| panic!("cannot {what} at {}: {error}", self.url));
        assert!(
            answer.status().is_success(),
            "cannot {what}: {}",
            answer.text().unwrap_or_default()
        );
        answer
    }
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&amp;", "&")
}
