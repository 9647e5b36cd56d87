//! How long an invocation may take, and when the container must be stopped for that.

use std::time::Duration;

use tokio::time::Instant;

use super::narration::millis;

/// The container always gets this long, however short the invocation.
pub const MINIMUM_RUN: Duration = Duration::from_secs(1);
/// Longest time from SIGTERM to SIGKILL.
const MAXIMUM_GRACE: Duration = Duration::from_secs(2);
/// Kept for the answer itself.
const FOR_THE_ANSWER: Duration = Duration::from_millis(200);

/// The moments that matter, all unset where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeBudget {
    /// The container is stopped.
    pub stop_at: Option<Instant>,
    /// Uploads are given up.
    pub end_at: Option<Instant>,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// From the start to `stop_at`, for messages.
    pub limit: Option<Duration>,
}

impl TimeBudget {
    /// `total` is what the platform gives (Runtime API deadline, `timeout`), of which `threshold`
    /// is kept back. A threshold that leaves less than [`MINIMUM_RUN`] is cut, with a warning.
    pub fn new(now: Instant, total: Option<Duration>, threshold: Duration) -> Self {
        // Longer than the clock goes is no limit either.
        let Some(total) = total.filter(|total| now.checked_add(*total).is_some()) else {
            return Self {
                stop_at: None,
                end_at: None,
                grace: MAXIMUM_GRACE,
                limit: None,
            };
        };
        let limit = total.saturating_sub(threshold).max(MINIMUM_RUN).min(total);
        let kept_back = total.saturating_sub(limit);
        if kept_back < threshold {
            tracing::warn!(
                total_ms = millis(total),
                threshold_ms = millis(threshold),
                kept_back_ms = millis(kept_back),
                "timeout_threshold was cut: it left less than a second to run; raise the timeout or lower timeout_threshold"
            );
        }
        Self {
            stop_at: Some(now + limit),
            end_at: Some(now + total.saturating_sub(FOR_THE_ANSWER).max(limit)),
            grace: MAXIMUM_GRACE.min(kept_back / 2),
            limit: Some(limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_kept_back_but_never_all_of_it() {
        let now = Instant::now();
        let seconds = Duration::from_secs;
        let table = [(300, 10, 290), (11, 10, 1), (5, 10, 1), (1, 10, 1)];
        for (total, threshold, run) in table {
            let budget = TimeBudget::new(now, Some(seconds(total)), seconds(threshold));
            assert_eq!(
                budget.stop_at,
                Some(now + seconds(run)),
                "{total} {threshold}"
            );
            assert!(budget.end_at <= Some(now + seconds(total)));
            assert!(budget.grace <= seconds(2));
        }
        assert_eq!(TimeBudget::new(now, None, seconds(10)).stop_at, None);
        assert_eq!(
            TimeBudget::new(now, Some(Duration::MAX), seconds(10)).stop_at,
            None
        );
    }
}
