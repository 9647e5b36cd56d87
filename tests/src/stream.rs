//! What comes out of a pipe, read on a thread of its own.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What has come out of a pipe so far, and whether its end has been seen.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    state: Mutex<(Vec<u8>, bool)>,
    changed: Condvar,
}

impl Stream {
    /// Reads a pipe to its end on a thread of its own.
    pub(crate) fn collect(mut pipe: impl Read + Send + 'static) -> Arc<Self> {
        let stream = Arc::new(Self::default());
        let writer = Arc::clone(&stream);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let count = pipe.read(&mut buffer).unwrap_or(0);
                let mut state = writer.state.lock().unwrap();
                state.0.extend_from_slice(&buffer[..count]);
                state.1 = count == 0;
                writer.changed.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        stream
    }

    /// Waits until `enough` of the content (its second argument tells whether it is whole), or for as long as `patience`.
    pub(crate) fn wait(&self, patience: Duration, enough: impl Fn(&[u8], bool) -> bool) -> bool {
        let state = self.state.lock().unwrap();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, patience, |state| !enough(&state.0, state.1))
            .unwrap();
        enough(&state.0, state.1)
    }

    pub(crate) fn content(&self) -> Vec<u8> {
        self.state.lock().unwrap().0.clone()
    }
}
