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
//! Standard library only: `rustc` builds it in seconds.

mod http;
mod listing;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use http::{Answer, Request, discard, parse_range};

/// Objects up to this size are answered in one write, head and body together.
const ONE_WRITE: u64 = 64 * 1024;
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

fn main() -> io::Result<()> {
    let root = std::env::args()
        .nth(1)
        .ok_or_else(|| io::Error::other("usage: s3_server DIRECTORY"))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    let server = Arc::new(Server {
        root: PathBuf::from(root),
        stored: Mutex::default(),
    });
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
            let length = match request
                .headers
                .get("content-length")
                .map(|length| length.parse())
            {
                Some(Ok(length)) => length,
                None if !request.headers.contains_key("transfer-encoding") => 0,
                _ => return Answer::new("411 Length Required").send(&client, ""),
            };
            if request
                .headers
                .get("expect")
                .is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue"))
            {
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
        self.stored
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn count(&self) -> Answer {
        let stored = self.stored();
        let span = stored
            .last_answer
            .zip(stored.first_request)
            .map_or(0, |(last, first)| (last - first).as_nanos());
        Answer::text(format!(
            "{} {} {span}",
            stored.objects.len(),
            stored.objects.values().sum::<u64>()
        ))
    }

    fn file(&self, request: &Request) -> PathBuf {
        self.root.join(request.path.trim_start_matches('/'))
    }

    /// GetObject and HeadObject.
    fn get(&self, request: &Request, client: &TcpStream) -> io::Result<()> {
        let mut file = match File::open(self.file(request)) {
            Ok(file) => file,
            Err(_) => {
                return Answer::error("404 Not Found", "NoSuchKey").send(client, &request.method);
            }
        };
        let total = file.metadata()?.len();
        let (status, start, end) = match request
            .headers
            .get("range")
            .map(|range| parse_range(range, total))
        {
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
        match (
            request.query.get("uploadId"),
            request.query.get("partNumber"),
        ) {
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
            return Answer::xml(
                "InitiateMultipartUploadResult",
                &format!("<UploadId>{id}</UploadId>"),
            );
        };
        let Some(parts) = stored.uploads.remove(upload) else {
            return Answer::error("404 Not Found", "NoSuchUpload");
        };
        stored
            .objects
            .insert(request.path.clone(), parts.values().sum());
        Answer::xml(
            "CompleteMultipartUploadResult",
            &format!("<ETag>{ETAG}</ETag>"),
        )
    }

    fn abort(&self, request: &Request) -> Answer {
        if let Some(upload) = request.query.get("uploadId") {
            self.stored().uploads.remove(upload);
        }
        Answer::new("204 No Content")
    }
}
