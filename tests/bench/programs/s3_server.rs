//! An S3 server that is never the bottleneck: what all clients of the benchmark are measured against.
//!
//!     s3_server DIRECTORY        prints its port, serves until it is killed
//!
//! Objects are read from `DIRECTORY/<bucket>/<key>` with sendfile. What is uploaded is counted and thrown away in the
//! kernel (`MSG_TRUNC`), so that the server costs the clients as little of the machine as it can. Path-style requests,
//! no signatures: GetObject (with Range), HeadObject, PutObject, multipart uploads, ListObjectsV2. Two calls are its
//! own: `GET /-/stored` answers `<objects> <bytes> <nanoseconds>`, what was received and the time from the first request
//! to the end of the last answer, all since `POST /-/reset`.
//!
//! Standard library only: one file, built by `rustc` in seconds.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

/// Objects up to this size are answered in one write, head and body together.
const ONE_WRITE: u64 = 64 * 1024;
/// Keys of one page of a listing (S3 API reference, ListObjectsV2).
const PAGE: usize = 1000;
const ETAG: &str = "\"0123456789abcdef0123456789abcdef\"";

#[derive(Default)]
struct Stored {
    /// Sizes of the objects that were uploaded, by path.
    objects: HashMap<String, u64>,
    /// Sizes of the parts of unfinished uploads, by upload and number.
    uploads: HashMap<String, BTreeMap<u32, u64>>,
    last_upload: u64,
    first_request: Option<Instant>,
    last_answer: Option<Instant>,
}

struct Server {
    root: PathBuf,
    stored: Mutex<Stored>,
}

struct Request {
    method: String,
    path: String,
    query: HashMap<String, String>,
    headers: HashMap<String, String>,
}

struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

fn main() -> io::Result<()> {
    let root = std::env::args().nth(1).ok_or_else(|| io::Error::other("usage: s3_server DIRECTORY"))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    let server = Arc::new(Server { root: PathBuf::from(root), stored: Mutex::default() });
    for client in listener.incoming() {
        let (client, server) = (client?, Arc::clone(&server));
        // A client that goes away in the middle ends its own connection only.
        thread::spawn(move || server.serve(client));
    }
    Ok(())
}

impl Server {
    fn serve(&self, client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut reader = BufReader::with_capacity(64 * 1024, client.try_clone()?);
        while let Some(request) = Request::read(&mut reader)? {
            let length = match request.headers.get("content-length").map(|length| length.parse()) {
                Some(Ok(length)) => length,
                None if !request.headers.contains_key("transfer-encoding") => 0,
                _ => return Answer::new("411 Length Required").send(&client, ""),
            };
            if request.headers.get("expect").is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue")) {
                (&client).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            let about_us = request.path.starts_with("/-/");
            if !about_us {
                self.stored().first_request.get_or_insert_with(Instant::now);
            }
            // The body of CompleteMultipartUpload lists the parts, which are known here already.
            discard(&mut reader, length)?;
            self.answer(&request, length, &client)?;
            if !about_us {
                self.stored().last_answer = Some(Instant::now());
            }
        }
        Ok(())
    }

    fn answer(&self, request: &Request, length: u64, client: &TcpStream) -> io::Result<()> {
        let bucket_only = request.path.trim_matches('/').split('/').count() == 1;
        let answer = match request.method.as_str() {
            "GET" if request.path == "/-/stored" => self.count(),
            "POST" if request.path == "/-/reset" => {
                *self.stored() = Stored::default();
                Answer::new("200 OK")
            }
            "GET" if bucket_only => self.list(request)?,
            "GET" | "HEAD" => return self.get(request, client),
            "PUT" => self.put(request, length),
            "POST" => self.multipart(request),
            "DELETE" => self.abort(request),
            _ => Answer::new("405 Method Not Allowed"),
        };
        answer.send(client, &request.method)
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn count(&self) -> Answer {
        let stored = self.stored();
        let span = stored.last_answer.zip(stored.first_request).map_or(0, |(last, first)| (last - first).as_nanos());
        Answer::text(format!("{} {} {span}", stored.objects.len(), stored.objects.values().sum::<u64>()))
    }

    fn file(&self, request: &Request) -> PathBuf {
        self.root.join(request.path.trim_start_matches('/'))
    }

    /// GetObject and HeadObject.
    fn get(&self, request: &Request, client: &TcpStream) -> io::Result<()> {
        let mut file = match File::open(self.file(request)) {
            Ok(file) => file,
            Err(_) => return Answer::error("404 Not Found", "NoSuchKey").send(client, &request.method),
        };
        let total = file.metadata()?.len();
        let (status, start, end) = match request.headers.get("range").map(|range| parse_range(range, total)) {
            None => ("200 OK", 0, total),
            Some(Some((start, end))) => ("206 Partial Content", start, end),
            Some(None) => {
                let answer = Answer::error("416 Range Not Satisfiable", "InvalidRange");
                return answer.send(client, &request.method);
            }
        };
        let mut head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: {ETAG}\r\nAccept-Ranges: bytes\r\n\
             Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT\r\nContent-Type: binary/octet-stream\r\n",
            end - start
        );
        if status.starts_with("206") {
            head += &format!("Content-Range: bytes {start}-{}/{total}\r\n", end - 1);
        }
        head += "\r\n";
        let mut output = client;
        if request.method == "HEAD" {
            return output.write_all(head.as_bytes());
        }
        file.seek(SeekFrom::Start(start))?;
        let mut body = file.take(end - start);
        if end - start <= ONE_WRITE {
            let mut whole = head.into_bytes();
            body.read_to_end(&mut whole)?;
            return output.write_all(&whole);
        }
        output.write_all(head.as_bytes())?;
        // File to socket: the standard library makes this sendfile(2).
        io::copy(&mut body, &mut output).map(drop)
    }

