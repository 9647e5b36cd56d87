//! What the container's first process writes to and the supervisor reads: a named pipe, or a socket where none can be made.

use std::{
    fs::File,
    io::{self, Read as _},
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener as StdListener, UnixStream as StdStream},
    },
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
    /// A socket, for any number of writers.
    Socket(Box<Socket>),
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
                let socket = Socket::bind(path).map_err(|error| {
                    let text = format!(
                        "neither a named pipe (mknod: {denied}) nor a socket ({error}) can be made at {}",
                        path.display()
                    );
                    io::Error::new(error.kind(), text)
                });
                socket.map(|socket| Self::Socket(Box::new(socket)))
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
            Self::Socket(socket) => {
                std::future::poll_fn(|context| socket.poll_read(buffer, context)).await
            }
        }
    }

    /// Takes what is there, whether or not the runtime has heard of it: for the end, when nobody writes any more.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing is.
    pub fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Pipe(pipe) => Ok(nix::unistd::read(pipe, buffer)?),
            Self::Socket(socket) => socket.take(buffer),
        }
    }
}

/// Most writers at a time: a container must not use up the descriptors of the supervisor.
const MOST_STREAMS: usize = 64;

/// A listening socket and those who have connected to it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    streams: Vec<UnixStream>,
    /// The same socket, to be asked without the runtime, and who is accepted so.
    direct: StdListener,
    late: Vec<StdStream>,
}

impl Socket {
    fn bind(path: &Path) -> io::Result<Self> {
        let direct = StdListener::bind(path)?;
        direct.set_nonblocking(true)?;
        Ok(Self {
            listener: UnixListener::from_std(direct.try_clone()?)?,
            streams: Vec::new(),
            direct,
            late: Vec::new(),
        })
    }

    fn poll_read(
        &mut self,
        buffer: &mut [u8],
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        // Whoever comes then waits until another one goes.
        while self.streams.len() < MOST_STREAMS
            && let Poll::Ready(Ok((stream, _))) = self.listener.poll_accept(context)
        {
            self.streams.push(stream);
        }
        let mut at = 0;
        while let Some(stream) = self.streams.get(at) {
            match stream.poll_read_ready(context) {
                Poll::Pending => at += 1,
                Poll::Ready(_) => match stream.try_read(buffer) {
                    Ok(read @ 1..) => return Poll::Ready(Ok(read)),
                    // Not ready after all: asked once more, so that the waker is noted.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Ok(_) | Err(_) => drop(self.streams.swap_remove(at)),
                },
            }
        }
        Poll::Pending
    }

    fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.late.len() < MOST_STREAMS
            && let Ok((stream, _)) = self.direct.accept()
        {
            stream.set_nonblocking(true)?;
            self.late.push(stream);
        }
        for stream in &self.streams {
            if let Ok(read @ 1..) = nix::unistd::read(stream, buffer) {
                return Ok(read);
            }
        }
        for stream in &mut self.late {
            if let Ok(read @ 1..) = stream.read(buffer) {
                return Ok(read);
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
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
        assert!(inlet.take(&mut buffer).is_err());
        let mut first = outlet(path).unwrap();
        first.write_all(b"one").unwrap();
        assert_eq!(inlet.read(&mut buffer).await.unwrap(), 3);
        let mut second = outlet(path).unwrap();
        drop(first);
        second.write_all(b"second").unwrap();
        drop(second);
        assert_eq!(inlet.read(&mut buffer).await.unwrap(), 6);
        assert_eq!(&buffer[..6], b"second");
        assert!(inlet.take(&mut buffer).is_err());
        // The runtime has no time to hear of it.
        outlet(path).unwrap().write_all(b"last").unwrap();
        assert_eq!(inlet.take(&mut buffer).unwrap(), 4);
        assert_eq!(&buffer[..4], b"last");
    }

    #[tokio::test]
    async fn a_pipe_and_a_socket_do_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        passes_on_what_is_written(Inlet::make(&path).unwrap(), &path).await;
        let path = directory.path().join("socket");
        let socket = Inlet::Socket(Box::new(Socket::bind(&path).unwrap()));
        passes_on_what_is_written(socket, &path).await;
    }
}
