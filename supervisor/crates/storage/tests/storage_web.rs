//! `WebDAV` and Onedata against servers that misbehave.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use config::location::{Bucket, Key};
use config::{
    OnedataProvider, ProviderId, ProviderSettings, Secret, ServerUrl, TlsVerify, WebdavProvider,
};
use storage::{Download, ObjectStore, Progress, StorageError, StoreSettings, Stores};
use wiremock::matchers::{any, basic_auth, header, header_exists, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

async fn store(settings: ProviderSettings) -> Arc<dyn ObjectStore> {
    let id: ProviderId = match &settings {
        ProviderSettings::Onedata(_) => "onedata.x".parse().unwrap(),
        _ => "webdav.x".parse().unwrap(),
    };
    let settings = StoreSettings {
        providers: BTreeMap::from([(id.clone(), settings)]),
        ..Default::default()
    };
    Stores::new(settings).get(&id).await.unwrap()
}

async fn webdav(url: &str) -> Arc<dyn ObjectStore> {
    store(ProviderSettings::Webdav(WebdavProvider {
        server: ServerUrl::parse(url).unwrap(),
        login: Secret::new("me"),
        password: Secret::new("pass:word"),
        tls: TlsVerify::Verify,
    }))
    .await
}

async fn onedata(url: &str) -> Arc<dyn ObjectStore> {
    store(ProviderSettings::Onedata(OnedataProvider {
        server: ServerUrl::parse(url).unwrap(),
        token: Secret::new("T0K"),
        space: Bucket::new("home").unwrap(),
        tls: TlsVerify::Verify,
    }))
    .await
}

/// Downloads `bucket/key`: the content, or the error after which nothing may be left.
async fn download(
    store: &Arc<dyn ObjectStore>,
    bucket: &str,
    key: &str,
) -> Result<Vec<u8>, StorageError> {
    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("input");
    let what = Download {
        bucket: &Bucket::new(bucket).unwrap(),
        key: &Key::new(key).unwrap(),
        version: None,
        size_hint: None,
    };
    let result = store
        .download(&what, &destination, &Progress::default())
        .await;
    match result {
        Ok(_) => Ok(fs::read(destination).unwrap()),
        Err(error) => {
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
            Err(error)
        }
    }
}

async fn upload(store: &Arc<dyn ObjectStore>, bucket: &str, key: &str) -> Result<u64, String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("output");
    fs::write(&file, "content").unwrap();
    let (bucket, key) = (Bucket::new(bucket).unwrap(), Key::new(key).unwrap());
    let progress = Progress::default();
    let sent = store.upload(&file, &bucket, &key, "text/plain", &progress);
    sent.await.map_err(|error| error.to_string())
}

async fn answering(status: u16, body: &str) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(status).set_body_string(body))
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn each_refusal_says_what_to_do() {
    for (status, down, up) in [
        (
            401,
            "check login and password of this provider",
            "check login and password",
        ),
        (
            403,
            "allow the login of this provider to read there",
            "to write there",
        ),
        (404, "there is no such object", "there is no such folder"),
        (
            413,
            "HTTP 413",
            "the store has no room for it (HTTP 413 Payload Too Large: said <so>)",
        ),
        (423, "HTTP 423 Locked", "HTTP 423 Locked: said <so>"),
        (507, "HTTP 507", "the store has no room for it"),
    ] {
        let server = answering(status, "said\n<so>").await;
        let store = webdav(&server.uri()).await;
        let message = download(&store, "b", "k").await.unwrap_err().to_string();
        assert!(
            message.starts_with("cannot download webdav://b/k (storage provider webdav.x): "),
            "{message}"
        );
        assert!(message.contains(down), "{status}: {message}");
        let message = upload(&store, "b", "k").await.unwrap_err();
        assert!(message.contains(up), "{status}: {message}");
    }
}

#[tokio::test]
async fn sizes_are_asked_for_in_each_protocol() {
    let server = MockServer::start().await;
    Mock::given(method("HEAD"))
        .and(path("/base/b/a%20k"))
        .and(basic_auth("me", "pass:word"))
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("etag", "\"tag\"")
                .set_body_bytes(vec![0; 9]),
        )
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path("/base/cdmi/home/a%20k"))
        .and(header("x-auth-token", "T0K"))
        .and(header("x-cdmi-specification-version", "1.1.1"))
        .respond_with(
            ResponseTemplate::new(200).set_body_string("{\"metadata\":{\"cdmi_size\":\"12\"}}"),
        )
        .mount(&server)
        .await;
    let url = format!("{}/base/", server.uri());
    let key = Key::new("a k").unwrap();
    let found = webdav(&url)
        .await
        .head(&Bucket::new("b").unwrap(), &key, None)
        .await
        .unwrap();
    assert_eq!((found.size, found.etag.as_deref()), (9, Some("\"tag\"")));
    let found = onedata(&url)
        .await
        .head(&Bucket::new("home").unwrap(), &key, None)
        .await
        .unwrap();
    assert_eq!(found.size, 12);
}

#[tokio::test]
async fn keys_that_no_path_can_have_are_refused_before_anything_is_sent() {
    let server = answering(200, "").await;
    for store in [webdav(&server.uri()).await, onedata(&server.uri()).await] {
        for key in ["a/../b", "./a", "a//b", "a/", "/a", ".."] {
            let error = download(&store, "home", key).await.unwrap_err();
            assert!(
                matches!(error, StorageError::UnusableKey { .. }),
                "{key}: {error}"
            );
            assert!(upload(&store, "home", key).await.is_err());
        }
    }
    let error = download(&onedata(&server.uri()).await, "other", "k")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("its space is home"), "{error}");
    assert!(server.received_requests().await.unwrap().is_empty());
}

