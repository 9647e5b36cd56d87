//! What a command says that is not its container's output.

use std::{io, os::fd::OwnedFd};

use tokio::{io::AsyncReadExt, net::unix::pipe};

/// How much is kept, in bytes.
const LIMIT: usize = 8 * 1024;

/// The end of what a command and its shim printed about themselves.
#[derive(Debug)]
pub struct Messages {
    pipe: pipe::Receiver,
    kept: Vec<u8>,
}

impl Messages {
    /// A pipe that they come through, and its other end.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn pipe() -> io::Result<(Self, OwnedFd)> {
        let (sender, pipe) = pipe::pipe()?;
        let kept = Vec::new();
        Ok((Self { pipe, kept }, sender.into_blocking_fd()?))
    }

    /// Completes when something was read; never once the pipe is closed.
    pub(crate) async fn more(&mut self) {
        let mut buffer = [0; 4096];
        match self.pipe.read(&mut buffer).await {
            Ok(read) if read > 0 => self.keep(&buffer[..read]),
            _ => std::future::pending().await,
        }
    }

    pub(crate) fn drain(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(read) = self.pipe.try_read(&mut buffer) {
            if read == 0 {
                return;
            }
            self.keep(&buffer[..read]);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
        let excess = self.kept.len().saturating_sub(LIMIT);
        self.kept.drain(..excess);
    }

    /// The messages as one text, without the blank lines.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept)
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    }
}
