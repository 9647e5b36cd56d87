//! Writes to standard output and error on a thread of its own. A reader may be slow or stuck, and deadlines and signals
//! must be handled meanwhile.

use std::{
    io::{Write, stderr, stdout},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use tokio::sync::Notify;

use container::exec::log::Stream;

/// Most bytes that wait to be written. Beyond it, no more is read from the container.
const BACKLOG_LIMIT: usize = 1024 * 1024;
/// Longest wait for a stuck reader at the end.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// A handle to the thread, which is started by the first write.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    shared: Arc<Shared>,
}

/// What is to be written, in order.
type Queue = mpsc::Sender<(Stream, Vec<u8>)>;

#[derive(Debug, Default)]
struct Shared {
    /// None where no thread can be started.
    thread: OnceLock<Option<Queue>>,
    backlog: AtomicUsize,
    written: Notify,
}

impl Writer {
    /// Queues bytes; see [`Writer::ready`] for how the queue stays small.
    pub fn write(&self, stream: Stream, bytes: Vec<u8>) {
        let thread = self.shared.thread.get_or_init(|| start(&self.shared));
        let Some(thread) = thread else {
            // Whoever reads may keep everything waiting, but nothing is lost.
            return write_out(stream, &bytes);
        };
        let size = bytes.len();
        self.shared.backlog.fetch_add(size, Ordering::Relaxed);
        if thread.send((stream, bytes)).is_err() {
            self.shared.backlog.fetch_sub(size, Ordering::Relaxed);
        }
    }

    /// Completes when the queue is short.
    pub async fn ready(&self) {
        self.wait_until_at_most(BACKLOG_LIMIT).await;
    }

    /// Completes when everything is written, or after a second without a reader.
    pub async fn flush(&self) {
        let _stuck = tokio::time::timeout(FLUSH_LIMIT, self.wait_until_at_most(0)).await;
    }

    async fn wait_until_at_most(&self, limit: usize) {
        loop {
            // Asked for before looking, or a change in between would be missed.
            let changed = self.shared.written.notified();
            if self.shared.backlog.load(Ordering::Relaxed) <= limit {
                return;
            }
            changed.await;
        }
    }
}

fn start(shared: &Arc<Shared>) -> Option<Queue> {
    let (sender, receiver) = mpsc::channel::<(Stream, Vec<u8>)>();
    let shared = Arc::downgrade(shared);
    let started = thread::Builder::new().spawn(move || {
        for (stream, bytes) in receiver {
            write_out(stream, &bytes);
            let Some(shared) = shared.upgrade() else {
                return;
            };
            shared.backlog.fetch_sub(bytes.len(), Ordering::Relaxed);
            shared.written.notify_waiters();
        }
    });
    started.is_ok().then_some(sender)
}

fn write_out(stream: Stream, bytes: &[u8]) {
    // A reader that went away (a closed pipe) must not stop the run.
    let _reader_gone = match stream {
        Stream::Stdout => put(&mut stdout().lock(), bytes),
        Stream::Stderr => put(&mut stderr().lock(), bytes),
    };
}

fn put(out: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    out.write_all(bytes)?;
    out.flush()
}