/// A dCache door sends readers to a pool; the login is not for the pool.
#[tokio::test]
async fn a_reader_is_redirected_without_the_credentials() {
    let (door, pool) = (MockServer::start().await, answering(200, "content").await);
    Mock::given(header_exists("authorization"))
        .respond_with(
            ResponseTemplate::new(307)
                .insert_header("location", format!("{}/pool?uuid=1", pool.uri())),
        )
        .mount(&door)
        .await;
    let store = webdav(&door.uri()).await;
    assert_eq!(download(&store, "b", "k").await.unwrap(), b"content");
    let requests = pool.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    assert!(!requests[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn redirections_have_an_end() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(302).insert_header("location", "/again"))
        .mount(&server)
        .await;
    let error = download(&webdav(&server.uri()).await, "b", "k")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("HTTP 302"), "{error}");
    assert_eq!(server.received_requests().await.unwrap().len(), 6);
}

/// Sends half of what it announces, then `again`; the error, or the content.
async fn broken_then(
    again: impl Fn(&str) -> String + Send + 'static,
    tag: &'static str,
) -> Result<Vec<u8>, StorageError> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut first = true;
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let read = socket.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..read]).to_ascii_lowercase();
            let answer = if first {
                format!("HTTP/1.1 200 OK\r\n{tag}content-length: 10\r\n\r\n01234")
            } else {
                again(&request)
            };
            first = false;
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let result = download(&webdav(&url).await, "b", "k").await;
    serving.abort();
    result
}

#[tokio::test]
async fn a_broken_download_goes_on_only_with_the_same_content() {
    let ok = |head: &str, body: &str| {
        format!(
            "HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let resumed = broken_then(
        move |request| {
            assert!(request.contains("range: bytes=5-"), "{request}");
            assert!(request.contains("if-range: \"a\""), "{request}");
            ok(
                "206 Partial Content\r\netag: \"a\"\r\ncontent-range: bytes 5-9/10",
                "56789",
            )
        },
        "etag: \"a\"\r\n",
    );
    assert_eq!(resumed.await.unwrap(), b"0123456789");
    // A server without ranges sends it all again.
    let all = broken_then(
        move |_| ok("200 OK\r\netag: \"a\"", "0123456789"),
        "etag: \"a\"\r\n",
    );
    assert_eq!(all.await.unwrap(), b"0123456789");
    // Nothing tells whether it is the same: what came does not count.
    let untold = broken_then(
        move |request| {
            assert!(!request.contains("range:"), "{request}");
            ok("200 OK", "abcdefghijkl")
        },
        "etag: W/\"a\"\r\n",
    );
    assert_eq!(untold.await.unwrap(), b"abcdefghijkl");
    for changed in [
        ok("200 OK\r\netag: \"b\"", "0123456789"),
        ok("200 OK\r\netag: \"a\"", "0123456789ab"),
        ok(
            "206 Partial Content\r\ncontent-range: bytes 5-11/12",
            "56789ab",
        ),
        ok(
            "206 Partial Content\r\ncontent-range: bytes 4-9/10",
            "456789",
        ),
        ok("412 Precondition Failed", ""),
        ok("416 Range Not Satisfiable", ""),
    ] {
        let error = broken_then(move |_| changed.clone(), "etag: \"a\"\r\n")
            .await
            .unwrap_err();
        assert!(matches!(error, StorageError::Changed { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_download_that_keeps_breaking_ends() {
    let half =
        |_: &str| String::from("HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 10\r\n\r\n01234");
    let error = broken_then(half, "etag: \"a\"\r\n")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("cannot be reached"), "{error}");
    assert!(error.contains("at byte 5 in 6 tries"), "{error}");
}

/// A MOVE whose answer was lost has been done.
#[tokio::test]
async fn a_move_that_was_done_before_is_done() {
    let server = MockServer::start().await;
    Mock::given(method("MOVE"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("MOVE"))
        .respond_with(ResponseTemplate::new(404))
        .mount(&server)
        .await;
    Mock::given(method("PUT"))
        .respond_with(ResponseTemplate::new(201))
        .mount(&server)
        .await;
    assert_eq!(upload(&webdav(&server.uri()).await, "b", "k").await, Ok(7));
    let requests = server.received_requests().await.unwrap();
    let sent = |request: &Request| request.method.as_str() == "PUT";
    let put = requests.iter().find(|request| sent(request)).unwrap();
    assert_eq!(put.headers["content-type"], "text/plain");
    assert_eq!(put.headers["content-length"], "7");
    let moved = requests.last().unwrap();
    assert_eq!(moved.headers["overwrite"], "T");
    assert_eq!(
        moved.headers["destination"],
        format!("{}/b/k", server.uri()).as_str()
    );
}

/// What was sent of a file that does not arrive is removed.
#[tokio::test]
async fn a_failed_upload_leaves_no_unfinished_file() {
    let server = MockServer::start().await;
    Mock::given(method("MOVE"))
        .respond_with(ResponseTemplate::new(423))
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(201))
        .mount(&server)
        .await;
    upload(&webdav(&server.uri()).await, "b", "k")
        .await
        .unwrap_err();
    for _ in 0..100 {
        let requests = server.received_requests().await.unwrap();
        if let Some(last) = requests
            .iter()
            .find(|request| request.method.as_str() == "DELETE")
        {
            assert_eq!(last.url.path(), requests[0].url.path());
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("nothing was removed");
}
