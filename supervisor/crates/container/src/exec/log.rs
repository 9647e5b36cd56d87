//! The container's output on its way out: passed on as it happens, and kept for the response.
//!
//! Memory is bounded whatever the container prints.

mod kept;

use std::pin::Pin;

pub use kept::{Keep, LogFile, cut_marker};

/// Which of its two streams the container wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

impl Stream {
    /// The name in log records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Where output goes as it happens; one implementation per place the supervisor runs in.
pub trait LogSink: Send + std::fmt::Debug {
    /// Takes complete lines, each with its newline (a line over 64 KiB comes in pieces; the last
    /// line of a stream may lack the newline).
    fn lines(&mut self, stream: Stream, lines: &[u8]);

    /// Completes when there is room for more: a reader who does not read must not stop the clock.
    fn ready(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// Longest line that is held back to be passed on whole.
const MAX_LINE: usize = 64 * 1024;

/// Cuts both streams into lines, passes them on and keeps them.
#[derive(Debug)]
pub struct LogPump<'a> {
    sink: &'a mut dyn LogSink,
    kept: LogFile,
    partial: [Vec<u8>; 2],
}

impl<'a> LogPump<'a> {
    /// Output goes to `sink` and into `kept`.
    pub fn new(sink: &'a mut dyn LogSink, kept: LogFile) -> Self {
        Self {
            sink,
            kept,
            partial: [Vec::new(), Vec::new()],
        }
    }

    /// See [`LogSink::ready`].
    pub async fn ready(&mut self) {
        self.sink.ready().await;
    }

    /// Takes what was read from a stream.
    pub fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let partial = &mut self.partial[stream as usize];
        let Some(end) = bytes.iter().rposition(|&b| b == b'\n') else {
            partial.extend_from_slice(bytes);
            if partial.len() >= MAX_LINE {
                let line = std::mem::take(partial);
                self.pass(stream, &line);
            }
            return;
        };
        let (complete, rest) = bytes.split_at(end + 1);
        if partial.is_empty() {
            partial.extend_from_slice(rest);
            self.pass(stream, complete);
        } else {
            let mut lines = std::mem::replace(partial, rest.to_vec());
            lines.extend_from_slice(complete);
            self.pass(stream, &lines);
        }
    }

    fn pass(&mut self, stream: Stream, lines: &[u8]) {
        self.kept.append(lines);
        self.sink.lines(stream, lines);
    }

    /// Passes on what has no newline yet and gives the kept output back.
    pub fn finish(mut self) -> LogFile {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = std::mem::take(&mut self.partial[stream as usize]);
            if !rest.is_empty() {
                self.pass(stream, &rest);
            }
        }
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Seen(Vec<(Stream, String)>);
    impl LogSink for Seen {
        fn lines(&mut self, stream: Stream, lines: &[u8]) {
            self.0
                .push((stream, String::from_utf8(lines.to_vec()).unwrap()));
        }
    }

    #[test]
    fn lines_are_passed_on_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut seen = Seen::default();
        let log = LogFile::new(&dir.path().join("log"), Keep { head: 99, tail: 9 });
        let mut pump = LogPump::new(&mut seen, log);
        pump.push(Stream::Stdout, b"on");
        pump.push(Stream::Stderr, b"err\n");
        pump.push(Stream::Stdout, b"e\ntwo\nthr");
        let kept = pump.finish();
        assert_eq!(kept.read().unwrap(), b"err\none\ntwo\nthr");
        let expected = [
            (Stream::Stderr, "err\n"),
            (Stream::Stdout, "one\ntwo\n"),
            (Stream::Stdout, "thr"),
        ];
        let expected = expected.map(|(s, t)| (s, t.to_owned()));
        assert_eq!(seen.0, expected);
    }
}
