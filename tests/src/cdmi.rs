//! The CDMI endpoint of a Oneprovider: what Onedata's documentation ("CDMI") and CDMI 1.1.1 say of the requests that the
//! supervisor makes, as strictly as they say it. Files are in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::background::Background;

/// How renaming works on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moving {
    /// As Onedata does it: unless there is an object of the new name.
    Supported,
    /// A server without that capability.
    Missing,
}

/// A Oneprovider with one space, `home`.
#[derive(Debug)]
pub struct Oneprovider {
    server: Background,
    state: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    moving: Moving,
    /// Path to content; folders end with a slash and have none.
    entries: Mutex<BTreeMap<String, Vec<u8>>>,
    requests: Mutex<Vec<String>>,
}

impl Oneprovider {
    /// The one token.
    pub const TOKEN: &str = "MDAxY2xvY2F00aW9uIG9uZXpvbmU";
    /// The one space.
    pub const SPACE: &str = "home";

    /// Starts with an empty space.
    pub fn start(moving: Moving) -> Self {
        let space = (format!("{}/", Self::SPACE), Vec::new());
        let state = Arc::new(Shared {
            moving,
            entries: Mutex::new(BTreeMap::from([space])),
            requests: Mutex::default(),
        });
        let router = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&state));
        let server =
            Background::start(async move |listener| axum::serve(listener, router).await.unwrap());
        Self { server, state }
    }

    /// What to set `oneprovider_host` to.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Puts a file with the folders that lead to it; `path` begins with the space.
    pub fn put(&self, path: &str, content: &[u8]) {
        let mut entries = self.state.entries.lock().unwrap();
        for (end, _) in path.match_indices('/') {
            entries.entry(path[..=end].to_owned()).or_default();
        }
        entries.insert(path.to_owned(), content.to_vec());
    }

    /// Content of a file, or nothing if there is none.
    pub fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.state.entries.lock().unwrap().get(path).cloned()
    }

    /// Every path there is, folders with a slash at the end.
    pub fn paths(&self) -> Vec<String> {
        self.state.entries.lock().unwrap().keys().cloned().collect()
    }

    /// Method and path of each request.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let line = format!("{} {}", head.method, head.uri);
    shared.requests.lock().unwrap().push(line);
    if text(&head.headers, "x-auth-token") != Oneprovider::TOKEN {
        return failure(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    let path = percent_decode_str(head.uri.path()).decode_utf8().unwrap();
    let Some(path) = path.strip_prefix("/cdmi/") else {
        return failure(StatusCode::NOT_FOUND, "notFound");
    };
    let cdmi = match text(&head.headers, "x-cdmi-specification-version") {
        "" => false,
        "1.1.1" => true,
        _ => return failure(StatusCode::BAD_REQUEST, "badValueVersion"),
    };
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let kind = text(&head.headers, "content-type");
    match (&head.method, cdmi) {
        (&Method::GET, false) => shared.content(path, text(&head.headers, "range")),
        (&Method::GET, true) => shared.metadata(path, head.uri.query().unwrap_or("")),
        (&Method::PUT, true) if path.ends_with('/') => shared.make_folder(path, kind),
        (&Method::PUT, true) => shared.make_from(path, kind, &body),
        (&Method::PUT, false) if !path.ends_with('/') => shared.write(path, &body),
        (&Method::DELETE, _) => shared.remove(path),
        _ => empty(StatusCode::METHOD_NOT_ALLOWED),
    }
}

impl Shared {
    fn content(&self, path: &str, range: &str) -> Response {
        let entries = self.entries.lock().unwrap();
        let Some(content) = entries.get(path).filter(|_| !path.ends_with('/')) else {
            return failure(StatusCode::NOT_FOUND, "enoent");
        };
        let start = range
            .strip_prefix("bytes=")
            .and_then(|range| range.strip_suffix('-'));
        let response = Response::builder();
        match start.map(|start| start.parse::<usize>().unwrap()) {
            None => response.body(Body::from(content.clone())).unwrap(),
            Some(start) => response
                .status(StatusCode::PARTIAL_CONTENT)
                .header(
                    header::CONTENT_RANGE,
                    format!("bytes {start}-{}/{}", content.len() - 1, content.len()),
                )
                .body(Body::from(content[start..].to_vec()))
                .unwrap(),
        }
    }

    fn metadata(&self, path: &str, query: &str) -> Response {
        let entries = self.entries.lock().unwrap();
        match entries.get(path) {
            Some(content) if query.starts_with("metadata") => {
                let size = content.len().to_string();
                let answer = json!({ "metadata": { "cdmi_size": size } });
                Response::new(Body::from(answer.to_string()))
            }
            Some(_) => failure(StatusCode::BAD_REQUEST, "badQuery"),
            None => failure(StatusCode::NOT_FOUND, "enoent"),
        }
    }

    fn make_folder(&self, path: &str, kind: &str) -> Response {
        if kind != "application/cdmi-container" {
            return failure(StatusCode::BAD_REQUEST, "badContentType");
        }
        self.insert(path, Vec::new())
    }

    fn make_from(&self, path: &str, kind: &str, body: &[u8]) -> Response {
        let fields: Value = serde_json::from_slice(body).unwrap_or_default();
        let source = fields.get("move").and_then(Value::as_str);
        let (Some(source), "application/cdmi-object", Moving::Supported) =
            (source, kind, self.moving)
        else {
            return failure(StatusCode::BAD_REQUEST, "badField");
        };
        let content = {
            let mut entries = self.entries.lock().unwrap();
            if entries.contains_key(path) {
                return failure(StatusCode::BAD_REQUEST, "eexist");
            }
            entries.remove(source.trim_start_matches('/'))
        };
        match content {
            Some(content) => self.insert(path, content),
            None => failure(StatusCode::NOT_FOUND, "enoent"),
        }
    }

    fn write(&self, path: &str, body: &[u8]) -> Response {
        self.insert(path, body.to_vec())
    }

    fn insert(&self, path: &str, content: Vec<u8>) -> Response {
        let parent = path
            .trim_end_matches('/')
            .rfind('/')
            .map(|end| &path[..=end]);
        let mut entries = self.entries.lock().unwrap();
        match parent {
            // Spaces are made elsewhere.
            None if entries.contains_key(path) => empty(StatusCode::NO_CONTENT),
            None => failure(StatusCode::FORBIDDEN, "forbidden"),
            Some(parent) if !entries.contains_key(parent) => {
                failure(StatusCode::BAD_REQUEST, "enoent")
            }
            Some(_) => match entries.insert(path.to_owned(), content) {
                None => empty(StatusCode::CREATED),
                Some(_) => empty(StatusCode::NO_CONTENT),
            },
        }
    }

    fn remove(&self, path: &str) -> Response {
        match self.entries.lock().unwrap().remove(path) {
            Some(_) => empty(StatusCode::NO_CONTENT),
            None => failure(StatusCode::NOT_FOUND, "enoent"),
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or("")
}

fn empty(status: StatusCode) -> Response {
    Response::builder()
        .status(status)
        .body(Body::empty())
        .unwrap()
}

fn failure(status: StatusCode, id: &str) -> Response {
    let error = json!({ "error": { "id": id, "description": format!("the test says {id}") } });
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(error.to_string()))
        .unwrap()
}