    /// PutObject and UploadPart.
    fn put(&self, request: &Request, length: u64) -> Answer {
        // aws-chunked bodies carry signatures or checksums between the bytes; this header tells what they hold.
        let size = match request.headers.get("x-amz-decoded-content-length") {
            Some(decoded) => decoded.parse().unwrap_or(0),
            None => length,
        };
        let mut stored = self.stored();
        match (request.query.get("uploadId"), request.query.get("partNumber")) {
            (Some(upload), Some(number)) => {
                let Some(parts) = stored.uploads.get_mut(upload) else {
                    return Answer::error("404 Not Found", "NoSuchUpload");
                };
                parts.insert(number.parse().unwrap_or(0), size);
            }
            _ => {
                stored.objects.insert(request.path.clone(), size);
            }
        }
        let mut answer = Answer::new("200 OK");
        answer.headers = format!("ETag: {ETAG}\r\n");
        for (name, value) in &request.headers {
            if name.starts_with("x-amz-checksum-") {
                answer.headers += &format!("{name}: {value}\r\n");
            }
        }
        answer
    }

    /// CreateMultipartUpload and CompleteMultipartUpload.
    fn multipart(&self, request: &Request) -> Answer {
        let mut stored = self.stored();
        let Some(upload) = request.query.get("uploadId") else {
            stored.last_upload += 1;
            let id = format!("upload-{}", stored.last_upload);
            stored.uploads.insert(id.clone(), BTreeMap::new());
            return Answer::xml("InitiateMultipartUploadResult", &format!("<UploadId>{id}</UploadId>"));
        };
        let Some(parts) = stored.uploads.remove(upload) else {
            return Answer::error("404 Not Found", "NoSuchUpload");
        };
        stored.objects.insert(request.path.clone(), parts.values().sum());
        Answer::xml("CompleteMultipartUploadResult", &format!("<ETag>{ETAG}</ETag>"))
    }

    fn abort(&self, request: &Request) -> Answer {
        if let Some(upload) = request.query.get("uploadId") {
            self.stored().uploads.remove(upload);
        }
        Answer::new("204 No Content")
    }

    /// ListObjectsV2, without delimiters.
    fn list(&self, request: &Request) -> io::Result<Answer> {
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
        let mut body = format!("<KeyCount>{}</KeyCount><IsTruncated>{truncated}</IsTruncated>", keys.len());
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

impl Request {
    /// The next request's head; `None` when the client has closed the connection.
    fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_ascii_whitespace();
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut request = Self {
            method: method.to_owned(),
            path: decode(path),
            query: query.map(|(name, value)| (name.to_owned(), decode(value))).collect(),
            headers: HashMap::new(),
        };
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let Some((name, value)) = line.split_once(':') else { return Ok(Some(request)) };
            request.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
}

impl Answer {
    fn new(status: &'static str) -> Self {
        Self { status, headers: String::new(), body: Vec::new() }
    }

    fn text(body: String) -> Self {
        Self { body: body.into_bytes(), ..Self::new("200 OK") }
    }

    fn xml(root: &str, content: &str) -> Self {
        let name_space = "http://s3.amazonaws.com/doc/2006-03-01/";
        let mut answer = Self::text(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><{root} xmlns=\"{name_space}\">{content}</{root}>"
        ));
        answer.headers = String::from("Content-Type: application/xml\r\n");
        answer
    }

    fn error(status: &'static str, code: &str) -> Self {
        let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code></Error>");
        Self { status, ..Self::text(body) }
    }

    fn send(self, mut client: &TcpStream, method: &str) -> io::Result<()> {
        let length = self.body.len();
        let head = format!("HTTP/1.1 {}\r\n{}Content-Length: {length}\r\n\r\n", self.status, self.headers);
        let mut whole = head.into_bytes();
        if method != "HEAD" {
            whole.extend_from_slice(&self.body);
        }
        client.write_all(&whole)
    }
}

/// `bytes=0-499`, `bytes=500-` or `bytes=-500` as start and end (exclusive).
fn parse_range(value: &str, total: u64) -> Option<(u64, u64)> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let length: u64 = last.parse().ok()?;
        return (total > 0).then(|| (total.saturating_sub(length), total));
    }
    let start = first.parse().ok()?;
    let end = if last.is_empty() { total } else { last.parse::<u64>().ok()?.saturating_add(1).min(total) };
    (start < end).then_some((start, end))
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Drops the next `length` bytes of a connection: what is buffered here, then the rest inside the kernel.
fn discard(reader: &mut BufReader<TcpStream>, length: u64) -> io::Result<()> {
    let buffered = length.min(reader.buffer().len() as u64);
    reader.consume(usize::try_from(buffered).unwrap_or(0));
    let mut left = length - buffered;
    while left > 0 {
        let wanted = usize::try_from(left.min(16 * 1024 * 1024)).unwrap_or(0);
        // SAFETY: with MSG_TRUNC a TCP socket drops the bytes and writes nothing to the buffer (tcp(7)).
        let dropped = unsafe { recv(reader.get_ref().as_raw_fd(), std::ptr::null_mut(), wanted, MSG_TRUNC) };
        match u64::try_from(dropped) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(dropped) => left -= dropped,
            Err(_) => return Err(io::Error::last_os_error()),
        }
    }
    Ok(())
}

/// recv(2) of Linux.
const MSG_TRUNC: i32 = 0x20;

unsafe extern "C" {
    fn recv(socket: i32, buffer: *mut std::ffi::c_void, length: usize, flags: i32) -> isize;
}
