//! What a shim reports of its run, see [`crate::shim::report`].

use nix::errno::Errno;
use tokio::net::{UnixStream, unix::OwnedReadHalf};

use super::outcome::RunEnd;
use crate::shim::report::ShimReport;

/// Longest line that is a report, in bytes.
const LONGEST_LINE: usize = 64;

/// What has been reported so far, and the socket that more comes through.
#[derive(Debug)]
pub struct Reports {
    /// None once it has ended.
    socket: Option<OwnedReadHalf>,
    line: Vec<u8>,
    start: Start,
    end: Option<RunEnd>,
    rest: Rest,
}

/// Whether the command has begun, or may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It may have.
    Begun,
    /// It has not.
    NotBegun,
}

/// What is left of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// There may be something.
    Some,
    /// Nothing is.
    Gone,
}

impl Reports {
    /// Those that come through `socket`.
    pub(crate) fn of(socket: Option<OwnedReadHalf>) -> Self {
        Self {
            socket,
            line: Vec::new(),
            start: Start::NotBegun,
            end: None,
            rest: Rest::Some,
        }
    }

    /// Whether the command has begun.
    pub fn start(&self) -> Start {
        self.start
    }

    /// How the command ended, once that is known.
    pub fn end(&self) -> Option<RunEnd> {
        self.end
    }

    /// What is left of the run.
    pub fn rest(&self) -> Rest {
        self.rest
    }

    /// Completes when something was reported; never once nothing can be.
    pub async fn more(&mut self) {
        while let Some(socket) = &self.socket {
            if socket.readable().await.is_err() {
                self.socket = None;
            } else if self.take() {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Takes what is there; whether that was anything.
    fn take(&mut self) -> bool {
        let mut taken = false;
        let mut buffer = [0; 256];
        while let Some(socket) = &self.socket {
            match socket.try_read(&mut buffer) {
                Ok(read @ 1..) => {
                    taken = true;
                    self.push(&buffer[..read]);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return taken,
                Ok(_) | Err(_) => self.socket = None,
            }
        }
        taken
    }

    /// Takes what is there after the shim has ended. What the runtime knows of the socket may be older than that end, so
    /// the socket itself is asked.
    pub fn take_rest(&mut self) {
        let mut buffer = [0; 256];
        while let Some(socket) = &self.socket {
            let stream: &UnixStream = socket.as_ref();
            match nix::unistd::read(stream, &mut buffer) {
                Ok(read @ 1..) => self.push(&buffer[..read]),
                Err(Errno::EINTR) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte != b'\n' {
                if self.line.len() < LONGEST_LINE {
                    self.line.push(byte);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            match ShimReport::parse(&String::from_utf8_lossy(&line)) {
                Some(ShimReport::Begun) => self.start = Start::Begun,
                Some(ShimReport::NotBegun) => self.start = Start::NotBegun,
                Some(ShimReport::Exited(code)) => self.end = Some(RunEnd::Exited(code)),
                Some(ShimReport::Killed(signal)) => self.end = Some(RunEnd::Killed(signal)),
                Some(ShimReport::Gone) => self.rest = Rest::Gone,
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::unix::net::UnixStream as StdStream, time::Duration};

    use super::*;

    fn reports() -> (Reports, StdStream, tokio::net::unix::OwnedWriteHalf) {
        let (ours, shim) = StdStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let (read, write) = UnixStream::from_std(ours).unwrap().into_split();
        (Reports::of(Some(read)), shim, write)
    }

    #[tokio::test]
    async fn reports_are_taken_however_they_are_cut() {
        let (mut reports, mut shim, _write) = reports();
        assert!(!reports.take());
        shim.write_all(b"begun\nex").unwrap();
        reports.more().await;
        assert_eq!((reports.start(), reports.end()), (Start::Begun, None));
        shim.write_all(b"it 7\ngone\n").unwrap();
        reports.more().await;
        assert_eq!(reports.end(), Some(RunEnd::Exited(7)));
        assert_eq!(reports.rest(), Rest::Gone);
    }

    #[tokio::test]
    async fn what_the_runtime_has_not_noticed_yet_is_taken_at_the_end() {
        let (mut reports, mut shim, _write) = reports();
        assert!(!reports.take());
        shim.write_all(b"begun\nexit 0\n").unwrap();
        // Nothing is awaited here: the runtime has had no chance to look at the socket.
        reports.take_rest();
        assert_eq!(reports.end(), Some(RunEnd::Exited(0)));
    }

    #[tokio::test]
    async fn a_shim_that_is_gone_reports_nothing_more() {
        let (mut reports, mut shim, _write) = reports();
        shim.write_all(b"begun\nnot-begun\nsignal 9").unwrap();
        drop(shim);
        reports.more().await;
        assert_eq!(reports.start(), Start::NotBegun);
        assert_eq!(reports.end(), None, "half a line is no report");
        let more = tokio::time::timeout(Duration::from_millis(50), reports.more());
        assert!(more.await.is_err());
    }
}
