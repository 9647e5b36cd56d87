//! Waiting for a while, where the machine may be stopped meanwhile.

use std::time::{Duration, Instant};

use nix::{poll::ppoll, sys::time::TimeSpec};

/// Waits this long.
///
/// `std::thread::sleep` panics where a wait that was interrupted cannot be resumed: on Lambda a wait may fail with `EPERM`
/// after the environment was frozen.
pub fn pause(duration: Duration) {
    let until = Instant::now() + duration;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        let _interrupted = ppoll(&mut [], Some(TimeSpec::from_duration(left)), None);
    }
}
