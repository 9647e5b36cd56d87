//! Where the container's output goes as it happens, one sink per place.

use std::{
    io::{Write, stderr, stdout},
    time::SystemTime,
};

use aws_smithy_types::{DateTime, date_time::Format};

use crate::{
    container::log::{LogSink, Stream},
    environment::{self as names, Environment},
};

/// Standard output and error as the container has them, like `docker run`.
#[derive(Debug)]
pub struct Terminal;

impl LogSink for Terminal {
    fn lines(&mut self, stream: Stream, lines: &[u8]) {
        match stream {
            Stream::Stdout => write(&mut stdout().lock(), lines),
            Stream::Stderr => write(&mut stderr().lock(), lines),
        }
    }
}

/// Everything to standard error, because standard output carries an answer.
#[derive(Debug)]
pub struct StandardError;

impl LogSink for StandardError {
    fn lines(&mut self, _stream: Stream, lines: &[u8]) {
        write(&mut stderr().lock(), lines);
    }
}

/// The platform's log in Lambda: lines as they are, or one JSON object each.
#[derive(Debug)]
pub struct Lambda {
    format: LogFormat,
    request_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogFormat {
    Text,
    Json,
}

impl Lambda {
    /// The format is the function's own setting, `AWS_LAMBDA_LOG_FORMAT`.
    pub fn new(environment: &Environment, request_id: &str) -> Self {
        let format = match environment.get(names::AWS_LAMBDA_LOG_FORMAT) {
            Some(format) if format.eq_ignore_ascii_case("json") => LogFormat::Json,
            _ => LogFormat::Text,
        };
        Self {
            format,
            request_id: request_id.to_owned(),
        }
    }
}

impl LogSink for Lambda {
    fn lines(&mut self, stream: Stream, lines: &[u8]) {
        let mut out = stdout().lock();
        if self.format == LogFormat::Text {
            write(&mut out, lines);
            return;
        }
        let now = DateTime::from(SystemTime::now());
        let timestamp = now.fmt(Format::DateTime).unwrap_or_default();
        for line in lines.split(|&b| b == b'\n').filter(|l| !l.is_empty()) {
            let record = serde_json::json!({
                "timestamp": timestamp,
                "level": "INFO",
                "message": String::from_utf8_lossy(line),
                "stream": stream.name(),
                "requestId": self.request_id,
            });
            write(&mut out, format!("{record}\n").as_bytes());
        }
    }
}

/// A reader that went away (a closed pipe) must not stop the run.
fn write(out: &mut impl Write, bytes: &[u8]) {
    let _reader_gone = out.write_all(bytes).and_then(|()| out.flush());
}
