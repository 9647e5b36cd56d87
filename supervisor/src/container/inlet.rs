//! What the container's first process writes to and the supervisor reads: a named pipe, or a socket where none can be made.

use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdStream},
    path::Path,
    task::{Context, Poll},
};

use nix::{errno::Errno, libc, sys::stat::Mode, unistd::mkfifo};
use tokio::{
    io::AsyncReadExt as _,
    net::{UnixListener, UnixStream, unix::pipe},
};

/// The reading end. Its end is never seen: who writes may come later.
#[derive(Debug)]
pub enum Inlet {
    /// A named pipe, open for reading *and* writing, so that no end is seen while nobody has opened it yet (fifo(7)).
    Pipe(pipe::Receiver),
    /// A socket, and those who have connected to it.
    Socket(UnixListener, Vec<UnixStream>),
}

impl Inlet {
    /// Makes it at `path`, for this user only. Sandboxes may deny mknod(2), of which a named pipe is made.
    ///
    /// # Errors
    /// The operating system's, when neither can be made.
    pub fn make(path: &Path) -> io::Result<Self> {
        match mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR) {
            Ok(()) => pipe::OpenOptions::new()
                .read_write(true)
                .open_receiver(path)
                .map(Self::Pipe),
            Err(denied @ (Errno::EPERM | Errno::ENOSYS)) => {
                let listener = UnixListener::bind(path).map_err(|error| {
                    let text = format!(
                        "neither a named pipe (mknod: {denied}) nor a socket ({error}) can be made at {}",
                        path.display()
                    );
                    io::Error::new(error.kind(), text)
                })?;
                Ok(Self::Socket(listener, Vec::new()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for something to read. Nothing is lost when the caller stops waiting.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Pipe(pipe) => pipe.read(buffer).await,
            Self::Socket(listener, streams) => {
                std::future::poll_fn(|context| read_any(listener, streams, buffer, context)).await
            }
        }
    }

    /// Takes what is there.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing is.
    pub fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Pipe(pipe) => pipe.try_read(buffer),
            Self::Socket(listener, streams) => {
                let mut context = Context::from_waker(std::task::Waker::noop());
                match read_any(listener, streams, buffer, &mut context) {
                    Poll::Ready(read) => read,
                    Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
                }
            }
        }
    }
}

fn read_any(
    listener: &UnixListener,
    streams: &mut Vec<UnixStream>,
    buffer: &mut [u8],
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    while let Poll::Ready(Ok((stream, _))) = listener.poll_accept(context) {
        streams.push(stream);
    }
    let mut at = 0;
    while let Some(stream) = streams.get(at) {
        match stream.poll_read_ready(context) {
            Poll::Pending => at += 1,
            Poll::Ready(_) => match stream.try_read(buffer) {
                Ok(read @ 1..) => return Poll::Ready(Ok(read)),
                // Not ready after all: asked once more, so that the waker is noted.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => drop(streams.swap_remove(at)),
            },
        }
    }
    Poll::Pending
}

/// The writing end of what [`Inlet::make`] has made at `path`.
///
/// # Errors
/// The operating system's.
pub fn outlet(path: &Path) -> io::Result<File> {
    match File::options().write(true).open(path) {
        // A socket cannot be opened (unix(7)).
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            StdStream::connect(path).map(|stream| File::from(OwnedFd::from(stream)))
        }
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    async fn passes_on_what_is_written(mut inlet: Inlet, path: &Path) {
        let mut buffer = [0; 16];
        assert!(inlet.try_read(&mut buffer).is_err());
        let mut first = outlet(path).unwrap();
        first.write_all(b"one").unwrap();
        assert_eq!(inlet.read(&mut buffer).await.unwrap(), 3);
        let mut second = outlet(path).unwrap();
        drop(first);
        second.write_all(b"second").unwrap();
        drop(second);
        assert_eq!(inlet.read(&mut buffer).await.unwrap(), 6);
        assert_eq!(&buffer[..6], b"second");
        assert!(inlet.try_read(&mut buffer).is_err());
        outlet(path).unwrap().write_all(b"last").unwrap();
        // Nobody has waited for it.
        let read = loop {
            tokio::task::yield_now().await;
            if let Ok(read) = inlet.try_read(&mut buffer) {
                break read;
            }
        };
        assert_eq!(&buffer[..read], b"last");
    }

    #[tokio::test]
    async fn a_pipe_and_a_socket_do_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        passes_on_what_is_written(Inlet::make(&path).unwrap(), &path).await;
        let path = directory.path().join("socket");
        let socket = Inlet::Socket(UnixListener::bind(&path).unwrap(), Vec::new());
        passes_on_what_is_written(socket, &path).await;
    }
}
