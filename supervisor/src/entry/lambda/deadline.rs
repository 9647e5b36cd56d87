//! How long an invocation may take, by a deadline that the platform gives as a moment of the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// No invocation has a deadline before this (2020-01-01, in milliseconds since the epoch).
const EARLIEST: u64 = 1_577_836_800_000;
/// No function is given more time (Lambda quotas).
const LONGEST: Duration = Duration::from_mins(15);

/// The time from `now`, which the wall clock shows, to `deadline`, in milliseconds since the epoch
/// (`Lambda-Runtime-Deadline-Ms`). It is looked at once, when the event arrives: from there on time is measured by a clock
/// that does not jump.
///
/// `timeout` is the configured one. It holds where the deadline says nothing about now:
/// - There are emulators that send a duration.
/// - After a thaw the wall clock may not be corrected yet. If it is ahead, the deadline of an event that has just arrived has
///   passed. If it is behind, more time is left than a function can have; a host that really gives so much is held to a
///   `timeout` that is shorter.
pub(super) fn time_left(
    deadline: u64,
    now: SystemTime,
    timeout: Option<Duration>,
) -> Option<Duration> {
    if deadline < EARLIEST {
        return timeout;
    }
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let deadline = Duration::from_millis(deadline);
    let left = deadline.saturating_sub(now);
    let held_to = match timeout {
        _ if left.is_zero() => timeout,
        Some(timeout) if left > LONGEST => Some(left.min(timeout)),
        _ => return Some(left),
    };
    tracing::warn!(
        seconds_to_deadline = deadline.as_secs_f64() - now.as_secs_f64(),
        "the wall clock contradicts the deadline that came with the event: the configured timeout holds, if there is one"
    );
    held_to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_holds_unless_the_clock_contradicts_it() {
        const NOW: u64 = 1_772_366_400;
        let timeout = Some(Duration::from_mins(1));
        let hour = 3600;
        let table = [
            // Seconds from the clock's now to the deadline, time with a timeout, without one.
            (30, Some(30), Some(30)),
            (900, Some(900), Some(900)),
            (0, Some(60), None),
            (-hour, Some(60), None),
            (hour, Some(60), Some(3600)),
            (30 * 24 * hour, Some(60), Some(30 * 24 * 3600)),
        ];
        for (seconds, with, without) in table {
            let deadline = NOW.saturating_add_signed(seconds) * 1000;
            let now = UNIX_EPOCH + Duration::from_secs(NOW);
            let left = |timeout| time_left(deadline, now, timeout).map(|left| left.as_secs());
            assert_eq!((left(timeout), left(None)), (with, without), "{seconds}");
        }
        // A duration, and a clock that starts before its epoch.
        assert_eq!(time_left(30_000, SystemTime::now(), timeout), timeout);
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(time_left(NOW * 1000, before, timeout), timeout);
    }
}
