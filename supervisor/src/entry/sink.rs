//! Where the container's output goes while it runs: one sink for each entry.

use std::pin::Pin;

use crate::telemetry::json;
use container::exec::log::{LogSink, Stream};
use environment::{self as names, Environment};

pub use writer::Writer;

mod writer;

type Ready<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Standard output and error as the container has them, like `docker run`.
#[derive(Debug)]
pub struct Terminal(pub Writer);

impl LogSink for Terminal {
    fn lines(&mut self, stream: Stream, lines: &[u8]) {
        self.0.write(stream, lines.to_vec());
    }

    fn ready(&mut self) -> Ready<'_> {
        Box::pin(self.0.ready())
    }
}

/// Everything to standard error, because standard output carries an answer.
#[derive(Debug)]
pub struct StandardError(pub Writer);

impl LogSink for StandardError {
    fn lines(&mut self, _stream: Stream, lines: &[u8]) {
        self.0.write(Stream::Stderr, lines.to_vec());
    }

    fn ready(&mut self) -> Ready<'_> {
        Box::pin(self.0.ready())
    }
}

/// The platform's log in Lambda: lines as they are, or one JSON object each.
#[derive(Debug)]
pub struct Lambda {
    writer: Writer,
    format: LogFormat,
    ids: Ids,
}

/// The ids in the log lines of an invocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    /// The request's id.
    pub request: String,
    /// The X-Ray trace's header, where the platform sent one.
    pub trace: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogFormat {
    Text,
    Json,
}

impl Lambda {
    /// The format is the function's own setting, `AWS_LAMBDA_LOG_FORMAT`.
    pub fn new(environment: &Environment, ids: Ids, writer: Writer) -> Self {
        let format = match environment.get(names::AWS_LAMBDA_LOG_FORMAT) {
            Some(format) if format.eq_ignore_ascii_case("json") => LogFormat::Json,
            _ => LogFormat::Text,
        };
        Self {
            writer,
            format,
            ids,
        }
    }
}

impl LogSink for Lambda {
    fn lines(&mut self, stream: Stream, lines: &[u8]) {
        let text = match self.format {
            LogFormat::Text => lines.to_vec(),
            LogFormat::Json => json_lines(&self.ids, stream, lines),
        };
        self.writer.write(Stream::Stdout, text);
    }

    fn ready(&mut self) -> Ready<'_> {
        Box::pin(self.writer.ready())
    }
}

fn json_lines(ids: &Ids, stream: Stream, lines: &[u8]) -> Vec<u8> {
    let timestamp = json::now();
    let mut text = Vec::new();
    for line in lines.split(|&b| b == b'\n').filter(|l| !l.is_empty()) {
        let mut record = serde_json::json!({
            "timestamp": timestamp,
            "level": "INFO",
            "message": String::from_utf8_lossy(line),
            "stream": stream.name(),
            "requestId": ids.request,
        });
        if let Some(trace) = &ids.trace {
            record["xrayTraceId"] = trace.as_str().into();
        }
        text.extend(record.to_string().into_bytes());
        text.push(b'\n');
    }
    text
}
