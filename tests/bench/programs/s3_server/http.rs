//! As much of HTTP/1.1 (RFC 9112) as S3 clients use: requests with a length, answers, ranges.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

/// A request's head.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: HashMap<String, String>,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
}

/// An answer that is built as a whole.
pub(crate) struct Answer {
    status: &'static str,
    /// Whole lines, each with its end.
    pub(crate) headers: String,
    body: Vec<u8>,
}

impl Request {
    /// The next request's head; `None` when the client has closed the connection.
    pub(crate) fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_ascii_whitespace();
        let (method, target) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut request = Self {
            method: method.to_owned(),
            path: decode(path),
            query: query
                .map(|(name, value)| (name.to_owned(), decode(value)))
                .collect(),
            headers: HashMap::new(),
        };
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let Some((name, value)) = line.split_once(':') else {
                return Ok(Some(request));
            };
            request
                .headers
                .insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
}

impl Answer {
    pub(crate) fn new(status: &'static str) -> Self {
        Self {
            status,
            headers: String::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn text(body: String) -> Self {
        Self {
            body: body.into_bytes(),
            ..Self::new("200 OK")
        }
    }

    pub(crate) fn xml(root: &str, content: &str) -> Self {
        let name_space = "http://s3.amazonaws.com/doc/2006-03-01/";
        let mut answer = Self::text(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><{root} xmlns=\"{name_space}\">{content}</{root}>"
        ));
        answer.headers = String::from("Content-Type: application/xml\r\n");
        answer
    }

    pub(crate) fn error(status: &'static str, code: &str) -> Self {
        let body =
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code></Error>");
        Self {
            status,
            ..Self::text(body)
        }
    }

    pub(crate) fn send(self, mut client: &TcpStream, method: &str) -> io::Result<()> {
        let length = self.body.len();
        let head = format!(
            "HTTP/1.1 {}\r\n{}Content-Length: {length}\r\n\r\n",
            self.status, self.headers
        );
        let mut whole = head.into_bytes();
        if method != "HEAD" {
            whole.extend_from_slice(&self.body);
        }
        client.write_all(&whole)
    }
}

/// `bytes=0-499`, `bytes=500-` or `bytes=-500` as start and end (exclusive).
pub(crate) fn parse_range(value: &str, total: u64) -> Option<(u64, u64)> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let length: u64 = last.parse().ok()?;
        return (total > 0).then(|| (total.saturating_sub(length), total));
    }
    let start = first.parse().ok()?;
    let end = if last.is_empty() {
        total
    } else {
        last.parse::<u64>().ok()?.saturating_add(1).min(total)
    };
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
pub(crate) fn discard(reader: &mut BufReader<TcpStream>, length: u64) -> io::Result<()> {
    let buffered = length.min(reader.buffer().len() as u64);
    reader.consume(usize::try_from(buffered).unwrap_or(0));
    let mut left = length - buffered;
    while left > 0 {
        let wanted = usize::try_from(left.min(16 * 1024 * 1024)).unwrap_or(0);
        // SAFETY: with MSG_TRUNC a TCP socket drops the bytes and writes nothing to the buffer (tcp(7)).
        let dropped = unsafe {
            recv(
                reader.get_ref().as_raw_fd(),
                std::ptr::null_mut(),
                wanted,
                MSG_TRUNC,
            )
        };
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
